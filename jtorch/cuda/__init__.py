"""`torch.cuda`: the GPUs that JAX sees.

Work is handed to a GPU in order and without waiting, as in PyTorch, so streams and events are names that do
nothing more. Memory counts are what JAX reports.
"""

from __future__ import annotations

import contextlib
import time

import jax

from jtorch.core.facts import devices
from jtorch.core import engine
from jtorch.cuda import amp
from jtorch.core.facts import device as _device
from jtorch.core.ops.make import random as _random

_KIND = devices.KINDS["cuda"]


def is_available() -> bool:
    """Whether JAX has a GPU."""
    return _KIND.available()


def device_count() -> int:
    """How many GPUs JAX has."""
    return len(_KIND.devices())


def _lazy_init():
    if not is_available():
        raise AssertionError("Torch not compiled with CUDA enabled")


def _number(device):
    if device is None:
        return devices.current_index("cuda")
    if isinstance(device, int):
        return device
    index = _device(device).index
    return devices.current_index("cuda") if index is None else index


def _jax(device):
    _lazy_init()
    return _KIND.devices()[_number(device)]


def current_device() -> int:
    """The number of the GPU that a bare "cuda" means in this thread."""
    _lazy_init()
    return devices.current_index("cuda")


def set_device(device) -> None:
    """Make a bare "cuda" mean this GPU in this thread."""
    index = _number(device)
    if index >= 0:
        _lazy_init()
        devices.set_current_index(index)


class device:
    """A bare "cuda" means this GPU inside a `with` block."""

    def __init__(self, device):
        self.index = -1 if device is None else _number(device)

    def __enter__(self):
        self._before = devices.current_index("cuda")
        if self.index >= 0:
            set_device(self.index)

    def __exit__(self, *exc):
        devices.set_current_index(self._before)


def get_device_name(device=None) -> str:
    """The GPU's name."""
    return _jax(device).device_kind


def get_device_capability(device=None) -> tuple[int, int]:
    """(major, minor) of the GPU's compute capability."""
    major, _, minor = str(getattr(_jax(device), "compute_capability", "0.0")).partition(".")
    return int(major), int(minor or 0)


class _Properties:
    def __init__(self, d):
        stats = d.memory_stats() or {}
        self.name = d.device_kind
        self.total_memory = stats.get("bytes_limit", 0)
        self.multi_processor_count = getattr(d, "core_count", 0)
        self.major, self.minor = get_device_capability(devices.of_jax(d).device)

    def __repr__(self):
        return (
            f"_CudaDeviceProperties(name='{self.name}', major={self.major}, minor={self.minor},"
            f" total_memory={self.total_memory // 2**20}MB, multi_processor_count={self.multi_processor_count})"
        )


def get_device_properties(device=None):
    """Name, memory (bytes) and capability of a GPU."""
    return _Properties(_jax(device))


def synchronize(device=None) -> None:
    """Wait until the GPU has done everything it was given."""
    engine.flush()
    if is_available():
        jax.device_put(0.0, _jax(device)).block_until_ready()


def _memory(device, key):
    return (_jax(device).memory_stats() or {}).get(key, 0) if is_available() else 0


def memory_allocated(device=None) -> int:
    """Bytes that arrays take up now."""
    return _memory(device, "bytes_in_use")


def max_memory_allocated(device=None) -> int:
    """Bytes that arrays took up at most."""
    return _memory(device, "peak_bytes_in_use")


def memory_reserved(device=None) -> int:
    """Bytes that JAX has taken from the GPU."""
    return _memory(device, "pool_bytes") or memory_allocated(device)


def max_memory_reserved(device=None) -> int:
    """Bytes that JAX has taken from the GPU at most."""
    return _memory(device, "peak_pool_bytes") or max_memory_allocated(device)


def mem_get_info(device=None) -> tuple[int, int]:
    """(free, total) bytes of the GPU."""
    total = _memory(device, "bytes_limit")
    return total - memory_allocated(device), total


def memory_summary(device=None, abbreviated=False) -> str:
    """JAX's memory counts as text."""
    return "\n".join(f"{k}: {v}" for k, v in sorted((_jax(device).memory_stats() or {}).items()))


def reset_peak_memory_stats(device=None) -> None:
    """Accepted; JAX keeps its peak."""


reset_max_memory_allocated = reset_max_memory_cached = reset_peak_memory_stats


def empty_cache() -> None:
    """Accepted; JAX keeps its memory pool."""


def is_bf16_supported(including_emulation=True) -> bool:
    """Whether the GPU computes in bfloat16."""
    return is_available()


def is_initialized() -> bool:
    """Whether the GPU is in use."""
    return is_available()


def init() -> None:
    """Start the GPU backend."""
    _lazy_init()


def manual_seed(seed) -> None:
    """Start this GPU's random numbers from a seed; nothing without a GPU."""
    if is_available():
        _random.generator_of(devices.place("cuda")).manual_seed(int(seed))


def manual_seed_all(seed) -> None:
    """Start every GPU's random numbers from a seed; nothing without a GPU."""
    for i in range(device_count()):
        _random.generator_of(devices.place(_device("cuda", i))).manual_seed(int(seed))


def initial_seed() -> int:
    """The seed of this GPU's random numbers."""
    return _random.generator_of(devices.place("cuda")).initial_seed()


def get_rng_state(device="cuda"):
    """The state of a GPU's random numbers: 16 bytes, which PyTorch reads in another way."""
    _lazy_init()
    return _random.generator_of(devices.place(_device("cuda", _number(device)))).get_state()


def set_rng_state(new_state, device="cuda") -> None:
    """Let a GPU's random numbers go on from a state that `get_rng_state` gave."""
    _lazy_init()
    _random.generator_of(devices.place(_device("cuda", _number(device)))).set_state(new_state)


def get_rng_state_all() -> list:
    """The state of each GPU's random numbers."""
    return [get_rng_state(i) for i in range(device_count())]


def set_rng_state_all(new_states) -> None:
    """Let the GPUs' random numbers go on from the states that `get_rng_state_all` gave."""
    for i, state in enumerate(new_states):
        set_rng_state(state, i)


class Event:
    """A point in the GPU's work, with the host's time of it."""

    def __init__(self, enable_timing=False, blocking=False, interprocess=False):
        self._time = None

    def record(self, stream=None):
        synchronize()
        self._time = time.perf_counter()

    def synchronize(self):
        synchronize()

    def query(self):
        return True

    def elapsed_time(self, end_event):
        """Milliseconds from this event to another."""
        return (end_event._time - self._time) * 1000


class Stream:
    """A queue of work; JAX has one for each GPU."""

    def __init__(self, device=None, priority=0):
        self.device = device

    def synchronize(self):
        synchronize(self.device)

    def wait_stream(self, stream):
        """Nothing to do: there is one queue."""


def current_stream(device=None) -> Stream:
    """The GPU's queue of work."""
    return Stream(device)


default_stream = current_stream


def stream(stream):
    """A `with` block whose work goes to a stream; there is one."""
    return contextlib.nullcontext(stream)
