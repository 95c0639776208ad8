"""`torch.utils._pytree`: nested containers as a list of leaves and a TreeSpec, which rebuilds them.

JAX's pytrees are something else: there None is not a leaf, dictionaries are sorted by key, and a Tensor is a container. So this
is a registry of its own. A type is a leaf until it is registered. The registry is in `nodes`.
"""

from __future__ import annotations

import json
from collections import defaultdict, deque
from collections.abc import Callable, Iterable
from typing import Any

from jtorch.utils._pytree.node_types import (
    BUILTIN_TYPES as BUILTIN_TYPES,
    SERIALIZED_TYPE_TO_PYTHON_TYPE as SERIALIZED_TYPE_TO_PYTHON_TYPE,
    STANDARD_DICT_TYPES as STANDARD_DICT_TYPES,
    SUPPORTED_NODES as SUPPORTED_NODES,
    SUPPORTED_SERIALIZED_TYPES as SUPPORTED_SERIALIZED_TYPES,
    GetAttrKey as GetAttrKey,
    KeyEntry as KeyEntry,
    KeyPath as KeyPath,
    MappingKey as MappingKey,
    NodeDef as NodeDef,
    SequenceKey as SequenceKey,
    _deregister_pytree_node as _deregister_pytree_node,
    _dict_flatten as _dict_flatten,
    _dict_flatten_with_keys as _dict_flatten_with_keys,
    _dict_unflatten as _dict_unflatten,
    _get_node_type as _get_node_type,
    _list_flatten as _list_flatten,
    _list_unflatten as _list_unflatten,
    _register_namedtuple as _register_namedtuple,
    _register_pytree_node as _register_pytree_node,
    _tuple_flatten as _tuple_flatten,
    _tuple_unflatten as _tuple_unflatten,
    is_namedtuple as is_namedtuple,
    is_namedtuple_class as is_namedtuple_class,
    is_namedtuple_instance as is_namedtuple_instance,
    is_structseq as is_structseq,
    is_structseq_class as is_structseq_class,
    is_structseq_instance as is_structseq_instance,
    key_get as key_get,
    keystr as keystr,
    CONSTANT_NODES as CONSTANT_NODES,
    ConstantNode as ConstantNode,
    is_constant_class as is_constant_class,
    register_constant as register_constant,
    register_dataclass as register_dataclass,
    register_pytree_node as register_pytree_node,
)

PyTree = Context = DumpableContext = Any
FlattenFn = FlattenFunc = Callable[[Any], tuple[list, Any]]
UnflattenFn = UnflattenFunc = Callable[[Iterable, Any], Any]
FlattenWithKeysFn = FlattenWithKeysFunc = Callable[[Any], tuple[list[tuple[KeyEntry, Any]], Any]]
ToDumpableContextFn = FromDumpableContextFn = Callable[[Any], Any]
DEFAULT_TREESPEC_SERIALIZATION_PROTOCOL = 1


