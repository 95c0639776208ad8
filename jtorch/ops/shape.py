"""Views: other ways of looking at the same elements.

Each view is a pure function of an array (what it shows), a geometry (the sizes, strides and offset that PyTorch
would show, with its errors) and, where cells are not shown twice, a writer (the base with the shown cells
replaced). Nothing here knows of storages: `jtorch.storage` chains these.
"""

from __future__ import annotations

import math
import warnings
from functools import lru_cache
from operator import index as integer

import jax.numpy as jnp
from jax import lax

from jtorch import dtypes, layout
from jtorch.dtypes import dtype as Dtype
from jtorch.layout import view_strides
from jtorch.op import Array, Number, op
from jtorch.op import broadcast_shapes as _common
from jtorch.ops.copy import _packed
from jtorch.tensor import Tensor, wrap_dim

# ---- one shape as another


def _fill_in(size, numel):
    """A size with its -1 worked out. Raises PyTorch's errors for sizes that do not fit."""
    unknown = [i for i, n in enumerate(size) if n == -1]
    if len(unknown) > 1:
        raise RuntimeError("only one dimension can be inferred")
    for i, n in enumerate(size):
        if n < -1:
            raise RuntimeError(f"invalid shape dimension {n} at index {i} of shape {list(size)}")
    known = math.prod([n for n in size if n != -1])
    if not unknown:
        if known != numel:
            raise RuntimeError(f"shape '{list(size)}' is invalid for input of size {numel}")
        return tuple(size)
    if known == 0 and numel == 0:
        raise RuntimeError(
            f"cannot reshape tensor of 0 elements into shape {list(size)} because the unspecified dimension size -1 "
            "can be any value and is ambiguous"
        )
    if known == 0 or numel % known:
        raise RuntimeError(f"shape '{list(size)}' is invalid for input of size {numel}")
    return tuple([numel // known if n == -1 else n for n in size])


def _view_geometry(shape, strides, offset, size):
    size = _fill_in(size, math.prod(shape))
    found = view_strides(shape, strides, size)
    if found is None:
        raise RuntimeError(
            "view size is not compatible with input tensor's size and stride (at least one dimension spans across two "
            "contiguous subspaces). Use .reshape(...) instead."
        )
    return size, found, offset


def _back(base, new, **_):
    """The writer of views that show every cell once, in the base's order."""
    return new.reshape(base.shape)


@op(name="view", method=False, view=_view_geometry, write=_back)
def _view(input: Array, size: tuple) -> Array:
    return input.reshape(_fill_in(size, input.size))


@op(name="unsafe_view", method=False, saves=())
def _unsafe_view(input: Array, size: tuple) -> Array:
    return input.reshape(size)


_NO_VIEW = "view() received an invalid combination of arguments - got ({}), but expected one of:\n * (torch.dtype dtype)\n"


def _ints(args, fn, name):
    """Sizes or dimensions given one by one or as a sequence, as a tuple of ints."""
    if len(args) == 1 and isinstance(args[0], tuple | list):
        args = args[0]
    try:
        return tuple([integer(n) for n in args])
    except TypeError:
        odd = next(n for n in args if not hasattr(n, "__index__"))
        raise TypeError(
            f"{fn}(): argument '{name}' (position 1) must be tuple of ints, not {type(odd).__name__}"
        ) from None


def _method_view(self, *size, dtype=None):
    """The same elements as another shape, or the same bytes as another dtype.

    Args:
        size: the shape, one entry may be -1; or a dtype.

    Raises:
        RuntimeError: the shape does not fit, or the strides do not allow a view (use `reshape`).
    """
    if len(size) == 1 and isinstance(size[0], Dtype):
        return _reinterpret(self, size[0])
    if dtype is not None:
        return _reinterpret(self, dtype)
    if not size or any(isinstance(n, float | str) for n in size):
        kinds = ", ".join(type(n).__name__ for n in size)
        miss = f"      didn't match because some of the arguments have invalid types: (!{kinds}!)\n" if size else ""
        raise TypeError(_NO_VIEW.format(kinds) + miss + " * (tuple of ints size)\n" + miss)
    return _view(self, _ints(size, "view", "size"))


@lru_cache(maxsize=4096)
def _viewable(type, size):
    return view_strides(type.shape, type.strides, _fill_in(size, math.prod(type.shape))) is not None


def reshape(input, *shape, **named):
    """The elements as another shape: a view where the strides allow it, else a copy.

    >>> torch.arange(6).reshape(2, -1)
    tensor([[0, 1, 2],
            [3, 4, 5]])
    """
    size = _ints((named["shape"],) if named else shape, "reshape", "shape")
    if not isinstance(input, Tensor):
        return _view(input, size)
    if _viewable(input._type, size):
        return _view(input, size)
    return _unsafe_view(_packed(input), _fill_in(size, input.numel()))


def _method_view_as(self, other):
    """`self.view(other.size())`."""
    return _view(self, tuple(other.shape))


def _method_reshape_as(self, other):
    """`self.reshape(other.size())`."""
    return reshape(self, tuple(other.shape))


def flatten(input, start_dim=0, end_dim=-1):
    """The dimensions from `start_dim` to `end_dim` as one; the tensor itself where there is nothing to do.

    >>> torch.zeros(2, 3, 4).flatten(1).shape
    torch.Size([2, 12])
    """
    shape = input.shape
    start, end = wrap_dim(start_dim, len(shape)), wrap_dim(end_dim, len(shape))
    if start > end:
        raise RuntimeError("flatten() has invalid args: start_dim cannot come after end_dim")
    if not shape:
        return reshape(input, (1,))
    if start == end:
        return input
    return reshape(input, (*shape[:start], math.prod(shape[start : end + 1]), *shape[end + 1 :]))


def ravel(input):
    """All elements as one dimension: a view where the strides allow it."""
    return _view(input.contiguous(), (-1,))


def unflatten(input, dim, sizes):
    """One dimension as several.

    >>> torch.zeros(2, 12).unflatten(1, (3, -1)).shape
    torch.Size([2, 3, 4])
    """
    shape = input.shape
    if not shape:
        raise RuntimeError(
            "unflatten got an unexpected error:\nDimension specified as 0 but tensor has no dimensions"
        )
    dim = wrap_dim(dim, len(shape))
    sizes = _ints((sizes,), "unflatten", "sizes")
    if not sizes:
        raise RuntimeError("unflatten: sizes must be non-empty")
    known = math.prod([n for n in sizes if n != -1])
    if -1 in sizes and known and shape[dim] % known == 0:
        sizes = tuple([shape[dim] // known if n == -1 else n for n in sizes])
    if math.prod(sizes) != shape[dim]:
        raise RuntimeError(
            f"unflatten: Provided sizes {list(sizes)} don't multiply up to the size of dim {dim} ({shape[dim]}) in the"
            " input tensor"
        )
    return _view(input, (*shape[:dim], *sizes, *shape[dim + 1 :]))


# ---- another order of the dimensions


def _transpose_geometry(shape, strides, offset, dim0=0, dim1=1):
    a, b = wrap_dim(dim0, len(shape)), wrap_dim(dim1, len(shape))
    order = list(range(len(shape)))
    if shape:
        order[a], order[b] = b, a
    return [shape[i] for i in order], [strides[i] for i in order], offset


def _transpose_back(base, new, dim0, dim1):
    return jnp.swapaxes(new, dim0, dim1) if base.ndim else new


@op(view=_transpose_geometry, write=_transpose_back)
def transpose(input: Array, dim0: int, dim1: int) -> Array:
    """Two dimensions exchanged: a view.

    >>> torch.zeros(2, 3).transpose(0, 1).shape
    torch.Size([3, 2])
    """
    return jnp.swapaxes(input, dim0, dim1) if input.ndim else input


def swapaxes(input, axis0, axis1):
    """Alias of :func:`transpose`."""
    return transpose(input, axis0, axis1)


def swapdims(input, dim0, dim1):
    """Alias of :func:`transpose`."""
    return transpose(input, dim0, dim1)


def _t_geometry(shape, strides, offset):
    if len(shape) > 2:
        raise RuntimeError(f"t() expects a tensor with <= 2 dimensions, but self is {len(shape)}D")
    return shape[::-1], strides[::-1], offset


@op(view=_t_geometry, write=lambda base, new: new.T)
def t(input: Array) -> Array:
    """The transpose of a matrix; of fewer dimensions the same: a view."""
    return input.T


def _order(dims, ndim):
    if len(dims) != ndim:
        raise RuntimeError(
            "permute(sparse_coo): number of dimensions in the tensor input does not match the length of the desired"
            f" ordering of dimensions i.e. input.dim() = {ndim} is not equal to len(dims) = {len(dims)}"
        )
    order = [wrap_dim(d, ndim) for d in dims]
    if len(set(order)) != ndim:
        raise RuntimeError("permute(): duplicate dims are not allowed.")
    return order


def _permute_geometry(shape, strides, offset, dims):
    order = _order(dims, len(shape))
    return [shape[i] for i in order], [strides[i] for i in order], offset


def _permute_back(base, new, dims):
    order = _order(dims, base.ndim)
    return jnp.transpose(new, [order.index(i) for i in range(len(order))])


@op(name="permute", method=False, view=_permute_geometry, write=_permute_back)
def _permute(input: Array, dims: tuple) -> Array:
    return jnp.transpose(input, _order(dims, input.ndim))


def permute(input, *dims, **named):
    """The dimensions in another order: a view.

    >>> torch.zeros(2, 3, 4).permute(2, 0, 1).shape
    torch.Size([4, 2, 3])
    """
    if not dims and not named:
        raise TypeError('permute() missing 1 required positional arguments: "dims"')
    return _permute(input, _ints((named["dims"],) if named else dims, "permute", "dims"))


def movedim(input, source, destination):
    """Some dimensions moved to other places, the rest in order: a view."""
    ndim = input.ndim
    source = (source,) if isinstance(source, int) else tuple(source)
    destination = (destination,) if isinstance(destination, int) else tuple(destination)
    if len(source) != len(destination):
        raise RuntimeError(
            f"movedim: Invalid source or destination dims: source ({list(source)} dims) should contain the same number"
            f" of dims as destination ({list(destination)} dims)"
        )
    a, b = [wrap_dim(d, ndim) for d in source], [wrap_dim(d, ndim) for d in destination]
    for dims, given, name in ((a, source, "source"), (b, destination, "destination")):
        if len(set(dims)) != len(dims):
            raise RuntimeError(f"movedim: repeated dim in `{name}` ({list(given)})")
    if not ndim:
        return alias(input)
    rest = iter([d for d in range(ndim) if d not in a])
    return _permute(input, tuple([a[b.index(d)] if d in b else next(rest) for d in range(ndim)]))


def moveaxis(input, source, destination):
    """Alias of :func:`movedim`."""
    return movedim(input, source, destination)


def adjoint(input):
    """The last two dimensions exchanged, conjugated if complex: a view."""
    if not input.ndim:
        return conj(input)
    if input.ndim < 2:
        raise RuntimeError(
            "tensor.adjoint() is only supported on matrices or batches of matrices. Got"
            f" {input.ndim}-D tensor."
        )
    return conj(transpose(input, -2, -1))


def _upper_t(self):
    """All dimensions in reverse order: a view."""
    if self.ndim != 2:
        warnings.warn(_T_SCALAR if not self.ndim else _T_OTHER, stacklevel=2)
    return _permute(self, tuple(range(self.ndim - 1, -1, -1)))


_T_SCALAR = "Tensor.T is deprecated on 0-D tensors. This function is the identity in these cases."
_T_OTHER = (
    "The use of `x.T` on tensors of dimension other than 2 to reverse their shape is deprecated and it will throw an "
    "error in a future release. Consider `x.mT` to transpose batches of matrices or `x.permute(*torch.arange(x.ndim - "
    "1, -1, -1))` to reverse the dimensions of a tensor."
)


def _matrices(self, name):
    if not self.ndim:
        return self
    if self.ndim < 2:
        raise RuntimeError(
            f"tensor.{name} is only supported on matrices or batches of matrices. Got {self.ndim}-D tensor."
        )
    return transpose(self, -2, -1)


def _upper_h(self):
    """The conjugate transpose of a matrix: a view."""
    if self.ndim not in (0, 2):
        more = " For batches of matrices, consider using tensor.mH" if self.ndim > 2 else ""
        raise RuntimeError(
            f"tensor.H is only supported on matrices (2-D tensors). Got {self.ndim}-D tensor.{more}"
        )
    return conj(transpose(self, 0, 1)) if self.ndim else conj(self)


# ---- dimensions of size 1, and copies that are not made


def _unsqueeze_geometry(shape, strides, offset, dim):
    at = wrap_dim(dim, len(shape) + 1)
    step = shape[at] * strides[at] if at < len(shape) else 1
    return [*shape[:at], 1, *shape[at:]], [*strides[:at], step, *strides[at:]], offset


@op(view=_unsqueeze_geometry, write=_back)
def unsqueeze(input: Array, dim: int) -> Array:
    """A dimension of size 1 put in at `dim`: a view.

    >>> torch.zeros(2, 3).unsqueeze(1).shape
    torch.Size([2, 1, 3])
    """
    return jnp.expand_dims(input, dim)


def _squeezed(shape, dim):
    """Which dimensions remain."""
    if dim is None:
        return [i for i, n in enumerate(shape) if n != 1]
    gone = [wrap_dim(d, len(shape)) for d in (dim if isinstance(dim, tuple) else (dim,))]
    for i, d in enumerate(gone):
        if d in gone[:i]:
            raise RuntimeError(f"dim {d} appears multiple times in the list of dims")
    return [i for i, n in enumerate(shape) if n != 1 or i not in gone]


def _squeeze_geometry(shape, strides, offset, dim):
    kept = _squeezed(shape, dim)
    return [shape[i] for i in kept], [strides[i] for i in kept], offset


def _squeeze_name(consts):
    return "SqueezeBackward" + ("0" if consts["dim"] is None else "2" if isinstance(consts["dim"], tuple) else "1")


@op(view=_squeeze_geometry, write=_back, grad_fn=_squeeze_name)
def squeeze(input: Array, dim: int | tuple | None = None) -> Array:
    """Without its dimensions of size 1, or without those of them that `dim` names: a view.

    >>> torch.zeros(2, 1, 3, 1).squeeze(1).shape
    torch.Size([2, 3, 1])
    """
    return input.reshape([input.shape[i] for i in _squeezed(input.shape, dim)])


def _expanded(shape, size):
    """The full size of an expansion. Raises PyTorch's errors."""
    lead = len(size) - len(shape)
    full = []
    for i, n in enumerate(size):
        own = shape[i - lead] if i >= lead else 1
        if n == -1:
            if i < lead:
                raise RuntimeError(
                    f"The expanded size of the tensor ({n}) isn't allowed in a leading, non-existing dimension {i}"
                )
            n = own
        if n != own and own != 1:
            raise RuntimeError(
                f"The expanded size of the tensor ({n}) must match the existing size ({own}) at non-singleton"
                f" dimension {i}.  Target sizes: {list(size)}.  Tensor sizes: {list(shape)}"
            )
        full.append(n)
    return tuple(full)


def _expand_geometry(shape, strides, offset, size):
    full = _expanded(shape, size)
    lead = len(full) - len(shape)
    inner = 1 if not shape else shape[0] * strides[0]
    made = []
    for i, n in enumerate(full):
        if i < lead:
            made.append(0 if n != 1 else inner)
        else:
            made.append(0 if n != shape[i - lead] else strides[i - lead])
    return full, _lead_strides(full, made, lead, shape, strides), offset


def _lead_strides(full, made, lead, shape, strides):
    """A new leading dimension of size 1 gets the stride that makes it contiguous, as PyTorch gives it."""
    for i in range(lead - 1, -1, -1):
        if full[i] == 1:
            made[i] = full[i + 1] * made[i + 1] if i + 1 < len(full) else 1
    return made


@op(name="expand", method=False, view=_expand_geometry)
def _expand(input: Array, size: tuple) -> Array:
    return jnp.broadcast_to(input, _expanded(input.shape, size))


def _method_expand(self, *size, implicit=False, **named):
    """Dimensions of size 1 repeated without a copy, and new ones in front: a view that refuses writes.

    Args:
        size: the full size; -1 leaves a dimension as it is.
    """
    full = _ints((named["size"],) if named else size, "expand", "size")
    if len(full) < self.ndim:
        raise RuntimeError(
            f"expand(torch.{self.dtype.scalar_name}Tensor{{{list(self.shape)}}}, size={list(full)}): the number of sizes"
            f" provided ({len(full)}) must be greater or equal to the number of dimensions in the tensor ({self.ndim})"
        )
    return _expand(self, full)


def _method_expand_as(self, other):
    """`self.expand(other.size())`."""
    return _method_expand(self, tuple(other.shape))


def broadcast_to(input, *size, **named):
    """The tensor with its dimensions of size 1 repeated to `size`, without a copy: a view that refuses writes."""
    return _method_expand(input, *size, **named)


def broadcast_shapes(*shapes):
    """The common shape that tensors of these shapes broadcast to."""
    ndim = max((1 if isinstance(s, int) else len(s) for s in shapes), default=0)
    out = [1] * ndim
    for s in shapes:
        s = (s,) if isinstance(s, int) else tuple(s)
        for i, n in enumerate(s, ndim - len(s)):
            if n < 0:
                raise RuntimeError(f"Trying to create tensor with negative dimension ({n}): ({n})")
            if n != 1 and out[i] != n:
                if out[i] != 1:
                    raise RuntimeError(
                        "Shape mismatch: objects cannot be broadcast to a single shape"
                    )
                out[i] = n
    return layout.Size(out)


def broadcast_tensors(*tensors):
    """The tensors expanded to their common shape; those that have it already come back themselves."""
    tensors = tensors[0] if len(tensors) == 1 and isinstance(tensors[0], tuple | list) else tensors
    shape = ()
    for x in tensors:
        shape = tuple(_common(shape, tuple(x.shape)))
    return tuple([x if tuple(x.shape) == shape else _expand(x, shape) for x in tensors])




# ---- a part of the elements


def _select_geometry(shape, strides, offset, dim, index):
    if not shape:
        raise IndexError("select() cannot be applied to a 0-dim tensor.")
    dim = wrap_dim(dim, len(shape))
    size = shape[dim]
    if not -size <= index < size:
        if size == 0 and index == 0:  # shapes are worked out with index 0
            return [*shape[:dim], *shape[dim + 1 :]], [*strides[:dim], *strides[dim + 1 :]], offset
        raise IndexError(f"select(): index {index} out of range for tensor of size {list(shape)} at dimension {dim}")
    index = index + size if index < 0 else index
    return [*shape[:dim], *shape[dim + 1 :]], [*strides[:dim], *strides[dim + 1 :]], offset + index * strides[dim]


def _select_write(base, new, dim, index):
    return lax.dynamic_update_index_in_dim(base, jnp.expand_dims(new, dim), index, dim % base.ndim)


@op(view=_select_geometry, write=_select_write)
def select(input: Array, dim: int, index: Number) -> Array:
    """What lies at `index` of a dimension, without that dimension: a view.

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


def _spread(new, dim, step, span):
    """`new` with step - 1 zeros between its entries along `dim`, and a mask of where it is."""
    edges = [(0, 0, step - 1 if d == dim else 0) for d in range(new.ndim)]
    spread = lax.pad(new, jnp.zeros((), new.dtype), edges)
    at = jnp.arange(span) % step == 0
    return spread, at.reshape([span if d == dim else 1 for d in range(new.ndim)])


def _slice_write(base, new, dim, start, length, step):
    if not length:
        return base
    if step > 1:
        span = (length - 1) * step + 1
        spread, at = _spread(new, dim, step, span)
        new = jnp.where(at, spread, lax.dynamic_slice_in_dim(base, start, span, dim))
    return lax.dynamic_update_slice_in_dim(base, new, start, dim)


@op(name="slice", method=False, view=_slice_geometry, write=_slice_write)
def _slice(input: Array, dim: int, start: Number, length: int, step: int) -> Array:
    if step == 1 or not length:
        return lax.dynamic_slice_in_dim(input, start, length, dim)
    span = lax.dynamic_slice_in_dim(input, start, (length - 1) * step + 1, dim)
    return lax.slice_in_dim(span, 0, None, step, dim)


def narrow(input, dim, start, length):
    """`length` entries of a dimension from `start`: a view."""
    if not input.ndim:
        raise RuntimeError("narrow() cannot be applied to a 0-dim tensor.")
    dim = wrap_dim(dim, input.ndim)
    size = input.shape[dim]
    start = integer(start)
    if length < 0:
        raise RuntimeError("narrow(): length must be non-negative.")
    if not -size <= start <= size:
        raise IndexError(f"start out of range (expected to be in range of [{-size}, {size}], but got {start})")
    start = start + size if start < 0 else start
    if start + length > size:
        raise RuntimeError(f"start ({start}) + length ({length}) exceeds dimension size ({size}).")
    return _slice(input, dim, start, length, 1)


def narrow_copy(input, dim, start, length):
    """A copy of :func:`narrow`."""
    return narrow(input, dim, start, length).clone()


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


def _diagonal_write(base, new, offset, dim1, dim2):
    a, b, length = _diagonal_spots(base.shape, offset, dim1, dim2)
    i = jnp.arange(length)
    moved = jnp.moveaxis(base, (a, b), (-2, -1))
    moved = moved.at[..., i + max(-offset, 0), i + max(offset, 0)].set(new)
    return jnp.moveaxis(moved, (-2, -1), (a, b))


@op(name="diagonal", method=False, view=_diagonal_geometry, write=_diagonal_write)
def _diagonal(input: Array, offset: int, dim1: int, dim2: int) -> Array:
    return jnp.diagonal(input, offset, dim1, dim2)


def diagonal(input, offset=0, dim1=0, dim2=1):
    """The diagonal of two dimensions, as a last dimension: a view.

    >>> torch.tensor([[1, 2], [3, 4]]).diagonal()
    tensor([1, 4])
    """
    return _diagonal(input, offset, dim1, dim2)


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


@op(name="unfold", method=False, view=_unfold_geometry)
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


# ---- the same cells: alias, any strides, another dtype


@op(method=False, view=lambda shape, strides, offset: (shape, strides, offset), write=lambda base, new: new)
def alias(input: Array) -> Array:
    """The same cells: a view."""
    return input


def _strided_geometry(shape, strides, offset, size, stride, storage_offset, order):
    return size, stride, storage_offset


def _check_strided(x, size, stride, offset):
    if len(size) != len(stride):
        raise RuntimeError("mismatch in length of strides and shape")
    if any(s < 0 for s in stride):
        raise RuntimeError(
            f"as_strided: Negative strides are not supported at the moment, got strides: {list(stride)}"
        )
    if offset < 0:
        raise RuntimeError(f"Tensor: invalid storage offset {offset}")
    cells, item = x._storage.value.type.shape.numel(), x.dtype.itemsize
    last = offset + sum((n - 1) * s for n, s in zip(size, stride, strict=True))
    if all(size) and last >= cells:
        raise RuntimeError(
            f"setStorage: sizes {list(size)}, strides {list(stride)}, storage offset {offset}, and itemsize {item}"
            f" requiring a storage size of {(last + 1) * item} are out of bounds for storage of size {cells * item}"
        )


@op(name="as_strided", method=False, view=_strided_geometry)
def _as_strided(input: Array, size: tuple, stride: tuple, storage_offset: int, order: tuple) -> Array:
    spots = storage_offset + sum(
        (s * jnp.arange(n).reshape([n if d == e else 1 for e in range(len(size))])
         for d, (n, s) in enumerate(zip(size, stride, strict=True))), jnp.zeros(size, jnp.int64))  # fmt: skip
    return jnp.transpose(input, order).reshape(-1)[spots]


def _as_strided_of(x, size, stride, storage_offset=None):
    """The cells of a tensor's memory with any sizes and strides, whatever the tensor itself shows of them: a view."""
    size, stride = _ints((size,), "as_strided", "size"), _ints((stride,), "as_strided", "stride")
    storage_offset = x.storage_offset() if storage_offset is None else integer(storage_offset)
    _check_strided(x, size, stride, storage_offset)
    root = x if x._base is None else x._base
    if root._view is not None:
        root = root._alias()
        root._view = None
    own = root._type
    if not layout.is_dense(own.shape, own.strides):
        raise NotImplementedError("as_strided of memory with gaps between its elements")
    order = tuple(sorted(range(own.ndim), key=lambda d: (-own.strides[d], d)))
    return _as_strided(root, size, stride, storage_offset, order)


def as_strided(input, size, stride, storage_offset=None):
    """The cells of the tensor's memory with any sizes and strides: a view.

    Args:
        storage_offset: where the first element lies; default: where the tensor's own does.
    """
    return _as_strided_of(input, size, stride, storage_offset)


def _keep(d, **_):
    return d


def _same_geometry(shape, strides, offset):
    return shape, strides, offset


# The retype rule only says that a NumPy view of the cells would not show these values.
@op(name="conj", method=False, view=_same_geometry, write=lambda base, new: jnp.conj(new), retype=_keep)
def _conj(input: Array) -> Array:
    return jnp.conj(input)


def conj(input):
    """The complex conjugate: a view; a real tensor comes back itself."""
    return _conj(input) if input.dtype.is_complex else input


def _real_geometry(shape, strides, offset):
    return [*shape, 2], [*[s * 2 for s in strides], 1], offset * 2


def _real_parts(d, **_):
    return {8: dtypes.float32, 16: dtypes.float64}[d.itemsize]


def _as_complex(x):
    return lax.complex(x[..., 0], x[..., 1])


@op(name="view_as_real", method=False, view=_real_geometry, write=lambda base, new: _as_complex(new), retype=_real_parts)
def _view_as_real(input: Array) -> Array:
    return jnp.stack([input.real, input.imag], -1)


def view_as_real(input):
    """A complex tensor as a real one with a last dimension of real and imaginary parts: a view."""
    if not input.dtype.is_complex:
        raise RuntimeError("view_as_real is only supported for complex tensors")
    return _view_as_real(input)


def _complex_geometry(shape, strides, offset):
    if not shape:
        raise RuntimeError("Input tensor must have one or more dimensions")
    if shape[-1] != 2:
        raise RuntimeError("Tensor must have a last dimension of size 2")
    if strides[-1] != 1:
        raise RuntimeError("Tensor must have a last dimension with stride 1")
    for s in strides[:-1]:
        if s % 2:
            raise RuntimeError("Tensor must have a stride divisible by 2 for all but last dimension")
    if offset % 2:
        raise RuntimeError("Tensor must have a storage_offset divisible by 2")
    return shape[:-1], [s // 2 for s in strides[:-1]], offset // 2


def _complex_of(d, **_):
    return {4: dtypes.complex64, 8: dtypes.complex128}[d.itemsize]


@op(
    name="view_as_complex", method=False, view=_complex_geometry, retype=_complex_of,
    write=lambda base, new: jnp.stack([new.real, new.imag], -1),
)  # fmt: skip
def _view_as_complex(input: Array) -> Array:
    return _as_complex(input)


def view_as_complex(input):
    """A real tensor with a last dimension of size 2 as a complex one: a view."""
    if input.dtype not in (dtypes.float32, dtypes.float64):
        raise RuntimeError(
            "view_as_complex is only supported for half, float and double tensors, but got a tensor of scalar type:"
            f" {input.dtype.scalar_name}"
        )
    return _view_as_complex(input)


def real(input):
    """The real part: a view; a real tensor comes back itself."""
    return select(_view_as_real(input), -1, 0) if input.dtype.is_complex else input


def imag(input):
    """The imaginary part of a complex tensor: a view."""
    if not input.dtype.is_complex:
        raise RuntimeError("imag is not implemented for tensors with non-complex dtypes.")
    return select(_view_as_real(input), -1, 1)


def _bytes_geometry(shape, strides, offset, to, old):
    names = f"to view {old.scalar_name} as {to.scalar_name} (different element sizes)"
    if to.itemsize == old.itemsize:
        return shape, strides, offset
    if not shape:
        raise RuntimeError(f"self.dim() cannot be 0 {names}")
    if strides[-1] != 1:
        raise RuntimeError(f"self.stride(-1) must be 1 {names}, but got {strides[-1]}")
    if old.itemsize > to.itemsize:
        more = old.itemsize // to.itemsize
        return [*shape[:-1], shape[-1] * more], [*[s * more for s in strides[:-1]], 1], offset * more
    less = to.itemsize // old.itemsize
    if shape[-1] % less:
        raise RuntimeError(f"self.size(-1) must be divisible by {less} {names}, but got {shape[-1]}")
    if offset % less:
        raise RuntimeError(f"self.storage_offset() must be divisible by {less} {names}, but got {offset}")
    for d, s in enumerate(strides[:-1]):
        if s % less:
            raise RuntimeError(f"self.stride({d}) must be divisible by {less} {names}, but got {s}")
    return [*shape[:-1], shape[-1] // less], [*[s // less for s in strides[:-1]], 1], offset // less


def _as_type(x, to):
    """The bytes of x as another dtype; complex numbers travel as pairs, bools as bytes."""
    if x.dtype == to.np:
        return x
    if jnp.iscomplexobj(x):
        parts = jnp.stack([x.real, x.imag], -1)
        return _as_type(parts.reshape(*x.shape[:-1], -1) if x.ndim else parts, to)
    if x.dtype == jnp.bool_:
        return _as_type(x.astype(jnp.uint8), to)
    if to.is_complex:
        half = _as_type(x, _real_parts(to))
        return _as_complex(half.reshape(*half.shape[:-1], half.shape[-1] // 2, 2))
    if to is dtypes.bool_:
        return _as_type(x, dtypes.uint8) != 0
    old, new = x.dtype.itemsize, to.itemsize
    if old < new:
        x = x.reshape(*x.shape[:-1], x.shape[-1] // (new // old), new // old)
    out = lax.bitcast_convert_type(x, to.np)
    return out.reshape(*out.shape[:-2], -1) if old > new else out


def _bytes_write(base, new, to, old):
    return _as_type(new, old)


@op(name="view_dtype", method=False, view=_bytes_geometry, write=_bytes_write, retype=lambda d, to, old: to)
def _view_dtype(input: Array, to: Dtype, old: Dtype) -> Array:
    return _as_type(input, to)


def _reinterpret(input, to):
    """The same bytes as another dtype: a view without history."""
    if input.dtype is to:
        return alias(input)
    made = _view_dtype(input.detach(), to, input.dtype)
    made._base = None
    return made


# ---- copies only where they are needed, and groups of tensors


def atleast_1d(*tensors):
    """Each tensor with at least one dimension: views."""
    return _each(tensors, lambda x: reshape(x, (1,)) if not x.ndim else x)


def atleast_2d(*tensors):
    """Each tensor with at least two dimensions: views."""
    return _each(tensors, lambda x: reshape(x, (1, 1)) if not x.ndim else unsqueeze(x, 0) if x.ndim == 1 else x)


def atleast_3d(*tensors):
    """Each tensor with at least three dimensions: views."""
    return _each(tensors, _three_dims)


def _three_dims(x):
    if not x.ndim:
        return reshape(x, (1, 1, 1))
    if x.ndim == 1:
        return unsqueeze(unsqueeze(x, 0), -1)
    return unsqueeze(x, -1) if x.ndim == 2 else x


def _each(tensors, fn):
    if len(tensors) == 1 and isinstance(tensors[0], Tensor):
        return fn(tensors[0])
    return tuple([fn(x) for x in (tensors[0] if len(tensors) == 1 else tensors)])


def meshgrid(*tensors, indexing=None):
    """The coordinates of a grid: one tensor for each axis, all of the grid's shape, without copies.

    Args:
        tensors: the values along each axis, 0-D or 1-D.
        indexing: "ij", matrix order (the default, with a warning), or "xy", where the first two axes change places.
    """
    tensors = tensors[0] if len(tensors) == 1 and isinstance(tensors[0], tuple | list) else tensors
    if not tensors:
        raise RuntimeError("meshgrid expects a non-empty TensorList")
    for x in tensors:
        if x.dtype is not tensors[0].dtype:
            raise RuntimeError("meshgrid expects all tensors to have the same dtype")
    for x in tensors:
        if x.ndim > 1:
            text = _old_text(x)
            raise RuntimeError(f"torch.meshgrid: Expected 0D or 1D tensor in the tensor list but got: {text}")
    if indexing is None:
        warnings.warn(
            "torch.meshgrid: in an upcoming release, it will be required to pass the indexing argument.", stacklevel=2
        )
    elif indexing not in ("ij", "xy"):
        raise RuntimeError(f'torch.meshgrid: indexing must be one of "xy" or "ij", but received: {indexing}')
    at = list(range(len(tensors)))
    if indexing == "xy" and len(tensors) > 1:
        at[:2] = 1, 0
    shape = [1] * len(tensors)
    for axis, x in zip(at, tensors, strict=True):
        shape[axis] = x.numel()
    lone = [tuple([-1 if d == axis else 1 for d in range(len(at))]) for axis in at]
    return tuple([_expand(_view(x, size), tuple(shape)) for x, size in zip(tensors, lone, strict=True)])


def _old_text(x):
    """A matrix as C++ prints it, which only this message shows."""
    if x.ndim > 2:
        return repr(x.detach())
    rows = x.detach().tolist()
    whole = all(float(v).is_integer() for row in rows for v in row)
    cells = [[f"{v:.0f}" if whole else f"{v:.4f}" for v in row] for row in rows]
    width = max(len(c) for row in cells for c in row) + 1
    lines = "\n".join(" ".join(c.rjust(width) for c in row) for row in cells)
    return f"{lines}\n[ torch.{x.dtype.scalar_name}Tensor{{{','.join(map(str, x.shape))}}} ]"


_FREE = ("reshape", "flatten", "ravel", "unflatten", "swapaxes", "swapdims", "permute", "movedim", "moveaxis", "adjoint",
         "broadcast_to", "narrow", "narrow_copy", "diagonal", "as_strided", "conj")  # fmt: skip
for _name in _FREE:
    setattr(Tensor, _name, globals()[_name])
for _name in ("view", "view_as", "reshape_as", "expand", "expand_as", "unfold"):
    setattr(Tensor, _name, globals()["_method_" + _name])
for _name, _made in {
    "T": _upper_t, "H": _upper_h, "mT": lambda self: _matrices(self, "mT"), "mH": lambda self: conj(_matrices(self, "mH")),
    "real": real, "imag": imag,
}.items():  # fmt: skip
    setattr(Tensor, _name, property(_made))
