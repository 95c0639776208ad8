"""Memory of the accelerator."""

from __future__ import annotations

from jtorch import cuda
from jtorch.accelerator._utils import require_accelerator


def empty_cache() -> None:
    """Accepted, and does nothing: XLA keeps its memory."""
    require_accelerator()
    cuda.empty_cache()


def memory_allocated(device=None) -> int:
    """The bytes that arrays use now."""
    require_accelerator()
    return cuda.memory_allocated(device)


def max_memory_allocated(device=None) -> int:
    """The most bytes that arrays have used."""
    require_accelerator()
    return cuda.max_memory_allocated(device)
