"""RoIAlign (He and others, 2017): the features of regions, each as an image of the same size, by bilinear samples."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp

from jtorch import nn
from jtorch.library import Array, op
from jtorch.vision.ops import _sampling
from jtorch.vision.ops._utils import both_sides, regions_of


def roi_align(input, boxes, output_size, spatial_scale=1.0, sampling_ratio=-1, aligned=False):
    """The mean of bilinear samples in each bin of each region.

    Args:
        input: features (N, C, H, W).
        boxes: regions (K, 5), with the number of the image first, or a list with the boxes (L, 4) of each image.
        output_size: bins along a side, or along both.
        spatial_scale: the size of a pixel of the boxes, in cells of the features.
        sampling_ratio: samples along each side of a bin; 0 or less: as many as the bin has cells, rounded up. Their
            number depends on the regions, which are then computed at once.
        aligned: shift the regions by half a cell, since a cell's value belongs to its centre.

    Returns:
        (K, C, *output_size), differentiable with respect to the features.

    Raises:
        AssertionError: boxes of a wrong shape or type.
    """
    rois, (rows, columns) = regions_of(boxes), both_sides(output_size)
    offset = 0.5 if aligned else 0.0
    most = (
        [sampling_ratio] * 2
        if sampling_ratio > 0
        else most_samples(rois, spatial_scale, rows, columns, 0 if aligned else 1)
    )
    return _roi_align(input, rois, spatial_scale, rows, columns, sampling_ratio, tuple(most), offset)


def most_samples(rois, spatial_scale, rows, columns, least):
    """How many samples the largest bin needs along each side.

    Rounded up to a power of two, so that few programs are compiled. It reads the regions. `least` is the smallest
    length of a region.
    """
    values = rois.detach().cpu().numpy() * spatial_scale
    if len(values) == 0:
        return [1, 1]
    lengths = values[:, 4] - values[:, 2], values[:, 3] - values[:, 1]
    found = []
    for length, bins in zip(lengths, (rows, columns), strict=True):
        samples = math.ceil(max(float(length.max()), least) / bins * (1 + 1e-6))
        found.append(1 << max(samples - 1, 0).bit_length())
    return found


@op(method=False)
def _roi_align(
    input: Array,
    rois: Array,
    spatial_scale: float,
    rows: int,
    columns: int,
    sampling_ratio: int,
    most: tuple,
    offset: float,
) -> Array:
    _, channels, height, width = input.shape
    if len(rois) == 0:  # there may be no image either, and nothing can be read from it
        return jnp.zeros((0, channels, rows, columns), input.dtype)
    features = input.transpose(0, 2, 3, 1)
    image, box = cells_of(rois, spatial_scale, offset)

    def aligned(image, *box):
        """The result for some regions."""
        at = lambda row, column: features[image[:, None, None, None, None], row, column]
        return _sampling.binned(at, box, (height, width), (rows, columns), sampling_ratio, most, 1)

    if sampling_ratio > 0:
        out = aligned(image, *box)
    else:  # region by region: each reserves as many samples as the largest needs
        out = jax.lax.map(lambda region: aligned(*[each[None] for each in region])[0], (image, *box))
    return out.transpose(0, 3, 1, 2)


def cells_of(rois, spatial_scale, offset):
    """The image number, left and upper edge, width and height in cells of regions (K, 5). Regions get no gradient.

    `spatial_scale` is a number, or one for each region. Without an offset a region is at least one cell wide and high.
    """
    rois = jax.lax.stop_gradient(rois)
    left, top, right, bottom = (rois[:, i] * spatial_scale - offset for i in (1, 2, 3, 4))
    wide, high = right - left, bottom - top
    if offset == 0:
        wide, high = jnp.maximum(wide, 1), jnp.maximum(high, 1)
    return rois[:, 0].astype(jnp.int32), (left, top, wide, high)


class RoIAlign(nn.Module):
    """See :func:`roi_align`."""

    def __init__(self, output_size, spatial_scale, sampling_ratio, aligned=False):
        super().__init__()
        self.output_size = output_size
        self.spatial_scale = spatial_scale
        self.sampling_ratio = sampling_ratio
        self.aligned = aligned

    def forward(self, input, rois):
        return roi_align(input, rois, self.output_size, self.spatial_scale, self.sampling_ratio, self.aligned)

    def __repr__(self):
        return (
            f"{type(self).__name__}(output_size={self.output_size}, spatial_scale={self.spatial_scale}, "
            f"sampling_ratio={self.sampling_ratio}, aligned={self.aligned})"
        )
