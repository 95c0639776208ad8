"""Tensors from and to everything else: Python data, NumPy, JAX, other dtypes and devices, text, copies, pickles.

What comes from Python or NumPy becomes a known host value with no compile; what shares memory with a NumPy array
goes through `HostStorage`. The methods here are attached to Tensor at the end of the file.
"""

from __future__ import annotations

import copy
import warnings

import jax
import numpy as np

from jtorch import devices, dtypes, engine, geometry, printing
from jtorch.calls import type_of
from jtorch.casting import cast
from jtorch.engine import Value
from jtorch.graph import Leaf, Node, source
from jtorch.storage import HostStorage, Storage, host_storage, host_view
from jtorch.tensor import Tensor, requiring, wrap

_CATEGORY = {bool: 0, int: 1, float: 2, complex: 3}


def known(array: np.ndarray, place=None, strides=None) -> Tensor:
    """A tensor of a private NumPy array (nobody else may write to it), on a place."""
    place = place or devices.CPU
    value = Value(type_of(array.shape, dtypes.of(array.dtype), devices.CPU, strides), array)
    return wrap(value if place is devices.CPU else engine.move(value, place))


def tensor(data, *, dtype=None, device=None, requires_grad=False, pin_memory=False):
    """A new tensor with a copy of `data`: a number, nested lists, a NumPy array or a tensor.

    The dtype follows the data: bool, int64, the default float type or its complex type.

    Raises:
        ValueError: nested lists of uneven lengths.
        TypeError: something that is no number.

    >>> torch.tensor([[1, 2], [3, 4]])
    tensor([[1, 2],
            [3, 4]])
    """
    if dtype is not None and not isinstance(dtype, dtypes.dtype):
        if not isinstance(dtype, type):
            raise TypeError(f"tensor(): argument 'dtype' must be torch.dtype, not {type(dtype).__name__}")
    if isinstance(data, Tensor):
        warnings.warn(
            "To copy construct from a tensor, it is recommended to use sourceTensor.detach().clone() or "
            "sourceTensor.detach().clone().requires_grad_(True), rather than torch.tensor(sourceTensor).",
            stacklevel=2,
        )
        made = known(np.array(data._look()))
    else:
        made = known(host_array(data, dtype))
    if dtype is not None:
        made = cast(made, dtype)
    place = _place(device, data)
    if made._type.place is not place:
        made = to_place(made, place)
    return requiring(made) if requires_grad else made


def _place(named, data=None):
    if named is None and isinstance(data, Tensor):
        return data._type.place
    return devices.place(named)


def host_array(data, d=None) -> np.ndarray:
    """A private NumPy array of Python data, in the dtype PyTorch infers (or near to `d` where that is given)."""
    if isinstance(data, np.ndarray | np.generic):
        dtypes.of(data.dtype)
        return np.array(data, data.dtype.newbyteorder("="))
    if isinstance(data, jax.Array):
        return np.array(data)
    kind = data.__class__
    if kind in _CATEGORY:
        target = d or dtypes.default_of(_CATEGORY[kind])
        return _fit(data, target)
    if isinstance(data, str):
        raise TypeError(f"new(): invalid data type '{kind.__name__}'")
    if isinstance(data, dict | set | frozenset):
        raise RuntimeError(f"Could not infer dtype of {kind.__name__}")
    if not hasattr(data, "__len__") or not hasattr(data, "__getitem__"):
        if hasattr(data, "__array__"):
            return np.array(data)
        if isinstance(data, int | float | complex):
            return host_array(next(k for k in (int, float, complex) if isinstance(data, k))(data), d)
        raise RuntimeError(f"Could not infer dtype of {kind.__name__}")
    return _nested(data, d)


def _fit(number, d):
    """One Python number as an array of dtype `d`."""
    if d.category == dtypes.INT and isinstance(number, int) and not isinstance(number, bool):
        info = np.iinfo(d.np)
        if not (info.min or -info.max) <= number <= info.max:  # what is negative is counted from the end
            if d is dtypes.int64:
                raise ValueError("Overflow when unpacking long long")
            raise RuntimeError(f"value cannot be converted to type {d.name} without overflow")
    if d.category == dtypes.INT and isinstance(number, float):
        if not np.isfinite(number) or not -(2.0**63) <= number < 2.0**63:
            raise RuntimeError(f"value cannot be converted to type {d.name} without overflow")
        return np.array(int(number)).astype(d.np)
    if d.category < dtypes.COMPLEX and isinstance(number, complex):
        raise TypeError("must be real number, not complex")
    return np.array(number).astype(d.np)


