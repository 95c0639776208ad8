"""Functions that move pixels: crop, pad, resize, flip, rotate, affine."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageOps

from .picture import (
    InterpolationMode,
    filling,
    get_dimensions,
    interpolation_mode,
    is_pil,
    picture_of,
    pixels,
    resampling,
)

_PAD_MODES = ("constant", "edge", "reflect", "symmetric")


def crop(img, top: int, left: int, height: int, width: int):
    """The part of the picture from (top, left) on; what lies outside the picture is 0."""
    if is_pil(img):
        return img.crop((left, top, left + width, top + height))
    array = pixels(img)
    rows, columns = array.shape[-2:]
    inside = array[..., max(top, 0) : max(top + height, 0), max(left, 0) : max(left + width, 0)]
    margins = (
        (max(-top, 0), max(top + height - max(rows, top), 0)),
        (max(-left, 0), max(left + width - max(columns, left), 0)),
    )
    return picture_of(np.pad(inside, [(0, 0)] * (array.ndim - 2) + [*margins]))


def center_crop(img, output_size):
    """The middle of the picture, in `output_size` (height, width); where the picture ends there is 0."""
    height, width = pair(output_size)
    _, rows, columns = get_dimensions(img)
    if width > columns or height > rows:
        across, down = max(width - columns, 0), max(height - rows, 0)
        img = pad(img, [across // 2, down // 2, (across + 1) // 2, (down + 1) // 2], fill=0)
        _, rows, columns = get_dimensions(img)
        if (width, height) == (columns, rows):
            return img
    return crop(img, round((rows - height) / 2.0), round((columns - width) / 2.0), height, width)


def pair(size) -> tuple[int, int]:
    """(height, width) of a size given as one number, as (n,), or as (height, width)."""
    if isinstance(size, int | float):
        return int(size), int(size)
    if len(size) == 1:
        return size[0], size[0]
    return tuple(size)


def pad(img, padding, fill=0, padding_mode="constant"):
    """The picture with a border, in pixels.

    Args:
        padding: one number for all sides; (across, down); or (left, top, right, bottom).
        fill: the colour of a "constant" border; one number, or one for each band of a PIL image.
        padding_mode: "constant"; "edge" repeats the last pixel; "reflect" mirrors without it, "symmetric"
            with it.

    Raises:
        TypeError: an argument of another type.
        ValueError: a padding with 3 or more than 4 numbers, or an unknown mode.
    """
    left, top, right, bottom = _borders(img, padding, fill, padding_mode)
    if min(left, top, right, bottom) < 0:
        raise NotImplementedError("pad: a negative padding; use crop")
    if is_pil(img):
        return _pad_image(img, (left, top, right, bottom), fill, padding_mode)
    array = pixels(img)
    borders = [(0, 0)] * (array.ndim - 2) + [(top, bottom), (left, right)]
    return picture_of(_pad_array(array, borders, fill, padding_mode))


def _borders(img, padding, fill, padding_mode):
    is_pil(img)
    if not isinstance(padding, int | tuple | list):
        raise TypeError("Got inappropriate padding arg")
    if not isinstance(fill, int | float | str | tuple | list):
        raise TypeError("Got inappropriate fill arg")
    if not isinstance(padding_mode, str):
        raise TypeError("Got inappropriate padding_mode arg")
    if padding_mode not in _PAD_MODES:
        raise ValueError("Padding mode should be either constant, edge, reflect or symmetric")
    if isinstance(padding, int):
        return (padding,) * 4
    if len(padding) not in (1, 2, 4):
        raise ValueError(f"Padding must be an int or a 1, 2, or 4 element tuple, not a {len(padding)} element tuple")
    return tuple(padding) * (4 // len(padding))


def _pad_image(img, borders, fill, padding_mode):
    if padding_mode == "constant":
        colour = fill if isinstance(fill, str) else filling(fill, img)
        return ImageOps.expand(img, border=borders, fill=colour)
    left, top, right, bottom = borders
    array = np.asarray(img)
    sides = [(top, bottom), (left, right)] + [(0, 0)] * (array.ndim - 2)
    padded = Image.fromarray(np.pad(array, sides, mode=padding_mode))
    if img.mode == "P":  # pixels are indices into the palette, so copy the palette
        padded.putpalette(img.getpalette())
    return padded


def _pad_array(array, borders, fill, padding_mode):
    if padding_mode != "constant":
        return np.pad(array, borders, mode=padding_mode)
    if not isinstance(fill, int | float):
        if len(fill) != 1:
            raise ValueError("pad: a Tensor takes one fill value")
        fill = fill[0]
    return np.pad(array, borders, constant_values=fill)


def resize(img, size, interpolation=InterpolationMode.BILINEAR, max_size=None, antialias=True):
    """The picture with another number of pixels.

    Args:
        size: (height, width); or one number, in pixels, for the shorter side, the other in proportion.
        max_size: the most pixels the longer side may get, where `size` is one number.
        antialias: used for a Tensor only; pillow always smooths before it shrinks a picture.

    Raises:
        TypeError: not an interpolation mode, or a size of another type.
        ValueError: a size with more than two numbers, or a max_size that contradicts it.

    Differs from torch:
        A Tensor is resized on the host by pillow's filters and carries no gradient; antialias=False is
        refused for a Tensor, except with the nearest pixel.
    """
    mode = interpolation_mode(interpolation)
    if not isinstance(size, int | Sequence):
        raise TypeError(f"Size should be int or sequence. Got {type(size)}")
    _, rows, columns = get_dimensions(img)
    height, width = _resized_shape(rows, columns, size, max_size)
    if (height, width) == (rows, columns):
        return img
    if is_pil(img):
        return img.resize((width, height), resampling(mode))
    return picture_of(_resize_array(pixels(img), height, width, mode, antialias))


def _resized_shape(rows, columns, size, max_size):
    if not isinstance(size, int):
        if len(size) not in (1, 2):
            raise ValueError("If size is a sequence, it should have 1 or 2 values")
        if max_size is not None and len(size) != 1:
            raise ValueError(
                "max_size should only be passed if size specifies the length of the smaller edge, i.e. "
                "size should be an int or a sequence of length 1 in torchscript mode."
            )
        if len(size) == 2:
            return tuple(size)
        size = size[0]
    shorter, longer = sorted((rows, columns))
    new_shorter, new_longer = size, int(size * longer / shorter)
    if max_size is not None:
        if max_size <= size:
            raise ValueError(
                f"max_size = {max_size} must be strictly greater than the requested size for the smaller edge size = [{size}]"
            )
        if new_longer > max_size:
            new_shorter, new_longer = int(max_size * new_shorter / new_longer), max_size
    return (new_shorter, new_longer) if rows <= columns else (new_longer, new_shorter)


def _resize_array(array, height, width, mode, antialias):
    if mode in (InterpolationMode.NEAREST, InterpolationMode.NEAREST_EXACT):
        middle = 0.5 if mode is InterpolationMode.NEAREST_EXACT else 0.0
        rows, columns = (
            np.minimum(((np.arange(new) + middle) * np.float32(old / new)).astype(int), old - 1)
            for new, old in ((height, array.shape[-2]), (width, array.shape[-1]))
        )
        return array[..., rows[:, None], columns]
    if not antialias:
        raise NotImplementedError("resize: a Tensor with antialias=False; leave it on")
    if mode not in (InterpolationMode.BILINEAR, InterpolationMode.BICUBIC):
        raise NotImplementedError(f"resize: interpolation {mode.value} of a Tensor; resize the PIL image")
    planes = [
        np.asarray(Image.fromarray(plane).resize((width, height), resampling(mode)))
        for plane in array.reshape(-1, *array.shape[-2:]).astype(np.float32)
    ]
    result = np.stack(planes).reshape(*array.shape[:-2], height, width)
    if array.dtype.kind == "f":
        return result.astype(array.dtype)
    limits = np.iinfo(array.dtype)
    return np.clip(np.rint(result), limits.min, limits.max).astype(array.dtype)


def resized_crop(img, top, left, height, width, size, interpolation=InterpolationMode.BILINEAR, antialias=True):
    """A part of the picture, in another number of pixels."""
    return resize(crop(img, top, left, height, width), size, interpolation, antialias=antialias)


def hflip(img):
    """The picture with left and right exchanged."""
    if is_pil(img):
        return img.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    return picture_of(pixels(img)[..., ::-1])


def vflip(img):
    """The picture upside down."""
    if is_pil(img):
        return img.transpose(Image.Transpose.FLIP_TOP_BOTTOM)
    return picture_of(pixels(img)[..., ::-1, :])


def five_crop(img, size):
    """The four corners and the middle of a picture: top left, top right, bottom left, bottom right, centre.

    Raises:
        ValueError: a size that the picture does not have.
    """
    height, width = pair(size)
    _, rows, columns = get_dimensions(img)
    if width > columns or height > rows:
        raise ValueError(f"Requested crop size {(height, width)} is bigger than input size {(rows, columns)}")
    corners = [(top, left) for top in (0, rows - height) for left in (0, columns - width)]
    return (*(crop(img, *corner, height, width) for corner in corners), center_crop(img, [height, width]))


def ten_crop(img, size, vertical_flip=False):
    """five_crop of the picture, and of the picture flipped."""
    return five_crop(img, size) + five_crop((vflip if vertical_flip else hflip)(img), size)


def rotate(img, angle, interpolation=InterpolationMode.NEAREST, expand=False, center=None, fill=None):
    """The picture turned counter-clockwise.

    Args:
        angle: in degrees.
        expand: make room for the corners; else they are cut off.
        center: (x, y) in pixels from the top left corner; None is the middle.
        fill: the colour of what was outside the picture; None is 0.
    """
    mode = interpolation_mode(interpolation)
    if not isinstance(angle, int | float):
        raise TypeError("Argument angle should be int or float")
    if center is not None and not isinstance(center, list | tuple):
        raise TypeError("Argument center should be a sequence")
    if is_pil(img):
        return img.rotate(angle, resampling(mode), expand, center, fillcolor=filling(fill, img))
    _, rows, columns = get_dimensions(img)
    middle = [0.0, 0.0] if center is None else [center[0] - columns * 0.5, center[1] - rows * 0.5]
    matrix = inverse_affine(middle, -angle, [0.0, 0.0], 1.0, [0.0, 0.0])
    size = _turned_size(matrix, columns, rows) if expand else (columns, rows)
    return picture_of(_sampled(pixels(img), matrix, size, mode, fill))


def affine(img, angle, translate, scale, shear, interpolation=InterpolationMode.NEAREST, fill=None, center=None):
    """The picture turned clockwise, moved, scaled and sheared about its middle; its size stays.

    Args:
        angle: in degrees.
        translate: (across, down), in pixels.
        scale: above 0; 1 keeps the size of things.
        shear: (x, y) in degrees, or one number for x.
        center: (x, y) in pixels from the top left corner; None is the middle.

    Raises:
        TypeError: an argument of another type.
        ValueError: a list of the wrong length, or a scale that is not above 0.
    """
    mode = interpolation_mode(interpolation)
    shear = _checked_affine(angle, translate, scale, shear, center)
    _, rows, columns = get_dimensions(img)
    if is_pil(img):
        middle = [columns * 0.5, rows * 0.5] if center is None else center
        matrix = inverse_affine(middle, angle, translate, scale, shear)
        return img.transform(
            (columns, rows),
            Image.Transform.AFFINE,
            matrix,
            resampling(mode),
            fillcolor=filling(fill, img),
        )
    middle = [0.0, 0.0] if center is None else [center[0] - columns * 0.5, center[1] - rows * 0.5]
    matrix = inverse_affine(middle, angle, [float(t) for t in translate], scale, shear)
    return picture_of(_sampled(pixels(img), matrix, (columns, rows), mode, fill))


def _checked_affine(angle, translate, scale, shear, center):
    if not isinstance(angle, int | float):
        raise TypeError("Argument angle should be int or float")
    if not isinstance(translate, list | tuple):
        raise TypeError("Argument translate should be a sequence")
    if len(translate) != 2:
        raise ValueError("Argument translate should be a sequence of length 2")
    if scale <= 0.0:
        raise ValueError("Argument scale should be positive")
    if not isinstance(shear, int | float | list | tuple):
        raise TypeError("Shear should be either a single value or a sequence of two values")
    if center is not None and not isinstance(center, list | tuple):
        raise TypeError("Argument center should be a sequence")
    shear = [shear, 0.0] if isinstance(shear, int | float) else list(shear)
    if len(shear) == 1:
        shear = shear * 2
    if len(shear) != 2:
        raise ValueError(f"Shear should be a sequence containing two values. Got {shear}")
    return shear


def inverse_affine(center, angle, translate, scale, shear):
    """The six numbers (a, b, c, d, e, f) that say where an output pixel comes from: x' = ax + by + c.

    The map, around `center`: shear along y, shear along x, rotate, scale, then translate. Shears and rotations keep
    areas, so the linear part has determinant 1 before it is scaled.
    """
    turn, shear_x, shear_y = math.radians(angle), math.radians(shear[0]), math.radians(shear[1])
    a = math.cos(turn - shear_y) / math.cos(shear_y)
    b = -math.cos(turn - shear_y) * math.tan(shear_x) / math.cos(shear_y) - math.sin(turn)
    c = math.sin(turn - shear_y) / math.cos(shear_y)
    d = -math.sin(turn - shear_y) * math.tan(shear_x) / math.cos(shear_y) + math.cos(turn)
    # The inverse of a 2 x 2 matrix of determinant 1: the diagonal changes places, the rest changes sign.
    linear = [d / scale, -b / scale, -c / scale, a / scale]
    x, y = -center[0] - translate[0], -center[1] - translate[1]
    return [
        linear[0],
        linear[1],
        linear[0] * x + linear[1] * y + center[0],
        linear[2],
        linear[3],
        linear[2] * x + linear[3] * y + center[1],
    ]


def _turned_size(matrix, columns, rows):
    """(width, height) of the smallest upright frame around the turned picture."""
    half = np.array([columns, rows], np.float32) * np.float32(0.5)
    corners = np.array([[x, y] for x in (-1, 1) for y in (-1, 1)], np.float32) * half
    turned = corners @ np.array([[matrix[0], matrix[3]], [matrix[1], matrix[4]]], np.float32) + half
    # Cut at 1e-4 pixels: a cosine's rounding error must not cost a row, 10.00001 pixels are 10.
    low, high = (np.trunc(edge / 1e-4) * 1e-4 for edge in (turned.min(0), turned.max(0)))
    width, height = np.ceil(high) - np.floor(low)
    return int(width), int(height)


def _sampled(array, matrix, size, mode, fill):
    """The array after the map: each output pixel is looked up at its source. Positions are relative to the middle."""
    if mode not in (InterpolationMode.NEAREST, InterpolationMode.BILINEAR):
        raise NotImplementedError(f"interpolation {mode.value} of a Tensor; transform the PIL image")
    (width, height), (rows, columns) = size, array.shape[-2:]
    x = (np.arange(width) - width * 0.5 + 0.5).astype(np.float32)
    y = (np.arange(height) - height * 0.5 + 0.5).astype(np.float32)[:, None]
    source_x, source_y = (_source(x, y, row, old) for row, old in ((matrix[:3], columns), (matrix[3:], rows)))
    if mode is InterpolationMode.NEAREST:
        corners = [(np.rint(source_y), np.rint(source_x), np.float32(1))]
    else:
        top, left = np.floor(source_y), np.floor(source_x)
        down, right = source_y - top, source_x - left
        corners = [
            (top + i, left + j, (down if i else 1 - down) * (right if j else 1 - right)) for i in (0, 1) for j in (0, 1)
        ]
    result, share = _interpolate_corners(array.astype(np.float32), corners)
    if fill is not None:
        colour = np.asarray(fill, np.float32).reshape(-1, 1, 1)
        if mode is InterpolationMode.NEAREST:
            result = np.where(share < 0.5, colour, result)
        else:
            result = result * share + (1 - share) * colour
    return result.astype(array.dtype) if array.dtype.kind == "f" else np.rint(result).astype(array.dtype)


def _source(x, y, row, size):
    """The source coordinate in pixels, computed from -1..1 as in `grid_sample`, so that ties are rounded in the same way."""
    a, b, c = np.asarray(row, np.float32) / np.float32(0.5 * size)
    unit = x * a + y * b + c
    return ((unit + np.float32(1)) * np.float32(size) - np.float32(1)) / np.float32(2)


def _interpolate_corners(array, corners):
    """The weighted sum of the array at the corners, 0 outside, and how much of each pixel was inside."""
    rows, columns = array.shape[-2:]
    result, share = 0.0, 0.0
    for row, column, weight in corners:
        inside = (row >= 0) & (row < rows) & (column >= 0) & (column < columns)
        weight = np.where(inside, weight, np.float32(0))
        at = np.clip(row, 0, rows - 1).astype(int), np.clip(column, 0, columns - 1).astype(int)
        result = result + array[..., at[0], at[1]] * weight
        share = share + weight
    return result, share
