"""Pooling layers: the settings of a function of `jtorch.core.ops.windows`, and no parameters."""

from __future__ import annotations

from jtorch.core.ops.windows import pool, unpool
from jtorch.nn.modules.module import Module
from jtorch.nn.modules.utils import as_tuple

__all__ = [
    "AdaptiveAvgPool1d",
    "AdaptiveAvgPool2d",
    "AdaptiveAvgPool3d",
    "AdaptiveMaxPool1d",
    "AdaptiveMaxPool2d",
    "AdaptiveMaxPool3d",
    "AvgPool1d",
    "AvgPool2d",
    "AvgPool3d",
    "FractionalMaxPool2d",
    "FractionalMaxPool3d",
    "LPPool1d",
    "LPPool2d",
    "LPPool3d",
    "MaxPool1d",
    "MaxPool2d",
    "MaxPool3d",
    "MaxUnpool1d",
    "MaxUnpool2d",
    "MaxUnpool3d",
]

# What the docstrings of the layers share.
_MAX = """
    Args:
        kernel_size: size of the window; here and below, an int or one for each spatial dimension.
        stride: the step of the window; None: kernel_size.
        padding: cells of minus infinity added at each side, at most half the window.
        dilation: distance between the cells of the window.
        return_indices: also return the position of each maximum in its channel, as `MaxUnpool` layers take it.
        ceil_mode: round the output size up, so that the last window may reach over the edge.
"""
_UNPOOL = """
    Args:
        kernel_size, stride, padding: those of the max pooling that gave the indices. stride None: kernel_size.
"""
_AVERAGE = """
    Args:
        kernel_size: size of the window; here and below, an int or one for each spatial dimension.
        stride: the step of the window; None: kernel_size.
        padding: zeros added at each side, at most half the window.
        ceil_mode: round the output size up, so that the last window may reach over the edge.
        count_include_pad: count the zeros of the padding in the mean.
"""
_DIVISOR = """\
        divisor_override: divide the sum by this number; None: by the number of cells.
"""
_FRACTIONAL = """
    Args:
        kernel_size: size of the window, an int or one for each spatial dimension.
        output_size: the size of the result. Give either this or output_ratio.
        output_ratio: the size of the result as a share of the input's, between 0 and 1.
        return_indices: also return the position of each maximum in its channel.
        _random_samples: numbers in [0, 1) that place the windows, (N, C, spatial dimensions); None: they are drawn.

    Raises:
        ValueError: neither or both of output_size and output_ratio, or a ratio outside (0, 1).
"""
_NORM = """
    Args:
        norm_type: the p of the norm. As p grows it becomes max pooling; 1 is the sum.
        kernel_size: size of the window, an int or one for each spatial dimension.
        stride: the step of the window; None: kernel_size.
        ceil_mode: round the output size up, so that the last window may reach over the edge.
"""


class _MaxPoolNd(Module):
    __constants__ = ["kernel_size", "stride", "padding", "dilation", "return_indices", "ceil_mode"]

    def __init__(self, kernel_size, stride=None, padding=0, dilation=1, return_indices=False, ceil_mode=False):
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = stride if stride is not None else kernel_size
        self.padding = padding
        self.dilation = dilation
        self.return_indices = return_indices
        self.ceil_mode = ceil_mode

    def forward(self, input):
        return self._function(
            input, self.kernel_size, self.stride, self.padding, self.dilation, self.ceil_mode, self.return_indices
        )

    def extra_repr(self):
        return (
            f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}, dilation={self.dilation},"
            f" ceil_mode={self.ceil_mode}"
        )


class MaxPool1d(_MaxPoolNd):
    __doc__ = f"""The largest number of each window. See :func:`max_pool1d`.
{_MAX}
    Shape:
        (N, C, L) → (N, C, L'); also without the N. L' is
        floor((L + 2 * padding - dilation * (kernel_size - 1) - 1) / stride) + 1.

    >>> torch.nn.MaxPool1d(2)(torch.zeros(1, 3, 8)).shape
    torch.Size([1, 3, 4])
    """

    _function = staticmethod(pool.max_pool1d)


