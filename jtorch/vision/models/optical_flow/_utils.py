"""Grids of coordinates, samples at coordinates, and upsampling of flows."""

from __future__ import annotations

from jtorch.core.ops import functional
from jtorch.core.ops.functional import interpolate, softmax, unfold
from jtorch.core.ops.functions import arange, cat, meshgrid, stack


def sample_at(img, absolute_grid):
    """Bilinear samples of (N, C, H, W) at coordinates (N, h, w, 2) in cells, as x and y; zeros outside."""
    height, width = img.shape[-2:]
    x, y = absolute_grid.split([1, 1], dim=-1)
    x = 2 * x / (width - 1) - 1
    if height > 1:
        y = 2 * y / (height - 1) - 1
    return functional.grid_sample(img, cat([x, y], dim=-1), mode="bilinear", align_corners=True)


def make_coords_grid(batch_size, h, w, device="cpu"):
    """The coordinates of each cell, as x and y: (N, 2, h, w)."""
    y, x = meshgrid(arange(h, device=device), arange(w, device=device), indexing="ij")
    return stack((x, y), dim=0).float()[None].repeat(batch_size, 1, 1, 1)


def upsample_flow(flow, up_mask=None, factor=8):
    """A flow (N, 2, h, w) for an image `factor` times as large.

    Args:
        up_mask: (N, 9 · factor · factor, h, w): the logits of each pixel's weights for the nine cells around it; None:
            bilinear interpolation.
    """
    count, channels, h, w = flow.shape
    size = (h * factor, w * factor)
    if up_mask is None:
        return factor * interpolate(flow, size=size, mode="bilinear", align_corners=True)
    weights = softmax(up_mask.view(count, 1, 9, factor, factor, h, w), dim=2)
    around = unfold(factor * flow, kernel_size=3, padding=1).view(count, channels, 9, 1, 1, h, w)
    return (weights * around).sum(2).permute(0, 1, 4, 2, 5, 3).reshape(count, channels, *size)
