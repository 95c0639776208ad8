"""The transforms of the inputs of published weights: `weights.transforms()` makes them."""

from __future__ import annotations

from jtorch import nn
from jtorch.core.facts import dtypes
from jtorch.core.tensor import Tensor
from jtorch.vision.transforms import functional
from jtorch.vision.transforms.functional import InterpolationMode


def _floats(img):
    """A PIL image or a Tensor as a Tensor with values from 0 to 1."""
    if not isinstance(img, Tensor):
        img = functional.pil_to_tensor(img)
    return functional.convert_image_dtype(img, dtypes.float32)


class _Normalizing(nn.Module):
    """What the presets with a mean and a standard deviation share: their arguments as lists, and the text."""

    shown = ("crop_size", "resize_size", "mean", "std", "interpolation")

    def __repr__(self):
        lines = "".join(f"\n    {name}={getattr(self, name)}" for name in self.shown)
        return f"{type(self).__name__}({lines}\n)"


class ImageClassification(_Normalizing):
    """Resize, crop the centre, scale to 0..1 and normalize.

    Takes a PIL image or a Tensor (..., C, H, W); gives a float Tensor (..., C, crop_size, crop_size).
    """

    def __init__(
        self,
        *,
        crop_size,
        resize_size=256,
        mean=(0.485, 0.456, 0.406),
        std=(0.229, 0.224, 0.225),
        interpolation=InterpolationMode.BILINEAR,
        antialias=True,
    ):
        super().__init__()
        self.crop_size = [crop_size]
        self.resize_size = [resize_size]
        self.mean = list(mean)
        self.std = list(std)
        self.interpolation = interpolation
        self.antialias = antialias

    def forward(self, img):
        img = functional.resize(img, self.resize_size, interpolation=self.interpolation, antialias=self.antialias)
        img = functional.center_crop(img, self.crop_size)
        return functional.normalize(_floats(img), mean=self.mean, std=self.std)

    def describe(self):
        """What it does, in a sentence."""
        return (
            f"Resizes PIL images or Tensors (..., C, H, W) to {self.resize_size} by {self.interpolation}, crops the centre "
            f"{self.crop_size}, scales to [0.0, 1.0] and normalizes with mean {self.mean} and std {self.std}."
        )


class SemanticSegmentation(_Normalizing):
    """Resize (`resize_size` None: not), scale to 0..1 and normalize."""

    shown = ("resize_size", "mean", "std", "interpolation")

    def __init__(
        self,
        *,
        resize_size,
        mean=(0.485, 0.456, 0.406),
        std=(0.229, 0.224, 0.225),
        interpolation=InterpolationMode.BILINEAR,
        antialias=True,
    ):
        super().__init__()
        self.resize_size = [resize_size] if resize_size is not None else None
        self.mean = list(mean)
        self.std = list(std)
        self.interpolation = interpolation
        self.antialias = antialias

    def forward(self, img):
        if isinstance(self.resize_size, list):
            img = functional.resize(img, self.resize_size, interpolation=self.interpolation, antialias=self.antialias)
        return functional.normalize(_floats(img), mean=self.mean, std=self.std)

    def describe(self):
        """What it does, in a sentence."""
        return (
            f"Resizes PIL images or Tensors (..., C, H, W) to {self.resize_size} by {self.interpolation}, scales to "
            f"[0.0, 1.0] and normalizes with mean {self.mean} and std {self.std}."
        )


class VideoClassification(_Normalizing):
    """Resize, crop, scale and normalize the frames (..., T, C, H, W) of a video; gives (..., C, T, H, W)."""

    def __init__(
        self,
        *,
        crop_size,
        resize_size,
        mean=(0.43216, 0.394666, 0.37645),
        std=(0.22803, 0.22145, 0.216989),
        interpolation=InterpolationMode.BILINEAR,
    ):
        super().__init__()
        self.crop_size = list(crop_size)
        self.resize_size = list(resize_size)
        self.mean = list(mean)
        self.std = list(std)
        self.interpolation = interpolation

    def forward(self, vid):
        single = vid.ndim < 5
        if single:
            vid = vid.unsqueeze(0)
        count, frames, channels, height, width = vid.shape
        flat = vid.view(-1, channels, height, width)
        # As in torchvision, where the weights were trained so, for bytes and floats alike.
        flat = functional.resize(flat, self.resize_size, interpolation=self.interpolation, antialias=False)
        flat = functional.center_crop(flat, self.crop_size)
        flat = functional.normalize(_floats(flat), mean=self.mean, std=self.std)
        vid = flat.view(count, frames, channels, *self.crop_size).permute(0, 2, 1, 3, 4)
        return vid.squeeze(0) if single else vid

    def describe(self):
        """What it does, in a sentence."""
        return (
            f"Resizes the frames of videos (..., T, C, H, W) to {self.resize_size} by {self.interpolation}, crops the centre "
            f"{self.crop_size}, scales to [0.0, 1.0], normalizes with mean {self.mean} and std {self.std}, and gives "
            "(..., C, T, H, W)."
        )


class ObjectDetection(nn.Module):
    """Scale to 0..1."""

    def forward(self, img):
        return _floats(img)

    def __repr__(self):
        return f"{type(self).__name__}()"

    def describe(self):
        """What it does, in a sentence."""
        return "Scales PIL images or Tensors (..., C, H, W) to [0.0, 1.0]."


class OpticalFlow(nn.Module):
    """Scale two images, or two batches, to -1..1."""

    def forward(self, img1, img2):
        return tuple(
            [functional.normalize(_floats(img), mean=[0.5] * 3, std=[0.5] * 3).contiguous() for img in (img1, img2)]
        )

    def __repr__(self):
        return f"{type(self).__name__}()"

    def describe(self):
        """What it does, in a sentence."""
        return "Scales two PIL images or Tensors (..., C, H, W) to [-1.0, 1.0]."
