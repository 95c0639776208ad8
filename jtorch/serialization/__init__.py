"""`torch.save` and `torch.load`: PyTorch's checkpoint files, written and read without PyTorch.

PyTorch loads the files saved here, and jtorch loads PyTorch's. Tensors that shared memory share it again. Read
the files in this order:

    switches                how files are written and read
    replacing               a file that takes another's place when it is whole
    directory, archive      the zip file: its directory; records, alignment, headers
    tensors                 a tensor's memory as bytes, and a tensor on bytes
    places                  map_location and location tags
    names                   PyTorch's names in files, and the objects of jtorch for them
    rebuild                 the calls that tensors are written as
    pickling, unpickling    the object around the tensors; the restricted reader
    legacy                  the format before the zip file
"""

from __future__ import annotations

import io
import mmap as _mmap
import os
import pickle
import sys
import warnings
from collections.abc import Callable
from enum import Enum
from typing import TypeAlias

import numpy as np

from jtorch.core.facts import config, device
from jtorch.serialization import archive, legacy, pickling, switches, unpickling
from jtorch.serialization.archive import Reader
from jtorch.serialization.legacy import SourceChangeWarning
from jtorch.serialization.global_names import StorageType
from jtorch.serialization.pickling import DEFAULT_PROTOCOL
from jtorch.serialization.locations import (
    default_restore_location,
    is_meta,
    location_tag,
    register_package,
    restorer,
    validate_cuda_device,
)
from jtorch.serialization.replacing import replacement_of
from jtorch.serialization.switches import skip_data
from jtorch.serialization.tensors import LoadedStorage
from jtorch.serialization.unpickling import (
    add_safe_globals,
    clear_safe_globals,
    get_safe_globals,
    safe_globals,
)

__all__ = [
    "LoadEndianness",
    "SourceChangeWarning",
    "StorageType",
    "add_safe_globals",
    "clear_safe_globals",
    "default_restore_location",
    "get_crc32_options",
    "get_default_load_endianness",
    "get_default_mmap_options",
    "get_safe_globals",
    "get_unsafe_globals_in_checkpoint",
    "load",
    "location_tag",
    "register_package",
    "safe_globals",
    "save",
    "set_crc32_options",
    "set_default_load_endianness",
    "set_default_mmap_options",
    "skip_data",
    "validate_cuda_device",
]

MAP_LOCATION: TypeAlias = Callable | device | str | dict[str, str] | None  # what `map_location` may be; for annotations


# ---- switches


class LoadEndianness(Enum):
    """The byte order of files that do not name theirs."""

    NATIVE = 1
    LITTLE = 2
    BIG = 3


def get_crc32_options() -> bool:
    """Whether `save` computes a checksum for each record."""
    return switches.SaveSwitches.compute_crc32


def set_crc32_options(compute_crc32: bool) -> None:
    """Turn checksums in `save` on or off. Other programs may call a file without them damaged."""
    switches.SaveSwitches.compute_crc32 = compute_crc32


def get_default_load_endianness() -> LoadEndianness | None:
    """The byte order assumed for files that do not name theirs; None means little-endian."""
    return switches.LoadSwitches.endianness


def set_default_load_endianness(endianness: LoadEndianness | None) -> None:
    """Set the byte order for files that do not name theirs."""
    if not isinstance(endianness, LoadEndianness) and endianness is not None:
        raise TypeError("Invalid argument type in function set_default_load_endianness")
    switches.LoadSwitches.endianness = endianness


def get_default_mmap_options() -> int | None:
    """How `load(mmap=True)` maps files: `mmap.MAP_PRIVATE` or `mmap.MAP_SHARED`."""
    return switches.LoadSwitches.mmap_flags


