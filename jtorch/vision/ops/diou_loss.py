"""The IoU of boxes and the distance of their centres as a loss."""

from __future__ import annotations

from jtorch.vision.ops._utils import by_reduction
from jtorch.vision.ops.giou_loss import floats, overlap


def losses_and_overlaps(boxes1, boxes2, eps=1e-7):
    """1 - IoU + the distance, and the IoU, of boxes in pairs."""
    common, covered, (wide, high) = overlap(boxes1, boxes2)
    iou = common / (covered + eps)
    apart = (boxes1[..., :2] + boxes1[..., 2:]) / 2 - (boxes2[..., :2] + boxes2[..., 2:]) / 2
    return 1 - iou + (apart**2).sum(-1) / (wide**2 + high**2 + eps), iou


def distance_box_iou_loss(boxes1, boxes2, reduction="none", eps=1e-7):
    """1 - IoU + the squared distance of the centres in units of the diagonal around both.

    The arguments and errors are those of :func:`generalized_box_iou_loss`.
    """
    return by_reduction(losses_and_overlaps(floats(boxes1), floats(boxes2), eps)[0], reduction)
