"""Indexing: `x[...]` and `x[...] = v` in every mix PyTorch allows.

Integers, slices, None and Ellipsis become views, one after the other. Tensors, lists and masks become one gather (`x[i]`)
or one scatter (`x[i] = v`). Indices whose values are known are checked at once; the program checks the others.

Two kinds of index are read, which runs the recorded lines: a mask in `x[mask]`, because only its values tell the size of
the result, and a 0-dim integer tensor, because it makes a view. A mask in `x[mask] = v` is not read.
"""

from __future__ import annotations

from operator import index as integer

import jax
import jax.numpy as jnp
import numpy as np

from jtorch.core import engine
from jtorch.core.facts import dtypes, limits, warn_user
from jtorch.core.facts import strides as geometry
from jtorch.core.op import Array, Number, data_check, needs_data, op
from jtorch.core.ops.views.copies import fill_with
from jtorch.core.ops.views.shape import unsqueeze
from jtorch.core.ops.views.slices import alias, select, slice_view
from jtorch.core.tensor import Tensor, check_apart, check_once, known, steps_to, write_result

# ---- the index as the user wrote it


def _check_int64(n):
    if n.__class__ is int and not -(2**63) <= n < 2**63:
        raise ValueError("Overflow when unpacking long long")


def _entry_of(x, dim, i, place):
    """One entry of a dimension."""
    _check_int64(i)
    t = x._type
    if not t.ndim and i:
        raise IndexError(f"index {i} is out of bounds for dimension 0 with size 0")
    if not t.ndim:
        raise IndexError(
            "invalid index of a 0-dim tensor. "
            "Use `tensor.item()` in Python or `tensor.item<T>()` in C++ to convert a 0-dim tensor to a number"
        )
    size = t.shape[dim]
    if not -size <= i < size:
        raise IndexError(f"index {i} is out of bounds for dimension {place} with size {size}")
    return select(x, dim, i + size if i < 0 else i)


