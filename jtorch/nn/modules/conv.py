"""Convolution layers: a weight, maybe a bias, and the function of `jtorch.core.ops.windows.conv` with the layer's settings."""

from __future__ import annotations

import math

from jtorch.core.ops.make.create import empty
from jtorch.core.ops.windows import conv
from jtorch.core.ops.windows.pad import pad
from jtorch.nn import init
from jtorch.nn.modules.module import Module
from jtorch.nn.parameter import Parameter


def _each(value, dims):
    """A setting for each spatial dimension."""
    return tuple(value) if isinstance(value, list | tuple) else (value,) * dims


class _Conv(Module):
    __constants__ = ["stride", "padding", "dilation", "groups", "padding_mode", "output_padding", "in_channels",
                     "out_channels", "kernel_size"]  # fmt: skip
    transposed = False

    def __init__(
        self,
        dims,
        in_channels,
        out_channels,
        kernel_size,
        stride,
        padding,
        dilation,
        output_padding,
        groups,
        bias,
        padding_mode,
        device,
        dtype,
    ):
        super().__init__()
        if groups <= 0:
            raise ValueError("groups must be a positive integer")
        if in_channels % groups != 0:
            raise ValueError("in_channels must be divisible by groups")
        if out_channels % groups != 0:
            raise ValueError("out_channels must be divisible by groups")
        stride = _each(stride, dims)
        if isinstance(padding, str):
            if padding not in ("same", "valid"):
                raise ValueError(f"Invalid padding string {padding!r}, should be one of {{'same', 'valid'}}")
            if padding == "same" and any(s != 1 for s in stride):
                raise ValueError("padding='same' is not supported for strided convolutions")
        modes = {"zeros", "reflect", "replicate", "circular"}
        if padding_mode not in modes:
            raise ValueError(f"padding_mode must be one of {modes}, but got padding_mode='{padding_mode}'")
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.kernel_size = _each(kernel_size, dims)
        self.stride = stride
        self.padding = padding if isinstance(padding, str) else _each(padding, dims)
        self.dilation = _each(dilation, dims)
        self.output_padding = _each(output_padding, dims)
        self.groups = groups
        self.padding_mode = padding_mode
        self._reversed_padding_repeated_twice = self._edges(dims)
        shape = (in_channels, out_channels // groups) if self.transposed else (out_channels, in_channels // groups)
        self.weight = Parameter(empty((*shape, *self.kernel_size), device=device, dtype=dtype))
        if bias:
            self.bias = Parameter(empty(out_channels, device=device, dtype=dtype))
        else:
            self.register_parameter("bias", None)
        self.reset_parameters()

    def _edges(self, dims):
        """How much to pad each side, last dimension first, as `pad` wants it."""
        if not isinstance(self.padding, str):
            return [p for n in reversed(self.padding) for p in (n, n)]
        edges = [0, 0] * dims
        if self.padding == "same":
            for d, k, i in zip(self.dilation, self.kernel_size, range(dims - 1, -1, -1), strict=True):
                total = d * (k - 1)
                edges[2 * i] = total // 2
                edges[2 * i + 1] = total - total // 2
        return edges

    def reset_parameters(self):
        init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        if self.bias is not None:
            fan_in, _ = init._calculate_fan_in_and_fan_out(self.weight)
            if fan_in != 0:
                bound = 1 / math.sqrt(fan_in)
                init.uniform_(self.bias, -bound, bound)

    def extra_repr(self):
        text = f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}"
        if self.padding != (0,) * len(self.kernel_size):
            text += f", padding={self.padding}"
        if self.dilation != (1,) * len(self.dilation):
            text += f", dilation={self.dilation}"
        if self.output_padding != (0,) * len(self.output_padding):
            text += f", output_padding={self.output_padding}"
        if self.groups != 1:
            text += f", groups={self.groups}"
        if self.bias is None:
            text += ", bias=False"
        if self.padding_mode != "zeros":
            text += f", padding_mode={self.padding_mode}"
        return text

    def __setstate__(self, state):
        super().__setstate__(state)
        self.__dict__.setdefault("padding_mode", "zeros")

    def _weights(self):
        own = self._parameters  # see Linear.forward
        if "weight" in own and "bias" in own:
            return own["weight"], own["bias"]
        return self.weight, self.bias

    def forward(self, input):
        return self._conv_forward(input, *self._weights())

    def _conv_forward(self, input, weight, bias):
        if self.padding_mode != "zeros":
            input = pad(input, self._reversed_padding_repeated_twice, mode=self.padding_mode)
            return self._function(
                input, weight, bias, self.stride, _each(0, len(self.kernel_size)), self.dilation, self.groups
            )
        return self._function(input, weight, bias, self.stride, self.padding, self.dilation, self.groups)


_ARGS = """
    Args:
        in_channels: channels of the input.
        out_channels: channels of the result.
        kernel_size: size of the window.
        stride: cells the window moves at a time.
        padding: cells added at each side, or "same" or "valid".
        dilation: distance between the cells of the window.
        groups: blocks of channels that do not see each other.
        bias: whether a number is added to each channel.
        padding_mode: "zeros", "reflect", "replicate" or "circular".

    Attributes:
        weight, bias: uniform in ±1/sqrt(in_channels / groups * cells of the window) at first.
"""


