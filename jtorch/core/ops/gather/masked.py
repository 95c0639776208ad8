"""Reading and writing elements by masks and by flat indices: the `masked_` family, `nonzero`, `take`, `put`.

Selecting by a mask reads it, which runs the recorded lines: only its values tell how many elements the result has. Writing
through a mask does not read it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np

from jtorch.core.facts import dtypes, limits
from jtorch.core.op import Array, Number, data_check, function, needs_data, op, public, store, with_out
from jtorch.core.op import common_shape as _common
from jtorch.core.ops.arithmetic.elementwise import remainder
from jtorch.core.ops.gather.index import added, placed
from jtorch.core.ops.gather.scatter import by_value, check_one_value, check_range, gather
from jtorch.core.ops.rules import strides_like_first
from jtorch.core.ops.views.shape import expand_view, expanded_size, reshape
from jtorch.core.tensor import Tensor, cast_array, check_apart, known, wrap_dim

# ---- masks


def _check_mask_fill(input, mask, value):
    _common(tuple(mask.shape), tuple(input.shape))
    if mask.dtype is not dtypes.bool_:
        raise RuntimeError(f"masked_fill_ only supports boolean masks, but got mask with dtype {mask.dtype.cname}")
    check_one_value(value, "masked_fill_", input)
    if isinstance(value, Tensor) and value.dtype.is_complex and not input.dtype.is_complex:
        limits.must_hold(input.dtype, 1j)


@op(
    inplace="twice",
    saves=(1,),
    check=_check_mask_fill,
    grad_fn=by_value("MaskedFillBackward0", "MaskedFillBackward1"),
    overlap=("mask",),
    numbers="parameter",
)
def masked_fill(input: Array, mask: Array, value: Array | Number) -> Array:
    """`value` where the mask is true, `input` elsewhere.

    >>> torch.tensor([1., 2.]).masked_fill(torch.tensor([True, False]), 0.)
    tensor([0., 2.])
    """
    return jnp.where(mask, cast_array(jnp.asarray(value), dtypes.of(input.dtype)), input)


@op(name="masked_select", saves=(1,))
def _taken(input: Array, index: Array, shape: tuple) -> Array:
    return jnp.take(jnp.broadcast_to(input, shape).reshape(-1), index, mode="clip")


@public
def masked_select(input, mask, *, out=None):
    """The elements where the mask is true, as a vector. Reads the mask.

    >>> torch.tensor([1, 2, 3]).masked_select(torch.tensor([True, False, True]))
    tensor([1, 3])
    """
    if mask.dtype is not dtypes.bool_:
        raise RuntimeError("masked_select: expected BoolTensor for mask")
    needs_data("masked_select", input, mask)
    shape = tuple(_common(tuple(mask.shape), tuple(input.shape)))
    spots = np.flatnonzero(np.broadcast_to(mask._to_numpy(), shape))
    made = _taken(input, known(spots, input._type.place), shape)
    if out is None:
        return made
    check_apart("none", out, (input, mask))
    return store(out, made, "masked_select")


def _too_few(mask, n, times):
    return mask.sum() * times > n


def _check_masked_scatter(input, mask, source):
    if source.dtype is not input.dtype:
        raise RuntimeError(
            f"masked_scatter: expected self and source to have same dtypes but got{input.dtype.scalar_name} and {source.dtype.scalar_name}"
        )
    if mask.dtype is not dtypes.bool_:
        raise RuntimeError(
            f"masked_scatter_ only supports boolean masks, but got mask with dtype {mask.dtype.scalar_name}"
        )
    full = np.prod(_common(tuple(mask.shape), tuple(input.shape)), dtype=int)
    times = int(full) // max(mask.numel(), 1)
    data_check(
        mask,
        _too_few,
        RuntimeError("Number of elements of source < number of ones in mask"),
        n=source.numel(),
        times=times,
    )


@op(inplace=True, saves=(1,), check=_check_masked_scatter, overlap="any")
def masked_scatter(input: Array, mask: Array, source: Array) -> Array:
    """A copy whose k-th element under a true mask is replaced by the k-th element of `source`."""
    shape = _common(mask.shape, input.shape)
    mask, input = jnp.broadcast_to(mask, shape), jnp.broadcast_to(input, shape)
    if not source.size:
        return input
    order = jnp.clip(jnp.cumsum(mask.reshape(-1)) - 1, 0, source.size - 1)
    return jnp.where(mask, jnp.take(source.reshape(-1), order, mode="clip").reshape(shape), input)


@function(method=True)
def nonzero(input, *, out=None, as_tuple=False):
    """The indices of the elements that are not zero, one row for each. Reads the elements.

    Args:
        as_tuple: return a tuple instead, with one vector of indices for each dimension.

    >>> torch.tensor([[1, 0], [0, 2]]).nonzero()
    tensor([[0, 0],
            [1, 1]])
    """
    needs_data("nonzero", input)
    if as_tuple:
        return nonzero(input if input.ndim else reshape(input, (1,))).unbind(1)
    made = _coordinates(input._to_numpy(), input._type.place)
    return made if out is None else store(out, made, "nonzero")


def _coordinates(array, place):
    if not array.ndim:
        return known(np.zeros((int(bool(array)), 0), np.int64), place)
    table = np.array(np.nonzero(array), np.int64)
    return known(table.T, place, strides=(1, max(table.shape[1], 1)))


@function(method=True)
def nonzero_static(input, *, size, fill_value=-1, out=None):
    """The first `size` rows of `nonzero`, and rows of `fill_value` where there are fewer.

    >>> torch.tensor([1, 0, 1]).nonzero_static(size=3).tolist()
    [[0], [2], [-1]]
    """
    if size < 0:
        raise RuntimeError("nonzero_static: 'size' must be an non-negative integer")
    found = np.stack(np.nonzero(np.atleast_1d(input._to_numpy())), 1)[:size, : input.ndim]
    made = np.full((size, input.ndim), fill_value, np.int64)
    made[: len(found)] = found
    result = known(made, input._type.place)
    return result if out is None else store(out, result, "nonzero_static")


@function
def unravel_index(indices, shape):
    """The coordinates of flat indices in a tensor of this shape, one tensor for each dimension.

    >>> torch.unravel_index(torch.tensor([5]), (2, 3))
    (tensor([1]), tensor([2]))
    """
    if indices.dtype.is_complex or indices.dtype.is_floating_point or indices.dtype is dtypes.bool_:
        raise TypeError(f"expected 'indices' to be integer dtype, but got {indices.dtype}")
    if not isinstance(shape, int | Sequence):
        raise TypeError(f"expected 'shape' to be int or sequence of ints, but got {type(shape)}")
    sizes = (shape,) if isinstance(shape, int) else tuple(shape)
    for n in sizes:
        if not isinstance(n, int):
            raise TypeError(f"expected 'shape' sequence to only contain ints, but got {type(n)}")
    if any(n < 0 for n in sizes):
        raise ValueError(f"'shape' cannot have negative values, but got {sizes}")
    return _unravelled(indices, sizes).unbind(-1)


@op(name="remainder", saves=(), behind="unravel_index")
def _unravelled(indices: Array, sizes: tuple) -> Array:
    steps = np.array([math.prod(sizes[d + 1 :]) for d in range(len(sizes))], np.int64)
    return indices[..., None].astype(jnp.int64) // steps % np.array(sizes, np.int64)


@function(method=True)
def argwhere(input):
    """The indices of the elements that are not zero, one row for each. Reads the elements."""
    return nonzero(input)


# ---- flat indices


def _check_take(input, index):
    if index.dtype is not dtypes.int64:
        raise RuntimeError(f"take(): Expected a long tensor for index, but got {index.dtype.scalar_name}")
    check_range(index, input.numel(), 0, "take" if input.numel() else "take from nothing", negative=True)


@op(check=_check_take, saves=(1,), overlap="none")
def take(input: Array, index: Array) -> Array:
    """The elements at indices of the flattened tensor, in the shape of `index`."""
    flat = input.reshape(-1)
    return flat.at[index].get(mode="clip")


def _check_put(input, index, source, accumulate):
    if index.numel() != source.numel():
        raise IndexError(
            "put_(): Expected source and index to have the same number of elements, but got source.numel() ="
            f" {source.numel()}, index.numel() = {index.numel()}"
        )
    if source.dtype is not input.dtype:
        raise RuntimeError(
            "put_(): self and source expected to have the same dtype, but got self.dtype ="
            f" {input.dtype.scalar_name} and source.dtype = {source.dtype.scalar_name}"
        )
    if index.dtype is not dtypes.int64:
        raise RuntimeError(f"put_(): Expected a long tensor for index, but got {index.dtype.scalar_name}")
    check_range(index, input.numel(), 0, "take" if input.numel() else "put into nothing", negative=True)


@op(inplace=True, check=_check_put, saves=(1,), strides=strides_like_first, overlap="none")
def put(input: Array, index: Array, source: Array, accumulate: bool = False) -> Array:
    """A copy with `source` written, or added, at indices of the flattened tensor."""
    flat, values = input.reshape(-1), source.reshape(-1)
    at = jnp.where(index < 0, index + flat.size, index).reshape(-1)
    if accumulate:
        return added(flat, values, at).reshape(input.shape)
    return placed(flat, values, (at,)).reshape(input.shape)


@public
@with_out
def take_along_dim(input, indices, dim=None):
    """:func:`gather`, with input and indices broadcast against each other outside `dim`. Without a dim the input is flattened."""
    if indices.dtype is not dtypes.int64:
        raise RuntimeError(
            f"torch.take_along_dim(): dtype of indices should be Long but got {indices.dtype.scalar_name}"
        )
    if dim is None:
        return gather(reshape(input, (-1,)), 0, reshape(indices, (-1,)))
    if input.ndim != indices.ndim:
        raise RuntimeError(
            "torch.take_along_dim(): input and indices should have the same number of dimensions, but got"
            f" {input.ndim} dimensions for input, and {indices.ndim} dimensions for indices"
        )
    dim = wrap_dim(dim, input.ndim)
    if input.shape[dim]:
        indices = remainder(indices, input.shape[dim])  # PyTorch wraps them round
    full = [a if d == dim else max(a, b) for d, (a, b) in enumerate(zip(input.shape, indices.shape, strict=True))]
    wide = [b if d == dim else n for d, (n, b) in enumerate(zip(full, indices.shape, strict=True))]
    return gather(
        expand_view(input, expanded_size(input.shape, full)),
        dim,
        expand_view(indices, expanded_size(indices.shape, wide)),
    )
