"""Transforms that move pixels: sizes, crops, borders, flips, rotations. `functional` does the work."""

from __future__ import annotations

import numbers
import warnings
from collections.abc import Sequence

from jtorch.core.tensor import Tensor

from . import functional as F
from .chance import below, happens, uniform
from .functional.picture import interpolation_mode
from .pixel_values import Transform, height_and_width, random_rectangles

_TWO_SIZES = "Please provide only two dimensions (h, w) for size."


class Resize(Transform):
    """Resize the picture. See :func:`functional.resize`."""

    shown = ("size", "interpolation", "max_size", "antialias")

    def __init__(self, size, interpolation=F.InterpolationMode.BILINEAR, max_size=None, antialias=True):
        super().__init__()
        if not isinstance(size, int | Sequence):
            raise TypeError(f"Size should be int or sequence. Got {type(size)}")
        if isinstance(size, Sequence) and len(size) not in (1, 2):
            raise ValueError("If size is a sequence, it should have 1 or 2 values")
        self.size, self.max_size, self.antialias = size, max_size, antialias
        self.interpolation = interpolation_mode(interpolation)

    def forward(self, img):
        return F.resize(img, self.size, self.interpolation, self.max_size, self.antialias)


class CenterCrop(Transform):
    """The middle of the picture. See :func:`functional.center_crop`."""

    shown = ("size",)

    def __init__(self, size):
        super().__init__()
        self.size = height_and_width(size, _TWO_SIZES)

    def forward(self, img):
        return F.center_crop(img, self.size)


class FiveCrop(Transform):
    """The corners and the middle, as a tuple of five. See :func:`functional.five_crop`."""

    shown = ("size",)

    def __init__(self, size):
        super().__init__()
        self.size = height_and_width(size, _TWO_SIZES)

    def forward(self, img):
        return F.five_crop(img, self.size)


class TenCrop(Transform):
    """FiveCrop of the picture and of the picture flipped. See :func:`functional.ten_crop`."""

    shown = ("size", "vertical_flip")

    def __init__(self, size, vertical_flip=False):
        super().__init__()
        self.size, self.vertical_flip = height_and_width(size, _TWO_SIZES), vertical_flip

    def forward(self, img):
        return F.ten_crop(img, self.size, self.vertical_flip)


class Pad(Transform):
    """A border, in pixels. See :func:`functional.pad`."""

    shown = ("padding", "fill", "padding_mode")

    def __init__(self, padding, fill=0, padding_mode="constant"):
        super().__init__()
        if not isinstance(padding, numbers.Number | tuple | list):
            raise TypeError("Got inappropriate padding arg")
        if not isinstance(fill, numbers.Number | str | tuple | list):
            raise TypeError("Got inappropriate fill arg")
        if padding_mode not in ("constant", "edge", "reflect", "symmetric"):
            raise ValueError("Padding mode should be either constant, edge, reflect or symmetric")
        if isinstance(padding, Sequence) and len(padding) not in (1, 2, 4):
            raise ValueError(
                f"Padding must be an int or a 1, 2, or 4 element tuple, not a {len(padding)} element tuple"
            )
        self.padding, self.fill, self.padding_mode = padding, fill, padding_mode

    def forward(self, img):
        return F.pad(img, self.padding, self.fill, self.padding_mode)


class RandomCrop(Transform):
    """A random part of the picture.

    Args:
        size: (height, width) or one number, in pixels.
        padding: a border added first. See :func:`functional.pad`.
        pad_if_needed: pad a picture that is smaller than `size`.

    Raises:
        ValueError: a picture smaller than `size`.
    """

    shown = ("size", "padding")

    def __init__(self, size, padding=None, pad_if_needed=False, fill=0, padding_mode="constant"):
        super().__init__()
        self.size = tuple(height_and_width(size, _TWO_SIZES))
        self.padding, self.pad_if_needed = padding, pad_if_needed
        self.fill, self.padding_mode = fill, padding_mode

    @staticmethod
    def get_params(img, output_size):
        """(top, left, height, width) of a random part."""
        _, rows, columns = F.get_dimensions(img)
        height, width = output_size
        if rows < height or columns < width:
            raise ValueError(f"Required crop size {(height, width)} is larger than input image size {(rows, columns)}")
        if (rows, columns) == (height, width):
            return 0, 0, rows, columns
        return below(rows - height + 1), below(columns - width + 1), height, width

    def forward(self, img):
        if self.padding is not None:
            img = F.pad(img, self.padding, self.fill, self.padding_mode)
        if self.pad_if_needed:
            img = self._widened(img)
        return F.crop(img, *self.get_params(img, self.size))

    def _widened(self, img):
        _, rows, columns = F.get_dimensions(img)
        if columns < self.size[1]:
            img = F.pad(img, [self.size[1] - columns, 0], self.fill, self.padding_mode)
        if rows < self.size[0]:
            img = F.pad(img, [0, self.size[0] - rows], self.fill, self.padding_mode)
        return img


