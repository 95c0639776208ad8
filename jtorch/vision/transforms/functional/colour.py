"""Functions that change the colours of a picture: grey, brightness, contrast, saturation, hue, gamma."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageEnhance

from jtorch.core.tensor import Tensor

from .picture import get_dimensions, is_pil, on_pixels

_LUMA = (0.2989, 0.587, 0.114)  # the weights of red, green and blue in grey
_COLOURLESS = ("L", "1", "I", "F")  # PIL modes without a hue


def to_grayscale(img, num_output_channels=1):
    """A PIL image in grey, with 1 band, or with 3 equal ones.

    Raises:
        TypeError: not a PIL image.
        ValueError: neither 1 nor 3 channels.
    """
    if not isinstance(img, Image.Image):
        raise TypeError("Input should be PIL Image")
    if num_output_channels not in (1, 3):
        raise ValueError("num_output_channels should be either 1 or 3")
    grey = img.convert("L")
    return grey if num_output_channels == 1 else Image.merge("RGB", [grey] * 3)


def rgb_to_grayscale(img, num_output_channels=1):
    """The picture in grey, with 1 channel, or with 3 equal ones."""
    if is_pil(img):
        return to_grayscale(img, num_output_channels)
    check_three_dims(img)
    check_channels(img)
    if num_output_channels not in (1, 3):
        raise ValueError("num_output_channels should be either 1 or 3")
    return on_pixels(_grey_channels, img, channels=num_output_channels)


def check_channels(img):
    """Raise TypeError unless a Tensor has 1 or 3 channels."""
    channels = get_dimensions(img)[0]
    if channels not in (1, 3):
        raise TypeError(f"Input image tensor permitted channel values are {[1, 3]}, but found {channels}")


def check_three_dims(img):
    """Raise TypeError for a Tensor without channels."""
    if img.ndim < 3:
        raise TypeError(f"Input image tensor should have at least 3 dimensions, but found {img.ndim}")


def float_type(array):
    """The dtype in which an array's pixels are computed."""
    return array.dtype if array.dtype.kind == "f" else np.dtype(np.float32)


def white_of(dtype):
    """The greatest value of a channel: 1 for floats and bools."""
    return int(np.iinfo(dtype).max) if np.dtype(dtype).kind in "iu" else 1


def grey(xp, array):
    """The brightness (..., 1, H, W), in the dtype of the picture."""
    if array.shape[-3] != 3:
        return array
    kind = float_type(array)
    red, green, blue = (array[..., c, :, :].astype(kind) for c in range(3))
    bright = _LUMA[0] * red + _LUMA[1] * green + _LUMA[2] * blue
    return bright.astype(array.dtype)[..., None, :, :]


def _grey_channels(xp, array, channels):
    made = grey(xp, array)
    return made if channels == 1 else xp.broadcast_to(made, array.shape)


def blended(xp, one, other, ratio):
    """ratio · one + (1 - ratio) · other, kept between black and white, in the dtype of `one`."""
    kind = float_type(one)
    mixed = ratio.astype(kind) * one.astype(kind) + (1.0 - ratio).astype(kind) * other.astype(kind)
    return xp.clip(mixed, 0, white_of(one.dtype)).astype(one.dtype)


def _brightened(xp, array, factor):
    return blended(xp, array, xp.zeros_like(array), factor)


def _contrasted(xp, array, factor):
    shades = grey(xp, array).astype(float_type(array))
    return blended(xp, array, shades.mean((-3, -2, -1), keepdims=True, dtype=shades.dtype), factor)


def _saturated(xp, array, factor):
    return blended(xp, array, grey(xp, array), factor)


def enhanced(img, factor, name, enhancer, function):
    """The picture after pillow's enhancer, or after `function`, which does the same to a Tensor.

    Raises:
        ValueError: a factor below 0 for a Tensor.
        TypeError: a Tensor that has neither 1 nor 3 channels.
    """
    if is_pil(img):
        return enhancer(img).enhance(factor)
    if factor < 0:
        raise ValueError(f"{name} ({factor}) is not non-negative.")
    check_channels(img)
    return on_pixels(function, img, np.float64(factor))


def adjust_brightness(img, brightness_factor: float):
    """The picture times brightness_factor: 0 is black, 1 changes nothing, 2 doubles it."""
    return enhanced(img, brightness_factor, "brightness_factor", ImageEnhance.Brightness, _brightened)


def adjust_contrast(img, contrast_factor: float):
    """The difference from the mean grey, scaled by contrast_factor: 0 is uniform grey, 1 changes nothing."""
    return enhanced(img, contrast_factor, "contrast_factor", ImageEnhance.Contrast, _contrasted)


