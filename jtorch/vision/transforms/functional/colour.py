"""Functions that change the values of pixels: grey, brightness, contrast, saturation, hue, blur, erase."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageEnhance, ImageOps

from jtorch.core.tensor import Tensor

from .convert import pil_to_tensor, to_pil_image
from .picture import is_pil, picture_of, pixels

_LUMA = (0.2989, 0.587, 0.114)  # the brightness of red, green and blue to the eye


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
    if num_output_channels not in (1, 3):
        raise ValueError("num_output_channels should be either 1 or 3")
    grey = _grey(pixels(img))
    return picture_of(grey if num_output_channels == 1 else np.repeat(grey, 3, axis=-3))


def _grey(array):
    channels = array.shape[-3]
    if channels == 1:
        return array.copy()
    if channels != 3:
        raise TypeError(f"Input image tensor permitted channel values are {[1, 3]}, but found {channels}")
    red, green, blue = (array[..., c, :, :].astype(_float_type(array)) for c in range(3))
    bright = _LUMA[0] * red + _LUMA[1] * green + _LUMA[2] * blue
    return bright.astype(array.dtype)[..., None, :, :]


def _float_type(array):
    return array.dtype if array.dtype.kind == "f" else np.dtype(np.float32)


def _white(array):
    return 1.0 if array.dtype.kind == "f" else float(np.iinfo(array.dtype).max)


def _blend(one, other, ratio):
    """ratio · one + (1 - ratio) · other, kept between black and white."""
    ratio = np.float64(ratio)
    kind = _float_type(one)
    mixed = kind.type(ratio) * one.astype(kind) + kind.type(1.0 - ratio) * other.astype(kind)
    return picture_of(np.clip(mixed, 0, _white(one)).astype(one.dtype))


def _not_negative(factor, name):
    if factor < 0:
        raise ValueError(f"{name} ({factor}) is not non-negative.")


def adjust_brightness(img, brightness_factor: float):
    """The picture times brightness_factor: 0 is black, 1 leaves it, 2 doubles it."""
    if is_pil(img):
        return ImageEnhance.Brightness(img).enhance(brightness_factor)
    _not_negative(brightness_factor, "brightness_factor")
    array = pixels(img)
    return _blend(array, np.zeros_like(array), brightness_factor)


def adjust_contrast(img, contrast_factor: float):
    """The picture's distance from its mean grey times contrast_factor: 0 is flat grey, 1 leaves it."""
    if is_pil(img):
        return ImageEnhance.Contrast(img).enhance(contrast_factor)
    _not_negative(contrast_factor, "contrast_factor")
    array = pixels(img)
    grey = _grey(array).astype(_float_type(array))
    return _blend(array, grey.mean((-3, -2, -1), keepdims=True, dtype=grey.dtype), contrast_factor)


def adjust_saturation(img, saturation_factor: float):
    """The picture's distance from its own grey times saturation_factor: 0 is grey, 1 leaves it."""
    if is_pil(img):
        return ImageEnhance.Color(img).enhance(saturation_factor)
    _not_negative(saturation_factor, "saturation_factor")
    array = pixels(img)
    return img if array.shape[-3] == 1 else _blend(array, _grey(array), saturation_factor)


def adjust_hue(img, hue_factor: float):
    """The colours turned around the colour circle by hue_factor turns, -0.5 to 0.5.

    Raises:
        ValueError: hue_factor outside that range.

    Differs from torch:
        Only PIL images: a Tensor is refused.
    """
    if not -0.5 <= hue_factor <= 0.5:
        raise ValueError(f"hue_factor ({hue_factor}) is not in [-0.5, 0.5].")
    if not is_pil(img):
        raise NotImplementedError("adjust_hue of a Tensor; adjust the PIL image")
    if img.mode in ("L", "1", "I", "F"):
        return img
    hue, saturation, value = img.convert("HSV").split()
    turned = np.asarray(hue) + np.int32(hue_factor * 255).astype(np.uint8)  # bytes wrap around, and so do hues
    return Image.merge("HSV", (Image.fromarray(turned), saturation, value)).convert(img.mode)


def invert(img):
    """White minus the picture."""
    if is_pil(img):
        return ImageOps.invert(img)
    array = pixels(img)
    return picture_of((_white(array) - array).astype(array.dtype))


def gaussian_blur(img, kernel_size, sigma=None):
    """The picture through a Gaussian window; the borders are mirrored.

    Args:
        kernel_size: (across, down) or one number, in pixels, odd.
        sigma: (across, down) or one number, in pixels; None is 0.3 · ((kernel_size - 1) / 2 - 1) + 0.8.

    Raises:
        ValueError: a kernel size that is even, or a sigma that is not above 0.
    """
    sizes = _pair_of(kernel_size, "kernel_size")
    for size in sizes:
        if size % 2 == 0 or size < 0:
            raise ValueError(f"kernel_size should have odd and positive integers. Got {list(sizes)}")
    default = [size * 0.15 + 0.35 for size in sizes]
    sigmas = default if sigma is None else [float(s) for s in _pair_of(sigma, "sigma")]
    for s in sigmas:
        if s <= 0.0:
            raise ValueError(f"sigma should have positive values. Got {sigmas}")
    if is_pil(img):
        return to_pil_image(gaussian_blur(pil_to_tensor(img), sizes, sigmas), mode=img.mode)
    return picture_of(_blurred(pixels(img), sizes, sigmas))


def _pair_of(value, name):
    values = list(value) if isinstance(value, list | tuple) else [value, value]
    if len(values) == 1:
        return values * 2
    if len(values) != 2:
        raise ValueError(f"If {name} is a sequence its length should be 2. Got {len(values)}")
    return values


def _window(size, sigma, kind):
    at = np.linspace(-(size - 1) * 0.5, (size - 1) * 0.5, size).astype(kind)
    weights = np.exp(-0.5 * (at / kind.type(sigma)) ** 2)
    return weights / weights.sum()


def _blurred(array, sizes, sigmas):
    kind = _float_type(array)
    across, down = (_window(size, s, kind) for size, s in zip(sizes, sigmas, strict=True))
    borders = [(size // 2, size // 2) for size in reversed(sizes)]
    wide = np.pad(array.astype(kind), [(0, 0)] * (array.ndim - 2) + borders, mode="reflect")
    rows, columns = array.shape[-2:]
    lines = sum(w * wide[..., :, j : j + columns] for j, w in enumerate(across))
    result = sum(w * lines[..., i : i + rows, :] for i, w in enumerate(down))
    return result.astype(kind) if array.dtype.kind == "f" else np.rint(result).astype(array.dtype)


def erase(img, i, j, h, w, v, inplace=False):
    """The picture with the rectangle of h x w pixels at (i, j) set to v.

    Raises:
        TypeError: not a Tensor.
    """
    if not isinstance(img, Tensor):
        raise TypeError(f"img should be Tensor Image. Got {type(img)}")
    array = pixels(img) if inplace else pixels(img).copy()
    array[..., i : i + h, j : j + w] = pixels(v) if isinstance(v, Tensor) else v
    return img if inplace else picture_of(array)
