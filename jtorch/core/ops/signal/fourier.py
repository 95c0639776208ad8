"""The three Fourier transforms that all others use: complex to complex, real to complex, complex to real.

`jtorch.core.ops.signal.fft` has the public functions, which trim, pad and raise PyTorch's errors. Results have PyTorch's
memory layout: the transformed dimensions are innermost.
"""

from __future__ import annotations

import math

import jax.numpy as jnp
import numpy as np

from jtorch.core.facts import contiguous_strides
from jtorch.core.op import Array, op


def _laid_out(shape, order):
    """The strides of a shape whose dimensions lie in memory in this order."""
    strides = dict(zip(order, contiguous_strides([shape[d] for d in order]), strict=True))
    return tuple([strides[d] for d in range(len(shape))])


def _by_stride(types, dims):
    """Dimensions from the slowest to the fastest in memory."""
    return sorted(dims, key=lambda d: -types[0].strides[d])


def _sorted_strides(types, shapes, consts):
    dims = consts["dim"]
    rest = [d for d in range(types[0].ndim) if d not in dims]
    return [_laid_out(shapes[0], [*_by_stride(types, rest), *_by_stride(types, dims)])]


def _last_strides(types, shapes, consts):
    """As `_sorted_strides`, but the dimension that is halved or doubled is the innermost."""
    *dims, last = consts["dim"]
    rest = [d for d in range(types[0].ndim) if d not in consts["dim"]]
    return [_laid_out(shapes[0], [*_by_stride(types, rest), *_by_stride(types, dims), last])]


def _normalized(x, norm, count):
    """x divided by the count ("n") or by its root ("root"), or as it is (None)."""
    if norm is None:
        return x
    return x * jnp.asarray(1 / (count if norm == "n" else math.sqrt(count)), x.real.dtype)


def _transform_unscaled(x, dims, forward):
    """The unscaled transform over any number of dimensions; JAX's takes at most three."""
    for i in range(0, len(dims), 3):
        some = dims[i : i + 3]
        x = jnp.fft.fftn(x, axes=some) if forward else jnp.fft.ifftn(x, axes=some, norm="forward")
    return x


@op(name="_fft_c2c", grad_fn="FftC2CBackward0", saves=(), strides=_sorted_strides, behind="fft.fft")
def c2c(input: Array, dim: tuple, norm: str | None, forward: bool) -> Array:
    """Complex to complex over `dim`."""
    return _normalized(_transform_unscaled(input, dim, forward), norm, math.prod([input.shape[d] for d in dim]))


@op(name="_fft_r2c", grad_fn="FftR2CBackward0", saves=(), strides=_last_strides, behind="fft.rfft")
def r2c(input: Array, dim: tuple, norm: str | None, onesided: bool) -> Array:
    """Real to complex over `dim`; one-sided leaves out the half of the last dim that mirrors the other."""
    count = math.prod([input.shape[d] for d in dim])
    if not onesided:
        whole = input.astype(np.result_type(input.dtype, np.complex64))
        return _normalized(_transform_unscaled(whole, dim, True), norm, count)
    half = jnp.fft.rfft(input, axis=dim[-1])
    return _normalized(_transform_unscaled(half, dim[:-1], True), norm, count)


@op(name="_fft_c2r", grad_fn="FftC2RBackward0", saves=(), strides=_last_strides, behind="fft.irfft")
def c2r(input: Array, dim: tuple, norm: str | None, last: int) -> Array:
    """Half of a mirrored spectrum back to `last` real numbers along the last of `dim`."""
    whole = _transform_unscaled(input, dim[:-1], False)
    made = jnp.fft.irfft(whole, n=last, axis=dim[-1], norm="forward")
    return _normalized(made, norm, math.prod([made.shape[d] for d in dim]))
