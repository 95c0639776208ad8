"""`torch.cuda`: the GPUs that JAX sees.

A GPU gets its work in order, and Python does not wait for it, as in PyTorch. There is one queue, so streams and events do
nothing. Memory counts are what JAX reports.
"""

from jtorch.core.facts import lazy_modules
from jtorch.core.methods import AcceleratorError, OutOfMemoryError
from jtorch.cuda import amp, graphs, memory, random, streams
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
    device_of,
    get_arch_list,
    get_device_capability,
    get_device_name,
    get_device_properties,
    init,
    is_available,
    is_bf16_supported,
    is_initialized,
    is_tf32_supported,
    set_device,
    synchronize,
)
from jtorch.cuda._utils import number_of as _get_device_index
from jtorch.cuda._utils import require_gpu as _lazy_init
from jtorch.cuda.graphs import (
    CUDAGraph,
    graph,
    graph_pool_handle,
    is_current_stream_capturing,
    make_graphed_callables,
)
from jtorch.cuda.memory import (
    empty_cache,
    get_allocator_backend,
    ipc_collect,
    max_memory_allocated,
    max_memory_cached,
    max_memory_reserved,
    mem_get_info,
    memory_allocated,
    memory_cached,
    memory_reserved,
    memory_snapshot,
    memory_stats,
    memory_stats_as_nested_dict,
    memory_summary,
    reset_accumulated_memory_stats,
    reset_max_memory_allocated,
    reset_max_memory_cached,
    reset_peak_memory_stats,
    set_per_process_memory_fraction,
)
from jtorch.cuda.random import (
    get_rng_state,
    get_rng_state_all,
    initial_seed,
    manual_seed,
    manual_seed_all,
    seed,
    seed_all,
    set_rng_state,
    set_rng_state_all,
)
from jtorch.cuda.streams import (
    Event,
    ExternalStream,
    Stream,
    StreamContext,
    current_stream,
    default_stream,
    set_stream,
    stream,
)

default_generators = ()
has_half, has_magma = True, False
__getattr__, __dir__ = lazy_modules(__name__, "nvtx profiler")
