"""Counts: how often each whole number occurs, and how many elements fall into each of equal intervals."""

from __future__ import annotations

import math

import jax.numpy as jnp
import numpy as np

from jtorch.core.facts import dtypes
from jtorch.core.op import Array, data_check, kernel, op, public
from jtorch.core.tensor import known


@public
def bincount(input, weights=None, minlength=0):
    """How often each of 0, 1, 2, ... occurs, or the sum of the weights at its occurrences: looks at the data."""
    kernel("bincount_cpu", input._type.aval, "i")
    if minlength < 0:
        raise RuntimeError("minlength should be >= 0")
    x = input._to_numpy()
    if x.ndim != 1 or (x.size and x.min() < 0):
        raise RuntimeError("bincount only supports 1-d non-negative integral inputs.")
    if weights is None:
        return known(np.bincount(x, minlength=minlength).astype(np.int64), input._type.place)
    if weights.shape != input.shape:
        raise RuntimeError("weights should be 1-d and have the same length as input")
    to = np.float32 if weights.dtype is dtypes.float32 else np.float64
    return known(np.bincount(x, weights._to_numpy(), minlength).astype(to), input._type.place)


@op(saves=(), name="histc")
def _histc(input: Array, bins: int, min: float, max: float) -> Array:
    kernel("histogram_cpu", input, "f")
    if bins <= 0:
        raise RuntimeError(f"torch.histogram(): bins must be > 0, but got {bins} for dimension 0")
    if not math.isfinite(min) or not math.isfinite(max):
        raise RuntimeError(f"torch.histc: range of [{min:g}, {max:g}] is not finite")
    if min > max:
        raise RuntimeError("torch.histc: max must be larger than min")
    if not input.size:
        return jnp.zeros(bins, input.dtype)
    low, high = (jnp.min(input), jnp.max(input)) if min == max else (jnp.asarray(min), jnp.asarray(max))
    low, high = jnp.where(low == high, low - 1, low), jnp.where(low == high, high + 1, high)
    x = input.reshape(-1).astype(jnp.float64)
    index = jnp.floor((x - low) * (bins / (high - low))).astype(jnp.int64)
    index = jnp.where(x == high, bins - 1, index)
    inside = (x >= low) & (x <= high)
    return jnp.zeros(bins, input.dtype).at[jnp.where(inside, index, bins)].add(1, mode="drop")


@public
def histc(input, bins=100, min=0, max=0, *, out=None):
    """How many elements fall into each of `bins` equal intervals from min to max (if both are 0: the data's range)."""
    if min == max and input.is_floating_point():
        data_check(input, _any_not_finite, _infinite_range)
    return _histc(input.detach(), bins, min, max, out=out)


def _any_not_finite(array):
    return (array - array != 0).any()


def _infinite_range(array):
    return RuntimeError(f"torch.histc: range of [{array.min():g}, {array.max():g}] is not finite")