class RandomResizedCrop(Transform):
    """A random part of the picture, of random shape, resized to `size`.

    Args:
        size: (height, width) or one number, in pixels.
        scale: (smallest, largest) share of the picture's area.
        ratio: (lowest, highest) width over height.
    """

    shown = ("size", "scale", "ratio", "interpolation", "antialias")

    def __init__(
        self,
        size,
        scale=(0.08, 1.0),
        ratio=(3.0 / 4.0, 4.0 / 3.0),
        interpolation=F.InterpolationMode.BILINEAR,
        antialias=True,
    ):
        super().__init__()
        self.size = height_and_width(size, _TWO_SIZES)
        if not isinstance(scale, Sequence):
            raise TypeError("Scale should be a sequence")
        if not isinstance(ratio, Sequence):
            raise TypeError("Ratio should be a sequence")
        if scale[0] > scale[1] or ratio[0] > ratio[1]:
            warnings.warn("Scale and ratio should be of kind (min, max)", stacklevel=2)
        self.scale, self.ratio, self.antialias = scale, ratio, antialias
        self.interpolation = interpolation_mode(interpolation)

    def _text(self, name):
        if name in ("scale", "ratio"):
            return tuple(round(bound, 4) for bound in getattr(self, name))
        return super()._text(name)

    @staticmethod
    def get_params(img, scale, ratio):
        """(top, left, height, width) of a random part; of the middle if ten tries did not fit."""
        _, rows, columns = F.get_dimensions(img)
        for height, width in random_rectangles(rows * columns, scale, ratio):
            if 0 < width <= columns and 0 < height <= rows:
                return below(rows - height + 1), below(columns - width + 1), height, width
        height, width = rows, columns
        if columns / rows < min(ratio):
            height = round(columns / min(ratio))
        elif columns / rows > max(ratio):
            width = round(rows * max(ratio))
        return (rows - height) // 2, (columns - width) // 2, height, width

    def forward(self, img):
        box = self.get_params(img, self.scale, self.ratio)
        return F.resized_crop(img, *box, self.size, self.interpolation, antialias=self.antialias)


class RandomHorizontalFlip(Transform):
    """Left and right exchanged, with probability p."""

    shown = ("p",)

    def __init__(self, p=0.5):
        super().__init__()
        self.p = p

    def forward(self, img):
        return F.hflip(img) if happens(self.p) else img


class RandomVerticalFlip(Transform):
    """Upside down, with probability p."""

    shown = ("p",)

    def __init__(self, p=0.5):
        super().__init__()
        self.p = p

    def forward(self, img):
        return F.vflip(img) if happens(self.p) else img


def angle_range(x, name, sizes=(2,)):
    """[lowest, highest] in degrees, of a pair or of one number x for [-x, x]."""
    if isinstance(x, numbers.Number):
        if x < 0:
            raise ValueError(f"If {name} is a single number, it must be positive.")
        return [float(-x), float(x)]  # negate before float, so that an int 0 does not become -0.0
    check_sequence(x, name, sizes)
    return [float(d) for d in x]


def check_sequence(x, name, sizes):
    """Raise an error unless x is a sequence of one of these lengths."""
    message = f"{name} should be a sequence of length {' or '.join(map(str, sizes))}."
    if not isinstance(x, Sequence):
        raise TypeError(message)
    if len(x) not in sizes:
        raise ValueError(message)


def _checked_center(center):
    if center is not None:
        check_sequence(center, "center", (2,))
    return center


def checked_fill(fill):
    if fill is not None and not isinstance(fill, Sequence | numbers.Number):
        raise TypeError("Fill should be either a sequence or a number.")
    return 0 if fill is None else fill


