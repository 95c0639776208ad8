"""Reductions, and running sums, products and extremes.

Ties, NaN and zeros follow PyTorch's rules; `rules` has those that several files share. Sorting and what is built on it
are in `sort`.
"""

from __future__ import annotations

import builtins
import functools
import math

import jax
import jax.numpy as jnp
from jax import lax

from jtorch.core.facts import dtypes, warn_user
from jtorch.core.facts import named_results as returntypes
from jtorch.core.facts import strides as geometry
from jtorch.core.op import Array, function, kernel, letter, op, public, store
from jtorch.core.ops import slopes
from jtorch.core.ops.arithmetic.elementwise import div
from jtorch.core.ops.arithmetic.logic import isnan, maximum, minimum
from jtorch.core.ops.rules import (
    largest_of,
    mean_of,
    pick,
    reduce_sharing_gradient,
    reduced_dims,
    root,
    smallest_of,
    sum_of,
)
from jtorch.core.tensor import wrap_dim


def _summed_type(x, to):
    """The dtype of a sum: int64 for integers and bools."""
    if to is not None:
        return to.np
    return jnp.dtype(jnp.int64) if letter(x) in "biu" else x.dtype


def _cast(x, np_type):
    if jnp.iscomplexobj(x) and not jnp.issubdtype(np_type, jnp.complexfloating):
        x = x.real
    return x != 0 if np_type == jnp.bool_ else x.astype(np_type)


def _check_dims_not_empty(name, shape, dims):
    for d in dims:
        if not shape[d]:
            name = name if name.endswith(":") else f"{name}():"
            raise IndexError(f"{name} Expected reduction dim {d} to have non-zero size.")


def _by_form(name):
    """The node's name of a reduction, numbered by its form: 0 over all elements, 1 over dims."""
    return lambda types, consts: f"{name}Backward{int(consts['dim'] is not None)}"


@op(saves=(), grad_fn=_by_form("Sum"), autocast={"cuda": "float32"})
def sum(input: Array, dim: tuple | None = None, keepdim: bool = False, *, dtype=None) -> Array:
    """The sum of all elements, or over `dim`; integers and bools are summed as int64.

    >>> torch.tensor([[1, 2], [3, 4]]).sum(dim=0)
    tensor([4, 6])
    """
    to = _summed_type(input, dtype)
    return sum_of(_cast(input, to), reduced_dims(dim, input.ndim), keepdim)


@op(saves=(), grad_fn=_by_form("Mean"))
def mean(input: Array, dim: tuple | None = None, keepdim: bool = False, *, dtype=None) -> Array:
    """The mean of all elements, or over `dim`.

    Raises:
        RuntimeError: integers (convert them first).

    >>> torch.tensor([1., 2., 6.]).mean()
    tensor(3.)
    """
    given = dtypes.of(input.dtype) if dtype is None else dtype
    if given.category <= dtypes.INT:
        raise RuntimeError(
            f"mean(): could not infer output dtype. {'Input' if dtype is None else 'Optional'} dtype must be either a floating"
            f" point or complex dtype. Got: {given.scalar_name}"
        )
    if dtype is not None and dtype.category < dtypes.FLOAT:
        raise RuntimeError(
            "mean(): could not infer output dtype. Optional dtype must be either a floating point or complex dtype. "
            f"Got: {dtype.scalar_name}"
        )
    x = input if dtype is None else _cast(input, dtype.np)
    return mean_of(x, reduced_dims(dim, x.ndim), keepdim)


def _scalar_name(x):
    return dtypes.of(x.dtype).scalar_name


@op(grad_fn=_by_form("Prod"), saves="both", autocast="float32")
def prod(input: Array, dim: int | None = None, keepdim: bool = False, *, dtype=None) -> Array:
    """The product of all elements, or over one dim; integers and bools are multiplied as int64."""
    to = _summed_type(input, dtype)
    return jnp.prod(_cast(input, to), axis=reduced_dims(dim, input.ndim), keepdims=keepdim, dtype=to)


