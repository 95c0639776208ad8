"""Transforms of v2 that change colours."""

from __future__ import annotations

from collections.abc import Sequence

from .. import pixel_values, tones
from ..chance import shuffled_range, uniform, units
from . import functional as F
from .sample_transform import RandomApplyTransform, Transform, query_chw


class Grayscale(Transform):
    """Grey, in 1 or 3 equal channels."""

    def __init__(self, num_output_channels=1):
        super().__init__()
        self.num_output_channels = num_output_channels

    def transform(self, inpt, params):
        return self._call_kernel(F.rgb_to_grayscale, inpt, num_output_channels=self.num_output_channels)


class RandomGrayscale(RandomApplyTransform):
    """Grey with probability p, in as many channels as before."""

    def __init__(self, p=0.1):
        super().__init__(p=p)

    def make_params(self, flat_inputs):
        return {"num_input_channels": query_chw(flat_inputs)[0]}

    def transform(self, inpt, params):
        return self._call_kernel(F.rgb_to_grayscale, inpt, num_output_channels=params["num_input_channels"])


class RGB(Transform):
    """Three channels, if there is one."""

    def transform(self, inpt, params):
        return self._call_kernel(F.grayscale_to_rgb, inpt)


def _factors(value, name, center=1.0, bound=(0, float("inf")), clip=True):
    """(lowest, highest), or None if it would change nothing."""
    if value is None:
        return None
    if isinstance(value, int | float):
        if value < 0:
            raise ValueError(f"If {name} is a single number, it must be non negative.")
        value = [center - value, center + value]
        value[0] = max(value[0], 0.0) if clip else value[0]
    elif not isinstance(value, Sequence) or len(value) != 2:
        raise TypeError(f"{name}={value} should be a single number or a sequence with length 2.")
    low, high = (float(v) for v in value)
    if not bound[0] <= low <= high <= bound[1]:
        raise ValueError(f"{name} values should be between {bound} and increasing, but got {list(value)}.")
    return None if low == high == center else (low, high)


_ADJUST = (F.adjust_brightness, F.adjust_contrast, F.adjust_saturation, F.adjust_hue)


class ColorJitter(Transform):
    """Brightness, contrast, saturation and hue changed at random, in a random order. See v1's ColorJitter."""

    get_params = staticmethod(pixel_values.ColorJitter.get_params)

    def __init__(self, brightness=None, contrast=None, saturation=None, hue=None):
        super().__init__()
        self.brightness = _factors(brightness, "brightness")
        self.contrast = _factors(contrast, "contrast")
        self.saturation = _factors(saturation, "saturation")
        self.hue = _factors(hue, "hue", 0, (-0.5, 0.5), clip=False)

    def make_params(self, flat_inputs):
        order = shuffled_range(4)
        ranges = (self.brightness, self.contrast, self.saturation, self.hue)
        return {"order": order, "factors": [None if r is None else uniform(*r) for r in ranges]}

    def transform(self, inpt, params):
        for i in params["order"]:
            if params["factors"][i] is not None:
                inpt = self._call_kernel(_ADJUST[i], inpt, params["factors"][i])
        return inpt


class RandomChannelPermutation(Transform):
    """The channels in a random order."""

    def make_params(self, flat_inputs):
        return {"permutation": shuffled_range(query_chw(flat_inputs)[0])}

    def transform(self, inpt, params):
        return self._call_kernel(F.permute_channels, inpt, params["permutation"])


class RandomPhotometricDistort(Transform):
    """Colours changed as for SSD: each change with probability p."""

    def __init__(
        self,
        brightness=(0.875, 1.125),
        contrast=(0.5, 1.5),
        saturation=(0.5, 1.5),
        hue=(-0.05, 0.05),
        p=0.5,
    ):
        super().__init__()
        self.brightness, self.contrast, self.hue, self.saturation, self.p = brightness, contrast, hue, saturation, p

    def make_params(self, flat_inputs):
        channels = query_chw(flat_inputs)[0]
        ranges = (self.brightness, self.contrast, self.saturation, self.hue)
        factors = [uniform(*r) if units(1)[0] < self.p else None for r in ranges]
        early = units(1)[0] < 0.5
        order = [0, 1, 2, 3] if early else [0, 2, 3, 1]
        permutation = shuffled_range(channels) if units(1)[0] < self.p else None
        return {"factors": factors, "order": order, "permutation": permutation}

    def transform(self, inpt, params):
        for i in params["order"]:
            if params["factors"][i] is not None:
                inpt = self._call_kernel(_ADJUST[i], inpt, params["factors"][i])
        if params["permutation"] is not None:
            inpt = self._call_kernel(F.permute_channels, inpt, params["permutation"])
        return inpt


class RandomEqualize(RandomApplyTransform):
    __doc__ = tones.RandomEqualize.__doc__

    def transform(self, inpt, params):
        return self._call_kernel(F.equalize, inpt)


class RandomInvert(RandomApplyTransform):
    __doc__ = tones.RandomInvert.__doc__

    def transform(self, inpt, params):
        return self._call_kernel(F.invert, inpt)


class RandomAutocontrast(RandomApplyTransform):
    __doc__ = tones.RandomAutocontrast.__doc__

    def transform(self, inpt, params):
        return self._call_kernel(F.autocontrast, inpt)


class RandomPosterize(RandomApplyTransform):
    __doc__ = tones.RandomPosterize.__doc__

    def __init__(self, bits, p=0.5):
        super().__init__(p=p)
        self.bits = bits

    def transform(self, inpt, params):
        return self._call_kernel(F.posterize, inpt, self.bits)


class RandomSolarize(RandomApplyTransform):
    __doc__ = tones.RandomSolarize.__doc__

    def __init__(self, threshold, p=0.5):
        super().__init__(p=p)
        self.threshold = threshold

    def transform(self, inpt, params):
        return self._call_kernel(F.solarize, inpt, self.threshold)


class RandomAdjustSharpness(RandomApplyTransform):
    __doc__ = tones.RandomAdjustSharpness.__doc__

    def __init__(self, sharpness_factor, p=0.5):
        super().__init__(p=p)
        self.sharpness_factor = sharpness_factor

    def transform(self, inpt, params):
        return self._call_kernel(F.adjust_sharpness, inpt, self.sharpness_factor)
