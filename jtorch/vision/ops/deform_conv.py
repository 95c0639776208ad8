"""Deformable convolution (Dai and others, 2017; Zhu and others, 2018): each cell of the kernel is moved by an offset."""

from __future__ import annotations

import math

import jax.numpy as jnp

from jtorch import nn
from jtorch.core.ops.make.create import empty
from jtorch.library import Array, op
from jtorch.vision.ops._utils import both_sides


def deform_conv2d(input, offset, weight, bias=None, stride=(1, 1), padding=(0, 0), dilation=(1, 1), mask=None):
    """A convolution that reads bilinear samples at positions displaced from the cells of its kernel.

    Args:
        input: (N, C, H, W).
        offset: (N, 2 · G · kh · kw, OH, OW): for each of G groups of channels and each cell of the kernel, its
            displacement along y and x.
        weight: (out, C / groups, kh, kw).
        bias: (out,).
        stride, padding, dilation: of the convolution.
        mask: (N, G · kh · kw, OH, OW): a factor for each sample.

    Returns:
        (N, out, OH, OW).

    Raises:
        RuntimeError: an offset, a mask or a weight of another shape.
    """
    stride, padding, dilation = both_sides(stride), both_sides(padding), both_sides(dilation)
    _check_groups(input, offset, weight, mask)
    _check_result_sizes(input, offset, weight, mask, stride, padding, dilation)
    return _deform_conv2d(input, offset, weight, bias, mask, stride, padding, dilation)


