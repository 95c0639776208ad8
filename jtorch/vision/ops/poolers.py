"""RoIAlign on a feature pyramid: each region is sampled at the level that fits its size."""

from __future__ import annotations

import math

import jax.numpy as jnp
import numpy as np

from jtorch import nn
from jtorch.core.facts import dtypes
from jtorch.core.ops.functions import cat, where
from jtorch.core.ops.make.create import zeros
from jtorch.library import Array, op
from jtorch.vision.ops import _sampling
from jtorch.vision.ops._utils import convert_boxes_to_roi_format
from jtorch.vision.ops.boxes import box_area
from jtorch.vision.ops.roi_align import cells_of, roi_align


class LevelMapper:
    """Says which level of a pyramid a box belongs to (equation 1 of the paper on feature pyramids).

    Args:
        k_min, k_max: the first and last level.
        canonical_scale: the size of boxes that belong to the canonical level.
        canonical_level: that level.
        eps: added before rounding down.
    """

    def __init__(self, k_min, k_max, canonical_scale=224, canonical_level=4, eps=1e-6):
        self.k_min = k_min
        self.k_max = k_max
        self.s0 = canonical_scale
        self.lvl0 = canonical_level
        self.eps = eps

    def __call__(self, boxlists):
        sizes = cat([box_area(boxes) for boxes in boxlists]).sqrt()
        levels = (self.lvl0 + (sizes / self.s0).log2() + self.eps).floor().clamp(min=self.k_min, max=self.k_max)
        return levels.to(dtypes.int64) - self.k_min


def initLevelMapper(k_min, k_max, canonical_scale=224, canonical_level=4, eps=1e-6):
    """A `LevelMapper`."""
    return LevelMapper(k_min, k_max, canonical_scale, canonical_level, eps)


def _scales(features, image_shapes):
    """The scale of each level of features, relative to the largest image: powers of two."""
    if not image_shapes:
        raise ValueError("images list should not be empty")
    height = max(shape[0] for shape in image_shapes)
    ratios = np.float32([each.shape[-2] / height for each in features])
    return [2.0 ** float(power) for power in np.round(np.log2(ratios))]


@op(method=False)
def _pyramid_align(
    rois: Array, levels: Array, features: list[Array], scales: tuple, bins: tuple, sampling_ratio: int
) -> Array:
    """RoIAlign of all regions at once, so that no shape depends on how many regions belong to a level.

    The cells of all levels lie in one list. Each region uses the scale, height, width and start of its own level."""
    cells = jnp.concatenate([each.reshape(*each.shape[:2], -1) for each in features], axis=2).transpose(0, 2, 1)
    heights, widths = ([each.shape[i] for each in features] for i in (2, 3))
    starts = np.cumsum([0, *[h * w for h, w in zip(heights, widths, strict=True)]])[:-1]
    of = lambda numbers: jnp.asarray(numbers)[levels]
    image, box = cells_of(rois, jnp.asarray(scales, rois.dtype)[levels], 0)
    height, width = (of(each)[:, None, None] for each in (heights, widths))
    wide, first, number = (each[:, None, None, None, None] for each in (of(widths), of(starts), image))
    at = lambda row, column: cells[number, first + row * wide + column]
    out = _sampling.binned(at, box, (height, width), bins, sampling_ratio, (sampling_ratio,) * 2, 1)
    return out.transpose(0, 3, 1, 2)


class MultiScaleRoIAlign(nn.Module):
    """:func:`roi_align` with features of several sizes.

    Args:
        featmap_names: the features to use.
        output_size: bins along a side, or along both.
        sampling_ratio: as for roi_align.
        canonical_scale, canonical_level: as for `LevelMapper`.

    Its call takes a dict of features (N, C, H, W), a list with the boxes (L, 4) of each image, and the sizes of the images before
    they became a batch. It gives (K, C, *output_size).
    """

    def __init__(self, featmap_names, output_size, sampling_ratio, *, canonical_scale=224, canonical_level=4):
        super().__init__()
        self.featmap_names = featmap_names
        self.sampling_ratio = sampling_ratio
        self.output_size = (output_size, output_size) if isinstance(output_size, int) else tuple(output_size)
        self.scales = None
        self.map_levels = None
        self.canonical_scale = canonical_scale
        self.canonical_level = canonical_level

    def forward(self, x, boxes, image_shapes):
        features = [each for name, each in x.items() if name in self.featmap_names]
        if self.scales is None or self.map_levels is None:
            self.scales = _scales(features, image_shapes)
            first, last = (int(-math.log2(self.scales[i])) for i in (0, -1))
            self.map_levels = initLevelMapper(first, last, self.canonical_scale, self.canonical_level)
        rois = convert_boxes_to_roi_format(boxes)
        if len(features) == 1:
            return self._aligned(features[0], rois, self.scales[0])
        levels = self.map_levels(boxes)
        if self.sampling_ratio > 0:
            return _pyramid_align(rois, levels, features, tuple(self.scales), self.output_size, self.sampling_ratio)
        shape = (len(rois), features[0].shape[1], *self.output_size)
        result = zeros(shape, dtype=features[0].dtype, device=features[0].device)
        for level, (each, scale) in enumerate(zip(features, self.scales, strict=True)):
            members = where(levels == level)[0]
            result[members] = self._aligned(each, rois[members], scale).to(result.dtype)
        return result

    def _aligned(self, features, rois, scale):
        return roi_align(features, rois, self.output_size, scale, self.sampling_ratio)

    def __repr__(self):
        return (
            f"{type(self).__name__}(featmap_names={self.featmap_names}, output_size={self.output_size}, "
            f"sampling_ratio={self.sampling_ratio})"
        )
