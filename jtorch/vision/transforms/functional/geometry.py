"""Functions that move pixels: crop, pad, resize, flip, rotate, affine, perspective, elastic."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageOps

from jtorch.core.facts import Size
from jtorch.core.tensor import Tensor

from .image_tensors import pil_to_tensor, to_pil_image
from .picture import (
    InterpolationMode,
    filling,
    get_dimensions,
    host_pixels,
    interpolation_mode,
    is_pil,
    on_pixels,
    picture_of,
    resampling,
)
from .resample import affine_grid_of, identity_grid, perspective_grid_of, resized, sampled_at

_PAD_MODES = ("constant", "edge", "reflect", "symmetric")


def crop(img, top: int, left: int, height: int, width: int):
    """The part of the picture from (top, left) on; what lies outside the picture is 0."""
    if is_pil(img):
        return img.crop((left, top, left + width, top + height))
    array = host_pixels(img)
    if array is None:
        return on_pixels(_cut_out, img, np.arange(top, top + height), np.arange(left, left + width))
    rows, columns = array.shape[-2:]
    inside = array[..., max(top, 0) : max(top + height, 0), max(left, 0) : max(left + width, 0)]
    margins = (
        (max(-top, 0), max(top + height - max(rows, top), 0)),
        (max(-left, 0), max(left + width - max(columns, left), 0)),
    )
    return picture_of(np.pad(inside, [(0, 0)] * (array.ndim - 2) + [*margins]))


def _cut_out(xp, array, rows, columns):
    height, width = array.shape[-2:]
    inside = ((rows >= 0) & (rows < height))[:, None] & (columns >= 0) & (columns < width)
    found = array[..., xp.clip(rows, 0, height - 1)[:, None], xp.clip(columns, 0, width - 1)]
    return xp.where(inside, found, 0).astype(array.dtype)


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
        padding_mode: "constant"; "edge" repeats the last pixel; "reflect" mirrors without the last
            pixel, "symmetric" with it.

    Raises:
        TypeError: an argument of another type.
        ValueError: a padding with 3 or more than 4 numbers, or an unknown mode.
    """
    left, top, right, bottom = _borders(img, padding, fill, padding_mode)
    if min(left, top, right, bottom) < 0:
        img = crop(img, -min(top, 0), -min(left, 0), *_less(img, left, top, right, bottom))
        left, top, right, bottom = (max(side, 0) for side in (left, top, right, bottom))
    if is_pil(img):
        return _pad_image(img, (left, top, right, bottom), fill, padding_mode)
    borders = ((0, 0),) * (img.ndim - 2) + ((top, bottom), (left, right))
    if padding_mode != "constant":
        return on_pixels(_padded, img, borders=borders, mode=padding_mode)
    return on_pixels(_padded, img, _one_fill(fill), borders=borders, mode="constant")


def _less(img, left, top, right, bottom):
    """(height, width) without the negative sides of a padding."""
    _, rows, columns = get_dimensions(img)
    return rows + min(top, 0) + min(bottom, 0), columns + min(left, 0) + min(right, 0)


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


def _one_fill(fill):
    if fill is None:
        return np.float64(0)
    if not isinstance(fill, int | float):
        if len(fill) != 1:
            raise TypeError("Got inappropriate fill arg")
        fill = fill[0]
    return np.float64(fill)


def _padded(xp, array, fill=None, *, borders, mode):
    if mode != "constant":
        return xp.pad(array, borders, mode=mode)
    return xp.pad(array, borders, constant_values=fill.astype(array.dtype))


