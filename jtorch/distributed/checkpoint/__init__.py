"""`torch.distributed.checkpoint`: checkpoints of which every process writes a part, in PyTorch's format.

PyTorch can read them, and so can another number of processes, or one alone.
"""

from __future__ import annotations

from jtorch.distributed.checkpoint.api import CheckpointException
from jtorch.distributed.checkpoint.filesystem import FileSystemReader, FileSystemWriter
from jtorch.distributed.checkpoint.metadata import (
    BytesStorageMetadata,
    ChunkStorageMetadata,
    Metadata,
    TensorStorageMetadata,
)
from jtorch.distributed.checkpoint.state_dict_loader import load, load_state_dict
from jtorch.distributed.checkpoint.state_dict_saver import async_save, save, save_state_dict

__all__ = [
    "BytesStorageMetadata", "CheckpointException", "ChunkStorageMetadata", "FileSystemReader", "FileSystemWriter", "Metadata",
    "TensorStorageMetadata", "async_save", "load", "load_state_dict", "save", "save_state_dict",
]  # fmt: skip
