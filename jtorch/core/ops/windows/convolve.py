"""Convolution on arrays, computed in the way that is fastest on the device.

On a CPU, XLA's own convolution is fast with many channels and slow with few, and its gradients are slower still:
`bench.forms` has the numbers. So the same sum is written in six ways, and `_ways` picks one for the result and one for
each gradient. JAX computes a gradient by transposing the derivative, which is a linear function: the derivative is written
in the way whose transpose is fast. A transposed convolution is the transpose, with respect to the image, of one of the
six ways. Does not know PyTorch's arguments.

    direct      XLA's convolution                            many channels; every other platform
    shifted     one shifted copy of the image per weight     few channels: images of one to three; small kernels of one
    looped      the same in a loop, which compiles faster    large kernels, each for one channel
    columns     patches laid out as a matrix, a product      the gradient where nothing is padded or channels are few
    cells       a product for each cell of the kernel        the weight's gradient of images that are not small; groups
    widened     direct, with channels added to fill a vector the weight's gradient of few output channels
"""

from __future__ import annotations

import itertools
import math
from collections import namedtuple
from functools import partial

import jax
import jax.numpy as jnp
from jax import lax

from jtorch.core import engine
from jtorch.core.facts import devices, dtypes
from jtorch.core.ops.rules import window_count

# The sizes of a convolution: one entry for each spatial dimension, padding in pairs (before, after).
Window = namedtuple("Window", "stride padding dilation groups")

_VECTOR = 16  # output channels that fill a vector register of float32
_FEW_WEIGHTS = 80  # up to this many weights for an output channel, one copy of the image for each weight is fast
_FEW_COPIES = 9  # up to this many copies of the image in one program: XLA takes a second for the gradients of 20
_PARTS = 8  # how many pieces a batch is divided into for a loop
_LONG = 256  # positions of the result from which a product of matrices is efficient


def convolve(x, w, window: Window):
    """Σ over channels and cells of x (N, C, *S) times w (O, C / groups, *K) -> (N, O, *S')."""
    return _tuned(x, w, window, _ways) if _tunable(x, w) else _direct(x, w, window)


def transposed(x, w, window: Window):
    """The adjoint of a convolution with this window: x (N, C, *S) spread over w (C, O / groups, *K) -> (N, O, *S').

    Padding is what the convolution would add to the result. It is negative where the result is larger than the windows
    reach.
    """
    return _tuned(x, w, window, _ways_to_spread) if _tunable(x, w) else _dilated(x, w, window)


def _tunable(x, w):
    return devices.traced_kind().tunes_convolutions and x.dtype in (jnp.float32, jnp.float64) and x.size and w.size


@partial(jax.custom_jvp, nondiff_argnums=(2, 3))
def _tuned(x, w, window, ways):
    return ways(x.shape, w.shape, window)[0](x, w, window)


@partial(_tuned.defjvp, symbolic_zeros=True)
def _tuned_jvp(window, ways, primals, tangents):
    x, w = primals
    dx, dw = tangents
    _, way_of_input, way_of_weight = ways(x.shape, w.shape, window)
    y = _tuned(x, w, window, ways)
    parts = [] if _is_zero(dx) else [way_of_input(dx, w, window)]
    parts += [] if _is_zero(dw) else [way_of_weight(x, dw, window)]
    return y, sum(parts[1:], parts[0]) if parts else jnp.zeros_like(y)


def _is_zero(tangent):
    return isinstance(tangent, jax.custom_derivatives.SymbolicZero)


def _ways(x_shape, w_shape, window):
    """How to compute the result, and the derivatives with respect to the input and the weight. With groups, XLA computes the
    weight's gradient as if every channel met every other: for 32 groups of 4 that takes 600 times as long as products."""
    outputs, channels, *kernel = w_shape
    cells = math.prod(kernel)
    plain = not any(map(any, window.padding)) and set(window.stride) == {1}
    loops = x_shape[0] > 1  # there is a batch to take in pieces
    if window.groups == x_shape[1] == outputs and cells > 1 and channels == 1:
        forward = _shifted_copies if loops else _shifts
        return (forward, _shifts, _shifts) if cells <= _FEW_COPIES else (_shifts_in_a_loop,) * 3
    if window.groups > 1:
        return (_cell_by_cell,) * 3
    few = channels <= 3 and channels * cells <= _FEW_WEIGHTS and outputs <= 16 * channels
    return (
        _shifted_copies if few and loops and set(window.stride) == {1} else _direct,
        _patch_columns if plain and loops and cells > 1 else _direct,
        _way_of_weight(x_shape, w_shape, window),
    )