class TreeSpec:
    """What remains of a tree when its leaves are taken out. `type` is None for a leaf.

    Attributes:
        type: the registered type of the container.
        context: what rebuilds it besides its children: the keys of a dictionary, ...
        num_nodes, num_leaves, num_children: counts, of the whole tree but for the last.

    >>> from jtorch.utils._pytree import tree_flatten
    >>> leaves, spec = tree_flatten({"a": 1, "b": (2, None)})
    >>> leaves
    [1, 2, None]
    >>> spec.unflatten("xyz")
    {'a': 'x', 'b': ('y', 'z')}
    """

    def __init__(self, type, context, children_specs):
        self.type, self._context, self._children = type, context, list(children_specs)
        self.num_children = len(self._children)
        self.num_nodes = 1 + sum(child.num_nodes for child in self._children)
        self.num_leaves = sum(child.num_leaves for child in self._children) if type is not None else 1

    context = property(lambda self: self._context)
    children_specs = property(lambda self: self._children)

    def is_leaf(self) -> bool:
        """Whether it stands for one leaf."""
        return self.type is None

    def children(self) -> list[TreeSpec]:
        """The specs of the children."""
        return self._children.copy()

    def child(self, index: int) -> TreeSpec:
        """The spec of one child."""
        return self._children[index]

    def __repr__(self, indent=0):
        if self.is_leaf():
            return "*"
        inner = (",\n" + " " * (indent + 2)).join(child.__repr__(indent + 2) for child in self._children)
        return f"TreeSpec({self.type.__name__}, {self._context}, [{inner}])"

    def __eq__(self, other):
        if not isinstance(other, TreeSpec):
            return NotImplemented
        return (self.type, self._context, self._children) == (other.type, other._context, other._children)

    def __hash__(self):
        context = tuple(self._context) if self.type in STANDARD_DICT_TYPES - {defaultdict} else self._context
        return hash((self.type, _hashable(context), tuple(self._children)))

    def flatten_up_to(self, tree) -> list:
        """The subtrees of a tree where this spec has its leaves.

        Raises:
            ValueError: the tree has another form.
        """
        found: list = []
        self._collect(tree, found)
        return found

    def _collect(self, tree, found):
        if self.is_leaf():
            found.append(tree)
            return
        kind = _get_node_type(tree)
        both_dicts = {self.type, kind} <= STANDARD_DICT_TYPES
        if kind is not self.type and not both_dicts:
            raise ValueError(f"Node type mismatch; expected {self.type!r}, but got {kind!r}.")
        if self.type in STANDARD_DICT_TYPES:
            children = self._by_keys(tree)
        else:
            children, context = SUPPORTED_NODES[kind].flatten_fn(tree)
            self._check_alike(children, context)
        for spec, child in zip(self._children, children, strict=True):
            spec._collect(child, found)

    def _by_keys(self, tree):
        keys = self._context[1] if self.type is defaultdict else self._context
        expected, got = set(keys), set(tree)
        if expected != got:
            told = "Node keys mismatch"
            if missing := expected - got:
                told += f"; missing key(s): {missing}"
            if extra := got - expected:
                told += f"; extra key(s): {extra}"
            raise ValueError(f"{told}.")
        return [tree[key] for key in keys]

    def _check_alike(self, children, context):
        if len(children) != self.num_children:
            raise ValueError(f"Node arity mismatch; expected {self.num_children}, but got {len(children)}.")
        if self.type is not deque and context != self._context:
            raise ValueError(
                f"Node context mismatch for node type {self.type!r}; expected {self._context!r}, but got {context!r}."
            )

    def unflatten(self, leaves: Iterable):
        """The tree of this form with these leaves.

        Raises:
            ValueError: there are more or fewer leaves than the spec has.
        """
        leaves = list(leaves)
        if len(leaves) != self.num_leaves:
            raise ValueError(
                f"treespec.unflatten(leaves): `leaves` has length {len(leaves)} but the spec refers to a pytree that "
                f"holds {self.num_leaves} items ({self})."
            )
        return self._build(iter(leaves))

    def _build(self, leaves):
        if self.is_leaf():
            return next(leaves)
        return SUPPORTED_NODES[self.type].unflatten_fn(
            [child._build(leaves) for child in self._children], self._context
        )


PyTreeSpec = TreeSpec


class LeafSpec(TreeSpec):
    """The spec of one leaf."""

    def __init__(self):
        super().__init__(None, None, [])


_LEAF = LeafSpec()


def _hashable(context):
    return tuple([_hashable(entry) for entry in context]) if isinstance(context, list) else context


def treespec_leaf() -> LeafSpec:
    """The spec of one leaf."""
    return _LEAF


def treespec_tuple(iterable=(), /) -> TreeSpec:
    """The spec of a tuple of trees of these specs."""
    return TreeSpec(tuple, None, list(iterable))


def treespec_dict(mapping=(), /, **kwargs) -> TreeSpec:
    """The spec of a dictionary of trees of these specs."""
    entries = dict(mapping, **kwargs)
    return TreeSpec(dict, list(entries), list(entries.values()))


def tree_is_leaf(tree, is_leaf=None) -> bool:
    """Whether it is not a container, or `is_leaf(tree)` says that it counts as a leaf."""
    return (is_leaf is not None and is_leaf(tree)) or _get_node_type(tree) not in SUPPORTED_NODES


_is_leaf = tree_is_leaf


def tree_flatten(tree, is_leaf=None) -> tuple[list, TreeSpec]:
    """(the leaves in order, the spec)."""
    leaves: list = []
    return leaves, _collect_leaves(tree, leaves, is_leaf)


def _collect_leaves(tree, leaves, is_leaf):
    if tree_is_leaf(tree, is_leaf):
        leaves.append(tree)
        return _LEAF
    kind = _get_node_type(tree)
    children, context = SUPPORTED_NODES[kind].flatten_fn(tree)
    return TreeSpec(kind, context, [_collect_leaves(child, leaves, is_leaf) for child in children])


