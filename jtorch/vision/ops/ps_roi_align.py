"""Position-sensitive RoIAlign (Li and others, 2017): each bin of a region reads its own channels."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jtorch import nn
from jtorch.library import Array, op
from jtorch.vision.ops import _sampling
from jtorch.vision.ops._utils import both_sides, regions_of
from jtorch.vision.ops.roi_align import cells_of, most_samples


def ps_roi_align(input, boxes, output_size, spatial_scale=1.0, sampling_ratio=-1):
    """The mean of bilinear samples in each bin of each region; each bin reads its own channels.

    Args:
        input: features (N, C · P · Q, H, W).
        boxes, spatial_scale, sampling_ratio: as for :func:`roi_align`.
        output_size: bins P and Q along the sides.

    Returns:
        (K, C, P, Q).

    Raises:
        AssertionError: boxes of a wrong shape or type.
        RuntimeError: channels that are not a multiple of P · Q.
    """
    rois, (rows, columns) = regions_of(boxes), both_sides(output_size)
    if input.shape[1] % (rows * columns):
        raise RuntimeError("input channels must be a multiple of pooling height * pooling width")
    most = [sampling_ratio] * 2 if sampling_ratio > 0 else most_samples(rois, spatial_scale, rows, columns, 0)
    return _ps_roi_align(input, rois, spatial_scale, rows, columns, sampling_ratio, tuple(most))


@op(method=False)
def _ps_roi_align(
    input: Array, rois: Array, spatial_scale: float, rows: int, columns: int, sampling_ratio: int, most: tuple
) -> Array:
    batch, _, height, width = input.shape
    features = input.reshape(batch, -1, rows, columns, height, width).transpose(0, 2, 3, 4, 5, 1)
    own_row, own_column = jnp.arange(rows)[:, None, None, None], jnp.arange(columns)[:, None]
    image, box = cells_of(rois, spatial_scale, 0.5)

    def aligned(region):
        """The result for one region."""
        image, *box = (each[None] for each in region)
        at = lambda row, column: features[image[:, None, None, None, None], own_row, own_column, row, column]
        return _sampling.binned(at, box, (height, width), (rows, columns), sampling_ratio, most, 0)[0]

    return jax.lax.map(aligned, (image, *box)).transpose(0, 3, 1, 2)


class PSRoIAlign(nn.Module):
    """See :func:`ps_roi_align`."""

    def __init__(self, output_size, spatial_scale, sampling_ratio):
        super().__init__()
        self.output_size = output_size
        self.spatial_scale = spatial_scale
        self.sampling_ratio = sampling_ratio

    def forward(self, input, rois):
        return ps_roi_align(input, rois, self.output_size, self.spatial_scale, self.sampling_ratio)

    def __repr__(self):
        return (
            f"{type(self).__name__}(output_size={self.output_size}, spatial_scale={self.spatial_scale}, "
            f"sampling_ratio={self.sampling_ratio})"
        )