class MaxPool2d(_MaxPoolNd):
    __doc__ = f"""The largest number of each window. See :func:`max_pool2d`.
{_MAX}
    Shape:
        (N, C, H, W) → (N, C, H', W'); also without the N. W' is
        floor((W + 2 * padding - dilation * (kernel_size - 1) - 1) / stride) + 1.

    >>> torch.nn.MaxPool2d(2)(torch.zeros(1, 3, 8, 8)).shape
    torch.Size([1, 3, 4, 4])
    """

    _function = staticmethod(pool.max_pool2d)


class MaxPool3d(_MaxPoolNd):
    __doc__ = f"""The largest number of each window. See :func:`max_pool3d`.
{_MAX}
    Shape:
        (N, C, D, H, W) → (N, C, D', H', W'); also without the N. W' is
        floor((W + 2 * padding - dilation * (kernel_size - 1) - 1) / stride) + 1.

    >>> torch.nn.MaxPool3d(2)(torch.zeros(1, 3, 8, 8, 8)).shape
    torch.Size([1, 3, 4, 4, 4])
    """

    _function = staticmethod(pool.max_pool3d)


class _MaxUnpoolNd(Module):
    _dims = 0

    def __init__(self, kernel_size, stride=None, padding=0):
        super().__init__()
        self.kernel_size = as_tuple(kernel_size, self._dims)
        self.stride = as_tuple(stride if stride is not None else kernel_size, self._dims)
        self.padding = as_tuple(padding, self._dims)

    def forward(self, input, indices, output_size=None):
        return self._function(input, indices, self.kernel_size, self.stride, self.padding, output_size)

    def extra_repr(self):
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class MaxUnpool1d(_MaxUnpoolNd):
    __doc__ = f"""Puts each maximum of a `MaxPool1d` back into its place, with zeros elsewhere. See :func:`max_unpool1d`.

    Call it with the maxima and their indices, and output_size=... where several sizes give the same pooled size.
{_UNPOOL}
    Shape:
        (N, C, L') twice → (N, C, L); also without the N

    >>> maxima, indices = torch.nn.MaxPool1d(2, return_indices=True)(torch.zeros(1, 3, 8))
    >>> torch.nn.MaxUnpool1d(2)(maxima, indices).shape
    torch.Size([1, 3, 8])
    """

    _dims = 1
    _function = staticmethod(unpool.max_unpool1d)


class MaxUnpool2d(_MaxUnpoolNd):
    __doc__ = f"""Puts each maximum of a `MaxPool2d` back into its place, with zeros elsewhere. See :func:`max_unpool2d`.

    Call it with the maxima and their indices, and output_size=... where several sizes give the same pooled size.
{_UNPOOL}
    Shape:
        (N, C, H', W') twice → (N, C, H, W); also without the N

    >>> maxima, indices = torch.nn.MaxPool2d(2, return_indices=True)(torch.zeros(1, 3, 8, 8))
    >>> torch.nn.MaxUnpool2d(2)(maxima, indices).shape
    torch.Size([1, 3, 8, 8])
    """

    _dims = 2
    _function = staticmethod(unpool.max_unpool2d)


class MaxUnpool3d(_MaxUnpoolNd):
    __doc__ = f"""Puts each maximum of a `MaxPool3d` back into its place, with zeros elsewhere. See :func:`max_unpool3d`.

    Call it with the maxima and their indices, and output_size=... where several sizes give the same pooled size.
{_UNPOOL}
    Shape:
        (N, C, D', H', W') twice → (N, C, D, H, W); also without the N

    >>> maxima, indices = torch.nn.MaxPool3d(2, return_indices=True)(torch.zeros(1, 3, 8, 8, 8))
    >>> torch.nn.MaxUnpool3d(2)(maxima, indices).shape
    torch.Size([1, 3, 8, 8, 8])
    """

    _dims = 3
    _function = staticmethod(unpool.max_unpool3d)


