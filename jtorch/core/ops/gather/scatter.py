"""Reading and writing elements by tensors of indices: `gather`, the `scatter` and `index_` families; one-hot vectors.

Indices are checked at once where they are known on the host; where they are promised, the program checks them.
"""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from jtorch.core.facts import dtypes, limits
from jtorch.core.op import Array, Number, cast_first, data_check, functional, kernel, op, public, with_out
from jtorch.core.ops.gather.index import added, placed, put_at
from jtorch.core.ops.rules import strides_like_first
from jtorch.core.ops.views.shape import expand_view
from jtorch.core.tensor import Tensor, cast_array, known, wrap_dim

_INTEGERS = (dtypes.int64, dtypes.int32)

# ---- checks


def _outside_dim(at, low, size, dim, form):
    return ((at < low) | (at >= size)).any()


def _outside_error(at, low, size, dim, form):
    kind, text = _FORMS[form]
    first = int(at[(at < low) | (at >= size)].reshape(-1)[0])
    return kind(text.format(index=first, dim=dim, size=size))


_BOUNDS = "index {index} is out of bounds for dimension {dim} with size {size}"
_FORMS = {
    "gather": (RuntimeError, _BOUNDS),
    "fill": (IndexError, _BOUNDS),
    "copy": (IndexError, "index_copy_(): " + _BOUNDS),
    "select": (IndexError, "index out of range in self"),
    "take from nothing": (IndexError, "take(): tried to take from an empty tensor"),
    "put into nothing": (IndexError, "put_(): Tried to put elements into an empty tensor"),
    "take": (IndexError, "out of range: tried to access index {index} on a tensor of {size} elements."),
}


def check_range(index, size, dim=0, form="gather", negative=False):
    low = -size if negative else 0
    data_check(index, _outside_dim, _outside_error, fine_below=size, low=low, size=size, dim=dim, form=form)


def _size_along(shape, dim):
    return shape[dim] if shape else 1


def _check_index(index, name):
    if index.dtype not in _INTEGERS:
        raise RuntimeError(f"{name}(): Expected dtype int32/int64 for index")


def _dims_of(x):
    return max(x.ndim, 1)


def _check_gather(input, dim, index, sparse_grad):
    dim = wrap_dim(dim, input.ndim)
    if not index.numel():
        return
    _check_index(index, "gather")
    if _dims_of(index) != _dims_of(input):
        raise RuntimeError("Index tensor must have the same number of dimensions as input tensor")
    for d in range(index.ndim):
        if d != dim and index.shape[d] > _size_along(input.shape, d):
            raise RuntimeError(
                f"Size does not match at dimension {d} expected index {list(index.shape)} to be no larger "
                "than self"
                f" {list(input.shape)} apart from dimension {dim}"
            )
    check_range(index, _size_along(input.shape, dim), dim)


def _full_index(index, dim):
    """The full index of every element of `index`, which runs along `dim`."""
    grid = jnp.ogrid[tuple([slice(n) for n in index.shape])]
    return tuple([index if d == dim else grid[d] for d in range(index.ndim)])


@op(check=_check_gather, saves=(1,), overlap="none")
def gather(input: Array, dim: int, index: Array, *, sparse_grad: bool = False) -> Array:
    """out[i][j] = input[index[i][j]][j] for dim 0, and so on: elements picked along one dimension.

    Args:
        index: as many dimensions as `input`, and no larger than it outside `dim`. The result has its shape.

    Raises:
        RuntimeError: an index out of range.

    >>> torch.tensor([[1, 2], [3, 4]]).gather(1, torch.tensor([[0, 0], [1, 0]]))
    tensor([[1, 1],
            [4, 3]])
    """
    if not index.size:
        return jnp.zeros(index.shape, input.dtype)
    shape = index.shape
    input, index = jnp.atleast_1d(input), jnp.atleast_1d(index)
    return input.at[_full_index(index, wrap_dim(dim, input.ndim))].get(mode="clip").reshape(shape)


