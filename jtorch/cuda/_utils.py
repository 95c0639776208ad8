"""The GPUs that JAX sees: their number, the current one, their properties."""

from __future__ import annotations

import jax

from jtorch.core import engine
from jtorch.core.facts import device as a_device
from jtorch.core.facts import devices
from jtorch.core.methods import CUDA_TYPES

BFloat16Tensor = CUDA_TYPES["BFloat16Tensor"]
BoolTensor = CUDA_TYPES["BoolTensor"]
ByteTensor = CUDA_TYPES["ByteTensor"]
CharTensor = CUDA_TYPES["CharTensor"]
DoubleTensor = CUDA_TYPES["DoubleTensor"]
FloatTensor = CUDA_TYPES["FloatTensor"]
HalfTensor = CUDA_TYPES["HalfTensor"]
IntTensor = CUDA_TYPES["IntTensor"]
LongTensor = CUDA_TYPES["LongTensor"]
ShortTensor = CUDA_TYPES["ShortTensor"]

_KIND = devices.KINDS["cuda"]


def is_available() -> bool:
    """Whether JAX has a GPU."""
    return _KIND.available()


def device_count() -> int:
    """How many GPUs JAX has."""
    return len(_KIND.devices())


def require_gpu():
    if not is_available():
        raise AssertionError("Torch not compiled with CUDA enabled")


def number_of(device):
    if device is None:
        return devices.current_index("cuda")
    if isinstance(device, int):
        return device
    index = a_device(device).index
    return devices.current_index("cuda") if index is None else index


def jax_device(device):
    require_gpu()
    return _KIND.devices()[number_of(device)]


def current_device() -> int:
    """The index of the GPU that "cuda" without an index means in this thread."""
    require_gpu()
    return devices.current_index("cuda")


def set_device(device) -> None:
    """Make "cuda" without an index mean this GPU in this thread."""
    index = number_of(device)
    if index >= 0:
        require_gpu()
        devices.set_current_index(index)


class device:
    """Inside the `with` block, "cuda" without an index means this GPU."""

    def __init__(self, device):
        self.index = -1 if device is None else number_of(device)

    def __enter__(self):
        self._before = devices.current_index("cuda")
        if self.index >= 0:
            set_device(self.index)

    def __exit__(self, *exc):
        devices.set_current_index(self._before)


class device_of(device):
    """Inside the `with` block, "cuda" without an index means the GPU of a tensor; nothing changes for one on the CPU."""

    def __init__(self, obj):
        super().__init__(obj.get_device() if obj.is_cuda else None)


def get_arch_list() -> list[str]:
    """The GPUs that were built for: XLA compiles for the one that is there."""
    return [f"sm_{''.join(map(str, get_device_capability()))}"] if is_available() else []


def get_device_name(device=None) -> str:
    """The GPU's name."""
    return jax_device(device).device_kind


def get_device_capability(device=None) -> tuple[int, int]:
    """(major, minor) of the GPU's compute capability."""
    major, _, minor = str(getattr(jax_device(device), "compute_capability", "0.0")).partition(".")
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
    return _Properties(jax_device(device))


def synchronize(device=None) -> None:
    """Wait until the GPU has done everything it was given."""
    engine.flush()
    if is_available():
        jax.device_put(0.0, jax_device(device)).block_until_ready()


def is_bf16_supported(including_emulation=True) -> bool:
    """Whether the GPU computes in bfloat16."""
    return is_available()


def is_tf32_supported() -> bool:
    """Whether the GPU multiplies in TensorFloat32: from compute capability 8 on."""
    return is_available() and get_device_capability() >= (8, 0)


def is_initialized() -> bool:
    """Whether the GPU is in use."""
    return is_available()


def init() -> None:
    """Start the GPU backend."""
    require_gpu()