def _way_of_weight(x_shape, w_shape, window):
    """XLA's own gradient with respect to the weight treats the images' channels as a batch: at 32 x 64 x 32 x 32 it takes
    15 times as long as a product of matrices. For few small images it is fast."""
    images, channels = x_shape[:2]
    positions = math.prod(_result_sizes(x_shape[2:], w_shape[2:], window))
    # The crossover as `bench.forms` measures it: with many channels, products pay from fewer positions on.
    large = images * positions >= 16 * _LONG and (positions >= _LONG or (4 * positions >= _LONG and channels >= 64))
    if large and channels > 3:
        return _cell_by_cell
    if w_shape[0] < _VECTOR:
        return _with_full_vectors
    return _patch_columns if large and math.prod(w_shape[1:]) <= _FEW_WEIGHTS else _direct


def _direct(x, w, window, lhs_dilation=None):
    """XLA's own convolution. Half types are summed in float32, as PyTorch does."""
    spatial = "DHW"[-(x.ndim - 2) :]
    half = x.dtype in dtypes.HALF
    y = lax.conv_general_dilated(
        x,
        w,
        window.stride,
        window.padding,
        lhs_dilation=lhs_dilation,
        rhs_dilation=window.dilation,
        dimension_numbers=("NC" + spatial, "OI" + spatial, "NC" + spatial),
        feature_group_count=window.groups,
        precision=engine.precision["convolution"] if devices.traced_kind().has_tf32 else None,
        preferred_element_type=jnp.float32 if half else None,
    )
    return y.astype(x.dtype)


def _ways_to_spread(x_shape, w_shape, window):
    """As `_ways`, for the adjoint. XLA's gradient with respect to the weight of a dilated image also multiplies the zeros
    in between: at 16 x 128 x 16 x 16 that takes 40 times as long as products of the pixels alone."""
    if window.groups > 1:
        return (partial(_adjoint, _cell_by_cell),) * 3
    return _dilated, _dilated, partial(_adjoint, _cell_by_cell if w_shape[1] > 3 else _patch_columns)


def _dilated(x, w, window):
    """XLA's own convolution of the image, dilated by the stride, with the mirrored kernel."""
    inputs, outputs, *kernel = w.shape
    per_group = inputs // window.groups
    w = w.reshape(window.groups, per_group, outputs, *kernel).swapaxes(1, 2)
    w = lax.rev(w.reshape(window.groups * outputs, per_group, *kernel), range(2, 2 + len(kernel)))
    reach = [d * (k - 1) for d, k in zip(window.dilation, kernel, strict=True)]
    around = tuple([(r - before, r - after) for r, (before, after) in zip(reach, window.padding, strict=True)])
    return _direct(x, w, window._replace(stride=(1,) * len(kernel), padding=around), window.stride)


def _adjoint(way, x, w, window):
    """The adjoint of a convolution, computed as the transpose of one of the ways to convolve."""
    each = zip(x.shape[2:], w.shape[2:], *window[:3], strict=True)
    sizes = [(n - 1) * stride + dilation * (k - 1) + 1 - sum(padding) for n, k, stride, padding, dilation in each]
    image = jax.ShapeDtypeStruct((x.shape[0], w.shape[1] * window.groups, *sizes), x.dtype)
    return jax.linear_transpose(lambda image: way(image, w, window), image)(x)[0]


def _with_full_vectors(x, w, window):
    """Direct, with output channels of zeros that fill a vector: the weight's gradient is faster for it."""
    outputs = w.shape[0]
    w = lax.pad(w, jnp.zeros((), w.dtype), [(0, -outputs % _VECTOR, 0)] + [(0, 0, 0)] * (w.ndim - 1))
    return _direct(x, w, window)[:, :outputs]


def _shifted_copies(x, w, window):
    """One shifted copy of the image per weight, a few images at a time."""
    x = _zero_padded(x, window.padding)
    return _by_parts(lambda part: _shifts(part, w, window._replace(padding=((0, 0),) * (x.ndim - 2))), x)


def _shifts_in_a_loop(x, w, window):
    """Σ of shifted copies of the image, each times its weight, with one channel of the image for each kernel.

    The program is as long for a kernel of 31 x 31 as for one of 5 x 5.
    """
    kernel, unpadded = w.shape[2:], window._replace(padding=((0, 0),) * (x.ndim - 2))
    x = _zero_padded(x, window.padding)
    out = _result_sizes(x.shape[2:], kernel, unpadded)
    spans = [s * (n - 1) + 1 for s, n in zip(window.stride, out, strict=True)]
    weights = jnp.moveaxis(w.reshape(w.shape[0], -1), 1, 0)
    cells = jnp.stack(jnp.unravel_index(jnp.arange(len(weights)), kernel), 1) * jnp.array(window.dilation)

    def shifts(part):
        def add(total, one):
            start, weight = one
            view = lax.dynamic_slice(part, (0, 0, *start), (*part.shape[:2], *spans))
            view = view[(..., *[slice(None, None, s) for s in window.stride])]
            return total + view * weight.reshape(-1, *(1,) * len(kernel)), None

        return lax.scan(add, jnp.zeros((*part.shape[:2], *out), part.dtype), (cells, weights))[0]

    return _by_parts(shifts, x)


