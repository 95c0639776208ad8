"""Views of a part of the elements: `select`, slices, `narrow`, `diagonal`, `unfold`, `as_strided`, the alias.

Integer indices and the starts of slices are values, so that `x[i]` in a loop compiles once; lengths and steps
are constants. Each view is a pure function of an array (what it shows), a geometry (the sizes, strides and
offset that PyTorch would show, with its errors) and, where no cell is shown twice, a writer (the base with
the shown cells replaced).
"""

from __future__ import annotations

from functools import lru_cache
from operator import index as integer

import jax.numpy as jnp
from jax import lax

from jtorch.core.engine import Call, local
from jtorch.core.facts import dtypes, strided_bytes
from jtorch.core.facts import strides as geometry
from jtorch.core.grad import GradNode
from jtorch.core.op import Array, Number, function, op, with_out
from jtorch.core.tensor import Tensor, wrap_dim


def plain_ints(args):
    """Ints given one by one or as a sequence, as a tuple; None if there is anything else among them."""
    if len(args) == 1 and isinstance(args[0], tuple | list):
        args = args[0]
    for n in args:
        if n.__class__ is not int:
            return None
    return args if args.__class__ is tuple else tuple(args)


def as_ints(args, fn, name):
    """Sizes or dimensions given one by one or as a sequence, as a tuple of ints."""
    plain = plain_ints(args)
    if plain is not None:
        return plain
    if len(args) == 1 and isinstance(args[0], tuple | list):
        args = args[0]
    try:
        return tuple([integer(n) for n in args])
    except TypeError:
        odd = next(n for n in args if not hasattr(n, "__index__"))
        raise TypeError(
            f"{fn}(): argument '{name}' (position 1) must be tuple of ints, not {type(odd).__name__}"
        ) from None


@op(
    view=lambda shape, strides, offset: (shape, strides, offset),
    write=lambda base, new: new,
    name="alias",
    behind="view",
)
def alias(input: Array) -> Array:
    """The same cells: a view."""
    return input


def _select_geometry(shape, strides, offset, dim, index):
    if not shape:
        raise IndexError("select() cannot be applied to a 0-dim tensor.")
    dim = wrap_dim(dim, len(shape))
    size = shape[dim]
    if not -size <= index < size:
        raise IndexError(f"select(): index {index} out of range for tensor of size {list(shape)} at dimension {dim}")
    index = index + size if index < 0 else index
    return (
        [*shape[:dim], *shape[dim + 1 :]],
        [*strides[:dim], *strides[dim + 1 :]],
        offset + index * strides[dim],
    )


def write_select(base, new, dim, index):
    return lax.dynamic_update_index_in_dim(base, jnp.expand_dims(new, dim), index, dim % base.ndim)


@op(view=_select_geometry, write=write_select)
def select(input: Array, dim: int, index: Number) -> Array:
    """The entry at `index` of a dimension, without that dimension: a view.

    >>> torch.tensor([[1, 2], [3, 4]]).select(1, 0)
    tensor([1, 3])
    """
    return lax.dynamic_index_in_dim(input, index, dim, keepdims=False)


def _slice_geometry(shape, strides, offset, dim, start, length, step):
    return (
        [*shape[:dim], length, *shape[dim + 1 :]],
        [*strides[:dim], strides[dim] * step, *strides[dim + 1 :]],
        offset + start * strides[dim],
    )


def _spread_with_zeros(new, dim, step, span):
    """`new` with step - 1 zeros between its entries along `dim`, and a mask of where it is."""
    edges = [(0, 0, step - 1 if d == dim else 0) for d in range(new.ndim)]
    spread = lax.pad(new, jnp.zeros((), new.dtype), edges)
    at = jnp.arange(span) % step == 0
    return spread, at.reshape([span if d == dim else 1 for d in range(new.ndim)])


def write_slice(base, new, dim, start, length, step):
    if not length:
        return base
    if step > 1:
        span = (length - 1) * step + 1
        spread, at = _spread_with_zeros(new, dim, step, span)
        new = jnp.where(at, spread, lax.dynamic_slice_in_dim(base, start, span, dim))
    return lax.dynamic_update_slice_in_dim(base, new, start, dim)


@op(name="slice", view=_slice_geometry, write=write_slice, behind="narrow")
def slice_view(input: Array, dim: int, start: Number, length: int, step: int) -> Array:
    if step == 1 or not length:
        return lax.dynamic_slice_in_dim(input, start, length, dim)
    span = lax.dynamic_slice_in_dim(input, start, (length - 1) * step + 1, dim)
    return lax.slice_in_dim(span, 0, None, step, dim)


