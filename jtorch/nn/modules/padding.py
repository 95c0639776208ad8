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

# What the docstrings of the layers share, by the number of dimensions that are padded.
_PADDING_1D = """
    Args:
        padding: an int, or (left, right). A negative number crops.

    Shape:
        (N, C, L) or (C, L) → the same with L + left + right
"""
_PADDING_2D = """
    Args:
        padding: an int, or (left, right, top, bottom). A negative number crops.

    Shape:
        (N, C, H, W) or (C, H, W) → the same with H + top + bottom and W + left + right
"""
_PADDING_3D = """
    Args:
        padding: an int, or (left, right, top, bottom, front, back). A negative number crops.

    Shape:
        (N, C, D, H, W) or (C, D, H, W) → the same with D + front + back, H + top + bottom and W + left + right
"""


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
    """Cells of one value put around the last dimension. See :func:`pad`.

    Args:
        padding: an int, or (left, right). A negative number crops.
        value: the value of the new cells.

    Shape:
        (N, C, L) or (C, L) → the same with L + left + right

    >>> torch.nn.ConstantPad1d(1, 9.0)(torch.tensor([[1., 2., 3.]]))
    tensor([[9., 1., 2., 3., 9.]])
    """

    _dims = 1


class ConstantPad2d(_ConstantPadNd):
    """Cells of one value put around the last 2 dimensions. See :func:`pad`.

    Args:
        padding: an int, or (left, right, top, bottom). A negative number crops.
        value: the value of the new cells.

    Shape:
        (N, C, H, W) or (C, H, W) → the same with H + top + bottom and W + left + right

    >>> torch.nn.ConstantPad2d(1, 9.0)(torch.arange(4.).view(1, 2, 2))
    tensor([[[9., 9., 9., 9.],
             [9., 0., 1., 9.],
             [9., 2., 3., 9.],
             [9., 9., 9., 9.]]])
    """

    _dims = 2


class ConstantPad3d(_ConstantPadNd):
    """Cells of one value put around the last 3 dimensions. See :func:`pad`.

    Args:
        padding: an int, or (left, right, top, bottom, front, back). A negative number crops.
        value: the value of the new cells.

    Shape:
        (N, C, D, H, W) or (C, D, H, W) → the same with D + front + back, H + top + bottom and W + left + right

    >>> torch.nn.ConstantPad3d(1, 9.0)(torch.zeros(1, 2, 2, 2)).shape
    torch.Size([1, 4, 4, 4])
    """

    _dims = 3


class ReflectionPad1d(_ReflectionPadNd):
    __doc__ = f"""The input, mirrored at its edge cell, put around the last dimension. See :func:`pad`.
{_PADDING_1D}
    Raises:
        RuntimeError: padding that is not smaller than the dimension.

    >>> torch.nn.ReflectionPad1d(1)(torch.tensor([[1., 2., 3.]]))
    tensor([[2., 1., 2., 3., 2.]])
    """

    _dims = 1


class ReflectionPad2d(_ReflectionPadNd):
    __doc__ = f"""The input, mirrored at its edge cell, put around the last 2 dimensions. See :func:`pad`.
{_PADDING_2D}
    Raises:
        RuntimeError: padding that is not smaller than the dimension.

    >>> torch.nn.ReflectionPad2d(1)(torch.arange(4.).view(1, 2, 2))
    tensor([[[3., 2., 3., 2.],
             [1., 0., 1., 0.],
             [3., 2., 3., 2.],
             [1., 0., 1., 0.]]])
    """

    _dims = 2


class ReflectionPad3d(_ReflectionPadNd):
    __doc__ = f"""The input, mirrored at its edge cell, put around the last 3 dimensions. See :func:`pad`.
{_PADDING_3D}
    Raises:
        RuntimeError: padding that is not smaller than the dimension.

    >>> torch.nn.ReflectionPad3d(1)(torch.zeros(1, 2, 2, 2)).shape
    torch.Size([1, 4, 4, 4])
    """

    _dims = 3


