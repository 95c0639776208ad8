"""Methods of Tensor and functions of torch that are not ops: they change memory, settings or types.

Here Tensor is complete, so its methods are given PyTorch's TypeErrors. No other folder of core may import this one.
"""

import jtorch.core.ops.functions
from jtorch.core.methods.asserts import (
    _assert,
    _assert_async,
    _check,
    _check_index,
    _check_not_implemented,
    _check_tensor_all,
    _check_tensor_all_with,
    _check_type,
    _check_value,
    _check_with,
)
from jtorch.core.methods.comparison import assert_close
from jtorch.core.methods.compiler import (
    Stats,
    allow_in_graph,
    assume_constant_result,
    compile,
    cudagraph_mark_step_begin,
    disable,
    eager,
    explain,
    get_default_backend,
    is_compiling,
    is_dynamo_compiling,
    is_exporting,
    last_program_memory,
    list_backends,
    load_cache_artifacts,
    load_compiled_function,
    nested_compile_region,
    reset,
    save_cache_artifacts,
    set_default_backend,
    set_enable_guard_collectives,
    set_stance,
    stats,
    substitute_in_graph,
    wrap_numpy,
)
from jtorch.core.methods.control_flow import cond, while_loop
from jtorch.core.methods.constructors import CUDA_TYPES, TYPES as TENSOR_TYPES
from jtorch.core.methods.foreach import FOREACH
from jtorch.core.methods.free_functions import free_function, result_type
from jtorch.core.methods.functional_call import functional_call, stack_module_state
from jtorch.core.methods.functionalize import functionalize
from jtorch.core.methods.gradients import GradientEdge, backward, grad
from jtorch.core.methods.jax_functions import from_jax, to_jax
from jtorch.core.methods.other_names import AcceleratorError, OutOfMemoryError, get_device_module, typename
from jtorch.core.methods.tensor_memory import is_complex, is_floating_point, is_signed, is_tensor
from jtorch.core.methods.override_lists import (
    BaseTorchFunctionMode,
    enable_reentrant_dispatch,
    get_default_nowrap_functions,
    get_ignored_functions,
    get_overridable_functions,
    get_testing_overrides,
    is_tensor_method_or_property,
    resolve_name,
    wrap_torch_function,
)
from jtorch.core.methods.overrides import (
    handle_torch_function,
    has_torch_function,
    has_torch_function_unary,
    has_torch_function_variadic,
    is_tensor_like,
    redispatch_function,
)
from jtorch.core.methods.counted_products import products_of
from jtorch.core.methods.rearrange import rearrange
from jtorch.core.methods import processor
from jtorch.core.methods.queues import Event, Stream
from jtorch.core.methods.settings import (
    are_deterministic_algorithms_enabled,
    get_default_device,
    get_deterministic_debug_mode,
    get_float32_matmul_precision,
    get_num_interop_threads,
    get_num_threads,
    is_deterministic_algorithms_warn_only_enabled,
    set_default_device,
    set_default_dtype,
    set_default_tensor_type,
    set_deterministic_debug_mode,
    set_float32_matmul_precision,
    set_flush_denormal,
    set_num_interop_threads,
    set_num_threads,
    is_warn_always_enabled,
    set_warn_always,
    use_deterministic_algorithms,
)
from jtorch.core.methods.sharing import DLDeviceType, asarray, from_dlpack, from_file, frombuffer, to_dlpack
from jtorch.core.methods import sparse, sparse_writes
from jtorch.core.methods.sparse import (
    EITHER,
    rebuild_sparse,
    sparse_bsc_tensor,
    sparse_bsr_tensor,
    sparse_compressed_tensor,
    sparse_coo_tensor,
    sparse_csc_tensor,
    sparse_csr_tensor,
    spmm,
)
from jtorch.core.methods.swap import swap_tensors
from jtorch.core.methods.function_transforms import grad as func_grad
from jtorch.core.methods.function_transforms import grad_and_value, hessian, jacfwd, jacrev, jvp, linearize, vjp
from jtorch.core.methods.tangent_checks import check_tangent_view, check_written_tangent
from jtorch.core.methods.storage_types import STORAGE_TYPES
from jtorch.core.methods.typed_storage import TypedStorage, UntypedStorage, is_storage
from jtorch.core.methods.vmap import debug_unwrap, vmap
from jtorch.core.op import explain_methods
from jtorch.core.tensor import Tensor

