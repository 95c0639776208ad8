"""`torch.distributed.checkpoint`: checkpoints in parts. They are not built: `torch.save` on one process writes a whole one."""

from __future__ import annotations

__all__ = ["FileSystemReader", "FileSystemWriter", "load", "save"]


def _refuse_parts(*args, **options):
    """Raises NotImplementedError."""
    raise NotImplementedError(
        "torch.distributed.checkpoint: jtorch writes whole checkpoints, torch.save(model.state_dict(), path) on one process"
    )


load = save = async_save = _refuse_parts


class FileSystemReader:
    """Reads a checkpoint in parts. Making one raises NotImplementedError."""

    def __init__(self, path, *args, **options):
        _refuse_parts()


class FileSystemWriter(FileSystemReader):
    """Writes a checkpoint in parts. Making one raises NotImplementedError."""