class set_default_mmap_options:
    """Set how files are mapped: `mmap.MAP_PRIVATE` or `mmap.MAP_SHARED`. As a context manager, only inside the block.

    Differs from torch: a write to a tensor never changes the file, not even with MAP_SHARED.
    """

    def __init__(self, flags: int):
        if flags not in (_mmap.MAP_PRIVATE, _mmap.MAP_SHARED):
            raise ValueError(
                f"Invalid argument in function set_default_mmap_options, expected mmap.MAP_PRIVATE or mmap.MAP_SHARED, but got {flags}"
            )
        self.prev = switches.LoadSwitches.mmap_flags
        switches.LoadSwitches.mmap_flags = flags

    def __enter__(self):
        pass

    def __exit__(self, *exc):
        switches.LoadSwitches.mmap_flags = self.prev


# ---- save


def save(
    obj,
    f,
    pickle_module=pickle,
    pickle_protocol: int = DEFAULT_PROTOCOL,
    _use_new_zipfile_serialization: bool = True,
    _disable_byteorder_record: bool = False,
) -> None:
    """Write an object to a file that `load`, here and in PyTorch, reads back.

    Tensors that share memory share it again after loading. A slice is saved with the whole memory that it is a part
    of; `.clone()` it first to save the slice alone.

    A path holds the old file or the whole new one, whatever happens: all values are computed first, then a file beside
    it is written, flushed to the disk and renamed. Permissions stay, and a symbolic link stays a link. A file object, a
    pipe and a device are written as they are given.

    Args:
        obj: tensors, state_dicts, modules, any Python data that can be pickled.
        f: a path, or an object with `write` and `flush`.
        pickle_module: the module whose `Pickler` is used.
        pickle_protocol: PyTorch reads 2 and 3 with `weights_only=True`, all of them without.

    Raises:
        RuntimeError: the folder does not exist, the file cannot be written, or tensors read the same memory as
            different dtypes.

    Differs from torch: another hard link to the file keeps the old content, because the new file is another one.

    >>> import io
    >>> file = io.BytesIO()
    >>> torch.save({"weight": torch.ones(2)}, file)
    >>> _ = file.seek(0)
    >>> torch.load(file)
    {'weight': tensor([1., 1.])}
    """
    is_path = isinstance(f, (str, os.PathLike))
    if not is_path and not hasattr(f, "write"):
        raise AttributeError("expected 'f' to be string, path, or a file-like object with a 'write' attribute")
    if not _use_new_zipfile_serialization:
        parts = legacy.stream_parts(obj, pickle_module, pickle_protocol)
    else:
        if not is_path and not callable(f.write):
            raise TypeError(f"Buffer of {str(type(f)).strip('<>')} has no callable attribute 'write'")
        root = archive.root_of(os.fspath(f)) if is_path else "archive"
        parts = _records(obj, pickle_module, pickle_protocol, root, not _disable_byteorder_record)
    # Everything is computed now. What fails from here on is the writing.
    if is_path:
        _write_at(os.fspath(f), parts)
    else:
        for part in parts:
            f.write(part)
        f.flush()


def _records(obj, pickle_module, protocol, root, byte_order):
    """The parts of an archive, in order."""
    storages = pickling.StorageTable(location_tag)
    buffer = io.BytesIO()
    pickling.dump(obj, buffer, pickle_module, protocol, storages.persistent_id)
    records = {
        "data.pkl": buffer.getvalue(),
        ".format_version": b"1",
        ".storage_alignment": b"%d" % switches.SaveSwitches.storage_alignment,
    }
    if byte_order:
        records["byteorder"] = sys.byteorder.encode()
    skips = switches.skips_data()
    records |= {
        f"data/{key}": archive.empty_bytes(storage.nbytes) if skips else storage.memory()
        for key, storage in storages.found.items()
    }
    return archive.archive_parts(
        records, root, switches.SaveSwitches.compute_crc32, switches.SaveSwitches.storage_alignment
    )


def _write_at(path, parts):
    folder = os.path.dirname(path)
    if folder and not os.path.isdir(folder):
        raise RuntimeError(f"Parent directory {folder} does not exist.")
    opened = False
    try:
        with replacement_of(path) as file:
            opened = True
            for part in parts:
                file.write(part)
    except OSError as error:
        if opened:
            raise RuntimeError(f"PytorchStreamWriter failed writing file {path}: {error.strerror}") from None
        raise RuntimeError(
            f"[enforce fail at inline_container.cc:747] . open file failed with strerror: {error.strerror}"
        ) from None


