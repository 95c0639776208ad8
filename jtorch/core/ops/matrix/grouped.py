"""Products of scaled matrices, and of groups of rows, each with a matrix of its own, as experts need them."""

from __future__ import annotations

import enum

import jax.numpy as jnp
from jax import lax

from jtorch.core.facts import dtypes
from jtorch.core.op import Array, functional, op


def _group_sizes(offs):
    """How many rows each group has."""
    return jnp.diff(offs, prepend=0)


@op(name="_grouped_mm", grad_fn="GroupedMmBackward0", behind="nn.functional.grouped_mm")
def _grouped(a: Array, b: Array, offs: Array | None) -> Array:
    if offs is None:
        return a @ b
    if b.ndim == 3:
        return lax.ragged_dot(a, b, _group_sizes(offs))
    if a.ndim == 3:
        return lax.ragged_dot(b.T, jnp.swapaxes(a, 1, 2), _group_sizes(offs)).T
    group = jnp.searchsorted(offs, jnp.arange(b.shape[0], dtype=offs.dtype), side="right")
    own = group == jnp.arange(offs.shape[0])[:, None]
    return jnp.where(own[:, None, :], a, 0) @ b


@functional
def grouped_mm(mat_a, mat_b, *, offs=None, bias=None, out_dtype=None):
    """Products of groups of matrices. Where a matrix has no dimension of groups, `offs` says where each group ends.

    Args:
        mat_a: (rows, n), its rows in groups, or (groups, m, n).
        mat_b: (groups, n, k), or (n, columns), its columns in groups. Two matrices are grouped by the dimension that
            they share.
        offs: int32, the end of each group. What lies after the last group gives zeros.
        bias: None.
        out_dtype: None, or the dtype of `mat_a`.

    Raises:
        RuntimeError: shapes or dtypes that do not fit.

    Differs from torch: any strides are fine, and what lies after the last group gives zeros, not what was in the memory.

    >>> experts = torch.stack([torch.eye(2), 2 * torch.eye(2)])
    >>> ends = torch.tensor([1, 3], dtype=torch.int32)
    >>> torch.nn.functional.grouped_mm(torch.ones(3, 2), experts, offs=ends)
    tensor([[1., 1.],
            [2., 2.],
            [2., 2.]])
    """
    a, b = mat_a._type, mat_b._type
    if a.dtype not in (dtypes.float32, dtypes.bfloat16, dtypes.float16):
        raise RuntimeError(f"Expected mat_a to be Float32, BFloat16 or Float16 matrix, got {a.dtype.scalar_name}")
    for name, t in (("mat_a", a), ("mat_b", b)):
        if t.ndim not in (2, 3):
            raise RuntimeError(f"{name} has to be 2 or 3d")
    if a.shape[-1] != b.shape[-2]:
        raise RuntimeError("contraction dimension of mat_a and mat_b must match")
    if (offs is None) != (a.ndim == b.ndim == 3):
        raise RuntimeError("Have to provide offsets if there is a 2d matrix, or no offset if both matrices are 3d")
    if offs is not None:
        _check_offsets(offs, a, b)
    elif a.shape[0] != b.shape[0]:
        raise RuntimeError("batched dimension has to match")
    if bias is not None:
        raise RuntimeError("Bias not supported yet")
    if out_dtype is not None and out_dtype is not a.dtype:
        raise RuntimeError("Grouped gemm output dtype must match `mat_a` dtype")
    if a.dtype is not b.dtype:
        raise RuntimeError(f"expected m1 and m2 to have the same dtype, but got: {a.dtype.cname} != {b.dtype.cname}")
    return _grouped(mat_a, mat_b, offs)


def _check_offsets(offs, a, b):
    if offs.ndim != 1:
        raise RuntimeError("offs has to be 1D")
    if offs.dtype is not dtypes.int32:
        raise RuntimeError("Offsets have to be int32")
    groups = [t.shape[0] for t in (a, b) if t.ndim == 3]
    if groups and groups[0] != offs.shape[0]:
        raise RuntimeError("matrix batch sizes have to match")


ScalingType = enum.Enum(
    "_ScalingType", "TensorWise RowWise BlockWise1x16 BlockWise1x32 BlockWise1x128 BlockWise128x128", start=0
)
ScalingType.__doc__ = "What one scale of a float8 matrix is for."
SwizzleType = enum.Enum("_SwizzleType", "NO_SWIZZLE SWIZZLE_32_4_4", start=0)
SwizzleType.__doc__ = "The order in memory of scales."


@functional
def scaled_mm(
    mat_a,
    mat_b,
    scale_a,
    scale_recipe_a,
    scale_b,
    scale_recipe_b,
    swizzle_a=None,
    swizzle_b=None,
    bias=None,
    output_dtype=dtypes.bfloat16,
    contraction_dim=(),
    use_fast_accum=False,
):
    """The product of two matrices, each multiplied by its scale: of float8 matrices, computed in float32.

    Args:
        mat_a, mat_b: (m, n) and (n, k).
        scale_a, scale_b: one number (`ScalingType.TensorWise`), or (m, 1) and (1, k) (`ScalingType.RowWise`).
        bias: of the shape (k,), or None.
        output_dtype: None: that of `mat_a`.
        use_fast_accum: has no effect.

    Raises:
        NotImplementedError: scales of blocks, a swizzle or a `contraction_dim`: the layouts of one kernel of PyTorch's.

    >>> a = torch.ones(2, 2).to(torch.float8_e4m3fn)
    >>> whole = torch.nn.functional.ScalingType.TensorWise
    >>> torch.nn.functional.scaled_mm(a, a, torch.tensor(2.0), whole, torch.tensor(3.0), whole, output_dtype=torch.float32)
    tensor([[12., 12.],
            [12., 12.]])
    """
    recipes = [_only_one(recipe) for recipe in (scale_recipe_a, scale_recipe_b)]
    swizzles = [_only_one(swizzle) for swizzle in (swizzle_a, swizzle_b)]
    if any(recipe not in (ScalingType.TensorWise, ScalingType.RowWise) for recipe in recipes):
        raise NotImplementedError("scaled_mm: scales of blocks; multiply the matrices by their scales and use matmul")
    if any(swizzle not in (None, SwizzleType.NO_SWIZZLE) for swizzle in swizzles) or contraction_dim:
        raise NotImplementedError(
            "scaled_mm: a swizzle or a contraction_dim, which are layouts of one kernel of PyTorch's"
        )
    a, b = (m.float() * _only_one(scale) for m, scale in ((mat_a, scale_a), (mat_b, scale_b)))
    made = a @ b if bias is None else a @ b + bias
    return made.to(mat_a.dtype if output_dtype is None else output_dtype)


def _only_one(value):
    return value[0] if isinstance(value, list | tuple) and len(value) == 1 else value
