"""The types that `torch.utils._pytree` takes apart: how each is flattened and rebuilt, and the keys of its children.

`register_pytree_node` adds one. The built-in ones are registered at the end of this file.
"""

from __future__ import annotations

import dataclasses
import importlib
import warnings
from collections import OrderedDict, defaultdict, deque, namedtuple
from typing import Any, NamedTuple, Protocol, TypeVar

from jtorch.core.facts import CLASSES, ReturnType, Size

K, T, R = TypeVar("K"), TypeVar("T"), TypeVar("R")


class KeyEntry(Protocol):
    """One step of a path: `str(entry)` shows it, `entry.get(parent)` takes it."""

    def __hash__(self) -> int: ...
    def __eq__(self, other: object) -> bool: ...
    def __str__(self) -> str: ...
    def get(self, parent: Any) -> Any: ...


KeyPath = tuple[KeyEntry, ...]


@dataclasses.dataclass(frozen=True)
class SequenceKey:
    """The entry of a list or tuple."""

    idx: int

    def __str__(self):
        return f"[{self.idx!r}]"

    def get(self, sequence):
        return sequence[self.idx]


@dataclasses.dataclass(frozen=True)
class MappingKey:
    """The entry of a dictionary."""

    key: Any

    def __str__(self):
        return f"[{self.key!r}]"

    def get(self, mapping):
        return mapping[self.key]


@dataclasses.dataclass(frozen=True)
class GetAttrKey:
    """An attribute."""

    name: str

    def __str__(self):
        return f".{self.name}"

    def get(self, obj):
        return getattr(obj, self.name)


def keystr(kp: KeyPath) -> str:
    """A path as Python writes it: `['a'][0]`."""
    return "".join([str(entry) for entry in kp])


def key_get(obj, kp: KeyPath):
    """What a path leads to."""
    for entry in kp:
        obj = entry.get(obj)
    return obj


class NodeDef(NamedTuple):
    """How a type is taken apart and rebuilt."""

    type: type
    flatten_fn: Any
    unflatten_fn: Any
    flatten_with_keys_fn: Any


class _SerializeNodeDef(NamedTuple):
    typ: type
    serialized_type_name: str | None
    to_dumpable_context: Any
    from_dumpable_context: Any


SUPPORTED_NODES: dict[Any, NodeDef] = {}
SUPPORTED_SERIALIZED_TYPES: dict[Any, _SerializeNodeDef] = {}
SERIALIZED_TYPE_TO_PYTHON_TYPE: dict[str, Any] = {}
STANDARD_DICT_TYPES = frozenset({dict, OrderedDict, defaultdict})
BUILTIN_TYPES = frozenset({tuple, list, dict, namedtuple, OrderedDict, defaultdict, deque})


def register_pytree_node(
    cls,
    flatten_fn,
    unflatten_fn,
    *,
    serialized_type_name=None,
    to_dumpable_context=None,
    from_dumpable_context=None,
    flatten_with_keys_fn=None,
) -> None:
    """Take values of a class apart from now on.

    Args:
        cls: the class itself; its subclasses stay leaves.
        flatten_fn: a value -> (its children, a context).
        unflatten_fn: (children, context) -> the value.
        serialized_type_name: its name in `treespec_dumps`.
        to_dumpable_context, from_dumpable_context: the context to JSON and back.
        flatten_with_keys_fn: a value -> ([(key, child), ...], context), for paths.

    Raises:
        ValueError: the class is registered already.

    >>> from jtorch.utils._pytree import register_pytree_node, tree_leaves
    >>> class Pair:
    ...     def __init__(self, a, b): self.a, self.b = a, b
    >>> register_pytree_node(Pair, lambda pair: ([pair.a, pair.b], None), lambda children, _: Pair(*children))
    >>> tree_leaves([Pair(1, 2), 3])
    [1, 2, 3]
    """
    if cls in SUPPORTED_NODES:
        raise ValueError(f"{cls} is already registered as pytree node.")
    if (to_dumpable_context is None) != (from_dumpable_context is None):
        raise ValueError(f"Both to_dumpable_context and from_dumpable_context for {cls} must be None or registered.")
    SUPPORTED_NODES[cls] = NodeDef(cls, flatten_fn, unflatten_fn, flatten_with_keys_fn)
    SUPPORTED_SERIALIZED_TYPES[cls] = _SerializeNodeDef(
        cls, serialized_type_name, to_dumpable_context, from_dumpable_context
    )
    if serialized_type_name is not None:
        SERIALIZED_TYPE_TO_PYTHON_TYPE[serialized_type_name] = cls


