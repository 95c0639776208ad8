"""Storages whose memory a NumPy array outside shares: `torch.from_numpy` and `Tensor.numpy`.

While the array lives, the storage is a `HostStorage` and the array holds the newest elements; a recorded line copies what it
reads. Once nobody else holds the array, the storage is an ordinary one again. Who holds an address cannot be seen, so an
array whose address was given away lives as long as its storage, which is ordinary again from the next step of an optimizer
on.
"""

from __future__ import annotations

import functools
import itertools
import mmap
import weakref
from sys import getrefcount

import numpy as np

from jtorch.core.engine import Value, local, type_of
from jtorch.core.facts import CPU, dtypes
from jtorch.core.grad import INFERENCE, SharedArray, UnseenVersion
from jtorch.core.tensor.storage import InferenceStorage, Storage
from jtorch.core.tensor.views import laid_out, strided


class HostStorage(Storage):
    """A storage whose newest elements are in `host`, a NumPy array that others read and write.

    Each reading of `value` makes a copy; `mark` is the mark of all copies made since the last write by a tensor.
    """

    __slots__ = ()

    def write(self, value, counter, reshaped=False):
        if counter is not None:
            self._count(counter)
        super().write(value, None, reshaped)
        self._give_mark(value)

    def _give_mark(self, value):
        """Mark a value that holds the elements of now: the next write overwrites it, too."""
        if value.mark is None:
            value.mark = self.mark
        elif not value.mark:
            value.mark += self.mark

    def _count(self, counter):
        """Count a write by a tensor: the copies made so far are overwritten."""
        if self.mark is not INFERENCE:
            shared, mark, *_ = self.mark[2]
            shared.origin = None
            mark += (counter, counter.version)
            self.mark = shared.mark()
            if counter.__class__ is UnseenVersion:
                mark.append((shared, self.mark, 0))
        counter.version += 1

    @property
    def value(self):
        if _alone(self):  # nobody else holds the array: an ordinary storage again
            return self._ordinary(self.host)
        host = _whole_file(self.host)
        value = Value(type_of_array(host), laid_out(host, type_of_array(host)))
        value.mark = self.mark
        local.trace.overwritten += 1  # a backward pass in this trace must look at the marks
        return value

    @property
    def type(self):
        """The type of the value, without the copy that `value` makes."""
        return type_of_array(self.host)

    @value.setter
    def value(self, value):
        if value.type.shape != self.host.shape:
            raise RuntimeError("Trying to resize storage that is not resizable")
        elements = value.read()
        _whole_file(self.host)[...] = elements

    def _ordinary(self, array):
        """Become an ordinary storage of this array, which nobody else holds. Returns its value."""
        mark = self.mark
        self.__class__ = InferenceStorage if mark is INFERENCE else Storage
        self.value = value = Value(type_of_array(array), array)
        value.mark = mark
        if mark is not INFERENCE:
            shared, value.mark, *_ = mark[2]
            shared.array = None
        self.host = None
        self.writes += 1
        return value

    def touch(self, counter):
        self._count(counter)

    def release(self):
        if self in _addressed and _alone(self, pins=1):
            self._ordinary(_own_memory(self.host, type_of_array(self.host)))


_addressed: weakref.WeakKeyDictionary = weakref.WeakKeyDictionary()  # storage -> the array in its memory


def stay(storage) -> np.ndarray:
    """The memory of a storage as a NumPy array that stays where it is as long as the storage lives: see `share`."""
    if storage.__class__ is not HostStorage and storage not in _addressed:
        _addressed[storage] = _room(storage.value.type)
    return _addressed.setdefault(storage, share(storage))


_ROTATED = 4096
_shifts = itertools.cycle(range(0, _ROTATED, 64))


def _room(type):
    """Memory for this type. It does not begin at the address of memory freed just before: programs compare addresses of tensors
    that lived at different times. Under PyTorch the two differ, because the one that still lives had its memory all the time.
    """
    size = type.dtype.np.itemsize
    raw = np.empty(type.shape.numel() * size + _ROTATED + 64, np.uint8)
    start = -raw.ctypes.data % 64 + next(_shifts)
    return np.ndarray(tuple(type.shape), type.dtype.np, raw, start, [s * size for s in type.strides])


