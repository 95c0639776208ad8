"""Boxes and keypoints, as NumPy arrays, moved as the picture is moved: each function returns (array, (height, width)).

Rotated boxes can be converted and flipped. Other changes of them raise NotImplementedError.
"""

from __future__ import annotations

import numpy as np

from jtorch.core.tensor import Tensor, from_numpy
from jtorch.vision.transforms.functional.geometry import inverse_affine, pair, turned_size
from jtorch.vision.transforms.functional.resample import identity_grid
from jtorch.vision.tv_tensors import BoundingBoxes, BoundingBoxFormat, KeyPoints, is_rotated_bounding_format, wrap

from .images import four_sides, new_size, perspective_map
from .kernels import is_pure_tensor

XYXY, XYWH, CXCYWH = BoundingBoxFormat.XYXY, BoundingBoxFormat.XYWH, BoundingBoxFormat.CXCYWH
XYWHR, CXCYWHR, XYXYXYXY = BoundingBoxFormat.XYWHR, BoundingBoxFormat.CXCYWHR, BoundingBoxFormat.XYXYXYXY


def format_of(format):
    """The format of this name."""
    return BoundingBoxFormat[format.upper()] if isinstance(format, str) else format


# ---- formats


def _halved(array):
    return array / 2 if array.dtype.kind == "f" else array // 2


def _to_corners(array, old):
    """XYXY from XYWH or CXCYWH."""
    if old is XYWH:
        return np.concatenate([array[..., :2], array[..., :2] + array[..., 2:]], -1)
    wide = array if array.dtype.kind == "f" else array.astype(np.float32)
    low = wide[..., :2] - wide[..., 2:] / 2
    return np.concatenate([low, low + wide[..., 2:]], -1).astype(array.dtype)


def _from_corners(array, new):
    """XYWH or CXCYWH from XYXY."""
    size = array[..., 2:] - array[..., :2]
    corner = array[..., :2] if new is XYWH else _halved(array[..., :2] * 2 + size)
    return np.concatenate([corner, size], -1)


def _middle_moved(array, sign):
    """XYWHR from CXCYWHR (sign -1), and back (sign 1)."""
    half = array[..., 2:4] / 2
    turn = array[..., 4] * np.asarray(np.pi, array.dtype) / np.asarray(180, array.dtype)
    cos, sin = np.cos(turn), np.sin(turn)
    x = array[..., 0] + sign * (half[..., 0] * cos + half[..., 1] * sin)
    y = array[..., 1] + sign * (half[..., 1] * cos - half[..., 0] * sin)
    return np.concatenate([np.stack([x, y], -1), array[..., 2:]], -1)


def _all_corners(array):
    """XYXYXYXY from XYWHR."""
    turn = array[..., 4] * np.asarray(np.pi, array.dtype) / np.asarray(180, array.dtype)
    cos, sin = np.cos(turn), np.sin(turn)
    x, y, width, height = (array[..., i] for i in range(4))
    corners = [x, y, x + width * cos, y - width * sin]
    corners += [x + width * cos + height * sin, y - (width * sin - height * cos), x + height * sin, y + height * cos]
    return np.stack(corners, -1)


def _one_corner(array):
    """XYWHR from XYXYXYXY."""
    x1, y1, x2, y2, x3, y3 = (array[..., i] for i in range(6))
    turn = np.arctan2(y1 - y2, x2 - x1) / np.asarray(np.pi, array.dtype) * np.asarray(180, array.dtype)
    return np.stack([x1, y1, np.hypot(x2 - x1, y2 - y1), np.hypot(x3 - x2, y3 - y2), turn], -1)


def converted_boxes(array, old, new):
    """Boxes of one format in another.

    Raises:
        ValueError: one of the formats is for rotated boxes and the other is not.
    """
    if old is new:
        return array
    if is_rotated_bounding_format(old) != is_rotated_bounding_format(new):
        raise ValueError("Cannot convert between rotated and unrotated bounding boxes.")
    if is_rotated_bounding_format(old):
        middle = {CXCYWHR: lambda: _middle_moved(array, -1), XYXYXYXY: lambda: _one_corner(array)}
        corner = middle[old]() if old in middle else array
        made = {CXCYWHR: lambda: _middle_moved(corner, 1), XYXYXYXY: lambda: _all_corners(corner)}
        return made[new]() if new in made else corner
    if old is XYWH and new is CXCYWH:
        return np.concatenate([array[..., :2] + _halved(array[..., 2:]), array[..., 2:]], -1)
    corners = array if old is XYXY else _to_corners(array, old)
    return corners if new is XYXY else _from_corners(corners, new)


