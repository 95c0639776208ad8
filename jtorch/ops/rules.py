"""What reductions share: which dimensions they reduce, and PyTorch's gradients at ties and at zero.

Plain functions on jax arrays and shapes; nothing here is public.
"""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp

from jtorch.tensor import wrap_dim


def reduced(dim, ndim):
    """The dimensions to reduce, positive and in order: all of them for None or an empty tuple."""
    if dim is None or dim == ():
        return tuple(range(ndim))
    dims = [wrap_dim(d, ndim) for d in (dim if isinstance(dim, tuple | list) else (dim,))]
    for d in dims:
        if dims.count(d) > 1:
            raise RuntimeError(f"dim {d} appears multiple times in the list of dims")
    return tuple(sorted(dims)) if ndim else ()


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


@functools.partial(jax.custom_jvp, nondiff_argnums=(1, 2, 3))
def evenly(x, reduce, dims, keepdim):
    """reduce(x, dims), whose gradient is shared evenly by the elements equal to the result."""
    return reduce(x, axis=dims, keepdims=keepdim)


@evenly.defjvp
def _evenly_jvp(reduce, dims, keepdim, primals, tangents):
    (x,), (t,) = primals, tangents
    found = reduce(x, axis=dims, keepdims=True)
    equal = (x == found) | ((x != x) & (found != found))
    share = equal.astype(x.dtype) / jnp.sum(equal, axis=dims, keepdims=True).astype(x.dtype)
    value = found if keepdim else jnp.squeeze(found, dims)
    return value, jnp.sum(t * share, axis=dims, keepdims=keepdim)
