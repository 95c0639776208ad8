"""Storages whose memory a NumPy array outside shares: `torch.from_numpy` and `Tensor.numpy`.

While the array lives, the storage is a `HostStorage` and the array holds the newest elements; a recorded line copies what it
reads. Once nobody else holds the array, the storage is an ordinary one again.
"""

from __future__ import annotations

from sys import getrefcount

import numpy as np

from jtorch.core.engine import Value, type_of
from jtorch.core.facts import CPU, dtypes
from jtorch.core.tensor.storage import Storage
from jtorch.core.tensor.views import laid_out, strided


class HostStorage(Storage):
    """A storage whose newest elements are in `host`, a NumPy array that others read and write.

    Each reading of `value` makes a copy; `mark` is the mark of all copies made since the last write.
    """

    __slots__ = ()

    @property
    def value(self):
        if _alone(self):  # nobody else holds the array: an ordinary storage again
            host = self.host
            self.__class__ = Storage
            self.value = value = Value(type_of_array(host), host)
            value.mark = self.mark
            self.host = None
            self.writes += 1
            return value
        host = self.host
        value = Value(type_of_array(host), laid_out(host, type_of_array(host)))
        value.mark = self.mark
        return value

    @property
    def type(self):
        """The type of the value, without the copy that `value` makes."""
        return type_of_array(self.host)

    @value.setter
    def value(self, value):
        if value.type.shape != self.host.shape:
            raise RuntimeError("Trying to resize storage that is not resizable")
        self.host[...] = value.read()
        self.mark = []

    def touch(self, counter):
        self.mark += (counter, counter.version)
        self.mark = []
        counter.version += 1


def host_storage(array: np.ndarray) -> HostStorage:
    """A storage that shares memory with a NumPy array."""
    made = HostStorage.__new__(HostStorage)
    made.host = array
    made.version = made.writes = 0
    made.mark = []
    return made


def share(storage) -> np.ndarray:
    """The memory of a storage as a writable NumPy array, which the storage shares from now on."""
    if storage.__class__ is HostStorage:
        return storage.host
    value = storage.value
    if value.type.place is not CPU:
        raise TypeError(
            f"can't convert {value.type.place.device} device type tensor to numpy. "
            "Use Tensor.cpu() to copy the tensor to host memory first."
        )
    storage.host = laid_out(value.read(), value.type)
    if value.mark is None:
        value.mark = []
    storage.mark = value.mark
    storage.__class__ = HostStorage
    return storage.host


def _references_of_one_storage():
    probe = host_storage(np.zeros(1))
    host = probe.host
    return getrefcount(host)


_UNSHARED = _references_of_one_storage()  # references to an array that only its storage holds, as `_alone` counts them


def _alone(storage):
    """Whether nobody else holds the array, nor an array that it is a view of."""
    at = storage.host
    while at.__class__ is np.ndarray and getrefcount(at) <= _UNSHARED:
        at = at.base
        if at is None:
            return True
    return False


def type_of_array(array: np.ndarray):
    """The Type of a host array, with its strides counted in elements."""
    strides = tuple([s // array.itemsize for s in array.strides]) if array.size else None
    return type_of(array.shape, dtypes.of(array.dtype), CPU, strides)


def host_view(storage, type, offset) -> np.ndarray:
    """The cells that a tensor shows as a writable NumPy view, whose memory the storage shares from now on."""
    host = share(storage)
    return strided(host, type_of_array(host), type, offset)
