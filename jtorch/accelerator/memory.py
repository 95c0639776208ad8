"""Memory of the accelerator."""

from __future__ import annotations

from jtorch import cuda
from jtorch.accelerator._utils import needed


def empty_cache() -> None:
    """Nothing: XLA's memory is its own to keep."""
    needed()
    cuda.empty_cache()


def memory_allocated(device=None) -> int:
    """Bytes that arrays take up now."""
    needed()
    return cuda.memory_allocated(device)


def max_memory_allocated(device=None) -> int:
    """Bytes that arrays took up at most."""
    needed()
    return cuda.max_memory_allocated(device)