class ReplicationPad1d(_ReplicationPadNd):
    __doc__ = f"""Copies of the edge cell put around the last dimension. See :func:`pad`.
{_PADDING_1D}
    >>> torch.nn.ReplicationPad1d(1)(torch.tensor([[1., 2., 3.]]))
    tensor([[1., 1., 2., 3., 3.]])
    """

    _dims = 1


class ReplicationPad2d(_ReplicationPadNd):
    __doc__ = f"""Copies of the edge cell put around the last 2 dimensions. See :func:`pad`.
{_PADDING_2D}
    >>> torch.nn.ReplicationPad2d(1)(torch.arange(4.).view(1, 2, 2))
    tensor([[[0., 0., 1., 1.],
             [0., 0., 1., 1.],
             [2., 2., 3., 3.],
             [2., 2., 3., 3.]]])
    """

    _dims = 2


class ReplicationPad3d(_ReplicationPadNd):
    __doc__ = f"""Copies of the edge cell put around the last 3 dimensions. See :func:`pad`.
{_PADDING_3D}
    >>> torch.nn.ReplicationPad3d(1)(torch.zeros(1, 2, 2, 2)).shape
    torch.Size([1, 4, 4, 4])
    """

    _dims = 3


class CircularPad1d(_CircularPadNd):
    __doc__ = f"""The cells of the opposite end put around the last dimension. See :func:`pad`.
{_PADDING_1D}
    Raises:
        RuntimeError: padding larger than the dimension.

    >>> torch.nn.CircularPad1d(1)(torch.tensor([[1., 2., 3.]]))
    tensor([[3., 1., 2., 3., 1.]])
    """

    _dims = 1


class CircularPad2d(_CircularPadNd):
    __doc__ = f"""The cells of the opposite end put around the last 2 dimensions. See :func:`pad`.
{_PADDING_2D}
    Raises:
        RuntimeError: padding larger than the dimension.

    >>> torch.nn.CircularPad2d(1)(torch.arange(4.).view(1, 2, 2))
    tensor([[[3., 2., 3., 2.],
             [1., 0., 1., 0.],
             [3., 2., 3., 2.],
             [1., 0., 1., 0.]]])
    """

    _dims = 2


class CircularPad3d(_CircularPadNd):
    __doc__ = f"""The cells of the opposite end put around the last 3 dimensions. See :func:`pad`.
{_PADDING_3D}
    Raises:
        RuntimeError: padding larger than the dimension.

    >>> torch.nn.CircularPad3d(1)(torch.zeros(1, 2, 2, 2)).shape
    torch.Size([1, 4, 4, 4])
    """

    _dims = 3


class ZeroPad1d(ConstantPad1d):
    __doc__ = f"""Zeros put around the last dimension. See :func:`pad`.
{_PADDING_1D}
    >>> torch.nn.ZeroPad1d(1)(torch.tensor([[1., 2., 3.]]))
    tensor([[0., 1., 2., 3., 0.]])
    """

    def __init__(self, padding):
        super().__init__(padding, 0.0)

    def extra_repr(self):
        return f"{self.padding}"


class ZeroPad2d(ConstantPad2d):
    __doc__ = f"""Zeros put around the last 2 dimensions. See :func:`pad`.
{_PADDING_2D}
    >>> torch.nn.ZeroPad2d(1)(torch.arange(4.).view(1, 2, 2))
    tensor([[[0., 0., 0., 0.],
             [0., 0., 1., 0.],
             [0., 2., 3., 0.],
             [0., 0., 0., 0.]]])
    """

    def __init__(self, padding):
        super().__init__(padding, 0.0)

    def extra_repr(self):
        return f"{self.padding}"


class ZeroPad3d(ConstantPad3d):
    __doc__ = f"""Zeros put around the last 3 dimensions. See :func:`pad`.
{_PADDING_3D}
    >>> torch.nn.ZeroPad3d(1)(torch.zeros(1, 2, 2, 2)).shape
    torch.Size([1, 4, 4, 4])
    """

    def __init__(self, padding):
        super().__init__(padding, 0.0)

    def extra_repr(self):
        return f"{self.padding}"
