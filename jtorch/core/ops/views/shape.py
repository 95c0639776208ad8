"""Views of all elements: another shape, another order of dimensions, dimensions of size 1, expansion.

Nothing here knows of storages: `jtorch.core.tensor.storage` chains the views.
"""

from __future__ import annotations

import math
from functools import lru_cache

import jax.numpy as jnp

from jtorch.core.facts import dtype as Dtype
from jtorch.core.facts import strides as geometry
from jtorch.core.facts import view_strides, warn_user
from jtorch.core.op import Array, function, op
from jtorch.core.op import common_shape as _common
from jtorch.core.ops.views.copies import contiguous_copy
from jtorch.core.ops.views.reinterpret import conj, reinterpret
from jtorch.core.ops.views.slices import alias, as_ints, plain_ints
from jtorch.core.tensor import Tensor, wrap_dim

# ---- another shape


def _infer_size(size, numel):
    """The size with its -1 replaced by what fits. Raises PyTorch's errors for sizes that do not fit."""
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
            f"cannot reshape tensor of 0 elements into shape {list(size)} because the unspecified dimension "
            "size -1 can be any value and is ambiguous"
        )
    if known == 0 or numel % known:
        raise RuntimeError(f"shape '{list(size)}' is invalid for input of size {numel}")
    return tuple([numel // known if n == -1 else n for n in size])


def _view_geometry(shape, strides, offset, size):
    size = _infer_size(size, math.prod(shape))
    found = view_strides(shape, strides, size)
    if found is None:
        raise RuntimeError(
            "view size is not compatible with input tensor's size and stride (at least one dimension spans "
            "across two "
            "contiguous subspaces). Use .reshape(...) instead."
        )
    return size, found, offset


def _write_in_order(base, new, **_):
    """The writer of views that show every cell once, in the base's order."""
    return new.reshape(base.shape)


@op(name="view", view=_view_geometry, write=_write_in_order, behind="view")
def sized_view(input: Array, size: tuple) -> Array:
    return input.reshape(_infer_size(size, input.size))


@op(name="reshape_alias", view=_view_geometry, write=_write_in_order)
def _reshape_alias(input: Array, size: tuple) -> Array:
    return input.reshape(_infer_size(size, input.size))


@op(name="unsafe_view", saves=())
def _unsafe_view(input: Array, size: tuple) -> Array:
    return input.reshape(size)


_NO_VIEW = (
    "view() received an invalid combination of arguments - got ({}), but expected one of:\n * (torch.dtype dtype)\n"
)


def _method_view(self, *size, dtype=None):
    """The same elements as another shape, or the same bytes as another dtype.

    Args:
        size: the shape, one entry may be -1; or a dtype.

    Raises:
        RuntimeError: the shape does not fit, or the strides do not allow a view (use `reshape`).
    """
    if size and dtype is None:
        plain = plain_ints(size)
        if plain is not None:
            return sized_view(self, plain)
    given = size[0] if len(size) == 1 and isinstance(size[0], Dtype) else dtype
    if given is not None:
        return self.detach() if given is self.dtype else reinterpret(self, given)  # the first has no history in PyTorch
    if not size or any(isinstance(n, float | str) for n in size):
        kinds = ", ".join(type(n).__name__ for n in size)
        miss = f"      didn't match because some of the arguments have invalid types: (!{kinds}!)\n" if size else ""
        raise TypeError(_NO_VIEW.format(kinds) + miss + " * (tuple of ints size)\n" + miss)
    return sized_view(self, as_ints(size, "view", "size"))


@lru_cache(maxsize=4096)
def _reshaping(type, size):
    """How PyTorch reshapes a tensor of this type: (the op that makes a view or None for a copy, the full size)."""
    full = _infer_size(size, math.prod(type.shape))
    if view_strides(type.shape, type.strides, full) is None:
        return None, full
    return sized_view if type.contiguous else _reshape_alias, size


@function(method=True)
def reshape(input, *shape, **named):
    """The elements as another shape: a view where the strides allow it, else a copy.

    >>> torch.arange(6).reshape(2, -1)
    tensor([[0, 1, 2],
            [3, 4, 5]])
    """
    size = as_ints((named["shape"],) if named else shape, "reshape", "shape")
    if not isinstance(input, Tensor):
        return sized_view(input, size)
    make_view, size = _reshaping(input._type, size)
    return _unsafe_view(contiguous_copy(input), size) if make_view is None else make_view(input, size)


def _method_view_as(self, other):
    """`self.view(other.size())`."""
    return sized_view(self, tuple(other.shape))


def _method_reshape_as(self, other):
    """`self.reshape(other.size())`."""
    return reshape(self, tuple(other.shape))


@function(method=True)
def flatten(input, start_dim=0, end_dim=-1):
    """The dimensions from `start_dim` to `end_dim` as one; the tensor itself where there is nothing to do.

    >>> torch.zeros(2, 3, 4).flatten(1).shape
    torch.Size([2, 12])
    """
    size = _flattened(input._type.shape, start_dim, end_dim)
    return input if size is None else reshape(input, size)


@lru_cache(maxsize=4096, typed=True)
def _flattened(shape, start_dim, end_dim):
    """The size without the dimensions between these two; None where there is nothing to do."""
    start, end = wrap_dim(start_dim, len(shape)), wrap_dim(end_dim, len(shape))
    if start > end:
        raise RuntimeError("flatten() has invalid args: start_dim cannot come after end_dim")
    if not shape:
        return (1,)
    if start == end:
        return None
    return (*shape[:start], math.prod(shape[start : end + 1]), *shape[end + 1 :])


@function(method=True)
def ravel(input):
    """All elements as one dimension: a view where the strides allow it."""
    return sized_view(input.contiguous(), (-1,))


@function(method=True)
def unflatten(input, dim, sizes):
    """One dimension as several.

    >>> torch.zeros(2, 12).unflatten(1, (3, -1)).shape
    torch.Size([2, 3, 4])
    """
    shape = input.shape
    if not shape:
        raise RuntimeError("unflatten got an unexpected error:\nDimension specified as 0 but tensor has no dimensions")
    dim = wrap_dim(dim, len(shape))
    sizes = as_ints((sizes,), "unflatten", "sizes")
    if not sizes:
        raise RuntimeError("unflatten: sizes must be non-empty")
    known = math.prod([n for n in sizes if n != -1])
    if -1 in sizes and known and shape[dim] % known == 0:
        sizes = tuple([shape[dim] // known if n == -1 else n for n in sizes])
    if math.prod(sizes) != shape[dim]:
        raise RuntimeError(
            f"unflatten: Provided sizes {list(sizes)} don't multiply up to the size of dim {dim} ({shape[dim]}) in the input tensor"
        )
    return sized_view(input, (*shape[:dim], *sizes, *shape[dim + 1 :]))


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


@function(method=True)
def swapaxes(input, axis0, axis1):
    """Alias of :func:`transpose`."""
    return transpose(input, axis0, axis1)


@function(method=True)
def swapdims(input, dim0, dim1):
    """Alias of :func:`transpose`."""
    return transpose(input, dim0, dim1)


def _t_geometry(shape, strides, offset):
    if len(shape) > 2:
        raise RuntimeError(f"t() expects a tensor with <= 2 dimensions, but self is {len(shape)}D")
    return shape[::-1], strides[::-1], offset


@op(view=_t_geometry, write=lambda base, new: new.T)
def t(input: Array) -> Array:
    """The transpose of a matrix, as a view; a tensor with fewer dimensions keeps its shape."""
    return input.T


def _checked_order(dims, ndim):
    if len(dims) != ndim:
        raise RuntimeError(
            "permute(sparse_coo): number of dimensions in the tensor input does not match the length of "
            "the desired"
            f" ordering of dimensions i.e. input.dim() = {ndim} is not equal to len(dims) = {len(dims)}"
        )
    order = [wrap_dim(d, ndim) for d in dims]
    if len(set(order)) != ndim:
        raise RuntimeError("permute(): duplicate dims are not allowed.")
    return order


def _permute_geometry(shape, strides, offset, dims):
    order = _checked_order(dims, len(shape))
    return [shape[i] for i in order], [strides[i] for i in order], offset


def _permute_back(base, new, dims):
    order = _checked_order(dims, base.ndim)
    return jnp.transpose(new, [order.index(i) for i in range(len(order))])


@op(name="permute", view=_permute_geometry, write=_permute_back)
def _permute(input: Array, dims: tuple) -> Array:
    return jnp.transpose(input, _checked_order(dims, input.ndim))


@function(method=True)
def permute(input, *dims, **named):
    """The dimensions in another order: a view.

    >>> torch.zeros(2, 3, 4).permute(2, 0, 1).shape
    torch.Size([4, 2, 3])
    """
    if not dims and not named:
        raise TypeError('permute() missing 1 required positional arguments: "dims"')
    return _permute(input, as_ints((named["dims"],) if named else dims, "permute", "dims"))


@function(method=True)
def movedim(input, source, destination):
    """Some dimensions moved to other positions, the rest in order: a view."""
    ndim = input.ndim
    source = (source,) if isinstance(source, int) else tuple(source)
    destination = (destination,) if isinstance(destination, int) else tuple(destination)
    if len(source) != len(destination):
        raise RuntimeError(
            f"movedim: Invalid source or destination dims: source ({list(source)} dims) should contain the "
            "same number"
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


@function(method=True)
def moveaxis(input, source, destination):
    """Alias of :func:`movedim`."""
    return movedim(input, source, destination)


@function(method=True)
def adjoint(input):
    """The last two dimensions exchanged, conjugated if complex: a view."""
    if not input.ndim:
        return conj(input)
    if input.ndim < 2:
        raise RuntimeError(
            f"tensor.adjoint() is only supported on matrices or batches of matrices. Got {input.ndim}-D tensor."
        )
    return conj(transpose(input, -2, -1))


def _upper_t(self):
    """All dimensions in reverse order: a view."""
    if self.ndim != 2:
        warn_user(_T_SCALAR if not self.ndim else _T_OTHER)
    return _permute(self, tuple(range(self.ndim - 1, -1, -1)))


_T_SCALAR = "Tensor.T is deprecated on 0-D tensors. This function is the identity in these cases."
_T_OTHER = (
    "The use of `x.T` on tensors of dimension other than 2 to reverse their shape is deprecated and it "
    "will throw an error in a future release. Consider `x.mT` to transpose batches of matrices or "
    "`x.permute(*torch.arange(x.ndim - "
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
        raise RuntimeError(f"tensor.H is only supported on matrices (2-D tensors). Got {self.ndim}-D tensor.{more}")
    return conj(transpose(self, 0, 1)) if self.ndim else conj(self)


# ---- dimensions of size 1, and expansion


def _unsqueeze_geometry(shape, strides, offset, dim):
    at = wrap_dim(dim, len(shape) + 1)
    step = shape[at] * strides[at] if at < len(shape) else 1
    return [*shape[:at], 1, *shape[at:]], [*strides[:at], step, *strides[at:]], offset


@op(view=_unsqueeze_geometry, write=_write_in_order)
def unsqueeze(input: Array, dim: int) -> Array:
    """A dimension of size 1 inserted at `dim`: a view.

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


@op(view=_squeeze_geometry, write=_write_in_order, grad_fn=_squeeze_name)
def squeeze(input: Array, dim: int | tuple | None = None) -> Array:
    """The tensor without its dimensions of size 1, or without those of them that `dim` names: a view.

    >>> torch.zeros(2, 1, 3, 1).squeeze(1).shape
    torch.Size([2, 3, 1])
    """
    return input.reshape([input.shape[i] for i in _squeezed(input.shape, dim)])


def expanded_size(shape, size):
    """The full size of an expansion. Raises PyTorch's errors, for the last dimension first."""
    lead = len(size) - len(shape)
    full = list(size)
    for i in range(len(size) - 1, -1, -1):
        n, own = size[i], shape[i - lead] if i >= lead else 1
        if n == -1:
            if i < lead:
                raise RuntimeError(
                    f"The expanded size of the tensor ({n}) isn't allowed in a leading, non-existing dimension {i}"
                )
            n = full[i] = own
        if n != own and own != 1:
            raise RuntimeError(
                f"The expanded size of the tensor ({n}) must match the existing size ({own}) at non-singleton dimension {i}. "
                f" Target sizes: {list(size)}.  Tensor sizes: {list(shape)}"
            )
    return tuple(full)


def _expand_geometry(shape, strides, offset, size):
    full = expanded_size(shape, size)
    if not shape:  # PyTorch checks no dimension then, not even those of size 1
        return full, (0,) * len(full), offset
    lead = len(full) - len(shape)
    made = [0] * lead + [0 if n != own else stride for n, own, stride in zip(full[lead:], shape, strides, strict=True)]
    return full, _lead_strides(full, made, lead), offset


def _lead_strides(full, made, lead):
    """A new leading dimension of size 1 gets the stride that makes it contiguous, as PyTorch gives it."""
    for i in range(lead - 1, -1, -1):
        if full[i] == 1:
            made[i] = full[i + 1] * made[i + 1]
    return made


@op(name="expand", view=_expand_geometry, behind="expand")
def expand_view(input: Array, size: tuple) -> Array:
    return jnp.broadcast_to(input, expanded_size(input.shape, size))


def _method_expand(self, *size, implicit=False, **named):
    """Dimensions of size 1 repeated without a copy, and new ones in front: a view that refuses writes.

    Args:
        size: the full size; -1 leaves a dimension as it is.
    """
    full = as_ints((named["size"],) if named else size, "expand", "size")
    if len(full) < self.ndim:
        raise RuntimeError(
            f"expand(torch.{self.dtype.scalar_name}Tensor{{{list(self.shape)}}}, size={list(full)}): the "
            "number of sizes"
            f" provided ({len(full)}) must be greater or equal to the number of dimensions in the tensor "
            f"({self.ndim})"
        )
    return expand_view(self, full)


def _method_expand_as(self, other):
    """`self.expand(other.size())`."""
    return _method_expand(self, tuple(other.shape))


@function(method=True)
def broadcast_to(input, *size, **named):
    """The tensor with dimensions of size 1 repeated to `size`, without a copy: a view that refuses writes."""
    return _method_expand(input, *size, **named)


@function
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
                    raise RuntimeError("Shape mismatch: objects cannot be broadcast to a single shape")
                out[i] = n
    return geometry.Size(out)


@function
def broadcast_tensors(*tensors):
    """The tensors expanded to their common shape; those that already have it are returned as they are."""
    tensors = tensors[0] if len(tensors) == 1 and isinstance(tensors[0], tuple | list) else tensors
    shape = ()
    for x in tensors:
        shape = tuple(_common(shape, tuple(x.shape)))
    return tuple([x if tuple(x.shape) == shape else expand_view(x, shape) for x in tensors])


# ---- several tensors at once


@function
def atleast_1d(*tensors):
    """Each tensor with at least one dimension: views."""
    return _applied_to_each(tensors, lambda x: reshape(x, (1,)) if not x.ndim else x)


@function
def atleast_2d(*tensors):
    """Each tensor with at least two dimensions: views."""
    return _applied_to_each(
        tensors, lambda x: reshape(x, (1, 1)) if not x.ndim else unsqueeze(x, 0) if x.ndim == 1 else x
    )


@function
def atleast_3d(*tensors):
    """Each tensor with at least three dimensions: views."""
    return _applied_to_each(tensors, _three_dims)


def _three_dims(x):
    if not x.ndim:
        return reshape(x, (1, 1, 1))
    if x.ndim == 1:
        return unsqueeze(unsqueeze(x, 0), -1)
    return unsqueeze(x, -1) if x.ndim == 2 else x


def _applied_to_each(tensors, fn):
    if len(tensors) == 1 and isinstance(tensors[0], Tensor):
        return fn(tensors[0])
    return tuple([fn(x) for x in (tensors[0] if len(tensors) == 1 else tensors)])


@function
def meshgrid(*tensors, indexing=None):
    """The coordinates of a grid: one tensor for each axis, all of the grid's shape, without copies.

    Args:
        tensors: the values along each axis, 0-D or 1-D.
        indexing: "ij", matrix order (the default, with a warning), or "xy": the first two axes change places.
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
        warn_user(
            "torch.meshgrid: in an upcoming release, it will be required to pass the indexing argument.",
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
    return tuple([expand_view(sized_view(x, size), tuple(shape)) for x, size in zip(tensors, lone, strict=True)])


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


Tensor.view, Tensor.view_as, Tensor.reshape_as = _method_view, _method_view_as, _method_reshape_as
Tensor.expand, Tensor.expand_as = _method_expand, _method_expand_as
for _name, _made in {
    "T": _upper_t,
    "H": _upper_h,
    "mT": lambda self: _matrices(self, "mT"),
    "mH": lambda self: conj(_matrices(self, "mH")),
}.items():
    setattr(Tensor, _name, property(_made))