class Conv1d(_Conv):
    __doc__ = f"""Cross-correlation over (N, C, L) or (C, L). See :func:`conv1d`.
{_ARGS}"""
    _function = staticmethod(conv.conv1d)

    def __init__(
        self,
        in_channels,
        out_channels,
        kernel_size,
        stride=1,
        padding=0,
        dilation=1,
        groups=1,
        bias=True,
        padding_mode="zeros",
        device=None,
        dtype=None,
    ):
        super().__init__(
            1,
            in_channels,
            out_channels,
            kernel_size,
            stride,
            padding,
            dilation,
            0,
            groups,
            bias,
            padding_mode,
            device,
            dtype,
        )


class Conv2d(_Conv):
    __doc__ = f"""Cross-correlation over (N, C, H, W) or (C, H, W). See :func:`conv2d`.
{_ARGS}
    >>> torch.nn.Conv2d(1, 6, 5)(torch.zeros(2, 1, 32, 32)).shape
    torch.Size([2, 6, 28, 28])
    """
    _function = staticmethod(conv.conv2d)

    def __init__(
        self,
        in_channels,
        out_channels,
        kernel_size,
        stride=1,
        padding=0,
        dilation=1,
        groups=1,
        bias=True,
        padding_mode="zeros",
        device=None,
        dtype=None,
    ):
        super().__init__(
            2,
            in_channels,
            out_channels,
            kernel_size,
            stride,
            padding,
            dilation,
            0,
            groups,
            bias,
            padding_mode,
            device,
            dtype,
        )


class Conv3d(_Conv):
    __doc__ = f"""Cross-correlation over (N, C, D, H, W) or (C, D, H, W). See :func:`conv3d`.
{_ARGS}"""
    _function = staticmethod(conv.conv3d)

    def __init__(
        self,
        in_channels,
        out_channels,
        kernel_size,
        stride=1,
        padding=0,
        dilation=1,
        groups=1,
        bias=True,
        padding_mode="zeros",
        device=None,
        dtype=None,
    ):
        super().__init__(
            3,
            in_channels,
            out_channels,
            kernel_size,
            stride,
            padding,
            dilation,
            0,
            groups,
            bias,
            padding_mode,
            device,
            dtype,
        )


class _ConvTranspose(_Conv):
    transposed = True
    _dims = 0

    def __init__(
        self,
        in_channels,
        out_channels,
        kernel_size,
        stride=1,
        padding=0,
        output_padding=0,
        groups=1,
        bias=True,
        dilation=1,
        padding_mode="zeros",
        device=None,
        dtype=None,
    ):
        if padding_mode != "zeros":
            raise ValueError(f'Only "zeros" padding mode is supported for {type(self).__name__}')
        super().__init__(
            self._dims,
            in_channels,
            out_channels,
            kernel_size,
            stride,
            padding,
            dilation,
            output_padding,
            groups,
            bias,
            padding_mode,
            device,
            dtype,
        )

    def forward(self, input, output_size=None):
        extra = self.output_padding if output_size is None else self._output_padding(input, output_size)
        weight, bias = self._weights()
        return self._function(input, weight, bias, self.stride, self.padding, extra, self.groups, self.dilation)

    def _output_padding(self, input, output_size):
        """The padding that leads to the wanted size."""
        dims = self._dims
        batched = input.dim() == dims + 2
        skipped = dims + 2 if batched else dims + 1
        if len(output_size) == skipped:
            output_size = output_size[skipped - dims :]
        if len(output_size) != dims:
            raise ValueError(
                f"ConvTranspose{dims}D: for {input.dim()}D input, output_size must have {dims} or {skipped} elements"
                f" (got {len(output_size)})"
            )
        least = [
            (input.size(d + input.dim() - dims) - 1) * self.stride[d]
            - 2 * self.padding[d]
            + self.dilation[d] * (self.kernel_size[d] - 1)
            + 1
            for d in range(dims)
        ]
        most = [m + s - 1 for m, s in zip(least, self.stride, strict=True)]
        if any(not lo <= size <= hi for size, lo, hi in zip(output_size, least, most, strict=True)):
            raise ValueError(
                f"requested an output size of {output_size}, but valid sizes range from {least} to {most} (for an input"
                f" of {input.size()[2:]})"
            )
        return tuple([size - m for size, m in zip(output_size, least, strict=True)])


class ConvTranspose1d(_ConvTranspose):
    """The transpose of `Conv1d`: each input cell spreads the window. See :func:`conv_transpose1d`."""

    _dims = 1
    _function = staticmethod(conv.conv_transpose1d)


class ConvTranspose2d(_ConvTranspose):
    """The transpose of `Conv2d`: each input cell spreads the window. See :func:`conv_transpose2d`."""

    _dims = 2
    _function = staticmethod(conv.conv_transpose2d)


class ConvTranspose3d(_ConvTranspose):
    """The transpose of `Conv3d`: each input cell spreads the window. See :func:`conv_transpose3d`."""

    _dims = 3
    _function = staticmethod(conv.conv_transpose3d)
