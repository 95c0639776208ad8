"""`torch.accelerator`: the device that is not the CPU, whatever its name. Here: JAX's GPUs, named cuda."""

from jtorch.accelerator import memory
from jtorch.accelerator._utils import (
    current_accelerator,
    current_device_index,
    current_stream,
    device_count,
    device_index,
    is_available,
    set_device_index,
    synchronize,
)
from jtorch.accelerator._utils import current_device_index as current_device_idx
from jtorch.accelerator._utils import set_device_index as set_device_idx
from jtorch.accelerator.memory import empty_cache, max_memory_allocated, memory_allocated