def _check_scatter(input, dim, index, src=None, name="scatter"):
    dim = wrap_dim(dim, input.ndim)
    _check_index(index, name)
    if src is not None and src.dtype is not input.dtype:
        raise RuntimeError(f"{name}(): Expected self.dtype to be equal to src.dtype")
    if not index.numel():
        return
    if _dims_of(index) != _dims_of(input):
        raise RuntimeError("Index tensor must have the same number of dimensions as self tensor")
    if src is not None and _dims_of(index) != _dims_of(src):
        raise RuntimeError("Index tensor must have the same number of dimensions as src tensor")
    wide = any(d != dim and n > _size_along(input.shape, d) for d, n in enumerate(index.shape))
    if wide or (src is not None and any(n > _size_along(src.shape, d) for d, n in enumerate(index.shape))):
        more = "" if src is None else f" and to be no larger size than src {list(src.shape)}"
        raise RuntimeError(
            f"Expected index {list(index.shape)} to be no larger than self {list(input.shape)} apart from dimension {dim}{more}"
        )
    check_range(index, _size_along(input.shape, dim), dim)


def _aligned(input, dim, index, src):
    """(input, full index, src) as arrays of one dimension at least, src cut to the index's shape."""
    input, index = jnp.atleast_1d(input), jnp.atleast_1d(index)
    if src is not None:
        src = jnp.atleast_1d(src)[tuple([slice(n) for n in index.shape])]
    return input, _full_index(index, wrap_dim(dim, input.ndim)), src


@op(
    name="scatter",
    check=lambda input, dim, index, src: _check_scatter(input, dim, index, src),
    saves=(1,),
    overlap="none",
)
def _scatter_src(input: Array, dim: int, index: Array, src: Array) -> Array:
    if not index.size:
        return input
    x, at, values = _aligned(input, dim, index, src)
    return placed(x, values, at).reshape(input.shape)


@op(
    name="scatter",
    grad_fn="ScatterBackward1",
    saves=(1,),
    check=lambda input, dim, index, value: _check_scatter(input, dim, index),
    overlap="none",
)
def _scatter_value(input: Array, dim: int, index: Array, value: Number) -> Array:
    if not index.size:
        return input
    x, at, _ = _aligned(input, dim, index, None)
    full = jnp.full(index.shape or (1,), cast_array(jnp.asarray(value), dtypes.of(input.dtype)), input.dtype)
    return placed(x, full, at).reshape(input.shape)


@public(inplace=True, overlap="none")
@with_out
def scatter(input, dim, index, src=None, *, value=None, reduce=None):
    """A copy with `src` (a tensor or a number) written at `index` along a dimension: see :func:`gather`.

    Args:
        reduce: "add" or "multiply": combine with the elements of `input` instead of replacing them.

    >>> torch.zeros(3).scatter(0, torch.tensor([2, 0]), torch.tensor([5., 6.]))
    tensor([6., 0., 5.])
    """
    src = value if src is None else src
    if isinstance(src, int | float | complex):
        limits.must_hold(input.dtype, src)
    if reduce is not None:
        if reduce not in ("add", "multiply"):
            raise RuntimeError("reduce argument must be either add or multiply.")
        if not isinstance(src, Tensor):
            src = expand_view(known(np.array(src).astype(input.dtype.np), input._type.place), tuple(index.shape))
        return _scatter_combined(input, dim, index, src, "sum" if reduce == "add" else "prod")
    if isinstance(src, Tensor):
        return _scatter_src(input, dim, index, src)
    return _scatter_value(input, dim, index, src)


@op(
    inplace=True,
    saves=(1,),
    check=lambda input, dim, index, src: _check_scatter(input, dim, index, src),
    overlap="none",
    autocast={"cuda": "widest"},
)
def scatter_add(input: Array, dim: int, index: Array, src: Array) -> Array:
    """A copy with `src` added at `index` along a dimension; what lands at one index is summed.

    >>> torch.zeros(3).scatter_add(0, torch.tensor([2, 2]), torch.tensor([5., 6.]))
    tensor([ 0.,  0., 11.])
    """
    if not index.size:
        return input
    x, at, values = _aligned(input, dim, index, src)
    return added(x, values, at).reshape(input.shape)


# ---- reductions at indices

_EXTREMES = {"max": "amax", "min": "amin", "amax": "amax", "amin": "amin"}
_REDUCED = ("biuf", "iufc")  # letters of the dtypes of which PyTorch has an extreme, and a mean