@op(chooses=True)
def nansum(input: Array, dim: tuple | None = None, keepdim: bool = False, *, dtype=None) -> Array:
    """The sum with NaN counted as 0."""
    if letter(input) == "c":
        raise RuntimeError("nansum on CPU does not support complex inputs")
    x = _numbers_of(input) if letter(input) == "f" else input
    to = _summed_type(input, dtype)
    return sum_of(_cast(x, to), reduced_dims(dim, x.ndim), keepdim)


# The gradient is multiplied by 0 where a NaN is: an infinite one becomes NaN.
_numbers_of = slopes.with_slopes(
    lambda x: jnp.where(x != x, 0, x).astype(x.dtype), lambda x, result: (x == x).astype(x.dtype)
)


@public
def nanmean(input, dim=None, keepdim=False, *, dtype=None, out=None):
    """The mean of the elements that are not NaN."""
    if input.dtype.category < dtypes.FLOAT:
        raise RuntimeError(
            "nanmean(): expected input to have floating point or complex dtype but got " + input.dtype.scalar_name
        )
    count = isnan(input).logical_not().sum(dim, keepdim)
    made = div(nansum(input, dim, keepdim, dtype=dtype), count)
    return made if out is None else store(out, made, "nanmean")


# ---- variance


def _variance(x, dim, correction, keepdim, name="std and var"):
    if letter(x) not in "fc":
        raise RuntimeError(f"{name} only support floating point and complex dtypes")
    wide = x.astype(jnp.float32) if x.dtype.itemsize == 2 else x
    dims = reduced_dims(dim, x.ndim)
    count = math.prod(x.shape[d] for d in dims)
    centre = jnp.mean(wide, axis=dims, keepdims=True)
    gap = wide - centre
    squares = gap * gap if letter(x) == "f" else gap.real**2 + gap.imag**2
    divisor = builtins.max(count - correction, 0) if count else 0  # of nothing it is NaN, whatever the correction
    return jnp.sum(squares, axis=dims, keepdims=keepdim) / divisor, centre, dims


def _real_type_of(x):
    return jnp.zeros((), x.dtype).real.dtype


@op(name="var")
def _var(input: Array, dim: tuple, correction: float, keepdim: bool) -> Array:
    return _variance(input, dim, correction, keepdim)[0].astype(_real_type_of(input))


@op(name="std", saves="both")
def _std(input: Array, dim: tuple, correction: float, keepdim: bool) -> Array:
    return root(_variance(input, dim, correction, keepdim)[0]).astype(_real_type_of(input))


def _centre(centre, dims, keepdim, x):
    return (centre if keepdim else jnp.squeeze(centre, dims)).astype(x.dtype)


@op(name="var_mean")
def _var_mean(input: Array, dim: tuple, correction: float, keepdim: bool):
    v, centre, dims = _variance(input, dim, correction, keepdim, "var_mean")
    return v.astype(_real_type_of(input)), _centre(centre, dims, keepdim, input)


@op(name="std_mean")
def _std_mean(input: Array, dim: tuple, correction: float, keepdim: bool):
    v, centre, dims = _variance(input, dim, correction, keepdim, "std_mean")
    return root(v).astype(_real_type_of(input)), _centre(centre, dims, keepdim, input)


def _variance_divisor(input, dim, correction):
    """The divisor of a variance: the count minus the correction."""
    dims = reduced_dims(tuple(dim) if isinstance(dim, list) else dim, input.ndim)
    return math.prod(input.shape[d] for d in dims) - correction


def _variance_function(core, method):
    """The public form of a variance op, which takes `unbiased` or `correction`."""

    def variance(input, dim=None, unbiased=None, keepdim=False, *, correction=None, out=None, **named):
        dim, keepdim = named.pop("axis", dim), named.pop("keepdims", keepdim)
        if named:
            raise TypeError(f"{core.op.name}() got an unexpected keyword argument '{next(iter(named))}'")
        if isinstance(dim, bool):
            dim, unbiased = None, dim
        if correction is None:
            correction = 1 if unbiased is None else int(unbiased)
        if _variance_divisor(input, dim, correction) <= 0:
            warn_user(
                f"{core.op.name}(): degrees of freedom is <= 0. "
                "Correction should be strictly less than the reduction factor (input numel divided by output numel).",
            )
        return core(input, dim, correction, keepdim, out=out)

    variance.__name__ = variance.__qualname__ = core.op.name
    variance.__module__ = __name__
    return variance