def _shifts(x, w, window):
    """Σ of shifted copies of the image, each times its weight: a chain of multiply-adds that XLA fuses."""
    total = None
    depthwise = window.groups > 1
    ones = (1,) * (x.ndim - 2)
    for cell, view in _shifted_views(x, w.shape[2:], window):
        for channel in range(w.shape[1]):
            image = view if depthwise else lax.slice_in_dim(view, channel, channel + 1, axis=1)
            weight = w[(slice(None), channel, *cell)].reshape(-1, *ones)
            total = image * weight if total is None else total + image * weight
    return total


def _patch_columns(x, w, window):
    """Patches of a few images at a time as the columns of a matrix, and one product with the weight.

    Its transpose is a product and a sum of shifted patches: three times faster than XLA's gradient of a
    direct convolution, which pads by the kernel on every side.
    """

    def product(part):
        views = [view for _, view in _shifted_views(part, w.shape[2:], window)]
        patches = jnp.stack(views, 2)  # (n, C, cells, *S)
        n, channels, cells, *out = patches.shape
        matrix = patches.reshape(n, channels * cells, -1)
        return jnp.einsum("ok,nkp->nop", w.reshape(w.shape[0], -1), matrix).reshape(n, -1, *out)

    return _by_parts(product, x)


def _cell_by_cell(x, w, window):
    """For each cell of the kernel a product of matrices: the part of the image that it meets, times its weights.

    One image at a time, or a few small ones. The transpose with respect to the weight is as many products, and nothing but
    those parts is copied. Groups are a batch of such products.
    """
    groups = () if window.groups == 1 else (window.groups,)
    sums = "goc,ngcp->ngop" if groups else "oc,ncp->nop"
    channels = w.shape[1]
    weights = {
        cell: w[(..., *cell)].reshape(*groups, -1, channels) for cell in itertools.product(*map(range, w.shape[2:]))
    }

    def product(part):
        n, total = part.shape[0], None
        for cell, view in _shifted_views(part, w.shape[2:], window):
            one = jnp.einsum(sums, weights[cell], view.reshape(n, *groups, channels, -1))
            total = one if total is None else total + one
        return total.reshape(n, w.shape[0], *_result_sizes(part.shape[2:], w.shape[2:], window))

    positions = math.prod(_result_sizes(x.shape[2:], w.shape[2:], window))
    return _by_parts(product, x, max(1, x.shape[0] * positions // _LONG))


def _result_sizes(sizes, kernel, window):
    """The size of the result in each dimension, from those of the image and the kernel."""
    each = zip(sizes, kernel, *window[:3], strict=True)
    return [window_count(n, k, stride, sum(padding), dilation) for n, k, stride, padding, dilation in each]


def _shifted_views(x, kernel, window):
    """For each cell of the kernel: its position and the part of x, padded, that it meets."""
    out = _result_sizes(x.shape[2:], kernel, window)
    x = _zero_padded(x, window.padding)
    for cell in itertools.product(*map(range, kernel)):
        start = [c * d for c, d in zip(cell, window.dilation, strict=True)]
        stop = [a + s * (n - 1) + 1 for a, s, n in zip(start, window.stride, out, strict=True)]
        yield cell, lax.slice(x, (0, 0, *start), (*x.shape[:2], *stop), (1, 1, *window.stride))


def _zero_padded(x, padding):
    if not any(map(any, padding)):
        return x
    return lax.pad(x, jnp.zeros((), x.dtype), [(0, 0, 0), (0, 0, 0)] + [(a, b, 0) for a, b in padding])


def _by_parts(f, x, parts=_PARTS):
    """f of a few images at a time, in that many parts or a few more.

    This has two benefits: the data of one piece stay in the CPU's cache, and XLA does not fuse across the loop, where it
    would otherwise compute f again for each use of the result. The intermediate arrays of f (nine copies of the images
    for a kernel of 3 x 3) are not kept for its gradient but computed again.
    """
    images = x.shape[0]
    parts = next(p for p in range(min(parts, images), images + 1) if images % p == 0)
    f = jax.checkpoint(f, prevent_cse=False)
    y = lax.map(f, x.reshape(parts, images // parts, *x.shape[1:]))
    return y.reshape(images, *y.shape[2:])
