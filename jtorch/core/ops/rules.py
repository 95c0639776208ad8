"""Rules that ops share: the dimensions to reduce, correctly rounded quotients, PyTorch's gradients at ties and at zero.

Plain functions on jax arrays and shapes; nothing here is public.
"""

from __future__ import annotations

import functools
import math

import jax
import jax.numpy as jnp
from jax import lax

from jtorch.core.facts import like_strides
from jtorch.core.ops.slopes import magnitude
from jtorch.core.tensor import wrap_dim


def reduced_dims(dim, ndim):
    """The dimensions to reduce, positive and in order: all of them for None or an empty tuple."""
    if dim is None or dim == ():
        return tuple(range(ndim))
    dims = [wrap_dim(d, ndim) for d in (dim if isinstance(dim, tuple | list) else (dim,))]
    for d in dims:
        if dims.count(d) > 1:
            raise RuntimeError(f"dim {d} appears multiple times in the list of dims")
    return tuple(sorted(dims)) if ndim else ()


def strides_like_first(types, shapes, consts):
    """The rule for results that have the first input's shape and keep the order of its dimensions."""
    return [like_strides(types[0].shape, types[0].strides)] * len(shapes)


def times(factor):
    """The gradient of an elementwise op from its result: the cotangent times `factor(result)`."""
    return lambda grad, result: grad * jnp.conj(factor(result)).astype(grad.dtype)


def window_count(size, kernel, stride, padding, dilation=1, more=0):
    """How many windows fit along a dimension. `padding` is the sum of both sides, `more` how much the last window may lack."""
    return (size + padding - dilation * (kernel - 1) - 1 + more) // stride + 1


def quotient(a, b):
    """a / b, correctly rounded. Where b is one number for many elements, XLA would multiply by 1 / b, which is off in the
    last digit for half of them. The barrier hides that b is one number; XLA removes it before it fuses."""
    shape = jnp.broadcast_shapes(a.shape, b.shape)
    if (b.shape == shape and shape) or not jnp.issubdtype(a.dtype, jnp.floating):
        return a / b
    hidden = jax.lax.optimization_barrier(jnp.broadcast_to(b, shape))
    if (a.shape, a.dtype) != (shape, b.dtype):
        return a / hidden
    return jax.lax.div(a, hidden)  # JAX traces a jnp operator once more for each new shape


# XLA's CPU library YNNPACK (in jaxlib 0.10 and 0.11) computes reductions of 4,096 elements or more, together with the
# elementwise work just before them, and its maxima and minima skip NaN. So where NaN must come out, a `max` or `min` of
# floats must not be the reduction itself, nor stand before a sum. The library stays on: without it
# (`xla_cpu_experimental_ynn_fusion_type`) all but one of the steps of `bench.step` took longer.


def larger(a, b):
    """The larger element, NaN where either is NaN. Where they are equal, a gets the gradient."""
    return jnp.where((a >= b) | (a != a), a, b)


def at_least(x, bound):
    """x, or the bound where that is larger; NaN where x is. The bound is a number."""
    return jnp.where(x < bound, bound, x)


def at_most(x, bound):
    """x, or the bound where that is smaller; NaN where x is. The bound is a number."""
    return jnp.where(x > bound, bound, x)


def _with_nan(reduce, x, axis, keepdims):
    found = reduce(x, axis=axis, keepdims=keepdims)
    if not jnp.issubdtype(x.dtype, jnp.floating):
        return found
    strange = jnp.sum((x != x).astype(jnp.float32), axis=axis, keepdims=keepdims)
    return jnp.where(strange > 0, jnp.asarray(jnp.nan, x.dtype), found)


def largest_of(x, axis=None, keepdims=False):
    """The largest element over axes, NaN where any is NaN."""
    return _with_nan(jnp.max, x, axis, keepdims)


def smallest_of(x, axis=None, keepdims=False):
    """The smallest element over axes, NaN where any is NaN."""
    return _with_nan(jnp.min, x, axis, keepdims)


def sum_of(x, dims, keepdim=False):
    """The sum over dims in the array's dtype. A sum is never -0.0, also where XLA drops the sum of a single element."""
    total = jnp.sum(x, axis=dims, keepdims=keepdim, dtype=x.dtype)
    return total if total.size != x.size or x.dtype.kind in "iub" else _without_negative_zero(total)


def _without_negative_zero(x):
    return x - lax.stop_gradient(jnp.where(x == 0, x, 0))


def mean_of(x, dims, keepdim=False):
    """The mean over dims, computed as the sum divided by the count."""
    count = math.prod([x.shape[d] for d in dims])
    total = sum_of(x, tuple(dims), keepdim)
    return quotient(total, jnp.asarray(count, total.dtype))


def root(v):
    """sqrt with gradient 0 at 0."""
    positive = v != 0
    return jnp.where(positive, jnp.sqrt(jnp.where(positive, v, 1)), 0)