def _nested(data, d):
    shape = _shape(data)
    flat = []
    _flatten(data, shape, 0, flat)
    if any(isinstance(x, Tensor | np.generic | np.ndarray) for x in flat):
        if any(isinstance(x, Tensor) and x.numel() != 1 for x in flat):
            raise ValueError("only one element tensors can be converted to Python scalars")
        flat = [x.item() if isinstance(x, Tensor | np.generic | np.ndarray) else x for x in flat]
    kinds = {x.__class__ for x in flat}
    unknown = kinds - _CATEGORY.keys()
    if unknown:
        odd = next(x for x in flat if x.__class__ not in _CATEGORY)
        if isinstance(odd, str):
            first = data
            while isinstance(first, list | tuple):
                first = first[0]
            if isinstance(first, str):
                raise ValueError("too many dimensions 'str'")
            raise TypeError("new(): invalid data type 'str'" if d is None else _no_number(odd, d))
        if isinstance(odd, list | tuple):
            whole = d is None and all(isinstance(x, int) for x in flat if not isinstance(x, list | tuple))
            raise TypeError(_no_number(odd, dtypes.int64 if whole else d or dtypes.float32))
        if not isinstance(odd, int | float | complex):
            raise RuntimeError(f"Could not infer dtype of {odd.__class__.__name__}")
        kinds = {next(k for k in (int, float, complex) if isinstance(x, k)) for x in flat}
    if d is None:
        d = _found_dtype(data) or dtypes.default_of(max((_CATEGORY[k] for k in kinds), default=2))
    if d.category == dtypes.INT:
        for x in flat:
            if x.__class__ is int:
                _fit(x, d)
        flat = [int(x) if x.__class__ is float and np.isfinite(x) else x for x in flat]
    if d.category < dtypes.COMPLEX and complex in kinds:
        raise TypeError("must be real number, not complex")
    array = np.array(flat, dtype=None if d.np.kind not in "fciub?" and flat else d.np) if flat else np.zeros(0, d.np)
    return array.astype(d.np).reshape(shape)


def _no_number(odd, d):
    kind = type(odd).__name__
    return f"'{kind}' object cannot be interpreted as an integer" if d.category == dtypes.INT else f"must be real number, not {kind}"


def _found_dtype(data):
    """The dtype that tensors or NumPy scalars inside nested data bring."""
    while isinstance(data, list | tuple) and data:
        kinds = {x.dtype if isinstance(x, Tensor) else dtypes.of(x.dtype) for x in data if isinstance(x, Tensor | np.generic | np.ndarray)}
        if kinds:
            found = None
            for k in kinds:
                found = k if found is None else dtypes.promote_types(found, k)
            return found
        data = data[0]
    return None


def _shape(data):
    shape = []
    while hasattr(data, "__len__") and not isinstance(data, str) and not isinstance(data, np.generic):
        if isinstance(data, Tensor) or (isinstance(data, np.ndarray) and not data.ndim):
            break
        shape.append(len(data))
        if not len(data):
            break
        data = data[0]
    return shape


def _flatten(data, shape, depth, flat):
    if depth == len(shape):
        flat.append(data)
        return
    if not hasattr(data, "__len__") or (isinstance(data, Tensor) and not data.ndim):
        raise TypeError("not a sequence")
    if len(data) != shape[depth]:
        raise ValueError(f"expected sequence of length {shape[depth]} at dim {depth} (got {len(data)})")
    if isinstance(data, Tensor | np.ndarray):
        data = data.tolist() if depth + 1 < len(shape) or data.ndim else data
    for item in data:
        _flatten(item, shape, depth + 1, flat)


