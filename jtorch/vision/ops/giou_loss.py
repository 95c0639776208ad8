"""The generalized IoU of boxes as a loss."""

from __future__ import annotations

from jtorch.core.facts import dtypes
from jtorch.core.ops.functions import maximum, minimum
from jtorch.vision.ops._utils import by_reduction


def floats(boxes):
    """Boxes in float32 or float64."""
    return boxes if boxes.dtype in (dtypes.float32, dtypes.float64) else boxes.float()


def overlap(boxes1, boxes2):
    """For boxes in pairs: the areas of intersection and union, and the sizes of the smallest box around both."""
    x1, y1, x2, y2 = boxes1.unbind(-1)
    a1, b1, a2, b2 = boxes2.unbind(-1)
    wide, high = minimum(x2, a2) - maximum(x1, a1), minimum(y2, b2) - maximum(y1, b1)
    common = (wide * high).masked_fill((wide <= 0) | (high <= 0), 0)
    covered = (x2 - x1) * (y2 - y1) + (a2 - a1) * (b2 - b1) - common
    return common, covered, (maximum(x2, a2) - minimum(x1, a1), maximum(y2, b2) - minimum(y1, b1))


def generalized_box_iou_loss(boxes1, boxes2, reduction="none", eps=1e-7):
    """1 - the generalized IoU of boxes in pairs, which has a gradient even where they do not overlap.

    Args:
        boxes1, boxes2: (N, 4) or (4,) as corners.
        reduction: "none", "mean" or "sum".
        eps: added to the divisors.

    Raises:
        ValueError: an unknown reduction.
    """
    common, covered, (wide, high) = overlap(floats(boxes1), floats(boxes2))
    around = wide * high
    return by_reduction(1 - common / (covered + eps) + (around - covered) / (around + eps), reduction)