def tree_unflatten(leaves: Iterable, treespec: TreeSpec):
    """The tree of this form with these leaves."""
    return _checked_spec(treespec).unflatten(leaves)


def tree_iter(tree, is_leaf=None):
    """The leaves, one after another."""
    if tree_is_leaf(tree, is_leaf):
        yield tree
    else:
        for child in SUPPORTED_NODES[_get_node_type(tree)].flatten_fn(tree)[0]:
            yield from tree_iter(child, is_leaf)


def tree_leaves(tree, is_leaf=None) -> list:
    """The leaves."""
    return list(tree_iter(tree, is_leaf))


def arg_tree_leaves(*args, **kwargs) -> list:
    """The leaves of a call's arguments."""
    return [*tree_iter(args), *tree_iter(kwargs)]


def tree_structure(tree, is_leaf=None) -> TreeSpec:
    """The spec."""
    return tree_flatten(tree, is_leaf)[1]


def tree_map(func, tree, *rests, is_leaf=None):
    """The tree with `func(leaf, ...)` for each leaf; `rests` are trees that begin with the same form.

    >>> from jtorch.utils._pytree import tree_map
    >>> tree_map(lambda x, y: x + y, {"a": 1, "b": [2]}, {"a": 10, "b": [20]})
    {'a': 11, 'b': [22]}
    """
    leaves, spec = tree_flatten(tree, is_leaf)
    return spec.unflatten(map(func, leaves, *[spec.flatten_up_to(rest) for rest in rests]))


def tree_map_(func, tree, *rests, is_leaf=None):
    """Call `func` with each leaf; returns the tree as it is."""
    leaves, spec = tree_flatten(tree, is_leaf)
    deque(map(func, leaves, *[spec.flatten_up_to(rest) for rest in rests]), maxlen=0)
    return tree


def map_only(type_or_types_or_pred, /):
    """A decorator: the function is applied to values of these types (or that fulfil a condition); others stay."""
    if isinstance(type_or_types_or_pred, type | tuple) or hasattr(type_or_types_or_pred, "__args__"):
        wanted = lambda x: isinstance(x, type_or_types_or_pred)
    elif callable(type_or_types_or_pred):
        wanted = type_or_types_or_pred
    else:
        raise TypeError("Argument must be a type, a tuple of types, or a callable.")
    return lambda func: lambda x: func(x) if wanted(x) else x


def tree_map_only(type_or_types_or_pred, /, func, tree, is_leaf=None):
    """The tree with `func(leaf)` for each leaf of these types; the other leaves stay."""
    return tree_map(map_only(type_or_types_or_pred)(func), tree, is_leaf=is_leaf)


def tree_map_only_(type_or_types_or_pred, /, func, tree, is_leaf=None):
    """Call `func` with each leaf of these types; returns the tree as it is."""
    return tree_map_(map_only(type_or_types_or_pred)(func), tree, is_leaf=is_leaf)


def tree_all(pred, tree, is_leaf=None) -> bool:
    """Whether every leaf fulfils `pred`."""
    return all(map(pred, tree_iter(tree, is_leaf)))


def tree_any(pred, tree, is_leaf=None) -> bool:
    """Whether some leaf fulfils `pred`."""
    return any(map(pred, tree_iter(tree, is_leaf)))


def tree_all_only(type_or_types, /, pred, tree, is_leaf=None) -> bool:
    """Whether every leaf of these types fulfils `pred`."""
    return all(pred(leaf) for leaf in tree_iter(tree, is_leaf) if isinstance(leaf, type_or_types))


def tree_any_only(type_or_types, /, pred, tree, is_leaf=None) -> bool:
    """Whether some leaf of these types fulfils `pred`."""
    return any(pred(leaf) for leaf in tree_iter(tree, is_leaf) if isinstance(leaf, type_or_types))


# ---- with paths


def _with_paths(path, tree, is_leaf):
    if tree_is_leaf(tree, is_leaf):
        yield path, tree
        return
    kind = _get_node_type(tree)
    flatten = SUPPORTED_NODES[kind].flatten_with_keys_fn
    if flatten is None:
        raise ValueError(
            f"Did not find a flatten_with_keys_fn for type: {kind}. "
            "Please pass a flatten_with_keys_fn argument to register_pytree_node."
        )
    for key, child in flatten(tree)[0]:
        yield from _with_paths((*path, key), child, is_leaf)


