"""Draw boxes, masks and keypoints on a picture, with pillow."""

from __future__ import annotations

import math
import warnings

import numpy as np
from PIL import Image, ImageColor, ImageDraw, ImageFont

from jtorch.core.facts import bool as bool_
from jtorch.core.facts import uint8
from jtorch.core.tensor import Tensor, from_numpy

_DASH = 5  # pixels of a dash, and between dashes
_SEEN_THROUGH = 100  # how opaque the inside of a filled box is, of 255


def draw_bounding_boxes(
    image: Tensor,
    boxes: Tensor,
    labels=None,
    colors=None,
    fill=False,
    width=1,
    font=None,
    font_size=None,
    label_colors=None,
    label_background_colors=None,
    fill_labels=False,
) -> Tensor:
    """A picture with boxes on it.

    Args:
        image: (C, H, W) of 1 or 3 channels, uint8 or floats from 0 to 1.
        boxes: (N, 4): left, top, right, bottom; or (N, 8): the corners of rotated boxes. In pixels.
        labels: a text for each box.
        colors: one colour for all, or a list with one for each box: names or (red, green, blue). None: a palette.
        fill: also colour the inside.
        width: of the lines, in pixels.
        font: a TrueType file; None: pillow's own font.
        font_size: in points, with `font`.
        label_colors: of the texts; None: those of the boxes, or black on a filled background.
        label_background_colors: with `fill_labels`; None: those of the boxes.
        fill_labels: colour the background of the texts.

    Raises:
        TypeError: `image` is not a Tensor.
        ValueError: a picture, box, label or colour that does not fit.
    """
    _check_picture(image, f"Tensor expected, got {type(image)}")
    if image.shape[0] not in (1, 3):
        raise ValueError("Only grayscale and RGB images are supported")
    corners = boxes.detach().cpu().numpy()
    if corners.shape[-1] == 4 and ((corners[:, 0] > corners[:, 2]).any() or (corners[:, 1] > corners[:, 3]).any()):
        raise ValueError(
            "Boxes need to be in (xmin, ymin, xmax, ymax) format. Use torchvision.ops.box_convert to convert them"
        )
    count = len(corners)
    if count == 0:
        warnings.warn("boxes doesn't contain any box. No box was drawn", stacklevel=2)
        return image
    if labels is not None and len(labels) != count:
        raise ValueError(
            f"Number of boxes ({count}) and labels ({len(labels)}) mismatch. Please specify labels for each box."
        )
    outlines = _colours(colors, count)
    texts = _colours(label_colors or "black", count) if label_colors or fill_labels else outlines
    behind = _colours(label_background_colors, count) if fill_labels and label_background_colors else outlines
    pen = _Pen(image, "RGBA" if fill else None, width, _font(font, font_size))
    for i, box in enumerate(corners.astype(np.int64).tolist()):
        pen.box(box, outlines[i], fill)
        if labels is not None and labels[i] is not None:
            pen.label(box, labels[i], texts[i], behind[i] if fill_labels else None)
    return pen.picture()


def _check_picture(image, not_tensor):
    if not isinstance(image, Tensor):
        raise TypeError(not_tensor)
    if not (image.dtype == uint8 or image.is_floating_point()):
        raise ValueError(f"The image dtype must be uint8 or float, got {image.dtype}")
    if image.dim() != 3:
        raise ValueError("Pass individual images, not batches")


def _font(font, size):
    if font is not None:
        return ImageFont.truetype(font=font, size=size or 10)
    if size is not None:
        warnings.warn("Argument 'font_size' will be ignored since 'font' is not set.", stacklevel=3)
    return ImageFont.load_default()


def _colours(colors, count):
    """A colour for each of `count` objects."""
    if colors is None:
        palette = (2**25 - 1, 2**15 - 1, 2**21 - 1)
        colors = [tuple(i * part % 255 for part in palette) for i in range(count)]
    elif isinstance(colors, list):
        if len(colors) < count:
            raise ValueError(
                f"Number of colors must be equal or larger than the number of objects, but got {len(colors)} < {count}."
            )
    elif not isinstance(colors, tuple | str):
        raise ValueError(f"colors must be a tuple or a string, or a list thereof, but got {colors}.")
    elif isinstance(colors, tuple) and len(colors) != 3:
        raise ValueError(f"If passed as tuple, colors should be an RGB triplet, but got {colors}.")
    else:
        colors = [colors] * count
    return [ImageColor.getrgb(colour) if isinstance(colour, str) else colour for colour in colors]