def _documented_variance(core, text, method=True):
    made = _variance_function(core, method)
    made.__doc__ = (
        text
        + """

    Args:
        dim: over which dimensions; None means all elements.
        unbiased: divide by count - 1 (True, the default) or by count.
        correction: divide by count - correction.
    """
    )
    return public(made, method=method)


var = _documented_variance(_var, "The variance: the mean squared deviation from the mean.")
std = _documented_variance(_std, "The standard deviation: the square root of the variance.")
var_mean = _documented_variance(_var_mean, "The variance and the mean.", method=False)
std_mean = _documented_variance(_std_mean, "The standard deviation and the mean.", method=False)


# ---- the largest and the smallest


def _extreme_along(name, reduce, x, dim, keepdim, kernel_name=None):
    kernel(kernel_name or f"{name[1:]}_values_cpu", x, "bif")
    dims = reduced_dims(dim, x.ndim)
    if not x.size:
        if dim is None or dim == ():
            raise RuntimeError(
                f"{name}(): Expected reduction dim to be specified for input.numel() == 0. "
                "Specify the reduction dim with the 'dim' argument."
            )
        _check_dims_not_empty(name, x.shape, (dim,) if isinstance(dim, int) else dim)
    return reduce_sharing_gradient(x, reduce, dims, keepdim, True)


@op(chooses=True, saves="both")
def amax(input: Array, dim: tuple = (), keepdim: bool = False) -> Array:
    """The largest element; equal ones share the gradient."""
    return _extreme_along("amax", largest_of, input, dim, keepdim)


@op(chooses=True, saves="both")
def amin(input: Array, dim: tuple = (), keepdim: bool = False) -> Array:
    """The smallest element; equal ones share the gradient."""
    return _extreme_along("amin", smallest_of, input, dim, keepdim)


@op(chooses=True, returns=returntypes.aminmax)
def aminmax(input: Array, *, dim: int | None = None, keepdim: bool = False):
    """The smallest and the largest element."""
    if dim is None and not input.size:
        raise RuntimeError(
            "aminmax(): cannot compute aminmax over an empty dimension as the operation has no identity."
        )
    dims = () if dim is None else (wrap_dim(dim, input.ndim),)
    if input.ndim:
        _check_dims_not_empty("aminmax:", input.shape, dims)
    return (
        _extreme_along("amin", smallest_of, input, dim, keepdim, "aminmax_cpu"),
        _extreme_along("amax", largest_of, input, dim, keepdim, "aminmax_cpu"),
    )


def _extreme_of_all(name, reduce, x):
    if not x.size:
        raise RuntimeError(
            f"{name}(): Expected reduction dim to be specified for input.numel() == 0. Specify the reduction dim with the 'dim' argument."
        )
    kernel(f"{name}_all", x, "bif")
    return reduce_sharing_gradient(x, reduce, tuple(range(x.ndim)), False, False)


def _extreme_with_index(name, find, x, dim, keepdim):
    """(values, indices) of the first element along a dim that `find` picks; the gradient goes to it."""
    dim = wrap_dim(dim, x.ndim)
    _check_dims_not_empty(name, x.shape, (dim,) if x.ndim else ())
    if letter(x) == "c":
        raise RuntimeError(f"{name}(): does not support complex input")
    if not x.ndim:
        return x, jnp.zeros((), jnp.int64)
    index = find(lax.stop_gradient(x), axis=dim, keepdims=True).astype(jnp.int64)
    return pick(x, index, dim, keepdim), index if keepdim else jnp.squeeze(index, dim)


@op(chooses=True, name="max", grad_fn="MaxBackward1", saves="both")
def _max_all(input: Array) -> Array:
    return _extreme_of_all("max", largest_of, input)


@op(chooses=True, name="min", grad_fn="MinBackward1", saves="both")
def _min_all(input: Array) -> Array:
    return _extreme_of_all("min", smallest_of, input)


@op(chooses=True, saves="own", name="max", returns=returntypes.max)
def _max_at(input: Array, dim: int, keepdim: bool = False):
    return _extreme_with_index("max", jnp.argmax, input, dim, keepdim)