def adjust_saturation(img, saturation_factor: float):
    """The difference from the grey picture, scaled by saturation_factor: 0 is grey, 1 changes nothing."""
    coloured = is_pil(img) or get_dimensions(img)[0] != 1 or saturation_factor < 0
    if not coloured:
        return img
    return enhanced(img, saturation_factor, "saturation_factor", ImageEnhance.Color, _saturated)


def adjust_hue(img, hue_factor: float):
    """The colours turned around the colour circle by hue_factor turns, -0.5 to 0.5.

    Raises:
        ValueError: hue_factor outside that range.
    """
    if not -0.5 <= hue_factor <= 0.5:
        raise ValueError(f"hue_factor ({hue_factor}) is not in [-0.5, 0.5].")
    if not is_pil(img):
        check_channels(img)
        return img if get_dimensions(img)[0] == 1 else on_pixels(_turned_hue, img, np.float32(hue_factor))
    if img.mode in _COLOURLESS:
        return img
    hue, saturation, value = img.convert("HSV").split()
    turned = np.asarray(hue) + np.int32(hue_factor * 255).astype(np.uint8)  # uint8 overflow wraps around, as hues do
    return Image.merge("HSV", (Image.fromarray(turned), saturation, value)).convert(img.mode)


def to_unit(xp, array):
    """The numbers as floats from 0 to 1."""
    if array.dtype.kind == "f":
        return array
    return array.astype(np.float32) / np.float32(white_of(array.dtype))


def from_unit(xp, array, dtype):
    """Floats from 0 to 1 in the dtype of a picture. Each integer stands for an interval of the same length."""
    if np.dtype(dtype).kind == "f":
        return array.astype(dtype)
    return (array * array.dtype.type(white_of(dtype) + 1.0 - 1e-3)).astype(dtype)


def _turned_hue(xp, array, turn):
    dtype, unit = array.dtype, to_unit(xp, array)
    unit = unit.astype(np.float32) if dtype.kind != "f" else unit
    hue, saturation, value = _hue_saturation_value(xp, unit)
    hue = (hue + turn.astype(unit.dtype)) % 1.0
    return from_unit(xp, _red_green_blue(xp, hue, saturation, value), dtype)


def _hue_saturation_value(xp, unit):
    red, green, blue = (unit[..., c, :, :] for c in range(3))
    high, low = unit.max(-3), unit.min(-3)
    width, flat = high - low, high == low
    saturation = width / xp.where(flat, xp.ones_like(high), high)
    divisor = xp.where(flat, xp.ones_like(width), width)
    below = [(high - channel) / divisor for channel in (red, green, blue)]
    hue = xp.where(
        high == red,
        below[2] - below[1],
        xp.where(high == green, 2.0 + below[0] - below[2], 4.0 + below[1] - below[0]),
    )
    return xp.fmod(hue / 6.0 + 1.0, 1.0), saturation, high


def _red_green_blue(xp, hue, saturation, value):
    sixth = xp.floor(hue * 6.0)
    rest = hue * 6.0 - sixth
    sixth = sixth.astype(np.int32) % 6
    low = xp.clip(value * (1.0 - saturation), 0.0, 1.0)
    falling = xp.clip(value * (1.0 - saturation * rest), 0.0, 1.0)
    rising = xp.clip(value * (1.0 - saturation * (1.0 - rest)), 0.0, 1.0)
    sixths = (  # what each channel is in each sixth of the circle
        (value, falling, low, low, rising, value),
        (rising, value, value, falling, low, low),
        (low, low, rising, value, value, falling),
    )
    return xp.stack([xp.select([sixth == i for i in range(6)], channel) for channel in sixths], axis=-3)


def adjust_gamma(img, gamma: float, gain: float = 1):
    """gain · picture ** gamma, with white as 1: gamma above 1 makes dark parts darker.

    Raises:
        ValueError: gamma below 0.
        TypeError: a Tensor that has neither 1 nor 3 channels.
    """
    pil = is_pil(img)
    if not pil:
        check_channels(img)
    if gamma < 0:
        raise ValueError("Gamma should be a non-negative real number")
    if not pil:
        return on_pixels(_gamma_corrected, img, np.float64(gamma), np.float64(gain))
    table = [int((255 + 1 - 0.001) * gain * pow(value / 255.0, gamma)) for value in range(256)] * 3
    return img.convert("RGB").point(table).convert(img.mode)


def _gamma_corrected(xp, array, gamma, gain):
    unit = to_unit(xp, array)
    powers = xp.power(unit, gamma.astype(unit.dtype)) * gain.astype(unit.dtype)
    return from_unit(xp, xp.clip(powers, 0, 1), array.dtype)


def require_tensor(img: object) -> None:
    """Raise TypeError for what is not a Tensor."""
    if not isinstance(img, Tensor):
        raise TypeError(f"img should be Tensor Image. Got {type(img)}")