def resize(img, size, interpolation=InterpolationMode.BILINEAR, max_size=None, antialias=True):
    """The picture resized.

    Args:
        size: (height, width); or one number, in pixels, for the shorter side, the other in proportion.
        max_size: the largest length of the longer side, where `size` is one number.
        antialias: used for a Tensor only; pillow always smooths before it shrinks a picture.

    Raises:
        TypeError: not an interpolation mode, or a size of another type.
        ValueError: a size with more than two numbers, or a max_size that contradicts it.

    Differs from torch:
        A single Tensor is resized by pillow's filters, in double precision.
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
    return resized(img, height, width, mode, antialias)


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


def resized_crop(img, top, left, height, width, size, interpolation=InterpolationMode.BILINEAR, antialias=True):
    """A part of the picture, resized."""
    return resize(crop(img, top, left, height, width), size, interpolation, antialias=antialias)


def hflip(img):
    """The picture with left and right exchanged."""
    if is_pil(img):
        return img.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    return on_pixels(_mirrored, img)


def vflip(img):
    """The picture upside down."""
    if is_pil(img):
        return img.transpose(Image.Transpose.FLIP_TOP_BOTTOM)
    return on_pixels(_upside_down, img)


def _mirrored(xp, array):
    return array[..., ::-1]


def _upside_down(xp, array):
    return array[..., ::-1, :]


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
    size = turned_size(matrix, columns, rows) if expand else (columns, rows)
    return sampled_at(img, affine_grid_of(matrix, (columns, rows), size, _grid_type(img)), mode, fill)


def _grid_type(img):
    return img.dtype.np if img.dtype.is_floating_point else np.dtype(np.float32)


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
    size = columns, rows
    return sampled_at(img, affine_grid_of(matrix, size, size, _grid_type(img)), mode, fill)


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
    # The inverse of a 2 x 2 matrix of determinant 1: swap the diagonal, negate the other two.
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


def turned_size(matrix, columns, rows):
    """(width, height) of the smallest upright rectangle around the turned picture."""
    half = np.array([columns, rows], np.float32) * np.float32(0.5)
    corners = np.array([[x, y] for x in (-1, 1) for y in (-1, 1)], np.float32) * half
    turned = corners @ np.array([[matrix[0], matrix[3]], [matrix[1], matrix[4]]], np.float32) + half
    # Cut at 1e-4 pixels: with a cosine's rounding error, 10.00001 pixels would become 11.
    low, high = (np.trunc(edge / 1e-4) * 1e-4 for edge in (turned.min(0), turned.max(0)))
    width, height = np.ceil(high) - np.floor(low)
    return int(width), int(height)


def perspective(img, startpoints, endpoints, interpolation=InterpolationMode.BILINEAR, fill=None):
    """The picture in another perspective: the corners in `startpoints` move to those in `endpoints`.

    Args:
        startpoints, endpoints: four corners (x, y): top left, top right, bottom right, bottom left.
        fill: the colour of what was outside the picture; None is 0.

    Raises:
        ValueError: not four corners.
    """
    coeffs = perspective_coefficients(startpoints, endpoints)
    return by_coefficients(img, coeffs, interpolation_mode(interpolation), fill)


def by_coefficients(img, coeffs, mode, fill):
    """The picture after the projective map with these eight coefficients: where each output pixel comes from."""
    if is_pil(img):
        colour = filling(fill, img)
        return img.transform(img.size, Image.Transform.PERSPECTIVE, coeffs, resampling(mode), fillcolor=colour)
    size = img.shape[-1], img.shape[-2]
    return sampled_at(img, perspective_grid_of(coeffs, size, _grid_type(img)), mode, fill)


def perspective_coefficients(startpoints, endpoints):
    """(a, ..., h): x' = (ax + by + c) / (gx + hy + 1), y' = (dx + ey + f) / (gx + hy + 1), from the end points to the start points."""
    if len(startpoints) != 4 or len(endpoints) != 4:
        raise ValueError(
            f"Please provide exactly four corners, got {len(startpoints)} startpoints and {len(endpoints)} endpoints."
        )
    rows = []
    for (x, y), (to_x, to_y) in zip(endpoints, startpoints, strict=True):
        rows.append([x, y, 1, 0, 0, 0, -to_x * x, -to_x * y])
        rows.append([0, 0, 0, x, y, 1, -to_y * x, -to_y * y])
    solution, *_ = np.linalg.lstsq(np.array(rows, np.float64), np.ravel(np.array(startpoints, np.float64)), rcond=None)
    return solution.astype(np.float32).tolist()


def elastic_transform(img, displacement, interpolation=InterpolationMode.BILINEAR, fill=None):
    """The picture with each pixel taken from a position displaced from its own.

    Args:
        displacement: (1, H, W, 2): the displacement in x and y, where 2 is the whole side of the picture.

    Raises:
        TypeError: `displacement` is not a Tensor.
        ValueError: its shape does not fit the picture.
    """
    mode = interpolation_mode(interpolation)
    if not isinstance(displacement, Tensor):
        raise TypeError("Argument displacement should be a Tensor")
    _, rows, columns = get_dimensions(img)
    shape = Size([1, rows, columns, 2])
    if shape != displacement.shape:
        raise ValueError(f"Argument displacement shape should be {shape}, but given {displacement.shape}")
    if is_pil(img):
        return to_pil_image(elastic_transform(pil_to_tensor(img), displacement, mode, fill), mode=img.mode)
    grid = identity_grid(rows, columns) + displacement.detach().cpu().numpy()[0]
    return sampled_at(img, grid, mode, fill)
