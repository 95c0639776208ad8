"""Pooling layers: the settings of a function of `jtorch.core.ops.windows.pool`, and no state."""

from __future__ import annotations

from jtorch.core.ops.windows import pool
from jtorch.nn.modules.module import Module


class _MaxPool(Module):
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


class MaxPool1d(_MaxPool):
    """The largest number of each window of (N, C, L). See :func:`max_pool1d`."""

    _function = staticmethod(pool.max_pool1d)


class MaxPool2d(_MaxPool):
    """The largest number of each window of (N, C, H, W). See :func:`max_pool2d`.

    >>> torch.nn.MaxPool2d(2)(torch.zeros(1, 3, 8, 8)).shape
    torch.Size([1, 3, 4, 4])
    """

    _function = staticmethod(pool.max_pool2d)


class MaxPool3d(_MaxPool):
    """The largest number of each window of (N, C, D, H, W). See :func:`max_pool3d`."""

    _function = staticmethod(pool.max_pool3d)


class AvgPool1d(Module):
    """The mean of each window of (N, C, L). See :func:`avg_pool1d`."""

    __constants__ = ["kernel_size", "stride", "padding", "ceil_mode", "count_include_pad"]

    def __init__(self, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True):
        super().__init__()
        self.kernel_size = _one(kernel_size)
        self.stride = _one(stride if stride is not None else kernel_size)
        self.padding = _one(padding)
        self.ceil_mode = ceil_mode
        self.count_include_pad = count_include_pad

    def forward(self, input):
        return pool.avg_pool1d(
            input, self.kernel_size, self.stride, self.padding, self.ceil_mode, self.count_include_pad
        )

    def extra_repr(self):
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


def _one(value):
    return tuple(value) if isinstance(value, list | tuple) else (value,)


class _AvgPool(Module):
    __constants__ = ["kernel_size", "stride", "padding", "ceil_mode", "count_include_pad", "divisor_override"]

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

    def extra_repr(self):
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class AvgPool2d(_AvgPool):
    """The mean of each window of (N, C, H, W). See :func:`avg_pool2d`."""

    _function = staticmethod(pool.avg_pool2d)


class AvgPool3d(_AvgPool):
    """The mean of each window of (N, C, D, H, W). See :func:`avg_pool3d`."""

    _function = staticmethod(pool.avg_pool3d)


class _AdaptiveAvgPool(Module):
    __constants__ = ["output_size"]

    def __init__(self, output_size):
        super().__init__()
        self.output_size = output_size

    def forward(self, input):
        return self._function(input, self.output_size)

    def extra_repr(self):
        return f"output_size={self.output_size}"


class _AdaptiveMaxPool(_AdaptiveAvgPool):
    def __init__(self, output_size, return_indices=False):
        super().__init__(output_size)
        self.return_indices = return_indices

    def forward(self, input):
        return self._function(input, self.output_size, self.return_indices)


def _adaptive(base, kind, dims):
    """`AdaptiveAvgPool2d` and the like, from the function of that name."""
    function = getattr(pool, f"adaptive_{kind.lower()}_pool{dims}d")
    name = f"Adaptive{kind}Pool{dims}d"
    doc = f"Pooling to a given output size. See :func:`{function.__name__}`."
    return type(name, (base,), {"_function": staticmethod(function), "__doc__": doc, "__module__": __name__})


AdaptiveAvgPool1d = _adaptive(_AdaptiveAvgPool, "Avg", 1)
AdaptiveAvgPool2d = _adaptive(_AdaptiveAvgPool, "Avg", 2)
AdaptiveAvgPool3d = _adaptive(_AdaptiveAvgPool, "Avg", 3)
AdaptiveMaxPool1d = _adaptive(_AdaptiveMaxPool, "Max", 1)
AdaptiveMaxPool2d = _adaptive(_AdaptiveMaxPool, "Max", 2)
AdaptiveMaxPool3d = _adaptive(_AdaptiveMaxPool, "Max", 3)