@function
def narrow(input, dim, start, length):
    """`length` entries of a dimension from `start`: a view."""
    if not input.ndim:
        raise RuntimeError("narrow() cannot be applied to a 0-dim tensor.")
    dim = wrap_dim(dim, input.ndim)
    size = input.shape[dim]
    if isinstance(start, Tensor) and (start.ndim or start.dtype.category != dtypes.INT):
        raise RuntimeError("start must be an 0-dim integral Tensor.")
    start = integer(start)
    if length < 0:
        raise RuntimeError("narrow(): length must be non-negative.")
    if not -size <= start <= size:
        raise IndexError(f"start out of range (expected to be in range of [{-size}, {size}], but got {start})")
    start = start + size if start < 0 else start
    if start + length > size:
        raise RuntimeError(f"start ({start}) + length ({length}) exceeds dimension size ({size}).")
    return slice_view(input, dim, start, length, 1)


@function(name="slice")
def slice_of(input, dim=0, start=None, end=None, step=1):
    """The elements start:end:step of a dimension, as `torch.ops.aten.slice`: a view."""
    if not input.ndim:
        raise RuntimeError("slice() cannot be applied to a 0-dim tensor.")
    if step <= 0:
        raise RuntimeError("slice step must be positive")
    dim = wrap_dim(dim, input.ndim)
    at = slice(start, end, step).indices(input.shape[dim])
    return slice_view(input, dim, at[0], len(range(*at)), step)


@op(name="narrow_copy", saves=())
def _narrow_copy(input: Array, dim: int, start: Number, length: int) -> Array:
    return lax.dynamic_slice_in_dim(input, start, length, dim)


@function
@with_out
def narrow_copy(input, dim, start, length):
    """A copy of :func:`narrow`."""
    if input.ndim and dim >= input.ndim:
        raise RuntimeError(
            "Expected dim < static_cast<int64_t>(self_sizes.size()) to be true, but got false.  (Could this error message be"
            " improved?  If so, please report an enhancement request to PyTorch.)"
        )
    if length < 0 and isinstance(start, int):
        size = input.shape[dim]
        raise RuntimeError(f"start ({start % (size or 1)}) + length ({length}) exceeds dimension size ({size}).")
    checked = narrow(input.detach(), dim, start, length)
    return _narrow_copy(input, wrap_dim(dim, input.ndim), start % (input.shape[dim] or 1), checked.shape[dim])


def _diagonal_spots(shape, offset, dim1, dim2):
    a, b = wrap_dim(dim1, len(shape)), wrap_dim(dim2, len(shape))
    if a == b:
        raise RuntimeError(f"diagonal dimensions cannot be identical {dim1}, {dim2}")
    rows, columns = shape[a] + min(offset, 0), shape[b] - max(offset, 0)
    return a, b, max(0, min(rows, columns))


def _diagonal_geometry(shape, strides, at, offset, dim1, dim2):
    a, b, length = _diagonal_spots(shape, offset, dim1, dim2)
    kept = [i for i in range(len(shape)) if i not in (a, b)]
    if length:
        at += offset * strides[b] if offset >= 0 else -offset * strides[a]
    return [*[shape[i] for i in kept], length], [*[strides[i] for i in kept], strides[a] + strides[b]], at


def write_diagonal(base, new, offset, dim1, dim2):
    a, b, length = _diagonal_spots(base.shape, offset, dim1, dim2)
    i = jnp.arange(length)
    moved = jnp.moveaxis(base, (a, b), (-2, -1))
    moved = moved.at[..., i + max(-offset, 0), i + max(offset, 0)].set(new)
    return jnp.moveaxis(moved, (-2, -1), (a, b))


@op(name="diagonal", view=_diagonal_geometry, write=write_diagonal, behind="diagonal")
def diagonal_view(input: Array, offset: int, dim1: int, dim2: int) -> Array:
    return jnp.diagonal(input, offset, dim1, dim2)


@function
def diagonal(input, offset=0, dim1=0, dim2=1):
    """The diagonal of two dimensions, as a last dimension: a view.

    >>> torch.tensor([[1, 2], [3, 4]]).diagonal()
    tensor([1, 4])
    """
    return diagonal_view(input, offset, dim1, dim2)


def _unfold_geometry(shape, strides, offset, dimension, size, step):
    dim = wrap_dim(dimension, len(shape))
    if size < 0:
        raise RuntimeError(f"size is {size} but must be >= 0")
    if step <= 0:
        raise RuntimeError(f"step is {step} but must be > 0")
    full, own = (shape[dim], strides[dim]) if shape else (1, 1)
    if size > full:
        raise RuntimeError(f"maximum size for tensor at dimension {dim} is {full} but size is {size}")
    if not shape:
        return [size], [1], offset
    count = (full - size) // step + 1
    return (
        [*shape[:dim], count, *shape[dim + 1 :], size],
        [*strides[:dim], own * step, *strides[dim + 1 :], own],
        offset,
    )


