"""The memory behind a tensor as an object: `untyped_storage()`, `storage()`, addresses.

No op uses these objects. They say which tensors share memory, how large it is, and what is in it. On the CPU their bytes can be
written and cut: the tensors then share memory with a NumPy array, see `jtorch.core.tensor.host_storage`.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from sys import getrefcount

import numpy as np

from jtorch.core.engine import META, TRACED, Lifted
from jtorch.core.facts import CPU, devices, dtypes, warn_user
from jtorch.core.tensor import HostStorage, Storage, from_numpy, known, share, stay, to_place

_NO_MEMORY = "Cannot access data pointer of Tensor that doesn't have storage"


class UntypedStorage:
    """The memory behind a tensor, as bytes: made by `Tensor.untyped_storage()`, or new from a size or a sequence of bytes.

    Two tensors share memory exactly when their storages are equal.

    Raises:
        IndexError, RuntimeError, TypeError: an index that is out of range or of another type.

    >>> memory = torch.ones(2).untyped_storage()
    >>> len(memory), memory[:4].tolist()
    (8, [0, 0, 128, 63])
    """

    def __init__(self, data=0, *, device=None):
        made = _allocated(data) if isinstance(data, int) and not isinstance(data, bool) else _of_sequence(data)
        self._show(to_place(known(made), devices.place(device)))

    def _show(self, tensor):
        self._tensor = tensor
        self._cell = tensor._storage

    @property
    def _type(self):
        cell = self._cell
        return cell.value.type if cell.__class__ is Storage else cell.type

    def data_ptr(self) -> int:
        """The address of the first byte: see `Tensor.data_ptr`."""
        return address(self._cell)

    def nbytes(self) -> int:
        t = self._type
        return (
            (1 + sum((n - 1) * s for n, s in zip(t.shape, t.strides, strict=True))) * t.dtype.itemsize
            if all(t.shape)
            else 0
        )

    def size(self) -> int:
        return self.nbytes()

    def __len__(self) -> int:
        return self.nbytes()

    def __sizeof__(self):
        return object.__sizeof__(self) + self.nbytes()

    def element_size(self) -> int:
        return 1

    @property
    def device(self):
        return self._type.place.device

    is_cuda = property(lambda self: not self._type.place.kind.host)
    is_sparse = is_sparse_csr = False
    filename: str | None = None

    def get_device(self) -> int:
        return -1 if self._type.place.kind.host else self.device.index or 0

    def type(self) -> str:
        return f"torch.storage.{type(self).__name__}"

    def untyped(self) -> UntypedStorage:
        return storage_of(self._tensor)

    def is_pinned(self, device=None) -> bool:
        return False

    def is_shared(self) -> bool:
        return self.filename is not None

    def resizable(self) -> bool:
        return self.filename is None

    def pin_memory(self, device=None):
        return self

    def share_memory_(self):
        return self

    # ---- reading and writing

    def memory(self) -> np.ndarray:
        """The bytes as a writable NumPy array, whose memory the tensors share from now on.

        Raises:
            NotImplementedError: the memory is not on the CPU.
        """
        if self._type.place is not CPU:
            raise NotImplementedError(f"Not available for '{self.device.type}' device type")
        host = share(self._cell)
        if not host.size:
            return np.empty(0, np.uint8)
        flat = np.lib.stride_tricks.as_strided(host, (self.nbytes() // host.itemsize,), (host.itemsize,))
        return flat.view(np.uint8)

    def _bytes(self) -> bytes:
        """The bytes as they are now."""
        if self._type.place is META:
            raise NotImplementedError("Not available for 'meta' device type")
        if isinstance(self._cell, HostStorage):
            return self.memory().tobytes()
        return np.ascontiguousarray(_cells(self._cell)).tobytes()

    def tolist(self) -> list:
        """The bytes as Python numbers."""
        return list(self._bytes())

    def __bytes__(self):
        return self._bytes()

    def __iter__(self):
        return iter(self.tolist())

    def __getitem__(self, index):
        """A byte, or the storage of a slice, which shares memory."""
        if isinstance(index, slice):
            return storage_of(from_numpy(self.memory()[_unstepped(index, len(self))]))
        if not hasattr(index, "__index__"):
            raise TypeError(f"can't index a torch.{type(self).__name__} with {type(index).__name__}")
        if not -len(self) <= index.__index__() < len(self):
            raise IndexError(f"index {index} out of range for storage of size {len(self)}")
        return int(self.memory()[index])

    def __setitem__(self, index, value):
        if not hasattr(value, "__index__"):
            raise RuntimeError(f"can only set storage content with a int types, but got {type(value).__name__} instead")
        if isinstance(index, slice):
            index = _unstepped(index, len(self))
        elif not hasattr(index, "__index__"):
            raise TypeError(f"can't index a torch.{type(self).__name__} with {type(index).__name__}")
        elif not -len(self) <= index.__index__() < len(self):
            raise RuntimeError("out of bounds")
        self.memory()[index] = value.__index__() & 255

    def fill_(self, value):
        """Set every byte. Returns self."""
        self[:] = value
        return self

    def copy_(self, source, non_blocking=None):
        """Take the bytes of another storage of the same size. Returns self."""
        if source.nbytes() != self.nbytes():
            raise RuntimeError(
                f"size does not match, self was {self.nbytes()} bytes but src was {source.nbytes()} bytes"
            )
        self.memory()[:] = np.frombuffer(bytes(source.untyped()), np.uint8)
        return self

    def clone(self):
        """A storage of its own with the same bytes."""
        return _of_same_kind(self, self._tensor.new_empty(0).set_(self).clone())

    def __copy__(self):
        return self.clone()

    def __deepcopy__(self, memo):
        made = memo.setdefault("torch", {}).get(self._cell)
        if made is None:
            made = memo["torch"][self._cell] = self.clone()
        return made

    def cpu(self):
        return self.to(device="cpu")

    def cuda(self, device=None, non_blocking=False):
        return self.to(device="cuda" if device is None else device)

    def to(self, *, device, non_blocking=False):
        """The bytes on a device: itself if they are there."""
        place = devices.place(device)
        return (
            self
            if place is self._type.place
            else _of_same_kind(self, to_place(self._tensor.new_empty(0).set_(self), place))
        )

    def new(self):
        return UntypedStorage(0)

    def resize_(self, size: int):
        """Make the memory larger or smaller. Returns self.

        Differs from torch: memory that tensors use keeps its size (NotImplementedError).
        """
        if size == self.nbytes():
            return self
        if getrefcount(self._tensor) > 2 or not self.resizable():
            raise NotImplementedError("resize_ of a storage whose memory tensors use")
        grown = UntypedStorage(size, device=self.device)
        kept = min(size, self.nbytes())
        if kept:
            grown.memory()[:kept] = self.memory()[:kept]
        self._show(grown._tensor)
        return self

    def as_elements(self, dtype):
        """A vector of this dtype over all of the memory."""
        if self._type.dtype is dtype:
            whole = self._tensor._alias()
            whole._view = whole._base = None
            return whole
        raw = self.memory()
        return from_numpy(raw[: len(raw) // dtype.itemsize * dtype.itemsize].view(dtype.np))

    # ---- from elsewhere

    @classmethod
    def from_file(cls, filename, shared: bool = False, nbytes: int = 0):
        """The storage of a file's first bytes.

        Args:
            shared: map the file into memory: what is written goes to the file, which grows if it is shorter, and who cuts it
                ends this process. False: read it.
        """
        mapped = map_file(os.fspath(filename), shared, nbytes)
        made = storage_of(from_numpy(mapped))
        made.filename = os.fspath(filename) if shared else None
        return made

    @classmethod
    def from_buffer(cls, buffer, byte_order=None, *, dtype, count: int = -1, offset: int = 0):
        """The storage of a copy of a buffer's elements, in the machine's byte order."""
        if byte_order is None and dtype.itemsize > 1:
            raise RuntimeError("function missing required argument 'byte_order' (pos 2)")
        if byte_order not in (None, "native", "little", "big"):
            raise ValueError(f"invalid byte_order '{byte_order}' (expected 'big', 'little', or 'native')")
        try:
            raw = np.frombuffer(memoryview(buffer).cast("B"), np.uint8)
        except TypeError:
            raise TypeError(f"a bytes-like object is required, not '{type(buffer).__name__}'") from None
        size = dtype.itemsize
        if not 0 <= offset <= raw.size:
            raise ValueError(
                f"offset must be non-negative and no greater than buffer length ({offset}) , but got {raw.size}"
            )
        left = raw.size - offset
        if count < 0:
            if left % size:
                raise ValueError(f"buffer size ({raw.size}) must be a multiple of element size ({size})")
            count = left // size
        if count * size > left:
            raise ValueError(f"buffer has only {left} elements after offset {offset}, but specified a size of {count}")
        taken = raw[offset : offset + count * size].copy()
        if byte_order == "big" and not dtype.is_complex:
            taken = taken.reshape(-1, size)[:, ::-1].reshape(-1)
        return storage_of(known(np.ascontiguousarray(taken)))

    def __repr__(self):
        cells = "..." if self._type.place is META else " " + "\n ".join(map(str, self.tolist()))
        return f"{cells}\n[torch.storage.{type(self).__name__}({self._described()}) of size {len(self)}]"

    def _described(self):
        return f"device={self.device}"

    def __eq__(self, other):
        return isinstance(other, UntypedStorage) and (
            self._cell is other._cell or (self._extent() is not None and self._extent() == other._extent())
        )

    def _extent(self):
        """Where the memory lies, if it is known without moving it."""
        return (self.data_ptr(), self.nbytes()) if isinstance(self._cell, HostStorage) and self.nbytes() else None

    def __hash__(self):
        return hash(id(self._cell))

    @property
    def _cdata(self) -> int:
        """A number that no other storage has while this one lives."""
        return id(self._cell)


class TypedStorage(UntypedStorage):
    """The memory behind a tensor, as elements: made by `Tensor.storage()`, or new from an untyped storage and a dtype."""

    def __init__(self, data=0, *, wrap_storage=None, dtype=None, device=None):
        dtype = dtype or dtypes.get_default_dtype()
        if wrap_storage is not None:
            self._show(wrap_storage.as_elements(dtype))
        elif hasattr(data, "__index__"):
            self._show(UntypedStorage(data * dtype.itemsize, device=device).as_elements(dtype))
        else:
            self._show(to_place(known(np.array(data).astype(dtype.np)), devices.place(device)))

    @property
    def dtype(self):
        return self._type.dtype

    def size(self) -> int:
        return self.nbytes() // self.dtype.itemsize

    def __len__(self) -> int:
        return self.size()

    def element_size(self) -> int:
        return self.dtype.itemsize

    def type(self) -> str:
        prefix = devices.KINDS[self.device.type].prefix
        return f"torch.{prefix}{self.dtype.storage_name}"

    def tolist(self) -> list:
        """The elements in the order of memory."""
        return np.frombuffer(self._bytes(), self.dtype.np).tolist()

    def __getitem__(self, index):
        if isinstance(index, slice):
            raise RuntimeError("slices are only supported in UntypedStorage.__getitem__")
        return self._elements()[self._index(index)].item()

    def __setitem__(self, index, value):
        self._elements()[index if isinstance(index, slice) else self._index(index)] = value

    def fill_(self, value):
        """Set every element. Returns self."""
        self._elements()[:] = value
        return self

    def _elements(self):
        return self.memory().view(self.dtype.np)

    def _index(self, index):
        if not hasattr(index, "__index__"):
            raise TypeError(f"can't index a {self.type()} with {type(index).__name__}")
        if not -len(self) <= index.__index__() < len(self):
            raise IndexError(f"index {index} out of range for storage of size {len(self)}")
        return index

    def _described(self):
        return f"dtype={self.dtype}, device={self.device}"


def storage_of(tensor, kind=UntypedStorage):
    """The memory behind a tensor, as an object of one of these classes."""
    made = object.__new__(kind)
    made._show(tensor)
    return made


def _of_same_kind(storage, tensor):
    return storage_of(tensor, TypedStorage if isinstance(storage, TypedStorage) else UntypedStorage)


def _of_sequence(data):
    if not isinstance(data, Sequence):
        raise RuntimeError(f"torch.UntypedStorage(): Expected a sequence type, but got {type(data).__name__}")
    for item in data:
        if not hasattr(item, "__index__"):
            raise RuntimeError(
                f"torch.UntypedStorage(): tried to construct a storage from a sequence ({type(data).__name__}), "
                f"but one of the items was of type {type(item).__name__} instead of int"
            )
    return np.array([item.__index__() & 255 for item in data], np.uint8)


def _allocated(nbytes):
    if nbytes < 0:
        raise RuntimeError(
            "[enforce fail at alloc_cpu.cpp:98] ((ptrdiff_t)nbytes) >= 0. "
            f"alloc_cpu() seems to have been called with negative number: {nbytes & (1 << 64) - 1}"
        )
    try:
        return np.zeros(nbytes, np.uint8)
    except (MemoryError, ValueError, OverflowError):
        raise RuntimeError(
            "[enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate memory: "
            f"you tried to allocate {nbytes} bytes. Error code 12 (Cannot allocate memory)"
        ) from None


def _unstepped(index, length):
    start, stop, step = index.indices(length)
    if step != 1:
        raise RuntimeError(f"Trying to slice with a step of {step}, but only a step of 1 is supported")
    return slice(start, max(start, stop))


def map_file(filename: str, shared: bool, nbytes: int) -> np.ndarray:
    """The first bytes of a file: mapped if `shared`, else read. Raises PyTorch's errors."""
    if nbytes < 0:
        raise RuntimeError(f"unable to mmap {nbytes} bytes from file <{filename}>: Cannot allocate memory (12)")
    try:
        with open(filename, "ab" if shared else "rb") as file:
            size = file.seek(0, os.SEEK_END)
            if not shared and size < nbytes:
                raise RuntimeError(
                    f"file <{filename}> size <{size}> is smaller than the required mapping size <{nbytes}>"
                )
            if shared and size < nbytes:
                file.truncate(nbytes)
            if not shared:
                file.seek(0)
                return np.frombuffer(bytearray(file.read(nbytes)), np.uint8)
    except OSError as error:
        mode = "read-write" if shared else "read-only"
        raise RuntimeError(
            f"unable to open file <{filename}> in {mode} mode: {error.strerror} ({error.errno})"
        ) from None
    return np.memmap(filename, np.uint8, "r+", shape=(nbytes,)) if nbytes else np.empty(0, np.uint8)


