"""Resampling: resizing by weights, and looking up each output pixel at its source."""

from __future__ import annotations

import functools

import numpy as np
from PIL import Image

from .colour import float_type
from .picture import InterpolationMode, on_pixels, picture_of, resampling
from .tone import in_dtype

_NEAREST = (InterpolationMode.NEAREST, InterpolationMode.NEAREST_EXACT)
_SMOOTH = (InterpolationMode.BILINEAR, InterpolationMode.BICUBIC)


def resized(img, height, width, mode, antialias):
    """A Tensor resized.

    Raises:
        NotImplementedError: a mode that only pillow has.
    """
    if mode in _NEAREST:
        middle = 0.5 if mode is InterpolationMode.NEAREST_EXACT else 0.0
        sources = [
            np.minimum(((np.arange(new) + middle) * np.float32(old / new)).astype(int), old - 1)
            for new, old in ((height, img.shape[-2]), (width, img.shape[-1]))
        ]
        return on_pixels(_picked, img, *sources)
    if mode not in _SMOOTH:
        raise NotImplementedError(f"resize: interpolation {mode.value} of a Tensor; resize the PIL image")
    if antialias and img.ndim <= 3 and img.is_cpu and not img.requires_grad:
        return picture_of(_resized_by_pillow(img.numpy(), height, width, mode))
    tables = [_taps(old, new, mode, bool(antialias)) for old, new in ((img.shape[-2], height), (img.shape[-1], width))]
    return on_pixels(_weighted, img, *tables[0], *tables[1])


def _picked(xp, array, rows, columns):
    return array[..., rows[:, None], columns]


def _resized_by_pillow(array, height, width, mode):
    """Pillow's filters are PyTorch's with antialias, computed in double precision."""
    planes = [
        np.asarray(Image.fromarray(plane).resize((width, height), resampling(mode)))
        for plane in array.reshape(-1, *array.shape[-2:]).astype(np.float32)
    ]
    result = np.stack(planes).reshape(*array.shape[:-2], height, width)
    if array.dtype.kind == "f":
        return result.astype(array.dtype)
    limits = np.iinfo(array.dtype)
    return np.clip(np.rint(result), limits.min, limits.max).astype(array.dtype)


@functools.lru_cache(64)
def _taps(old, new, mode, antialias):
    """(sources, weights), each (new, K): the K source pixels of every output pixel along an axis."""
    scale = old / new
    stretch = max(scale, 1.0) if antialias else 1.0
    cubic = mode is InterpolationMode.BICUBIC
    support = (2.0 if cubic else 1.0) * stretch
    centers = (np.arange(new) + 0.5) * scale
    if antialias:
        first = np.maximum((centers - support + 0.5).astype(int), 0)
        last = np.minimum((centers + support + 0.5).astype(int), old)
        sources = first[:, None] + np.arange((last - first).max())
        inside = sources < last[:, None]
    else:
        # In single precision, as in PyTorch, so that a half is rounded to the same byte.
        middle = np.float32(scale) * (np.arange(new, dtype=np.float32) + np.float32(0.5)) - np.float32(0.5)
        middle = middle if cubic else np.maximum(middle, 0)
        centers = middle + np.float32(0.5)
        sources = np.floor(middle).astype(int)[:, None] + np.arange(-1 if cubic else 0, 3 if cubic else 2)
        inside = np.ones_like(sources, bool)
    distance = np.abs((sources + 0.5 - centers[:, None]) / stretch).astype(centers.dtype)
    weights = (_cubic(distance, -0.5 if antialias else -0.75) if cubic else np.maximum(1 - distance, 0)) * inside
    weights = weights / weights.sum(1, keepdims=True)
    return np.clip(sources, 0, old - 1), weights


def _cubic(distance, a):
    near = ((a + 2) * distance - (a + 3)) * distance * distance + 1
    far = (((distance - 5) * distance + 8) * distance - 4) * a
    return np.where(distance < 1, near, np.where(distance < 2, far, 0.0))


def _weighted(xp, array, row_sources, row_weights, column_sources, column_weights):
    kind = float_type(array)
    wide = array.astype(kind)
    lines = sum(
        wide[..., column_sources[:, k]] * column_weights[:, k].astype(kind) for k in range(column_sources.shape[1])
    )
    result = sum(
        lines[..., row_sources[:, k], :] * row_weights[:, k, None].astype(kind) for k in range(row_sources.shape[1])
    )
    if array.dtype.kind != "f":
        limits = np.iinfo(array.dtype)
        result = xp.clip(result, limits.min, limits.max)
    return in_dtype(xp, result, array.dtype)


# ---- each output pixel is looked up at its source


