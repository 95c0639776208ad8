"""Memory of the accelerator."""

from __future__ import annotations

from jtorch import cuda
from jtorch.accelerator._utils import require_accelerator


def empty_cache() -> None:
    """Nothing: XLA's memory is its own to keep."""
    require_accelerator()
    cuda.empty_cache()


def memory_allocated(device=None) -> int:
    """Bytes that arrays take up now."""
    require_accelerator()
    return cuda.memory_allocated(device)


def max_memory_allocated(device=None) -> int:
    """Bytes that arrays took up at most."""
    require_accelerator()
    return cuda.max_memory_allocated(device)