def channel_fill(fill, img):
    """The fill as one float for each channel of a Tensor; unchanged for a PIL image."""
    if not isinstance(img, Tensor):
        return fill
    channels = F.get_image_num_channels(img)
    return [float(fill)] * channels if isinstance(fill, int | float) else [float(f) for f in fill]


class RandomRotation(Transform):
    """A turn by a random angle.

    Args:
        degrees: (lowest, highest), or x for (-x, x).
        expand, center, fill: see :func:`functional.rotate`.
    """

    shown = ("degrees", "interpolation", "expand", "center", "fill")

    def __init__(self, degrees, interpolation=F.InterpolationMode.NEAREST, expand=False, center=None, fill=0):
        super().__init__()
        self.degrees = angle_range(degrees, "degrees")
        self.interpolation = interpolation_mode(interpolation)
        self.expand, self.center, self.fill = expand, _checked_center(center), checked_fill(fill)

    @staticmethod
    def get_params(degrees):
        """The angle, in degrees."""
        return uniform(*degrees)

    def forward(self, img):
        angle = self.get_params(self.degrees)
        return F.rotate(img, angle, self.interpolation, self.expand, self.center, channel_fill(self.fill, img))

    def __repr__(self):
        return super().__repr__().replace(", center=None", "")


class RandomAffine(Transform):
    """A random turn, move, scaling and shear about the middle.

    Args:
        degrees: (lowest, highest), or x for (-x, x).
        translate: (across, down), the largest shift as a share of the picture's side.
        scale: (smallest, largest) factor.
        shear: degrees: (lowest, highest) for x, or four numbers for x and y, or s for (-s, s).
    """

    def __init__(
        self,
        degrees,
        translate=None,
        scale=None,
        shear=None,
        interpolation=F.InterpolationMode.NEAREST,
        fill=0,
        center=None,
    ):
        super().__init__()
        self.degrees = angle_range(degrees, "degrees")
        self.translate, self.scale = checked_move(translate), checked_scale(scale)
        self.shear = None if shear is None else angle_range(shear, "shear", (2, 4))
        self.interpolation = interpolation_mode(interpolation)
        self.fill, self.center = checked_fill(fill), _checked_center(center)

    @staticmethod
    def get_params(degrees, translate, scale_ranges, shears, img_size):
        """(angle, (across, down), scale, (shear x, shear y)) for a picture of this size (width, height)."""
        return random_affine(degrees, translate, scale_ranges, shears, img_size)

    def forward(self, img):
        parameters = self.get_params(self.degrees, self.translate, self.scale, self.shear, F.get_image_size(img))
        return F.affine(img, *parameters, self.interpolation, channel_fill(self.fill, img), self.center)

    def __repr__(self):
        optional = {"translate": self.translate, "scale": self.scale, "shear": self.shear}
        if self.interpolation is not F.InterpolationMode.NEAREST:
            optional["interpolation"] = self.interpolation.value
        optional |= {"fill": self.fill or None, "center": self.center}
        shown = {"degrees": self.degrees} | {name: v for name, v in optional.items() if v is not None}
        return f"{type(self).__name__}({', '.join(f'{name}={v}' for name, v in shown.items())})"


def random_affine(degrees, translate, scales, shears, size):
    """(angle, (across, down), scale, (shear x, shear y)) for a picture of this size (width, height)."""
    angle, move, shear = uniform(*degrees), (0, 0), (0.0, 0.0)
    if translate is not None:
        across, down = (float(share * side) for share, side in zip(translate, size, strict=True))
        move = round(uniform(-across, across)), round(uniform(-down, down))
    scale = 1.0 if scales is None else uniform(*scales)
    if shears is not None:
        shear = tuple(uniform(*pair) if pair else 0.0 for pair in (shears[:2], shears[2:]))
    return angle, move, scale, shear


def checked_move(translate):
    if translate is not None:
        if not isinstance(translate, Sequence):
            raise TypeError("translate should be a sequence of length 2.")
        if len(translate) != 2:
            raise ValueError("translate should be a sequence of length 2.")
        if not all(0.0 <= share <= 1.0 for share in translate):
            raise ValueError("translation values should be between 0 and 1")
    return translate


def checked_scale(scale):
    if scale is not None:
        if not isinstance(scale, Sequence):
            raise TypeError("scale should be a sequence of length 2.")
        if len(scale) != 2:
            raise ValueError("scale should be a sequence of length 2.")
        if not all(factor > 0 for factor in scale):
            raise ValueError("scale values should be positive")
    return scale