def pick(x, index, dim, keepdim):
    """x at one index along a dim, `index` having that dim with size 1."""
    if not x.ndim:
        return x
    taken = jnp.take_along_axis(x, index, axis=dim)
    return taken if keepdim else jnp.squeeze(taken, dim)


@functools.partial(jax.custom_jvp, nondiff_argnums=(1, 2, 3, 4))
def reduce_sharing_gradient(x, reduce, dims, keepdim, to_all):
    """reduce(x, dims); the elements equal to the result share the gradient evenly.

    Args:
        to_all: the others get 0 times the gradient, which is NaN if it is not finite; otherwise they get 0.
    """
    return reduce(x, axis=dims, keepdims=keepdim)


@reduce_sharing_gradient.defjvp
def _reduce_sharing_gradient_jvp(reduce, dims, keepdim, to_all, primals, tangents):
    (x,), (t,) = primals, tangents
    found = reduce(x, axis=dims, keepdims=True)
    equal = (x == found) | ((x != x) & (found != found))
    shares = t / jnp.sum(equal, axis=dims, keepdims=True).astype(x.dtype)
    value = found if keepdim else jnp.squeeze(found, dims)
    parts = shares * equal.astype(x.dtype) if to_all else jnp.where(equal, shares, 0)
    return value, jnp.sum(parts, axis=dims, keepdims=keepdim)


def norm_of(x, p, dims, keepdim):
    """The p-norm over dims; its gradient is 0 where the norm or the element is 0."""
    if x.dtype in (jnp.float16, jnp.bfloat16):  # the sum of the powers may overflow where the norm does not
        return norm_of(x.astype(jnp.float32), p, dims, keepdim).astype(x.dtype)
    if p == 2:
        squares = x * x if not jnp.iscomplexobj(x) else x.real**2 + x.imag**2
        return root(jnp.sum(squares, axis=dims, keepdims=keepdim))
    if p == 0:
        return jnp.sum(x != 0, axis=dims, keepdims=keepdim).astype(x.real.dtype)
    zero = x == 0
    size = jnp.where(zero, 0, jnp.abs(jnp.where(zero, 1, x))) if jnp.iscomplexobj(x) else magnitude(x)
    if abs(p) == math.inf:
        return reduce_sharing_gradient(size, largest_of if p > 0 else smallest_of, dims, keepdim, True)
    if p == 1:
        return jnp.sum(size, axis=dims, keepdims=keepdim)
    return _root_of_powers(size, p, dims, keepdim)


def gap_norm(gap, p):
    """The p-norm over the last dim, as `cdist` has it: for p = inf every element equal to the result has the whole gradient."""
    return _largest_gap(magnitude(gap)) if p == math.inf else norm_of(gap, p, (gap.ndim - 1,), False)


@jax.custom_jvp
def _largest_gap(size):
    return largest_of(size, -1)


@_largest_gap.defjvp
def _largest_gap_jvp(primals, tangents):
    largest = largest_of(primals[0], -1)
    return largest, jnp.sum(jnp.where(primals[0] == largest[..., None], tangents[0], 0), axis=-1)


@functools.partial(jax.custom_jvp, nondiff_argnums=(1, 2, 3))
def _root_of_powers(size, p, dims, keepdim):
    """(sum of size**p) ** (1 / p) over dims, of sizes that are not negative."""
    zero = size == 0
    powers = jnp.where(zero, 0.0 if p > 0 else jnp.inf, jnp.where(zero, 1, size) ** p).astype(size.dtype)
    total = jnp.sum(powers, axis=dims, keepdims=keepdim)
    empty = (total == 0) | jnp.isinf(total)
    limit = total if p > 0 else jnp.where(total == 0, jnp.inf, 0)
    return jnp.where(empty, limit, jnp.where(empty, 1, total) ** (1 / p)).astype(size.dtype)


@_root_of_powers.defjvp
def _root_of_powers_jvp(p, dims, keepdim, primals, tangents):
    (size,), (t,) = primals, tangents
    whole = _root_of_powers(size, p, dims, True)
    none = (size == 0) | (whole == 0)
    share = jnp.where(none, 0, jnp.where(none, 1, size) ** (p - 1) / jnp.where(none, 1, whole) ** (p - 1))
    result = whole if keepdim else jnp.squeeze(whole, dims)
    return result, jnp.sum(t * share.astype(t.dtype), axis=dims, keepdims=keepdim)


def looks_channels_last(shape, strides) -> bool:
    """Whether PyTorch takes a tensor for channels-last when it chooses the layout of a result. It need not be dense."""
    if len(shape) not in (4, 5) or strides[1] == 0:
        return False
    least = 0
    for dim in (1, *range(len(shape) - 1, 1, -1), 0):
        if shape[dim] == 0 or strides[dim] < least or (dim == 0 and least == strides[1]):
            return False
        least = strides[dim] * max(shape[dim], 1)
    return True
