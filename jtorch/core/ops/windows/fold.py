"""Sliding blocks as columns and back (`unfold`, `fold`), and pixels as channels and back (`pixel_unshuffle`, `pixel_shuffle`)."""

from __future__ import annotations

import itertools
import math

import jax.numpy as jnp
from jax import lax

from jtorch.core.op import Array, functional, op
from jtorch.core.ops.rules import window_count
from jtorch.core.ops.windows.pooling import strides_by_format


def _pair(value):
    return (
        tuple(value)
        if isinstance(value, tuple | list) and len(value) == 2
        else ((value[0],) * 2 if isinstance(value, tuple | list) else (value,) * 2)
    )


def _check_blocks(kernel, dilation, padding, stride):
    for name, pair in (("kernel", kernel), ("stride", stride), ("dilation", dilation)):
        if min(pair) <= 0:
            raise RuntimeError(
                f"{name} {'size ' if name == 'kernel' else ''}should be greater than zero, but got {name}_height:"
                f" {pair[0]} {name}_width: {pair[1]}"
            )
    if min(padding) < 0:
        raise RuntimeError(f"padding should be non-negative, but got pad_height: {padding[0]} pad_width: {padding[1]}")


def _blocks(size, kernel, dilation, padding, stride):
    """How many blocks fit along each dimension."""
    each = zip(size, kernel, stride, padding, dilation, strict=True)
    return tuple([window_count(n, k, s, 2 * p, d) for n, k, s, p, d in each])


@op(method=False, grad_fn="Im2ColBackward0", saves=())
def unfold(
    input: Array, kernel_size: int | tuple, dilation: int | tuple = 1, padding: int | tuple = 0, stride: int | tuple = 1
) -> Array:
    """Each block under a sliding window, as a column.

    Shape:
        (N, C, H, W) or (C, H, W) → (N, C * cells of the window, blocks) or the same without N

    >>> torch.nn.functional.unfold(torch.arange(6.).view(1, 1, 2, 3), (2, 2)).shape
    torch.Size([1, 4, 2])
    """
    kernel, dilation, padding, stride = _pair(kernel_size), _pair(dilation), _pair(padding), _pair(stride)
    _check_blocks(kernel, dilation, padding, stride)
    shown = list(input.shape)
    if input.ndim == 2:
        raise IndexError("Dimension out of range (expected to be in range of [-2, 1], but got 2)")
    if input.ndim not in (3, 4) or 0 in shown[-3:]:
        raise RuntimeError(
            f"Expected 3D or 4D (batch mode) tensor with possibly 0 batch size and other non-zero dimensions for input, but got: {shown}"
        )
    x = input if input.ndim == 4 else input[None]
    out = _blocks(x.shape[2:], kernel, dilation, padding, stride)
    if min(out) < 1:
        shape = lambda pair: f"({pair[0]}, {pair[1]})"
        raise RuntimeError(
            f"Given input with spatial size {shape(x.shape[2:])}, kernel_size={shape(kernel)}, dilation={shape(dilation)},"
            f" padding={shape(padding)}, calculated shape of the array of sliding blocks as"
            f" {shape(out)}, but its components must be at least one."
        )
    x = jnp.pad(x, ((0, 0), (0, 0), (padding[0],) * 2, (padding[1],) * 2))
    cells = []
    for i, j in itertools.product(*map(range, kernel)):
        top, left = i * dilation[0], j * dilation[1]
        bottom, right = top + stride[0] * (out[0] - 1) + 1, left + stride[1] * (out[1] - 1) + 1
        cells.append(lax.slice(x, (0, 0, top, left), (*x.shape[:2], bottom, right), (1, 1, *stride)))
    columns = jnp.stack(cells, 2).reshape(x.shape[0], x.shape[1] * len(cells), out[0] * out[1])
    return columns if input.ndim == 4 else columns[0]


@op(method=False, grad_fn="Col2ImBackward0", saves=())
def fold(
    input: Array,
    output_size: int | tuple,
    kernel_size: int | tuple,
    dilation: int | tuple = 1,
    padding: int | tuple = 0,
    stride: int | tuple = 1,
) -> Array:
    """The image that has these columns as blocks; where blocks overlap, their cells are summed.

    Shape:
        (N, C * cells of the window, blocks) or the same without N → (N, C, *output_size) or the same without N
    """
    size, kernel = _pair(output_size), _pair(kernel_size)
    dilation, padding, stride = _pair(dilation), _pair(padding), _pair(stride)
    _check_blocks(kernel, dilation, padding, stride)
    _check_columns(input, size, kernel, dilation, padding, stride)
    x = input if input.ndim == 3 else input[None]
    out = _blocks(size, kernel, dilation, padding, stride)
    channels = x.shape[1] // math.prod(kernel)
    cells = x.reshape(x.shape[0], channels, *kernel, *out)
    image = jnp.zeros((x.shape[0], channels, size[0] + 2 * padding[0], size[1] + 2 * padding[1]), x.dtype)
    for i, j in itertools.product(*map(range, kernel)):
        spread = [
            (start * d, total - start * d - (s * (n - 1) + 1), s - 1)
            for start, d, total, s, n in zip((i, j), dilation, image.shape[2:], stride, out, strict=True)
        ]
        image = image + lax.pad(cells[:, :, i, j], jnp.zeros((), x.dtype), [(0, 0, 0), (0, 0, 0), *spread])
    image = image[:, :, padding[0] : padding[0] + size[0], padding[1] : padding[1] + size[1]]
    return image if input.ndim == 3 else image[0]


