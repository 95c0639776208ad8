"""The formats of boxes, and how one becomes another.

xyxy: two corners. xywh: a corner and the sizes. cxcywh: the centre and the sizes. xywhr, cxcywhr: with an angle in degrees,
counterclockwise as seen on the screen, about the corner or the centre. xyxyxyxy: four corners.
"""

from __future__ import annotations

import math

from jtorch.core.ops.functions import atan2, stack


def _from_cxcywh(boxes):
    cx, cy, w, h = boxes.unbind(-1)
    return stack((cx - 0.5 * w, cy - 0.5 * h, cx + 0.5 * w, cy + 0.5 * h), dim=-1)


def _to_cxcywh(boxes):
    x1, y1, x2, y2 = boxes.unbind(-1)
    return stack(((x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1), dim=-1)


def _from_xywh(boxes):
    x, y, w, h = boxes.unbind(-1)
    return stack((x, y, x + w, y + h), dim=-1)


def _to_xywh(boxes):
    x1, y1, x2, y2 = boxes.unbind(-1)
    return stack((x1, y1, x2 - x1, y2 - y1), dim=-1)


def _cos_sin(r):
    radians = r * math.pi / 180.0
    return radians.cos(), radians.sin()


def _centre_to_corner(boxes):
    cx, cy, w, h, r = boxes.unbind(-1)
    cos, sin = _cos_sin(r)
    return stack((cx - w / 2 * cos - h / 2 * sin, cy - h / 2 * cos + w / 2 * sin, w, h, r), dim=-1)


def _corner_to_centre(boxes):
    x, y, w, h, r = boxes.unbind(-1)
    cos, sin = _cos_sin(r)
    return stack((x + w / 2 * cos + h / 2 * sin, y - w / 2 * sin + h / 2 * cos, w, h, r), dim=-1)


def _angle_to_corners(boxes):
    x1, y1, w, h, r = boxes.unbind(-1)
    cos, sin = _cos_sin(r)
    x2, y2 = x1 + w * cos, y1 - w * sin
    return stack((x1, y1, x2, y2, x2 + h * sin, y2 + h * cos, x1 + h * sin, y1 + h * cos), dim=-1)


def _corners_to_angle(boxes):
    x1, y1, x2, y2, x3, y3, _, _ = boxes.unbind(-1)
    angle = atan2(y1 - y2, x2 - x1) * 180 / math.pi
    wide, high = ((x2 - x1) ** 2 + (y1 - y2) ** 2).sqrt(), ((x3 - x2) ** 2 + (y3 - y2) ** 2).sqrt()
    return stack((x1, y1, wide, high, angle), dim=-1)


# (from, to) -> the steps
CONVERSIONS = {
    ("xywh", "xyxy"): [_from_xywh],
    ("cxcywh", "xyxy"): [_from_cxcywh],
    ("xyxy", "xywh"): [_to_xywh],
    ("xyxy", "cxcywh"): [_to_cxcywh],
    ("xywh", "cxcywh"): [_from_xywh, _to_cxcywh],
    ("cxcywh", "xywh"): [_from_cxcywh, _to_xywh],
    ("cxcywhr", "xywhr"): [_centre_to_corner],
    ("xywhr", "cxcywhr"): [_corner_to_centre],
    ("cxcywhr", "xyxyxyxy"): [_centre_to_corner, _angle_to_corners],
    ("xyxyxyxy", "cxcywhr"): [_corners_to_angle, _corner_to_centre],
    ("xywhr", "xyxyxyxy"): [_angle_to_corners],
    ("xyxyxyxy", "xywhr"): [_corners_to_angle],
}
FORMATS = ("xyxy", "xywh", "cxcywh", "xywhr", "cxcywhr", "xyxyxyxy")
_ROTATED = {_centre_to_corner, _corner_to_centre, _angle_to_corners, _corners_to_angle}


def converted(boxes, step):
    """One step; integer boxes with an angle are rounded, since their corners are no integers."""
    if step not in _ROTATED or boxes.is_floating_point():
        return step(boxes)
    return step(boxes).round().to(boxes.dtype)