_IDENTITY = {"sum": 0, "prod": 1, "mean": 0, "amax": None, "amin": None, "max": None, "min": None}


def _reduce_at(x, values, at, how, include_self):
    """x with `values` reduced into the elements at the indices `at`."""
    if how in ("amax", "amin"):
        return _scattered_extreme(x, values, at, how, include_self)
    x = _initial_values(x, at, how, include_self)
    if how == "sum":
        return added(x, values, at)
    if how == "prod":
        return _scattered_product(x, values, at)
    count = jnp.full(x.shape, int(include_self), x.dtype).at[at].add(jnp.ones((), x.dtype), mode="drop")
    count = jnp.where(count == 0, 1, count)
    total = x.at[at].add(values, mode="drop")
    return total / count if jnp.issubdtype(x.dtype, jnp.inexact) else total // count


def _initial_values(x, at, how, include_self):
    """What a reduction starts from: x, or the neutral element at the indices if x does not take part."""
    if include_self:
        return x
    hit = jnp.zeros(x.shape, bool).at[at].set(True, mode="drop")
    return jnp.where(hit, _neutral_element(x.dtype, how), x)


def _neutral_element(np_type, how):
    if how in ("sum", "mean", "prod"):
        return np.array(how == "prod", np_type)
    if np.dtype(np_type).kind in "biu":
        info = np.iinfo(np_type) if np_type != np.bool_ else None
        low, high = (False, True) if info is None else (info.min, info.max)
        return np.array(low if how == "amax" else high, np_type)
    return np.array(-np.inf if how == "amax" else np.inf, np_type)


@jax.custom_jvp
def _scattered_product(x, values, at):
    at = x.at[at]
    return at.min(values, mode="drop") if x.dtype == jnp.bool_ else at.multiply(values, mode="drop")


@_scattered_product.defjvp
def _product_jvp(primals, tangents):
    """The product of the other factors, computed without dividing by zero."""
    (x, values, at), (dx, dvalues, _) = primals, tangents
    one = jnp.ones((), x.dtype)
    zeros = (x == 0).astype(jnp.int32).at[at].add((values == 0).astype(jnp.int32), mode="drop")
    solid = _scattered_product(jnp.where(x == 0, one, x), jnp.where(values == 0, one, values), at)

    def others(v, zeros, solid):
        alone = (zeros == 0) | (zeros == 1) & (v == 0)
        return jnp.where(alone, solid / jnp.where(v == 0, one, v), 0)

    pick = lambda a: a.at[at].get(mode="clip")
    theirs = dvalues * others(values, pick(zeros), pick(solid))
    return _scattered_product(x, values, at), (dx * others(x, zeros, solid)).at[at].add(theirs, mode="drop")


def _scattered_extreme(x, values, at, how, include_self):
    if how == "amax":
        return _scattered_largest(include_self, x, values, at)
    if jnp.issubdtype(x.dtype, jnp.inexact):
        return -_scattered_largest(include_self, -x, -values, at)
    return _initial_values(x, at, how, include_self).at[at].min(values, mode="drop")


@partial(jax.custom_jvp, nondiff_argnums=(0,))
def _scattered_largest(include_self, x, values, at):
    return _initial_values(x, at, "amax", include_self).at[at].max(values, mode="drop")


@_scattered_largest.defjvp
def _scattered_largest_jvp(include_self, primals, tangents):
    """Equal largest values share the gradient evenly. PyTorch counts x's own among them even where it does not take part."""
    (x, values, at), (dx, dvalues, _) = primals, tangents
    out = _scattered_largest(include_self, x, values, at)
    pick = lambda a: a.at[at].get(mode="clip")
    mine, theirs = (x == out).astype(x.dtype), (values == pick(out)).astype(x.dtype)
    count = jnp.maximum(mine.at[at].add(theirs, mode="drop"), 1)
    own = dx * mine
    if not include_self:
        own = jnp.where(jnp.zeros(x.shape, bool).at[at].set(True, mode="drop"), 0, own)
    return out, own.at[at].add(dvalues * theirs, mode="drop") / count


