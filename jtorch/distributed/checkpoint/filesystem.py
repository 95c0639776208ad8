"""Checkpoints as files in a folder: one for the parts of each process, and `.metadata`, which says where each part is.

A file holds parts one after the other, each as `torch.save` writes it. Each save writes files with new names. After all of them
are on the disk, `.metadata` is written under another name and renamed. Then the files of the save before are removed. So if a
process is killed, the old checkpoint or the new one is whole.
"""

from __future__ import annotations

import contextlib
import io
import os
import pickle
import re
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from jtorch.core.facts import Size, dtype, layout
from jtorch.distributed.checkpoint.metadata import Metadata
from jtorch.serialization import global_names, load, save
from jtorch.serialization.pickling import DEFAULT_PROTOCOL, dump

__all__ = ["FileSystemReader", "FileSystemWriter", "StorageInfo", "_StorageInfo"]

_METADATA = ".metadata"


@dataclass
class StorageInfo:
    """Where a part is: the file, the offset and the number of bytes."""

    relative_path: str
    offset: int
    length: int
    transform_descriptors: list | None = None

    def __getstate__(self):
        return {k: v for k, v in self.__dict__.items() if v is not None}


StorageInfo.__name__ = StorageInfo.__qualname__ = "_StorageInfo"  # as PyTorch's files name it
_StorageInfo = StorageInfo


class _MetadataUnpickler(pickle.Unpickler):
    """Reads `.metadata`. It makes instances of the classes of such files only, so a file cannot run other code."""

    def find_class(self, module, name):
        if module in ("pathlib", "pathlib._local") and name in ("PosixPath", "PurePosixPath", "Path"):
            return PurePosixPath
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if global_names.is_torch_module(module):
            found = global_names.find(module, name)
            ours = "torch.distributed.checkpoint." in getattr(found, "__module__", "")  # or "jtorch."
            if ours or found is Size or isinstance(found, dtype | layout) or name == "_get_layout":
                return found
        raise pickle.UnpicklingError(f"a checkpoint's {_METADATA} must not contain {module}.{name}")


class FileSystemReader:
    """Reads a checkpoint from a folder.

    Args:
        path: the folder.
    """

    def __init__(self, path):
        self.path = Path(path)

    def read_metadata(self) -> Metadata:
        """The metadata of the checkpoint.

        Raises:
            FileNotFoundError: the folder has no checkpoint.
        """
        with open(self.path / _METADATA, "rb") as file:
            return _MetadataUnpickler(file).load()

    def read_part(self, info: StorageInfo):
        """One tensor or object."""
        if info.transform_descriptors:
            raise NotImplementedError(f"a checkpoint with parts that are {info.transform_descriptors}")
        with open(self.path / _inside_folder(info.relative_path), "rb") as file:
            file.seek(info.offset)
            return load(io.BytesIO(file.read(info.length)), weights_only=False)


def _inside_folder(path):
    """The name of a file of the checkpoint."""
    if Path(path).is_absolute() or ".." in Path(path).parts:
        raise pickle.UnpicklingError(f"a checkpoint must not refer to the file {path}")
    return path


class FileSystemWriter(FileSystemReader):
    """Writes a checkpoint to a folder, which is made if it is missing.

    Args:
        path: the folder.
        sync_files: whether to wait until the disk has the files.
        overwrite: False: raise an error if the folder has a checkpoint.
        single_file_per_rank, thread_count, ...: have no effect.
    """

    def __init__(self, path, single_file_per_rank=True, sync_files=True, thread_count=1, per_thread_copy_ahead=10_000_000,
                 cache_staged_state_dict=False, overwrite=True, **options):  # fmt: skip
        super().__init__(path)
        self.sync_files, self.overwrite = sync_files, overwrite

    def next_number(self) -> int:
        """A number that no file of the folder has in its name.

        Raises:
            RuntimeError: there is a checkpoint, and `overwrite` is False.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        if not self.overwrite and (self.path / _METADATA).exists():
            raise RuntimeError(f"Checkpoint already exists and self.overwrite={self.overwrite}.")
        found = [re.fullmatch(r"__\d+_(\d+)\.distcp", name) for name in os.listdir(self.path)]
        return max([int(match[1]) + 1 for match in found if match], default=0)

    def write_parts(self, name: str, things) -> list[tuple[int, int]]:
        """Write tensors and objects to one file. Returns (offset, length) for each."""
        places = []
        with open(self.path / name, "wb") as file:
            for thing in things:
                start, buffer = file.tell(), io.BytesIO()
                save(thing, buffer)
                file.write(buffer.getbuffer())
                places.append((start, file.tell() - start))
            self._sync(file)
        return places

    def write_metadata(self, made: Metadata) -> None:
        """Write `.metadata`, and remove the files that it does not name."""
        beside = self.path / (_METADATA + ".tmp")
        with open(beside, "wb") as file:
            dump(made, file, pickle, DEFAULT_PROTOCOL, lambda thing: None)
            self._sync(file)
        os.replace(beside, self.path / _METADATA)
        used = {info.relative_path for info in made.storage_data.values()}
        for name in os.listdir(self.path):
            if name.endswith(".distcp") and name not in used:
                with contextlib.suppress(FileNotFoundError):
                    os.remove(self.path / name)

    def _sync(self, file):
        if self.sync_files:
            file.flush()
            os.fsync(file.fileno())
