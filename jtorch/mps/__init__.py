"""`torch.mps`: Apple's GPUs. There are none: this is what a PyTorch built without them has."""

from __future__ import annotations


def is_available() -> bool:
    """False."""
    return False


def device_count() -> int:
    """0."""
    return 0


def _refused(inner):
    def refuse(*args, **kwargs):
        """Raises RuntimeError."""
        raise RuntimeError(f"Cannot execute {inner}() without MPS backend.")

    return refuse


get_rng_state = manual_seed = seed = set_rng_state = _refused("getDefaultGenerator")
synchronize = _refused("deviceSynchronize")
empty_cache = _refused("emptyCache")
set_per_process_memory_fraction = _refused("setMemoryFraction")
current_allocated_memory = _refused("getCurrentAllocatedMemory")
driver_allocated_memory = _refused("getDriverAllocatedMemory")
recommended_max_memory = _refused("getRecommendedMaxMemory")
compile_shader = _refused("compileShader")


class Event:
    """A point in a GPU's work. Making one raises RuntimeError."""

    def __init__(self, enable_timing=False):
        _refused("acquireEvent")()
