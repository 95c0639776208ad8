"""Methods of Tensor and functions of torch that are no ops: they change memory, settings or types."""

from jtorch.core.methods.asserts import _assert, _check, _check_index, _check_type, _check_value
from jtorch.core.methods.constructors import types
from jtorch.core.methods.free_functions import functions, result_type
from jtorch.core.methods.functional_call import functional_call, stack_module_state
from jtorch.core.methods.memory import is_complex, is_floating_point, is_signed, is_tensor
from jtorch.core.methods.settings import (
    are_deterministic_algorithms_enabled,
    get_default_device,
    get_float32_matmul_precision,
    get_num_interop_threads,
    get_num_threads,
    set_default_device,
    set_default_dtype,
    set_default_tensor_type,
    set_float32_matmul_precision,
    set_flush_denormal,
    set_num_interop_threads,
    set_num_threads,
    use_deterministic_algorithms,
)
from jtorch.core.methods.sharing import DLDeviceType, asarray, from_dlpack, frombuffer, to_dlpack
from jtorch.core.methods.typed_storage import TypedStorage, UntypedStorage, is_storage

__all__ = [
    "DLDeviceType",
    "TypedStorage",
    "UntypedStorage",
    "_assert",
    "_check",
    "_check_index",
    "_check_type",
    "_check_value",
    "are_deterministic_algorithms_enabled",
    "asarray",
    "from_dlpack",
    "frombuffer",
    "functional_call",
    "functions",
    "get_default_device",
    "get_float32_matmul_precision",
    "get_num_interop_threads",
    "get_num_threads",
    "is_complex",
    "is_floating_point",
    "is_signed",
    "is_storage",
    "is_tensor",
    "result_type",
    "set_default_device",
    "set_default_dtype",
    "set_default_tensor_type",
    "set_float32_matmul_precision",
    "set_flush_denormal",
    "set_num_interop_threads",
    "set_num_threads",
    "stack_module_state",
    "to_dlpack",
    "types",
    "use_deterministic_algorithms",
]