def from_numpy(ndarray):
    """A tensor that shares memory with a NumPy array, both ways.

    Raises:
        TypeError: not an array, or a dtype PyTorch does not have.
        ValueError: negative strides or a foreign byte order.

    >>> a = np.zeros(2); t = torch.from_numpy(a); a[0] = 1; t
    tensor([1., 0.], dtype=torch.float64)
    """
    if not isinstance(ndarray, np.ndarray):
        kind = type(ndarray)
        named = kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__name__}"
        raise TypeError(f"expected np.ndarray (got {named})")
    if any(s < 0 for s in ndarray.strides):
        raise ValueError(
            "At least one stride in the given numpy array is negative, and tensors with negative strides are not "
            "currently supported. (You can probably work around this by making a copy of your array  with "
            "array.copy().) "
        )
    if not ndarray.dtype.isnative:
        raise ValueError(
            "given numpy array has byte order different from the native byte order. Conversion between byte orders is "
            "currently not supported."
        )
    dtypes.of(ndarray.dtype)
    if not ndarray.flags.writeable:
        warnings.warn(
            "The given NumPy array is not writable, and PyTorch does not support non-writable tensors. This means "
            "writing to this tensor will result in undefined behavior. You may want to copy the array to protect its "
            "data or make it writable before converting it to a tensor. This type of warning will be suppressed for "
            "the rest of this program.",
            stacklevel=2,
        )
    made = object.__new__(Tensor)
    made._storage = host_storage(ndarray)
    made._view = made._base = made._grad = made._counter = made._edge = None
    return made


def as_tensor(data, dtype=None, device=None):
    """A tensor of the data, sharing memory with a tensor or NumPy array where dtype and device allow it."""
    if isinstance(data, Tensor):
        made = data
    elif isinstance(data, np.ndarray):
        made = from_numpy(data)
    else:
        return tensor(data, dtype=dtype, device=device)
    if dtype is not None:
        made = cast(made, dtype)
    return made if device is None else to_place(made, _place(device))


def from_jax(array) -> Tensor:
    """A tensor of a jax.Array or of a tracer inside JAX's transformations. Its buffer is never donated."""
    if isinstance(array, jax.core.Tracer):
        return wrap(Value(type_of(array.shape, dtypes.of(array.dtype), engine.TRACED), array))
    where = devices.of_jax(next(iter(array.devices())))
    return wrap(Value(type_of(array.shape, dtypes.of(array.dtype), where), array))


def to_jax(t: Tensor):
    """The tensor's value as a jax.Array (or the tracer it holds)."""
    value = t._value
    array = value.known()
    if isinstance(array, np.ndarray):
        with jax.enable_x64(True):
            array = jax.device_put(array, value.type.place.jax)
    value.owned = False
    return array


# ---- dtype and device


def to_place(t: Tensor, place) -> Tensor:
    """The tensor on another place; itself where it is there already. Gradients cross over, back to where it was."""
    source = t._type.place
    if source is place:
        return t
    if source is engine.META:
        raise NotImplementedError("Cannot copy out of meta tensor; no data!")
    value, edge = t._read()
    moved = engine.move(value, place)
    if edge is None or not engine.local.grad:
        return wrap(moved)
    return wrap(moved, _Move((value.type,), (moved.type,), (edge,)))


class _Move(Node):
    """A move from one place to another, which no program of either can hold: gradients are moved back."""

    __slots__ = ()

    def __init__(self, in_types, out_types, edges):
        super().__init__(None, (), in_types, out_types, edges)

    def name(self):
        return "ToCopyBackward0"

    def release(self):
        """Nothing was saved."""

    def pull(self, cotangents, needs, walk):
        place = self.in_types[0].place
        return [to_place(g, place) if isinstance(g, Tensor) else engine.move(g, place) for g in cotangents]


def to(self, *args, dtype=None, device=None, non_blocking=False, copy=False, memory_format=None):
    """The tensor with another dtype, on another device, or like another tensor; itself where nothing changes."""
    d, place = _to_arguments(args, dtype, device)
    made = self if d is None else cast(self, d)
    if place is not None:
        made = to_place(made, place)
    if memory_format is not None and memory_format.name != "preserve_format":
        made = made.contiguous(memory_format=memory_format)
    return made.clone() if copy and made is self else made