def convert_bounding_box_format(inpt, old_format=None, new_format=None, inplace=False):
    """Boxes in another format.

    Args:
        old_format: that of a plain Tensor; BoundingBoxes know theirs.
        inplace: write into the input.

    Raises:
        TypeError: neither a plain Tensor nor BoundingBoxes.
        ValueError: `old_format` is missing or superfluous, or formats that cannot be converted.
    """
    if new_format is None:
        raise TypeError("convert_bounding_box_format() missing 1 required argument: 'new_format'")
    if is_pure_tensor(inpt):
        if old_format is None:
            raise ValueError("For pure tensor inputs, `old_format` has to be passed.")
    elif not isinstance(inpt, BoundingBoxes):
        raise TypeError(
            f"Input can either be a plain tensor or a bounding box tv_tensor, but got {type(inpt)} instead."
        )
    elif old_format is not None:
        raise ValueError("For bounding box tv_tensor inputs, `old_format` must not be passed.")
    old, new = format_of(old_format if is_pure_tensor(inpt) else inpt.format), format_of(new_format)
    made = from_numpy(np.ascontiguousarray(converted_boxes(inpt.detach().cpu().numpy(), old, new))).to(inpt.device)
    made = inpt.as_subclass(Tensor).copy_(made) if inplace and made.shape == inpt.shape else made
    return made if is_pure_tensor(inpt) else wrap(made, like=inpt, format=new)


# ---- clamping to the picture


def clamped_boxes(array, format, size, mode):
    """Boxes cut at the sides of the picture."""
    if mode is None:
        return array.copy()
    _refuse_turned(format, "clamp_bounding_boxes")
    wide = array if array.dtype.kind == "f" else array.astype(np.float32)
    corners = converted_boxes(wide, format, XYXY)
    corners = np.clip(corners, 0, np.array([size[1], size[0]] * 2, corners.dtype))
    return converted_boxes(corners, XYXY, format).astype(array.dtype)


def _refuse_turned(format, name):
    if is_rotated_bounding_format(format):
        raise NotImplementedError(f"{name} of rotated boxes ({format.value})")


def clamp_bounding_boxes(inpt, format=None, canvas_size=None, clamping_mode="auto"):
    """Boxes clamped to the picture.

    Args:
        format, canvas_size: those of a plain Tensor; BoundingBoxes know theirs.
        clamping_mode: "soft", "hard", None (not at all), or "auto" (as the boxes say).

    Raises:
        TypeError: neither a plain Tensor nor BoundingBoxes.
        ValueError: an argument is missing or too much.
        NotImplementedError: rotated boxes.
    """
    if clamping_mode is not None and clamping_mode not in ("soft", "hard", "auto"):
        raise ValueError(f"clamping_mode must be soft, hard, auto or None, got {clamping_mode}")
    if is_pure_tensor(inpt):
        if format is None or canvas_size is None or clamping_mode == "auto":
            raise ValueError("For pure tensor inputs, `format`, `canvas_size` and `clamping_mode` have to be passed.")
        made = clamped_boxes(inpt.detach().cpu().numpy(), format_of(format), canvas_size, clamping_mode)
        return from_numpy(made).to(inpt.device)
    if not isinstance(inpt, BoundingBoxes):
        raise TypeError(
            f"Input can either be a plain tensor or a bounding box tv_tensor, but got {type(inpt)} instead."
        )
    if format is not None or canvas_size is not None:
        raise ValueError("For bounding box tv_tensor inputs, `format` and `canvas_size` must not be passed.")
    mode = inpt.clamping_mode if clamping_mode == "auto" else clamping_mode
    made = clamped_boxes(inpt.detach().cpu().numpy(), inpt.format, inpt.canvas_size, mode)
    return wrap(from_numpy(made).to(inpt.device), like=inpt)


def clamp_keypoints(inpt, canvas_size=None):
    """Points outside of the picture moved to its border.

    Raises:
        TypeError: neither a plain Tensor nor KeyPoints.
        ValueError: `canvas_size` is missing or too much.
    """
    if is_pure_tensor(inpt):
        if canvas_size is None:
            raise ValueError("For pure tensor inputs, `canvas_size` has to be passed.")
    elif not isinstance(inpt, KeyPoints):
        raise TypeError(f"Input can either be a plain tensor or a keypoints tv_tensor, but got {type(inpt)} instead.")
    elif canvas_size is not None:
        raise ValueError("For keypoints tv_tensor inputs, `canvas_size` must not be passed.")
    height, width = canvas_size if is_pure_tensor(inpt) else inpt.canvas_size
    array = inpt.detach().cpu().numpy()
    made = from_numpy(np.clip(array, 0, np.array([width - 1, height - 1])).astype(array.dtype)).to(inpt.device)
    return made if is_pure_tensor(inpt) else wrap(made, like=inpt)


