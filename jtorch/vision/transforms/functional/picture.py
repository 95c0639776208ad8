"""Pictures: a PIL image, or a Tensor (..., C, H, W); and functions that all transforms use.

A single picture is transformed on the host, before a batch exists, with pillow and NumPy and not JAX, so that the worker
processes of a DataLoader never start it. A batch, and a picture that carries a gradient or is on an accelerator, is
transformed by one recorded line. Both call the same function: see `on_pixels`.
"""

from __future__ import annotations

from enum import Enum

import jax.numpy as jnp
import numpy as np
from PIL import Image

from jtorch.core.op import Array, op
from jtorch.core.tensor import Tensor, as_tensor, from_numpy


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
    """A Tensor on the array's memory. An array that is not contiguous, or somebody else's, is copied."""
    own = array.flags.c_contiguous and array.flags.writeable
    return from_numpy(array if own else np.array(array, order="C"))


def on_pixels(function, picture: Tensor, *values, **constants) -> Tensor:
    """`function(xp, array, *values, **constants)` of a picture's numbers; xp is NumPy on the host, jax.numpy in a line.

    Args:
        values: numbers and arrays that may differ from call to call: arguments of the program, so that nothing compiles
            again.
        constants: settings that are part of the compiled program.
    """
    array = host_pixels(picture)
    if array is not None:
        return picture_of(function(np, array, *map(np.asarray, values), **constants))
    device = picture.device
    return _picture_line(picture, [as_tensor(v, device=device) for v in values], function, tuple(constants.items()))


def host_pixels(picture: Tensor) -> np.ndarray | None:
    """The numbers of one picture that is known on the host and carries no gradient; None for any other tensor."""
    if picture.ndim > 3 or picture.requires_grad or not picture.is_cpu:
        return None
    return picture._host()


@op
def _picture_line(image: Array, values: list[Array], function, constants) -> Array:
    """The function that `on_pixels` got, on JAX arrays."""
    return function(jnp, image, *values, **dict(constants))


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
    fill = (fill,) * bands if isinstance(fill, int | float) else tuple(fill)
    if len(fill) == 1:
        fill = fill * bands
    if len(fill) != bands:
        raise ValueError(
            f"The number of elements in 'fill' does not match the number of channels of the image ({len(fill)} != {bands})"
        )
    if img.mode != "F":
        fill = tuple(int(part) for part in fill)
    return fill[0] if bands == 1 else fill
