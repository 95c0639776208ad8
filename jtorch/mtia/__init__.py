"""`torch.mtia`: Meta's accelerators. There are none: this is what a PyTorch built without them has."""

from __future__ import annotations


def is_available() -> bool:
    """False."""
    return False


is_initialized = is_available


def device_count() -> int:
    """0."""
    return 0


def memory_allocated(device=None) -> int:
    """0."""
    return 0


max_memory_allocated = memory_allocated


def memory_stats(device=None) -> dict:
    """Nothing."""
    return {}


def reset_peak_memory_stats(device=None) -> None:
    """Nothing to do without a device."""


def init(*args, **kwargs):
    """Raises AssertionError."""
    raise AssertionError("Torch not compiled with MTIA enabled. Ensure you have `import mtia.host_runtime.")


get_rng_state = initial_seed = init


def synchronize(device=None):
    """Raises RuntimeError."""
    raise RuntimeError("Cannot execute getCurrentDevice() without MTIA backend.")


current_stream = default_stream = get_device_capability = synchronize


def current_device():
    """Raises RuntimeError."""
    synchronize()


def empty_cache():
    """Raises RuntimeError."""
    raise RuntimeError("Cannot execute emptyCache() without MTIA backend.")