# ---- moves


def flipped_boxes(boxes, format, canvas_size, mode, axis):
    """Boxes mirrored: across (axis 0) or down (axis 1)."""
    side = canvas_size[1 - axis]
    made, low, high = boxes.copy(), boxes[..., axis], axis + 2
    if format is XYXY:
        made[..., axis], made[..., high] = side - boxes[..., high], side - low
    elif format is XYWH:
        made[..., axis] = side - low - boxes[..., high]
    elif format is CXCYWH:
        made[..., axis] = side - low
    else:
        corners = converted_boxes(boxes, format, XYXYXYXY)
        corners[..., axis::2] = side - corners[..., axis::2]
        made = converted_boxes(corners[..., [2, 3, 0, 1, 6, 7, 4, 5]], XYXYXYXY, format)
    return made, canvas_size


def boxes_flipped_across(boxes, format, canvas_size, clamping_mode):
    return flipped_boxes(boxes, format, canvas_size, clamping_mode, 0)


def boxes_flipped_down(boxes, format, canvas_size, clamping_mode):
    return flipped_boxes(boxes, format, canvas_size, clamping_mode, 1)


def points_flipped_across(points, canvas_size):
    return np.stack([-(points[..., 0] - (canvas_size[1] - 1)), points[..., 1]], -1), canvas_size


def points_flipped_down(points, canvas_size):
    return np.stack([points[..., 0], -(points[..., 1] - (canvas_size[0] - 1))], -1), canvas_size


def boxes_resized(boxes, format, canvas_size, clamping_mode, size, max_size=None):
    _refuse_turned(format, "resize")
    made, new = points_resized(boxes.reshape(-1, 2), canvas_size, size, max_size)
    return made.reshape(boxes.shape), new


def points_resized(points, canvas_size, size, max_size=None):
    new = new_size(canvas_size, size, max_size)
    if tuple(new) == tuple(canvas_size):
        return points, canvas_size
    ratios = np.array([new[1] / canvas_size[1], new[0] / canvas_size[0]], np.float32)
    return (points * ratios).astype(points.dtype), new


def _shifted(boxes, format, across, down):
    corners = 4 if format is XYXYXYXY else 2 if format is XYXY else 1
    shift = [across, down] * corners + [0] * (boxes.shape[-1] - 2 * corners)
    return boxes + np.array(shift, boxes.dtype)


def boxes_padded(boxes, format, canvas_size, clamping_mode, padding, padding_mode="constant"):
    if padding_mode != "constant":
        raise ValueError(f"Padding mode '{padding_mode}' is not supported with bounding boxes")
    left, top, right, bottom = four_sides(padding)
    size = canvas_size[0] + top + bottom, canvas_size[1] + left + right
    return clamped_boxes(_shifted(boxes, format, left, top), format, size, clamping_mode), size


def points_padded(points, canvas_size, padding, padding_mode="constant"):
    if padding_mode != "constant":
        raise ValueError(
            f"Padding mode '{padding_mode}' is not supported with KeyPoints (supported modes are constant)"
        )
    left, top, right, bottom = four_sides(padding)
    return points + np.array([left, top], points.dtype), (canvas_size[0] + top + bottom, canvas_size[1] + left + right)


def boxes_cropped(boxes, format, canvas_size, clamping_mode, top, left, height, width):
    size = height, width
    return clamped_boxes(_shifted(boxes, format, -left, -top), format, size, clamping_mode), size


def points_cropped(points, canvas_size, top, left, height, width):
    return points - np.array([left, top], points.dtype), (height, width)


def _middle(canvas_size, output_size):
    """(top, left, height, width) of the middle."""
    height, width = pair(output_size)
    return round((canvas_size[0] - height) / 2.0), round((canvas_size[1] - width) / 2.0), height, width


def boxes_center_cropped(boxes, format, canvas_size, clamping_mode, output_size):
    return boxes_cropped(boxes, format, canvas_size, clamping_mode, *_middle(canvas_size, output_size))


def points_center_cropped(points, canvas_size, output_size):
    return points_cropped(points, canvas_size, *_middle(canvas_size, output_size))