explain_methods(Tensor, but="jtorch.core.tensor.tensor")

__all__ = [
    "CUDA_TYPES",
    "AcceleratorError",
    "BaseTorchFunctionMode",
    "DLDeviceType",
    "Event",
    "GradientEdge",
    "OutOfMemoryError",
    "Stats",
    "Stream",
    "TypedStorage",
    "UntypedStorage",
    "_assert",
    "_check",
    "_check_index",
    "_check_type",
    "_check_value",
    "allow_in_graph",
    "are_deterministic_algorithms_enabled",
    "asarray",
    "assert_close",
    "assume_constant_result",
    "backward",
    "check_tangent_view",
    "check_written_tangent",
    "compile",
    "cond",
    "cudagraph_mark_step_begin",
    "debug_unwrap",
    "disable",
    "eager",
    "enable_reentrant_dispatch",
    "explain",
    "from_dlpack",
    "from_file",
    "from_jax",
    "frombuffer",
    "func_grad",
    "functional_call",
    "functionalize",
    "get_default_backend",
    "get_default_device",
    "get_default_nowrap_functions",
    "get_deterministic_debug_mode",
    "get_device_module",
    "get_float32_matmul_precision",
    "get_ignored_functions",
    "get_num_interop_threads",
    "get_num_threads",
    "get_overridable_functions",
    "get_testing_overrides",
    "grad",
    "grad_and_value",
    "handle_torch_function",
    "has_torch_function",
    "has_torch_function_unary",
    "has_torch_function_variadic",
    "hessian",
    "is_compiling",
    "is_complex",
    "is_deterministic_algorithms_warn_only_enabled",
    "is_dynamo_compiling",
    "is_exporting",
    "is_floating_point",
    "is_signed",
    "is_storage",
    "is_tensor",
    "is_tensor_like",
    "is_tensor_method_or_property",
    "is_warn_always_enabled",
    "jacfwd",
    "jacrev",
    "jvp",
    "last_program_memory",
    "linearize",
    "list_backends",
    "load_cache_artifacts",
    "load_compiled_function",
    "nested_compile_region",
    "processor",
    "products_of",
    "rearrange",
    "rebuild_sparse",
    "redispatch_function",
    "reset",
    "resolve_name",
    "result_type",
    "save_cache_artifacts",
    "set_default_backend",
    "set_default_device",
    "set_default_dtype",
    "set_default_tensor_type",
    "set_deterministic_debug_mode",
    "set_enable_guard_collectives",
    "set_float32_matmul_precision",
    "set_flush_denormal",
    "set_num_interop_threads",
    "set_num_threads",
    "set_stance",
    "set_warn_always",
    "sparse",
    "sparse_bsc_tensor",
    "sparse_bsr_tensor",
    "sparse_compressed_tensor",
    "sparse_coo_tensor",
    "sparse_csc_tensor",
    "sparse_csr_tensor",
    "spmm",
    "stack_module_state",
    "stats",
    "substitute_in_graph",
    "swap_tensors",
    "to_dlpack",
    "to_jax",
    "typename",
    "use_deterministic_algorithms",
    "vjp",
    "vmap",
    "while_loop",
    "wrap_numpy",
    "wrap_torch_function",
]


TYPES = {**TENSOR_TYPES, **STORAGE_TYPES}


def __getattr__(name: str):
    """The functions of torch that call a method, and the types of tensors and storages: `from jtorch.core.methods import abs_`."""
    found = EITHER.get(name) or TYPES.get(name) or (None if name.startswith("__") else free_function(name))
    if found is None:
        raise AttributeError(f"neither a method of Tensor nor a type of tensors: {name}")
    return found