@op(name="unfold", view=_unfold_geometry)
def _unfold(input: Array, dimension: int, size: int, step: int) -> Array:
    if not input.ndim:
        return input.reshape(1)[:size]
    dim = wrap_dim(dimension, input.ndim)
    count = (input.shape[dim] - size) // step + 1
    spots = jnp.arange(count)[:, None] * step + jnp.arange(size)
    return jnp.moveaxis(jnp.take(input, spots, axis=dim, mode="clip"), dim + 1, -1)


def _method_unfold(self, dimension, size, step):
    """All slices of `size` entries along a dimension, `step` apart, with a new last dimension: a view."""
    return _unfold(self, dimension, size, step)


def _strided_geometry(shape, strides, offset, size, stride, storage_offset, order):
    return size, stride, storage_offset


def _check_strided(x, size, stride, offset):
    if len(size) != len(stride):
        raise RuntimeError("mismatch in length of strides and shape")
    if any(s < 0 for s in stride):
        raise RuntimeError(f"as_strided: Negative strides are not supported at the moment, got strides: {list(stride)}")
    if offset < 0:
        raise RuntimeError(f"Tensor: invalid storage offset {offset}")
    held, item = x._storage.value.type, x.dtype.itemsize
    cells = held.shape.numel() * held.dtype.itemsize // item
    strided_bytes(size, stride, item, offset)  # raises where a number overflows
    last = offset + sum((n - 1) * s for n, s in zip(size, stride, strict=True))
    if all(size) and last >= cells:
        raise RuntimeError(
            f"setStorage: sizes {list(size)}, strides {list(stride)}, storage offset {offset}, and itemsize "
            f"{item}"
            f" requiring a storage size of {(last + 1) * item} are out of bounds for storage of size "
            f"{cells * item}"
        )


@op(name="as_strided", view=_strided_geometry)
def _as_strided(input: Array, size: tuple, stride: tuple, storage_offset: int, order: tuple) -> Array:
    return jnp.transpose(input, order).reshape(-1)[_memory_spots(size, stride, storage_offset)]


def _memory_spots(size, stride, offset):
    """The positions in memory of a tensor's elements."""
    return offset + sum(
        (
            s * jnp.arange(n).reshape([n if d == e else 1 for e in range(len(size))])
            for d, (n, s) in enumerate(zip(size, stride, strict=True))
        ),
        jnp.zeros(size, jnp.int64),
    )


def as_strided_of(x, size, stride, storage_offset=None):
    """A tensor's memory with any sizes and strides, whatever the tensor itself shows of it: a view."""
    size, stride = as_ints((size,), "as_strided", "size"), as_ints((stride,), "as_strided", "stride")
    storage_offset = x.storage_offset() if storage_offset is None else integer(storage_offset)
    if x._base is not None and local.grad:
        x._history()  # autograd's error comes first
    _check_strided(x, size, stride, storage_offset)
    root = x if x._base is None else x._base
    if root._view is not None:
        root = root._alias()
        root._view = None
    own = root._type
    if own.dtype is not x.dtype:
        root = root.view(x.dtype)
        own = root._type
    if not geometry.is_dense(own.shape, own.strides):
        raise NotImplementedError("as_strided is not supported for memory with gaps between its elements")
    order = tuple(sorted(range(own.ndim), key=lambda d: (-own.strides[d], d)))
    made = _as_strided(root, size, stride, storage_offset, order)
    if made._base is not None:
        made._base = x if x._base is None else x._base
    if x is not root and x._view is not None and local.grad:
        _follow_view(made, x)
    return made


def _follow_view(made, x):
    """Give the result of `as_strided` on a view that view's history, not the history of the base that it was read from."""
    edge, t = x._history(), x._type
    made._view.note = x._view.note
    if edge is None or made._base is None:
        return
    call = _strided_of_view(t.shape, t.strides, x.storage_offset(), made.shape, made.stride(), made.storage_offset())
    made._edge = GradNode(call, (), (t,), (made._type,), (edge,))


@lru_cache(maxsize=4096)
def _strided_of_view(shape, strides, offset, size, stride, storage_offset):
    """as_strided as a function of a view's elements: cells of memory that the view does not show count as zero."""
    cells = 1 + max(
        o + sum((n - 1) * s for n, s in zip(a, b, strict=True))
        for o, a, b in ((offset, shape, strides), (storage_offset, size, stride))
    )

    def between(array):
        flat = jnp.zeros(cells, array.dtype).at[_memory_spots(shape, strides, offset)].set(array)
        return flat[_memory_spots(size, stride, storage_offset)]

    return Call(between, name="as_strided", saves=())


@function
def as_strided(input, size, stride, storage_offset=None):
    """The cells of the tensor's memory with any sizes and strides: a view.

    Args:
        storage_offset: the position of the first element in memory; default: that of the tensor's own.
    """
    return as_strided_of(input, size, stride, storage_offset)


for _made in (narrow, narrow_copy, diagonal, as_strided):
    setattr(Tensor, _made.__name__, _made)
Tensor.unfold = _method_unfold