def boxes_resized_cropped(boxes, format, canvas_size, clamping_mode, top, left, height, width, size):
    cut, new = boxes_cropped(boxes, format, canvas_size, clamping_mode, top, left, height, width)
    return boxes_resized(cut, format, new, clamping_mode, size)


def points_resized_cropped(points, canvas_size, top, left, height, width, size):
    return points_resized(*points_cropped(points, canvas_size, top, left, height, width), size)


def _through_corners(boxes, format, size, mode, moved, name, early=False):
    """Boxes around the images of their four corners.

    `moved`: (points) -> (points, size). `early`: cast to the boxes' dtype before they are clamped.
    """
    _refuse_turned(format, name)
    if not boxes.size:
        return boxes, size
    corners = converted_boxes(boxes, format, XYXY)
    wide = corners if corners.dtype.kind == "f" else corners.astype(np.float32)
    points, new = moved(wide[:, [0, 1, 2, 1, 2, 3, 0, 3]].reshape(-1, 2))
    points = points.reshape(-1, 4, 2)
    around = np.concatenate([points.min(1), points.max(1)], -1)
    around = clamped_boxes(around.astype(boxes.dtype) if early else around, XYXY, new, mode)
    return converted_boxes(around, XYXY, format).astype(boxes.dtype), new


def points_affine(points, canvas_size, angle, translate, scale, shear, center=None, expand=False):
    height, width = canvas_size
    wide = points if points.dtype.kind == "f" else points.astype(np.float32)
    shear = [shear, 0.0] if isinstance(shear, int | float) else list(shear)
    middle = [width * 0.5, height * 0.5] if center is None else list(center)
    inverse = inverse_affine(middle, angle, list(translate), scale, shear)
    forth = np.linalg.inv(np.vstack([np.reshape(inverse, (2, 3)), [0, 0, 1]]))[:2].astype(wide.dtype)
    moved = wide.reshape(-1, 2) @ forth[:, :2].T + forth[:, 2]
    if expand:
        frame = np.array([[0, 0], [0, height], [width, height], [width, 0]], wide.dtype)
        moved = moved - (frame @ forth[:, :2].T + forth[:, 2]).min(0)
        turned = inverse_affine([0.0, 0.0], angle, [0.0, 0.0], scale, shear)
        width, height = turned_size(turned, width, height)
    return moved.reshape(points.shape).astype(points.dtype), (height, width)


def boxes_affine(boxes, format, canvas_size, clamping_mode, angle, translate, scale, shear, center=None):
    def moved(points):
        return points_affine(points, canvas_size, angle, translate, scale, shear, center)

    return _through_corners(boxes, format, canvas_size, clamping_mode, moved, "affine")


def boxes_rotated(boxes, format, canvas_size, clamping_mode, angle, expand=False, center=None):
    def moved(points):
        return points_rotated(points, canvas_size, angle, expand, center)

    return _through_corners(boxes, format, canvas_size, clamping_mode, moved, "rotate")


def points_rotated(points, canvas_size, angle, expand=False, center=None):
    return points_affine(points, canvas_size, -angle, [0.0, 0.0], 1.0, [0.0, 0.0], center, expand)