def _check_reduce(input, dim, index, src, reduce, include_self):
    if reduce not in _IDENTITY:
        raise RuntimeError(f"reduce argument must be either sum, prod, mean, amax or amin, got {reduce}")
    _check_scatter(input, dim, index, src)


@op(inplace=True, check=_check_reduce, overlap="none")
def scatter_reduce(
    input: Array, dim: int, index: Array, src: Array, reduce: str, *, include_self: bool = True
) -> Array:
    """A copy with `src` reduced into the elements that `index` names along a dimension.

    Args:
        reduce: "sum", "prod", "mean", "amax" or "amin"; "max" and "min" mean the same as the last two.
        include_self: whether the elements of `input` take part.
    """
    if reduce == "mean" or reduce in _EXTREMES:
        kernel(f"scatter_gather_tensor_cpu_reduce_{_EXTREMES.get(reduce, reduce)}", input, _REDUCED[reduce == "mean"])
    if not index.size:
        return input
    x, at, values = _aligned(input, dim, index, src)
    how = _EXTREMES.get(reduce, reduce)
    return _reduce_at(x, values, at, how, include_self).reshape(input.shape)


@op(name="scatter", check=_check_reduce, grad_fn="NotImplemented", overlap="none")
def _scatter_combined(
    input: Array, dim: int, index: Array, src: Array, reduce: str, *, include_self: bool = True
) -> Array:
    """`scatter` with its argument `reduce`, of which PyTorch has no gradient."""
    return scatter_reduce(input, dim, index, src, reduce)


# ---- whole slices by a vector of indices


def _check_select(input, dim, index):
    dim = wrap_dim(dim, input.ndim)
    if index.ndim > 1:
        raise IndexError("index_select(): Index is supposed to be a vector")
    if index.dtype not in _INTEGERS:
        raise RuntimeError("index_select(): Expected dtype int32 or int64 for index")
    if not input.ndim and index.numel() != 1:
        raise RuntimeError(f"index_select(): Index to scalar can have only 1 value, got {index.numel()} value(s)")
    check_range(index, _size_along(input.shape, dim), dim, "select")


@op(check=_check_select, saves=(1,), overlap="none")
def index_select(input: Array, dim: int, index: Array) -> Array:
    """The entries of a dimension that a vector of indices names, as a copy.

    >>> torch.tensor([[1, 2], [3, 4]]).index_select(1, torch.tensor([1, 1]))
    tensor([[2, 2],
            [4, 4]])
    """
    if not input.ndim:
        return input
    return jnp.take(input, jnp.atleast_1d(index), axis=dim, mode="clip")


def _vector_check(name, input, dim, index, source):
    dim = wrap_dim(dim, input.ndim)
    if index.dtype not in _INTEGERS:
        raise RuntimeError(f"{name}(): Expected dtype int32/int64 for index but got: {index.dtype.scalar_name}")
    if index.ndim > 1:
        raise IndexError(
            f"{name}(): Index is supposed to be a vector, but got dim: {index.ndim} with type:"
            f" {index.dtype.scalar_name} and size: {list(index.shape)}"
        )
    if source.dtype is not input.dtype:
        raise RuntimeError(
            f"{name}(): self ({input.dtype.scalar_name}) and source ({source.dtype.scalar_name}) must have the same scalar type"
        )
    if index.numel() != _size_along(source.shape, dim):
        raise RuntimeError(
            f"{name}(): Number of indices ({index.numel()}) should be equal to source.size(dim):"
            f" ({_size_along(source.shape, dim)}), for dim: {dim}"
        )
    rest = lambda x: [n for d, n in enumerate(x.shape) if d != dim]
    if rest(input) != rest(source):
        raise RuntimeError(
            "source tensor shape must match self tensor shape, excluding the specified dimension. "
            f"Got self.shape = {list(input.shape)} source.shape = {list(source.shape)}"
        )
    check_range(index, _size_along(input.shape, dim), dim, "select" if input.ndim < 2 else "gather")


def _rows_along(input, dim, index, source=None):
    """(input, full index of the rows, source), the arrays with at least one dimension."""
    input, index = jnp.atleast_1d(input), jnp.atleast_1d(index)
    at = (slice(None),) * wrap_dim(dim, input.ndim) + (index,)
    return input, at, None if source is None else jnp.atleast_1d(source)


