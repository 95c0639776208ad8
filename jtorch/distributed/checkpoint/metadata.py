"""The content of a checkpoint's file `.metadata`: the size and the parts of each tensor, and the file of each part.

The names and fields are PyTorch's, so that either library reads what the other wrote.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import Any

from jtorch.core.facts import Size, contiguous_format, dtype, dtypes, layout, strided

__all__ = [
    "_MEM_FORMAT_ENCODING",
    "BytesStorageMetadata",
    "ChunkStorageMetadata",
    "Metadata",
    "MetadataIndex",
    "StorageMeta",
    "TensorProperties",
    "TensorStorageMetadata",
]


@dataclass
class ChunkStorageMetadata:
    """A part of a tensor: where it begins, and its size."""

    offsets: Size
    sizes: Size


class _MEM_FORMAT_ENCODING(enum.Enum):
    """A memory format as a file names it."""

    TORCH_CONTIGUOUS_FORMAT = 0
    TORCH_CHANNELS_LAST = 1
    TORCH_PRESERVE_FORMAT = 2


@dataclass
class TensorProperties:
    """The dtype of a tensor; the other fields are no longer used."""

    dtype: dtype = dtypes.float32
    layout: layout = strided
    requires_grad: bool = False
    memory_format: Any = contiguous_format
    pin_memory: bool = False

    def __getstate__(self):
        encoded = _MEM_FORMAT_ENCODING.TORCH_CONTIGUOUS_FORMAT
        return self.dtype, self.layout, self.requires_grad, encoded, self.pin_memory

    def __setstate__(self, state):
        self.dtype, self.layout, self.requires_grad, _, self.pin_memory = state
        self.memory_format = contiguous_format


@dataclass
class TensorStorageMetadata:
    """A tensor: its size, and its parts."""

    properties: TensorProperties
    size: Size
    chunks: list[ChunkStorageMetadata]


@dataclass
class BytesStorageMetadata:
    """A value that is not a tensor."""


@dataclass
class StorageMeta:
    """The identity of a checkpoint and of a save."""

    checkpoint_id: Any = None
    save_id: str | None = None
    load_id: str | None = None
    modules: list[str] = field(default_factory=list)


@dataclass
class Metadata:
    """A checkpoint: {name: its metadata}, {name: its path in the state_dict}, {part: its file and offset}."""

    state_dict_metadata: dict
    planner_data: Any = None
    storage_data: Any = None
    storage_meta: StorageMeta | None = None
    version: str | None = None


@dataclass(frozen=True)
class MetadataIndex:
    """The name of a part: that of the tensor, and where the part begins."""

    fqn: str
    offset: Size | None = None
    index: int | None = field(hash=False, compare=False, default=None)