class _Pen:
    """Draws on a copy of a picture."""

    def __init__(self, image, blending=None, width=1, font=None):
        array = image.detach().cpu().numpy()
        array = np.repeat(array, 3, axis=0) if len(array) == 1 else array
        self.dtype = array.dtype
        if self.dtype != np.uint8:
            array = (array * np.asarray(256 - 1e-3, self.dtype)).astype(np.uint8)
        self.image = Image.fromarray(np.ascontiguousarray(array.transpose(1, 2, 0)))
        self.draw = ImageDraw.Draw(self.image, blending)
        self.width, self.font = width, font

    def picture(self):
        """The drawn picture as a Tensor, in the dtype of the first one."""
        array = np.asarray(self.image).transpose(2, 0, 1)
        if self.dtype != np.uint8:
            array = array.astype(self.dtype) * np.asarray(1 / 255, self.dtype)
        return from_numpy(np.array(array, order="C"))

    def box(self, box, colour, fill):
        inside = (*colour, _SEEN_THROUGH) if fill else None
        if len(box) == 4:
            self.draw.rectangle(box, width=self.width, outline=colour, fill=inside)
            return
        corners = [tuple(box[i : i + 2]) for i in range(0, len(box), 2)]
        self._dashes(corners[0], corners[1], colour)  # the top side of the object
        for start, end in zip(corners[1:], [*corners[2:], corners[0]], strict=True):
            self.draw.line((start, end), width=self.width, fill=colour)
        self.draw.polygon(box, fill=inside, outline=None, width=0)

    def _dashes(self, start, end, colour):
        (x, y), left, drawn = start, math.dist(start, end), True
        while left > 0:
            length, angle = min(left, _DASH), math.atan2(end[1] - y, end[0] - x)
            stop = x + math.cos(angle) * length, y + math.sin(angle) * length
            if drawn:
                self.draw.line([(x, y), stop], colour, self.width, None)
            (x, y), left, drawn = stop, left - length, not drawn

    def label(self, box, text, colour, background):
        corner = box[0] + self.width + 1, box[1] + self.width + 1
        if background is not None:
            left, top, right, bottom = self.draw.textbbox(corner, text, font=self.font)
            self.draw.rectangle((left - 1, top - 1, right + 1, bottom + 1), fill=background)
        self.draw.text(corner, text, fill=colour, font=self.font)


def draw_segmentation_masks(image: Tensor, masks: Tensor, alpha=0.8, colors=None) -> Tensor:
    """A picture with masks laid over it. Where masks overlap the result is black.

    Args:
        image: (3, H, W), uint8 or floats from 0 to 1.
        masks: (N, H, W) or (H, W), bool.
        alpha: how opaque the masks are: 0 not at all, 1 fully.
        colors: as in :func:`draw_bounding_boxes`.

    Raises:
        TypeError: `image` is not a Tensor.
        ValueError: a picture, mask or colour that does not fit.
    """
    _check_picture(image, f"The image must be a tensor, got {type(image)}")
    if image.shape[0] != 3:
        raise ValueError("Pass an RGB image. Other Image formats are not supported")
    if masks.ndim not in (2, 3):
        raise ValueError("masks must be of shape (H, W) or (batch_size, H, W)")
    if masks.dtype != bool_:
        raise ValueError(f"The masks must be of dtype bool. Got {masks.dtype}")
    if masks.shape[-2:] != image.shape[-2:]:
        raise ValueError("The image and the masks must have the same height and width")
    covers = masks.detach().cpu().numpy().reshape(-1, *masks.shape[-2:])
    if not len(covers):
        warnings.warn("masks doesn't contain any mask. No mask was drawn", stacklevel=2)
        return image
    array = image.detach().cpu().numpy()
    kind = array.dtype if array.dtype.kind == "f" else np.dtype(np.float32)
    drawn = array.copy()
    for cover, colour in zip(covers, _colours(colors, len(covers)), strict=False):
        colour = np.asarray(colour, np.float64) / 255 if array.dtype.kind == "f" else np.asarray(colour)
        drawn[:, cover] = colour.astype(array.dtype)[:, None]
    drawn[:, covers.sum(0) > 1] = 0
    mixed = array.astype(kind) * kind.type(1 - alpha) + drawn.astype(kind) * kind.type(alpha)
    return from_numpy(mixed.astype(array.dtype))


def draw_keypoints(
    image: Tensor, keypoints: Tensor, connectivity=None, colors=None, radius=2, width=3, visibility=None
) -> Tensor:
    """A picture with points on it, and lines between them.

    Args:
        image: (3, H, W), uint8 or floats from 0 to 1.
        keypoints: (N, K, 2): x and y of K points of N objects.
        connectivity: pairs of numbers of points that a line joins.
        colors: a name or (red, green, blue).
        radius: of the points, in pixels.
        width: of the lines, in pixels.
        visibility: (N, K), bool: False for points that are not drawn, nor lines to them.

    Raises:
        TypeError: `image` is not a Tensor.
        ValueError: a picture or points that do not fit.
    """
    _check_picture(image, f"The image must be a tensor, got {type(image)}")
    if image.shape[0] != 3:
        raise ValueError("Pass an RGB image. Other Image formats are not supported")
    if keypoints.ndim != 3:
        raise ValueError("keypoints must be of shape (num_instances, K, 2)")
    shown = _visible(keypoints, visibility)
    pen = _Pen(image)
    for points, seen in zip(keypoints.detach().cpu().numpy().astype(np.int64).tolist(), shown, strict=True):
        for (x, y, *_), visible in zip(points, seen, strict=True):
            if visible:
                circle = [x - radius, y - radius, x + radius, y + radius]
                pen.draw.ellipse(circle, fill=colors, outline=None, width=0)
        for one, other in connectivity or ():
            if seen[one] and seen[other]:
                pen.draw.line((tuple(points[one][:2]), tuple(points[other][:2])), width=width)
    return pen.picture()


def _visible(keypoints, visibility):
    if visibility is None:
        return np.ones(keypoints.shape[:-1], bool).tolist()
    if visibility.ndim == 3:
        visibility = visibility.squeeze(-1)
    if visibility.ndim != 2:
        raise ValueError(f"visibility must be of shape (num_instances, K). Got ndim={visibility.ndim}")
    if visibility.shape != keypoints.shape[:-1]:
        raise ValueError(
            "keypoints and visibility must have the same dimensionality for num_instances and K. "
            f"Got visibility.shape={visibility.shape} and keypoints.shape={keypoints.shape}"
        )
    return visibility.detach().cpu().numpy().astype(bool).tolist()
