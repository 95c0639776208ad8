"""The memory behind a tensor as an object: `untyped_storage()`, `storage()`, addresses.

No op uses these objects. They say which tensors share memory, how large it is, and what is in it.
"""

from __future__ import annotations

import warnings
import weakref

import numpy as np

from jtorch.core.tensor import HostStorage


class UntypedStorage:
    """The memory behind a tensor, as bytes: made by `Tensor.untyped_storage()`.

    Two tensors share memory exactly when their storages are equal (and have the same `data_ptr()`).
    """

    def __init__(self, tensor):
        self._tensor = tensor
        self._cell = tensor._storage

    def data_ptr(self) -> int:
        """The address of the first cell: only good for telling storages apart."""
        return _address(self._cell, self.nbytes())

    def nbytes(self) -> int:
        t = self._cell.value.type
        return t.shape.numel() * t.dtype.itemsize

    def size(self) -> int:
        return self.nbytes()

    __len__ = nbytes

    def element_size(self) -> int:
        return 1

    @property
    def device(self):
        return self._cell.value.type.place.device

    def tolist(self):
        """The bytes as Python numbers."""
        return list(np.ascontiguousarray(_cells(self._cell)).tobytes())

    def __getitem__(self, index):
        return self.tolist()[index]

    def __repr__(self):
        cells = "".join(f" {x}\n" for x in self.tolist())
        return f"{cells}[torch.storage.{type(self).__name__}({self._described()}) of size {len(self)}]"

    def _described(self):
        return f"device={self.device}"

    def __eq__(self, other):
        return isinstance(other, UntypedStorage) and self._cell is other._cell

    def __hash__(self):
        return hash(id(self._cell))

    _cdata = property(data_ptr)


class TypedStorage(UntypedStorage):
    """The memory behind a tensor, as elements: made by `Tensor.storage()`."""

    @property
    def dtype(self):
        return self._cell.value.type.dtype

    def size(self) -> int:
        return self._cell.value.type.shape.numel()

    __len__ = size

    def element_size(self) -> int:
        return self.dtype.itemsize

    def tolist(self):
        """The elements in the order of memory."""
        return _cells(self._cell).tolist()

    def untyped(self):
        return UntypedStorage(self._tensor)

    def _described(self):
        return f"dtype={self.dtype}, device={self.device}"


def _cells(storage):
    """The elements in the order of memory, as a NumPy array."""
    value = storage.value
    order = np.argsort([-s for s in value.type.strides], kind="stable")
    return value.read().transpose(order).reshape(-1)


_addresses = weakref.WeakKeyDictionary()
_next = 1 << 40


def _address(storage, nbytes):
    global _next
    if isinstance(storage, HostStorage):
        return storage.host.ctypes.data
    if not nbytes:
        return 0
    found = _addresses.get(storage)
    if found is None:
        found = _addresses[storage] = _next
        _next += -(-nbytes // 64) * 64 + 64
    return found


def data_ptr(self):
    """The address of the first element: only good for telling whether tensors share cells."""
    value = self._storage.value
    start = _address(self._storage, value.type.shape.numel() * value.type.dtype.itemsize)
    return start + self._offset * self.dtype.itemsize if start else 0


def storage(self):
    """The memory behind the tensor, as elements."""
    warnings.warn(
        "TypedStorage is deprecated. It will be removed in the future and UntypedStorage will be the only storage class. "
        "This should only matter to you if you are using storages directly. "
        " To access UntypedStorage directly, use tensor.untyped_storage() instead of tensor.storage()",
        stacklevel=2,
    )
    return TypedStorage(self)


def is_storage(obj):
    """Whether `obj` is a storage."""
    return isinstance(obj, UntypedStorage)


for _kind in (UntypedStorage, TypedStorage):  # programs know them as torch.storage.TypedStorage
    _kind.__module__ = "jtorch.storage"