def _to_arguments(args, d, where):
    for a in args:
        if isinstance(a, dtypes.dtype):
            d = a
        elif isinstance(a, Tensor):
            d, where = a.dtype, a.device
        elif isinstance(a, devices.device | str) or a.__class__ is int:
            where = a
        elif not isinstance(a, bool) and a is not None:
            raise TypeError(
                "to() received an invalid combination of arguments - got ("
                + ", ".join(type(x).__name__ for x in args)
                + "), but expected one of:\n * (torch.device device = None, torch.dtype dtype = None, bool non_blocking"
                " = False, bool copy = False, *, torch.memory_format memory_format = None)\n * (torch.dtype dtype, bool"
                " non_blocking = False, bool copy = False, *, torch.memory_format memory_format = None)\n * (Tensor"
                " tensor, bool non_blocking = False, bool copy = False, *, torch.memory_format memory_format = None)\n"
            )
    return d, None if where is None else devices.place(where)


# ---- to Python and NumPy


def numpy(self, *, force=False):
    """The tensor as a NumPy array that shares its memory.

    Raises:
        RuntimeError: it requires grad (use `.detach()`).
        TypeError: it is not on the CPU (use `.cpu()`), or NumPy has no such dtype.
    """
    if force:
        return np.array(self.detach()._look())
    if engine.local.grad and self.requires_grad:
        raise RuntimeError("Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead.")
    if self.dtype.np.kind == "V" or self.dtype.np.isbuiltin != 1:
        raise TypeError(f"Got unsupported ScalarType {self.dtype.scalar_name}")
    if self.is_conj():
        raise RuntimeError(
            "Can't call numpy() on Tensor that has conjugate bit set. Use tensor.resolve_conj().numpy() instead."
        )
    return host_view(self._storage, self._type, self._offset)


def host(self):
    """The elements as a read-only array where they are known host data, else None: no line is run for this."""
    storage = self._storage
    if isinstance(storage, HostStorage):
        return host_view(storage, self._type, self._offset)
    return self._look() if storage.value.array is not None and storage.value.type.place is devices.CPU else None


def item(self):
    """The only element as a Python number.

    Raises:
        RuntimeError: not exactly one element.
    """
    if self.numel() != 1:
        if self._value.__class__ is engine.Lifted:
            self._look()  # which says why it cannot be
        raise RuntimeError(f"a Tensor with {self.numel()} elements cannot be converted to Scalar")
    return self._look().reshape(()).item() if self.dtype.np.isbuiltin == 1 else float(self._look().reshape(()))


def tolist(self):
    """The elements as nested lists of Python numbers."""
    array = self._look()
    return (array if self.dtype.np.isbuiltin == 1 else array.astype(np.float32)).tolist()


def _one(self, kind):
    if self.numel() != 1:
        raise ValueError("only one element tensors can be converted to Python scalars")
    value = self.item()
    if isinstance(value, complex) and kind is not complex:
        raise RuntimeError(f"value cannot be converted to type {'double' if kind is float else 'int64_t'} without overflow")
    return kind(value)


def _bool(self):
    n = self.numel()
    if n > 1:
        raise RuntimeError("Boolean value of Tensor with more than one value is ambiguous")
    if n == 0:
        raise RuntimeError("Boolean value of Tensor with no values is ambiguous")
    if self._value.__class__ is engine.Lifted:
        self._value.level.branch()
    return bool(self._look().reshape(()))


def _index(self):
    if self.numel() != 1 or self.dtype.category > dtypes.INT:
        raise TypeError("only integer tensors of a single element can be converted to an index")
    return int(self._look().reshape(()))


def _array(self, dtype=None, copy=None):
    array = self.numpy() if self.dtype.np.isbuiltin == 1 else np.asarray(self.detach()._look())
    return array if dtype is None else array.astype(dtype, copy=False)


def _len(self):
    if not self.ndim:
        raise TypeError("len() of a 0-d tensor")
    return self.shape[0]