class _AvgPoolNd(Module):
    __constants__ = ["kernel_size", "stride", "padding", "ceil_mode", "count_include_pad"]

    def extra_repr(self):
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class AvgPool1d(_AvgPoolNd):
    __doc__ = f"""The mean of each window. See :func:`avg_pool1d`.
{_AVERAGE}
    Shape:
        (N, C, L) → (N, C, L'); also without the N. L' is
        floor((L + 2 * padding - kernel_size) / stride) + 1.

    >>> torch.nn.AvgPool1d(2)(torch.zeros(1, 3, 8)).shape
    torch.Size([1, 3, 4])
    """

    def __init__(self, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True):
        super().__init__()
        self.kernel_size = as_tuple(kernel_size, 1)
        self.stride = as_tuple(stride if stride is not None else kernel_size, 1)
        self.padding = as_tuple(padding, 1)
        self.ceil_mode = ceil_mode
        self.count_include_pad = count_include_pad

    def forward(self, input):
        return pool.avg_pool1d(
            input, self.kernel_size, self.stride, self.padding, self.ceil_mode, self.count_include_pad
        )


class _AvgPoolWithDivisor(_AvgPoolNd):
    """What AvgPool2d and AvgPool3d share."""

    __constants__ = [*_AvgPoolNd.__constants__, "divisor_override"]

    def __init__(
        self, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True, divisor_override=None
    ):
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = stride if stride is not None else kernel_size
        self.padding = padding
        self.ceil_mode = ceil_mode
        self.count_include_pad = count_include_pad
        self.divisor_override = divisor_override

    def forward(self, input):
        return self._function(
            input,
            self.kernel_size,
            self.stride,
            self.padding,
            self.ceil_mode,
            self.count_include_pad,
            self.divisor_override,
        )


class AvgPool2d(_AvgPoolWithDivisor):
    __doc__ = f"""The mean of each window. See :func:`avg_pool2d`.
{_AVERAGE}{_DIVISOR}
    Shape:
        (N, C, H, W) → (N, C, H', W'); also without the N. W' is
        floor((W + 2 * padding - kernel_size) / stride) + 1.

    >>> torch.nn.AvgPool2d(2)(torch.zeros(1, 3, 8, 8)).shape
    torch.Size([1, 3, 4, 4])
    """

    _function = staticmethod(pool.avg_pool2d)


class AvgPool3d(_AvgPoolWithDivisor):
    __doc__ = f"""The mean of each window. See :func:`avg_pool3d`.
{_AVERAGE}{_DIVISOR}
    Shape:
        (N, C, D, H, W) → (N, C, D', H', W'); also without the N. W' is
        floor((W + 2 * padding - kernel_size) / stride) + 1.

    >>> torch.nn.AvgPool3d(2)(torch.zeros(1, 3, 8, 8, 8)).shape
    torch.Size([1, 3, 4, 4, 4])
    """

    _function = staticmethod(pool.avg_pool3d)


class _FractionalMaxPool(Module):
    __constants__ = ["kernel_size", "return_indices", "output_size", "output_ratio"]
    _dims = 0

    def __init__(self, kernel_size, output_size=None, output_ratio=None, return_indices=False, _random_samples=None):
        super().__init__()
        name, dims = type(self).__name__, self._dims
        if output_size is None and output_ratio is None:
            raise ValueError(f"{name} requires specifying either an output size, or a pooling ratio")
        if output_size is not None and output_ratio is not None:
            raise ValueError("only one of output_size and output_ratio may be specified")
        self.kernel_size = as_tuple(kernel_size, dims)
        self.return_indices = return_indices
        self.register_buffer("_random_samples", _random_samples)
        self.output_size = as_tuple(output_size, dims) if output_size is not None else None
        self.output_ratio = as_tuple(output_ratio, dims) if output_ratio is not None else None
        if self.output_ratio is not None and not all(0 < r < 1 for r in self.output_ratio):
            raise ValueError(f"output_ratio must be between 0 and 1 (got {output_ratio})")

    def forward(self, input):
        return self._function(
            input, self.kernel_size, self.output_size, self.output_ratio, self.return_indices, self._random_samples
        )