@op(chooses=True, saves="own", name="min", returns=returntypes.min)
def _min_at(input: Array, dim: int, keepdim: bool = False):
    return _extreme_with_index("min", jnp.argmin, input, dim, keepdim)


def _extreme_function(all_, at, pair):
    def chosen(input, dim=None, keepdim=False, *, other=None, out=None, axis=None, keepdims=None):
        dim = axis if axis is not None else dim
        keepdim = keepdims if keepdims is not None else keepdim
        other = dim if hasattr(dim, "dtype") else other
        if other is not None:
            return pair(input, other, out=out)
        return all_(input, out=out) if dim is None else at(input, dim, keepdim, out=out)

    chosen.__name__ = chosen.__qualname__ = all_.op.name
    chosen.__module__ = __name__
    return chosen


_FORMS = """

    Args:
        dim: None for the {word} of all elements (equal ones share the gradient); a dimension for the {word}
            along it and its index (that element gets the gradient); a tensor for the elementwise {pair}.

    >>> torch.{name}(torch.tensor([3., 1., 2.]))
    tensor({value})
    """

max = _extreme_function(_max_all, _max_at, maximum)
max.__doc__ = "The largest element: of all, along a dim with its index, or of two tensors." + _FORMS.format(
    word="largest", pair="maximum", name="max", value="3."
)
max = public(max)
min = _extreme_function(_min_all, _min_at, minimum)
min.__doc__ = "The smallest element: of all, along a dim with its index, or of two tensors." + _FORMS.format(
    word="smallest", pair="minimum", name="min", value="1."
)
min = public(min)


def _index_of_extreme(name, find, x, dim, keepdim):
    if letter(x) in "bc":
        kind = {"b": "bool", "c": "complex"}[letter(x)]
        raise RuntimeError(f"{name}(): does not support {kind} input")
    kernel(f"{name}_cpu", x, "if")
    if dim is None:
        if not x.size:
            raise IndexError(f"{name}(): Expected reduction dim to be specified for input.numel() == 0.")
        found = find(x.reshape(-1)).astype(jnp.int64)
        return found.reshape((1,) * x.ndim) if keepdim else found
    dim = wrap_dim(dim, x.ndim)
    if not x.ndim:
        return jnp.zeros((), jnp.int64)
    _check_dims_not_empty(name, x.shape, (dim,))
    return find(x, axis=dim, keepdims=keepdim).astype(jnp.int64)


@op(saves=())
def argmax(input: Array, dim: int | None = None, keepdim: bool = False) -> Array:
    """The index of the largest element, of all (flattened) or along a dim; the first of equal ones.

    >>> torch.tensor([[1., 5.], [7., 2.]]).argmax(dim=1)
    tensor([1, 0])
    """
    return _index_of_extreme("argmax", jnp.argmax, input, dim, keepdim)


@op(saves=())
def argmin(input: Array, dim: int | None = None, keepdim: bool = False) -> Array:
    """The index of the smallest element, of all (flattened) or along a dim; the first of equal ones."""
    return _index_of_extreme("argmin", jnp.argmin, input, dim, keepdim)


# ---- truth and counting


def _truths(x):
    return x if x.dtype == jnp.bool_ else x != 0


@op(saves=())
def any(input: Array, dim: tuple | None = None, keepdim: bool = False) -> Array:
    """Whether any element is nonzero."""
    found = jnp.any(_truths(input), axis=reduced_dims(dim, input.ndim), keepdims=keepdim)
    return found.astype(jnp.uint8) if input.dtype == jnp.uint8 else found


@op(saves=())
def all(input: Array, dim: tuple | None = None, keepdim: bool = False) -> Array:
    """Whether every element is nonzero."""
    found = jnp.all(_truths(input), axis=reduced_dims(dim, input.ndim), keepdims=keepdim)
    return found.astype(jnp.uint8) if input.dtype == jnp.uint8 else found


@op(saves=())
def count_nonzero(input: Array, dim: tuple | None = None) -> Array:
    """How many elements are nonzero."""
    kernel("nonzero_count_cpu", input, "bifc")
    return jnp.sum(_truths(input), axis=reduced_dims(dim, input.ndim), dtype=jnp.int64)


