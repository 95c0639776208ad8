"""Memory of the GPUs, as JAX reports it."""

from __future__ import annotations

import warnings
from collections import OrderedDict

from jtorch.cuda._utils import is_available, jax_device, require_gpu


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


# JAX's names for what PyTorch counts.
_COUNTS = {
    "allocated_bytes.all.current": "bytes_in_use",
    "allocated_bytes.all.peak": "peak_bytes_in_use",
    "allocation.all.allocated": "num_allocs",
    "largest_allocation": "largest_alloc_size",
    "reserved_bytes.all.current": "pool_bytes",
    "reserved_bytes.all.peak": "peak_pool_bytes",
}


def memory_stats(device=None) -> dict[str, int]:
    """The counts that JAX reports, under PyTorch's names; empty without a GPU."""
    counts = jax_device(device).memory_stats() or {} if is_available() else {}
    return OrderedDict((name, counts[jax_name]) for name, jax_name in _COUNTS.items() if jax_name in counts)


def memory_stats_as_nested_dict(device=None) -> dict:
    """`memory_stats` as a dictionary for each part of a name."""
    tree: dict = {}
    for name, count in memory_stats(device).items():
        *outer, last = name.split(".")
        at = tree
        for part in outer:
            at = at.setdefault(part, {})
        at[last] = count
    return tree


def memory_cached(device=None) -> int:
    """The old name of `memory_reserved`."""
    warnings.warn(
        "`torch.cuda.memory_cached` has been renamed to `torch.cuda.memory_reserved`", FutureWarning, stacklevel=2
    )
    return memory_reserved(device)


def max_memory_cached(device=None) -> int:
    """The old name of `max_memory_reserved`."""
    warnings.warn(
        "`torch.cuda.max_memory_cached` has been renamed to `torch.cuda.max_memory_reserved`",
        FutureWarning,
        stacklevel=2,
    )
    return max_memory_reserved(device)


def memory_snapshot(mempool_id=None) -> list:
    """Empty: JAX tells no single allocations."""
    return []


def get_allocator_backend() -> str:
    """JAX's allocator, "native" in PyTorch's words."""
    return "native"


def set_per_process_memory_fraction(fraction: float, device=None) -> None:
    """Raises RuntimeError: JAX reads XLA_PYTHON_CLIENT_MEM_FRACTION when it starts a GPU."""
    require_gpu()
    raise RuntimeError("JAX sets the share of a GPU's memory when it starts: set XLA_PYTHON_CLIENT_MEM_FRACTION before")


def ipc_collect() -> None:
    """Accepted, and does nothing: no memory is shared between processes."""
    require_gpu()


def memory_summary(device=None, abbreviated=False) -> str:
    """JAX's memory counts as text."""
    return "\n".join(f"{k}: {v}" for k, v in sorted((jax_device(device).memory_stats() or {}).items()))


def reset_peak_memory_stats(device=None) -> None:
    """Accepted, and does nothing: JAX cannot reset its peak."""


reset_max_memory_allocated = reset_max_memory_cached = reset_accumulated_memory_stats = reset_peak_memory_stats


def empty_cache() -> None:
    """Accepted, and does nothing: JAX keeps its memory pool."""
