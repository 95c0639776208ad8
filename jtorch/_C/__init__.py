"""The few names of PyTorch's C extension that Python programs use.

Those about `__torch_function__`, those that ask whether code is traced (it is not), and switches of TorchScript, which are
accepted without effect.
"""

from __future__ import annotations

import enum

from jtorch._C import _nn
from jtorch.autograd.anomaly_mode import is_anomaly_check_nan_enabled, is_anomaly_enabled, set_anomaly_enabled
from jtorch.core.methods import get_default_device as _get_default_device_here
from jtorch.core.ops.make.generator import Generator
from jtorch.core.tensor import DISABLED as _disabled_torch_function_impl
from jtorch.core.tensor import DisableTorchFunctionSubclass, Tensor

DisableTorchFunction = DisableTorchFunctionSubclass
TensorBase = Tensor
_TensorMeta = type(Tensor)

has_lapack = has_spectral = True  # SciPy and XLA have them
has_mkl = has_openmp = False

Tag = enum.Enum(
    "Tag",
    "core cudagraph_unsafe data_dependent_output dynamic_output_shape flexible_layout generated inplace inplace_view "
    "maybe_aliasing_or_mutating needs_contiguous_strides needs_exact_strides needs_fixed_stride_order nondeterministic_bitwise "
    "nondeterministic_seeded out out_variant pointwise pt2_compliant_tag reduction view_copy",
    module="jtorch",
    start=0,
)
Tag.__doc__ = (
    "What an op says of itself to PyTorch's compiler. Accepted where ops are defined; XLA needs no such hints."
)

__all__ = [
    "DisableTorchFunction", "DisableTorchFunctionSubclass", "Generator", "Graph", "Node", "ScriptObject", "Tag", "TensorBase", "Value",
    "_TensorMeta", "_are_functorch_transforms_active", "_disabled_torch_function_impl", "_get_default_device",
    "_get_tracing_state", "_jit_override_can_fuse_on_cpu", "_jit_override_can_fuse_on_gpu", "_jit_set_nvfuser_enabled",
    "_jit_set_profiling_executor", "_jit_set_profiling_mode", "_jit_set_texpr_fuser_enabled", "_log_api_usage_once", "_nn",
    "has_lapack", "has_mkl", "has_openmp", "has_spectral", "is_anomaly_check_nan_enabled", "is_anomaly_enabled",
    "set_anomaly_enabled",
]  # fmt: skip


class ScriptObject:
    """An object of TorchScript. There are none."""


Graph = Node = Value = ScriptObject


def _log_api_usage_once(event, /) -> None:
    pass


def _get_tracing_state():
    return None


def _are_functorch_transforms_active() -> bool:
    return False


def _get_default_device() -> str:
    return _get_default_device_here().type


def _jit_set_profiling_mode(mode) -> bool:
    return False


_jit_set_profiling_executor = _jit_override_can_fuse_on_cpu = _jit_override_can_fuse_on_gpu = _jit_set_profiling_mode
_jit_set_texpr_fuser_enabled = _jit_set_nvfuser_enabled = _jit_set_profiling_mode