def _slice_of(x, dim, cut):
    """A slice of a dimension."""
    t = x._type
    if not t.ndim:
        raise IndexError("slice() cannot be applied to a 0-dim tensor.")
    if cut.step is not None:
        step = integer(cut.step)
        if step == 0:
            raise ValueError("slice step cannot be zero")
        if step < 0:
            raise ValueError("step must be greater than zero")
    size = t.shape[dim]
    start, stop, step = cut.indices(size)
    return slice_view(x, dim, start, max(0, -((start - stop) // step)), step)


def _slice_unless_whole(x, dim, cut):
    """A slice among other indices, or one to write to. As in PyTorch, no view is made where the slice covers the whole
    dimension; a start counted from the end never counts as covering it."""
    size = x._type.shape[dim] if x._type.ndim else None
    if size is not None and cut.indices(size) == (0, size, 1) and not integer(cut.start or 0):
        return x
    return _slice_of(x, dim, cut)


def _is_many(index):
    """Whether a sequence that is not a tuple means several indices."""
    return len(index) < 32 and any(
        i is None or i is Ellipsis or isinstance(i, slice | Tensor | list | tuple | range | np.ndarray) for i in index
    )


def _items(index):
    if isinstance(index, tuple):
        return index
    if isinstance(index, list) and _is_many(index):
        warn_user(_NOT_TUPLE)
        return tuple(index)
    return (index,)


_NOT_TUPLE = (
    "Using a non-tuple sequence for multidimensional indexing is deprecated and will be changed in pytorch "
    "2.9; use "
    "x[tuple(seq)] instead of x[seq]. In pytorch 2.9 this will be interpreted as tensor index, "
    "x[torch.tensor(seq)], "
    "which will result either in an error or a different result"
)


def _as_index(i):
    """A sequence or array as a tensor of indices: bools stay a mask, other numbers become integers."""
    if isinstance(i, jax.Array):
        return known(np.asarray(i))
    array = np.asarray(_plain_lists(i)) if not isinstance(i, np.ndarray) else i
    if array.dtype.kind not in "buif":
        raise TypeError(f"new(): invalid data type '{type(i).__name__}'")
    return known(np.array(array) if array.dtype in (np.bool_, np.uint8) else array.astype(np.int64))


def _plain_lists(i):
    if isinstance(i, str):
        raise TypeError("new(): invalid data type 'str'")
    return [
        _plain_lists(j) if isinstance(j, list | tuple | range | str) else j.item() if isinstance(j, Tensor) else j
        for j in i
    ]


def _dims_taken(i):
    """How many dimensions an index takes."""
    if i is None or i is Ellipsis or isinstance(i, bool | np.bool_):
        return 0
    if isinstance(i, Tensor):
        return i.ndim if i.dtype in (dtypes.bool_, dtypes.uint8) else 1
    return 1


def _apply_basic_indices(x, items):
    """(view through the basic indices, [(dimension, index tensor)] of the others)."""
    items = [_as_index(i) if isinstance(i, list | tuple | range | np.ndarray | jax.Array) else i for i in items]
    given = sum(map(_dims_taken, items))
    if given > x.ndim:
        raise IndexError(f"too many indices for tensor of dimension {x.ndim}")
    skipped = x.ndim - given
    arrays, dim, seen = [], 0, x
    for place, i in enumerate(items):
        if i is Ellipsis:
            dim += skipped
        elif i is None:
            seen = unsqueeze(seen, dim)
            dim += 1
        elif isinstance(i, bool | np.bool_):
            seen = unsqueeze(seen, dim)
            arrays.append((dim, known(np.zeros(int(i), np.int64))))
            dim += 1
        elif isinstance(i, Tensor):
            if i.ndim == 0 and i.dtype.category == dtypes.INT and i.dtype is not dtypes.uint8:
                seen = _entry_of(seen, dim, int(i._to_numpy()), place)
                continue
            if i.ndim == 0 and i.dtype in (dtypes.bool_, dtypes.uint8):
                seen = unsqueeze(seen, dim)
                i = known(np.zeros(int(bool(i._to_numpy())), np.int64))
            arrays.append((dim, i))
            dim += max(1, _dims_taken(i))
        elif isinstance(i, slice):
            seen = _slice_unless_whole(seen, dim, i)
            dim += 1
        elif hasattr(i, "__index__"):
            seen = _entry_of(seen, dim, integer(i), place)
        elif isinstance(i, str):
            raise TypeError("new(): invalid data type 'str'")
        else:
            raise IndexError(
                f"only integers, slices (`:`), ellipsis (`...`), None and long or byte Variables are valid indices (got {type(i).__name__})"
            )
    return seen, arrays


def _is_mask(i):
    return i.dtype in (dtypes.bool_, dtypes.uint8)


def _check_mask_shape(x, mask, dim):
    if mask.dtype is dtypes.uint8:
        warn_user(
            "indexing with dtype torch.uint8 is now deprecated, please use a dtype torch.bool instead.",
        )
    for d, n in enumerate(mask.shape):
        if dim + d >= x.ndim or x.shape[dim + d] != n:
            raise IndexError(
                f"The shape of the mask {list(mask.shape)} at index {d} does not match the shape of the "
                "indexed"
                f" tensor {list(x.shape)} at index {dim + d}"
            )


def _out_of_range(at, size, dim):
    return ((at < -size) | (at >= size)).any()


def _range_error(at, size, dim):
    bad = at[(at < -size) | (at >= size)]
    return IndexError(f"index {int(bad.reshape(-1)[0])} is out of bounds for dimension {dim} with size {size}")


def _integer_indices(x, arrays):
    """([(dimension, integer index tensor)], their common shape). Masks become the indices that they select."""
    found = []
    for dim, i in arrays:
        if _is_mask(i):
            _check_mask_shape(x, i, dim)
            needs_data("nonzero", i)
            spots = np.nonzero(i._to_numpy())
            found += [(dim + k, known(s.astype(np.int64), i._type.place)) for k, s in enumerate(spots)]
            continue
        if i.dtype not in (dtypes.int64, dtypes.int32):
            raise IndexError("tensors used as indices must be long, int, byte or bool tensors")
        found.append((dim, i))
    shape = ()
    for dim, _ in found:
        if dim >= x.ndim:
            raise IndexError(f"too many indices for tensor of dimension {x.ndim}")
    for _, i in found:
        shape = _common_index_shape(shape, i.shape, found)
    return found, shape


def _check_indexable(x, found, inner):
    """Raise if a dimension without elements is indexed. `inner`: the indices' common shape."""
    if all(inner) and not all(x.shape[dim] for dim, _ in found):
        raise IndexError("index is out of bounds for dimension with size 0")


def _check_ranges(x, found, inner):
    """Raise if an index is out of range, unless the result has no elements. `inner`: the indices' common shape."""
    dims = [dim for dim, _ in found]
    if not all(inner) or not all(n for dim, n in enumerate(x.shape) if dim not in dims):
        return
    for place, (dim, i) in enumerate(found):  # PyTorch counts the tensors among the indices
        size = x.shape[dim]
        data_check(i, _out_of_range, _range_error, fine_below=size, size=size, dim=place)


def _common_index_shape(a, b, found):
    try:
        return np.broadcast_shapes(a, tuple(b))
    except ValueError:
        shapes = ", ".join(str(list(i.shape)) for _, i in found)
        raise IndexError(
            f"shape mismatch: indexing tensors could not be broadcast together with shapes {shapes}"
        ) from None


# ---- reading


def _index_tuple(ndim, indices, dims):
    at = [slice(None)] * ndim
    for d, i in zip(dims, indices, strict=True):
        at[d] = i
    return tuple(at)


def _index_strides(types, shapes, consts):
    """PyTorch's rule: the dimensions keep the source's order in memory; indexed ones are ordered by the indices' strides."""
    source, dims = types[0], consts["dims"]
    inner = np.broadcast_shapes(*[tuple(t.shape) for t in types[1:]])
    rest = [d for d in range(source.ndim) if d not in dims]
    together = list(dims) == list(range(dims[0], dims[-1] + 1))
    at = dims[0] if together else 0
    strides = [source.strides[d] for d in rest]
    strides[at:at] = [0] * len(inner)
    operands = [(shapes[0], strides)]
    # the indices' common shape, broadcast against the source's other dimensions
    shape = (*[1] * at, *inner, *[1] * (len(rest) - at))
    for t in types[1:]:
        lead = len(inner) - t.ndim
        own = [0 if n == 1 != m else s for n, m, s in zip(t.shape, inner[lead:], t.strides, strict=True)]
        own = geometry.view_strides(inner, [0] * lead + own, shape)
        operands.append((shape, own or geometry.contiguous_strides(shape)))
    return [geometry.elementwise_strides(shapes[0], operands)]


@op(name="index", saves=(1,), strides=_index_strides)
def _index(input: Array, indices: list[Array], dims: tuple) -> Array:
    return input.at[_index_tuple(input.ndim, indices, dims)].get(mode="clip")


def _basic(index):
    """The key of an index of integers, slices, None and Ellipsis in a table; None for any other index."""
    kind = index.__class__
    if kind is int:
        return index
    found = []
    for i in index if kind is tuple else (index,):
        kind = i.__class__
        if kind is slice:
            start, stop, step = i.start, i.stop, i.step
            for n in (start, stop, step):
                if n.__class__ is not int and n is not None:
                    return None
            found.append((slice, start, stop, step))
        elif kind is int or i is None or i is Ellipsis:
            found.append(i)
        else:
            return None
    return tuple(found)


_steps: dict = {}  # (type of the tensor, `_to_read` or `_to_write`, class of the index, its `_basic`) -> steps to the view
_MANY = 4096  # entries of `_steps` at which it is emptied


def _shown(x, index, basic, make):
    """The view that a basic index shows, by `make` (`_to_read` or `_to_write`); x itself where it shows all of x.

    `make` runs once for each index and type of tensor. Later the steps that it led to are repeated.
    """
    key = (x._type, make, index.__class__, basic)
    steps = _steps.get(key)
    if steps is not None:
        return x._make_views(steps) if steps else x
    seen = make(x, index)
    if seen is x or seen._view is not None:  # not inside a transformation of JAX's
        if len(_steps) > _MANY:
            _steps.clear()
        _steps[key] = () if seen is x else steps_to(seen._view, x._view, x._offset)
    return seen


def _to_read(x, index):
    kind = index.__class__
    if kind is int:
        return _entry_of(x, 0, index, 0)
    if kind is slice:
        return _slice_of(x, 0, index)
    seen = _apply_basic_indices(x, _items(index))[0]
    return alias(seen) if seen is x else seen


def _to_write(x, index):
    kind = index.__class__
    if kind is int:
        return _entry_of(x, 0, index, 0)
    return _slice_unless_whole(x, 0, index) if kind is slice else _apply_basic_indices(x, _items(index))[0]


def _getitem(self, index):
    """`x[index]`: a view, or a copy where the index contains tensors, lists or masks."""
    basic = _basic(index)
    if basic is None and index.__class__ is slice:  # each tensor in it is read once
        bounds = index.start, index.stop, index.step
        index = slice(*[n.__index__() if isinstance(n, Tensor) else n for n in bounds])
        basic = _basic(index)
    if basic is not None:
        return _shown(self, index, basic, _to_read)
    seen, arrays = _apply_basic_indices(self, _items(index))
    if not arrays:
        return alias(seen) if seen is self else seen
    if engine.local.grad:
        seen._history()  # PyTorch raises autograd's errors before it checks the indices
    found, inner = _integer_indices(seen, arrays)
    _check_indexable(seen, found, inner)
    _check_ranges(seen, found, inner)
    return _index(seen, [i for _, i in found], tuple([d for d, _ in found]))


# ---- writing


def _scatter_set(x, values, at):
    return x.at[at].set(values, mode="drop")


@jax.custom_jvp
def placed(x, values, at):
    """x with `values` at the indices `at`. Every value gets the gradient of its position, even one that another overwrote."""
    return _scatter_set(x, values, at)


@placed.defjvp
def _placed_jvp(primals, tangents):
    """Of several values at one place the tangents are summed; PyTorch takes that of the last."""
    (x, values, at), (of_x, of_values, _) = primals, tangents
    left = jnp.ones(x.shape, bool).at[at].set(False, mode="drop")
    moved = jnp.zeros(x.shape, of_values.dtype).at[at].add(of_values, mode="drop")
    return _scatter_set(x, values, at), jnp.where(left, of_x, 0) + moved


def added(x, values, at):
    """x with `values` added at the indices `at`; of bools the sum is whether one of them is true."""
    if x.dtype == jnp.bool_:
        return x.at[at].max(values, mode="drop")
    return x.at[at].add(values, mode="drop")


@op(name="index_put", saves=(2,), overlap="none", autocast={"cuda": "widest"})
def _index_put(input: Array, values: Array, indices: list[Array], dims: tuple, accumulate: bool) -> Array:
    at = tuple(jnp.broadcast_arrays(*indices))
    if accumulate:
        return added(input, values, _index_tuple(input.ndim, at, dims))
    inner = at[0].ndim
    together = list(dims) == list(range(dims[0], dims[-1] + 1))
    start = dims[0] if together else 0
    rest = [n for d, n in enumerate(input.shape) if d not in dims]
    values = jnp.broadcast_to(values, (*rest[:start], *at[0].shape, *rest[start:]))
    at = tuple([jnp.where(i < 0, i + input.shape[d], i) for i, d in zip(at, dims, strict=True)])
    values = jnp.moveaxis(values, range(start, start + inner), range(inner))
    out = placed(jnp.moveaxis(input, dims, range(len(dims))), values, at)
    return jnp.moveaxis(out, range(len(dims)), dims)


@op(name="index_put", saves=(1,), overlap="none", autocast={"cuda": "widest"}, numbers="tensor")
def _where_put(input: Array, mask: Array, value: Array | Number, dim: int) -> Array:
    """`x[mask] = value` for one value: how many elements the mask selects is not needed."""
    wide = _broadcastable_mask(mask, input.ndim, dim)
    return jnp.where(wide, jnp.asarray(value).reshape(()).astype(input.dtype), input)


def _broadcastable_mask(mask, ndim, dim):
    return (mask != 0).reshape((1,) * dim + mask.shape + (1,) * (ndim - dim - mask.ndim))


@op(name="index_put", saves=(1,), overlap="none", autocast={"cuda": "widest"})
def _mask_put(input: Array, mask: Array, values: Array) -> Array:
    """`x[mask] = values`: the k-th position that the mask selects gets the k-th value. The mask covers the first dimensions."""
    flat = (mask != 0).reshape(-1)
    rest = input.shape[mask.ndim :]
    rows = values.shape[0] if values.ndim > len(rest) else 1
    values = jnp.broadcast_to(values, (rows, *rest))
    if rows == 0:
        return input
    order = jnp.clip(jnp.cumsum(flat) - 1, 0, rows - 1)
    taken = jnp.take(values, order, axis=0, mode="clip").reshape(input.shape)
    return jnp.where(_broadcastable_mask(mask, input.ndim, 0), taken, input)


def _other_count(mask, rows, shape, rest):
    return mask.sum() != rows


def _count_error(mask, rows, shape, rest):
    return _shape_mismatch(shape, (int(mask.sum()), *rest))


def _shape_mismatch(shape, result):
    return RuntimeError(
        f"shape mismatch: value tensor of shape {list(shape)} cannot be broadcast to indexing result of shape {list(result)}"
    )


def _check_fits(shape, result):
    trimmed = tuple(shape)
    if len(trimmed) > len(result):
        while len(trimmed) > len(result) and trimmed[0] == 1:
            trimmed = trimmed[1:]
    pairs = zip(reversed(trimmed), reversed(result), strict=False)
    if len(trimmed) > len(result) or any(m not in (1, n) for m, n in pairs):
        raise _shape_mismatch(shape, result)
    return trimmed


def _check_value_dtype(x, value):
    if value.dtype is not x.dtype:
        raise RuntimeError(
            "Index put requires the source and destination dtypes match, got"
            f" {x.dtype.scalar_name} for the destination and {value.dtype.scalar_name} for the source."
        )


def put_at(x, arrays, value, accumulate=False):
    """A copy of x in which `value` replaces, or is added to, the elements that index tensors select."""
    number = not isinstance(value, Tensor)
    if len(arrays) == 1 and _is_mask(arrays[0][1]) and not accumulate:
        dim, mask = arrays[0]
        _check_mask_shape(x, mask, dim)
        rest = tuple(x.shape[mask.ndim :])
        if number or value.numel() == 1:
            if mask.dtype is not dtypes.bool_:
                raise RuntimeError("masked_fill_ only supports boolean masks, but got mask with dtype unsigned char")
            return _where_put(x, mask, value, dim)
        if dim == 0 and value.ndim <= len(rest) + 1:
            rows = value.shape[0] if value.ndim > len(rest) else 1
            if any(
                m not in (1, n)
                for m, n in zip(reversed(value.shape[-len(rest) :] if rest else ()), reversed(rest), strict=False)
            ):
                raise _shape_mismatch(value.shape, (int(mask._to_numpy().sum()), *rest))
            if value.dtype is not x.dtype and rows not in (1, int(mask._to_numpy().sum())):
                raise _shape_mismatch(value.shape, (int(mask._to_numpy().sum()), *rest))
            _check_value_dtype(x, value)
            if rows != 1:
                data_check(mask, _other_count, _count_error, rows=rows, shape=tuple(value.shape), rest=rest)
            return _mask_put(x, mask, value)
    found, inner = _integer_indices(x, arrays)
    if not found:
        raise _shape_mismatch(() if number else value.shape, x.shape)
    dims = tuple([d for d, _ in found])
    if number:
        value = known(np.array(value).astype(x.dtype.np), x._type.place)
    together = list(dims) == list(range(dims[0], dims[-1] + 1))
    rest = [n for d, n in enumerate(x.shape) if d not in dims]
    at = dims[0] if together else 0
    result = (*rest[:at], *inner, *rest[at:])
    _check_indexable(x, found, inner)
    trimmed = _check_fits(value.shape, result)
    _check_value_dtype(x, value)
    _check_ranges(x, found, inner)
    if trimmed != tuple(value.shape):
        value = value.reshape(trimmed)
    return _index_put(x, value, [i for _, i in found], dims, accumulate)


def _setitem(self, index, value):
    """`x[index] = value`; the value is broadcast and cast as in PyTorch."""
    if not isinstance(value, Tensor):
        if isinstance(value, np.integer):
            value = value.item()
        elif not isinstance(value, int | float | complex):  # np.float64 is a float, np.float32 is not
            raise TypeError(f"can't assign a {_qualified_name(value)} to a torch.{self.dtype.scalar_name}Tensor")
        _check_int64(value)
        limits.must_hold(self.dtype, value)
    basic = _basic(index)
    if basic is not None:
        seen, arrays = _shown(self, index, basic, _to_write), ()
    elif index.__class__ is bool:
        if not index:
            return
        seen, arrays = unsqueeze(self, 0), ()
    elif index.__class__ is slice:
        seen, arrays = _slice_unless_whole(self, 0, index), ()
    else:
        seen, arrays = _apply_basic_indices(self, _items(index))
    if arrays:
        if isinstance(value, Tensor):
            value = _without_ones(value)
        seen._writable(twice=True, given=(value,), name="index_put_")
        check_once(seen, lambda: put_at(seen, arrays, value))
        if isinstance(value, Tensor) and not (len(arrays) == 1 and _is_mask(arrays[0][1]) and value.numel() == 1):
            check_apart("none", seen, (value,))
            if engine.local.grad:
                value._history()  # PyTorch raises autograd's errors before it checks shapes
        seen._by_base()
        write_result(seen, put_at(seen, arrays, value))
    elif not isinstance(value, Tensor):
        if seen.ndim or not seen.requires_grad:
            fill_with(seen, value, "item")
        else:
            seen.copy_(known(np.array(value).astype(seen.dtype.np), seen._type.place))
    else:
        _copy_into(seen, value)


def _qualified_name(value):
    kind = type(value)
    return kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__name__}"


def _without_ones(value):
    """The value without its leading dimensions of size 1."""
    shape = tuple(value.shape)
    while shape[:1] == (1,):
        shape = shape[1:]
    return value if len(shape) == value.ndim else value.reshape(shape)


def _copy_into(seen, value):
    """copy_, with PyTorch's rule that leading dimensions of size 1 of the value do not count."""
    shape, full = tuple(value.shape), tuple(seen.shape)
    if not shape and full:
        seen.fill_(value)
        return
    if shape != full:
        value = _without_ones(value)
    if tuple(value.shape) != full:
        value = value.expand(full)
    seen.copy_(value)


def _iterate(self):
    """The entries of the first dimension, one view after the other."""
    if not self.dim():
        raise TypeError("iteration over a 0-d tensor")
    return iter(self.unbind(0))


def _contains(self, element):
    """Whether any element equals this one."""
    if not isinstance(element, Tensor | int | float | complex):
        raise RuntimeError(f"Tensor.__contains__ only supports Tensor or scalar, but you passed in a {type(element)}.")
    return bool((element == self).any().item())


def _delete(self, index):
    raise TypeError("Tensor does not support deleting items")


for _name, _made in {
    "__getitem__": _getitem,
    "__setitem__": _setitem,
    "__delitem__": _delete,
    "__iter__": _iterate,
    "__contains__": _contains,
}.items():
    setattr(Tensor, _name, _made)