# ---- load


def load(
    f,
    map_location=None,
    pickle_module=None,
    *,
    weights_only: bool | None = None,
    mmap: bool | None = None,
    **pickle_load_args,
):
    """Read an object that `save`, here or in PyTorch, wrote.

    Args:
        f: a path, or an object with `read`, `readline`, `seek` and `tell`.
        map_location: where tensors are put: a device or its name, a dict {saved location: new location}, or a function
            (storage, location) -> storage or None. Default: where they were when they were saved.
        pickle_module: the module whose `Unpickler` is used; only without `weights_only`.
        weights_only: refuse everything but tensors, containers, numbers, strings, and what `add_safe_globals`
            allowed. Without it a file can run any code, so use that only for files you trust. Default: True.
        mmap: map the file into memory instead of reading it; needs a path.
        pickle_load_args: for the unpickler, such as `encoding="latin1"` for files of Python 2.

    Raises:
        pickle.UnpicklingError: the file contains something that `weights_only` refuses, or is not a pickle.
        RuntimeError: the archive is damaged, or this machine does not have the device.

    Differs from torch: a record that does not match its checksum raises. TorchScript archives, sparse,
    quantized and nested tensors, `.safetensors` and the .tar format raise NotImplementedError.
    """
    weights_only = _weights_only(weights_only, pickle_module)
    mmap = switches.LoadSwitches.mmap if mmap is None else mmap
    if weights_only and pickle_module is not None:
        raise RuntimeError("Can not safely load weights when explicit pickle_module is specified")
    if pickle_load_args and weights_only:
        warnings.warn("pickle_load_args only works if `weights_only=False`.", stacklevel=2)
    module = None if weights_only else pickle_module or pickle
    options = {"encoding": "utf-8"} | pickle_load_args
    if not isinstance(f, (str, os.PathLike)):
        _check_seekable(f)
        return _load_file(f, None, map_location, module, mmap, options)
    path = os.fspath(f)
    if path.endswith(".safetensors"):
        raise NotImplementedError("jtorch.load does not read .safetensors files")
    with open(path, "rb") as file:
        return _load_file(file, f, map_location, module, mmap, options)


def _weights_only(asked, pickle_module):
    force, forbid = config.forced_weights_only()
    if force and forbid:
        raise RuntimeError(
            "Only one of `TORCH_FORCE_WEIGHTS_ONLY_LOAD` or `TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD` should be set, but both were set."
        )
    if force:
        return True
    if asked is not None:
        return asked
    if forbid:
        warnings.warn(
            "Environment variable TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD detected, since the`weights_only` argument was not explicitly passed "
            "to `torch.load`, forcing weights_only=False.",
            stacklevel=3,
        )
        return False
    return pickle_module is None


def _check_seekable(f):
    try:
        f.seek(f.tell())
    except (io.UnsupportedOperation, AttributeError) as error:
        if "seek" not in str(error) and "tell" not in str(error):
            raise
        raise type(error)(
            f"{error}. You can only torch.load from a file that is seekable. "
            "Please pre-load the data into a buffer like io.BytesIO and try to load from it instead."
        ) from None


def _load_file(file, path, map_location, module, mmap, options):
    """`path` is None for a file-like object of the user, `module` is None for weights only."""
    try:
        if archive.is_archive(file):
            return _load_archive(Reader(file), path, map_location, module, mmap, options)
        if mmap:
            name = f"{path}, " if isinstance(path, str) else ""
            raise RuntimeError(
                f"mmap can only be used with files saved with `torch.save({name}_use_new_zipfile_serialization=True), please torch.save "
                "your checkpoint with this option in order to use mmap."
            )
        return legacy.load_stream(file, map_location, module, options)
    except pickle.UnpicklingError as error:
        if module is not None:
            raise
        raise pickle.UnpicklingError(unpickling.with_advice(str(error))) from None


