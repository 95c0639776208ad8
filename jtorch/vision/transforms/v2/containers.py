"""Transforms of v2 made of transforms: Compose, RandomApply, RandomChoice, RandomOrder."""

from __future__ import annotations

from collections.abc import Sequence

from jtorch.nn.modules.container import ModuleList

from ..chance import choice, shuffled_range, units
from .sample_transform import Transform


class _Several(Transform):
    """Holds transforms and applies some of them, one after another."""

    def __init__(self, transforms, also=()):
        super().__init__()
        if not isinstance(transforms, (Sequence, *also)):
            more = " or a `nn.ModuleList`" if also else ""
            raise TypeError(f"Argument transforms should be a sequence of callables{more}")
        if not transforms:
            raise ValueError("Pass at least one transform")
        self.transforms = transforms

    def _apply_all(self, inputs, order):
        several = len(inputs) > 1
        outputs = inputs if several else inputs[0]
        for i in order:
            outputs = self.transforms[i](*inputs)
            inputs = outputs if several else (outputs,)
        return outputs


class Compose(_Several):
    """Apply several transforms, one after another.

    >>> from jtorch.vision.transforms import v2
    >>> v2.Compose([v2.CenterCrop(10), v2.ToImage()])
    Compose(
          CenterCrop(size=(10, 10))
          ToImage()
    )
    """

    def forward(self, *inputs):
        return self._apply_all(inputs, range(len(self.transforms)))

    def extra_repr(self):
        return "\n".join(f"    {transform}" for transform in self.transforms)


class RandomApply(_Several):
    """Apply all transforms, with probability p; otherwise return the sample unchanged."""

    def __init__(self, transforms, p=0.5):
        super().__init__(transforms, (ModuleList,))
        if not 0.0 <= p <= 1.0:
            raise ValueError("`p` should be a floating point value in the interval [0.0, 1.0].")
        self.p = p

    def forward(self, *inputs):
        if units(1)[0] >= self.p:
            return inputs if len(inputs) > 1 else inputs[0]
        return self._apply_all(inputs, range(len(self.transforms)))

    def extra_repr(self):
        return "\n".join(f"    {transform}" for transform in self.transforms)


class RandomChoice(_Several):
    """Apply one of the transforms, chosen at random; `p` has their weights."""

    def __init__(self, transforms, p=None):
        super().__init__(transforms)
        p = [1] * len(transforms) if p is None else p
        if len(p) != len(transforms):
            raise ValueError(f"Length of p doesn't match the number of transforms: {len(p)} != {len(transforms)}")
        self.p = [weight / sum(p) for weight in p]

    def forward(self, *inputs):
        return self.transforms[choice(self.p)](*inputs)


class RandomOrder(_Several):
    """Apply all transforms, in a random order."""

    def forward(self, *inputs):
        return self._apply_all(inputs, shuffled_range(len(self.transforms)))
