"""Checkpoints in parts, as safetensors. They are not built."""

from jtorch.distributed.checkpoint import FileSystemReader as HuggingFaceStorageReader
from jtorch.distributed.checkpoint import FileSystemWriter as HuggingFaceStorageWriter

__all__ = ["HuggingFaceStorageReader", "HuggingFaceStorageWriter"]
