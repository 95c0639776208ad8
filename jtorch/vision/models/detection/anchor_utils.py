"""Anchors: boxes around each cell of the features; predictions are relative to them."""

from __future__ import annotations

import math

import numpy as np

from jtorch import nn
from jtorch.core.facts import dtypes
from jtorch.core.methods import _assert
from jtorch.core.ops.functions import arange, cat, meshgrid, stack
from jtorch.core.tensor import as_tensor, tensor


class AnchorGenerator(nn.Module):
    """Anchors of several sizes and aspect ratios around each cell.

    Args:
        sizes: for each of the features, the sizes (square roots of the areas).
        aspect_ratios: for each of the features, heights divided by widths.

    Its call takes an ImageList and a list of features (N, C, H, W). It returns the anchors (A, 4), as corners, of each
    image.
    """

    def __init__(self, sizes=((128, 256, 512),), aspect_ratios=((0.5, 1.0, 2.0),)):
        super().__init__()
        if not isinstance(sizes[0], list | tuple):
            sizes = tuple([(size,) for size in sizes])
        if not isinstance(aspect_ratios[0], list | tuple):
            aspect_ratios = (aspect_ratios,) * len(sizes)
        self.sizes = sizes
        self.aspect_ratios = aspect_ratios
        self.cell_anchors = [self.generate_anchors(*each) for each in zip(sizes, aspect_ratios, strict=False)]

    def generate_anchors(self, scales, aspect_ratios, dtype=dtypes.float32, device="cpu"):
        """The anchors (A, 4) around 0."""
        heights = np.sqrt(np.asarray(aspect_ratios, np.float32))
        scales = np.asarray(scales, np.float32)
        width, height = ((1 / heights)[:, None] * scales).ravel(), (heights[:, None] * scales).ravel()
        around = np.round(np.stack([-width, -height, width, height], axis=1) / np.float32(2))
        return tensor(around, dtype=dtype, device=device)

    def set_cell_anchors(self, dtype, device):
        """Convert the anchors around 0 to this dtype and device."""
        self.cell_anchors = [each.to(dtype=dtype, device=device) for each in self.cell_anchors]

    def num_anchors_per_location(self):
        """How many anchors a cell of each of the features has."""
        return [len(sizes) * len(ratios) for sizes, ratios in zip(self.sizes, self.aspect_ratios, strict=False)]

    def grid_anchors(self, grid_sizes, strides):
        """The anchors of each of the features, whose cells have these distances along y and x."""
        _assert(
            len(grid_sizes) == len(strides) == len(self.cell_anchors),
            "Anchors should be Tuple[Tuple[int]] because each feature "
            "map could potentially have different sizes and aspect ratios. "
            "There needs to be a match between the number of "
            "feature maps passed and the number of sizes / aspect ratios specified.",
        )
        anchors = []
        for size, stride, around in zip(grid_sizes, strides, self.cell_anchors, strict=True):
            y, x = (
                arange(0, cells, dtype=dtypes.int32, device=around.device) * step
                for cells, step in zip(size, stride, strict=True)
            )
            y, x = (each.reshape(-1) for each in meshgrid(y, x, indexing="ij"))
            centres = stack((x, y, x, y), dim=1)
            anchors.append((centres.view(-1, 1, 4) + around.view(1, -1, 4)).reshape(-1, 4))
        return anchors

    def forward(self, image_list, feature_maps):
        sizes = [tuple(each.shape[-2:]) for each in feature_maps]
        height, width = image_list.tensors.shape[-2:]
        self.set_cell_anchors(feature_maps[0].dtype, feature_maps[0].device)
        anchors = self.grid_anchors(sizes, [(height // rows, width // columns) for rows, columns in sizes])
        return [cat(anchors) for _ in image_list.image_sizes]


class DefaultBoxGenerator(nn.Module):
    """The anchors of SSD: two squares and pairs of rectangles for each feature map, sized relative to the image.

    Args:
        aspect_ratios: for each of the features.
        min_ratio, max_ratio: the sizes grow linearly from min to max.
        scales: the sizes, one more than features; None: see above.
        steps: the distance of cells in pixels, for each of the features; None: the image divided by the cells.
        clip: limit the sizes to the image.

    Raises:
        ValueError: steps and aspect_ratios differ in length.
    """

    def __init__(self, aspect_ratios, min_ratio=0.15, max_ratio=0.9, scales=None, steps=None, clip=True):
        super().__init__()
        if steps is not None and len(aspect_ratios) != len(steps):
            raise ValueError("aspect_ratios and steps should have the same length")
        self.aspect_ratios = aspect_ratios
        self.steps = steps
        self.clip = clip
        count = len(aspect_ratios)
        if scales is not None:
            self.scales = scales
        elif count > 1:
            growth = max_ratio - min_ratio
            self.scales = [*[min_ratio + growth * k / (count - 1.0) for k in range(count)], 1.0]
        else:
            self.scales = [min_ratio, max_ratio]
        self._sizes = [self._of_level(k) for k in range(count)]

    def _of_level(self, k):
        """Width and height of the anchors of one of the features."""
        size, between = self.scales[k], math.sqrt(self.scales[k] * self.scales[k + 1])
        pairs = [[size, size], [between, between]]
        for ratio in self.aspect_ratios[k]:
            width, height = size * math.sqrt(ratio), size / math.sqrt(ratio)
            pairs += [[width, height], [height, width]]
        return np.asarray(pairs, np.float32)

    def num_anchors_per_location(self):
        """How many anchors a cell of each of the features has."""
        return [2 + 2 * len(ratios) for ratios in self.aspect_ratios]

    def _boxes(self, grid_sizes, image_size):
        """The anchors of all features as centres and sizes, in units of the image."""
        boxes = []
        for k, (rows, columns) in enumerate(grid_sizes):
            step = (rows, columns) if self.steps is None else [size / self.steps[k] for size in image_size]
            y, x = (
                ((np.arange(cells, dtype=np.float32) + np.float32(0.5)) / np.float32(n))
                for cells, n in zip((rows, columns), step, strict=True)
            )
            y, x = (each.ravel() for each in np.meshgrid(y, x, indexing="ij"))
            sizes = self._sizes[k].clip(0, 1) if self.clip else self._sizes[k]
            centres = np.repeat(np.stack((x, y), axis=1), len(sizes), axis=0)
            boxes.append(np.concatenate([centres, np.tile(sizes, (rows * columns, 1))], axis=1))
        return np.concatenate(boxes)

    def forward(self, image_list, feature_maps):
        image_size = tuple(image_list.tensors.shape[-2:])
        boxes = self._boxes([tuple(each.shape[-2:]) for each in feature_maps], image_size)
        boxes = as_tensor(boxes, dtype=feature_maps[0].dtype, device=feature_maps[0].device)
        pixels = tensor([image_size[1], image_size[0]], device=boxes.device)
        corners = [(boxes[:, :2] + half * boxes[:, 2:]) * pixels for half in (-0.5, 0.5)]
        return [cat(corners, -1) for _ in image_list.image_sizes]

    def __repr__(self):
        return (
            f"{type(self).__name__}(aspect_ratios={self.aspect_ratios}, clip={self.clip}, scales={self.scales}, "
            f"steps={self.steps})"
        )
