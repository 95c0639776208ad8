"""Tensors from and to Python data, NumPy, other dtypes and devices, copies and pickles.

Python data and NumPy arrays become known host values; nothing is compiled. Memory is shared with a NumPy array through a
`HostStorage`.
"""

from __future__ import annotations

import copy

import jax
import numpy as np

from jtorch.core.engine import META, Lifted, Value, local, move, type_of
from jtorch.core.facts import devices, dtypes, limits, warn_user
from jtorch.core.facts import strides as geometry
from jtorch.core.grad import GradNode
from jtorch.core.tensor.casting import cast
from jtorch.core.tensor.from_data import host_array
from jtorch.core.tensor.host_storage import HostStorage, host_storage, host_view
from jtorch.core.tensor.jax_arrays import tensor_from_jax
from jtorch.core.tensor.storage import Storage
from jtorch.core.tensor.tensor import Tensor, part_of_tensor, requiring, wrap


def known(array: np.ndarray, place=None, strides=None) -> Tensor:
    """A tensor of a private NumPy array (nobody else may write to it), on a place."""
    place = place or devices.CPU
    value = Value(type_of(array.shape, dtypes.of(array.dtype), devices.CPU, strides), array)
    return wrap(value if place is devices.CPU else move(value, place))


def tensor(data, *, dtype=None, device=None, requires_grad=False, pin_memory=False):
    """A new tensor with a copy of `data`: a number, nested lists, a NumPy array or a tensor.

    The dtype follows the data: bool, int64, the default float type or its complex type.

    Raises:
        ValueError: nested lists of uneven lengths.
        TypeError: something that is not a number.

    >>> torch.tensor([[1, 2], [3, 4]])
    tensor([[1, 2],
            [3, 4]])
    """
    if dtype is not None:
        dtype = dtypes.meant("tensor", dtype)
    if isinstance(data, Tensor):
        warn_user(
            "To copy construct from a tensor, it is recommended to use sourceTensor.detach().clone() or "
            "sourceTensor.detach().clone().requires_grad_(True), rather than torch.tensor(sourceTensor).",
        )
        made = wrap(data._value) if data.is_meta else known(np.array(data._to_numpy()))
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


def from_numpy(ndarray):
    """A tensor that shares memory with a NumPy array, both ways; or with a jax.Array, which writes to the tensor do not change.

    Raises:
        TypeError: not an array, or a dtype PyTorch does not have.
        ValueError: negative strides or a foreign byte order.

    >>> a = np.zeros(2); t = torch.from_numpy(a); a[0] = 1; t
    tensor([1., 0.], dtype=torch.float64)
    """
    if isinstance(ndarray, jax.Array):
        return tensor_from_jax(ndarray)
    if not isinstance(ndarray, np.ndarray):
        kind = type(ndarray)
        named = kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__name__}"
        raise TypeError(f"expected np.ndarray (got {named})")
    if any(s < 0 for s in ndarray.strides):
        raise ValueError(
            "At least one stride in the given numpy array is negative, and tensors with negative strides are not currently supported. "
            "(You can probably work around this by making a copy of your array  with array.copy().) "
        )
    if not ndarray.dtype.isnative:
        raise ValueError(
            "given numpy array has byte order different from the native byte order. "
            "Conversion between byte orders is currently not supported."
        )
    dtypes.of(ndarray.dtype)
    if not ndarray.flags.writeable:
        warn_user(
            "The given NumPy array is not writable, and PyTorch does not support non-writable tensors. "
            "This means writing to this tensor will result in undefined behavior. "
            "You may want to copy the array to protect its data or make it writable before converting it to a tensor. "
            "This type of warning will be suppressed for the rest of this program.",
        )
    made = object.__new__(Tensor)
    made._storage = host_storage(ndarray)
    made._view = made._base = made._grad = made._counter = made._edge = None
    return made


def as_tensor(data, dtype=None, device=None):
    """A tensor of the data, sharing memory with a tensor or NumPy array where dtype and device allow it."""
    if dtype is not None:
        dtype = dtypes.meant("as_tensor", dtype)
    if isinstance(data, Tensor):
        made = data
    elif isinstance(data, np.ndarray | jax.Array):
        made = from_numpy(data)
    else:
        return tensor(data, dtype=dtype, device=device)
    if dtype is not None:
        made = cast(made, dtype)
    return made if device is None else to_place(made, _place(device))