# ---- running totals


def _running_type(name, x, to):
    """The dtype of a running sum or product. PyTorch has none of bools."""
    if to is dtypes.bool_:
        raise NotImplementedError(f"\"{name}\" not implemented for 'Bool'")
    return _summed_type(x, to)


def _keeps_type(name):
    """The check of a running total in place."""

    def check(input, *args, dtype=None, **named):
        if dtype is not None and dtype is not input.dtype:
            kinds = f"input tensor dtype {input.dtype.cname} and output tensor dtype {dtype.cname}"
            raise RuntimeError(f"Bad in-place call: {kinds} should match")
        kernel(name, input, "ifc")

    return check


@op(inplace=True, check_inplace=_keeps_type("cumsum_out_cpu"), saves=(), overlap="none", autocast={"cuda": "float32"})
def cumsum(input: Array, dim: int, *, dtype=None) -> Array:
    """The running sum along a dim: each element plus all before it."""
    to = _running_type("cumsum_out_cpu", input, dtype)
    dim = wrap_dim(dim, input.ndim)
    x = _cast(input, to)
    if not input.ndim:
        return x
    if dtypes.of(x.dtype).category == dtypes.FLOAT and x.dtype.itemsize == 2:
        return jnp.cumsum(x.astype(jnp.float32), axis=dim).astype(x.dtype)
    return jnp.cumsum(x, axis=dim, dtype=to)


@op(
    inplace=True,
    check_inplace=_keeps_type("cumprod_out_cpu"),
    saves="both",
    overlap="none",
    autocast={"cuda": "float32"},
)
def cumprod(input: Array, dim: int, *, dtype=None) -> Array:
    """The running product along a dim: each element times all before it."""
    to = _running_type("cumprod_out_cpu", input, dtype)
    dim = wrap_dim(dim, input.ndim)
    return jnp.cumprod(_cast(input, to), axis=dim, dtype=to) if input.ndim else _cast(input, to)


def _running_extreme(x, dim, better):
    """(values, indices) of the best element so far along a dim: the last of equal ones; NaN beats all."""
    dim = wrap_dim(dim, x.ndim)
    if not x.ndim:
        return x, jnp.zeros((), jnp.int64)
    fixed = lax.stop_gradient(x)

    def join(a, b):
        newer = (b[0] != b[0]) | ((a[0] == a[0]) & better(b[0], a[0]))
        return jnp.where(newer, b[0], a[0]), jnp.where(newer, b[1], a[1])

    positions = lax.broadcasted_iota(jnp.int64, x.shape, dim)
    index = lax.associative_scan(join, (fixed, positions), axis=dim)[1] if x.size else positions
    return jnp.take_along_axis(x, index, axis=dim), index


@op(chooses=True, returns=returntypes.cummax)
def cummax(input: Array, dim: int):
    """The largest element so far along a dim, and its index."""
    kernel("cummax_cpu", input, "bif")
    return _running_extreme(input, dim, jnp.greater_equal)


@op(chooses=True, returns=returntypes.cummin)
def cummin(input: Array, dim: int):
    """The smallest element so far along a dim, and its index."""
    kernel("cummin_cpu", input, "bif")
    return _running_extreme(input, dim, jnp.less_equal)


@functools.partial(jax.custom_jvp, nondiff_argnums=(1,))
def _running_log_sum(x, dim):
    """lax.cumlogsumexp of complex numbers, whose imaginary parts go on beyond pi as they are added up one by one."""
    rows = jnp.moveaxis(x, dim, 0)

    def add(total, row):
        total = slopes.log_of_sum(row, total)
        return total, total

    return jnp.moveaxis(lax.scan(add, jnp.full(rows.shape[1:], -jnp.inf, x.dtype), rows)[1], 0, dim)


@_running_log_sum.defjvp
def _running_log_sum_jvp(dim, primals, tangents):
    run = functools.partial(lax.cumlogsumexp, axis=dim)
    return _running_log_sum(*primals, dim), jax.jvp(run, primals, tangents)[1]


