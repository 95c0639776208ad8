"""Fold and Unfold: sliding blocks of an image as columns, and back."""

from __future__ import annotations

from jtorch.core.ops.windows import fold
from jtorch.nn.modules.module import Module

__all__ = ["Fold", "Unfold"]


class Unfold(Module):
    """Each block that a sliding window sees, as a column. See :func:`unfold`.

    Args:
        kernel_size: size of the window; here and below, an int or one for each of H and W.
        dilation: distance between the cells of the window.
        padding: zeros added at each side.
        stride: the step of the window.

    Shape:
        (N, C, H, W) → (N, C * cells of the window, number of windows); also without the N

    >>> torch.nn.Unfold(2)(torch.zeros(1, 3, 4, 5)).shape
    torch.Size([1, 12, 12])
    """

    __constants__ = ["kernel_size", "dilation", "padding", "stride"]

    def __init__(self, kernel_size, dilation=1, padding=0, stride=1):
        super().__init__()
        self.kernel_size = kernel_size
        self.dilation = dilation
        self.padding = padding
        self.stride = stride

    def forward(self, input):
        return fold.unfold(input, self.kernel_size, self.dilation, self.padding, self.stride)

    def extra_repr(self):
        return f"kernel_size={self.kernel_size}, dilation={self.dilation}, padding={self.padding}, stride={self.stride}"


class Fold(Module):
    """The reverse of `Unfold`: adds the blocks up at their places in an image. See :func:`fold`.

    Args:
        output_size: (H, W) of the image.
        kernel_size, dilation, padding, stride: as for the `Unfold` that cut the blocks.

    Shape:
        (N, C * cells of the window, number of windows) → (N, C, H, W); also without the N

    >>> blocks = torch.nn.Unfold(2, stride=2)(torch.ones(1, 3, 4, 4))
    >>> torch.nn.Fold((4, 4), 2, stride=2)(blocks).shape
    torch.Size([1, 3, 4, 4])
    """

    __constants__ = ["output_size", "kernel_size", "dilation", "padding", "stride"]

    def __init__(self, output_size, kernel_size, dilation=1, padding=0, stride=1):
        super().__init__()
        self.output_size = output_size
        self.kernel_size = kernel_size
        self.dilation = dilation
        self.padding = padding
        self.stride = stride

    def forward(self, input):
        return fold.fold(input, self.output_size, self.kernel_size, self.dilation, self.padding, self.stride)

    def extra_repr(self):
        return (
            f"output_size={self.output_size}, kernel_size={self.kernel_size}, dilation={self.dilation},"
            f" padding={self.padding}, stride={self.stride}"
        )
