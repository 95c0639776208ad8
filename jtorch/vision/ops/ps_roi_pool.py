"""Position-sensitive RoI pooling (Dai and others, 2016): the mean of each bin, from the bin's own channels."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jtorch import nn
from jtorch.library import Array, op
from jtorch.vision.ops._utils import both_sides, regions_of
from jtorch.vision.ops.roi_pool import bin_edges, rounded_edges


def ps_roi_pool(input, boxes, output_size, spatial_scale=1.0):
    """The mean of each bin of each region; each bin reads its own channels. An empty bin is 0.

    The arguments, the result's shape and the errors are those of :func:`ps_roi_align`.

    Differs from torch:
        The gradient is that of the result. torchvision's backward also counts the last row and column of the features, which
        its forward leaves out of regions that reach beyond them.
    """
    rows, columns = both_sides(output_size)
    if input.shape[1] % (rows * columns):
        raise RuntimeError("input channels must be a multiple of pooling height * pooling width")
    return _ps_roi_pool(input, regions_of(boxes), spatial_scale, rows, columns)


@op(method=False)
def _ps_roi_pool(input: Array, rois: Array, spatial_scale: float, rows: int, columns: int) -> Array:
    batch, _, height, width = input.shape
    rois = jax.lax.stop_gradient(rois)
    features = input.reshape(batch, -1, rows, columns, height, width)

    def mean(region):
        """The result for one region: (C, P, Q)."""
        image, left, top, right, bottom = region
        sizes = [jnp.maximum(high - low, 1).astype(rois.dtype) for low, high in ((top, bottom), (left, right))]
        y_first, y_last = bin_edges(top, sizes[0] / rows, rows, height - 1)
        x_first, x_last = bin_edges(left, sizes[1] / columns, columns, width - 1)
        y, x = jnp.arange(height), jnp.arange(width)
        in_y, in_x = (y >= y_first[:, None]) & (y < y_last[:, None]), (x >= x_first[:, None]) & (x < x_last[:, None])
        in_y, in_x = in_y.astype(input.dtype), in_x.astype(input.dtype)
        cells = in_y.sum(1)[:, None] * in_x.sum(1)[None]
        return jnp.einsum("cpqyx,py,qx->cpq", features[image], in_y, in_x) / jnp.maximum(cells, 1)

    return jax.lax.map(mean, (rois[:, 0].astype(jnp.int32), *rounded_edges(rois, spatial_scale)))


class PSRoIPool(nn.Module):
    """See :func:`ps_roi_pool`."""

    def __init__(self, output_size, spatial_scale):
        super().__init__()
        self.output_size = output_size
        self.spatial_scale = spatial_scale

    def forward(self, input, rois):
        return ps_roi_pool(input, rois, self.output_size, self.spatial_scale)

    def __repr__(self):
        return f"{type(self).__name__}(output_size={self.output_size}, spatial_scale={self.spatial_scale})"
