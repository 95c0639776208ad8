"""Counts: how often each whole number occurs, and how many elements fall into each of equal intervals."""

from __future__ import annotations

import builtins
import math

import jax.numpy as jnp
import numpy as np
from jax import lax

from jtorch.core.engine import type_of
from jtorch.core.facts import dtypes
from jtorch.core.facts import named_results as returntypes
from jtorch.core.op import Array, data_check, function, kernel, letter, needs_data, op, public, store
from jtorch.core.ops.make.create import linspace
from jtorch.core.ops.rules import reduced_dims
from jtorch.core.tensor import Tensor, known


@public
def bincount(input, weights=None, minlength=0):
    """How often each of 0, 1, 2, ... occurs, or the sum of the weights at its occurrences. Reads the elements."""
    kernel("bincount_cpu", input._type.aval, "i")
    if minlength < 0:
        raise RuntimeError("minlength should be >= 0")
    needs_data("bincount", input)
    x = input._to_numpy()
    if x.ndim != 1 or (x.size and x.min() < 0):
        raise RuntimeError("bincount only supports 1-d non-negative integral inputs.")
    type_of((max(int(x.max(initial=0)), minlength),), dtypes.int64, input._type.place)  # raises: too little memory
    if weights is None:
        return known(np.bincount(x, minlength=minlength).astype(np.int64), input._type.place)
    if weights.shape != input.shape:
        raise RuntimeError("weights should be 1-d and have the same length as input")
    to = np.float32 if weights.dtype is dtypes.float32 else np.float64
    return known(np.bincount(x, weights._to_numpy(), minlength).astype(to), input._type.place)


@op(saves=(), name="histc")
def _histc(input: Array, bins: int, min: float, max: float) -> Array:
    kernel("aminmax_cpu", input, "bif")
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


# ---- histograms with edges


@op(saves=(), name="histogramdd", behind="histogram")
def _counts(points: Array, weight: Array | None, edges: list[Array], density: bool) -> Array:
    """(..., M, N) points → how many, or which weight of them, each cell between the edges of N dimensions holds."""
    points = points.reshape(-1, points.shape[-1])
    sizes = [len(e) - 1 for e in edges]
    inside, cell = jnp.ones(len(points), bool), jnp.zeros(len(points), jnp.int64)
    for d, e in enumerate(edges):
        x = points[:, d]
        found = jnp.searchsorted(e, x, side="right") - 1
        found = jnp.where(x == e[-1], sizes[d] - 1, found)  # the last interval is closed
        inside &= (x >= e[0]) & (x <= e[-1])
        cell = cell * sizes[d] + jnp.clip(found, 0, sizes[d] - 1)
    each = jnp.ones(len(points), points.dtype) if weight is None else weight.reshape(-1)
    counts = (
        jnp.zeros(math.prod(sizes), points.dtype)
        .at[jnp.where(inside, cell, len(points) + math.prod(sizes))]
        .add(each, mode="drop")
    )
    counts = counts.reshape(sizes)
    if density:
        counts = counts / counts.sum()
        for d, e in enumerate(edges):
            counts = counts / (e[1:] - e[:-1]).reshape([-1 if d == k else 1 for k in range(len(edges))])
    return counts


def _equal_edges(name, points, bins, range):
    """The edges of equal intervals of each dimension: over the range given, or that of the points."""
    dims = points.shape[-1]
    if any(n <= 0 for n in bins):
        d = next(i for i, n in enumerate(bins) if n <= 0)
        raise RuntimeError(f"{name}(): bins must be > 0, but got {bins[d]} for dimension {d}")
    if range is not None:
        if len(range) != 2 * dims:
            raise RuntimeError(
                f"{name}(): for a {dims}-dimensional histogram range should have {2 * dims} elements, but got {len(range)}"
            )
        ends = [tuple(range[2 * d : 2 * d + 2]) for d in builtins.range(dims)]
    elif not points.numel():
        ends = [(0.0, 1.0)] * dims
    else:
        flat = points.detach().reshape(-1, dims)
        ends = list(zip(flat.amin(0).tolist(), flat.amax(0).tolist(), strict=True))
    for d, (low, high) in enumerate(ends):
        if not (math.isfinite(low) and math.isfinite(high)):
            raise RuntimeError(f"{name}(): dimension {d}'s range [{low:g}, {high:g}] is not finite")
        if low > high:
            raise RuntimeError(
                f"{name}(): min should not exceed max, but got min {low:g} max {high:g} for dimension {d}"
            )
    made = []
    for (low, high), n in zip(ends, bins, strict=True):
        low, high = (low - 0.5, high + 0.5) if low == high else (low, high)
        made.append(linspace(low, high, n + 1, dtype=points.dtype, device=points.device))
    return made