@op(
    inplace=True,
    saves=(1,),
    check=lambda input, dim, index, source, alpha: _vector_check("index_add_", input, dim, index, source),
    overlap="none",
)
def index_add(input: Array, dim: int, index: Array, source: Array, *, alpha: Number = 1) -> Array:
    """A copy with `alpha` times the k-th entry of `source` added to entry index[k] of a dimension."""
    x, at, rows = _rows_along(input, dim, index, source)
    return added(x, rows * jnp.asarray(alpha).astype(rows.dtype), at).reshape(input.shape)


def _check_copied_dtype(input, *args, source=None, **named):
    source = args[-1] if source is None else source
    if source.dtype is not input.dtype:
        raise RuntimeError(
            "index_copy_(): self and source expected to have the same dtype, but got (self)"
            f" {input.dtype.scalar_name} and (source) {source.dtype.scalar_name}"
        )


def _check_copy(input, dim, index, source):
    input, source = cast_first(input, source, autocast={"cpu": "widest"})
    dim = wrap_dim(dim, input.ndim)
    if index.ndim > 1:
        raise IndexError(f"index_copy_(): Index should have dimension 1 or 0 (got {index.ndim})")
    if not source.ndim and index.numel() != 1:
        raise IndexError(f"index_copy_(): When source is scalar, index should have one element (got {index.numel()})")
    if source.ndim != input.ndim and source.ndim and input.ndim:
        raise IndexError(
            "index_copy_(): When source and destination are not scalars, their dimensionality must match. "
            f"Source dimensionality ({source.ndim}), destination dimensionality ({input.ndim})"
        )
    if index.dtype is not dtypes.int64:
        raise IndexError(f"index_copy_(): Expected a long tensor for index, but got {index.dtype.scalar_name}")
    _check_copied_dtype(input, dim, index, source)
    rest = lambda x: [n for d, n in enumerate(x.shape) if d != dim]
    if rest(input) != rest(source):
        text = ", ".join(map(str, rest(input))), ", ".join(map(str, rest(source)))
        raise RuntimeError(
            "index_copy_(): Source/destination tensor must have same slice shapes. "
            f"Destination slice shape: {text[0]} at dimension {dim} and source slice shape: {text[1]} at dimension 0."
        )
    if source.ndim and index.numel() != _size_along(source.shape, dim):
        raise IndexError(
            f"index_copy_(): Number of indices ({index.numel()}) should be equal to source.size(dim) ({_size_along(source.shape, dim)})"
        )
    check_range(index, _size_along(input.shape, dim), dim, "copy")


# Autocast converts nothing that is written in place.
@op(
    inplace=True, check_inplace=_check_copied_dtype, saves=(1,), check=_check_copy, strides=strides_like_first, overlap="none",
    autocast={"cpu": "widest"},
)  # fmt: skip
def index_copy(input: Array, dim: int, index: Array, source: Array) -> Array:
    """A copy with entry index[k] of a dimension replaced by the k-th entry of `source`."""
    x, at, rows = _rows_along(input, dim, index, source)
    axis = len(at) - 1
    out = placed(jnp.moveaxis(x, axis, 0), jnp.moveaxis(rows, axis, 0), at[-1:])
    return jnp.moveaxis(out, 0, axis).reshape(input.shape)


def _check_fill(input, dim, index, value):
    dim = wrap_dim(dim, input.ndim)
    if index.dtype is not dtypes.int64:
        raise IndexError("index_fill_(): Expected dtype int64 for index.")
    if index.ndim > 1:
        raise RuntimeError("Index has to be a vector/scalar")
    check_one_value(value, "index_fill_", input)
    check_range(index, _size_along(input.shape, dim), dim, "fill", negative=True)


def check_one_value(value, name, input):
    if isinstance(value, Tensor):
        if value.ndim:
            raise RuntimeError(
                f"{name} only supports a 0-dimensional value tensor, but got tensor with {value.ndim} dimension(s)."
            )
    elif isinstance(value, int | float | complex):
        limits.must_hold(input.dtype, value)


def by_value(zero, one):
    return lambda types, consts: one if not types[-1].number else zero


