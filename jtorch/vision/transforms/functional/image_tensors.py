"""From pictures to numbers and back: to_tensor, to_pil_image, convert_image_dtype, normalize."""

from __future__ import annotations

import numpy as np
from PIL import Image

from jtorch.core.facts import float32, float64, get_default_dtype, int32, int64
from jtorch.core.tensor import Tensor, as_tensor

from .picture import picture_of, pixels

_WIDE_MODES = {"I": np.int32, "I;16": np.uint16, "F": np.float32}  # PIL modes that are not bytes
_MODES_BY_CHANNELS = {2: ("LA",), 3: ("RGB", "YCbCr", "HSV"), 4: ("RGBA", "CMYK", "RGBX")}
_LOSSY = {(float32, int32), (float32, int64), (float64, int64)}  # floats with fewer digits than these integers
_GREY_MODES = {np.uint8: "L", np.int16: "I;16", np.int32: "I", np.float32: "F"}


def _planes(array: np.ndarray) -> np.ndarray:
    """(H, W) or (H, W, C) as (C, H, W)."""
    return array[None] if array.ndim == 2 else array.transpose(2, 0, 1)


def to_tensor(pic) -> Tensor:
    """pic / 255 as (C, H, W), of a PIL image or an array (H, W) or (H, W, C) of bytes; wider types unscaled.

    Raises:
        TypeError: neither a PIL image nor an array.
        ValueError: an array that has not two or three dimensions.

    >>> import numpy as np
    >>> jtorch.vision.transforms.functional.to_tensor(np.array([[0, 51], [102, 255]], np.uint8))
    tensor([[[0.0000, 0.2000],
             [0.4000, 1.0000]]])
    """
    if isinstance(pic, Image.Image):
        array = np.array(pic, _WIDE_MODES.get(pic.mode, np.uint8))
        array = _planes(array * np.uint8(255) if pic.mode == "1" else array)
    elif not isinstance(pic, np.ndarray):
        raise TypeError(f"pic should be PIL Image or ndarray. Got {type(pic)}")
    elif pic.ndim not in (2, 3):
        raise ValueError(f"pic should be 2/3 dimensional. Got {pic.ndim} dimensions.")
    else:
        array = _planes(pic)
    if array.dtype == np.uint8:
        # Divide in one dtype, as PyTorch's div: a Python 255 would be rounded differently in float16.
        float_type = get_default_dtype().np
        array = array.astype(float_type, order="C")
        array /= np.asarray(255, float_type)
    return picture_of(array)


def pil_to_tensor(pic) -> Tensor:
    """The image's own numbers as (C, H, W), nothing scaled.

    Raises:
        TypeError: not a PIL image.
    """
    if not isinstance(pic, Image.Image):
        raise TypeError(f"pic should be PIL Image. Got {type(pic)}")
    return picture_of(_planes(np.array(pic)))


def to_pil_image(pic, mode=None) -> Image.Image:
    """A PIL image of a Tensor (C, H, W) or (H, W), floats times 255, or of an array (H, W) or (H, W, C).

    Raises:
        TypeError: neither Tensor nor array, or a number type that pillow has no mode for.
        ValueError: not two or three dimensions, more than four channels, or a mode that does not fit.
    """
    if isinstance(pic, Tensor):
        array = _rows_of_tensor(pic, mode)
    elif isinstance(pic, np.ndarray):
        array = _rows_of_array(pic)
    else:
        raise TypeError(f"pic should be Tensor or ndarray. Got {type(pic)}.")
    channels = array.shape[2]
    if channels == 1:
        return _image(array, _grey_mode(array, mode))
    known = _MODES_BY_CHANNELS[channels]
    if mode is not None and mode not in known:
        raise ValueError(f"Only modes {list(known)} are supported for {channels}D inputs")
    if array.dtype != np.uint8:
        raise TypeError(f"Input type {array.dtype} is not supported")
    return _image(array, mode or known[0])


def _rows_of_tensor(pic, mode):
    if pic.ndim not in (2, 3):
        raise ValueError(f"pic should be 2/3 dimensional. Got {pic.ndim} dimensions.")
    array = pixels(pic)
    array = array[None] if array.ndim == 2 else array
    if array.shape[0] > 4:
        raise ValueError(f"pic should not have > 4 channels. Got {array.shape[0]} channels.")
    if pic.dtype.is_floating_point and mode != "F":
        # By way of int64, as PyTorch's `byte()`: a cast of 256.0 wraps to 0 instead of being undefined.
        array = (array * np.asarray(255, array.dtype)).astype(np.int64).astype(np.uint8)
    return array.transpose(1, 2, 0)


