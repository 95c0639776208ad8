"""`torch.xpu`: Intel's GPUs. There are none: this is what a PyTorch built without them has.

What asks says no, what counts says 0, and what needs such a GPU raises AssertionError.
"""

from __future__ import annotations

from collections import OrderedDict

default_generators = ()


def is_available() -> bool:
    """False."""
    return False


is_initialized = is_available


def is_bf16_supported(including_emulation=True) -> bool:
    """False."""
    return False


def is_tf32_supported() -> bool:
    """False."""
    return False


def device_count() -> int:
    """0."""
    return 0


def memory_allocated(device=None) -> int:
    """0."""
    return 0


memory_reserved = max_memory_allocated = max_memory_reserved = memory_allocated


def memory_stats(device=None) -> dict:
    """Nothing."""
    return OrderedDict()


def get_rng_state_all() -> list:
    """An empty list."""
    return []


def get_arch_list() -> list[str]:
    """An empty list."""
    return []


def empty_cache() -> None:
    """Nothing to do without a GPU."""


def manual_seed(seed) -> None:
    """Nothing to do without a GPU."""


def seed() -> None:
    """Nothing to do without a GPU."""


manual_seed_all, seed_all = manual_seed, seed


def set_rng_state_all(new_states) -> None:
    """Nothing to do without a GPU."""


def init(*args, **kwargs):
    """Raises AssertionError."""
    raise AssertionError("Torch not compiled with XPU enabled")


current_device = current_stream = get_device_capability = get_device_name = get_device_properties = init
get_rng_state = initial_seed = mem_get_info = set_device = set_rng_state = set_stream = synchronize = init
reset_accumulated_memory_stats = reset_peak_memory_stats = is_current_stream_capturing = init


class Stream:
    """A queue of a GPU's work. Making one raises RuntimeError."""

    def __init__(self, *args, **kwargs):
        raise RuntimeError(f"Tried to instantiate dummy base class {type(self).__name__}")


class Event(Stream):
    """A point in a GPU's work. Making one raises RuntimeError."""


class device:
    """A `with` block on a GPU; nothing is done without one."""

    def __init__(self, device):
        self.idx = device

    def __enter__(self):
        return None

    def __exit__(self, *exc):
        return False


class StreamContext(device):
    """A `with` block on a stream; nothing is done without one."""


def stream(stream) -> StreamContext:
    """A `with` block on a stream; nothing is done without one."""
    return StreamContext(stream)