@op(
    inplace="twice",
    saves=(1,),
    check=_check_fill,
    strides=strides_like_first,
    grad_fn=by_value("IndexFillBackward0", "IndexFillBackward1"),
    overlap="any",
)
def index_fill(input: Array, dim: int, index: Array, value: Array | Number) -> Array:
    """A copy with one value in the entries of a dimension that `index` names."""
    x, at, _ = _rows_along(input, dim, index)
    one = cast_array(jnp.asarray(value), dtypes.of(x.dtype))
    return x.at[at].set(one, mode="drop").reshape(input.shape)


def _check_index_reduce(input, dim, index, source, reduce, include_self):
    if reduce not in ("prod", "mean", "amax", "amin"):
        raise RuntimeError(f"index_reduce(): Expected reduce to be one of prod, mean, amax or amin but got {reduce}.")
    _vector_check("index_reduce", input, dim, index, source)


# What PyTorch reduces an entry by, and the dtypes that it has a kernel for.
_ENTRYWISE = {"prod": ("mul_cpu", "biufc"), "mean": ("div_floor_cpu", "iufc"),
              "amax": ("maximum_cpu", "biuf"), "amin": ("minimum_cpu", "biuf")}  # fmt: skip


@op(inplace=True, check=_check_index_reduce, overlap="none")
def index_reduce(
    input: Array, dim: int, index: Array, source: Array, reduce: str, *, include_self: bool = True
) -> Array:
    """A copy with the k-th entry of `source` reduced into entry index[k] of a dimension.

    Args:
        reduce: "prod", "mean", "amax" or "amin".
        include_self: whether the elements of `input` take part.
    """
    if include_self and input.ndim > 1:  # PyTorch then calls other functions for each entry
        name, letters = _ENTRYWISE[reduce]
        kernel(name, input, letters)
    else:
        kernel("index_func_" if include_self else "index_reduce_func_exclude_input_init", input, "iuf")
    x, at, rows = _rows_along(input, dim, index, source)
    axis = len(at) - 1
    out = _reduce_at(jnp.moveaxis(x, axis, 0), jnp.moveaxis(rows, axis, 0), at[-1:], reduce, include_self)
    return jnp.moveaxis(out, 0, axis).reshape(input.shape)


def index_put(input, indices, values, accumulate=False):
    """A copy with `values` written, or added, at the positions that a tuple of index tensors gives."""
    if not isinstance(indices, tuple | list):
        raise TypeError(
            f"index_put(): argument 'indices' (position 1) must be tuple of Tensors, not {type(indices).__name__}"
        )
    for i, x in enumerate(indices):
        if not isinstance(x, Tensor):
            raise TypeError(f"expected Tensor as element {i} in argument 0, but got {type(x).__name__}")
    return put_at(input, list(enumerate(indices)), values, accumulate)


index_put = public(inplace="twice")(index_put)


def _negative_class(x):
    return (x < 0).any()


def _beyond_classes(x, classes):
    return (x >= classes).any()


@op
def _one_hot(input: Array, classes: int) -> Array:
    return (input[..., None] == jnp.arange(classes)).astype(jnp.int64)


@functional
def one_hot(input: Tensor, num_classes: int = -1) -> Tensor:
    """1 at the class, 0 elsewhere, in a new last dimension.

    Args:
        input: class numbers, int64.
        num_classes: the number of classes; -1 means one more than the largest class, for which `input` is read.

    Shape:
        (*) → (*, num_classes)

    Raises:
        RuntimeError: a class that is negative or too large.

    >>> torch.nn.functional.one_hot(torch.tensor([1, 0]), 3)
    tensor([[0, 1, 0],
            [1, 0, 0]])
    """
    if input.dtype.name != "int64":
        raise RuntimeError("one_hot is only applicable to index tensor of type LongTensor.")
    if not input.numel():
        if num_classes <= 0:
            raise RuntimeError("Can not infer total number of classes from empty tensor.")
        return _one_hot(input, num_classes)
    data_check(input, _negative_class, RuntimeError("Class values must be non-negative."))
    if num_classes == -1:
        num_classes = int(input.max()) + 1
    else:
        data_check(
            input, _beyond_classes, RuntimeError("Class values must be smaller than num_classes."), classes=num_classes
        )
    return _one_hot(input, num_classes)
