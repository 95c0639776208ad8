"""Transforms that bend a picture: RandomPerspective, ElasticTransform."""

from __future__ import annotations

import numbers
from collections.abc import Sequence

import numpy as np

from jtorch.core.tensor import from_numpy

from . import functional as F
from .chance import between, happens, units
from .functional.picture import interpolation_mode, pixels
from .geometry import channel_fill, checked_fill
from .pixel_values import Transform

BILINEAR = F.InterpolationMode.BILINEAR


class RandomPerspective(Transform):
    """The picture in a random perspective, with probability p.

    Args:
        distortion_scale: how far the corners may move: 0: not at all; 1: to the middle.
        fill: the colour of what was outside the picture.
    """

    shown = ("p",)

    def __init__(self, distortion_scale=0.5, p=0.5, interpolation=BILINEAR, fill=0):
        super().__init__()
        self.p, self.distortion_scale = p, distortion_scale
        self.interpolation, self.fill = interpolation_mode(interpolation), checked_fill(fill)

    def forward(self, img):
        fill = channel_fill(self.fill, img)
        if not happens(self.p):
            return img
        _, height, width = F.get_dimensions(img)
        corners = self.get_params(width, height, self.distortion_scale)
        return F.perspective(img, *corners, self.interpolation, fill)

    @staticmethod
    def get_params(width, height, distortion_scale):
        """(the corners, and where they go), each as [x, y]."""
        return random_corners(width, height, distortion_scale)


def random_corners(width, height, distortion_scale):
    """(the corners of a picture, and where they go), each as [x, y]."""
    right, bottom = int(distortion_scale * (width // 2)) + 1, int(distortion_scale * (height // 2)) + 1
    sides_x, sides_y = ((0, right), (width - right, width)), ((0, bottom), (height - bottom, height))
    order = [(0, 0), (1, 0), (1, 1), (0, 1)]
    ends = [[between(*sides_x[i]), between(*sides_y[j])] for i, j in order]
    return [[i * (width - 1), j * (height - 1)] for i, j in order], ends


class ElasticTransform(Transform):
    """Each pixel taken from a position displaced by a smooth random field.

    Args:
        alpha: how far, in pixels: one number, or one across and one down.
        sigma: how smooth the field is, in pixels.
        fill: the colour of what was outside the picture.
    """

    shown = ("alpha", "sigma", "interpolation", "fill")

    def __init__(self, alpha=50.0, sigma=5.0, interpolation=BILINEAR, fill=0):
        super().__init__()
        self.alpha, self.sigma = _two_floats(alpha, "alpha"), _two_floats(sigma, "sigma")
        self.interpolation = interpolation_mode(interpolation)
        if not isinstance(fill, int | float | list | tuple):
            raise TypeError(f"fill should be int or float or a list or tuple of them. Got {type(fill)}")
        self.fill = [float(fill)] if isinstance(fill, int | float) else [float(f) for f in fill]

    def _text(self, name):
        return getattr(self, name)

    @staticmethod
    def get_params(alpha, sigma, size):
        """The displacement (1, H, W, 2) of a picture of this size (height, width)."""
        return random_displacement(alpha, sigma, size)

    def forward(self, tensor):
        _, height, width = F.get_dimensions(tensor)
        displacement = self.get_params(self.alpha, self.sigma, [height, width])
        return F.elastic_transform(tensor, displacement, self.interpolation, self.fill)


def random_displacement(alpha, sigma, size):
    """A smooth random displacement (1, H, W, 2) of a picture of this size (height, width)."""
    made = []
    for i in range(2):
        noise = units(1, *size) * np.float32(2) - np.float32(1)
        if sigma[i] > 0.0:
            width = int(8 * sigma[i] + 1)
            width += width % 2 == 0
            noise = pixels(F.gaussian_blur(from_numpy(noise), [width, width], list(sigma)))
        made.append(noise * np.float32(alpha[i]) / np.float32(size[1 - i]))
    return from_numpy(np.ascontiguousarray(np.stack(made, axis=-1)))


def _two_floats(value, name):
    if not isinstance(value, float | Sequence):
        raise TypeError(f"{name} should be float or a sequence of floats. Got {type(value)}")
    if isinstance(value, float):
        return [value, value]
    if len(value) != 2:
        raise ValueError(f"If {name} is a sequence its length should be 2. Got {len(value)}")
    for element in value:
        if not isinstance(element, numbers.Real) or not isinstance(element, float):
            raise TypeError(f"{name} should be a sequence of floats. Got {type(element)}")
    return value
