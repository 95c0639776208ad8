"""Transforms of v2 that move pixels, and boxes, masks and keypoints with them: sizes, crops, borders, flips."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
import PIL.Image

from jtorch.vision import tv_tensors

from .. import geometry
from ..chance import below, between, units
from ..pixel_values import height_and_width, random_rectangles
from . import functional as F
from .functional.boxes import converted_boxes
from .functional.images import four_sides
from .functional.kernels import is_pure_tensor
from .sample_transform import (
    RandomApplyTransform,
    Transform,
    fill_of,
    fill_table,
    get_bounding_boxes,
    has_all,
    has_any,
    query_size,
)

_TWO_SIZES = "Please provide only two dimensions (h, w) for size."


class RandomHorizontalFlip(RandomApplyTransform):
    """Left and right exchanged, with probability p."""

    def transform(self, inpt, params):
        return self._call_kernel(F.horizontal_flip, inpt)


class RandomVerticalFlip(RandomApplyTransform):
    """Upside down, with probability p."""

    def transform(self, inpt, params):
        return self._call_kernel(F.vertical_flip, inpt)


class Resize(Transform):
    """Resize the sample.

    Args:
        size: (height, width); or one number for the shorter side; None: `max_size` is the longer side.
    """

    def __init__(self, size, interpolation="bilinear", max_size=None, antialias=True):
        super().__init__()
        if size is None:
            if not isinstance(max_size, int):
                raise ValueError(f"max_size must be an integer when size is None, but got {max_size} instead.")
        elif not isinstance(size, int) and not (isinstance(size, Sequence) and len(size) in (1, 2)):
            raise ValueError(
                f"size can be an integer, a sequence of one or two integers, or None, but got {size} instead."
            )
        self.size = [size] if isinstance(size, int) else None if size is None else list(size)
        self.interpolation, self.max_size, self.antialias = interpolation, max_size, antialias

    def transform(self, inpt, params):
        return self._call_kernel(
            F.resize,
            inpt,
            self.size,
            interpolation=self.interpolation,
            max_size=self.max_size,
            antialias=self.antialias,
        )


class CenterCrop(Transform):
    """The middle of the picture."""

    def __init__(self, size):
        super().__init__()
        self.size = height_and_width(size, _TWO_SIZES)

    def transform(self, inpt, params):
        return self._call_kernel(F.center_crop, inpt, output_size=self.size)


class RandomResizedCrop(Transform):
    """A random part of the picture, of random shape, resized to `size`. See v1's RandomResizedCrop."""

    get_params = staticmethod(geometry.RandomResizedCrop.get_params)

    def __init__(
        self,
        size,
        scale=(0.08, 1.0),
        ratio=(3.0 / 4.0, 4.0 / 3.0),
        interpolation="bilinear",
        antialias=True,
    ):
        super().__init__()
        self.size = height_and_width(size, _TWO_SIZES)
        if not isinstance(scale, Sequence) or len(scale) != 2:
            raise TypeError("Scale should be a sequence of two floats.")
        if not isinstance(ratio, Sequence) or len(ratio) != 2:
            raise TypeError("Ratio should be a sequence of two floats.")
        if scale[0] > scale[1] or ratio[0] > ratio[1]:
            warnings.warn("Scale and ratio should be of kind (min, max)", stacklevel=2)
        self.scale, self.ratio, self.interpolation, self.antialias = scale, ratio, interpolation, antialias

    def make_params(self, flat_inputs):
        rows, columns = query_size(flat_inputs)
        for height, width in random_rectangles(rows * columns, self.scale, self.ratio):
            if 0 < width <= columns and 0 < height <= rows:
                return dict(top=below(rows - height + 1), left=below(columns - width + 1), height=height, width=width)
        height, width = rows, columns
        if columns / rows < min(self.ratio):
            height = round(columns / min(self.ratio))
        elif columns / rows > max(self.ratio):
            width = round(rows * max(self.ratio))
        return dict(top=(rows - height) // 2, left=(columns - width) // 2, height=height, width=width)

    def transform(self, inpt, params):
        return self._call_kernel(
            F.resized_crop,
            inpt,
            **params,
            size=self.size,
            interpolation=self.interpolation,
            antialias=self.antialias,
        )


class FiveCrop(Transform):
    """The corners and the middle, as a tuple of five.

    Raises:
        TypeError: a sample with boxes or masks.
    """

    def __init__(self, size):
        super().__init__()
        self.size = height_and_width(size, _TWO_SIZES)

    def check_inputs(self, flat_inputs):
        if has_any(flat_inputs, tv_tensors.BoundingBoxes, tv_tensors.Mask):
            raise TypeError(f"BoundingBoxes'es and Mask's are not supported by {type(self).__name__}()")

    def transform(self, inpt, params):
        return self._call_kernel(F.five_crop, inpt, self.size)


class TenCrop(FiveCrop):
    """FiveCrop of the picture and of the picture flipped."""

    def __init__(self, size, vertical_flip=False):
        super().__init__(size)
        self.vertical_flip = vertical_flip

    def transform(self, inpt, params):
        return self._call_kernel(F.ten_crop, inpt, self.size, vertical_flip=self.vertical_flip)


def check_padding(padding):
    """Raise ValueError unless a padding is an int, or 1, 2 or 4 of them."""
    several = (
        isinstance(padding, tuple | list) and len(padding) in (1, 2, 4) and all(isinstance(p, int) for p in padding)
    )
    if not isinstance(padding, int) and not several:
        raise ValueError(f"Padding must be an int or a 1, 2, or 4 element of tuple or list, got {padding}.")


def check_padding_mode(mode):
    """Raise ValueError for an unknown mode."""
    if mode not in ("constant", "edge", "reflect", "symmetric"):
        raise ValueError("Padding mode should be either constant, edge, reflect or symmetric")


class Pad(Transform):
    """A border, in pixels. `fill` may be a dict by class."""

    def __init__(self, padding, fill=0, padding_mode="constant"):
        super().__init__()
        check_padding(padding)
        check_padding_mode(padding_mode)
        self.padding = padding if isinstance(padding, int) else list(padding)
        self.fill, self._fill, self.padding_mode = fill, fill_table(fill), padding_mode

    def transform(self, inpt, params):
        fill = fill_of(self._fill, type(inpt))
        return self._call_kernel(F.pad, inpt, padding=self.padding, fill=fill, padding_mode=self.padding_mode)


class RandomZoomOut(RandomApplyTransform):
    """The picture on a larger canvas, with probability p.

    Args:
        side_range: (smallest, largest) ratio of the canvas's sides to the picture's.
    """

    def __init__(self, fill=0, side_range=(1.0, 4.0), p=0.5):
        super().__init__(p=p)
        self.fill, self._fill = fill, fill_table(fill)
        geometry.check_sequence(side_range, "side_range", (2,))
        self.side_range = side_range
        if side_range[0] < 1.0 or side_range[0] > side_range[1]:
            raise ValueError(f"Invalid side range provided {side_range}.")

    def make_params(self, flat_inputs):
        height, width = query_size(flat_inputs)
        low, high = self.side_range
        factor = np.float32(low) + units(1)[0] * np.float32(high - low)
        wide, tall = int(np.float32(width) * factor), int(np.float32(height) * factor)
        across, down = units(2)
        left, top = int(np.float32(wide - width) * across), int(np.float32(tall - height) * down)
        return {"padding": [left, top, wide - (left + width), tall - (top + height)]}

    def transform(self, inpt, params):
        return self._call_kernel(F.pad, inpt, **params, fill=fill_of(self._fill, type(inpt)))


class RandomCrop(Transform):
    """A random part of the picture. See v1's RandomCrop."""

    get_params = staticmethod(geometry.RandomCrop.get_params)

    def __init__(self, size, padding=None, pad_if_needed=False, fill=0, padding_mode="constant"):
        super().__init__()
        self.size = height_and_width(size, _TWO_SIZES)
        if pad_if_needed or padding is not None:
            if padding is not None:
                check_padding(padding)
            check_padding_mode(padding_mode)
        sides = four_sides(padding) if padding else None
        self.padding = None if sides is None else [sides[0], sides[2], sides[1], sides[3]]
        self.pad_if_needed, self.fill, self._fill = pad_if_needed, fill, fill_table(fill)
        self.padding_mode = padding_mode

    def make_params(self, flat_inputs):
        rows, columns = query_size(flat_inputs)
        left, right, top, bottom = self.padding or (0, 0, 0, 0)
        height, width = self.size
        rows, columns = rows + top + bottom, columns + left + right
        if self.pad_if_needed:
            down, across = max(height - rows, 0), max(width - columns, 0)
            top, bottom, left, right = top + down, bottom + down, left + across, right + across
            rows, columns = rows + 2 * down, columns + 2 * across
        if rows < height or columns < width:
            padded = "padded " if self.padding is not None else ""
            raise ValueError(
                f"Required crop size {(height, width)} is larger than {padded}input image size {(rows, columns)}."
            )
        at = below(rows - height + 1) if rows > height else 0, below(columns - width + 1) if columns > width else 0
        box = dict(top=at[0], left=at[1], height=height, width=width)
        smaller = (rows, columns) != (height, width)
        return {"padding": [left, top, right, bottom], "box": box if smaller else None}

    def transform(self, inpt, params):
        if any(params["padding"]):
            fill = fill_of(self._fill, type(inpt))
            inpt = self._call_kernel(F.pad, inpt, padding=params["padding"], fill=fill, padding_mode=self.padding_mode)
        return inpt if params["box"] is None else self._call_kernel(F.crop, inpt, **params["box"])


class RandomIoUCrop(Transform):
    """A random part of the picture that keeps enough of some box, as for SSD.

    Args:
        min_scale, max_scale: the sides of the part, relative to the picture's.
        min_aspect_ratio, max_aspect_ratio: width over height.
        sampler_options: the smallest IoU that the part must have with some box, drawn again after `trials` parts that
            did not fit; 1: keep the whole picture.
    """

    def __init__(
        self,
        min_scale=0.3,
        max_scale=1.0,
        min_aspect_ratio=0.5,
        max_aspect_ratio=2.0,
        sampler_options=None,
        trials=40,
    ):
        super().__init__()
        self.min_scale, self.max_scale = min_scale, max_scale
        self.min_aspect_ratio, self.max_aspect_ratio = min_aspect_ratio, max_aspect_ratio
        self.options = [0.0, 0.1, 0.3, 0.5, 0.7, 0.9, 1.0] if sampler_options is None else sampler_options
        self.trials = trials

    def check_inputs(self, flat_inputs):
        pictures = (PIL.Image.Image, tv_tensors.Image, is_pure_tensor)
        if not (has_all(flat_inputs, tv_tensors.BoundingBoxes) and has_any(flat_inputs, *pictures)):
            raise TypeError(
                f"{type(self).__name__}() requires input sample to contain tensor or PIL images "
                "and bounding boxes. Sample can also contain masks."
            )

    def make_params(self, flat_inputs):
        size = query_size(flat_inputs)
        boxes = get_bounding_boxes(flat_inputs)
        corners = converted_boxes(boxes.detach().cpu().numpy(), boxes.format, tv_tensors.BoundingBoxFormat.XYXY)
        while True:
            least = self.options[below(len(self.options))]
            if least >= 1.0:
                return {}
            for _ in range(self.trials):
                if found := self._tried(size, corners, least):
                    return found

    def _tried(self, size, corners, least):
        """A random part, or None if it does not fit."""
        sides = np.float32(self.min_scale) + np.float32(self.max_scale - self.min_scale) * units(2)
        width, height = int(np.float32(size[1]) * sides[0]), int(np.float32(size[0]) * sides[1])
        if not self.min_aspect_ratio <= width / height <= self.max_aspect_ratio:
            return None
        across, down = units(2)
        left, top = int(np.float32(size[1] - width) * across), int(np.float32(size[0] - height) * down)
        right, bottom = left + width, top + height
        if left == right or top == bottom:
            return None
        x, y = 0.5 * (corners[:, 0] + corners[:, 2]), 0.5 * (corners[:, 1] + corners[:, 3])
        inside = (left < x) & (x < right) & (top < y) & (y < bottom)
        if not inside.any():
            return None
        if _overlaps(corners[inside], np.array([left, top, right, bottom])).max() < least:
            return None
        return dict(top=top, left=left, height=height, width=width, inside=inside)

    def transform(self, inpt, params):
        if not params:
            return inpt
        box = {name: params[name] for name in ("top", "left", "height", "width")}
        made = self._call_kernel(F.crop, inpt, **box)
        if isinstance(made, tv_tensors.BoundingBoxes):
            made.numpy()[~params["inside"]] = 0
        return made


def _overlaps(boxes, other):
    """The IoU of each box with the other one."""
    low, high = np.maximum(boxes[:, :2], other[:2]), np.minimum(boxes[:, 2:], other[2:])
    shared = np.clip(high - low, 0, None).prod(1)
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(1) + (other[2:] - other[:2]).prod()
    return shared / (areas - shared)


class _RandomSize(Transform):
    """Resizes to a random size."""

    def transform(self, inpt, params):
        return self._call_kernel(
            F.resize, inpt, params["size"], interpolation=self.interpolation, antialias=self.antialias
        )


class ScaleJitter(_RandomSize):
    """Resized to `target_size` times a random factor.

    Args:
        scale_range: (smallest, largest) factor.
    """

    def __init__(self, target_size, scale_range=(0.1, 2.0), interpolation="bilinear", antialias=True):
        super().__init__()
        self.target_size, self.scale_range = target_size, scale_range
        self.interpolation, self.antialias = interpolation, antialias

    def make_params(self, flat_inputs):
        height, width = query_size(flat_inputs)
        low, high = self.scale_range
        scale = np.float32(low) + units(1)[0] * np.float32(high - low)
        ratio = np.float32(min(self.target_size[1] / height, self.target_size[0] / width)) * scale
        return {"size": [int(np.float32(height) * ratio), int(np.float32(width) * ratio)]}


class RandomShortestSize(_RandomSize):
    """Resized so that the shorter side is one of `min_size`, and the longer at most `max_size`."""

    def __init__(self, min_size, max_size=None, interpolation="bilinear", antialias=True):
        super().__init__()
        self.min_size = [min_size] if isinstance(min_size, int) else list(min_size)
        self.max_size = max_size
        self.interpolation, self.antialias = interpolation, antialias

    def make_params(self, flat_inputs):
        height, width = query_size(flat_inputs)
        ratio = self.min_size[below(len(self.min_size))] / min(height, width)
        if self.max_size is not None:
            ratio = min(ratio, self.max_size / max(height, width))
        return {"size": [int(height * ratio), int(width * ratio)]}


class RandomResize(_RandomSize):
    """Resized so that the shorter side is from `min_size` to `max_size` - 1."""

    def __init__(self, min_size, max_size, interpolation="bilinear", antialias=True):
        super().__init__()
        self.min_size, self.max_size = min_size, max_size
        self.interpolation, self.antialias = interpolation, antialias

    def make_params(self, flat_inputs):
        return {"size": [between(self.min_size, self.max_size)]}
