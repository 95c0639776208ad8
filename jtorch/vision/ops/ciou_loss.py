"""The IoU of boxes, the distance of their centres and their aspect ratios as a loss."""

from __future__ import annotations

import math

from jtorch.core.grad import no_grad
from jtorch.vision.ops._utils import by_reduction
from jtorch.vision.ops.diou_loss import losses_and_overlaps
from jtorch.vision.ops.giou_loss import floats


def complete_box_iou_loss(boxes1, boxes2, reduction="none", eps=1e-7):
    """:func:`distance_box_iou_loss` and a term for the difference of the aspect ratios."""
    boxes1, boxes2 = floats(boxes1), floats(boxes2)
    loss, iou = losses_and_overlaps(boxes1, boxes2)
    angles = [((boxes[..., 2] - boxes[..., 0]) / (boxes[..., 3] - boxes[..., 1])).atan() for boxes in (boxes2, boxes1)]
    term = 4 / math.pi**2 * (angles[0] - angles[1]) ** 2
    with no_grad():
        weight = term / (1 - iou + term + eps)
    return by_reduction(loss + weight * term, reduction)