def _cells(storage):
    """The elements in the order of memory, as a NumPy array."""
    value = storage.value
    order = np.argsort([-s for s in value.type.strides], kind="stable")
    return value.read().transpose(order).reshape(-1)


def address(cell) -> int:
    """The address of a storage's memory. 0: it has none.

    Raises:
        NotImplementedError: the memory is not on the CPU.
    """
    type = cell.value.type if cell.__class__ is Storage else cell.type
    if type.place is META or not type.shape.numel():
        return 0
    if type.place is TRACED or (cell.__class__ is Storage and cell.value.__class__ is Lifted):
        raise RuntimeError(_NO_MEMORY)
    if type.place is not CPU:
        raise NotImplementedError(
            f"data_ptr() of a tensor on {type.place.device}: XLA moves its memory. To tell whether two tensors share memory, "
            "compare their untyped_storage(); for the bytes, use .cpu()"
        )
    return stay(cell).ctypes.data


def data_ptr(self) -> int:
    """The address of the first element. The memory stays there as long as a tensor uses it.

    Differs from torch: an optimizer's step leaves the new values elsewhere; they are at the same address when `data_ptr` is
    called again. On an accelerator there is no address (NotImplementedError).

    >>> import ctypes
    >>> x = torch.tensor([1, 2], dtype=torch.uint8)
    >>> ctypes.string_at(x.data_ptr(), 2)
    b'\\x01\\x02'
    """
    start = address(self._storage)
    return start + self._offset * self.dtype.itemsize if start and self.numel() else 0


def storage(self):
    """The memory behind the tensor, as elements."""
    warn_user(
        "TypedStorage is deprecated. It will be removed in the future and UntypedStorage will be the only storage class. "
        "This should only matter to you if you are using storages directly. "
        " To access UntypedStorage directly, use tensor.untyped_storage() instead of tensor.storage()",
    )
    return storage_of(self, TypedStorage)


def is_storage(obj):
    """Whether `obj` is a storage."""
    return isinstance(obj, UntypedStorage)


for _kind in (UntypedStorage, TypedStorage):  # programs know them as torch.storage.TypedStorage
    _kind.__module__ = "jtorch.storage"
