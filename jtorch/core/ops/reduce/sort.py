"""Sorting, selection by rank, distinct elements.

NaN counts as greater than everything. Functions whose values decide the size of the result (`unique`) read the
values and compute on the host.
"""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
from jax import lax

from jtorch.core.facts import dtypes, once, warn_user
from jtorch.core.facts import named_results as returntypes
from jtorch.core.facts import strides as geometry
from jtorch.core.op import Array, Number, cast_first, data_check, kernel, letter, needs_data, op, public
from jtorch.core.ops.rules import pick, reduce_sharing_gradient, strides_like_first
from jtorch.core.tensor import Tensor, known, wrap_dim

_SORTED = "Gather(View(Sort(Transpose(Unsqueeze(input)))))"
_QUANTILE = f"SqueezeBackward4(LerpBackward1({_SORTED}, {_SORTED}, -))"
_FLAT = "Gather(View(Sort(View(input))))"
_FLAT_QUANTILE = f"SqueezeBackward4(LerpBackward1({_FLAT}, {_FLAT}, -))"


def _sorted(x, dim, descending=False):
    """(values, indices) in order along a dim, equal elements in their original order."""
    if letter(x) == "c":
        raise RuntimeError(" Sort does not support complex dtypes on CPU")
    if not x.ndim:
        return x, jnp.zeros((), jnp.int64)
    positions = lax.broadcasted_iota(jnp.int64, x.shape, dim)
    if descending:
        x, positions = jnp.flip(x, dim), jnp.flip(positions, dim)
    values, indices = lax.sort((x, positions), dimension=dim, num_keys=1, is_stable=True)
    return (jnp.flip(values, dim), jnp.flip(indices, dim)) if descending else (values, indices)


@op(
    chooses=True,
    saves="own",
    returns=returntypes.sort,
    strides=strides_like_first,
    grad_fn=lambda types, consts: f"SortBackward{int(consts['stable'] is not None)}",
)
def sort(input: Array, dim: int = -1, descending: bool = False, *, stable: bool | None = None):
    """The elements in order along a dim, and the index that each had before. Always stable.

    >>> torch.sort(torch.tensor([3, 1, 2]))
    torch.return_types.sort(
    values=tensor([1, 2, 3]),
    indices=tensor([1, 2, 0]))
    """
    return _sorted(input, wrap_dim(dim, input.ndim), descending)


@op(saves=(), strides=strides_like_first)
def argsort(input: Array, dim: int = -1, descending: bool = False, *, stable: bool = False) -> Array:
    """The indices that put the elements in order along a dim."""
    return _sorted(input, wrap_dim(dim, input.ndim), descending)[1]


@op(chooses=True, saves="own", strides=strides_like_first, grad_fn="SortBackward0")
def msort(input: Array) -> Array:
    """The elements in order along the first dim."""
    return _sorted(input, 0)[0]


@op(chooses=True, saves="own", returns=returntypes.topk)
def topk(input: Array, k: int, dim: int = -1, largest: bool = True, sorted: bool = True):
    """The k largest (or smallest) elements along a dim in order, and their indices.

    >>> torch.topk(torch.tensor([1., 4., 2., 3.]), 2).values
    tensor([4., 3.])
    """
    if letter(input) in "bc":
        name, gap = ("bool", "") if letter(input) == "b" else ("complex", " ")
        raise RuntimeError(f"{gap}topk does not support {name} dtypes on CPU")
    kernel("topk_cpu", input, "if")
    dim = wrap_dim(dim, input.ndim)
    if not 0 <= k <= (input.shape[dim] if input.ndim else 1):
        raise RuntimeError("selected index k out of range")
    if not input.ndim:
        return input, jnp.zeros((), jnp.int64)
    if largest and letter(input) == "f" and dim == input.ndim - 1:
        # XLA sorts NaN by its sign: the square root of -1 would be the least of all.
        plain = lax.stop_gradient(jnp.where(input != input, jnp.nan, input))
        indices = lax.top_k(plain, k)[1].astype(jnp.int64)
        return jnp.take_along_axis(input, indices, -1), indices
    values, indices = _sorted(input, dim, largest)
    return lax.slice_in_dim(values, 0, k, axis=dim), lax.slice_in_dim(indices, 0, k, axis=dim)


def _index_of_rank(x, k):
    """The index of the element of a vector that has rank k."""
    values, indices = _sorted(x, 0)
    equal = (x == values[k]) | ((x != x) & (values[k] != values[k]))
    return lax.cond(jnp.sum(equal) > 1, lambda: _quick_select(x, k), lambda: indices[k])


