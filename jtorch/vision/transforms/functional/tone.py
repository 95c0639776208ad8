"""Functions that change values, one by one or by a pixel's surroundings: invert, posterize, equalize, blur, ..."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageEnhance, ImageOps

from jtorch.core.facts import uint8
from jtorch.core.tensor import Tensor

from .colour import blended, check_channels, check_three_dims, enhanced, float_type, white_of
from .image_tensors import pil_to_tensor, to_pil_image
from .picture import is_pil, on_pixels, picture_of, pixels


def invert(img):
    """White minus the picture."""
    if is_pil(img):
        return ImageOps.invert(img)
    check_three_dims(img)
    check_channels(img)
    return on_pixels(_inverted, img)


def _inverted(xp, array):
    return (white_of(array.dtype) - array).astype(array.dtype)


def posterize(img, bits: int):
    """The picture with only the upper `bits` bits of each value.

    Raises:
        ValueError: bits outside 0 to 8.
        TypeError: a Tensor that is not uint8, or has neither 1 nor 3 channels.
    """
    if not 0 <= bits <= 8:
        raise ValueError(f"The number if bits should be between 0 and 8. Got {bits}")
    if is_pil(img):
        return ImageOps.posterize(img, bits)
    check_three_dims(img)
    _check_bytes(img)
    check_channels(img)
    return on_pixels(_upper_bits, img, np.uint8((256 - 2 ** (8 - bits)) & 255))


def _check_bytes(img):
    if img.dtype != uint8:
        raise TypeError(f"Only torch.uint8 image tensors are supported, but found {img.dtype}")


def _upper_bits(xp, array, mask):
    return array & mask


def solarize(img, threshold: float):
    """The picture with all values from `threshold` on inverted.

    Raises:
        TypeError: a threshold above white, or a Tensor that has neither 1 nor 3 channels.
    """
    if is_pil(img):
        return ImageOps.solarize(img, threshold)
    check_three_dims(img)
    check_channels(img)
    if threshold > white_of(img.dtype.np):
        raise TypeError("Threshold should be less than bound of img.")
    return on_pixels(_solarized, img, np.float64(threshold))


def _solarized(xp, array, threshold):
    limit = threshold.astype(float_type(array))
    return xp.where(array >= limit, _inverted(xp, array), array)


def adjust_sharpness(img, sharpness_factor: float):
    """The difference from a blurred copy, scaled by sharpness_factor: 0 is blurred, 1 changes nothing, 2 is sharper."""
    if not is_pil(img) and sharpness_factor >= 0 and min(img.shape[-2:]) <= 2:
        check_channels(img)
        return img
    return enhanced(img, sharpness_factor, "sharpness_factor", ImageEnhance.Sharpness, _sharpened)


def _sharpened(xp, array, factor):
    kind, (rows, columns) = float_type(array), array.shape[-2:]
    wide = array.astype(kind)
    weights = np.ones((3, 3), kind)
    weights[1, 1] = 5.0
    weights /= weights.sum()
    inner = sum(weights[i, j] * wide[..., i : rows - 2 + i, j : columns - 2 + j] for i in range(3) for j in range(3))
    inner = in_dtype(xp, inner, array.dtype)
    middle = xp.concatenate([array[..., 1:-1, :1], inner, array[..., 1:-1, -1:]], axis=-1)
    blurred = xp.concatenate([array[..., :1, :], middle, array[..., -1:, :]], axis=-2)
    return blended(xp, array, blurred, factor)


def in_dtype(xp, values, dtype):
    """Floats in the dtype of a picture; to the nearest integer, for integers."""
    return values.astype(dtype) if np.dtype(dtype).kind == "f" else xp.rint(values).astype(dtype)


def autocontrast(img):
    """Each channel stretched so that its least value is black and its greatest white."""
    if is_pil(img):
        return ImageOps.autocontrast(img)
    check_three_dims(img)
    check_channels(img)
    return on_pixels(_stretched_channels, img)


def _stretched_channels(xp, array):
    kind = float_type(array)
    low, high = (edge((-2, -1), keepdims=True).astype(kind) for edge in (array.min, array.max))
    flat = low == high
    # White times the reciprocal, since PyTorch divides a number by a tensor so.
    scale = 1 / xp.where(flat, xp.ones_like(low), high - low) * white_of(array.dtype)
    low, scale = xp.where(flat, 0, low).astype(kind), xp.where(flat, 1, scale).astype(kind)
    return xp.clip((array.astype(kind) - low) * scale, 0, white_of(array.dtype)).astype(array.dtype)


def equalize(img):
    """Each channel's values spread so that all shades are about equally frequent.

    Raises:
        TypeError: a Tensor that is not uint8, has not 3 or 4 dimensions, or neither 1 nor 3 channels.
    """
    if is_pil(img):
        return ImageOps.equalize(img)
    if not 3 <= img.ndim <= 4:
        raise TypeError(f"Input image tensor should have 3 or 4 dimensions, but found {img.ndim}")
    return equalize_channels(img)


def equalize_channels(img):
    """`equalize` of a Tensor of any number of dimensions."""
    _check_bytes(img)
    check_channels(img)
    return on_pixels(_equalized, img)


def _equalized(xp, array):
    flat = array.reshape(-1, array.shape[-2] * array.shape[-1]).astype(np.int32)
    counts = _histograms(xp, flat)
    # The count of the brightest shade that occurs is left out.
    brightest = xp.take_along_axis(counts, flat.max(-1, keepdims=True), -1)
    step = (flat.shape[-1] - brightest) // 255
    sums = xp.cumsum(counts, -1)
    divisor = xp.where(step == 0, 1, step)
    table = xp.clip((sums - counts + divisor // 2) // divisor, 0, 255)
    table = xp.where(sums == counts, 0, table)  # the darkest shade that occurs is black
    made = xp.where(step == 0, flat, xp.take_along_axis(table, flat, -1))
    return made.astype(array.dtype).reshape(array.shape)


def _histograms(xp, flat):
    """(N, 256): how often each value is in each row."""
    if xp is np:
        return np.stack([np.bincount(row, minlength=256) for row in flat])
    rows = xp.arange(flat.shape[0])[:, None]
    return xp.zeros((flat.shape[0], 256), np.int32).at[rows, flat].add(1)


def gaussian_blur(img, kernel_size, sigma=None):
    """The picture through a Gaussian window; the borders are mirrored.

    Args:
        kernel_size: (across, down) or one number, in pixels, odd.
        sigma: (across, down) or one number, in pixels; None is 0.15 · kernel_size + 0.35.

    Raises:
        ValueError: a kernel size that is even, or a sigma that is not above 0.
    """
    if not isinstance(kernel_size, int | list | tuple):
        raise TypeError(f"kernel_size should be int or a sequence of integers. Got {type(kernel_size)}")
    sizes = _two_of(kernel_size, "kernel_size", "If {} is a sequence its length should be 2. Got {}")
    for size in sizes:
        if size % 2 == 0 or size < 0:
            raise ValueError(f"kernel_size should have odd and positive integers. Got {list(sizes)}")
    if sigma is not None and not isinstance(sigma, int | float | list | tuple):
        raise TypeError(f"sigma should be either float or sequence of floats. Got {type(sigma)}")
    default = [size * 0.15 + 0.35 for size in sizes]
    sigmas = (
        default if sigma is None else _two_of(sigma, "sigma", "If {} is a sequence, its length should be 2. Got {}")
    )
    for s in sigmas:
        if s <= 0.0:
            raise ValueError(f"sigma should have positive values. Got {sigmas}")
    if is_pil(img):
        return to_pil_image(gaussian_blur(pil_to_tensor(img), sizes, sigmas), mode=img.mode)
    _check_reflection(img.shape, sizes)
    kind = float_type(np.empty(0, img.dtype.np))
    windows = [_window(size, s, kind) for size, s in zip(sizes, sigmas, strict=True)]
    return on_pixels(_blurred, img, *windows)


def _check_reflection(shape, sizes):
    """Raise PyTorch's RuntimeError if the window is too wide for the picture to be mirrored at its borders."""
    shown = [1] * (4 - len(shape)) + list(shape)
    for dim, size in zip((len(shown) - 1, len(shown) - 2), sizes, strict=True):
        if size // 2 >= shown[dim]:
            raise RuntimeError(
                "Argument #4: Padding size should be less than the corresponding input dimension, but got: "
                f"padding ({size // 2}, {size // 2}) at dimension {dim} of input {shown}"
            )


