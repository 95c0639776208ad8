"""Checkpoints in parts, as safetensors. They are not built."""

from __future__ import annotations

__all__ = ["HuggingFaceStorageReader", "HuggingFaceStorageWriter"]


def refuse_safetensors(*args, **options):
    """Raises NotImplementedError."""
    raise NotImplementedError(
        "torch.distributed.checkpoint: safetensors in parts; save and load write PyTorch's own files"
    )


class HuggingFaceStorageReader:
    """Reads a checkpoint in parts. Making one raises NotImplementedError."""

    def __init__(self, path, *args, **options):
        refuse_safetensors()


class HuggingFaceStorageWriter(HuggingFaceStorageReader):
    """Writes a checkpoint in parts. Making one raises NotImplementedError."""