class _Array(SharedArray):
    """The array, read again as it was read before."""

    __slots__ = ()

    def again(self, type, offset, whole):
        base = type_of_array(self.array)
        if whole and (type is not base or type.dtype.is_complex):  # a view, at an unknown offset, or the conjugate
            return None
        return Value(type, strided(laid_out(self.array, base), base, type, offset))

    def holds(self, value):
        storage = self.storage()
        now = storage.value.read() if self.array is None and storage is not None else self.array
        return now is not None and now.shape == value.type.shape and now.tobytes() == value.read().tobytes()


def host_storage(array: np.ndarray) -> HostStorage:
    """A storage that shares memory with a NumPy array."""
    made = HostStorage.__new__(HostStorage)
    made.host = array
    made.version = made.writes = 0
    made.mark = _Array(array, made).mark()
    return made


def share(storage) -> np.ndarray:
    """The memory of a storage as a writable NumPy array, which the storage shares from now on."""
    if storage.__class__ is HostStorage:
        return _whole_file(storage.host)
    value = storage.value
    if value.type.place is not CPU:
        raise TypeError(
            f"can't convert {value.type.place.device} device type tensor to numpy. "
            "Use Tensor.cpu() to copy the tensor to host memory first."
        )
    host = _addressed.get(storage)
    if host is None or type_of_array(host) is not value.type:
        host = _own_memory(value.read(), value.type)
        if storage in _addressed:
            _addressed[storage] = host
    else:
        host[...] = value.read()
    storage.host = host
    storage.__class__ = HostStorage
    viewed = value if value.mark == [] else None
    storage.mark = INFERENCE if value.mark is INFERENCE else _Array(storage.host, storage, viewed).mark()
    storage._give_mark(value)
    local.trace.overwritten += 1
    return storage.host


def _own_memory(array, type):
    """A private copy of an array with exactly the type's strides, also in dimensions of size 1."""
    made, strides = laid_out(array, type), tuple([s * array.itemsize for s in type.strides])
    only_ones = made.size and all(n == 1 or s == t for n, s, t in zip(made.shape, made.strides, strides, strict=True))
    if made.strides == strides or not only_ones:
        return made
    return np.ndarray(made.shape, made.dtype, made.ravel("K"), 0, strides)


def _references_of_one_holder():
    holder = [np.zeros(1)]  # refers to its array as a storage does, or as an array to its base
    at = holder[0]
    return getrefcount(at)


_ONE_HOLDER = _references_of_one_holder()  # references to an array that one object holds, as `_alone` counts them


def _alone(storage, pins=0):
    """Whether nobody else holds the array, nor an array that it is a view of. `pins`: known references to the array."""
    at, known = (
        storage.host,
        _ONE_HOLDER + pins + (storage.mark is not INFERENCE),
    )  # a `SharedArray` holds it for the marks
    while at.__class__ is np.ndarray and getrefcount(at) <= known:
        at, known = at.base, _ONE_HOLDER
        if at is None:
            return True
    return False


def _whole_file(array):
    """The array. Raises if it maps a file that was cut since: who reads what is gone ends the process."""
    at = array.base
    while isinstance(at, np.ndarray):
        at = at.base
    if at.__class__ is mmap.mmap and at.size() < len(at):
        raise RuntimeError(f"a file that was mapped into memory has {at.size()} bytes left of {len(at)}")
    return array


def type_of_array(array: np.ndarray):
    """The Type of a host array, with its strides counted in elements."""
    return _type_of_layout(array.shape, array.strides, array.dtype)


@functools.cache
def _type_of_layout(shape, strides, dtype):
    in_elements = None if 0 in shape else tuple([s // dtype.itemsize for s in strides])
    return type_of(shape, dtypes.of(dtype), CPU, in_elements)


def is_newest(value, tensor) -> bool:
    """Whether a value is what a tensor shows now. A storage that shares its memory gives a new value at each reading."""
    storage = tensor._storage
    if storage.__class__ is not HostStorage:
        return value is tensor._value
    mark = value.mark
    read_now = mark and len(mark) == 3 and storage.mark is not INFERENCE and mark[2][1] is storage.mark[2][1]
    return bool(read_now) and value.type is tensor._type and mark[2][2] in (None, tensor._offset)


def host_view(storage, type, offset) -> np.ndarray:
    """The cells that a tensor shows as a writable NumPy view, whose memory the storage shares from now on."""
    host = share(storage)
    return strided(host, type_of_array(host), type, offset)
