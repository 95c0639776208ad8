"""Operations on boxes: non-maximum suppression, conversion between formats, areas and overlaps."""

from __future__ import annotations

import math

import numpy as np

from jtorch.core.facts import dtypes
from jtorch.core.grad import no_grad
from jtorch.core.ops.functions import maximum, minimum, stack, where
from jtorch.core.ops.make.create import empty, zeros
from jtorch.core.tensor import tensor
from jtorch.vision.ops._box_convert import CONVERSIONS, FORMATS, converted
from jtorch.vision.ops._rotated import iou_rotated
from jtorch.vision.ops._utils import upcast


def nms(boxes, scores, iou_threshold):
    """Non-maximum suppression: the indices of the boxes to keep, by falling score.

    Each box suppresses the boxes of lower score that overlap with it.

    Args:
        boxes: (N, 4) as x1, y1, x2, y2.
        scores: (N,).
        iou_threshold: a box is suppressed by an overlap above this.

    Returns:
        int64 indices on the boxes' device. How many depends on the values, so they are computed at once, on the host.

    Raises:
        RuntimeError: shapes that do not fit together.

    >>> from jtorch.vision.ops import nms
    >>> nms(torch.tensor([[0., 0, 2, 2], [0, 0, 2, 1.9], [5, 5, 6, 6]]), torch.tensor([0.5, 0.9, 0.2]), 0.5)
    tensor([1, 2])
    """
    if boxes.dim() != 2:
        raise RuntimeError(f"boxes should be a 2d tensor, got {boxes.dim()}D")
    if boxes.size(1) != 4:
        raise RuntimeError(f"boxes should have 4 elements in dimension 1, got {boxes.size(1)}")
    if scores.dim() != 1:
        raise RuntimeError(f"scores should be a 1d tensor, got {scores.dim()}D")
    if boxes.size(0) != scores.size(0):
        raise RuntimeError(
            "boxes and scores should have same number of elements in "
            f"dimension 0, got {boxes.size(0)} and {scores.size(0)}"
        )
    kept = _suppressed(boxes.detach().cpu().numpy(), scores.detach().cpu().numpy(), np.float64(iou_threshold))
    return tensor(kept, dtype=dtypes.int64, device=boxes.device)


def _suppressed(boxes, scores, threshold):
    left = np.argsort(-scores, kind="stable")
    low, high = boxes[left, :2], boxes[left, 2:]
    areas = np.prod(high - low, axis=1)
    kept = []
    while len(left):
        kept.append(left[0])
        sizes = np.maximum(np.minimum(high[0], high) - np.maximum(low[0], low), 0)
        common = sizes[:, 0] * sizes[:, 1]
        with np.errstate(invalid="ignore", divide="ignore"):
            apart = ~((common / (areas[0] + areas - common)) > threshold)
        apart[0] = False
        left, low, high, areas = left[apart], low[apart], high[apart], areas[apart]
    return np.asarray(kept, dtype=np.int64)


def batched_nms(boxes, scores, idxs, iou_threshold):
    """:func:`nms` within each category: boxes of different `idxs` do not suppress each other.

    Args:
        boxes, scores, iou_threshold: as for :func:`nms`.
        idxs: (N,), the number of each box's category.
    """
    if boxes.numel() > (4000 if boxes._type.place.kind.host else 100_000):
        return _each_category(boxes, scores, idxs, iou_threshold)
    if boxes.numel() == 0:
        return empty((0,), dtype=dtypes.int64, device=boxes.device)
    # Boxes of different categories are moved so far apart that they cannot overlap.
    offsets = idxs.to(boxes) * (boxes.max() + 1)
    return nms(boxes + offsets[:, None], scores, iou_threshold)


def _each_category(boxes, scores, idxs, iou_threshold):
    kept = np.zeros(len(scores), bool)
    categories = idxs.detach().cpu().numpy()
    for category in np.unique(categories):
        members = np.flatnonzero(categories == category)
        chosen = tensor(members, device=boxes.device)
        kept[members[nms(boxes[chosen], scores[chosen], iou_threshold).cpu().numpy()]] = True
    indices = tensor(np.flatnonzero(kept), device=boxes.device)
    return indices[scores[indices].sort(descending=True)[1]]


def remove_small_boxes(boxes, min_size):
    """The indices of the boxes (..., 4), as corners, whose sides are both at least `min_size` long."""
    width, height = boxes[..., 2] - boxes[..., 0], boxes[..., 3] - boxes[..., 1]
    return where((width >= min_size) & (height >= min_size))[0]


def clip_boxes_to_image(boxes, size):
    """The boxes (..., 4), as corners, with corners inside an image of this size (height, width)."""
    height, width = size
    x, y = boxes[..., 0::2].clamp(min=0, max=width), boxes[..., 1::2].clamp(min=0, max=height)
    return stack((x, y), dim=boxes.dim()).reshape(boxes.shape)


def box_convert(boxes, in_fmt, out_fmt):
    """The boxes in another format.

    Args:
        boxes: (..., 4), (..., 5) or (..., 8), by the format.
        in_fmt, out_fmt: "xyxy", "xywh", "cxcywh", and with an angle in degrees "xywhr", "cxcywhr", "xyxyxyxy".

    Raises:
        ValueError: a format that is none of these.
        NotImplementedError: only one of the formats has an angle.

    >>> from jtorch.vision.ops import box_convert
    >>> box_convert(torch.tensor([1, 2, 3, 4]), "xywh", "xyxy")
    tensor([1, 2, 4, 6])
    """
    if in_fmt not in FORMATS or out_fmt not in FORMATS:
        raise ValueError(f"Unsupported Bounding Box Conversions for given in_fmt {in_fmt} and out_fmt {out_fmt}")
    if in_fmt == out_fmt:
        return boxes.clone()
    if (in_fmt, out_fmt) not in CONVERSIONS:
        raise NotImplementedError(
            f"Unsupported Bounding Box Conversions for given in_fmt {in_fmt} and out_fmt {out_fmt}"
        )
    for step in CONVERSIONS[in_fmt, out_fmt]:
        boxes = converted(boxes, step)
    return boxes