def points_in_perspective(points, canvas_size, startpoints=None, endpoints=None, coefficients=None):
    a, b, c, d, e, f, g, h = perspective_map(startpoints, endpoints, coefficients)
    area = a * e - b * d
    if area == 0:
        raise RuntimeError(
            f"Provided perspective_coeffs {[a, b, c, d, e, f, g, h]} can not be inverted to transform keypoints. "
            f"Denominator is zero, denom={area}"
        )
    kind = points.dtype if points.dtype.kind == "f" else np.dtype(np.float32)
    over = [[e - f * h, -b + c * h, b * f - c * e], [-d + f * g, a - c * g, -a * f + c * d]]
    depth = [-e * g + d * h, b * g - a * h, area]
    flat = np.concatenate([points.reshape(-1, 2), np.ones((points.size // 2, 1))], -1).astype(kind)
    scaled = (np.array(rows, np.float64) / area for rows in (over, depth))
    over, depth = (rows.astype(kind) for rows in scaled)
    return (flat @ over.T / (flat @ depth)[:, None]).reshape(points.shape).astype(points.dtype), canvas_size


def boxes_in_perspective(
    boxes, format, canvas_size, clamping_mode, startpoints=None, endpoints=None, coefficients=None
):
    def moved(points):
        return points_in_perspective(points, canvas_size, startpoints, endpoints, coefficients)

    return _through_corners(boxes, format, canvas_size, clamping_mode, moved, "perspective")


def points_elastic(points, canvas_size, displacement):
    height, width = canvas_size
    field = identity_grid(height, width) - displacement.detach().cpu().numpy()[0]
    x, y = np.moveaxis(points.reshape(-1, 2).astype(np.int64), -1, 0)
    found = field[np.clip(y, 0, height - 1), np.clip(x, 0, width - 1)]
    moved = (found + 1) * (0.5 * np.array([width, height], np.float32)) - np.float32(0.5)
    return moved.reshape(points.shape).astype(points.dtype), canvas_size


def boxes_elastic(boxes, format, canvas_size, clamping_mode, displacement):
    def moved(points):
        return points_elastic(np.ceil(points), canvas_size, displacement)

    return _through_corners(boxes, format, canvas_size, clamping_mode, moved, "elastic", early=True)


# ---- boxes and points to keep


def kept_boxes(boxes, format, canvas_size, min_size=1.0, min_area=1.0):
    """Which boxes are inside the picture and large enough."""
    _refuse_turned(format, "sanitize_bounding_boxes")
    corners = converted_boxes(boxes, format, XYXY)
    width, height = corners[:, 2] - corners[:, 0], corners[:, 3] - corners[:, 1]
    limits = np.array([canvas_size[1], canvas_size[0]] * 2)
    inside = (corners >= 0).all(-1) & (corners <= limits).all(-1)
    return inside & (width >= min_size) & (height >= min_size) & (width * height >= min_area)


def kept_points(points, canvas_size):
    """Which points are inside the picture; for groups of points: whether all points are."""
    inside = ((points >= 0) & (points < np.array([canvas_size[1], canvas_size[0]]))).all(-1)
    return inside.reshape(len(inside), -1).all(1) if inside.ndim > 1 else inside


def sanitize_bounding_boxes(bounding_boxes, format=None, canvas_size=None, min_size=1.0, min_area=1.0):
    """(the boxes that are inside the picture and large enough, a mask of the boxes that were kept).

    Raises:
        ValueError: neither a plain Tensor nor BoundingBoxes, or an argument is missing or too much.
    """
    if is_pure_tensor(bounding_boxes):
        if format is None or canvas_size is None:
            raise ValueError(
                f"format and canvas_size cannot be None if bounding_boxes is a pure tensor. Got format={format} and "
                f"canvas_size={canvas_size}."
                "Set those to appropriate values or pass bounding_boxes as a tv_tensors.BoundingBoxes object."
            )
        known = format_of(format), canvas_size
    elif not isinstance(bounding_boxes, BoundingBoxes):
        raise ValueError("bounding_boxes must be a tv_tensors.BoundingBoxes instance or a pure tensor.")
    elif format is not None or canvas_size is not None:
        raise ValueError(
            "format and canvas_size must be None when bounding_boxes is a tv_tensors.BoundingBoxes instance. "
            f"Got format={format} and canvas_size={canvas_size}. "
            "Leave those to None or pass bounding_boxes as a pure tensor."
        )
    else:
        known = bounding_boxes.format, bounding_boxes.canvas_size
    valid = from_numpy(kept_boxes(bounding_boxes.detach().cpu().numpy(), *known, min_size, min_area))
    left = bounding_boxes.as_subclass(Tensor)[valid]
    return (left if is_pure_tensor(bounding_boxes) else wrap(left, like=bounding_boxes)), valid


def sanitize_keypoints(key_points, canvas_size=None):
    """(the points that are inside the picture, a mask of the points that were kept).

    Raises:
        ValueError: neither a plain Tensor nor KeyPoints, or `canvas_size` is missing or too much.
    """
    if is_pure_tensor(key_points):
        if canvas_size is None:
            raise ValueError(
                "canvas_size cannot be None if key_points is a pure tensor. "
                "Set it to an appropriate value or pass key_points as a tv_tensors.KeyPoints object."
            )
    elif not isinstance(key_points, KeyPoints):
        raise ValueError("key_points must be a tv_tensors.KeyPoints instance or a pure tensor.")
    elif canvas_size is not None:
        raise ValueError(
            "canvas_size must be None when key_points is a tv_tensors.KeyPoints instance. "
            f"Got canvas_size={canvas_size}. Leave it to None or pass key_points as a pure tensor."
        )
    size = canvas_size if is_pure_tensor(key_points) else key_points.canvas_size
    valid = from_numpy(kept_points(key_points.detach().cpu().numpy(), size))
    left = key_points.as_subclass(Tensor)[valid]
    return (left if is_pure_tensor(key_points) else wrap(left, like=key_points)), valid
