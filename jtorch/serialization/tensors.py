"""A tensor's memory as bytes for a file, and a tensor on bytes from a file.

Tensors that share a storage share its record in the file, and share a storage again after loading. Only this file uses
the internals of tensors and storages. It does not know pickles or archives.
"""

from __future__ import annotations

from math import prod
from typing import NamedTuple

import numpy as np

from jtorch.core import engine
from jtorch.core.engine import Value, type_of
from jtorch.core.facts import CPU, KINDS, is_contiguous, is_dense, place
from jtorch.core.facts import device as Device
from jtorch.core.facts import dtype as DType
from jtorch.core.methods import UntypedStorage
from jtorch.core.tensor import HostStorage, Storage, Tensor, type_of_array, wrap

_MOST = 2**63 - 1  # sizes and offsets have 64 bits


class Parts(NamedTuple):
    """What a file says about a tensor, apart from its bytes."""

    storage: Storage  # also its identity: tensors that share it share a record
    offset: int
    size: tuple[int, ...]
    stride: tuple[int, ...]
    requires_grad: bool
    conjugate: bool  # the bytes are those of the conjugate


def parts(tensor: Tensor) -> Parts:
    """The parts of a tensor. Its bytes are `memory(parts.storage)`."""
    steps = _steps(tensor)
    if "conj" in steps and any(step is None for step in steps[steps.index("conj") :]):
        # A conjugate viewed as real numbers: half of them have a changed sign, so they have to be copied.
        return parts(wrap(tensor._value).requires_grad_(tensor.requires_grad))
    return Parts(
        tensor._storage,
        tensor.storage_offset(),
        # New tuples, because a pickle writes a tuple that occurs twice only once, and PyTorch's never occur twice.
        (*tensor.shape,),
        (*tensor.stride(),),
        tensor.requires_grad,
        steps.count("conj") % 2 == 1,
    )


def _steps(tensor):
    """The views between the storage and the tensor: "conj", None for another dtype, "" for all others."""
    steps, at = [], tensor._view
    while at is not None:
        call = at.call
        steps.append("conj" if call.name == "conj" else "" if call.retype is None else None)
        at = at.parent
    return steps[::-1]


def _base_type(storage):
    # The value of a storage shared with the host is a copy; its type is known without one.
    return type_of_array(storage.host) if isinstance(storage, HostStorage) else storage.value.type


def nbytes(storage: Storage) -> int:
    """The size of a storage in bytes, known before its values are computed."""
    base = _base_type(storage)
    return _span(base.shape, base.strides) * base.dtype.itemsize


def place_of(storage: Storage) -> Device:
    """The device of a storage."""
    return _base_type(storage).place.device


def memory(storage: Storage) -> np.ndarray:
    """The bytes of a whole storage in memory order. Computes the values that are only promised."""
    base = _base_type(storage)
    count = _span(base.shape, base.strides)
    if isinstance(storage, HostStorage):
        flat = _strided(storage.host, (count,), (1,))
    else:
        flat = _in_memory_order(storage.value.read(), base, count)
    return np.ascontiguousarray(flat).view(np.uint8)


def _in_memory_order(array, base, count):
    if is_contiguous(base.shape, base.strides):
        return array.reshape(-1)
    if is_dense(base.shape, base.strides):
        return array.transpose(_slowest_first(base.strides)).reshape(-1)
    flat = np.zeros(count, array.dtype)
    _strided(flat, base.shape, base.strides)[...] = array
    return flat


def _slowest_first(stride):
    """The order of dimensions in which a dense tensor is contiguous."""
    return sorted(range(len(stride)), key=lambda dim: -stride[dim])


def _strided(array, size, stride):
    """A writable view of the memory where an array begins, with strides in elements."""
    # NumPy cannot make strided views of the 8-bit floats, but it can of their bits.
    plain = array if array.dtype.isbuiltin == 1 else array.view(f"u{array.itemsize}")
    strides = [s * array.itemsize for s in stride] if all(size) else None
    return np.lib.stride_tricks.as_strided(plain, size, strides).view(array.dtype)


def _span(size, stride):
    """The number of elements from the first to the last that a tensor of this size and stride uses."""
    return 1 + sum((n - 1) * s for n, s in zip(size, stride, strict=True)) if all(size) else 0