def _register_pytree_node(cls, flatten_fn, unflatten_fn, to_str_fn=None, maybe_from_str_fn=None, **options) -> None:
    warnings.warn(
        "`torch.utils._pytree._register_pytree_node` is deprecated. "
        "Please use `torch.utils._pytree.register_pytree_node` instead.",
        FutureWarning,
        stacklevel=2,
    )
    register_pytree_node(cls, flatten_fn, unflatten_fn, **options)


def _deregister_pytree_node(cls) -> None:
    del SUPPORTED_NODES[cls]
    name = SUPPORTED_SERIALIZED_TYPES.pop(cls).serialized_type_name
    SERIALIZED_TYPE_TO_PYTHON_TYPE.pop(name, None)


def register_dataclass(cls, *, field_names=None, drop_field_names=None, serialized_type_name=None) -> None:
    """Take values of a dataclass apart: its fields are the children. A field that is None is left out.

    Raises:
        ValueError: no dataclass, and no `field_names`.
    """
    if cls in SUPPORTED_NODES:
        return
    drop = list(drop_field_names or ())
    if field_names is None:
        if not dataclasses.is_dataclass(cls):
            raise ValueError(
                "field_names must be specified with a list of all fields used to "
                f"initialize {cls}, as it is not a dataclass."
            )
        field_names = [field.name for field in dataclasses.fields(cls) if field.init]
    names = [name for name in field_names if name not in drop]

    def split(value):
        full = [name for name in names if getattr(value, name) is not None]
        return full, [name for name in names if name not in full]

    def flatten(value):
        full, empty = split(value)
        return [getattr(value, name) for name in full], [full, empty]

    def flatten_with_keys(value):
        children, (full, empty) = flatten(value)
        return list(zip(map(GetAttrKey, full), children, strict=True)), [full, empty]

    def unflatten(children, context):
        full, empty = context
        return cls(**dict(zip(full, children, strict=True)), **dict.fromkeys(empty))

    register_pytree_node(
        cls, flatten, unflatten, serialized_type_name=serialized_type_name, flatten_with_keys_fn=flatten_with_keys
    )


CONSTANT_NODES: set[type] = set()


@dataclasses.dataclass(frozen=True)
class ConstantNode:
    """A value of a class that `register_constant` was called with, as a part of the structure."""

    value: object


def register_constant(cls) -> None:
    """Take values of a class for a part of the structure: they have no leaves. They need `__eq__` and `__hash__`.

    Raises:
        TypeError: the class has no `__eq__` or no `__hash__` of its own.
    """
    if cls.__eq__ is object.__eq__:
        raise TypeError("register_constant(cls) expects `cls` to have a non-default `__eq__` implementation.")
    if cls.__hash__ is None:
        raise TypeError("register_constant(cls) expects `cls` to have a non-default `__hash__` implementation.")

    def flatten(value):
        return [], ConstantNode(value)

    register_pytree_node(cls, flatten, lambda _, context: context.value, flatten_with_keys_fn=flatten)
    CONSTANT_NODES.add(cls)


def is_constant_class(cls) -> bool:
    """Whether `register_constant` was called with a class."""
    return isinstance(cls, type) and cls in CONSTANT_NODES


# ---- named tuples and named results


def is_namedtuple(obj) -> bool:
    """Whether it is a named tuple, or a class of them."""
    return is_namedtuple_class(obj if isinstance(obj, type) else type(obj))


def is_namedtuple_class(cls) -> bool:
    """Whether it is a class of named tuples."""
    fields = getattr(cls, "_fields", None)
    return (
        isinstance(cls, type)
        and issubclass(cls, tuple)
        and isinstance(fields, tuple)
        and all(type(field) is str for field in fields)
        and callable(getattr(cls, "_make", None))
        and callable(getattr(cls, "_asdict", None))
    )


def is_namedtuple_instance(obj) -> bool:
    """Whether it is a named tuple."""
    return is_namedtuple_class(type(obj))


def is_structseq(obj) -> bool:
    """Whether it is one of `torch.return_types`, or a result of such a class."""
    return is_structseq_class(obj if isinstance(obj, type) else type(obj))


def is_structseq_class(cls) -> bool:
    """Whether it is a class of tuples with counted fields, as those of `torch.return_types`."""
    return isinstance(cls, type) and (
        (issubclass(cls, ReturnType) and cls is not ReturnType)
        or (cls.__bases__ == (tuple,) and isinstance(cls.__dict__.get("n_sequence_fields"), int))
    )


def is_structseq_instance(obj) -> bool:
    """Whether it is a result with counted fields."""
    return is_structseq_class(type(obj))


def _get_node_type(tree):
    """The registered type of a value: named tuples of all classes are one."""
    kind = type(tree)
    return namedtuple if kind not in SUPPORTED_NODES and is_namedtuple_class(kind) else kind