def _check_columns(input, size, kernel, dilation, padding, stride):
    if input.ndim not in (2, 3) or 0 in input.shape[-2:]:
        raise RuntimeError(
            "Expected 2D or 3D (batch mode) tensor for input with possibly 0 batch size and non-zero dimensions for"
            f" input, but got: {list(input.shape)}"
        )
    if input.shape[-2] % math.prod(kernel):
        raise RuntimeError(
            "Expected size of input's dimension 1 to be divisible by the product of kernel_size, but got"
            f" input.size(1)={input.shape[-2]} and kernel_size=({kernel[0]}, {kernel[1]})."
        )
    out = _blocks(size, kernel, dilation, padding, stride)
    shape = lambda pair: f"({pair[0]}, {pair[1]})"
    given = (
        f"Given output_size={shape(size)}, kernel_size={shape(kernel)}, dilation={shape(dilation)},"
        f" padding={shape(padding)}, stride={shape(stride)}, "
    )
    if input.shape[-1] != math.prod(out):
        raise RuntimeError(
            f"{given}expected size of input's dimension 2 to match the calculated number of sliding blocks {out[0]} *"
            f" {out[1]} = {math.prod(out)}, but got input.size(2)={input.shape[-1]}."
        )
    if min(out) < 1:
        raise RuntimeError(
            f"{given}expected size of input's dimension 2 to match the calculated number of sliding blocks {out[0]} *"
            f" {out[1]} = {math.prod(out)}, but got input.size(2)={input.shape[-1]}."
        )


# ---- channels


@op(method=False, saves=(), strides=strides_by_format)
def pixel_shuffle(input: Array, upscale_factor: int) -> Array:
    """r² channels become r x r cells of one.

    Shape:
        (*, C r², H, W) → (*, C, H r, W r)
    """
    r = upscale_factor
    if input.ndim < 3:
        raise RuntimeError(
            f"pixel_shuffle expects input to have at least 3 dimensions, but got input with {input.ndim} dimension(s)"
        )
    if r <= 0:
        raise RuntimeError(f"pixel_shuffle expects a positive upscale_factor, but got {r}")
    *batch, channels, height, width = input.shape
    if channels % (r * r):
        raise RuntimeError(
            "pixel_shuffle expects its input's 'channel' dimension to be divisible by the square of upscale_factor, but"
            f" input.size(-3)={channels} is not divisible by {r * r}"
        )
    n = len(batch)
    x = input.reshape(*batch, channels // (r * r), r, r, height, width)
    x = x.transpose(*range(n), n, n + 3, n + 1, n + 4, n + 2)
    return x.reshape(*batch, channels // (r * r), height * r, width * r)


@op(method=False, saves=(), strides=strides_by_format)
def pixel_unshuffle(input: Array, downscale_factor: int) -> Array:
    """r x r cells become r² channels: the inverse of `pixel_shuffle`.

    Shape:
        (*, C, H r, W r) → (*, C r², H, W)
    """
    r = downscale_factor
    if input.ndim < 3:
        raise RuntimeError(
            f"pixel_unshuffle expects input to have at least 3 dimensions, but got input with {input.ndim} dimension(s)"
        )
    if r <= 0:
        raise RuntimeError(f"pixel_unshuffle expects a positive downscale_factor, but got {r}")
    *batch, channels, height, width = input.shape
    for name, dim, size in (("height", -2, height), ("width", -1, width)):
        if size % r:
            raise RuntimeError(
                f"pixel_unshuffle expects {name} to be divisible by downscale_factor, but input.size({dim})={size} is not divisible by {r}"
            )
    n = len(batch)
    x = input.reshape(*batch, channels, height // r, r, width // r, r)
    x = x.transpose(*range(n), n, n + 2, n + 4, n + 1, n + 3)
    return x.reshape(*batch, channels * r * r, height // r, width // r)


@op(method=False, saves=(), strides=strides_by_format)
def channel_shuffle(input: Array, groups: int) -> Array:
    """The channels in another order: written as `groups` rows and read column by column.

    Shape:
        (N, C, *) → the same
    """
    if input.ndim <= 2:
        raise RuntimeError(f"channel_shuffle expects input with > 2 dims, but got input with sizes {list(input.shape)}")
    if groups <= 0:
        raise RuntimeError(f"Number of groups to divide channels in must be positive. Value of groups:{groups}")
    channels = input.shape[1]
    if channels % groups:
        raise RuntimeError(
            f"Number of channels must be divisible by groups. Got {channels} channels and {groups} groups."
        )
    x = input.reshape(input.shape[0], groups, channels // groups, *input.shape[2:])
    return jnp.swapaxes(x, 1, 2).reshape(input.shape)


@functional
def native_channel_shuffle(input, groups):
    """`channel_shuffle` by another name."""
    return channel_shuffle(input, groups)
