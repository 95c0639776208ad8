"""Facts that need no array: dtypes, devices, sizes and strides, and the switches of jtorch.

Imports nothing else of jtorch. It must not know arrays or tensors.
"""

from jtorch.core.facts import config, devices, dtypes, formats, limits, named_results, sizes, strides
from jtorch.core.facts.absent import absent
from jtorch.core.facts.devices import CPU, KINDS, Kind, Place, accelerator, current_index, device, place
from jtorch.core.facts.dtypes import (
    ALL,
    OF_PYTHON,
    bool_,
    can_cast,
    complex128,
    complex64,
    dtype,
    dtype_named,
    float32,
    float64,
    get_default_dtype,
    int32,
    int64,
    promote_types,
    uint8,
)
from jtorch.core.facts.float_errors import without_warnings
from jtorch.core.facts.formats import (
    channels_last,
    channels_last_3d,
    contiguous_format,
    format_named,
    layout,
    memory_format,
    preserve_format,
    sparse_coo,
    sparse_csr,
    strided,
)
from jtorch.core.facts.hooks import Hooks, RemovableHandle
from jtorch.core.facts.lazy_imports import lazy_modules
from jtorch.core.facts.limits import finfo, iinfo
from jtorch.core.facts.named_dtypes import NAMED
from jtorch.core.facts.named_results import CLASSES, ReturnType, rebuild_result
from jtorch.core.facts.once import warn_user
from jtorch.core.facts.sizes import memory_error, strided_bytes
from jtorch.core.facts.strides import (
    Size,
    contiguous_strides,
    elementwise_strides,
    is_contiguous,
    is_dense,
    like_strides,
    may_overlap,
    overlaps,
    view_strides,
)
from jtorch.core.facts.symbolic import (
    SymBool,
    SymFloat,
    SymInt,
    sym_float,
    sym_int,
    sym_ite,
    sym_max,
    sym_min,
    sym_not,
    sym_sum,
)
from jtorch.core.facts.trees import flatten_tree, map_tree, same_tree, broadcast_prefix, unflatten_tree


def __getattr__(name: str) -> dtype:
    """A dtype by PyTorch's name: `from jtorch.core.facts import bfloat16, half`."""
    found = dtypes.ALIASES.get(name) or NAMED.get(name) or next((d for d in ALL if d.name == name), None)
    if found is None:
        raise AttributeError(f"module 'jtorch.core.facts' has no attribute '{name}'")
    return found


__all__ = [
    "ALL",
    "CLASSES",
    "CPU",
    "KINDS",
    "NAMED",
    "OF_PYTHON",
    "Hooks",
    "Kind",
    "Place",
    "RemovableHandle",
    "ReturnType",
    "Size",
    "SymBool",
    "SymFloat",
    "SymInt",
    "absent",
    "accelerator",
    "bool_",
    "broadcast_prefix",
    "can_cast",
    "channels_last",
    "channels_last_3d",
    "complex64",
    "complex128",
    "config",
    "contiguous_format",
    "contiguous_strides",
    "current_index",
    "device",
    "devices",
    "dtype",
    "dtype_named",
    "dtypes",
    "elementwise_strides",
    "finfo",
    "flatten_tree",
    "float32",
    "float64",
    "format_named",
    "formats",
    "get_default_dtype",
    "iinfo",
    "int32",
    "int64",
    "is_contiguous",
    "is_dense",
    "layout",
    "lazy_modules",
    "like_strides",
    "limits",
    "map_tree",
    "may_overlap",
    "memory_format",
    "named_results",
    "overlaps",
    "place",
    "preserve_format",
    "promote_types",
    "rebuild_result",
    "same_tree",
    "sizes",
    "sparse_coo",
    "sparse_csr",
    "strided",
    "strides",
    "sym_float",
    "sym_int",
    "sym_ite",
    "sym_max",
    "sym_min",
    "sym_not",
    "sym_sum",
    "uint8",
    "unflatten_tree",
    "view_strides",
    "without_warnings",
]
