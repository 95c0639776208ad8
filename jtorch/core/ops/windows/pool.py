"""Pooling with PyTorch's arguments: max, average, adaptive and Lp pooling over one to three dimensions.

`pool_checks` reads the arguments, `pooling` does the mathematics. Signals are pooled as images of one row, as
in PyTorch, where the gradient graph shows it.
"""

from __future__ import annotations

import math

import jax.numpy as jnp
import numpy as np
from jax import lax

from jtorch.core.facts import dtypes
from jtorch.core.op import Array, functional, kernel, op, public
from jtorch.core.ops.arithmetic.activations import relu
from jtorch.core.ops.arithmetic.elementwise import abs as absolute
from jtorch.core.ops.arithmetic.elementwise import mul, neg, pow, sign
from jtorch.core.ops.views.shape import squeeze, unsqueeze
from jtorch.core.ops.windows import pool_checks, pooling


@functional
@public(method=False)
def max_pool1d(input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=False):
    """The largest number of each window of a signal.

    Args: as `max_pool2d`, with one number for the one dimension.

    Shape:
        input (N, C, L) or (C, L) → (N, C, L') or (C, L')

    Raises:
        RuntimeError: sizes that do not fit.

    >>> torch.nn.functional.max_pool1d(torch.tensor([[1., 3., 2., 0.]]), 2)
    tensor([[3., 2.]])
    """
    size, step, pad, apart = pool_checks.max_pool1d_sizes(
        input, kernel_size, stride, padding, dilation, ceil_mode, return_indices
    )
    if not return_indices and not input.dtype.is_floating_point:
        raise NotImplementedError(f"\"max_pool1d_impl\" not implemented for '{input.dtype.scalar_name}'")
    image = unsqueeze(input, -2)
    found = max_pool2d(image, (1, size), (1, step), (0, pad), (1, apart), ceil_mode, return_indices=return_indices)
    return tuple([squeeze(t, -2) for t in found]) if return_indices else squeeze(found, -2)


