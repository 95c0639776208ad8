"""PixelShuffle and PixelUnshuffle: channels become cells of an image, and cells channels."""

from __future__ import annotations

from jtorch.core.ops.windows import fold
from jtorch.nn.modules.module import Module

__all__ = ["PixelShuffle", "PixelUnshuffle"]


class PixelShuffle(Module):
    """Trades channels for resolution: r² channels become r × r cells of one channel. See :func:`pixel_shuffle`.

    Args:
        upscale_factor: r.

    Shape:
        (*, C * r², H, W) → (*, C, H * r, W * r)

    Raises:
        RuntimeError: the number of channels is not divisible by r².

    >>> torch.nn.PixelShuffle(2)(torch.arange(4.).view(4, 1, 1))
    tensor([[[0., 1.],
             [2., 3.]]])
    """

    __constants__ = ["upscale_factor"]

    def __init__(self, upscale_factor):
        super().__init__()
        self.upscale_factor = upscale_factor

    def forward(self, input):
        return fold.pixel_shuffle(input, self.upscale_factor)

    def extra_repr(self):
        return f"upscale_factor={self.upscale_factor}"


class PixelUnshuffle(Module):
    """Trades resolution for channels: r × r cells of one channel become r² channels. See :func:`pixel_unshuffle`.

    Args:
        downscale_factor: r.

    Shape:
        (*, C, H * r, W * r) → (*, C * r², H, W)

    Raises:
        RuntimeError: the height or the width is not divisible by r.

    >>> torch.nn.PixelUnshuffle(2)(torch.arange(4.).view(1, 2, 2)).flatten()
    tensor([0., 1., 2., 3.])
    """

    __constants__ = ["downscale_factor"]

    def __init__(self, downscale_factor):
        super().__init__()
        self.downscale_factor = downscale_factor

    def forward(self, input):
        return fold.pixel_unshuffle(input, self.downscale_factor)

    def extra_repr(self):
        return f"downscale_factor={self.downscale_factor}"