def _check_groups(input, offset, weight, mask):
    """Raise RuntimeError unless the channels fit together."""
    _, channels, _, _ = input.shape
    cells = weight.shape[-2] * weight.shape[-1]
    groups = offset.shape[1] // (2 * cells)
    if groups == 0:
        raise RuntimeError(
            "the shape of the offset tensor at dimension 1 is not valid. It should "
            "be a multiple of 2 * weight.size[2] * weight.size[3].\n"
            f"Got offset.shape[1]={offset.shape[1]}, while 2 * weight.size[2] * weight.size[3]={2 * cells}"
        )
    if channels % weight.shape[1] or weight.shape[0] % max(1, channels // weight.shape[1]):
        raise RuntimeError(
            f"a weight of shape {tuple(weight.shape)} does not divide {channels} channels of the input into groups"
        )
    if offset.shape[1] != groups * 2 * cells:
        raise RuntimeError(f"offset.shape[1] is not valid: got: {offset.shape[1]} expected: {groups * 2 * cells}")
    if mask is not None and mask.shape[1] != groups * cells:
        raise RuntimeError(f"mask.shape[1] is not valid: got: {mask.shape[1]} expected: {groups * cells}")
    if channels % groups:
        raise RuntimeError(f"{channels} channels of the input cannot be divided into {groups} groups of offsets")


def _check_result_sizes(input, offset, weight, mask, stride, padding, dilation):
    """Raise RuntimeError unless offset and mask have the sizes of the result."""
    for name, sizes, least in (("stride", stride, 1), ("pad", padding, 0), ("dilation", dilation, 1)):
        if min(sizes) < least:
            raise RuntimeError(f"{name}_h: {sizes[0]} {name}_w: {sizes[1]}")
    out = tuple(
        (size + 2 * pad - (step * (cells - 1) + 1)) // jump + 1
        for size, pad, step, cells, jump in zip(
            input.shape[2:], padding, dilation, weight.shape[2:], stride, strict=True
        )
    )
    for name, each in (("offset", offset), ("mask", mask)):
        if each is None:
            continue
        if each.shape[0] != input.shape[0]:
            raise RuntimeError(f"invalid batch size of {name}")
        if tuple(each.shape[2:]) != out:
            raise RuntimeError(f"{name} output dims: {tuple(each.shape[2:])} - computed output dims: {out}")
    if min(out) <= 0:
        raise RuntimeError(f"Calculated output size too small - out_h: {out[0]} out_w: {out[1]}")


@op(method=False)
def _deform_conv2d(
    input: Array,
    offset: Array,
    weight: Array,
    bias: Array | None,
    mask: Array | None,
    stride: tuple,
    padding: tuple,
    dilation: tuple,
) -> Array:
    count, channels, height, width = input.shape
    out_channels, per_group, kernel_h, kernel_w = weight.shape
    out_h, out_w = offset.shape[2:]
    cells = kernel_h * kernel_w
    offset = offset.reshape(count, -1, cells, 2, out_h, out_w)
    starts = [
        jnp.arange(size, dtype=input.dtype) * step - pad
        for size, step, pad in zip((out_h, out_w), stride, padding, strict=True)
    ]
    row, column = (each.ravel() for each in jnp.mgrid[:kernel_h, :kernel_w])
    y = offset[:, :, :, 0] + (row * dilation[0]).astype(input.dtype)[:, None, None] + starts[0][:, None]
    x = offset[:, :, :, 1] + (column * dilation[1]).astype(input.dtype)[:, None, None] + starts[1]
    groups = y.shape[1]
    features = input.reshape(count, groups, channels // groups, height, width)
    samples = _bilinear(features, y, x)  # (N, G, kh · kw, OH, OW, C / G)
    if mask is not None:
        samples = samples * mask.reshape(count, groups, cells, out_h, out_w)[..., None]
    samples = samples.transpose(0, 1, 5, 2, 3, 4).reshape(count, -1, per_group, cells, out_h, out_w)
    weight = weight.reshape(samples.shape[1], -1, per_group, cells)
    out = jnp.einsum("ngckyx,gock->ngoyx", samples, weight).reshape(count, out_channels, out_h, out_w)
    return out if bias is None else out + bias[:, None, None]


def _bilinear(features, y, x):
    """Samples of (N, G, C, H, W) at positions (N, G, ...); cells outside count as zeros."""
    count, groups, _, height, width = features.shape
    features = features.transpose(0, 1, 3, 4, 2)
    image, group = jnp.arange(count)[:, None, None, None, None], jnp.arange(groups)[None, :, None, None, None]
    low_y, low_x = jnp.floor(y), jnp.floor(x)
    total = 0
    for row, weight_y in ((low_y, 1 - (y - low_y)), (low_y + 1, y - low_y)):
        for column, weight_x in ((low_x, 1 - (x - low_x)), (low_x + 1, x - low_x)):
            inside = (row >= 0) & (row < height) & (column >= 0) & (column < width)
            at = [jnp.clip(each, 0, size - 1).astype(jnp.int32) for each, size in ((row, height), (column, width))]
            weights = jnp.where(inside, weight_y * weight_x, 0)
            total = total + features[image, group, *at] * weights[..., None]
    return total


class DeformConv2d(nn.Module):
    """:func:`deform_conv2d` with a weight and a bias of its own; offset and mask are inputs.

    Args:
        in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias: as for Conv2d.

    Raises:
        ValueError: channels that are not a multiple of the groups.
    """

    def __init__(self, in_channels, out_channels, kernel_size, stride=1, padding=0, dilation=1, groups=1, bias=True):
        super().__init__()
        if in_channels % groups != 0:
            raise ValueError("in_channels must be divisible by groups")
        if out_channels % groups != 0:
            raise ValueError("out_channels must be divisible by groups")
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.kernel_size = both_sides(kernel_size)
        self.stride = both_sides(stride)
        self.padding = both_sides(padding)
        self.dilation = both_sides(dilation)
        self.groups = groups
        self.weight = nn.Parameter(empty(out_channels, in_channels // groups, *self.kernel_size))
        if bias:
            self.bias = nn.Parameter(empty(out_channels))
        else:
            self.register_parameter("bias", None)
        self.reset_parameters()

    def reset_parameters(self):
        """Draw initial values as Conv2d does."""
        nn.init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        if self.bias is not None:
            bound = 1 / math.sqrt(self.weight[0].numel())
            nn.init.uniform_(self.bias, -bound, bound)

    def forward(self, input, offset, mask=None):
        options = {"stride": self.stride, "padding": self.padding, "dilation": self.dilation, "mask": mask}
        return deform_conv2d(input, offset, self.weight, self.bias, **options)

    def __repr__(self):
        text = f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}"
        text += f", padding={self.padding}" if self.padding != (0, 0) else ""
        text += f", dilation={self.dilation}" if self.dilation != (1, 1) else ""
        text += f", groups={self.groups}" if self.groups != 1 else ""
        return f"{type(self).__name__}({text}{', bias=False' if self.bias is None else ''})"
