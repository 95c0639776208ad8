"""The format that PyTorch wrote before 1.6, and still writes with `_use_new_zipfile_serialization=False`.

    pickle(magic number)  pickle(version)  pickle(machine)  pickle(object)  pickle(storage keys)
    then for each key, in that order: number of elements (int64), bytes

The bytes come last, so tensors are made on empty storages, which are filled afterwards.
"""

from __future__ import annotations

import inspect
import io
import struct
import sys
import warnings

import numpy as np

from jtorch.serialization import global_names, locations, pickling, unpickling
from jtorch.serialization.archive import empty_bytes, read_into
from jtorch.serialization.tensors import LoadedStorage, StorageWindow

MAGIC_NUMBER = 0x1950A86A20F9469CFC6C
PROTOCOL_VERSION = 1001
_TAR_MARK = (257, b"ustar")  # the offset and the bytes that mark a tar file


class SourceChangeWarning(Warning):
    """The source of a class has changed since an object of it was saved."""


# ---- writing


def stream_parts(obj, pickle_module, protocol) -> list:
    """The parts of the stream that `obj` is written as."""
    storages = pickling.StorageTable(locations.location_tag)
    met: set[type] = set()  # module classes whose source is already in the file

    def persistent_id(thing):
        storage = storages.persistent_id(thing)
        if storage is not None:
            return (*storage, None)
        if isinstance(thing, type) and _is_module_class(thing) and thing not in met:
            met.add(thing)
            return ("module", thing, *_class_source(thing))
        return None

    machine = {
        "protocol_version": PROTOCOL_VERSION,
        "little_endian": sys.byteorder == "little",
        "type_sizes": {"short": 2, "int": 4, "long": 4},
    }
    head = io.BytesIO()
    for part in (MAGIC_NUMBER, PROTOCOL_VERSION, machine):
        pickle_module.dump(part, head, protocol=protocol)
    pickling.dump(obj, head, pickle_module, protocol, persistent_id)
    keys = sorted(storages.found)
    pickle_module.dump(keys, head, protocol=protocol)
    found = [storages.found[key] for key in keys]
    return [head.getvalue(), *(part for s in found for part in (struct.pack("<q", s.numel), s.memory()))]


def _is_module_class(cls):
    try:
        return issubclass(cls, global_names.find("torch.nn", "Module"))
    except (AttributeError, ImportError, NotImplementedError):
        return False


def _class_source(cls):
    """(file, text) of a user's class; (None, None) for jtorch's own, whose source is not PyTorch's."""
    if global_names.torch_name(cls) is not None:
        return None, None
    try:
        return inspect.getsourcefile(cls), inspect.getsource(cls)
    except (OSError, TypeError):
        warnings.warn(_no_source(cls), stacklevel=2)
        return None, None


def _no_source(cls):
    return f"Couldn't retrieve source code for container of type {cls.__name__}. It won't be checked for correctness upon loading."


# ---- reading


def load_stream(file, map_location, pickle_module, options):
    """Read one object from a file-like object; `pickle_module` None means weights only."""
    _refuse_tar(file, pickle_module)
    loader = _StreamReader(file, map_location, pickle_module, options)
    if loader.read() != MAGIC_NUMBER:
        raise RuntimeError("Invalid magic number; corrupt file?")
    version = loader.read()
    if version != PROTOCOL_VERSION:
        raise RuntimeError(f"Invalid protocol version: {version}")
    loader.read()  # the type sizes of the machine, which are not used
    result = loader.read(loader.persistent_load)
    for key in loader.read():
        if key not in loader.storages:
            raise AssertionError(f"storage key {key!r} not found in deserialized_objects")
        _fill_storage(loader.storages[key], file)
    return result


class _StreamReader:
    def __init__(self, file, map_location, pickle_module, options):
        self._file = file
        self._restore = locations.restorer(map_location)
        self._module = pickle_module
        self._options = options
        self.storages: dict[str, LoadedStorage] = {}
        self._windows: dict[str, StorageWindow] = {}

    def read(self, persistent_load=None):
        """The next pickle of the stream."""
        if self._module is None:
            read = unpickling.Unpickler(self._file, persistent_load=persistent_load, **self._options)
            return read.load()
        if persistent_load is None:
            return self._module.load(self._file, **self._options)
        return unpickling.full_unpickler(self._module, persistent_load)(self._file, **self._options).load()

    def persistent_load(self, saved_id):
        if not isinstance(saved_id, tuple):
            raise AssertionError(f"saved_id must be a tuple, got {type(saved_id).__name__}")
        kind, *data = saved_id
        kind = unpickling.decoded(kind)
        if kind == "module":
            if all(data[1:]):
                _check_source(*data)
            return data[0]
        if kind != "storage":
            raise RuntimeError(f"Unknown saved id type: {kind}")
        return self._storage(*data)

    def _storage(self, storage_type, key, location, numel, view):
        dtype = storage_type.dtype
        if key not in self.storages:
            size = numel * dtype.itemsize
            empty = LoadedStorage(empty_bytes(size), size, dtype)
            self.storages[key] = self._restore(empty, unpickling.decoded(location))
        if view is None:
            return self.storages[key]
        view_key, offset, _ = view
        return self._windows.setdefault(view_key, StorageWindow(self.storages[key], offset))


def _refuse_tar(file, pickle_module):
    start = file.tell()
    if start or not _has_descriptor(file):
        return  # as PyTorch, which looks for a tar file only at the start of a file that the system has opened
    at, mark = _TAR_MARK
    is_tar = file.read(at + len(mark))[at:] == mark
    file.seek(start)
    if is_tar and pickle_module is None:
        raise RuntimeError(
            "Cannot use ``weights_only=True`` with files saved in the legacy .tar format. " + unpickling.UNSAFE
        )
    if is_tar:
        raise NotImplementedError("jtorch does not read the .tar format that PyTorch wrote before 0.2")


def _has_descriptor(file):
    try:
        return file.fileno() >= 0
    except (io.UnsupportedOperation, AttributeError):
        return False


def _check_source(cls, source_file, saved):
    if global_names.torch_name(cls) is not None:
        return  # the source of jtorch's classes is not PyTorch's
    try:
        current = inspect.getsource(cls)
    except (OSError, TypeError):
        warnings.warn(_no_source(cls), stacklevel=2)
        return
    if saved != current:
        warnings.warn(
            f"source code of class '{cls.__module__}.{cls.__qualname__}' has changed. you can retrieve the original source code by "
            "accessing the object's source attribute or set `torch.nn.Module.dump_patches = True` and use the patch tool to revert the "
            "changes.",
            SourceChangeWarning,
            stacklevel=2,
        )


def _fill_storage(storage, file):
    header = file.read(8)
    if len(header) < 8:
        raise _cut_short(8 - len(header))
    (numel,) = struct.unpack("<q", header)
    size = numel * storage.dtype.itemsize
    if size != storage.nbytes():
        # PyTorch's message has the unused %ld, too.
        raise RuntimeError(f"storage has wrong byte size: expected %ld got %ld{size}{storage.nbytes()}")
    data = np.empty(size, np.uint8) if storage.raw is None else storage.raw
    got = read_into(file, data)
    if got != size:
        raise _cut_short(size - got)
    if storage.raw is not None:
        storage.filled()


def _cut_short(missing):
    return RuntimeError(f"unexpected EOF, expected {missing} more bytes. The file might be corrupted.")
