"""`torch.accelerator`: the device that is not the CPU, whatever its name. Here: JAX's GPUs, named cuda."""

from jtorch.accelerator import memory
from jtorch.accelerator._utils import (
    Graph,
    current_accelerator,
    current_device_index,
    current_stream,
    device_count,
    device_index,
    get_device_capability,
    is_available,
    set_device_index,
    set_stream,
    synchronize,
)
from jtorch.accelerator._utils import current_device_index as current_device_idx
from jtorch.accelerator._utils import set_device_index as set_device_idx
from jtorch.accelerator.memory import (
    empty_cache,
    empty_host_cache,
    get_memory_info,
    max_memory_allocated,
    max_memory_reserved,
    memory_allocated,
    memory_reserved,
    memory_stats,
    reset_accumulated_memory_stats,
    reset_peak_memory_stats,
)