def _text(self, *, tensor_contents=None):
    t = self._type
    try:
        edge = self._history()
        named = None if edge is None or isinstance(edge, Leaf) else source(edge)[0].name()
    except RuntimeError:  # its base was written to in a way that autograd could not follow
        edge, named = self._edge, "Invalid"
    if t.place is engine.TRACED:
        return f"tensor({self._value.array}, dtype={t.dtype})"
    if t.place is engine.META:
        array = None
    else:
        array = self._look()
    where = None if t.place is devices.CPU else str(t.place.device)
    kind = type(self)
    name = "tensor" if kind is Tensor or kind in _plain_kinds else kind.__name__
    inner = isinstance(self, _plain_kinds) and kind not in _plain_kinds  # a Parameter's subclass
    name = f"Parameter({name}" if inner else name
    return printing.tensor_text(
        array, t.dtype, size=t.shape if array is None else None, name=name, device=where, grad_fn=named,
        requires_grad=edge is not None,
    ) + ")" * inner  # fmt: skip


_plain_kinds: tuple = ()


def _format(self, spec):
    return printing.formatted(self, spec, type(self) is Tensor and self._type.place is not engine.META)


# ---- copies and pickles


def _deepcopy(self, memo):
    if id(self) in memo:
        return memo[id(self)]
    if not self.is_leaf:
        raise RuntimeError(
            "Only Tensors created explicitly by the user (graph leaves) support the deepcopy protocol at the moment.  "
            "If you were attempting to deepcopy a module, this may be because of a torch.nn.utils.weight_norm usage, "
            "see https://github.com/pytorch/pytorch/pull/103001"
        )
    if hasattr(type(self).new_empty, "__wrapped__"):
        raise RuntimeError(_NO_COPY)
    made = object.__new__(type(self))
    t = self._type
    key = ("storage", id(self._storage))
    if key not in memo:
        whole = self._storage.value
        value = Value(type_of(tuple(whole.type.shape), whole.type.dtype, devices.CPU, whole.type.strides), np.array(whole.look()))
        memo[key] = Storage(engine.move(value, t.place))
    made._storage = memo[key]
    made._view = None if self._view is None else self._view.again()
    made._base = made._grad = made._counter = made._edge = None
    memo[id(self)] = made
    if self.requires_grad:
        made.requires_grad_()
    if self._grad is not None:
        made._grad = copy.deepcopy(self._gradient(), memo)
    for k, v in self.__dict__.items():
        made.__dict__[k] = copy.deepcopy(v, memo)
    return made


_NO_COPY = (
    "The default implementation of __deepcopy__() for non-wrapper subclasses only works for subclass types that implement"
    " new_empty() and for which that function returns another instance of the same subclass. You should either properly"
    " implement new_empty() for your subclass or override __deepcopy__() if it is intended behavior for new_empty() to"
    " return an instance of a different type."
)


def _copy(self):
    """Another tensor with the same memory and attributes: a leaf of its own."""
    made = self.data._alias(type(self))
    made.__dict__.update(self.__dict__)
    return made.requires_grad_() if self.requires_grad else made


def _array_wrap(self, array, context=None, return_scalar=False):
    """What a function of NumPy's gives back for a tensor."""
    array = np.asarray(array)
    return from_numpy(array.astype(np.uint8) if array.dtype == np.bool_ else array)


def _rebuild(cls, array, dtype_, strides, requires_grad, state):
    value = Value(type_of(array.shape, dtype_, devices.CPU, strides), array)
    made = object.__new__(cls)
    made._storage = Storage(value)
    made._view = made._base = made._grad = made._counter = made._edge = None
    if requires_grad:
        made.requires_grad_()
    made.__dict__.update(state)
    return made


def _reduce(self, protocol):
    t = self._type
    strides = tuple(t.strides) if geometry.is_dense(t.shape, t.strides) else None
    return _rebuild, (type(self), np.array(self._look()), t.dtype, strides, self.requires_grad, dict(self.__dict__))


for _name, _made in {
    "to": to, "numpy": numpy, "_host": host, "item": item, "tolist": tolist, "__bool__": _bool, "__index__": _index,
    "__array__": _array, "__len__": _len, "__repr__": _text, "__format__": _format, "__deepcopy__": _deepcopy, "__copy__": _copy,
    "__array_wrap__": _array_wrap,
    "__reduce_ex__": _reduce, "__float__": lambda self: _one(self, float), "__int__": lambda self: _one(self, int),
    "__complex__": lambda self: _one(self, complex), "cpu": lambda self, memory_format=None: self.to("cpu"),
    "__jax_array__": to_jax,
}.items():  # fmt: skip
    setattr(Tensor, _name, _made)
