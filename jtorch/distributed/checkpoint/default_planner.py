"""What a process would read and write of a checkpoint in parts. It is not built."""

from jtorch.distributed.checkpoint import FileSystemReader as DefaultLoadPlanner
from jtorch.distributed.checkpoint import FileSystemWriter as DefaultSavePlanner

__all__ = ["DefaultLoadPlanner", "DefaultSavePlanner"]
