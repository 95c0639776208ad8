"""Padding layers: how much to pad, with what, and no parameters."""

from __future__ import annotations

from jtorch.core.ops.windows.pad import pad
from jtorch.nn.modules.module import Module
from jtorch.nn.modules.utils import as_tuple

__all__ = [
    "CircularPad1d",
    "CircularPad2d",
    "CircularPad3d",
    "ConstantPad1d",
    "ConstantPad2d",
    "ConstantPad3d",
    "ReflectionPad1d",
    "ReflectionPad2d",
    "ReflectionPad3d",
    "ReplicationPad1d",
    "ReplicationPad2d",
    "ReplicationPad3d",
    "ZeroPad1d",
    "ZeroPad2d",
    "ZeroPad3d",
]


class _ConstantPadNd(Module):
    __constants__ = ["padding", "value"]
    _dims = 0

    def __init__(self, padding, value):
        super().__init__()
        self.padding = as_tuple(padding, 2 * self._dims)  # (before, after) of each dimension, the last one first
        self.value = value

    def forward(self, input):
        return pad(input, self.padding, "constant", self.value)

    def extra_repr(self):
        return f"padding={self.padding}, value={self.value}"


class _ModePad(Module):
    __constants__ = ["padding"]
    _dims = 0
    _mode = ""

    def __init__(self, padding):
        super().__init__()
        self.padding = as_tuple(padding, 2 * self._dims)  # (before, after) of each dimension, the last one first

    def forward(self, input):
        return pad(input, self.padding, self._mode)

    def extra_repr(self):
        return f"{self.padding}"


class _ReflectionPadNd(_ModePad):
    _mode = "reflect"


class _ReplicationPadNd(_ModePad):
    _mode = "replicate"


class _CircularPadNd(_ModePad):
    _mode = "circular"

    def forward(self, input):
        if input.dim() not in (self._dims + 1, self._dims + 2):
            raise ValueError(f"expected {self._dims + 1}D or {self._dims + 2}D input (got {input.dim()}D input)")
        return super().forward(input)


class ConstantPad1d(_ConstantPadNd):
    """Cells of one value put around the last dimension. See :func:`pad`."""

    _dims = 1


class ConstantPad2d(_ConstantPadNd):
    """Cells of one value put around the last 2 dimensions. See :func:`pad`."""

    _dims = 2


class ConstantPad3d(_ConstantPadNd):
    """Cells of one value put around the last 3 dimensions. See :func:`pad`."""

    _dims = 3


class ReflectionPad1d(_ReflectionPadNd):
    """The input mirrored at its edge put around the last dimension. See :func:`pad`."""

    _dims = 1


class ReflectionPad2d(_ReflectionPadNd):
    """The input mirrored at its edge put around the last 2 dimensions. See :func:`pad`."""

    _dims = 2


class ReflectionPad3d(_ReflectionPadNd):
    """The input mirrored at its edge put around the last 3 dimensions. See :func:`pad`."""

    _dims = 3


class ReplicationPad1d(_ReplicationPadNd):
    """The input's edge, repeated, put around the last dimension. See :func:`pad`."""

    _dims = 1


class ReplicationPad2d(_ReplicationPadNd):
    """The input's edge, repeated, put around the last 2 dimensions. See :func:`pad`."""

    _dims = 2


class ReplicationPad3d(_ReplicationPadNd):
    """The input's edge, repeated, put around the last 3 dimensions. See :func:`pad`."""

    _dims = 3


class CircularPad1d(_CircularPadNd):
    """The input's other end put around the last dimension. See :func:`pad`."""

    _dims = 1


class CircularPad2d(_CircularPadNd):
    """The input's other end put around the last 2 dimensions. See :func:`pad`."""

    _dims = 2


class CircularPad3d(_CircularPadNd):
    """The input's other end put around the last 3 dimensions. See :func:`pad`."""

    _dims = 3


class ZeroPad1d(ConstantPad1d):
    """Zeros put around the last dimension. See :func:`pad`."""

    def __init__(self, padding):
        super().__init__(padding, 0.0)

    def extra_repr(self):
        return f"{self.padding}"


class ZeroPad2d(ConstantPad2d):
    """Zeros put around the last 2 dimensions. See :func:`pad`."""

    def __init__(self, padding):
        super().__init__(padding, 0.0)

    def extra_repr(self):
        return f"{self.padding}"


class ZeroPad3d(ConstantPad3d):
    """Zeros put around the last 3 dimensions. See :func:`pad`."""

    def __init__(self, padding):
        super().__init__(padding, 0.0)

    def extra_repr(self):
        return f"{self.padding}"