def _rows_of_array(pic):
    if pic.ndim not in (2, 3):
        raise ValueError(f"pic should be 2/3 dimensional. Got {pic.ndim} dimensions.")
    array = pic[:, :, None] if pic.ndim == 2 else pic
    if array.shape[-1] > 4:
        raise ValueError(f"pic should not have > 4 channels. Got {array.shape[-1]} channels.")
    return array


def _grey_mode(array, mode):
    expected = _GREY_MODES.get(array.dtype.type)
    if mode is not None and mode != expected:
        raise ValueError(  # torchvision's text for every dtype
            f"Incorrect mode ({mode}) supplied for input type <class 'numpy.dtype'>. Should be {expected}"
        )
    if expected is None:
        raise TypeError(f"Input type {array.dtype} is not supported")
    return expected


def _image(array, mode):
    """An image of this mode from rows of numbers. `fromarray` guesses the mode, and cannot guess YCbCr."""
    height, width = array.shape[:2]
    return Image.frombytes(mode, (width, height), np.ascontiguousarray(array).tobytes())


def convert_image_dtype(image: Tensor, dtype=None) -> Tensor:
    """The picture in another dtype. White stays white: 255 as a byte is 1.0 as a float.

    Raises:
        TypeError: not a Tensor.
        RuntimeError: a float type that cannot hold the integers of the wanted type.
    """
    if not isinstance(image, Tensor):
        raise TypeError("Input img should be Tensor Image")
    wanted = dtype or float32
    if image.dtype == wanted:
        return image
    array, to = pixels(image), np.dtype(wanted.np)
    if image.dtype.is_floating_point:
        return picture_of(_from_floats(array, image.dtype, wanted, to))
    white = int(np.iinfo(array.dtype).max)
    if wanted.is_floating_point:
        return picture_of(array.astype(to) / np.asarray(white, to))
    wanted_white = int(np.iinfo(to).max)
    if white > wanted_white:
        factor = (white + 1) // (wanted_white + 1)
        return picture_of((array // factor).astype(to))
    return picture_of(array.astype(to) * np.asarray((wanted_white + 1) // (white + 1), to))


def _from_floats(array, dtype, wanted, to):
    if wanted.is_floating_point:
        return array.astype(to)
    if (dtype, wanted) in _LOSSY:
        raise RuntimeError(f"The cast from {dtype} to {wanted} cannot be performed safely.")
    white = int(np.iinfo(to).max)
    # A little less than white + 1, so that 1.0 is white and each integer stands for an interval of the same length.
    return (array * np.asarray(white + 1.0 - 1e-3, array.dtype)).astype(to)


def normalize(tensor: Tensor, mean, std, inplace=False) -> Tensor:
    """(tensor - mean) / std, channel by channel; works on batches, and lets gradients through.

    Args:
        mean, std: one number for each channel, in units of the tensor.
        inplace: write into the tensor itself.

    Shape:
        tensor (..., C, H, W) → (..., C, H, W)

    Raises:
        TypeError: not a Tensor of floats.
        ValueError: fewer than three dimensions, or a std of zero.
    """
    if not isinstance(tensor, Tensor):
        raise TypeError(f"img should be Tensor Image. Got {type(tensor)}")
    if not tensor.dtype.is_floating_point:
        raise TypeError(f"Input tensor should be a float tensor. Got {tensor.dtype}.")
    if tensor.ndim < 3:
        raise ValueError(
            f"Expected tensor to be a tensor image of size (..., C, H, W). Got tensor.size() = {tensor.size()}"
        )
    mean, std = (np.asarray(values, tensor.dtype.np) for values in (mean, std))
    if (std == 0).any():
        raise ValueError(f"std evaluated to zero after conversion to {tensor.dtype}, leading to division by zero.")
    mean, std = (values[:, None, None] if values.ndim == 1 else values for values in (mean, std))
    if inplace:
        return tensor.sub_(as_tensor(mean, device=tensor.device)).div_(as_tensor(std, device=tensor.device))
    if tensor.requires_grad or not tensor.is_cpu:
        return (tensor - as_tensor(mean, device=tensor.device)) / as_tensor(std, device=tensor.device)
    made = pixels(tensor) - mean
    made /= std
    return picture_of(made)