def _two_of(value, name, message):
    if isinstance(value, int | float):
        return [value, value] if name == "kernel_size" else [float(value)] * 2
    values = list(value)
    if len(values) == 1 and name == "sigma":
        return values * 2
    if len(values) != 2:
        raise ValueError(message.format(name, len(values)))
    return values


def _window(size, sigma, kind):
    at = np.linspace(-(size - 1) * 0.5, (size - 1) * 0.5, size).astype(kind)
    weights = np.exp(-0.5 * (at / kind.type(sigma)) ** 2)
    return weights / weights.sum()


def _blurred(xp, array, across, down):
    kind, (rows, columns) = float_type(array), array.shape[-2:]
    borders = [(len(w) // 2, len(w) // 2) for w in (down, across)]
    wide = xp.pad(array.astype(kind), [(0, 0)] * (array.ndim - 2) + borders, mode="reflect")
    lines = sum(across[j] * wide[..., :, j : j + columns] for j in range(len(across)))
    result = sum(down[i] * lines[..., i : i + rows, :] for i in range(len(down)))
    return in_dtype(xp, result, array.dtype)


def erase(img, i, j, h, w, v, inplace=False):
    """The picture with the rectangle of h x w pixels at (i, j) set to v.

    Raises:
        TypeError: not a Tensor.
    """
    if isinstance(img, Image.Image) or not isinstance(img, Tensor):
        raise TypeError(f"img should be Tensor Image. Got {type(img)}")
    if img.requires_grad or not img.is_cpu or img.ndim > 3:
        changed = img if inplace else img.clone()
        changed[..., i : i + h, j : j + w] = v
        return changed
    array = pixels(img) if inplace else pixels(img).copy()
    array[..., i : i + h, j : j + w] = pixels(v) if isinstance(v, Tensor) else v
    return img if inplace else picture_of(array)