def _load_archive(reader, path, map_location, module, mmap, options):
    if "constants.pkl" in reader:
        if module is None:
            raise RuntimeError(
                "Cannot use ``weights_only=True`` with TorchScript archives passed to ``torch.load``. "
                + unpickling.UNSAFE
            )
        raise NotImplementedError("jtorch does not read TorchScript archives")
    for name in (".format_version", ".data/serialization_id"):
        if name in reader:
            reader.read(name)  # not used, but it may be damaged
    if ".storage_alignment" in reader:
        int(reader.read(".storage_alignment"))  # not used: where a record begins is in its header
    mapped = _map(path) if mmap else None
    storages = _StorageReader(reader, mapped, map_location)
    data = io.BytesIO(reader.read("data.pkl"))
    if module is None:
        return unpickling.Unpickler(data, persistent_load=storages.persistent_load, **options).load()
    return unpickling.full_unpickler(module, storages.persistent_load)(data, **options).load()


def _map(path):
    if path is None:
        raise ValueError("f must be a file path in order to use the mmap argument")
    # Copy on write: a write to the array does not change the file.
    return np.memmap(path, np.uint8, "c").view(np.ndarray)


class _StorageReader:
    """The storages of an archive. Each is read when the pickle names it for the first time."""

    def __init__(self, reader, mapped, map_location):
        self._reader = reader
        self._mapped = mapped
        self._restore = restorer(map_location)
        self._meta = is_meta(map_location)
        self._loaded: dict[str, LoadedStorage] = {}
        self._swap = _byte_order(reader) != sys.byteorder

    def persistent_load(self, saved_id):
        if not isinstance(saved_id, tuple):
            raise AssertionError(f"saved_id must be a tuple, got {type(saved_id).__name__}")
        kind, *data = (unpickling.decoded(saved_id[0]), *saved_id[1:])
        if kind != "storage":
            raise AssertionError(f"Unknown typename for persistent_load, expected 'storage' but got '{kind}'")
        storage_type, key, location, numel = data
        if key not in self._loaded:
            storage = self._read(key, storage_type.dtype, numel)
            self._loaded[key] = storage if self._meta else self._restore(storage, unpickling.decoded(location))
        return self._loaded[key]

    def _read(self, key, dtype, numel):
        size = numel * dtype.itemsize
        name = f"data/{key}"
        if self._meta:
            self._reader.offset(name)  # raises if there is no such record
            return LoadedStorage(None, size, dtype).to("meta")
        if switches.skips_data():
            self._reader.offset(name)
            raw = archive.empty_bytes(size)
        elif self._mapped is None:
            raw = self._reader.storage(name, size)
        else:
            raw = self._reader.view(name, size, self._mapped)
        return LoadedStorage(_in_native_order(raw, dtype) if self._swap else raw, size, dtype)


def _byte_order(reader):
    if "byteorder" in reader:
        order = reader.read("byteorder").decode()
        if order not in ("little", "big"):
            raise ValueError(f"Unknown endianness type: {order}")
        return order
    order = {LoadEndianness.BIG: "big", LoadEndianness.NATIVE: sys.byteorder}
    return order.get(switches.LoadSwitches.endianness, "little")


def _in_native_order(raw, dtype):
    """The bytes in this machine's order: those of each number reversed, of a complex one those of each part."""
    width = dtype.itemsize // (2 if dtype.is_complex else 1)
    return raw.reshape(-1, width)[:, ::-1].reshape(-1)


# ---- inspection


def get_unsafe_globals_in_checkpoint(f) -> list[str]:
    """The classes and functions that a file names and `load(weights_only=True)` would refuse.

    Raises:
        ValueError: not an archive of `save`.
    """
    if isinstance(f, (str, os.PathLike)):
        with open(f, "rb") as file:
            return get_unsafe_globals_in_checkpoint(file)
    if not archive.is_archive(f):
        raise ValueError("Expected input to be a checkpoint returned by torch.save")
    reader = Reader(f)
    if "constants.pkl" in reader:
        raise ValueError("Expected input to be a checkpoint returned by torch.save but got a torchscript checkpoint")
    return sorted(unpickling.globals_in(reader.read("data.pkl")) - unpickling.safe_paths())