class LoadedStorage(UntypedStorage):
    """Bytes of a file that are put on a device later: the argument of `map_location(storage, location)`.

    Attributes:
        dtype: the element type in the file; tensors on it may have another.
        device: the device that it is on or is put on.
    """

    device = None  # a plain attribute, because the property would make the storage

    def __init__(self, raw: np.ndarray | None, size: int, dtype: DType, device=CPU.device):
        self.raw = raw  # None on the meta device
        self.dtype = dtype
        self.device = device
        self._size = size
        self._made: Storage | None = None  # made when it is first needed

    def nbytes(self) -> int:
        return self._size

    __len__ = nbytes

    @property
    def _cell(self):
        if self._made is None:
            self._make(self.dtype, (self._size // self.dtype.itemsize,), (1,))
        return self._made

    @property
    def _tensor(self):
        """All elements, as a tensor: what `Tensor.set_` takes of a storage."""
        return self.tensor(self.dtype, 0, (self._size // self.dtype.itemsize,), (1,))

    def to(self, device) -> LoadedStorage:
        """The same bytes, for another device."""
        return LoadedStorage(self.raw, self._size, self.dtype, Device(device))

    def cpu(self) -> LoadedStorage:
        return self.to("cpu")

    def cuda(self, device=None) -> LoadedStorage:
        index = device.index if isinstance(device, Device) else device
        return self.to("cuda" if index is None else f"cuda:{index}")

    def tensor(self, dtype: DType, offset: int, size, stride) -> Tensor:
        """A tensor on this memory. Tensors of one LoadedStorage share their memory.

        Raises:
            RuntimeError: the tensor does not fit into the storage.
            NotImplementedError: an element type that jtorch does not have.
        """
        size, stride = tuple(size), tuple(stride)
        _check_bounds(size, stride, offset, self._size, dtype)
        whole = offset == 0 and is_dense(size, stride) and prod(size) * dtype.itemsize == self._size
        if self._made is None:
            self._make(dtype, size if whole else (self._size // dtype.itemsize,), stride if whole else (1,))
        made = wrap(self._made.value)
        made._storage = self._made
        base = made._type
        if (base.dtype, tuple(base.shape), tuple(base.strides)) == (dtype, size, stride):
            return made
        in_order = made.permute(_slowest_first(base.strides)) if base.ndim > 1 else made
        flat = in_order if base.dtype is dtype else in_order.reshape(-1).view(dtype)
        return flat.as_strided(size, stride, offset)._alias()  # _alias: a loaded tensor is not a view of another

    def filled(self) -> None:
        """Tell that the bytes were set after tensors were made on this storage, as the legacy format needs it."""
        if self._made is not None and not KINDS[self.device.type].host:
            base = self._made.value.type
            self._made.write(_value(self.raw, base.dtype, base.shape, base.strides, base.place), None)

    def _make(self, dtype, size, stride):
        self._made = Storage(_value(self.raw, dtype, size, stride, place(self.device)))


class StorageWindow:
    """A storage that begins inside another one, as in very old files. Tensors on both share memory."""

    def __init__(self, storage: LoadedStorage, start: int):
        self.dtype = storage.dtype
        self._storage = storage
        self._start = start  # in elements

    def tensor(self, dtype, offset, size, stride):
        return self._storage.tensor(dtype, self._start + offset, size, stride)


def _value(raw, dtype, size, stride, place):
    if raw is None:
        return Value(type_of(size, dtype, place, stride), None)
    flat = raw[: prod(size) * dtype.itemsize].view(dtype.np)
    return engine.move(Value(type_of(size, dtype, CPU, stride), _strided(flat, size, stride)), place)


def _check_bounds(size, stride, offset, nbytes, dtype):
    if not isinstance(dtype, DType) or not dtype.computed:
        raise NotImplementedError(f"jtorch has no tensors of type {dtype}, which this file needs")
    if len(size) != len(stride):
        raise RuntimeError(f"unequal size length ({len(size)}) and stride length ({len(stride)})")
    if offset < 0:
        raise RuntimeError(f"Tensor: invalid storage offset {offset}")
    if any(n < 0 for n in size) or _product(size) > _MOST:
        raise RuntimeError("numel: integer multiplication overflow")
    span = _span(size, stride)
    if any(s < 0 for s in stride) or (offset + span) * dtype.itemsize > _MOST:
        raise RuntimeError(f"Storage size calculation overflowed with sizes={list(size)} and strides={list(stride)}")
    if span and (offset + span) * dtype.itemsize > nbytes:
        raise RuntimeError("Trying to resize storage that is not resizable")
    if prod(size) * dtype.itemsize > _MOST:
        raise RuntimeError(f"jtorch has no tensors of {prod(size) * dtype.itemsize} bytes")


def _product(size):
    """The largest product on the way to that of all sizes: a 0 does not hide an overflow before it."""
    total = most = 1
    for n in size:
        total *= n
        most = max(most, total)
    return most