def tree_leaves_with_path(tree, is_leaf=None) -> list[tuple[KeyPath, Any]]:
    """(path, leaf) of each leaf."""
    return list(_with_paths((), tree, is_leaf))


def tree_flatten_with_path(tree, is_leaf=None) -> tuple[list[tuple[KeyPath, Any]], TreeSpec]:
    """((path, leaf) of each leaf, the spec)."""
    return tree_leaves_with_path(tree, is_leaf), tree_structure(tree, is_leaf)


def tree_map_with_path(func, tree, *rests, is_leaf=None):
    """The tree with `func(path, leaf, ...)` for each leaf."""
    pairs, spec = tree_flatten_with_path(tree, is_leaf)
    paths, leaves = zip(*pairs, strict=True) if pairs else ((), ())
    return spec.unflatten(map(func, paths, leaves, *[spec.flatten_up_to(rest) for rest in rests]))


def _broadcast_to_and_flatten(tree, treespec, is_leaf=None):
    """A value for each leaf of the spec; a leaf of `tree` stands for a whole branch. None: the forms differ."""
    if tree_is_leaf(tree, is_leaf):
        return [tree] * treespec.num_leaves
    kind = _get_node_type(tree)
    if treespec.is_leaf() or kind is not treespec.type:
        return None
    children, context = SUPPORTED_NODES[kind].flatten_fn(tree)
    if len(children) != treespec.num_children or context != treespec.context:
        return None
    found: list = []
    for child, spec in zip(children, treespec.children(), strict=True):
        part = _broadcast_to_and_flatten(child, spec, is_leaf)
        if part is None:
            return None
        found += part
    return found


# ---- as text


def _checked_spec(spec):
    if not isinstance(spec, TreeSpec):
        raise TypeError(f"Expected `treespec` to be an instance of PyTreeSpec but got item of type {type(spec)}.")
    return spec


def treespec_dumps(treespec: TreeSpec, protocol: int | None = None) -> str:
    """The spec as JSON.

    Raises:
        NotImplementedError: a type has no name for files: register it with `serialized_type_name`.
    """
    protocol = DEFAULT_TREESPEC_SERIALIZATION_PROTOCOL if protocol is None else protocol
    _check_protocol(protocol)
    return json.dumps([protocol, _as_json(_checked_spec(treespec))])


def _check_protocol(protocol):
    if protocol != DEFAULT_TREESPEC_SERIALIZATION_PROTOCOL:
        raise ValueError(
            f"Unknown protocol {protocol}. Available protocols: {[DEFAULT_TREESPEC_SERIALIZATION_PROTOCOL]}"
        )


def _as_json(spec):
    if spec.is_leaf():
        return {"type": None, "context": None, "children_spec": []}
    entry = SUPPORTED_SERIALIZED_TYPES.get(spec.type)
    if entry is None or entry.serialized_type_name is None:
        raise NotImplementedError(
            f"No registered serialization name for {spec.type} found. "
            "Please update your _register_pytree_node call with a `serialized_type_name` kwarg."
        )
    dump = entry.to_dumpable_context or json.dumps
    children = [_as_json(child) for child in spec.children()]
    return {"type": entry.serialized_type_name, "context": dump(spec.context), "children_spec": children}


def treespec_loads(serialized: str) -> TreeSpec:
    """The spec that `treespec_dumps` wrote."""
    protocol, schema = json.loads(serialized)
    _check_protocol(protocol)
    return _from_json(schema)


def _from_json(schema):
    if schema["type"] is None:
        return _LEAF
    if schema["type"] not in SERIALIZED_TYPE_TO_PYTHON_TYPE:
        raise NotImplementedError(f"Deserializing {schema['type']} in pytree is not registered.")
    kind = SERIALIZED_TYPE_TO_PYTHON_TYPE[schema["type"]]
    load = SUPPORTED_SERIALIZED_TYPES[kind].from_dumpable_context or json.loads
    return TreeSpec(kind, load(schema["context"]), [_from_json(child) for child in schema["children_spec"]])


def treespec_pprint(treespec: TreeSpec) -> str:
    """The spec as the tree that it is of, with `*` for each leaf."""
    return repr(tree_unflatten([_Star() for _ in range(treespec.num_leaves)], treespec))


class _Star:
    def __repr__(self):
        return "*"
