"""Transforms that change pixels' values: dtypes, colours, blur, erased patches. `functional` does the work."""

from __future__ import annotations

import math
import warnings

import numpy as np

from jtorch.core.tensor import from_numpy
from jtorch.nn.modules.module import Module

from . import functional as F
from .chance import below, happens, normals, shuffled_range, uniform


class Transform(Module):
    """A transform whose repr shows the attributes named in `shown`."""

    shown: tuple[str, ...] = ()

    def __repr__(self):
        return f"{type(self).__name__}({', '.join(f'{name}={self._text(name)}' for name in self.shown)})"

    def _text(self, name):
        value = getattr(self, name)
        return value.value if isinstance(value, F.InterpolationMode) else value


class ToTensor:
    """A PIL image or an array (H, W, C) as floats (C, H, W), 0 to 1. See :func:`functional.to_tensor`."""

    def __call__(self, pic):
        return F.to_tensor(pic)

    def __repr__(self):
        return f"{type(self).__name__}()"


class PILToTensor:
    """A PIL image's own numbers as (C, H, W). See :func:`functional.pil_to_tensor`."""

    def __call__(self, pic):
        return F.pil_to_tensor(pic)

    def __repr__(self):
        return f"{type(self).__name__}()"


class ToPILImage:
    """A Tensor (C, H, W), or an array (H, W, C), as a PIL image. See :func:`functional.to_pil_image`."""

    def __init__(self, mode=None):
        self.mode = mode

    def __call__(self, pic):
        return F.to_pil_image(pic, self.mode)

    def __repr__(self):
        return f"{type(self).__name__}({'' if self.mode is None else f'mode={self.mode}'})"


class ConvertImageDtype(Module):
    """Another dtype, white staying white. See :func:`functional.convert_image_dtype`."""

    def __init__(self, dtype):
        super().__init__()
        self.dtype = dtype

    def forward(self, image):
        return F.convert_image_dtype(image, self.dtype)


class Normalize(Transform):
    """(x - mean) / std, channel by channel. See :func:`functional.normalize`."""

    shown = ("mean", "std")

    def __init__(self, mean, std, inplace=False):
        super().__init__()
        self.mean, self.std, self.inplace = mean, std, inplace

    def forward(self, tensor):
        return F.normalize(tensor, self.mean, self.std, self.inplace)


def check_linear(matrix, mean):
    """Raise ValueError unless the matrix is square and the mean fits it."""
    if matrix.size(0) != matrix.size(1):
        raise ValueError(f"transformation_matrix should be square. Got {tuple(matrix.size())} rectangular matrix.")
    if mean.size(0) != matrix.size(0):
        raise ValueError(
            f"mean_vector should have the same length {mean.size(0)} as any one of the dimensions of the "
            f"transformation_matrix [{tuple(matrix.size())}]"
        )
    if matrix.device != mean.device:
        raise ValueError(f"Input tensors should be on the same device. Got {matrix.device} and {mean.device}")
    if matrix.dtype != mean.dtype:
        raise ValueError(f"Input tensors should have the same dtype. Got {matrix.dtype} and {mean.dtype}")


def linearly_transformed(tensor, matrix, mean):
    """(flattened tensor - mean) @ matrix, in the shape of the tensor."""
    shape = tensor.shape
    n = shape[-3] * shape[-2] * shape[-1]
    if n != matrix.shape[0]:
        raise ValueError(
            "Input tensor and transformation matrix have incompatible shape."
            f"[{shape[-3]} x {shape[-2]} x {shape[-1]}] != {matrix.shape[0]}"
        )
    if tensor.device.type != mean.device.type:
        raise ValueError(
            "Input tensor should be on the same device as transformation matrix and mean vector. "
            f"Got {tensor.device} vs {mean.device}"
        )
    flat = tensor.reshape(-1, n) - mean
    return (flat @ matrix.to(flat.dtype)).reshape(shape)