# ---- the built-in types


def _tuple_flatten(d):
    return list(d), None


def _tuple_unflatten(values, context):
    return tuple(values)


def _list_flatten(d):
    return d, None


def _list_unflatten(values, context):
    return list(values)


def _dict_flatten(d):
    return list(d.values()), list(d)


def _dict_unflatten(values, context):
    return dict(zip(context, values, strict=True))


def _dict_flatten_with_keys(d):
    return [(MappingKey(key), value) for key, value in d.items()], list(d)


def _sequence_with_keys(flatten):
    def flatten_with_keys(sequence):
        children, context = flatten(sequence)
        return [(SequenceKey(i), child) for i, child in enumerate(children)], context

    return flatten_with_keys


def _named_with_keys(d):
    return [(GetAttrKey(name), getattr(d, name)) for name in d._fields], type(d)


def _register_namedtuple(cls, *, serialized_type_name) -> None:
    SUPPORTED_SERIALIZED_TYPES[cls] = _SerializeNodeDef(cls, serialized_type_name, None, None)
    SERIALIZED_TYPE_TO_PYTHON_TYPE[serialized_type_name] = cls


def _namedtuple_serialize(cls):
    if cls not in SUPPORTED_SERIALIZED_TYPES:
        raise NotImplementedError(
            f"Can't serialize TreeSpec of namedtuple class {cls} because we "
            "didn't register a serializated_type_name. Please register using "
            "`_register_namedtuple`."
        )
    return SUPPORTED_SERIALIZED_TYPES[cls].serialized_type_name


def _namedtuple_deserialize(name):
    if name not in SERIALIZED_TYPE_TO_PYTHON_TYPE:
        raise NotImplementedError(
            f"Can't deserialize TreeSpec of namedtuple class {name} because we couldn't find a serializated name."
        )
    return SERIALIZED_TYPE_TO_PYTHON_TYPE[name]


def _default_context(d):
    return [d.default_factory, list(d)]


def _defaultdict_serialize(context):
    factory, keys = context
    return {
        "default_factory_module": factory.__module__,
        "default_factory_name": factory.__qualname__,
        "dict_context": keys,
    }


def _defaultdict_deserialize(context):
    module = importlib.import_module(context["default_factory_module"])
    return [getattr(module, context["default_factory_name"]), context["dict_context"]]


def _register_builtin():
    for cls, flatten, unflatten, name in (
        (tuple, _tuple_flatten, _tuple_unflatten, "builtins.tuple"),
        (list, _list_flatten, _list_unflatten, "builtins.list"),
    ):
        keyed = _sequence_with_keys(flatten)
        register_pytree_node(cls, flatten, unflatten, serialized_type_name=name, flatten_with_keys_fn=keyed)
    register_pytree_node(
        dict,
        _dict_flatten,
        _dict_unflatten,
        serialized_type_name="builtins.dict",
        flatten_with_keys_fn=_dict_flatten_with_keys,
    )
    register_pytree_node(
        namedtuple,
        lambda d: (list(d), type(d)),
        lambda values, context: context(*values),
        serialized_type_name="collections.namedtuple",
        to_dumpable_context=_namedtuple_serialize,
        from_dumpable_context=_namedtuple_deserialize,
        flatten_with_keys_fn=_named_with_keys,
    )
    register_pytree_node(
        OrderedDict,
        _dict_flatten,
        lambda values, context: OrderedDict(zip(context, values, strict=True)),
        serialized_type_name="collections.OrderedDict",
        flatten_with_keys_fn=_dict_flatten_with_keys,
    )
    register_pytree_node(
        defaultdict,
        lambda d: (list(d.values()), _default_context(d)),
        lambda values, context: defaultdict(context[0], zip(context[1], values, strict=True)),
        serialized_type_name="collections.defaultdict",
        to_dumpable_context=_defaultdict_serialize,
        from_dumpable_context=_defaultdict_deserialize,
        flatten_with_keys_fn=lambda d: (_dict_flatten_with_keys(d)[0], _default_context(d)),
    )
    flatten_deque = lambda d: (list(d), d.maxlen)
    register_pytree_node(
        deque,
        flatten_deque,
        lambda values, context: deque(values, maxlen=context),
        serialized_type_name="collections.deque",
        flatten_with_keys_fn=_sequence_with_keys(flatten_deque),
    )
    for cls in (*CLASSES.values(), Size):
        rebuild = _tuple_unflatten if cls is Size else lambda values, context, cls=cls: cls(tuple(values))
        register_pytree_node(cls, _tuple_flatten, rebuild, flatten_with_keys_fn=_sequence_with_keys(_tuple_flatten))


_register_builtin()
