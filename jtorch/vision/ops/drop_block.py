"""DropBlock: dropout of whole blocks of neighbouring cells."""

from __future__ import annotations

import math

from jtorch import nn
from jtorch.core.ops.functional import max_pool2d, max_pool3d, pad
from jtorch.core.ops.make.create import empty


def drop_block2d(input, p, block_size, inplace=False, eps=1e-6, training=True):
    """Set random blocks of block_size x block_size cells to zero, about the share p of all cells.

    The other cells are scaled up, so that the mean stays.

    Args:
        input: (N, C, H, W).
        p: the share of cells that is dropped.
        block_size: an odd number; at most H and W are used.
        inplace: write into the input.
        eps: added to the number of cells that are kept, which divides.
        training: False: return the input unchanged.

    Raises:
        ValueError: p is not in [0, 1], the input has not 4 dimensions, or the block size is even.
    """
    return _without_blocks(input, p, block_size, inplace, eps, training, 2, max_pool2d)


def drop_block3d(input, p, block_size, inplace=False, eps=1e-6, training=True):
    """The same for (N, C, D, H, W): see :func:`drop_block2d`."""
    return _without_blocks(input, p, block_size, inplace, eps, training, 3, max_pool3d)


def _without_blocks(input, p, block_size, inplace, eps, training, dims, max_pool):
    if p < 0.0 or p > 1.0:
        raise ValueError(f"drop probability has to be between 0 and 1, but got {p}.")
    if input.ndim != dims + 2:
        raise ValueError(f"input should be {dims + 2} dimensional. Got {input.ndim} dimensions.")
    if not training or p == 0.0:
        return input
    sizes = input.shape[2:]
    block_size = min(block_size, *sizes)
    if block_size % 2 == 0:
        raise ValueError(f"block size should be odd. Got {block_size} which is even.")
    corners = [size - block_size + 1 for size in sizes]
    rate = p * math.prod(sizes) / (block_size**dims * math.prod(corners))
    centres = empty([*input.shape[:2], *corners], dtype=input.dtype, device=input.device).bernoulli_(rate)
    half = block_size // 2
    blocks = max_pool(pad(centres, [half] * (2 * dims), value=0), block_size, stride=1, padding=half)
    kept = 1 - blocks
    scale = kept.numel() / (eps + kept.sum())
    return input.mul_(kept).mul_(scale) if inplace else input * kept * scale


class DropBlock2d(nn.Module):
    """See :func:`drop_block2d`."""

    def __init__(self, p, block_size, inplace=False, eps=1e-6):
        super().__init__()
        self.p = p
        self.block_size = block_size
        self.inplace = inplace
        self.eps = eps

    def forward(self, input):
        return drop_block2d(input, self.p, self.block_size, self.inplace, self.eps, self.training)

    def __repr__(self):
        return f"{type(self).__name__}(p={self.p}, block_size={self.block_size}, inplace={self.inplace})"


class DropBlock3d(DropBlock2d):
    """See :func:`drop_block3d`."""

    def forward(self, input):
        return drop_block3d(input, self.p, self.block_size, self.inplace, self.eps, self.training)