# ---- dtype and device


def to_place(t: Tensor, place) -> Tensor:
    """The tensor on another place; itself if it is there already. Its gradient is moved back to the place it came from."""
    source = t._type.place
    if source is place:
        return t
    if source is META:
        raise NotImplementedError("Cannot copy out of meta tensor; no data!")
    value, edge = t._read()
    moved = move(value, place)
    if edge is None or not local.grad:
        return wrap(moved)
    return wrap(moved, _Transfer((value.type,), (moved.type,), (edge,)))


class _Transfer(GradNode):
    """A move from one place to another, which no program of either can hold: gradients are moved back."""

    __slots__ = ()

    def __init__(self, in_types, out_types, edges):
        super().__init__(None, (), in_types, out_types, edges)

    def name(self):
        return "ToCopyBackward0"

    def release(self):
        """Nothing was saved."""

    def pull(self, cotangents, needs, carrier):
        place = self.in_types[0].place
        return [to_place(g, place) if isinstance(g, Tensor) else move(g, place) for g in cotangents]


def _to_arguments(args, d, where):
    for a in args:
        if isinstance(a, dtypes.dtype) or (isinstance(a, type) and a in dtypes.OF_PYTHON):
            d = dtypes.meant("to", a)
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


def _check_not_meta(tensor):
    if tensor._type.place is META:
        raise RuntimeError("Tensor.item() cannot be called on meta tensors")


def _python_number(self, kind):
    if self.numel() != 1:
        raise ValueError("only one element tensors can be converted to Python scalars")
    if kind is not int and local.grad and self.requires_grad:
        warn_user(
            "Converting a tensor with requires_grad=True to a scalar may lead to unexpected behavior.\n"
            "Consider using tensor.detach() first.",
        )
    value = self.item()
    if isinstance(value, complex) and kind is not complex:
        limits.must_hold(dtypes.OF_PYTHON[kind], value)
        value = value.real
    return kind(value)


@part_of_tensor
class Conversion:
    """Tensors to other types, devices, Python and NumPy."""

    def to(self, *args, dtype=None, device=None, non_blocking=False, copy=False, memory_format=None):
        """The tensor with another dtype, on another device, or like another tensor; itself where nothing changes."""
        d, place = _to_arguments(args, None if dtype is None else dtypes.meant("to", dtype), device)
        made = self if d is None else cast(self, d)
        if place is not None:
            made = to_place(made, place)
        if memory_format is not None and memory_format.name != "preserve_format":
            made = made.contiguous(memory_format=memory_format)
        return made.clone() if copy and made is self else made

    def cpu(self, *, memory_format=None):
        """The tensor on the CPU."""
        return self.to("cpu")

    def numpy(self, *, force=False):
        """The tensor as a NumPy array that shares its memory.

        Raises:
            RuntimeError: it requires grad (use `.detach()`).
            TypeError: it is not on the CPU (use `.cpu()`), or NumPy has no such dtype.
        """
        if force:
            return np.array(self.detach()._to_numpy())
        if local.grad and self.requires_grad:
            raise RuntimeError("Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead.")
        if self.dtype.np.kind == "V" or self.dtype.np.isbuiltin != 1:
            raise TypeError(f"Got unsupported ScalarType {self.dtype.scalar_name}")
        if self.is_conj():
            raise RuntimeError(
                "Can't call numpy() on Tensor that has conjugate bit set. Use tensor.resolve_conj().numpy() instead."
            )
        return host_view(self._storage, self._type, self._offset)

    def _host(self):
        """The elements as a read-only array if they are known and on the host, else None. Runs nothing."""
        storage = self._storage
        if isinstance(storage, HostStorage):
            return host_view(storage, self._type, self._offset)
        return self._to_numpy() if not storage.value.is_promised and storage.value.type.place is devices.CPU else None

    def item(self):
        """The only element as a Python number.

        Raises:
            RuntimeError: not exactly one element.
        """
        if self.numel() != 1:
            if self._value.__class__ is Lifted:
                self._to_numpy()  # raises the error that says why
            raise RuntimeError(f"a Tensor with {self.numel()} elements cannot be converted to Scalar")
        _check_not_meta(self)
        return (
            self._to_numpy().reshape(()).item() if self.dtype.np.isbuiltin == 1 else float(self._to_numpy().reshape(()))
        )

    def tolist(self):
        """The elements as nested lists of Python numbers."""
        if self._type.place is META:
            raise NotImplementedError("Cannot copy out of meta tensor; no data!")
        array = self._to_numpy()
        return (array if self.dtype.np.isbuiltin == 1 else array.astype(np.float32)).tolist()

    def __bool__(self):
        n = self.numel()
        if n > 1:
            raise RuntimeError("Boolean value of Tensor with more than one value is ambiguous")
        if n == 0:
            raise RuntimeError("Boolean value of Tensor with no values is ambiguous")
        if self._value.__class__ is Lifted:
            self._value.level.branch()
        _check_not_meta(self)
        return bool(self._to_numpy().reshape(()))

    def __index__(self):
        if self.numel() != 1 or self.dtype.category > dtypes.INT:
            raise TypeError("only integer tensors of a single element can be converted to an index")
        _check_not_meta(self)
        return int(self._to_numpy().reshape(()))

    def __array__(self, dtype=None, copy=None):
        array = self.numpy() if self.dtype.np.isbuiltin == 1 else np.asarray(self.detach()._to_numpy())
        return array if dtype is None else array.astype(dtype, copy=False)

    def __len__(self):
        if not self.ndim:
            raise TypeError("len() of a 0-d tensor")
        return self.shape[0]

    def __float__(self):
        return _python_number(self, float)

    def __int__(self):
        return _python_number(self, int)

    def __complex__(self):
        return _python_number(self, complex)

    def __array_wrap__(self, array, context=None, return_scalar=False):
        """The result of a NumPy function on a tensor, as a tensor."""
        array = np.asarray(array)
        return from_numpy(array.astype(np.uint8) if array.dtype == np.bool_ else array)