class LinearTransformation(Module):
    """A Tensor, flattened, minus a mean, times a matrix: for example whitening.

    Args:
        transformation_matrix: (D, D), with D = C · H · W.
        mean_vector: (D,).

    Raises:
        ValueError: shapes, devices or dtypes that do not fit.
    """

    def __init__(self, transformation_matrix, mean_vector):
        super().__init__()
        check_linear(transformation_matrix, mean_vector)
        self.transformation_matrix, self.mean_vector = transformation_matrix, mean_vector

    def forward(self, tensor):
        return linearly_transformed(tensor, self.transformation_matrix, self.mean_vector)

    def __repr__(self):
        matrix, mean = self.transformation_matrix.tolist(), self.mean_vector.tolist()
        return f"{type(self).__name__}(transformation_matrix={matrix}, mean_vector={mean})"


class Grayscale(Transform):
    """Grey, in 1 or 3 equal channels. See :func:`functional.rgb_to_grayscale`."""

    shown = ("num_output_channels",)

    def __init__(self, num_output_channels=1):
        super().__init__()
        self.num_output_channels = num_output_channels

    def forward(self, img):
        return F.rgb_to_grayscale(img, self.num_output_channels)


class RandomGrayscale(Transform):
    """Grey with probability p, in as many channels as before."""

    shown = ("p",)

    def __init__(self, p=0.1):
        super().__init__()
        self.p = p

    def forward(self, img):
        if happens(self.p):
            return F.rgb_to_grayscale(img, F.get_image_num_channels(img))
        return img


class ColorJitter(Transform):
    """Brightness, contrast, saturation and hue changed at random, in a random order.

    Args:
        brightness, contrast, saturation: (lowest, highest) factor, or x for (max(0, 1 - x), 1 + x).
        hue: (lowest, highest) turn of the colour circle, -0.5 to 0.5, or x for (-x, x).

    Raises:
        ValueError: a range that is empty or out of bounds.
    """

    shown = ("brightness", "contrast", "saturation", "hue")

    def __init__(self, brightness=0, contrast=0, saturation=0, hue=0):
        super().__init__()
        self.brightness = _range(brightness, "brightness")
        self.contrast = _range(contrast, "contrast")
        self.saturation = _range(saturation, "saturation")
        self.hue = _range(hue, "hue", center=0, bound=(-0.5, 0.5), clip=False)

    @staticmethod
    def get_params(brightness, contrast, saturation, hue):
        """(the order of the changes, and a factor of each, or None)."""
        order = shuffled_range(4)
        # Draw all numbers first, so that the draws do not depend on the order of the changes.
        ranges = (brightness, contrast, saturation, hue)
        return from_numpy(np.asarray(order)), *(None if r is None else uniform(*r) for r in ranges)

    def forward(self, img):
        order, *factors = self.get_params(self.brightness, self.contrast, self.saturation, self.hue)
        for i in order.tolist():
            if factors[i] is not None:
                img = _ADJUST[i](img, factors[i])
        return img


_ADJUST = (F.adjust_brightness, F.adjust_contrast, F.adjust_saturation, F.adjust_hue)


def _range(value, name, center=1, bound=(0, float("inf")), clip=True):
    """(lowest, highest), or None if it would change nothing."""
    if isinstance(value, int | float):
        if value < 0:
            raise ValueError(f"If {name} is a single number, it must be non negative.")
        value = [center - float(value), center + float(value)]
        if clip:
            value[0] = max(value[0], 0.0)
    elif isinstance(value, tuple | list) and len(value) == 2:
        value = [float(v) for v in value]
    else:
        raise TypeError(f"{name} should be a single number or a list/tuple with length 2.")
    if not bound[0] <= value[0] <= value[1] <= bound[1]:
        raise ValueError(f"{name} values should be between {bound}, but got {value}.")
    return None if value[0] == value[1] == center else tuple(value)


class GaussianBlur(Transform):
    """A Gaussian window of random width over the picture.

    Args:
        kernel_size: (across, down) or one number, in pixels, odd.
        sigma: (narrowest, widest) or one number, in pixels.

    Raises:
        ValueError: an even kernel size, or a sigma that is not above 0.
    """

    shown = ("kernel_size", "sigma")

    def __init__(self, kernel_size, sigma=(0.1, 2.0)):
        super().__init__()
        self.kernel_size = height_and_width(kernel_size, "Kernel size should be a tuple/list of two integers")
        for size in self.kernel_size:
            if size <= 0 or size % 2 == 0:
                raise ValueError("Kernel size value should be an odd and positive number.")
        if isinstance(sigma, int | float):
            if sigma <= 0:
                raise ValueError("If sigma is a single number, it must be positive.")
            sigma = (sigma, sigma)
        elif not isinstance(sigma, list | tuple):
            raise ValueError("sigma should be a single number or a list/tuple with length 2.")
        if len(sigma) != 2 or not 0.0 < sigma[0] <= sigma[1]:
            raise ValueError("sigma values should be positive and of the form (min, max).")
        self.sigma = sigma

    @staticmethod
    def get_params(sigma_min, sigma_max):
        """The width of the window."""
        return uniform(sigma_min, sigma_max)

    def forward(self, img):
        sigma = self.get_params(*self.sigma)
        return F.gaussian_blur(img, self.kernel_size, [sigma, sigma])


