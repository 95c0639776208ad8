"""Convolution layers: a weight, maybe a bias, and the function of `jtorch.core.ops.windows.conv` with the settings."""

from __future__ import annotations

import math

from jtorch.core.ops.make.create import empty
from jtorch.core.ops.windows import conv
from jtorch.core.ops.windows.pad import pad
from jtorch.nn import init
from jtorch.nn.modules.lazy import LazyModuleMixin
from jtorch.nn.modules.module import Module
from jtorch.nn.modules.utils import as_tuple, copy_as
from jtorch.nn.parameter import Parameter, UninitializedParameter

__all__ = [
    "Conv1d",
    "Conv2d",
    "Conv3d",
    "ConvTranspose1d",
    "ConvTranspose2d",
    "ConvTranspose3d",
    "LazyConv1d",
    "LazyConv2d",
    "LazyConv3d",
    "LazyConvTranspose1d",
    "LazyConvTranspose2d",
    "LazyConvTranspose3d",
]


class _ConvNd(Module):
    __constants__ = ["stride", "padding", "dilation", "groups", "padding_mode", "output_padding", "in_channels",
                     "out_channels", "kernel_size"]  # fmt: skip
    transposed = False
    _dims = 0

    def __init__(
        self,
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
        dims = self._dims
        if groups <= 0:
            raise ValueError("groups must be a positive integer")
        if in_channels % groups != 0:
            raise ValueError("in_channels must be divisible by groups")
        if out_channels % groups != 0:
            raise ValueError("out_channels must be divisible by groups")
        stride = as_tuple(stride, dims)
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
        self.kernel_size = as_tuple(kernel_size, dims)
        self.stride = stride
        self.padding = padding if isinstance(padding, str) else as_tuple(padding, dims)
        self.dilation = as_tuple(dilation, dims)
        self.output_padding = as_tuple(output_padding, dims)
        self.groups = groups
        self.padding_mode = padding_mode
        self._reversed_padding_repeated_twice = self._sides()
        shape = (in_channels, out_channels // groups) if self.transposed else (out_channels, in_channels // groups)
        self.weight = Parameter(empty((*shape, *self.kernel_size), device=device, dtype=dtype))
        if bias:
            self.bias = Parameter(empty(out_channels, device=device, dtype=dtype))
        else:
            self.register_parameter("bias", None)
        self.reset_parameters()

    def _sides(self):
        """The padding of each side, last dimension first, in the form that `pad` takes."""
        if not isinstance(self.padding, str):
            return [p for n in reversed(self.padding) for p in (n, n)]
        sides = [0, 0] * self._dims
        if self.padding == "same":
            for d, k, i in zip(self.dilation, self.kernel_size, range(self._dims - 1, -1, -1), strict=True):
                total = d * (k - 1)
                sides[2 * i] = total // 2
                sides[2 * i + 1] = total - total // 2
        return sides

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


# What the docstrings of the layers share: the arguments from the second on, the attributes and the errors.
_CONV = """\
        out_channels: channels of the result; a multiple of groups.
        kernel_size: size of the window; here and below, an int or one for each spatial dimension.
        stride: the step of the window.
        padding: cells added at each side, or "same" (the result has the input's size), or "valid" (none).
        dilation: distance between the cells of the window.
        groups: blocks of channels that are convolved separately.
        bias: whether a learned number is added to each channel.
        padding_mode: what is added: "zeros", "reflect", "replicate" or "circular".
        device, dtype: of the parameters; None: the defaults.

    Attributes:
        weight: (out_channels, in_channels / groups, *kernel_size), uniform in ±1/sqrt(n) at first, where n is the number
            of weights of one output channel.
        bias: (out_channels), drawn from the same range; None with bias=False.

    Raises:
        ValueError: channels that groups does not divide, an unknown padding or padding_mode, "same" with a stride.
"""
_TRANSPOSE = """\
        out_channels: channels of the result; a multiple of groups.
        kernel_size: size of the window; here and below, an int or one for each spatial dimension.
        stride: the step of the window in the result.
        padding: cells cut off at each side of the result.
        output_padding: cells added at one side of the result: of the sizes that a strided convolution maps to the input's
            size, it chooses a larger one.
        groups: blocks of channels that are convolved separately.
        bias: whether a learned number is added to each channel.
        dilation: distance between the cells of the window.
        padding_mode: "zeros", the only one.
        device, dtype: of the parameters; None: the defaults.

    Attributes:
        weight: (in_channels, out_channels / groups, *kernel_size), uniform in ±1/sqrt(n) at first, where n is
            out_channels / groups * cells of the window.
        bias: (out_channels), drawn from the same range; None with bias=False.

    Raises:
        ValueError: channels that groups does not divide, or another padding_mode.
"""


class _Conv(_ConvNd):
    """What Conv1d, Conv2d and Conv3d share."""

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

    def forward(self, input):
        return self._conv_forward(input, *self._weights())

    def _conv_forward(self, input, weight, bias):
        if self.padding_mode != "zeros":
            input = pad(input, self._reversed_padding_repeated_twice, mode=self.padding_mode)
            return self._function(input, weight, bias, self.stride, as_tuple(0, self._dims), self.dilation, self.groups)
        return self._function(input, weight, bias, self.stride, self.padding, self.dilation, self.groups)


class Conv1d(_Conv):
    __doc__ = f"""A window's weighted sum at each place (cross-correlation), for each output channel. See :func:`conv1d`.

    Args:
        in_channels: channels of the input; a multiple of groups.
{_CONV}
    Shape:
        (N, in_channels, L) → (N, out_channels, L'); also without the N. L' is
        floor((L + 2 * padding - dilation * (kernel_size - 1) - 1) / stride) + 1.

    >>> torch.nn.Conv1d(4, 6, 3)(torch.zeros(2, 4, 10)).shape
    torch.Size([2, 6, 8])
    """
    _dims = 1
    __init__ = copy_as("Conv1d.__init__", _Conv.__init__)
    _function = staticmethod(conv.conv1d)


class Conv2d(_Conv):
    __doc__ = f"""A window's weighted sum at each place (cross-correlation), for each output channel. See :func:`conv2d`.

    Args:
        in_channels: channels of the input; a multiple of groups.
{_CONV}
    Shape:
        (N, in_channels, H, W) → (N, out_channels, H', W'); also without the N. W' is
        floor((W + 2 * padding - dilation * (kernel_size - 1) - 1) / stride) + 1.

    >>> torch.nn.Conv2d(1, 6, 5)(torch.zeros(2, 1, 32, 32)).shape
    torch.Size([2, 6, 28, 28])
    """
    _dims = 2
    __init__ = copy_as("Conv2d.__init__", _Conv.__init__)
    _function = staticmethod(conv.conv2d)


class Conv3d(_Conv):
    __doc__ = f"""A window's weighted sum at each place (cross-correlation), for each output channel. See :func:`conv3d`.

    Args:
        in_channels: channels of the input; a multiple of groups.
{_CONV}
    Shape:
        (N, in_channels, D, H, W) → (N, out_channels, D', H', W'); also without the N. W' is
        floor((W + 2 * padding - dilation * (kernel_size - 1) - 1) / stride) + 1.

    >>> torch.nn.Conv3d(4, 6, 3)(torch.zeros(2, 4, 5, 5, 5)).shape
    torch.Size([2, 6, 3, 3, 3])
    """
    _dims = 3
    __init__ = copy_as("Conv3d.__init__", _Conv.__init__)
    _function = staticmethod(conv.conv3d)


class _ConvTransposeNd(_ConvNd):
    transposed = True

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
        """The output padding that gives the wanted size."""
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


class ConvTranspose1d(_ConvTransposeNd):
    __doc__ = f"""The transpose of `Conv1d`: each input cell adds the kernel to the result. See :func:`conv_transpose1d`.

    Args:
        in_channels: channels of the input; a multiple of groups.
{_TRANSPOSE}
    Shape:
        (N, in_channels, L) → (N, out_channels, L'); also without the N. L' is
        (L - 1) * stride - 2 * padding + dilation * (kernel_size - 1) + output_padding + 1. A call with
        output_size=... chooses the output padding.

    >>> torch.nn.ConvTranspose1d(4, 6, 3, stride=2)(torch.zeros(2, 4, 10)).shape
    torch.Size([2, 6, 21])
    """

    _dims = 1
    __init__ = copy_as("ConvTranspose1d.__init__", _ConvTransposeNd.__init__)
    _function = staticmethod(conv.conv_transpose1d)


class ConvTranspose2d(_ConvTransposeNd):
    __doc__ = f"""The transpose of `Conv2d`: each input cell adds the kernel to the result. See :func:`conv_transpose2d`.

    Args:
        in_channels: channels of the input; a multiple of groups.
{_TRANSPOSE}
    Shape:
        (N, in_channels, H, W) → (N, out_channels, H', W'); also without the N. W' is
        (W - 1) * stride - 2 * padding + dilation * (kernel_size - 1) + output_padding + 1. A call with
        output_size=... chooses the output padding.

    >>> torch.nn.ConvTranspose2d(4, 6, 3, stride=2)(torch.zeros(2, 4, 8, 8)).shape
    torch.Size([2, 6, 17, 17])
    """

    _dims = 2
    __init__ = copy_as("ConvTranspose2d.__init__", _ConvTransposeNd.__init__)
    _function = staticmethod(conv.conv_transpose2d)


class ConvTranspose3d(_ConvTransposeNd):
    __doc__ = f"""The transpose of `Conv3d`: each input cell adds the kernel to the result. See :func:`conv_transpose3d`.

    Args:
        in_channels: channels of the input; a multiple of groups.
{_TRANSPOSE}
    Shape:
        (N, in_channels, D, H, W) → (N, out_channels, D', H', W'); also without the N. W' is
        (W - 1) * stride - 2 * padding + dilation * (kernel_size - 1) + output_padding + 1. A call with
        output_size=... chooses the output padding.

    >>> torch.nn.ConvTranspose3d(4, 6, 3, stride=2)(torch.zeros(2, 4, 5, 5, 5)).shape
    torch.Size([2, 6, 11, 11, 11])
    """

    _dims = 3
    __init__ = copy_as("ConvTranspose3d.__init__", _ConvTransposeNd.__init__)
    _function = staticmethod(conv.conv_transpose3d)


class _LazyConvXdMixin(LazyModuleMixin):
    def __init__(self, out_channels, kernel_size, *args, bias=True, device=None, dtype=None, **kwargs):
        super().__init__(0, 0, kernel_size, *args, bias=False, **kwargs)
        self.weight = UninitializedParameter(device=device, dtype=dtype)
        self.out_channels = out_channels
        if bias:
            self.bias = UninitializedParameter(device=device, dtype=dtype)

    def reset_parameters(self):
        if not self.has_uninitialized_params() and self.in_channels != 0:
            super().reset_parameters()

    def initialize_parameters(self, input, *args, **kwargs):
        if not self.has_uninitialized_params():
            return
        dims = self._dims
        if input.dim() not in (dims + 1, dims + 2):
            raise RuntimeError(
                f"Expected {dims + 1}D (unbatched) or {dims + 2}D (batched) input to {type(self).__name__}, but got input"
                f" of size: {input.shape}"
            )
        self.in_channels = input.shape[1] if input.dim() == dims + 2 else input.shape[0]
        if self.in_channels % self.groups:
            raise ValueError("in_channels must be divisible by groups")
        pair = (self.out_channels, self.in_channels // self.groups)
        if self.transposed:
            pair = (self.in_channels, self.out_channels // self.groups)
        self.weight.materialize((*pair, *self.kernel_size))
        if self.bias is not None:
            self.bias.materialize((self.out_channels,))
        self.reset_parameters()


class _LazyConv(_LazyConvXdMixin):
    """What LazyConv1d, LazyConv2d and LazyConv3d share."""

    def __init__(
        self,
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
        settings = (stride, padding, dilation, groups)
        super().__init__(
            out_channels, kernel_size, *settings, bias=bias, padding_mode=padding_mode, device=device, dtype=dtype
        )


class _LazyConvTranspose(_LazyConvXdMixin):
    """What LazyConvTranspose1d, LazyConvTranspose2d and LazyConvTranspose3d share."""

    def __init__(
        self,
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
        super().__init__(
            out_channels,
            kernel_size,
            stride,
            padding,
            output_padding,
            groups,
            bias=bias,
            dilation=dilation,
            padding_mode=padding_mode,
            device=device,
            dtype=dtype,
        )


class LazyConv1d(_LazyConv, Conv1d):
    __doc__ = f"""A `Conv1d` that takes in_channels from its first input.

    Until the first call its parameters have no shape. Afterwards it is an ordinary `Conv1d`.

    Args:
{_CONV}
    >>> layer = torch.nn.LazyConv1d(6, 3)
    >>> layer(torch.zeros(2, 4, 10)).shape
    torch.Size([2, 6, 8])
    >>> layer
    Conv1d(4, 6, kernel_size=(3,), stride=(1,))
    """

    cls_to_become = Conv1d


class LazyConv2d(_LazyConv, Conv2d):
    __doc__ = f"""A `Conv2d` that takes in_channels from its first input.

    Until the first call its parameters have no shape. Afterwards it is an ordinary `Conv2d`.

    Args:
{_CONV}
    >>> layer = torch.nn.LazyConv2d(6, 3)
    >>> layer(torch.zeros(2, 4, 8, 8)).shape
    torch.Size([2, 6, 6, 6])
    >>> layer
    Conv2d(4, 6, kernel_size=(3, 3), stride=(1, 1))
    """

    cls_to_become = Conv2d


class LazyConv3d(_LazyConv, Conv3d):
    __doc__ = f"""A `Conv3d` that takes in_channels from its first input.

    Until the first call its parameters have no shape. Afterwards it is an ordinary `Conv3d`.

    Args:
{_CONV}
    >>> layer = torch.nn.LazyConv3d(6, 3)
    >>> layer(torch.zeros(2, 4, 5, 5, 5)).shape
    torch.Size([2, 6, 3, 3, 3])
    >>> layer
    Conv3d(4, 6, kernel_size=(3, 3, 3), stride=(1, 1, 1))
    """

    cls_to_become = Conv3d


class LazyConvTranspose1d(_LazyConvTranspose, ConvTranspose1d):
    __doc__ = f"""A `ConvTranspose1d` that takes in_channels from its first input.

    Until the first call its parameters have no shape. Afterwards it is an ordinary `ConvTranspose1d`.

    Args:
{_TRANSPOSE}
    >>> layer = torch.nn.LazyConvTranspose1d(6, 3)
    >>> layer(torch.zeros(2, 4, 10)).shape
    torch.Size([2, 6, 12])
    >>> layer
    ConvTranspose1d(4, 6, kernel_size=(3,), stride=(1,))
    """

    cls_to_become = ConvTranspose1d


class LazyConvTranspose2d(_LazyConvTranspose, ConvTranspose2d):
    __doc__ = f"""A `ConvTranspose2d` that takes in_channels from its first input.

    Until the first call its parameters have no shape. Afterwards it is an ordinary `ConvTranspose2d`.

    Args:
{_TRANSPOSE}
    >>> layer = torch.nn.LazyConvTranspose2d(6, 3)
    >>> layer(torch.zeros(2, 4, 8, 8)).shape
    torch.Size([2, 6, 10, 10])
    >>> layer
    ConvTranspose2d(4, 6, kernel_size=(3, 3), stride=(1, 1))
    """

    cls_to_become = ConvTranspose2d


class LazyConvTranspose3d(_LazyConvTranspose, ConvTranspose3d):
    __doc__ = f"""A `ConvTranspose3d` that takes in_channels from its first input.

    Until the first call its parameters have no shape. Afterwards it is an ordinary `ConvTranspose3d`.

    Args:
{_TRANSPOSE}
    >>> layer = torch.nn.LazyConvTranspose3d(6, 3)
    >>> layer(torch.zeros(2, 4, 5, 5, 5)).shape
    torch.Size([2, 6, 7, 7, 7])
    >>> layer
    ConvTranspose3d(4, 6, kernel_size=(3, 3, 3), stride=(1, 1, 1))
    """

    cls_to_become = ConvTranspose3d
