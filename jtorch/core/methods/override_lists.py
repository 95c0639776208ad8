"""The rest of `torch.overrides`: which functions classes may override, what they are called, and what a test needs of each."""

from __future__ import annotations

import contextlib
import functools
import inspect
import sys
import types

from jtorch.core.methods.overrides import handle_torch_function, has_torch_function
from jtorch.core.op import public_in
from jtorch.core.tensor import Tensor, TorchFunctionMode

# What no class overrides, by PyTorch's list: it makes tensors, reads or changes settings, or belongs to Python.
_IGNORED = {
    "torch": """
    arange are_deterministic_algorithms_enabled as_strided as_tensor asarray autocast_decrement_nesting
    autocast_increment_nesting bartlett_window blackman_window broadcast_shapes can_cast clear_autocast_cache
    compile cond device dtype empty empty_permuted empty_quantized empty_strided enable_grad eye fill finfo fork
    from_file from_numpy frombuffer full get_autocast_cpu_dtype get_autocast_dtype get_autocast_gpu_dtype
    get_autocast_ipu_dtype get_autocast_xla_dtype get_default_device get_default_dtype get_deterministic_debug_mode
    get_device_module get_float32_matmul_precision get_num_interop_threads get_num_threads get_rng_state
    hamming_window hann_window iinfo import_ir_module import_ir_module_from_buffer inference_mode init_num_threads
    initial_seed is_anomaly_check_nan_enabled is_anomaly_enabled is_autocast_cache_enabled is_autocast_cpu_enabled
    is_autocast_enabled is_autocast_ipu_enabled is_autocast_xla_enabled
    is_deterministic_algorithms_warn_only_enabled is_grad_enabled is_inference_mode_enabled is_storage is_tensor
    is_vulkan_available is_warn_always_enabled kaiser_window layout linspace load logspace manual_seed memory_format
    merge_type_from_type_comment no_grad normal ones parse_ir parse_schema parse_type_comment promote_types qscheme
    rand rand_like randint randint_like randn randn_like randperm range result_type save scalar_tensor seed
    set_anomaly_enabled set_autocast_cache_enabled set_autocast_cpu_dtype set_autocast_cpu_enabled
    set_autocast_dtype set_autocast_enabled set_autocast_gpu_dtype set_autocast_ipu_dtype set_autocast_ipu_enabled
    set_autocast_xla_dtype set_autocast_xla_enabled set_default_device set_default_tensor_type
    set_deterministic_debug_mode set_float32_matmul_precision set_flush_denormal set_grad_enabled
    set_num_interop_threads set_num_threads set_printoptions set_rng_state set_warn_always sparse_bsc_tensor
    sparse_bsr_tensor sparse_compressed_tensor sparse_coo_tensor sparse_csc_tensor sparse_csr_tensor
    sym_constrain_range sym_constrain_range_for_size sym_fresh_size tensor thread_safe_generator tril_indices
    triu_indices typename unify_type_list use_deterministic_algorithms vander vmap wait zeros
    """,
    "torch.nn.functional": """
    assert_int_or_pair boolean_dispatch grouped_mm handle_torch_function hardsigmoid hardswish has_torch_function
    has_torch_function_unary has_torch_function_variadic scaled_grouped_mm scaled_mm sigmoid tanh upsample
    upsample_bilinear upsample_nearest
    """,
    "torch.nn.init": """
    calculate_gain constant dirac eye kaiming_normal kaiming_uniform normal orthogonal sparse uniform xavier_normal
    xavier_uniform
    """,
    "torch.Tensor": """
    __class__ __delattr__ __delitem__ __dir__ __getattribute__ __hash__ __init__ __init_subclass__ __iter__ __new__
    __setattr__ __subclasshook__ __torch_dispatch__ __torch_function__ as_subclass eig lstsq new new_empty
    new_empty_strided new_full new_ones new_tensor new_zeros reinforce solve stride symeig to_padded_tensor
    to_sparse_bsc to_sparse_bsr to_sparse_coo to_sparse_csc to_sparse_csr unflatten
    """,
    "torch.fft": "fftfreq rfftfreq",
    "torch.functional": "",
    "torch.linalg": "",
    "torch.special": "",
}


class BaseTorchFunctionMode(TorchFunctionMode):
    """A mode that changes nothing."""

    __module__ = "jtorch.overrides"

    def __torch_function__(self, func, types, args=(), kwargs=None):
        return func(*args, **(kwargs or {}))


