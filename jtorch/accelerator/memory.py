"""Memory of the accelerator."""

from __future__ import annotations

from jtorch import cuda
from jtorch.accelerator._utils import require_accelerator


def empty_host_cache() -> None:
    """Accepted, and does nothing: JAX keeps no pinned memory of the host."""
    require_accelerator()


def memory_reserved(device_index=None, /) -> int:
    """The bytes that JAX has reserved on the accelerator."""
    require_accelerator()
    return cuda.memory_reserved(device_index)


def max_memory_reserved(device_index=None, /) -> int:
    """The most bytes that JAX has reserved on the accelerator."""
    require_accelerator()
    return cuda.max_memory_reserved(device_index)


def memory_stats(device_index=None, /) -> dict:
    """The counts that JAX reports, under PyTorch's names."""
    require_accelerator()
    return cuda.memory_stats(device_index)


def get_memory_info(device_index=None, /) -> tuple[int, int]:
    """(free, total) bytes of the accelerator."""
    require_accelerator()
    return cuda.mem_get_info(device_index)


def reset_peak_memory_stats(device_index=None, /) -> None:
    """Accepted, and does nothing: JAX cannot reset its peak."""
    require_accelerator()


def reset_accumulated_memory_stats(device_index=None, /) -> None:
    """Accepted, and does nothing: JAX cannot reset its counts."""
    require_accelerator()


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
