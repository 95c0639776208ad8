"""Transforms that choose other transforms and their strengths: AutoAugment, RandAugment, TrivialAugmentWide, AugMix."""

from __future__ import annotations

import math
from enum import Enum

import numpy as np

from jtorch.core.tensor import Tensor
from jtorch.nn.modules.module import Module

from . import functional as F
from .chance import below, between, dirichlet, units
from .functional.picture import picture_of, pixels
from .policies import POLICIES

NEAREST, BILINEAR = F.InterpolationMode.NEAREST, F.InterpolationMode.BILINEAR


class AutoAugmentPolicy(Enum):
    """The data set on which the policy of :class:`AutoAugment` was found."""

    IMAGENET = "imagenet"
    CIFAR10 = "cifar10"
    SVHN = "svhn"


def strengths(low, high, count):
    """`count` float32 numbers from low to high, as `torch.linspace` computes them: each half from its own end."""
    low, high = np.float32(low), np.float32(high)
    step, at = (high - low) / np.float32(count - 1), np.arange(count, dtype=np.float32)
    return np.where(at < count // 2, low + step * at, high - step * (count - 1 - at))


def _bits(most, fewest, count):
    """How many bits of a value posterize keeps, in `count` steps from `most` down to `fewest`."""
    return most - np.rint(np.arange(count, dtype=np.float32) / np.float32((count - 1) / (most - fewest)))


# The strengths of `count` steps on a picture of this size (None: the transform has no strength), and whether the sign
# is drawn.
_FULL, _PART = 0.9, 150.0 / 331.0
_COLOURS = ("Brightness", "Color", "Contrast", "Sharpness")


def space_of(turn, shear, move, colour, bits, white=255.0, names=()):
    """A table: name -> (function (count, height, width) -> strengths or None, whether the sign is drawn).

    `move` is a number of pixels, or a share of the side.
    """
    across = (lambda n, h, w: strengths(0.0, move * w, n)) if move < 1 else (lambda n, h, w: strengths(0.0, move, n))
    down = (lambda n, h, w: strengths(0.0, move * h, n)) if move < 1 else (lambda n, h, w: strengths(0.0, move, n))
    known = {
        "ShearX": (lambda n, h, w: strengths(0.0, shear, n), True),
        "ShearY": (lambda n, h, w: strengths(0.0, shear, n), True),
        "TranslateX": (across, True),
        "TranslateY": (down, True),
        "Rotate": (lambda n, h, w: strengths(0.0, turn, n), True),
        "Posterize": (lambda n, h, w: _bits(*bits, n), False),
        "Solarize": (lambda n, h, w: strengths(white, 0.0, n), False),
    }
    known |= dict.fromkeys(_COLOURS, (lambda n, h, w: strengths(0.0, colour, n), True))
    known |= dict.fromkeys(("Identity", "AutoContrast", "Equalize", "Invert"), (lambda n, h, w: None, False))
    return {name: known[name] for name in names}


_GEOMETRY = ("ShearX", "ShearY", "TranslateX", "TranslateY", "Rotate")
_TONES = ("Posterize", "Solarize", "AutoContrast", "Equalize")
ORDERS = {  # the names of each transform's choices, in torchvision's order
    "AutoAugment": (*_GEOMETRY, *_COLOURS, *_TONES, "Invert"),
    "RandAugment": ("Identity", *_GEOMETRY, *_COLOURS, *_TONES),
    "AugMix": (*_GEOMETRY, *_TONES),
    "AugMix, all": (*_GEOMETRY, *_TONES, *_COLOURS),
}


def space(kind, white=255.0):
    """The choices of a transform, with solarize's strengths in units of `white`: see `space_of`."""
    if kind == "TrivialAugmentWide":
        return space_of(135.0, 0.99, 32.0, 0.99, (8, 2), white, ORDERS["RandAugment"])
    move, bits = (1 / 3.0, (4, 0)) if kind.startswith("AugMix") else (_PART, (8, 4))
    return space_of(30.0, 0.3, move, _FULL, bits, white, ORDERS[kind])


def augmented(img, name, magnitude, interpolation, fill):
    """The picture after the transform of this name at this strength."""
    if name in _COLOURS:
        change = (F.adjust_brightness, F.adjust_saturation, F.adjust_contrast, F.adjust_sharpness)
        return change[_COLOURS.index(name)](img, 1.0 + magnitude)
    if name.startswith("Shear"):
        angle = math.degrees(math.atan(magnitude))
        shear = [angle, 0.0] if name == "ShearX" else [0.0, angle]
        return F.affine(img, 0.0, [0, 0], 1.0, shear, interpolation, fill, center=[0, 0])
    if name.startswith("Translate"):
        move = [int(magnitude), 0] if name == "TranslateX" else [0, int(magnitude)]
        return F.affine(img, 0.0, move, 1.0, [0.0, 0.0], interpolation, fill)
    others = {
        "Rotate": lambda: F.rotate(img, magnitude, interpolation, fill=fill),
        "Posterize": lambda: F.posterize(img, int(magnitude)),
        "Solarize": lambda: F.solarize(img, magnitude),
        "AutoContrast": lambda: F.autocontrast(img),
        "Equalize": lambda: F.equalize(img),
        "Invert": lambda: F.invert(img),
        "Identity": lambda: img,
    }
    if name not in others:
        raise ValueError(f"The provided operator {name} is not recognized.")
    return others[name]()


def policy_of(policy):
    """The pairs of (name, probability, step or None) of a policy."""
    if policy not in AutoAugmentPolicy.__members__.values():
        raise ValueError(f"The provided policy {policy} is not recognized.")
    return POLICIES[policy.value]


class _Augmenting(Module):
    """Draws transforms and applies them."""

    shown = ()

    def __init__(self, interpolation, fill):
        super().__init__()
        self.interpolation, self.fill = interpolation, fill

    def _colour(self, img):
        """The fill for this picture: one number for each channel of a Tensor."""
        if not isinstance(img, Tensor) or self.fill is None:
            return self.fill
        channels = F.get_dimensions(img)[0]
        return [float(self.fill)] * channels if isinstance(self.fill, int | float) else [float(f) for f in self.fill]

    def __repr__(self):
        return f"{type(self).__name__}({', '.join(f'{name}={getattr(self, name)}' for name in self.shown)})"


class AutoAugment(_Augmenting):
    """Two transforms of a policy that was found by a search, each with its own probability.

    Args:
        policy: of which data set.
        interpolation: of the transforms that move pixels.
        fill: the colour of what was outside the picture.
    """

    shown = ("policy", "fill")

    def __init__(self, policy=AutoAugmentPolicy.IMAGENET, interpolation=NEAREST, fill=None):
        super().__init__(interpolation, fill)
        self.policy, self.policies = policy, policy_of(policy)

    @staticmethod
    def get_params(transform_num):
        """(the number of the pair, two numbers that decide whether to apply, two that decide the sign)."""
        return below(transform_num), units(2), [below(2) for _ in range(2)]

    def forward(self, img):
        _, height, width = F.get_dimensions(img)
        number, chances, signs = self.get_params(len(self.policies))
        choices, fill = space("AutoAugment"), self._colour(img)
        for i, (name, p, step) in enumerate(self.policies[number]):
            if chances[i] <= np.float32(p):
                steps, signed = choices[name]
                magnitude = float(steps(10, height, width)[step]) if step is not None else 0.0
                magnitude = -magnitude if signed and signs[i] == 0 else magnitude
                img = augmented(img, name, magnitude, self.interpolation, fill)
        return img


class RandAugment(_Augmenting):
    """Some random transforms, all at the same strength.

    Args:
        num_ops: how many.
        magnitude: how strong, from 0 to num_magnitude_bins - 1.
    """

    shown = ("num_ops", "magnitude", "num_magnitude_bins", "interpolation", "fill")

    def __init__(self, num_ops=2, magnitude=9, num_magnitude_bins=31, interpolation=NEAREST, fill=None):
        super().__init__(interpolation, fill)
        self.num_ops, self.magnitude, self.num_magnitude_bins = num_ops, magnitude, num_magnitude_bins

    def forward(self, img):
        _, height, width = F.get_dimensions(img)
        choices, fill = space("RandAugment"), self._colour(img)
        for _ in range(self.num_ops):
            name = list(choices)[below(len(choices))]
            steps, signed = choices[name]
            known = steps(self.num_magnitude_bins, height, width)
            magnitude = float(known[self.magnitude]) if known is not None else 0.0
            magnitude = -magnitude if signed and below(2) else magnitude
            img = augmented(img, name, magnitude, self.interpolation, fill)
        return img


class TrivialAugmentWide(_Augmenting):
    """One transform, in a random strength."""

    shown = ("num_magnitude_bins", "interpolation", "fill")

    def __init__(self, num_magnitude_bins=31, interpolation=NEAREST, fill=None):
        super().__init__(interpolation, fill)
        self.num_magnitude_bins = num_magnitude_bins

    def forward(self, img):
        choices = space("TrivialAugmentWide")
        name = list(choices)[below(len(choices))]
        steps, signed = choices[name]
        known = steps(self.num_magnitude_bins, *F.get_dimensions(img)[1:])
        magnitude = float(known[below(len(known))]) if known is not None else 0.0
        magnitude = -magnitude if signed and below(2) else magnitude
        return augmented(img, name, magnitude, self.interpolation, self._colour(img))


STEPS_OF_AUGMIX = 10


def check_severity(severity):
    """Raise ValueError for a severity that AugMix does not have."""
    if not 1 <= severity <= STEPS_OF_AUGMIX:
        raise ValueError(f"The severity must be between [1, {STEPS_OF_AUGMIX}]. Got {severity} instead.")


class AugMix(_Augmenting):
    """Chains of transforms of the picture, mixed with the picture.

    Args:
        severity: how strong, 1 to 10.
        mixture_width: how many chains.
        chain_depth: transforms in a chain; -1: 1 to 3 at random.
        alpha: how the shares are drawn; 1: all are equally likely.
        all_ops: also change the colours.
    """

    shown = ("severity", "mixture_width", "chain_depth", "alpha", "all_ops", "interpolation", "fill")

    def __init__(
        self,
        severity=3,
        mixture_width=3,
        chain_depth=-1,
        alpha=1.0,
        all_ops=True,
        interpolation=BILINEAR,
        fill=None,
    ):
        super().__init__(interpolation, fill)
        check_severity(severity)
        self.severity, self.mixture_width, self.chain_depth = severity, mixture_width, chain_depth
        self.alpha, self.all_ops = alpha, all_ops

    def forward(self, orig_img):
        _, height, width = F.get_dimensions(orig_img)
        img = orig_img if isinstance(orig_img, Tensor) else F.pil_to_tensor(orig_img)
        fill = self._colour(orig_img)
        choices = space("AugMix, all" if self.all_ops else "AugMix")

        def drawn(picture):
            name = list(choices)[below(len(choices))]
            steps, signed = choices[name]
            known = steps(STEPS_OF_AUGMIX, height, width)
            magnitude = float(known[below(self.severity)]) if known is not None else 0.0
            magnitude = -magnitude if signed and below(2) else magnitude
            return augmented(picture, name, magnitude, self.interpolation, fill)

        mixed = mix_of_chains(img, drawn, self.alpha, self.mixture_width, self.chain_depth)
        return mixed if isinstance(orig_img, Tensor) else F.to_pil_image(mixed)


def mix_of_chains(img, drawn, alpha, mixture_width, chain_depth, batch_dims=1):
    """Chains of `drawn`, a random transform, mixed with the picture by random shares."""
    batch = pixels(img)
    batch = batch.reshape((1,) * max(3 + batch_dims - batch.ndim, 0) + batch.shape)
    rows, spread = len(batch), (-1,) + (1,) * (batch.ndim - 1)
    kept = dirichlet(alpha, rows, 2)
    shares = dirichlet(alpha, rows, mixture_width) * kept[:, 1:]
    mixed = kept[:, 0].reshape(spread) * batch.astype(np.float32)
    for i in range(mixture_width):
        picture = picture_of(batch)
        for _ in range(chain_depth if chain_depth > 0 else between(1, 4)):
            picture = drawn(picture)
        mixed = mixed + shares[:, i].reshape(spread) * pixels(picture).astype(np.float32)
    return picture_of(mixed.reshape(pixels(img).shape).astype(pixels(img).dtype))