def box_area(boxes, fmt="xyxy"):
    """The areas of boxes (..., 4). Raises ValueError for a format other than "xyxy", "xywh" and "cxcywh"."""
    if fmt not in ("xyxy", "xywh", "cxcywh"):
        raise ValueError(f"Unsupported Bounding Box area for given format {fmt}")
    a, b, c, d = upcast(boxes).unbind(-1)
    return (c - a) * (d - b) if fmt == "xyxy" else c * d


def _corners(boxes, fmt):
    """The two corners of boxes (..., 4)."""
    first, second = boxes[..., :2], boxes[..., 2:]
    if fmt == "xyxy":
        return first, second
    return (first, first + second) if fmt == "xywh" else (first - second / 2, first + second / 2)


def _intersections(boxes1, boxes2, fmt="xyxy"):
    """The areas of the intersection and the union of each pair of boxes: (..., N, M)."""
    (low1, high1), (low2, high2) = _corners(boxes1, fmt), _corners(boxes2, fmt)
    sizes = minimum(high1[..., None, :], high2[..., None, :, :]) - maximum(low1[..., None, :], low2[..., None, :, :])
    wide, high = upcast(sizes).clamp(min=0).unbind(-1)
    common = wide * high
    return common, box_area(boxes1, fmt)[..., None] + box_area(boxes2, fmt)[..., None, :] - common


def _hull(boxes1, boxes2):
    """The sizes of the smallest box around each pair of boxes: (..., N, M, 2)."""
    low = minimum(boxes1[..., None, :2], boxes2[..., None, :, :2])
    high = maximum(boxes1[..., None, 2:], boxes2[..., None, :, 2:])
    return upcast(high - low).clamp(min=0)


def box_iou(boxes1, boxes2, fmt="xyxy"):
    """The intersection over union (IoU) of each pair of boxes.

    Args:
        boxes1, boxes2: (..., N, 4) and (..., M, 4); (N, 5) or (N, 8) for formats with an angle.
        fmt: see :func:`box_convert`.

    Returns:
        (..., N, M).

    Raises:
        ValueError: a format that is none of these.
    """
    if fmt in ("xyxy", "xywh", "cxcywh"):
        common, covered = _intersections(boxes1, boxes2, fmt)
        return common / covered
    rotated = ("cxcywhr", "xywhr", "xyxyxyxy")
    if fmt not in rotated:
        raise ValueError(
            f"Unsupported format '{fmt}'. Supported axis-aligned formats: {('xyxy', 'xywh', 'cxcywh')}. "
            f"Supported rotated formats: {rotated}."
        )
    corners = [box_convert(each, fmt, "xyxyxyxy") for each in (boxes1, boxes2)]
    return iou_rotated(*corners)


def generalized_box_iou(boxes1, boxes2):
    """:func:`box_iou`, minus the share of the smallest box around both that neither covers."""
    common, covered = _intersections(boxes1, boxes2)
    wide, high = _hull(boxes1, boxes2).unbind(-1)
    around = wide * high
    return common / covered - (around - covered) / around


def distance_box_iou(boxes1, boxes2, eps=1e-7):
    """:func:`box_iou` minus the squared distance of the centres, in units of the diagonal of the box around both."""
    boxes1, boxes2 = upcast(boxes1), upcast(boxes2)
    wide, high = _hull(boxes1, boxes2).unbind(-1)
    centres1, centres2 = ((boxes[..., :2] + boxes[..., 2:]) / 2 for boxes in (boxes1, boxes2))
    dx, dy = (centres1[..., None, :] - centres2[..., None, :, :]).unbind(-1)
    return box_iou(boxes1, boxes2) - (upcast(dx) ** 2 + upcast(dy) ** 2) / (wide**2 + high**2 + eps)


def complete_box_iou(boxes1, boxes2, eps=1e-7):
    """:func:`distance_box_iou` minus a term for the difference of the aspect ratios."""
    boxes1, boxes2 = upcast(boxes1), upcast(boxes2)
    angles1, angles2 = (
        ((boxes[..., 2] - boxes[..., 0]) / (boxes[..., 3] - boxes[..., 1])).atan() for boxes in (boxes1, boxes2)
    )
    term = 4 / math.pi**2 * (angles1[..., None] - angles2[..., None, :]) ** 2
    with no_grad():
        weight = term / (1 - box_iou(boxes1, boxes2) + term + eps)
    return distance_box_iou(boxes1, boxes2, eps) - weight * term


def masks_to_boxes(masks):
    """The boxes (N, 4), as corners, around the nonzero cells of each mask (N, H, W); zeros for an empty mask."""
    if masks.numel() == 0:
        return zeros((0, 4), device=masks.device, dtype=dtypes.float32)
    _, height, width = masks.shape
    filled = masks.bool()
    rows, columns = filled.any(2).float(), filled.any(1).float()
    low = columns.argmax(1), rows.argmax(1)
    high = width - 1 - columns.flip([1]).argmax(1), height - 1 - rows.flip([1]).argmax(1)
    boxes = stack([*low, *high], dim=1).float()
    return where(filled.flatten(1).any(1)[:, None], boxes, 0.0)
