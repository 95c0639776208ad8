"""AutoAugment, RandAugment, TrivialAugmentWide and AugMix of v2: of one picture or video in a sample."""

from __future__ import annotations

import numpy as np
import PIL.Image

from jtorch.core.tensor import Tensor
from jtorch.vision import tv_tensors

from .. import autoaugment
from ..chance import below, units
from ..functional.colour import white_of
from . import functional as F
from .functional.images import mode_of
from .sample_transform import PICTURES, Transform, check_type, fill_of, fill_table, flattened


class _Augmenter(Transform):
    """Draws transforms and applies them to the picture of a sample."""

    def __init__(self, *, interpolation="nearest", fill=None):
        super().__init__()
        self.interpolation, self.fill, self._fill = interpolation, fill, fill_table(fill)

    def forward(self, *inputs):
        flat, rebuilt = flattened(inputs if len(inputs) > 1 else inputs[0])
        needs = self._needs_transform_list(flat)
        found = [i for i, inpt in enumerate(flat) if needs[i] and check_type(inpt, PICTURES)]
        unmoved = (tv_tensors.BoundingBoxes, tv_tensors.Mask, tv_tensors.KeyPoints)
        for i, inpt in enumerate(flat):
            if needs[i] and i not in found and isinstance(inpt, unmoved):
                raise TypeError(f"Inputs of type {type(inpt).__name__} are not supported by {type(self).__name__}()")
        if not found:
            raise TypeError("Found no image in the sample.")
        if len(found) > 1:
            raise TypeError(
                "Auto augment transformations are only properly defined for a single image or video, "
                f"but found {len(found)}."
            )
        picture = flat[found[0]]
        plain = picture.as_subclass(Tensor) if isinstance(picture, tv_tensors.TVTensor) else picture
        made = self._augmented(plain, type(picture), F.get_size(picture))
        flat[found[0]] = tv_tensors.wrap(made, like=picture) if isinstance(picture, tv_tensors.TVTensor) else made
        return rebuilt(flat)

    def _applied(self, picture, kind, name, known, step, signed):
        """The picture after the transform of this name in the strength of a step, or in its only one."""
        magnitude = 0.0 if known is None else float(known[step()])
        if known is not None and signed and units(1)[0] <= 0.5:
            magnitude = -magnitude
        if name == "Solarize":
            magnitude *= white_of(picture.dtype.np) if isinstance(picture, Tensor) else 255.0
        if name in ("Equalize", "AutoContrast"):
            return (F.equalize if name == "Equalize" else F.autocontrast)(picture)
        if name == "Posterize":
            return F.posterize(picture, int(magnitude))
        return autoaugment.augmented(picture, name, magnitude, mode_of(self.interpolation), fill_of(self._fill, kind))


class AutoAugment(_Augmenter):
    """Two transforms of a policy. See v1's AutoAugment."""

    get_params = staticmethod(autoaugment.AutoAugment.get_params)

    def __init__(self, policy=autoaugment.AutoAugmentPolicy.IMAGENET, interpolation="nearest", fill=None):
        super().__init__(interpolation=interpolation, fill=fill)
        self.policy, self._policies = policy, autoaugment.policy_of(policy)

    def _augmented(self, picture, kind, size):
        choices = autoaugment.space("AutoAugment", 1.0)
        for name, p, step in self._policies[below(len(self._policies))]:
            if units(1)[0] <= np.float32(p):
                steps, signed = choices[name]
                picture = self._applied(picture, kind, name, steps(10, *size), lambda step=step: step, signed)
        return picture


class RandAugment(_Augmenter):
    """Some transforms, all in the same strength. See v1's RandAugment."""

    def __init__(self, num_ops=2, magnitude=9, num_magnitude_bins=31, interpolation="nearest", fill=None):
        super().__init__(interpolation=interpolation, fill=fill)
        if not isinstance(num_ops, int) or num_ops < 0:
            raise ValueError(f"num_ops should be a non-negative integer, but got {num_ops} instead.")
        self.num_ops, self.magnitude, self.num_magnitude_bins = num_ops, magnitude, num_magnitude_bins

    def _augmented(self, picture, kind, size):
        choices = autoaugment.space("RandAugment", 1.0)
        for _ in range(self.num_ops):
            name = list(choices)[below(len(choices))]
            steps, signed = choices[name]
            known = steps(self.num_magnitude_bins, *size)
            picture = self._applied(picture, kind, name, known, lambda: self.magnitude, signed)
        return picture


class TrivialAugmentWide(_Augmenter):
    """One transform, in a random strength. See v1's TrivialAugmentWide."""

    def __init__(self, num_magnitude_bins=31, interpolation="nearest", fill=None):
        super().__init__(interpolation=interpolation, fill=fill)
        self.num_magnitude_bins = num_magnitude_bins

    def _augmented(self, picture, kind, size):
        choices = autoaugment.space("TrivialAugmentWide", 1.0)
        name = list(choices)[below(len(choices))]
        steps, signed = choices[name]
        known = steps(self.num_magnitude_bins, *size)
        return self._applied(picture, kind, name, known, lambda: below(self.num_magnitude_bins), signed)


class AugMix(_Augmenter):
    """Chains of transforms of the picture, mixed with the picture. See v1's AugMix."""

    def __init__(
        self,
        severity=3,
        mixture_width=3,
        chain_depth=-1,
        alpha=1.0,
        all_ops=True,
        interpolation="bilinear",
        fill=None,
    ):
        super().__init__(interpolation=interpolation, fill=fill)
        autoaugment.check_severity(severity)
        self.severity, self.mixture_width, self.chain_depth = severity, mixture_width, chain_depth
        self.alpha, self.all_ops = alpha, all_ops

    def _augmented(self, picture, kind, size):
        image = F.pil_to_tensor(picture) if isinstance(picture, PIL.Image.Image) else picture
        choices = autoaugment.space("AugMix, all" if self.all_ops else "AugMix", 1.0)

        def drawn(part):
            name = list(choices)[below(len(choices))]
            steps, signed = choices[name]
            known = steps(autoaugment.STEPS_OF_AUGMIX, *size)
            return self._applied(part, kind, name, known, lambda: below(self.severity), signed)

        dims = 2 if kind is tv_tensors.Video else 1
        mixed = autoaugment.mix_of_chains(image, drawn, self.alpha, self.mixture_width, self.chain_depth, dims)
        return F.to_pil_image(mixed) if isinstance(picture, PIL.Image.Image) else mixed
