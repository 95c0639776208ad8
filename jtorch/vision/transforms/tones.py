"""Transforms that change tones with probability p: invert, posterize, solarize, sharpness, autocontrast, equalize."""

from __future__ import annotations

from . import functional as F
from .chance import happens
from .pixel_values import Transform


class _Sometimes(Transform):
    """Changes the picture with probability p. A subclass has `change`."""

    shown = ("p",)

    def __init__(self, p=0.5):
        super().__init__()
        self.p = p

    def forward(self, img):
        return self.change(img) if happens(self.p) else img

    def __repr__(self):  # without a space, as torchvision has it
        return f"{type(self).__name__}({','.join(f'{name}={getattr(self, name)}' for name in self.shown)})"


class RandomInvert(_Sometimes):
    """White minus the picture, with probability p."""

    def change(self, img):
        return F.invert(img)


class RandomPosterize(_Sometimes):
    """Only the upper `bits` bits of each value, with probability p."""

    shown = ("bits", "p")

    def __init__(self, bits, p=0.5):
        super().__init__(p)
        self.bits = bits

    def change(self, img):
        return F.posterize(img, self.bits)


class RandomSolarize(_Sometimes):
    """All values from `threshold` on inverted, with probability p."""

    shown = ("threshold", "p")

    def __init__(self, threshold, p=0.5):
        super().__init__(p)
        self.threshold = threshold

    def change(self, img):
        return F.solarize(img, self.threshold)


class RandomAdjustSharpness(_Sometimes):
    """Sharper (a factor above 1) or blurred (below 1), with probability p."""

    shown = ("sharpness_factor", "p")

    def __init__(self, sharpness_factor, p=0.5):
        super().__init__(p)
        self.sharpness_factor = sharpness_factor

    def change(self, img):
        return F.adjust_sharpness(img, self.sharpness_factor)


class RandomAutocontrast(_Sometimes):
    """Each channel stretched from black to white, with probability p."""

    def change(self, img):
        return F.autocontrast(img)


class RandomEqualize(_Sometimes):
    """Histogram equalization of each channel, with probability p."""

    def change(self, img):
        return F.equalize(img)