def _quick_select(x, k):
    """The index at rank k after a quick select whose pivot is the median of three, as PyTorch partitions: it decides which of
    equal elements has rank k."""

    def above(order, i, j):
        a, b = x[order[i]], x[order[j]]
        return (a > b) | ((a != a) & (b == b))

    def swapped(order, i, j):  # one scatter: XLA copies the array between two
        return order.at[jnp.stack([i, j])].set(jnp.stack([order[j], order[i]]), mode="promise_in_bounds")

    def in_order(order, i, j):
        return swapped(order, i, jnp.where(above(order, i, j), j, i))

    def meet(state):
        """The next pair on the wrong sides of the pivot, swapped; the pivot is at `low`."""
        order, low, i, j, _ = state
        i = lax.while_loop(lambda i: above(order, low, i), lambda i: i + 1, i + 1)
        j = lax.while_loop(lambda j: above(order, j, low), lambda j: j - 1, j - 1)
        met = j < i
        return swapped(order, jnp.where(met, j, i), j), low, i, j, met

    def part(state):
        order, low, high = state
        order = swapped(order, low + (high - low) // 2, low + 1)
        for i, j in ((low + 1, high), (low, high), (low + 1, low)):
            order = in_order(order, i, j)
        order, _, i, j, _ = lax.while_loop(lambda state: ~state[-1], meet, (order, low, low + 1, high, False))
        return swapped(order, low, j), jnp.where(j <= k, i, low), jnp.where(j >= k, j - 1, high)

    whole = jnp.arange(x.size), jnp.int64(0), jnp.int64(x.size - 1)
    order, low, high = lax.while_loop(lambda state: state[2] > state[1] + 1, part, whole)
    return in_order(order, low, high)[k]


@op(chooses=True, saves="own", returns=returntypes.kthvalue, overlap="none")
def kthvalue(input: Array, k: int, dim: int = -1, keepdim: bool = False):
    """The k-th smallest element along a dim, counted from 1, and its index: among equal elements that which PyTorch selects."""
    kernel("kthvalue_cpu", input, "if")
    dim = wrap_dim(dim, input.ndim)
    if not 1 <= k <= (input.shape[dim] if input.ndim else 1):
        raise RuntimeError("kthvalue(): selected number k out of range for dimension " + str(dim))
    if not input.ndim:
        return input, jnp.zeros((), jnp.int64)
    rows = jnp.moveaxis(lax.stop_gradient(input), dim, -1)
    index = lax.map(lambda row: _index_of_rank(row, k - 1), rows.reshape(-1, rows.shape[-1]))
    index = jnp.expand_dims(index.reshape(rows.shape[:-1]), dim)
    return pick(input, index, dim, keepdim), index if keepdim else jnp.squeeze(index, dim)


# ---- median and quantiles


def _median_index(x, dim, ignore_nan):
    """The index (with keepdim) of the lower median along a dim, or of the first NaN unless NaN is ignored."""
    order = _sorted(lax.stop_gradient(x), dim)[1]
    nan = x != x
    count = jnp.sum(~nan, axis=dim, keepdims=True)
    rank = jnp.maximum(count - 1, 0) // 2 if ignore_nan else jnp.full_like(count, (x.shape[dim] - 1) // 2)
    index = jnp.take_along_axis(order, rank, axis=dim)
    if ignore_nan:
        return index
    return jnp.where(jnp.any(nan, axis=dim, keepdims=True), jnp.argmax(nan, axis=dim, keepdims=True), index)


def _median_at(x, dim, keepdim, ignore_nan):
    kernel("median_out", x, "if")
    dim = wrap_dim(dim, x.ndim)
    if not x.ndim:
        return x, jnp.zeros((), jnp.int64)
    if not x.shape[dim]:
        raise IndexError(f"median(): Expected reduction dim {dim} to have non-zero size.")
    index = _median_index(x, dim, ignore_nan)
    return pick(x, index, dim, keepdim), index if keepdim else jnp.squeeze(index, dim)


def _lower_median(x, axis, keepdims):
    return pick(x, _median_index(x, axis[0], False), axis[0], keepdims)


def _lower_nanmedian(x, axis, keepdims):
    return pick(x, _median_index(x, axis[0], True), axis[0], keepdims)


def _median_all(x, find):
    kernel("median_cpu", x, "if")
    if not x.size:
        return jnp.full((), jnp.nan if letter(x) == "f" else jnp.iinfo(x.dtype).min, x.dtype)
    return reduce_sharing_gradient(x.reshape(-1), find, (0,), False, False)


@op(chooses=True, name="median", grad_fn="MedianBackward0", saves="both")
def _median(input: Array) -> Array:
    return _median_all(input, _lower_median)


@op(chooses=True, name="median", grad_fn="MedianBackward1", saves="own", returns=returntypes.median)
def _median_dim(input: Array, dim: int, keepdim: bool):
    return _median_at(input, dim, keepdim, False)


@op(chooses=True, name="nanmedian", grad_fn="NanmedianBackward0", saves="both")
def _nanmedian(input: Array) -> Array:
    return _median_all(input, _lower_nanmedian)


@op(chooses=True, name="nanmedian", grad_fn="NanmedianBackward1", saves="own", returns=returntypes.nanmedian)
def _nanmedian_dim(input: Array, dim: int, keepdim: bool):
    return _median_at(input, dim, keepdim, True)


@public
def median(input, dim=None, keepdim=False, *, out=None):
    """The median of all elements, or along a dim with its index: the lower of two middle elements, NaN if any is NaN.

    >>> torch.median(torch.tensor([4., 1., 3., 2.]))
    tensor(2.)
    """
    return _median(input, out=out) if dim is None else _median_dim(input, dim, keepdim, out=out)


@public
def nanmedian(input, dim=None, keepdim=False, *, out=None):
    """The median of the elements that are not NaN, the lower of two middle elements."""
    return _nanmedian(input, out=out) if dim is None else _nanmedian_dim(input, dim, keepdim, out=out)


@op(chooses=True, saves="own", returns=returntypes.mode)
def mode(input: Array, dim: int = -1, keepdim: bool = False):
    """The most frequent element along a dim, the smallest of equally frequent ones, and its last index."""
    kernel("mode_cpu", input, "bif")
    dim = wrap_dim(dim, input.ndim)
    if not input.ndim:
        return input, jnp.zeros((), jnp.int64)
    values, order = _sorted(lax.stop_gradient(input), dim)
    same = jnp.expand_dims(values, dim) == jnp.expand_dims(values, dim + 1)
    often = jnp.argmax(jnp.sum(same, axis=dim), axis=dim, keepdims=True)
    best = jnp.take_along_axis(values, often, axis=dim)
    index = jnp.max(jnp.where(values == best, order, 0), axis=dim, keepdims=True)
    return pick(input, index, dim, keepdim), index if keepdim else jnp.squeeze(index, dim)


def _outside_unit_interval(q):
    return ((q < 0) | (q > 1)).any()


def _check_quantile(input, q, interpolation, **_):
    if not isinstance(input, Tensor):
        return
    input, q = cast_first(input, q, autocast={"cpu": "float32"})
    if input.dtype not in (dtypes.float32, dtypes.float64):
        raise RuntimeError("quantile() input tensor must be either float or double dtype")
    if not input.numel():
        raise RuntimeError("quantile() input tensor must be non-empty")
    if not isinstance(q, Tensor):
        if not 0 <= q <= 1:
            raise RuntimeError(f"quantile() q must be in the range [0, 1] but got {q:g}")
    else:
        if q.ndim > 1:
            raise RuntimeError("quantile() q must be a scalar or 1D tensor")
        if q.dtype is not input.dtype:
            raise RuntimeError("quantile() q tensor must be same dtype as the input tensor")
        data_check(q, _outside_unit_interval, RuntimeError("quantile() q values must be in the range [0, 1]"))
    if interpolation not in ("linear", "lower", "higher", "midpoint", "nearest"):
        raise RuntimeError(
            f"quantile() interpolation must be one of linear, lower, higher, midpoint or nearest, but got {interpolation}"
        )


def _quantile(x, q, dim, keepdim, interpolation, ignore_nan):
    ndim = x.ndim
    flat = x.reshape(-1) if dim is None or not ndim else jnp.moveaxis(x, wrap_dim(dim, ndim), -1)
    ordered = _sorted(flat, flat.ndim - 1)[0]
    q1 = jnp.asarray(q, x.dtype).reshape(-1)
    nan = flat != flat
    count = jnp.sum(~nan, axis=-1, keepdims=True) if ignore_nan else jnp.full((*flat.shape[:-1], 1), flat.shape[-1])
    rank = q1 * jnp.maximum(count - 1, 0).astype(x.dtype)
    if not ignore_nan:
        rank = jnp.where(jnp.any(nan, axis=-1, keepdims=True), flat.shape[-1] - 1, rank)
    rounding = {"lower": jnp.floor, "higher": jnp.ceil, "nearest": jnp.round}.get(interpolation)
    rank = rounding(rank) if rounding else rank
    below = jnp.floor(rank)
    low = jnp.take_along_axis(ordered, below.astype(jnp.int64), axis=-1)
    if not rounding:
        weight = jnp.full_like(rank, 0.5) if interpolation == "midpoint" else rank - below
        high = jnp.take_along_axis(ordered, jnp.ceil(rank).astype(jnp.int64), axis=-1)
        low = jnp.where(jnp.abs(weight) < 0.5, low + weight * (high - low), high - (high - low) * (1 - weight))
    out = jnp.moveaxis(low, -1, 0)
    if keepdim and ndim:
        shape = [1] * ndim if dim is None else [n if d != wrap_dim(dim, ndim) else 1 for d, n in enumerate(x.shape)]
        out = out.reshape(q1.shape[0], *shape)
    return out if jnp.ndim(q) else out[0]


def _quantile_strides(types, shapes, consts):
    """PyTorch works with the quantiles in the last dimension, and moves it to the front."""
    (shape,) = shapes
    if len(types) < 2 or not types[1].ndim:
        return [None]
    strides = geometry.contiguous_strides((*shape[1:], shape[0]))
    return [(strides[-1], *strides[:-1])]


@op(
    check=_check_quantile,
    saves="own",
    grad_fn="SqueezeBackward4",
    strides=_quantile_strides,
    autocast={"cpu": "float32"},
    graph={"SqueezeBackward4": _QUANTILE, "SqueezeBackward4[dim=None]": _FLAT_QUANTILE},
)
def quantile(
    input: Array,
    q: Array | Number,
    dim: int | None = None,
    keepdim: bool = False,
    *,
    interpolation: str = "linear",
) -> Array:
    """The element below which a fraction q of all elements (or of those along a dim) lies.

    >>> torch.quantile(torch.tensor([0., 1., 2., 3.]), 0.5)
    tensor(1.5000)
    """
    return _quantile(input, q, dim, keepdim, interpolation, False)


@op(
    check=_check_quantile,
    saves="own",
    grad_fn="SqueezeBackward4",
    strides=_quantile_strides,
    autocast={"cpu": "float32"},
    graph={"SqueezeBackward4": _QUANTILE, "SqueezeBackward4[dim=None]": _FLAT_QUANTILE},
)
def nanquantile(
    input: Array,
    q: Array | Number,
    dim: int | None = None,
    keepdim: bool = False,
    *,
    interpolation: str = "linear",
) -> Array:
    """The quantile of the elements that are not NaN."""
    return _quantile(input, q, dim, keepdim, interpolation, True)


# ---- positions in a sorted sequence


def _warn_of_copies(sorted_sequence, input, out_int32, right, side, sorter):
    for name, given in (("input value", input), ("boundary", sorted_sequence), ("sorter", sorter)):
        if isinstance(given, Tensor) and not given.is_contiguous() and once.first_time(("searchsorted", name)):
            warn_user(
                f"torch.searchsorted(): {name} tensor is non-contiguous, this will lower the performance due to extra data"
                f" copy when converting non-contiguous tensor to contiguous, please use contiguous {name} tensor if"
                " possible.",
            )


@op(saves=(), method=False, check=_warn_of_copies)
def searchsorted(
    sorted_sequence: Array,
    input: Array | Number,
    *,
    out_int32: bool = False,
    right: bool = False,
    side: str | None = None,
    sorter: Array | None = None,
) -> Array:
    """The index at which each value would be inserted in a sorted sequence (the last dim): before equal ones, after with right=True.

    >>> torch.searchsorted(torch.tensor([1, 3, 5]), torch.tensor([3, 4]))
    tensor([1, 2])
    """
    if side not in (None, "left", "right"):
        raise RuntimeError(f"torch.searchsorted(): side can only be 'left' or 'right' but got {side}")
    if side == "left" and right:
        raise RuntimeError(
            "torch.searchsorted(): side and right can't be set to opposites, got side of left while right was True"
        )
    values = jnp.asarray(input)
    if sorter is not None:
        sorted_sequence = jnp.take_along_axis(sorted_sequence, sorter, axis=-1)
    where = jnp.vectorize(
        lambda s, v: jnp.searchsorted(s, v, side="right" if right or side == "right" else "left"),
        signature="(n),(m)->(m)",
    )
    if sorted_sequence.ndim == 1:
        found = where(sorted_sequence, values.reshape(-1)).reshape(values.shape)
    else:
        if sorted_sequence.shape[:-1] != values.shape[:-1]:
            raise RuntimeError(
                "torch.searchsorted(): boundaries tensor should be 1 dimension or the first N-1 dimensions of"
                " boundaries tensor and input value tensor must match, but we got boundaries tensor"
                f" {list(sorted_sequence.shape)} and input value tensor {list(values.shape)}"
            )
        found = where(sorted_sequence, values)
    return found.astype(jnp.int32 if out_int32 else jnp.int64)


@public(method=False)
def bucketize(input, boundaries, *, out_int32=False, right=False, out=None):
    """Which interval between the boundaries each value lies in; right=True closes them on the left."""
    if boundaries.ndim != 1:
        raise RuntimeError(f"boundaries tensor must be 1 dimension, but got dim({boundaries.ndim})")
    return searchsorted(boundaries, input, out_int32=out_int32, right=right, out=out)


# ---- distinct elements and counts, whose number depends on the data


def _unique_host(x, return_inverse, return_counts, axis):
    if x.dtype.kind == "V" or x.dtype.isbuiltin != 1:
        wide = _unique_host(x.astype(np.float32), return_inverse, return_counts, axis)
        return wide[0].astype(x.dtype), *wide[1:]
    made = np.unique(np.asarray(x), return_inverse=True, return_counts=True, axis=axis, equal_nan=False)
    return made[0], np.reshape(made[1], np.shape(x) if axis is None else -1), made[2]


@public
def unique(input, sorted=True, return_inverse=False, return_counts=False, dim=None):
    """The distinct elements in order (or the distinct slices along a dim). Reads the elements.

    Args:
        return_inverse: also give, for each element, its index in the result.
        return_counts: also give how often each occurs.

    >>> torch.unique(torch.tensor([3, 1, 3]))
    tensor([1, 3])
    """
    kernel("unique", input._type.aval, "biuf")
    needs_data("_unique2" if dim is None else "unique_dim", input)
    values, inverse, counts = _unique_host(
        input._to_numpy(), return_inverse, return_counts, None if dim is None else wrap_dim(dim, input.ndim)
    )
    return _parts(input, _as_moved(values, dim), inverse, counts, return_inverse, return_counts)


def _as_moved(values, dim):
    """The slices along `dim` as they lie in PyTorch's memory: one after the other."""
    return values if dim is None else np.moveaxis(np.ascontiguousarray(np.moveaxis(values, dim, 0)), 0, dim)


def _parts(input, values, inverse, counts, return_inverse, return_counts):
    parts = [
        (values, True),
        (inverse.astype(np.int64), return_inverse),
        (counts.astype(np.int64), return_counts),
    ]
    arrays = [np.array(p, order="K") for p, wanted in parts if wanted]
    strides = [tuple([s // a.itemsize for s in a.strides]) if a.size else None for a in arrays]
    made = tuple([known(a, input._type.place, s) for a, s in zip(arrays, strides, strict=True)])
    return made if len(made) > 1 else made[0]


@public
def unique_consecutive(input, return_inverse=False, return_counts=False, dim=None):
    """The elements (or slices along a dim) without those that repeat the one before. Reads the elements."""
    if dim is not None and not input.ndim:
        raise IndexError(f"Dimension specified as {dim} but tensor has no dimensions")
    needs_data("unique_consecutive", input)
    x = input._to_numpy()
    rows = x.reshape(-1) if dim is None else np.moveaxis(x, wrap_dim(dim, input.ndim), 0)
    fresh = np.ones(len(rows), bool)
    fresh[1:] = (rows[1:] != rows[:-1]).any(axis=tuple(range(1, rows.ndim)))
    group = np.cumsum(fresh) - 1
    counts = np.bincount(group, minlength=int(fresh.sum())) if len(rows) else np.zeros(0, int)
    values = rows[fresh] if dim is None else np.moveaxis(rows[fresh], 0, wrap_dim(dim, input.ndim))
    inverse = group.reshape(x.shape) if dim is None else group
    return _parts(input, values, inverse, counts, return_inverse, return_counts)
