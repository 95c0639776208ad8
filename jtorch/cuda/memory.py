"""Memory of the GPUs, as JAX reports it."""

from __future__ import annotations

from jtorch.cuda._utils import is_available, jax_device


def _memory_stat(device, key):
    return (jax_device(device).memory_stats() or {}).get(key, 0) if is_available() else 0


def memory_allocated(device=None) -> int:
    """The bytes that arrays use now."""
    return _memory_stat(device, "bytes_in_use")


def max_memory_allocated(device=None) -> int:
    """The most bytes that arrays have used."""
    return _memory_stat(device, "peak_bytes_in_use")


def memory_reserved(device=None) -> int:
    """The bytes that JAX has reserved on the GPU."""
    return _memory_stat(device, "pool_bytes") or memory_allocated(device)


def max_memory_reserved(device=None) -> int:
    """The most bytes that JAX has reserved on the GPU."""
    return _memory_stat(device, "peak_pool_bytes") or max_memory_allocated(device)


def mem_get_info(device=None) -> tuple[int, int]:
    """(free, total) bytes of the GPU."""
    total = _memory_stat(device, "bytes_limit")
    return total - memory_allocated(device), total


def memory_summary(device=None, abbreviated=False) -> str:
    """JAX's memory counts as text."""
    return "\n".join(f"{k}: {v}" for k, v in sorted((jax_device(device).memory_stats() or {}).items()))


def reset_peak_memory_stats(device=None) -> None:
    """Accepted, and does nothing: JAX cannot reset its peak."""


reset_max_memory_allocated = reset_max_memory_cached = reset_peak_memory_stats


def empty_cache() -> None:
    """Accepted, and does nothing: JAX keeps its memory pool."""