@public
def histogram(input, bins=100, *, range=None, weight=None, density=False, out=None):
    """(counts, edges): how many elements, or which weight of them, each interval between the edges holds.

    Args:
        bins: how many equal intervals, or their edges.
        range: (min, max) of equal intervals; the default is the range of the data.
        weight: what each element counts.
        density: divide by the sum and the widths, so that the integral is 1.

    >>> torch.histogram(torch.tensor([0., 1., 1.]), 2).hist
    tensor([1., 2.])
    """
    kernel("histogram_cpu", input._type.aval, "f")
    points = input.detach().reshape(-1, 1)
    weight = weight if weight is None else weight.detach().reshape(-1)
    if isinstance(bins, Tensor):
        _check_edges("histogram", [bins])
        edges = [bins.detach().clone()]
    else:
        edges = _equal_edges("torch.histogram", points, [bins], range)
    _check_weight_dtype("histogram", input, weight)
    made = returntypes.histogram((_counts(points, weight, edges, density), edges[0]))
    return made if out is None else store(out, made, "histogram")


def _check_edges(name, bins):
    for d, e in enumerate(bins):
        if e.ndim != 1:
            raise RuntimeError(
                f"{name}(): bins tensor should have one dimension, but got {e.ndim} dimensions in the bins tensor for dimension {d}"
            )
        if not e.numel():
            raise RuntimeError(
                f"{name}(): bins tensor should have at least 1 element, but got {e.numel()} elements in the bins tensor for dimension {d}"
            )


def _check_weight_dtype(name, input, weight):
    if weight is None:
        return
    if weight.dtype is not input.dtype:
        raise RuntimeError(
            f"{name}(): if weight tensor is provided, input tensor and weight tensor should have the same"
            f" dtype, but got input(={input.dtype.scalar_name}), and weight(={weight.dtype.scalar_name})"
        )


@function
def histogramdd(input, bins, *, range=None, weight=None, density=False):
    """(counts, list of edges): `histogram` for points in N dimensions.

    Args:
        input: the points, (..., N).
        bins: how many equal intervals in each dimension, or one number, or a list of edges.

    Shape:
        input (..., N) → counts (bins[0], ..., bins[N - 1])
    """
    if input.ndim < 2:
        raise RuntimeError("torch.histogramdd: input tensor should have at least 2 dimensions")
    kernel("histogramdd", input._type.aval, "f")
    dims = input.shape[-1]
    points = input.detach().reshape(-1, dims)
    bins = [bins] * dims if isinstance(bins, int) else list(bins)
    if len(bins) != dims:
        raise RuntimeError("histogramdd: The size of bins must be equal to the innermost dimension of the input.")
    if any(isinstance(b, Tensor) for b in bins):
        _check_edges("torch.histogramdd", bins)
        edges = [b.detach().clone() for b in bins]
    else:
        edges = _equal_edges("torch.histogramdd", points, bins, range)
    _check_weight_dtype("torch.histogramdd", input, weight)
    return returntypes.histogramdd(
        (_counts(points, None if weight is None else weight.detach(), edges, density), tuple(edges))
    )


# ---- a number for the contents of a tensor


def _exclusive_or(x, dims, keepdim):
    made = lax.reduce(x, jnp.uint64(0), lax.bitwise_xor, dims)
    return jnp.expand_dims(made, dims) if keepdim else made


@op(saves=())
def hash_tensor(input: Array, dim: tuple = (), *, keepdim: bool = False, mode: int = 0) -> Array:
    """The exclusive or of the bits of the elements, as float64 or int64: the same for equal elements in any order."""
    if not input.size and dim == ():
        raise RuntimeError(
            "hash_tensor: Expected reduction dim to be specified for input.numel() == 0. Specify the reduction dim with the"
            " 'dim' argument."
        )
    wide = jnp.float64 if letter(input) == "f" else jnp.int64
    bits = lax.bitcast_convert_type(input.astype(wide), jnp.uint64)
    return _exclusive_or(bits, reduced_dims(dim, input.ndim), keepdim)
