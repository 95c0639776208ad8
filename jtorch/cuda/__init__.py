"""`torch.cuda`: the GPUs that JAX sees.

A GPU gets its work in order, and Python does not wait for it, as in PyTorch. There is one queue, so streams and events do
nothing. Memory counts are what JAX reports.
"""

from jtorch.cuda import amp, memory, random, streams
from jtorch.cuda._utils import (
    BFloat16Tensor,
    BoolTensor,
    ByteTensor,
    CharTensor,
    DoubleTensor,
    FloatTensor,
    HalfTensor,
    IntTensor,
    LongTensor,
    ShortTensor,
    current_device,
    device,
    device_count,
    get_device_capability,
    get_device_name,
    get_device_properties,
    init,
    is_available,
    is_bf16_supported,
    is_initialized,
    set_device,
    synchronize,
)
from jtorch.cuda._utils import require_gpu as _lazy_init
from jtorch.cuda.memory import (
    empty_cache,
    max_memory_allocated,
    max_memory_reserved,
    mem_get_info,
    memory_allocated,
    memory_reserved,
    memory_summary,
    reset_max_memory_allocated,
    reset_max_memory_cached,
    reset_peak_memory_stats,
)
from jtorch.cuda.random import (
    get_rng_state,
    get_rng_state_all,
    initial_seed,
    manual_seed,
    manual_seed_all,
    set_rng_state,
    set_rng_state_all,
)
from jtorch.cuda.streams import Event, Stream, current_stream, default_stream, stream
