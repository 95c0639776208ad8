"""Pictures: a PIL image, or a Tensor (..., C, H, W) on the CPU; and functions that all transforms use.

Transforms run on the host, before a batch exists. They use pillow and NumPy and not JAX, so that the worker processes of a
DataLoader never start it.
"""

from __future__ import annotations

from enum import Enum

import numpy as np
from PIL import Image

from jtorch.core.tensor import Tensor, from_numpy


class InterpolationMode(Enum):
    """How values between pixels are computed."""

    NEAREST = "nearest"
    NEAREST_EXACT = "nearest-exact"
    BILINEAR = "bilinear"
    BICUBIC = "bicubic"
    BOX = "box"
    HAMMING = "hamming"
    LANCZOS = "lanczos"


_RESAMPLING = {
    InterpolationMode.NEAREST: Image.Resampling.NEAREST,
    InterpolationMode.NEAREST_EXACT: Image.Resampling.NEAREST,
    InterpolationMode.BILINEAR: Image.Resampling.BILINEAR,
    InterpolationMode.BICUBIC: Image.Resampling.BICUBIC,
    InterpolationMode.BOX: Image.Resampling.BOX,
    InterpolationMode.HAMMING: Image.Resampling.HAMMING,
    InterpolationMode.LANCZOS: Image.Resampling.LANCZOS,
}
_BY_NUMBER = {int(resampling): mode for mode, resampling in reversed(_RESAMPLING.items())}


def interpolation_mode(mode) -> InterpolationMode:
    """The mode itself, or the mode for one of pillow's numbers."""
    if isinstance(mode, InterpolationMode):
        return mode
    if isinstance(mode, int) and int(mode) in _BY_NUMBER:
        return _BY_NUMBER[int(mode)]
    raise TypeError("Argument interpolation should be a InterpolationMode or a corresponding Pillow integer constant")


def resampling(mode: InterpolationMode) -> Image.Resampling:
    """Pillow's name for an interpolation mode."""
    return _RESAMPLING[mode]


def is_pil(picture) -> bool:
    """Whether the picture is a PIL image; False for a valid Tensor.

    Raises:
        TypeError: neither a PIL image nor a Tensor with at least two dimensions.
    """
    if isinstance(picture, Image.Image):
        return True
    if not isinstance(picture, Tensor) or picture.ndim < 2:
        raise TypeError(f"Unexpected type {type(picture)}")
    return False


def pixels(tensor: Tensor) -> np.ndarray:
    """The Tensor's numbers as an array, sharing its memory."""
    return tensor.numpy()


def picture_of(array: np.ndarray) -> Tensor:
    """A Tensor on the array's memory. An array that is not contiguous is copied."""
    return from_numpy(np.ascontiguousarray(array))


def get_dimensions(img) -> list[int]:
    """[channels, height, width] of a picture."""
    if is_pil(img):
        return [len(img.getbands()), img.height, img.width]
    return [1 if img.ndim == 2 else img.shape[-3], img.shape[-2], img.shape[-1]]


def get_image_size(img) -> list[int]:
    """[width, height] of a picture."""
    _, height, width = get_dimensions(img)
    return [width, height]


def get_image_num_channels(img) -> int:
    """How many channels a picture has: 1 for grey, 3 for red, green and blue."""
    return get_dimensions(img)[0]


def filling(fill, img):
    """`fill` in pillow's form for this image: a number for one band, a tuple for several bands.

    Raises:
        ValueError: a number of fill values that is not the number of bands.
    """
    bands = len(img.getbands())
    if fill is None:
        fill = 0
    if isinstance(fill, int | float):
        return fill if bands == 1 else (int(fill) if img.mode != "F" else fill,) * bands
    if len(fill) == 1:
        fill = tuple(fill) * bands
    if len(fill) != bands:
        raise ValueError(
            f"The number of elements in 'fill' does not match the number of channels of the image ({len(fill)} != {bands})"
        )
    return fill[0] if bands == 1 else tuple(fill)