@op
def logcumsumexp(input: Array, dim: int) -> Array:
    """log(cumsum(exp(input))) along a dim, without overflow."""
    kernel("logcumsumexp_out_cpu", input, "fc")
    dim = wrap_dim(dim, input.ndim)
    if not input.ndim:
        return input
    return _running_log_sum(input, dim) if letter(input) == "c" else lax.cumlogsumexp(input, axis=dim)


@op(saves="both", autocast={"cuda": "float32"})
def logsumexp(input: Array, dim: tuple, keepdim: bool = False) -> Array:
    """log(sum(exp(input))) over dims, without overflow."""
    x = input if letter(input) in "fc" else input.astype(dtypes.get_default_dtype().np)
    return jax.nn.logsumexp(x, axis=reduced_dims(dim, x.ndim), keepdims=keepdim)


# ---- differences and areas


def _sliced(x, dim, start, stop):
    return lax.slice_in_dim(x, start, stop, axis=dim) if x.shape[dim] else x


@op(
    saves=(),
    strides=lambda types, shapes, consts: [geometry.elementwise_strides(s, [(s, types[0].strides)]) for s in shapes],
    grad_fn="SubBackward0",
    graph={"SubBackward0": "Sub(Slice(input), Slice(input))"},
)
def diff(input: Array, n: int = 1, dim: int = -1, prepend: Array | None = None, append: Array | None = None) -> Array:
    """The differences of neighbours along a dim, taken n times."""
    if not input.ndim:
        raise RuntimeError("diff expects input to be at least one-dimensional")
    if n < 0:
        raise RuntimeError(f"order must be non-negative but got {n}")
    dim = wrap_dim(dim, input.ndim)
    if not n:
        return input
    x = jnp.concatenate([p for p in (prepend, input, append) if p is not None], dim)
    for _ in range(n):
        if not x.shape[dim]:
            break
        after, before = _sliced(x, dim, 1, None), _sliced(x, dim, 0, -1)
        x = after ^ before if x.dtype == jnp.bool_ else after - before
    return x


def _areas(y, x, dx, dim, name="trapezoid"):
    if not y.ndim and name == "trapezoid":
        raise IndexError(f"Dimension specified as {dim} but tensor has no dimensions")
    if letter(y) == "b" or (x is not None and letter(x) == "b"):
        which = "`y`" if x is None else "`x` or `y`"
        raise RuntimeError(f"{name}: received a bool input for {which}, but bool is not supported")
    if not y.ndim:
        raise IndexError("slice() cannot be applied to a 0-dim tensor.")
    y = y if letter(y) in "fc" else y.astype(dtypes.get_default_dtype().np)
    dim = wrap_dim(dim, y.ndim)
    pairs = _sliced(y, dim, 1, None) + _sliced(y, dim, 0, -1)
    if x is None:
        return pairs * (dx / 2), dim
    if x.ndim == 1:
        x = x.reshape([-1 if d == dim else 1 for d in range(y.ndim)])
    return (_sliced(x, dim, 1, None) - _sliced(x, dim, 0, -1)) * pairs / 2, dim


@op(
    method=False,
    grad_fn=lambda types, consts: "DivBackward1" if len(types) > 1 else "MulBackward1",
    graph={
        "MulBackward1": "MulBackward1(Sub(SumBackward1(y), MulBackward1(Add(Select(y), Select(y)))))",
        "DivBackward1": "DivBackward1(SumBackward1(Mul(Add(Slice(y), Slice(y)), Sub(Slice(x), Slice(x)))))",
    },
)
def trapezoid(y: Array, x: Array | None = None, *, dx: float = 1, dim: int = -1) -> Array:
    """The area under y by the trapezoidal rule, at the points x or `dx` apart."""
    areas, dim = _areas(y, x, dx, dim)
    return jnp.sum(areas, axis=dim)


trapz = function(trapezoid, name="trapz")


@op(method=False, grad_fn="CumsumBackward0", graph={"CumsumBackward0": "Cumsum(MulBackward1(Add(Slice(y), Slice(y))))"})
def cumulative_trapezoid(y: Array, x: Array | None = None, *, dx: float = 1, dim: int = -1) -> Array:
    """The area under y up to each point, by the trapezoidal rule."""
    areas, dim = _areas(y, x, dx, dim, "cumulative_trapezoid")
    return jnp.cumsum(areas, axis=dim)