@public_in("jtorch.overrides")
@contextlib.contextmanager
def enable_reentrant_dispatch():
    """A block without effect: every override may call functions that are overridden again."""
    yield


@public_in("jtorch.overrides")
def wrap_torch_function(dispatcher):
    """Decorate a function so that its arguments' classes may override it.

    Args:
        dispatcher: gives the arguments that count, from the same arguments.

    >>> @torch.overrides.wrap_torch_function(lambda a: (a,))
    ... def double(a):
    ...     return a * 2
    >>> double(torch.ones(2))
    tensor([2., 2.])
    """

    def wrap(func):
        @functools.wraps(func)
        def wrapped(*args, **kwargs):
            relevant = dispatcher(*args, **kwargs)
            if has_torch_function(relevant):
                return handle_torch_function(wrapped, relevant, *args, **kwargs)
            return func(*args, **kwargs)

        return wrapped

    return wrap


def _namespaces():
    torch = sys.modules["jtorch"]
    nn = torch.nn
    homes = torch, torch.functional, nn.functional, nn.init, Tensor, torch.linalg, torch.fft, torch.special
    names = "torch torch.functional torch.nn.functional torch.nn.init torch.Tensor torch.linalg torch.fft torch.special".split()
    return zip(names, homes, strict=True)


@functools.cache
def _found():
    """(namespace -> overridable functions, function -> its name, ignored functions)"""
    functions, names, ignored = {}, {}, set()
    for home_name, home in _namespaces():
        passed = {*_IGNORED[home_name].split()}
        for name in dir(home):
            attribute = inspect.getattr_static(home, name) if home is Tensor else getattr(home, name)
            if isinstance(attribute, types.ModuleType | type) or hasattr(object, name):
                continue
            if home is Tensor and isinstance(attribute, property):
                names[attribute.__get__] = f"{home_name}.{name}.__get__"
                names[attribute.__set__] = f"{home_name}.{name}.__set__"
                functions.setdefault(attribute, []).append(attribute.__get__)
                continue
            function = getattr(home, name) if callable(attribute) else None
            if function is None or (home is not Tensor and not _is_function_of_ours(name, function)):
                continue
            names.setdefault(function, f"{home_name}.{name}")
            if name in passed:
                ignored.add(function)
            elif home is Tensor or not name.endswith("_"):
                functions.setdefault(home, []).append(function)
    return functions, names, ignored


def _is_function_of_ours(name, function):
    return name[0].islower() and getattr(function, "__module__", "").startswith(("jtorch", "torch"))


@public_in("jtorch.overrides")
def get_overridable_functions() -> dict:
    """{namespace: its functions that classes may override}, such as {torch.linalg: [torch.linalg.svd, ...], ...}."""
    return dict(_found()[0])


@public_in("jtorch.overrides")
def get_ignored_functions() -> set:
    """The public functions that no class overrides: they make tensors, or read and change settings."""
    return set(_found()[2])


@public_in("jtorch.overrides")
def get_default_nowrap_functions() -> set:
    """The attributes whose values stay plain tensors where a subclass defines no `__torch_function__`."""
    return {Tensor._base.__get__, Tensor.grad.__get__, Tensor._grad.__get__}


@public_in("jtorch.overrides")
@functools.cache
def get_testing_overrides() -> dict:
    """{overridable function: a function of the same signature that returns -1}, for tests of classes that override.

    >>> torch.overrides.get_testing_overrides()[torch.add](torch.ones(1), 2)
    -1
    """
    return {function: _dummy(function) for listed in _found()[0].values() for function in listed}


def _dummy(function):
    try:
        signature = inspect.signature(function)
    except ValueError:  # of a property
        return lambda self: -1

    def dummy(*args, **kwargs):
        signature.bind(*args, **kwargs)
        return -1

    dummy.__signature__ = signature
    return dummy


@public_in("jtorch.overrides")
def resolve_name(f) -> str | None:
    """The name of a function that `__torch_function__` was given: "torch.Tensor.add". None for any other function."""
    if type(f).__name__.startswith("OpOverload"):  # of torch.ops
        return str(f)
    return _found()[1].get(f)


@public_in("jtorch.overrides")
def is_tensor_method_or_property(func) -> bool:
    """Whether a function is a method of Tensor, or reads one of its attributes."""
    return getattr(func, "__name__", None) == "__get__" or func in _found()[0][Tensor]