class FractionalMaxPool2d(_FractionalMaxPool):
    __doc__ = f"""The largest number of each window; the windows are placed at random. See :func:`fractional_max_pool2d`.
{_FRACTIONAL}
    Shape:
        (N, C, H, W) → (N, C, H', W'); also without the N

    >>> torch.nn.FractionalMaxPool2d(2, output_size=5)(torch.zeros(1, 3, 8, 8)).shape
    torch.Size([1, 3, 5, 5])
    """

    _dims = 2
    _function = staticmethod(unpool.fractional_max_pool2d)


class FractionalMaxPool3d(_FractionalMaxPool):
    __doc__ = f"""The largest number of each window; the windows are placed at random. See :func:`fractional_max_pool3d`.
{_FRACTIONAL}
    Shape:
        (N, C, D, H, W) → (N, C, D', H', W'); also without the N

    >>> torch.nn.FractionalMaxPool3d(2, output_size=5)(torch.zeros(1, 3, 8, 8, 8)).shape
    torch.Size([1, 3, 5, 5, 5])
    """

    _dims = 3
    _function = staticmethod(unpool.fractional_max_pool3d)


class _LPPoolNd(Module):
    __constants__ = ["norm_type", "kernel_size", "stride", "ceil_mode"]

    def __init__(self, norm_type, kernel_size, stride=None, ceil_mode=False):
        super().__init__()
        self.norm_type = norm_type
        self.kernel_size = kernel_size
        self.stride = stride
        self.ceil_mode = ceil_mode

    def forward(self, input):
        return self._function(input, float(self.norm_type), self.kernel_size, self.stride, self.ceil_mode)

    def extra_repr(self):
        return f"norm_type={self.norm_type}, kernel_size={self.kernel_size}, stride={self.stride}, ceil_mode={self.ceil_mode}"


class LPPool1d(_LPPoolNd):
    __doc__ = f"""The p-norm of each window: (sum of x^p)^(1/p). See :func:`lp_pool1d`.
{_NORM}
    Shape:
        (N, C, L) → (N, C, L'); also without the N

    >>> torch.nn.LPPool1d(2, 2)(torch.ones(1, 3, 8)).shape
    torch.Size([1, 3, 4])
    """

    _function = staticmethod(pool.lp_pool1d)


class LPPool2d(_LPPoolNd):
    __doc__ = f"""The p-norm of each window: (sum of x^p)^(1/p). See :func:`lp_pool2d`.
{_NORM}
    Shape:
        (N, C, H, W) → (N, C, H', W'); also without the N

    >>> torch.nn.LPPool2d(2, 2)(torch.ones(1, 3, 8, 8)).shape
    torch.Size([1, 3, 4, 4])
    """

    _function = staticmethod(pool.lp_pool2d)


class LPPool3d(_LPPoolNd):
    __doc__ = f"""The p-norm of each window: (sum of x^p)^(1/p). See :func:`lp_pool3d`.
{_NORM}
    Shape:
        (N, C, D, H, W) → (N, C, D', H', W'); also without the N

    >>> torch.nn.LPPool3d(2, 2)(torch.ones(1, 3, 8, 8, 8)).shape
    torch.Size([1, 3, 4, 4, 4])
    """

    _function = staticmethod(pool.lp_pool3d)


class _AdaptiveMaxPoolNd(Module):
    __constants__ = ["output_size", "return_indices"]

    def __init__(self, output_size, return_indices=False):
        super().__init__()
        self.output_size = output_size
        self.return_indices = return_indices

    def forward(self, input):
        return self._function(input, self.output_size, self.return_indices)

    def extra_repr(self):
        return f"output_size={self.output_size}"