def sampled_at(img, grid, mode, fill):
    """A Tensor whose pixels come from the places in `grid`, (H, W, 2): x and y, from -1 to 1 over the picture.

    Raises:
        ValueError: an interpolation mode that a Tensor does not have, or a fill that does not fit the channels.
    """
    if mode not in (InterpolationMode.NEAREST, InterpolationMode.BILINEAR):
        raise ValueError(f"Interpolation mode '{mode.value}' is unsupported with Tensor input")
    channels = img.shape[-3] if img.ndim > 2 else 1
    if isinstance(fill, tuple | list) and len(fill) > 1 and len(fill) != channels:
        raise ValueError(
            f"The number of elements in 'fill' cannot broadcast to match the number of channels of the image ({len(fill)} != {channels})"
        )
    values = [grid] if fill is None else [grid, np.asarray(fill, np.float32).reshape(-1, 1, 1)]
    return on_pixels(_looked_up, img, *values, nearest=mode is InterpolationMode.NEAREST)


def _looked_up(xp, array, grid, *colour, nearest):
    if xp is not np:
        return _grid_sampled(xp, array, grid, *colour, nearest=nearest)
    with np.errstate(invalid="ignore"):
        return _grid_sampled(xp, array, grid, *colour, nearest=nearest)


def _grid_sampled(xp, array, grid, colour=None, nearest=False):
    kind, (rows, columns) = float_type(array), array.shape[-2:]
    # In pixels, computed as `grid_sample` computes them, so that ties are rounded in the same way.
    x, y = (((grid[..., i] + 1) * kind.type(n) - 1) / 2 for i, n in ((0, columns), (1, rows)))
    if nearest:
        corners = [(xp.rint(y), xp.rint(x), xp.ones_like(x))]
    else:
        top, left = xp.floor(y), xp.floor(x)
        down, right = y - top, x - left
        corners = [
            (top + i, left + j, (down if i else 1 - down) * (right if j else 1 - right)) for i in (0, 1) for j in (0, 1)
        ]
    result, share = _corner_sum(xp, array.astype(kind), corners)
    if colour is not None:
        colour = colour.astype(kind)
        if nearest:
            result = xp.where(share < 0.5, colour, result)
        else:
            result = (
                result * share + (1 - share) * colour if array.ndim > 2 else (result * share + (1 - share) * colour[0])
            )
    return in_dtype(xp, result.reshape(*array.shape[:-2], *grid.shape[:-1]), array.dtype)


def _corner_sum(xp, array, corners):
    """(the weighted sum of the array at the corners, 0 outside; the share of each pixel that was inside)."""
    rows, columns = array.shape[-2:]
    result, share = 0.0, 0.0
    for row, column, weight in corners:
        inside = (row >= 0) & (row < rows) & (column >= 0) & (column < columns)
        weight = xp.where(inside, weight, 0).astype(array.dtype)
        at = xp.clip(row, 0, rows - 1).astype(int), xp.clip(column, 0, columns - 1).astype(int)
        result = result + array[..., at[0], at[1]] * weight
        share = share + weight
    return result, share


def affine_grid_of(matrix, size, new_size, kind):
    """The grid of the map x' = ax + by + c, y' = dx + ey + f, relative to the middle. Sizes are (width, height)."""
    x, y = (np.arange(n, dtype=np.float32) - np.float32(n * 0.5 - 0.5) for n in new_size)
    theta = np.asarray(matrix, kind).reshape(2, 3) / np.asarray([[0.5 * size[0]], [0.5 * size[1]]], kind)
    x, y = x.astype(kind), y.astype(kind)[:, None]
    return np.stack([x * a + y * b + c for a, b, c in theta], axis=-1)


def perspective_grid_of(coeffs, size, kind):
    """The grid of the projective map with these eight coefficients. The size is (width, height)."""
    x, y = np.arange(size[0]).astype(kind) + kind.type(0.5), np.arange(size[1]).astype(kind)[:, None] + kind.type(0.5)
    halves = np.asarray([0.5 * size[0], 0.5 * size[1]], kind)
    over = [np.asarray(coeffs[3 * i : 3 * i + 3], kind) / halves[i] for i in (0, 1)]
    depth = x * kind.type(coeffs[6]) + y * kind.type(coeffs[7]) + 1
    with np.errstate(divide="ignore", invalid="ignore"):  # points at infinity divide by zero
        return np.stack([(x * a + y * b + c) / depth - 1 for a, b, c in over], axis=-1)


def identity_grid(rows, columns):
    """(H, W, 2): each pixel's own place, float32."""
    x, y = (np.linspace((1 - n) / n, (n - 1) / n, n).astype(np.float32) for n in (columns, rows))
    return np.stack(np.meshgrid(x, y), axis=-1)
