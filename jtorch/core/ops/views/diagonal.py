"""Diagonals and triangles: reading, filling and creating them; and the `_scatter` forms of views."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np

from jtorch.core.engine import type_of
from jtorch.core.facts import devices, dtypes
from jtorch.core.facts import place as _place
from jtorch.core.op import Array, Number, function, op, public, with_out
from jtorch.core.ops.views.shape import reshape
from jtorch.core.ops.views.slices import diagonal_view, write_diagonal, write_select, write_slice
from jtorch.core.tensor import Tensor, known, wrap_dim


def _check_two_dims(name):
    def check(input, diagonal):
        if input.ndim < 2:
            raise RuntimeError(f"{name}: input tensor must have at least 2 dimensions")

    return check


@op(inplace="twice", saves=(), check=_check_two_dims("tril"))
def tril(input: Array, diagonal: int = 0) -> Array:
    """The lower triangle of each matrix, zeros elsewhere.

    >>> torch.ones(2, 2).tril()
    tensor([[1., 0.],
            [1., 1.]])
    """
    return jnp.tril(input, diagonal)


@op(inplace="twice", saves=(), check=_check_two_dims("triu"))
def triu(input: Array, diagonal: int = 0) -> Array:
    """The upper triangle of each matrix, zeros elsewhere."""
    return jnp.triu(input, diagonal)


def _triangle_indices(row, col, offset, dtype, device, spots):
    for n, name in ((row, "row"), (col, "col")):
        if n < 0:
            raise RuntimeError(f"{name} must be non-negative, got{n}")
    place = _place(device) if device is not None else None
    type_of((row, col), dtypes.bool_, devices.CPU)  # raises where there is too little memory
    return known(np.array(spots(row, offset, col), (dtype or dtypes.int64).np), place)


@function
def tril_indices(row, col, offset=0, *, dtype=None, device=None, layout=None):
    """The rows and columns of the lower triangle of a matrix, row by row."""
    return _triangle_indices(row, col, offset, dtype, device, np.tril_indices)


@function
def triu_indices(row, col, offset=0, *, dtype=None, device=None, layout=None):
    """The rows and columns of the upper triangle of a matrix, row by row."""
    return _triangle_indices(row, col, offset, dtype, device, np.triu_indices)


def _embed_dims(ndim, dim1, dim2):
    a, b = wrap_dim(dim1, ndim + 1), wrap_dim(dim2, ndim + 1)
    if a == b:
        raise RuntimeError(f"diagonal dimensions cannot be identical {dim1}, {dim2}")
    return a, b


@op(saves=())
def diag_embed(input: Array, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Array:
    """Matrices whose diagonals are the vectors of the last dimension."""
    a, b = _embed_dims(input.ndim, dim1, dim2)
    n = input.shape[-1] + abs(offset)
    i = jnp.arange(input.shape[-1])
    out = jnp.zeros((*input.shape[:-1], n, n), input.dtype)
    out = out.at[..., i + max(-offset, 0), i + max(offset, 0)].set(input)
    return jnp.moveaxis(out, (-2, -1), (a, b))


@op(name="diag", saves=(), grad_fn="DiagonalBackward0_copy")
def _diag_of(input: Array, diagonal: int) -> Array:
    return jnp.diagonal(input, diagonal)


@public
@with_out
def diag(input, diagonal=0):
    """The diagonal of a matrix as a copy, or the matrix with a given diagonal.

    >>> torch.diag(torch.tensor([1, 2]))
    tensor([[1, 0],
            [0, 2]])
    """
    if input.ndim not in (1, 2):
        raise RuntimeError(f"diag(): Supports 1D or 2D tensors. Got {input.ndim}D")
    return diag_embed(input, diagonal) if input.ndim == 1 else _diag_of(input, diagonal)


@public
def diagflat(input, offset=0):
    """The matrix whose diagonal holds all elements in order."""
    return diag_embed(reshape(input, (-1,)), offset)


def _fill_diagonal(self, fill_value, wrap=False):
    """Fill the main diagonal with a number. Returns self.

    Args:
        wrap: in a matrix with more rows than columns, start another diagonal below the first.
    """
    if self.ndim < 2:
        raise RuntimeError("dimensions must larger than 1")
    if self.ndim > 2 and len(set(self.shape)) > 1:
        raise RuntimeError("all dimensions of input must be of equal length")
    if self.ndim > 2:
        self.as_strided(self.shape[:1], (sum(self.stride()),), self.storage_offset()).fill_(fill_value)
        return self
    rows, columns = self.shape
    for first in range(0, rows if wrap else 1, columns + 1):
        diagonal_view(self[first:], 0, 0, 1).fill_(fill_value)
    return self


def _check_slice(shape, expected):
    if tuple(shape) != tuple(expected):
        raise RuntimeError(
            f"expected src to have a size equal to the slice of self. src size = {list(shape)}, slice size = {list(expected)}"
        )


@op(saves=())
def select_scatter(input: Array, src: Array, dim: int, index: Number) -> Array:
    """A copy with one entry of a dimension replaced by `src`."""
    dim = wrap_dim(dim, input.ndim)
    _check_slice(src.shape, [n for d, n in enumerate(input.shape) if d != dim])
    return write_select(input, src.astype(input.dtype), dim, index)


@op(name="slice_scatter", saves=())
def _slice_scatter(input: Array, src: Array, dim: int, start: int, length: int, step: int) -> Array:
    _check_slice(src.shape, [length if d == dim else n for d, n in enumerate(input.shape)])
    return write_slice(input, src.astype(input.dtype), dim, start, length, step)


@public
@with_out
def slice_scatter(input, src, dim=0, start=None, end=None, step=1):
    """A copy with a slice of a dimension replaced by `src`."""
    dim = wrap_dim(dim, input.ndim)
    start, end, step = slice(start, end, step).indices(input.shape[dim])
    return _slice_scatter(input, src, dim, start, max(0, -((start - end) // step)), step)


@op(saves=())
def diagonal_scatter(input: Array, src: Array, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Array:
    """A copy with a diagonal replaced by `src`."""
    _check_slice(src.shape, jnp.diagonal(input, offset, dim1, dim2).shape)
    return write_diagonal(input, src.astype(input.dtype), offset, dim1, dim2)


Tensor.fill_diagonal_ = _fill_diagonal
