"""RoI pooling (Girshick, 2015): the maxima of the bins of regions, whose edges are rounded to cells."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jtorch import nn
from jtorch.library import Array, op
from jtorch.vision.ops._utils import both_sides, regions_of


def roi_pool(input, boxes, output_size, spatial_scale=1.0):
    """The maximum of each bin of each region. An empty bin is 0.

    The arguments, the result's shape and the errors are those of :func:`roi_align`.
    """
    rows, columns = both_sides(output_size)
    return _roi_pool(input, regions_of(boxes), spatial_scale, rows, columns)


def rounded_edges(rois, spatial_scale):
    """The left, upper, right and lower edges of regions (K, 5), rounded to cells, halves away from zero."""
    scaled = rois[:, 1:] * spatial_scale
    return tuple((jnp.sign(scaled) * jnp.floor(abs(scaled) + 0.5)).astype(jnp.int32).T)


def bin_edges(start, size, bins, cells):
    """The first cell of each bin of a region along one dimension, and the one after its last."""
    numbers = jnp.arange(bins, dtype=size.dtype)
    first = jnp.floor(numbers * size).astype(jnp.int32) + start
    last = jnp.ceil((numbers + 1) * size).astype(jnp.int32) + start
    return jnp.clip(first, 0, cells), jnp.clip(last, 0, cells)


@op(method=False)
def _roi_pool(input: Array, rois: Array, spatial_scale: float, rows: int, columns: int) -> Array:
    _, _, height, width = input.shape
    rois = jax.lax.stop_gradient(rois)
    values = jax.lax.stop_gradient(input)

    def largest(region):
        """The cell of the maximum in each bin of one region, the first if there are several: rows and columns (C, P, Q)."""
        image, left, top, right, bottom = region
        sizes = [jnp.maximum(high - low + 1, 1).astype(rois.dtype) for low, high in ((top, bottom), (left, right))]
        y_first, y_last = bin_edges(top, sizes[0] / rows, rows, height)
        x_first, x_last = bin_edges(left, sizes[1] / columns, columns, width)
        y, x = jnp.arange(height), jnp.arange(width)
        in_y, in_x = (y >= y_first[:, None]) & (y < y_last[:, None]), (x >= x_first[:, None]) & (x < x_last[:, None])
        along = jnp.where(in_x[None, None], values[image][:, :, None], -jnp.inf)  # (C, H, Q, W)
        column, best = along.argmax(-1), along.max(-1)
        row = jnp.where(in_y[None, :, :, None], best[:, None], -jnp.inf).argmax(2)  # (C, P, Q)
        column = jnp.take_along_axis(column, row, axis=1)
        filled = in_y.any(1)[:, None] & in_x.any(1)[None]
        return row, column, jnp.broadcast_to(filled, row.shape)

    image = rois[:, 0].astype(jnp.int32)
    row, column, filled = jax.lax.map(largest, (image, *rounded_edges(rois, spatial_scale)))
    channel = jnp.arange(input.shape[1])[None, :, None, None]
    return jnp.where(filled, input[image[:, None, None, None], channel, row, column], 0)


class RoIPool(nn.Module):
    """See :func:`roi_pool`."""

    def __init__(self, output_size, spatial_scale):
        super().__init__()
        self.output_size = output_size
        self.spatial_scale = spatial_scale

    def forward(self, input, rois):
        return roi_pool(input, rois, self.output_size, self.spatial_scale)

    def __repr__(self):
        return f"{type(self).__name__}(output_size={self.output_size}, spatial_scale={self.spatial_scale})"