@op(method=False, grad_fn="MaxPool2DWithIndicesBackward0", strides=pooling.strides_by_format)
def max_pool2d(
    input: Array,
    kernel_size: int | tuple,
    stride: int | tuple | None = None,
    padding: int | tuple = 0,
    dilation: int | tuple = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Array:
    """The largest number of each window of an image; the usual window of 2 halves the size.

    Of several largest numbers the first gets the gradient.

    Args:
        input: images, with or without a batch.
        kernel_size: the size of the window.
        stride: the step from one window to the next; None: the size of the window.
        padding: how far windows may reach over the edge, at most half a window.
        dilation: the step from one cell of the window to the next.
        ceil_mode: also use windows that the far edge cuts off.
        return_indices: return (values, indices), the indices into the flattened image.

    Shape:
        input (N, C, H, W) or (C, H, W) → (N, C, H', W') or (C, H', W')

    Raises:
        RuntimeError: sizes that do not fit.

    >>> torch.nn.functional.max_pool2d(torch.arange(16.).view(1, 4, 4), 2)
    tensor([[[ 5.,  7.],
             [13., 15.]]])
    """
    windows = pool_checks.pool_windows("max_pool2d", input, 2, kernel_size, stride, padding, dilation, ceil_mode)
    return _max_pooled("max_pool2d", input, windows, return_indices)


@op(
    method=False,
    grad_fn="MaxPool3DWithIndicesBackward0",
    autocast={"cpu": "float32"},
    strides=pooling.strides_by_format,
)
def max_pool3d(
    input: Array,
    kernel_size: int | tuple,
    stride: int | tuple | None = None,
    padding: int | tuple = 0,
    dilation: int | tuple = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Array:
    """The largest number of each window of a volume.

    Args: as `max_pool2d`.

    Shape:
        input (N, C, D, H, W) or (C, D, H, W) → (N, C, D', H', W') or (C, D', H', W')

    Raises:
        RuntimeError: sizes that do not fit.
    """
    windows = pool_checks.pool_windows("max_pool3d", input, 3, kernel_size, stride, padding, dilation, ceil_mode)
    return _max_pooled("max_pool3d", input, windows, return_indices)


@functional
@public(method=False)
def avg_pool1d(input, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True):
    """The mean of each window of a signal.

    Args: as `avg_pool2d`, with one number for the one dimension.

    Shape:
        input (N, C, L) or (C, L) → (N, C, L') or (C, L')

    Raises:
        RuntimeError: sizes that do not fit.

    >>> torch.nn.functional.avg_pool1d(torch.tensor([[1., 3., 2., 0.]]), 2)
    tensor([[2., 1.]])
    """
    name = "avg_pool1d"
    pool_checks.check_signal(name, input)
    size, pad = (
        pool_checks.one_number(name, "kernel_size", kernel_size),
        pool_checks.one_number(name, "padding", padding),
    )
    step = size if pool_checks.is_default_stride(stride) else pool_checks.one_number(name, "stride", stride)
    image = unsqueeze(input, -2)
    return squeeze(avg_pool2d(image, (1, size), (1, step), (0, pad), ceil_mode, count_include_pad), -2)


@op(method=False, grad_fn="AvgPool2DBackward0", strides=pooling.strides_by_format_2d)
def avg_pool2d(
    input: Array,
    kernel_size: int | tuple,
    stride: int | tuple | None = None,
    padding: int | tuple = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Array:
    """The mean of each window of an image.

    Args:
        input: images, with or without a batch.
        kernel_size: the size of the window.
        stride: the step from one window to the next; None: the size of the window.
        padding: zeros added on every side, at most half a window.
        ceil_mode: also use windows that the far edge cuts off.
        count_include_pad: whether the zeros of the padding count in the mean.
        divisor_override: divide the sums by this instead of the number of cells.

    Shape:
        input (N, C, H, W) or (C, H, W) → (N, C, H', W') or (C, H', W')

    Raises:
        RuntimeError: sizes that do not fit.

    >>> torch.nn.functional.avg_pool2d(torch.arange(16.).view(1, 4, 4), 2)
    tensor([[[ 2.5000,  4.5000],
             [10.5000, 12.5000]]])
    """
    windows = pool_checks.pool_windows("avg_pool2d", input, 2, kernel_size, stride, padding, 1, ceil_mode)
    return _mean_of_windows("avg_pool2d", input, windows, count_include_pad, divisor_override)


@op(method=False, grad_fn="AvgPool3DBackward0", autocast={"cpu": "float32"})
def avg_pool3d(
    input: Array,
    kernel_size: int | tuple,
    stride: int | tuple | None = None,
    padding: int | tuple = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Array:
    """The mean of each window of a volume.

    Args: as `avg_pool2d`.

    Shape:
        input (N, C, D, H, W) or (C, D, H, W) → (N, C, D', H', W') or (C, D', H', W')

    Raises:
        RuntimeError: sizes that do not fit.
    """
    windows = pool_checks.pool_windows("avg_pool3d", input, 3, kernel_size, stride, padding, 1, ceil_mode)
    return _mean_of_windows("avg_pool3d_out_frame", input, windows, count_include_pad, divisor_override)


def _max_pooled(name, x, windows, return_indices):
    kernel(name, x, "fi")
    y = pooling.window_max(x, windows)
    return (y, pooling.window_argmax(lax.stop_gradient(x), windows)) if return_indices else y


def _mean_of_windows(name, x, windows, count_include_pad, divisor):
    kernel(name, x, "fi" if x.dtype == np.int64 else "f")
    if divisor == 0:
        raise RuntimeError("divisor must be not zero")
    sums = pooling.window_sum(_summed_in_float32(x), windows)
    counts = np.asarray(divisor or _counted_cells(x.shape, windows, count_include_pad), sums.dtype)
    if sums.dtype == np.int64:
        return lax.div(sums, jnp.broadcast_to(counts, sums.shape))
    return (sums / counts).astype(x.dtype)


def _summed_in_float32(x):
    """Half types are summed in float32, as PyTorch does."""
    return x.astype(jnp.float32) if x.dtype in dtypes.HALF else x


def _counted_cells(shape, windows, count_include_pad):
    """How many cells count in each window: one number where it is the same for all."""
    if not pooling.has_padding(windows):
        return math.prod(windows.kernel)
    counts = np.ones((), np.int64)
    spatial = shape[-len(windows.kernel) :]
    sides = zip(spatial, windows.kernel, windows.stride, windows.padding, windows.out, strict=True)
    for n, k, s, (p, _), out in sides:
        start = np.arange(out) * s - p
        end = np.minimum(start + k, n + p)
        if not count_include_pad:
            start, end = np.maximum(start, 0), np.minimum(end, n)
        counts = counts[..., None] * (end - start)
    return counts


@functional
@public(method=False)
def adaptive_avg_pool1d(input, output_size):
    """The mean of each of `output_size` windows that together cover a signal.

    Shape:
        input (N, C, L) or (C, L) → (N, C, output_size) or (C, output_size)

    Raises:
        RuntimeError: sizes that do not fit.

    >>> torch.nn.functional.adaptive_avg_pool1d(torch.tensor([[1., 3., 2., 0., 4.]]), 2)
    tensor([[2., 2.]])
    """
    pool_checks.check_signal("adaptive_avg_pool1d", input)
    size = pool_checks.one_number("adaptive_avg_pool1d", "output_size", output_size)
    return squeeze(adaptive_avg_pool2d(unsqueeze(input, -2), (1, size)), -2)


def _adaptive_name(name, dims):
    """The node's name: for a single cell PyTorch takes the mean."""

    def named(types, consts):
        size = consts["output_size"]
        sizes = size if isinstance(size, tuple) else (size,) * dims
        kept = [n if s is None else s for n, s in zip(types[0].shape[-dims:], sizes, strict=True)]
        return "MeanBackward1" if set(kept) == {1} else name

    return named


@op(method=False, grad_fn=_adaptive_name("AdaptiveAvgPool2DBackward0", 2), strides=pooling.strides_by_format_2d)
def adaptive_avg_pool2d(input: Array, output_size: int | tuple) -> Array:
    """The mean of each of a grid of windows that together cover an image: any size in, this size out.

    Args:
        input: images, with or without a batch.
        output_size: the size of the grid; None keeps a dimension as it is.

    Shape:
        input (N, C, H, W) or (C, H, W) → (N, C, H', W') or (C, H', W')

    Raises:
        RuntimeError: sizes that do not fit.

    >>> torch.nn.functional.adaptive_avg_pool2d(torch.arange(16.).view(1, 4, 4), 1)
    tensor([[[7.5000]]])
    """
    return _adaptive_mean("adaptive_avg_pool2d", "adaptive_avg_pool2d", input, 2, output_size)


@op(method=False, grad_fn=_adaptive_name("AdaptiveAvgPool3DBackward0", 3), autocast={"cpu": "float32"})
def adaptive_avg_pool3d(input: Array, output_size: int | tuple) -> Array:
    """The mean of each of a grid of windows that together cover a volume.

    Args: as `adaptive_avg_pool2d`.

    Shape:
        input (N, C, D, H, W) or (C, D, H, W) → (N, C, D', H', W') or (C, D', H', W')

    Raises:
        RuntimeError: sizes that do not fit.
    """
    return _adaptive_mean("adaptive_avg_pool3d", "adaptive_avg_pool3d_cpu", input, 3, output_size)


def _adaptive_mean(name, of_kernel, x, dims, output_size):
    sizes = pool_checks.adaptive_sizes(name, x, dims, output_size)
    if set(sizes) == {1} and not jnp.issubdtype(x.dtype, jnp.inexact):
        raise RuntimeError(
            "mean(): could not infer output dtype. Input dtype must be either a floating point or complex dtype. "
            f"Got: {dtypes.of(x.dtype).scalar_name}"
        )
    kernel(of_kernel, x, "fc" if set(sizes) == {1} else "f")
    if set(sizes) == {1}:
        return _summed_in_float32(x).mean(tuple(range(x.ndim - dims, x.ndim)), keepdims=True).astype(x.dtype)
    spatial = x.shape[-dims:]
    if all(size and n % size == 0 for n, size in zip(spatial, sizes, strict=True)):
        tile = tuple(n // size for n, size in zip(spatial, sizes, strict=True))
        zeros, ones = (0,) * dims, (1,) * dims
        windows = pooling.windows_of(spatial, tile, tile, zeros, ones, False)
        return (pooling.window_sum(_summed_in_float32(x), windows) / math.prod(tile)).astype(x.dtype)
    return pooling.adaptive_mean(_summed_in_float32(x), sizes).astype(x.dtype)


@functional
@public(method=False)
def adaptive_max_pool1d(input, output_size, return_indices=False):
    """The largest number of each of `output_size` windows that together cover a signal.

    Shape:
        input (N, C, L) or (C, L) → (N, C, output_size) or (C, output_size)

    Raises:
        RuntimeError: sizes that do not fit.
    """
    pool_checks.check_signal("adaptive_max_pool1d", input)
    size = pool_checks.one_number("adaptive_max_pool1d", "output_size", output_size)
    found = adaptive_max_pool2d(unsqueeze(input, -2), (1, size), return_indices)
    return tuple([squeeze(t, -2) for t in found]) if return_indices else squeeze(found, -2)


@op(method=False, grad_fn="AdaptiveMaxPool2DBackward0", strides=pooling.strides_by_format_2d)
def adaptive_max_pool2d(input: Array, output_size: int | tuple, return_indices: bool = False) -> Array:
    """The largest number of each of a grid of windows that together cover an image.

    Args:
        input: images, with or without a batch.
        output_size: the size of the grid; None keeps a dimension as it is.
        return_indices: return (values, indices), the indices into the flattened image.

    Shape:
        input (N, C, H, W) or (C, H, W) → (N, C, H', W') or (C, H', W')

    Raises:
        RuntimeError: sizes that do not fit.
    """
    return _adaptive_max("adaptive_max_pool2d", "adaptive_max_pool2d", input, 2, output_size, return_indices)


@op(method=False, grad_fn="AdaptiveMaxPool3DBackward0", autocast={"cpu": "float32"})
def adaptive_max_pool3d(input: Array, output_size: int | tuple, return_indices: bool = False) -> Array:
    """The largest number of each of a grid of windows that together cover a volume.

    Args: as `adaptive_max_pool2d`.

    Shape:
        input (N, C, D, H, W) or (C, D, H, W) → (N, C, D', H', W') or (C, D', H', W')

    Raises:
        RuntimeError: sizes that do not fit.
    """
    name = "adaptive_max_pool3d"
    return _adaptive_max(name, name + "_cpu", input, 3, output_size, return_indices)


def _adaptive_max(name, of_kernel, x, dims, output_size, return_indices):
    sizes = pool_checks.adaptive_sizes(name, x, dims, output_size)
    kernel(of_kernel, x, "f")
    tiles, windows, sources = pooling.adaptive_tiles(x, sizes)
    y = pooling.window_max(tiles, windows)
    if not return_indices:
        return y
    at = pooling.window_argmax(lax.stop_gradient(tiles), windows)
    return y, pooling.indices_in_input(at, tiles.shape[-dims:], sources, x.shape[-dims:])


def _lp_pooled(pool, max_pool, dims, input, norm_type, kernel_size, stride, ceil_mode):
    """(Σ x^p over each window)^(1/p), from the mean of the powers as PyTorch computes it."""
    sizes = kernel_size if isinstance(kernel_size, tuple | list) else (kernel_size,) * dims
    if norm_type == math.inf:
        return max_pool(absolute(input), kernel_size, stride, 0, 1, ceil_mode)
    if norm_type == -math.inf:
        return neg(max_pool(neg(absolute(input)), kernel_size, stride, 0, 1, ceil_mode))
    means = pool(pow(input, norm_type), kernel_size, stride, 0, ceil_mode)
    return pow(mul(mul(sign(means), relu(absolute(means))), math.prod(sizes)), 1.0 / norm_type)


@functional
@public(method=False)
def lp_pool1d(input, norm_type, kernel_size, stride=None, ceil_mode=False):
    """(Σ x^p)^(1/p) over each window of a signal: the sum for p = 1, the largest for p = ∞."""
    return _lp_pooled(avg_pool1d, max_pool1d, 1, input, norm_type, kernel_size, stride, ceil_mode)


@functional
@public(method=False)
def lp_pool2d(input, norm_type, kernel_size, stride=None, ceil_mode=False):
    """(Σ x^p)^(1/p) over each window of an image: the sum for p = 1, the largest for p = ∞."""
    return _lp_pooled(avg_pool2d, max_pool2d, 2, input, norm_type, kernel_size, stride, ceil_mode)


@functional
@public(method=False)
def lp_pool3d(input, norm_type, kernel_size, stride=None, ceil_mode=False):
    """(Σ x^p)^(1/p) over each window of a volume: the sum for p = 1, the largest for p = ∞."""
    return _lp_pooled(avg_pool3d, max_pool3d, 3, input, norm_type, kernel_size, stride, ceil_mode)


def _with_indices(pooling) -> None:
    """Declare the function that also returns the indices of the largest numbers: `max_pool2d_with_indices`."""
    name = pooling.__name__

    def pooled(*args, **kwargs):
        kwargs["return_indices"] = True
        return pooling(*args, **kwargs)

    pooled.__name__ = pooled.__qualname__ = name + "_with_indices"
    pooled.__doc__ = f"(`{name}`, where the largest numbers were)"
    functional(pooled)


for _pooling in (
    max_pool1d, max_pool2d, max_pool3d, adaptive_max_pool1d, adaptive_max_pool2d, adaptive_max_pool3d
):  # fmt: skip
    _with_indices(_pooling)
