"""Images for TensorBoard as arrays of height, width and three colours."""

from __future__ import annotations

import numpy as np

__all__ = ["convert_to_HWC", "figure_to_image", "make_grid"]


def figure_to_image(figures, close: bool = True) -> np.ndarray:
    """A figure of matplotlib as an array [3, height, width] of bytes; a list of figures as one with a first dimension more."""
    import matplotlib.pyplot as plt  # only figures need it
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    if isinstance(figures, list):
        return np.stack([figure_to_image(figure, close) for figure in figures])
    canvas = FigureCanvasAgg(figures)
    canvas.draw()
    pixels = np.asarray(canvas.buffer_rgba())[..., :3].transpose(2, 0, 1).copy()
    if close:
        plt.close(figures)
    return pixels


def make_grid(I: np.ndarray, ncols: int = 8) -> np.ndarray:
    """Images [n, 1 or 3, height, width] side by side in rows, as one image [3, ., .]; black where there are too few.

    >>> make_grid(np.ones((3, 1, 2, 2)), 2).shape
    (3, 4, 4)
    """
    count, channels, height, width = I.shape
    assert channels in (1, 3), "Input should be a 4D numpy array with 3 channels"
    columns = min(count, ncols)
    rows = -(-count // columns)
    places = np.zeros((rows * columns, 3, height, width), I.dtype)
    places[:count] = I
    places = places.reshape(rows, columns, 3, height, width).transpose(2, 0, 3, 1, 4)
    return places.reshape(3, rows * height, columns * width)


def convert_to_HWC(tensor: np.ndarray, input_format: str) -> np.ndarray:
    """An image or a batch of images, whose dimensions `input_format` names ("CHW", "NHWC", "HW"), as [height, width, 3].

    >>> convert_to_HWC(np.ones((5, 2, 2)), "NHW").shape
    (2, 10, 3)
    """
    names = input_format.upper()
    if len({*names}) != len(names):
        raise AssertionError(
            f"You can not use the same dimension shorthand twice.         input_format: {input_format}"
        )
    if tensor.ndim != len(names):
        raise AssertionError(
            "size of input tensor and input format are different. "
            f"        tensor shape: {tensor.shape}, input_format: {input_format}"
        )
    if "C" not in names:
        tensor, names = tensor[..., None], names + "C"
    if "N" in names:
        tensor = make_grid(tensor.transpose([names.index(name) for name in "NCHW"])).transpose(1, 2, 0)
    else:
        tensor = tensor.transpose([names.index(name) for name in "HWC"])
    return np.concatenate([tensor] * 3, 2) if tensor.shape[2] == 1 else tensor