def height_and_width(size, message):
    """(height, width) from the size argument of a constructor."""
    if isinstance(size, int | float):
        return int(size), int(size)
    if not hasattr(size, "__len__"):
        raise TypeError(message)
    if len(size) == 1:
        return size[0], size[0]
    if len(size) != 2:
        raise ValueError(message)
    return size


class RandomErasing(Transform):
    """A rectangle of a Tensor picture overwritten, with probability p.

    Args:
        scale: (smallest, largest) share of the picture's area.
        ratio: (lowest, highest) height over width.
        value: what to write: one number, one for each channel, or "random" for normal noise.

    Raises:
        ValueError: scale or p outside 0 to 1, or another string.
    """

    shown = ("p", "scale", "ratio", "value", "inplace")

    def __init__(self, p=0.5, scale=(0.02, 0.33), ratio=(0.3, 3.3), value=0, inplace=False):
        super().__init__()
        if not isinstance(value, int | float | str | tuple | list):
            raise TypeError("Argument value should be either a number or str or a sequence")
        if isinstance(value, str) and value != "random":
            raise ValueError("If value is str, it should be 'random'")
        if not isinstance(scale, tuple | list):
            raise TypeError("Scale should be a sequence")
        if not isinstance(ratio, tuple | list):
            raise TypeError("Ratio should be a sequence")
        if scale[0] > scale[1] or ratio[0] > ratio[1]:
            warnings.warn("Scale and ratio should be of kind (min, max)", stacklevel=2)
        if scale[0] < 0 or scale[1] > 1:
            raise ValueError("Scale should be between 0 and 1")
        if p < 0 or p > 1:
            raise ValueError("Random erasing probability should be between 0 and 1")
        self.p, self.scale, self.ratio, self.value, self.inplace = p, scale, ratio, value, inplace

    @staticmethod
    def get_params(img, scale, ratio, value=None):
        """(top, left, height, width, what to write); the whole picture if ten tries did not fit."""
        channels, rows, columns = F.get_dimensions(img)
        patch = None if value is None else from_numpy(np.asarray(value, np.float32)[:, None, None])
        for height, width in random_rectangles(rows * columns, scale, ratio, heights_first=True):
            if height < rows and width < columns:
                noise = from_numpy(normals(channels, height, width)) if patch is None else patch
                return below(rows - height + 1), below(columns - width + 1), height, width, noise
        return 0, 0, rows, columns, img

    def forward(self, img):
        if not happens(self.p):
            return img
        value = _patch(self.value, F.get_dimensions(img)[0])
        return F.erase(img, *self.get_params(img, self.scale, self.ratio, value), self.inplace)


def _patch(value, channels):
    """The values to write, one or one for each channel; None for noise."""
    if isinstance(value, str):
        return None
    values = [value] if isinstance(value, int | float) else list(value)
    if len(values) not in (1, channels):
        raise ValueError(
            f"If value is a sequence, it should have either a single value or {channels} (number of input channels)"
        )
    return [float(v) for v in values]


def random_rectangles(area, scale, ratio, heights_first=False):
    """Yield ten random rectangles (height, width): the share of the area from `scale`, the ratio of the sides from `ratio`."""
    low, high = np.log(np.asarray(ratio, np.float32)).tolist()
    for _ in range(10):
        target = area * uniform(*scale)
        aspect = float(np.exp(np.float32(uniform(low, high))))
        longer, shorter = round(math.sqrt(target * aspect)), round(math.sqrt(target / aspect))
        yield (longer, shorter) if heights_first else (shorter, longer)