# ---- copies and pickles


_NO_COPY = (
    "The default implementation of __deepcopy__() for non-wrapper subclasses only works for subclass types that implement"
    " new_empty() and for which that function returns another instance of the same subclass. You should either properly"
    " implement new_empty() for your subclass or override __deepcopy__() if it is intended behavior for new_empty() to"
    " return an instance of a different type."
)


def rebuild_tensor(cls, array, dtype_, strides, requires_grad, state):
    """The tensor that Python's pickle has stored. In place of the array it is the shape of one without data."""
    if isinstance(array, tuple):
        value = Value(type_of(array, dtype_, META, strides), None)
    else:
        value = Value(type_of(array.shape, dtype_, devices.CPU, strides), array)
    made = object.__new__(cls)
    made._storage = Storage(value)
    made._view = made._base = made._grad = made._counter = made._edge = None
    if requires_grad:
        made.requires_grad_()
    made.__dict__.update(state)
    return made


def _copied_value(value):
    """Another value with the same elements and layout."""
    t = value.type
    if t.place is META:
        return Value(t, None)
    return move(Value(type_of(tuple(t.shape), t.dtype, devices.CPU, t.strides), np.array(value.read())), t.place)


rebuild_tensor.__module__ = "jtorch._utils"  # the name in pickles


@part_of_tensor
class Copying:
    """What `copy` and `pickle` make of a tensor."""

    def __deepcopy__(self, memo):
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
        key = ("storage", id(self._storage))
        if key not in memo:
            memo[key] = Storage(_copied_value(self._storage.value))
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

    def __copy__(self):
        """Another tensor with the same memory and attributes: a leaf of its own."""
        made = self.data._alias(type(self))
        made.__dict__.update(self.__dict__)
        return made.requires_grad_() if self.requires_grad else made

    def __setstate__(self, state):
        """Take the parts that PyTorch's first files hold: memory, offset, size, stride; or a tensor and its settings."""
        if not self.is_leaf:
            raise RuntimeError("__setstate__ can be only called on leaf Tensors")
        if len(state) == 4:
            self.set_(*state)
            return
        if len(state) == 5:
            self.data = state[0]
            state = state[3], state[4], state[2]
        self.requires_grad, _, _ = state

    def __reduce_ex__(self, protocol):
        t = self._type
        strides = tuple(t.strides) if geometry.is_dense(t.shape, t.strides) else None
        return rebuild_tensor, (
            type(self),
            tuple(t.shape) if t.place is META else np.array(self._to_numpy()),
            t.dtype,
            strides,
            self.requires_grad,
            dict(self.__dict__),
        )