class AdaptiveMaxPool1d(_AdaptiveMaxPoolNd):
    """The largest number of each window, with as many windows as the result has cells. See :func:`adaptive_max_pool1d`.

    Args:
        output_size: the size of the result.
        return_indices: also return the position of each maximum in its channel.

    Shape:
        (N, C, L) → (N, C, L'); also without the N

    >>> torch.nn.AdaptiveMaxPool1d(5)(torch.zeros(1, 3, 8)).shape
    torch.Size([1, 3, 5])
    """

    _function = staticmethod(pool.adaptive_max_pool1d)


class AdaptiveMaxPool2d(_AdaptiveMaxPoolNd):
    """The largest number of each window, with as many windows as the result has cells. See :func:`adaptive_max_pool2d`.

    Args:
        output_size: the size of the result: an int, or one for each of H, W, where None keeps the input's size.
        return_indices: also return the position of each maximum in its channel.

    Shape:
        (N, C, H, W) → (N, C, H', W'); also without the N

    >>> torch.nn.AdaptiveMaxPool2d(5)(torch.zeros(1, 3, 8, 8)).shape
    torch.Size([1, 3, 5, 5])
    """

    _function = staticmethod(pool.adaptive_max_pool2d)


class AdaptiveMaxPool3d(_AdaptiveMaxPoolNd):
    """The largest number of each window, with as many windows as the result has cells. See :func:`adaptive_max_pool3d`.

    Args:
        output_size: the size of the result: an int, or one for each of D, H, W, where None keeps the input's size.
        return_indices: also return the position of each maximum in its channel.

    Shape:
        (N, C, D, H, W) → (N, C, D', H', W'); also without the N

    >>> torch.nn.AdaptiveMaxPool3d(5)(torch.zeros(1, 3, 8, 8, 8)).shape
    torch.Size([1, 3, 5, 5, 5])
    """

    _function = staticmethod(pool.adaptive_max_pool3d)


class _AdaptiveAvgPoolNd(Module):
    __constants__ = ["output_size"]

    def __init__(self, output_size):
        super().__init__()
        self.output_size = output_size

    def forward(self, input):
        return self._function(input, self.output_size)

    def extra_repr(self):
        return f"output_size={self.output_size}"


class AdaptiveAvgPool1d(_AdaptiveAvgPoolNd):
    """The mean of each window, with as many windows as the result has cells. See :func:`adaptive_avg_pool1d`.

    Args:
        output_size: the size of the result.

    Shape:
        (N, C, L) → (N, C, L'); also without the N

    >>> torch.nn.AdaptiveAvgPool1d(5)(torch.zeros(1, 3, 8)).shape
    torch.Size([1, 3, 5])
    """

    _function = staticmethod(pool.adaptive_avg_pool1d)


class AdaptiveAvgPool2d(_AdaptiveAvgPoolNd):
    """The mean of each window, with as many windows as the result has cells. See :func:`adaptive_avg_pool2d`.

    Args:
        output_size: the size of the result: an int, or one for each of H, W, where None keeps the input's size.

    Shape:
        (N, C, H, W) → (N, C, H', W'); also without the N

    >>> torch.nn.AdaptiveAvgPool2d(1)(torch.zeros(1, 3, 8, 8)).shape
    torch.Size([1, 3, 1, 1])
    """

    _function = staticmethod(pool.adaptive_avg_pool2d)


class AdaptiveAvgPool3d(_AdaptiveAvgPoolNd):
    """The mean of each window, with as many windows as the result has cells. See :func:`adaptive_avg_pool3d`.

    Args:
        output_size: the size of the result: an int, or one for each of D, H, W, where None keeps the input's size.

    Shape:
        (N, C, D, H, W) → (N, C, D', H', W'); also without the N

    >>> torch.nn.AdaptiveAvgPool3d(5)(torch.zeros(1, 3, 8, 8, 8)).shape
    torch.Size([1, 3, 5, 5, 5])
    """

    _function = staticmethod(pool.adaptive_avg_pool3d)
