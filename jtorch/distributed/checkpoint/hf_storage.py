"""Distributed checkpoints as safetensors files: jtorch does not have them."""

from __future__ import annotations

__all__ = ["HuggingFaceStorageReader", "HuggingFaceStorageWriter"]


def refuse_safetensors(*args, **options):
    """Raises NotImplementedError."""
    raise NotImplementedError(
        "torch.distributed.checkpoint: safetensors in parts; save and load write PyTorch's own files"
    )


class HuggingFaceStorageReader:
    """Reads such a checkpoint. Making one raises NotImplementedError."""

    def __init__(self, path, *args, **options):
        refuse_safetensors()


class HuggingFaceStorageWriter(HuggingFaceStorageReader):
    """Writes such a checkpoint. Making one raises NotImplementedError."""
