"""`segment_reduce`: reductions over segments, runs of neighbouring elements along a dimension."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jtorch.core.facts import dtypes
from jtorch.core.op import Array, data_check, kernel, op, public

_REDUCE = {
    "sum": jax.ops.segment_sum,
    "mean": jax.ops.segment_sum,
    "max": jax.ops.segment_max,
    "min": jax.ops.segment_min,
}
_WITH = {"sum": jnp.add, "mean": jnp.add, "prod": jnp.multiply, "max": jnp.maximum, "min": jnp.minimum}


@op(name="segment_reduce")
def _segment_reduce(input: Array, lengths: Array, reduce: str, axis: int, initial: float | None, ends: bool) -> Array:
    kernel("_segment_reduce_cpu", input, "f")
    one = _reduce_segments
    for _ in range(axis):
        one = jax.vmap(one, in_axes=(0, 0, None, None))
    if not ends:
        lengths = jnp.cumsum(jnp.pad(lengths, [(0, 0)] * axis + [(1, 0)]), axis)
    return one(input, lengths, reduce, initial)


def _reduce_segments(data, offsets, reduce, initial):
    """data (L, ...) cut at offsets (n + 1,) -> (n, ...)."""
    n, at = offsets.shape[0] - 1, jnp.arange(data.shape[0])
    run = jnp.searchsorted(offsets, at, side="right") - 1
    run = jnp.where((run < 0) | (at >= offsets[-1]), n, run)  # outside all segments: an extra segment, dropped below
    if reduce == "prod":  # JAX has no gradient for a scattered product
        mine = (run == jnp.arange(n)[:, None]).reshape(n, -1, *[1] * (data.ndim - 1))
        made = jnp.where(mine, data, jnp.ones((), data.dtype)).prod(1)
    else:
        made = _REDUCE[reduce](data, run, n + 1)[:n]
    if initial is not None:
        made = _WITH[reduce](made, jnp.asarray(initial, data.dtype))
    if reduce != "mean":
        return made
    count = (offsets[1:] - offsets[:-1]).reshape(-1, *[1] * (data.ndim - 1))
    mean = made / count.astype(data.dtype)
    return mean if initial is None else jnp.where(count == 0, made, mean)


@public(method=False)
def segment_reduce(data, reduce, *, lengths=None, indices=None, offsets=None, axis=0, unsafe=False, initial=None):
    """Sum, mean, product, max or min of each segment, a run of neighbouring elements along a dimension.

    Args:
        reduce: "sum", "mean", "prod", "max" or "min".
        lengths: how long each segment is; together they make up the dimension (unless `unsafe`).
        offsets: where each segment begins, and where the last one ends.
        axis: the dimension to reduce, the last one of lengths; the dimensions before it are batches.
        initial: the value that each reduction starts from.

    >>> torch.segment_reduce(torch.tensor([1., 2., 3.]), "sum", lengths=torch.tensor([1, 2]))
    tensor([1., 5.])
    """
    if reduce not in _WITH:
        raise RuntimeError(f"reduce argument must be either sum, prod, mean, amax or amin, got {reduce}")
    if indices is not None:
        raise RuntimeError("segment_reduce(): indices based reduction is not supported yet.")
    runs = lengths if offsets is None else offsets
    if runs is None:
        raise RuntimeError("segment_reduce(): Either lengths or offsets must be defined.")
    axis = axis + data.ndim if axis < 0 else axis
    if data.ndim < runs.ndim:
        raise RuntimeError(
            "Expected data.dim() >= lengths_value.dim() to be true, but got false.  (Could this error message be improved? "
            " If so, please report an enhancement request to PyTorch.)"
        )
    if axis != runs.ndim - 1:
        name = "lengths" if offsets is None else "offsets"
        raise RuntimeError(f"segment_reduce(): Expected axis to be the last dimension of {name} but got {axis}.")
    if runs.dtype.category != dtypes.INT:
        name = "lengths" if offsets is None else "offsets"
        raise NotImplementedError(
            f"\"_segment_reduce_{name}_cpu_kernel1\" not implemented for '{runs.dtype.scalar_name}'"
        )
    if offsets is None and not unsafe:
        data_check(runs, _negative_length, RuntimeError("lengths contains negative value!"))
        data_check(
            runs,
            _short,
            RuntimeError(
                "segment_reduce(): Expected all rows of lengths along axis to sum to data.size(lengths.dim()-1) when !unsafe."
            ),
            size=data.shape[axis],
        )
    return _segment_reduce(data, runs, reduce, axis, initial, offsets is not None)


def _negative_length(lengths):
    return (lengths < 0).any()


def _short(lengths, size):
    return (lengths.sum(-1) != size).any()
