"""Several pictures in one grid, and a grid saved to a file."""

from __future__ import annotations

import io
import math
import os

import numpy as np
from PIL import Image

from jtorch.core.tensor import Tensor, from_numpy
from jtorch.serialization.replacing import replacement_of


def make_grid(tensor, nrow=8, padding=2, normalize=False, value_range=None, scale_each=False, pad_value=0.0):
    """Pictures next to each other, as one picture.

    Args:
        tensor: (N, C, H, W), one picture (C, H, W) or (H, W), or a list of pictures of one size.
        nrow: pictures in a row.
        padding: pixels between them.
        normalize: map `value_range` (default: the smallest and the largest value) to 0..1.
        scale_each: with `normalize`, stretch each picture separately.
        pad_value: the colour between them.

    Raises:
        TypeError: not Tensors, or a value_range that is not a tuple.

    Differs from torch:
        The grid is always on the CPU.
    """
    pictures = _batch(tensor)
    if normalize:
        if value_range is not None and not isinstance(value_range, tuple):
            raise TypeError("value_range has to be a tuple (min, max) if specified. min and max are numbers")
        pictures = _stretched(pictures, value_range, scale_each)
    if len(pictures) == 1:
        return from_numpy(pictures[0].copy())
    count, channels, height, width = pictures.shape
    columns = min(nrow, count)
    rows, height, width = math.ceil(count / columns), height + padding, width + padding
    grid = np.full((channels, height * rows + padding, width * columns + padding), pad_value, pictures.dtype)
    for i, picture in enumerate(pictures):
        top, left = i // columns * height + padding, i % columns * width + padding
        grid[:, top : top + height - padding, left : left + width - padding] = picture
    return from_numpy(grid)


def _batch(tensor):
    """The pictures as an array (N, C, H, W), grey ones in three channels."""
    if isinstance(tensor, list):
        for each in tensor:
            if not isinstance(each, Tensor):
                raise TypeError(f"tensor or list of tensors expected, got a list containing {type(each)}")
        pictures = np.stack([each.detach().cpu().numpy() for each in tensor])
    elif isinstance(tensor, Tensor):
        pictures = tensor.detach().cpu().numpy()
    else:
        raise TypeError(f"tensor or list of tensors expected, got {type(tensor)}")
    if pictures.ndim == 2:
        pictures = pictures[None]
    if pictures.ndim == 3:
        pictures = pictures[None]
    return np.repeat(pictures, 3, axis=1) if pictures.shape[1] == 1 else pictures


def _stretched(pictures, value_range, scale_each):
    axes = (1, 2, 3) if scale_each else None
    low, high = value_range or (pictures.min(axes, keepdims=True), pictures.max(axes, keepdims=True))
    width = np.maximum(np.subtract(high, low), 1e-5).astype(pictures.dtype)
    return (np.clip(pictures, low, high).astype(pictures.dtype) - np.asarray(low, pictures.dtype)) / width


def save_image(tensor, fp, format=None, **kwargs):
    """Write pictures, values from 0 to 1, to an image file; several become a grid. See :func:`make_grid`.

    The file appears under its name when it is complete.

    Args:
        fp: a path, or an open file.
        format: the name of a format of pillow's; None: by the suffix of the path.

    Raises:
        ValueError: no format has this suffix.
        OSError: the file cannot be written.
    """
    grid = make_grid(tensor, **kwargs).numpy()
    array = np.clip(grid * np.float32(255) + np.float32(0.5), 0, 255).astype(np.uint8)
    image = Image.fromarray(np.ascontiguousarray(array.transpose(1, 2, 0)))
    if not isinstance(fp, str | os.PathLike):
        image.save(fp, format=format)
        return
    encoded = io.BytesIO()
    image.save(encoded, format=format or _format_of(fp))
    with replacement_of(os.fspath(fp)) as file:
        file.write(encoded.getbuffer())


def _format_of(path):
    suffix = os.path.splitext(os.fspath(path))[1].lower()
    known = Image.registered_extensions()
    if suffix not in known:
        raise ValueError(f"unknown file extension: {suffix}")
    return known[suffix]
