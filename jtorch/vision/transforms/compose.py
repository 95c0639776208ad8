"""Transforms made of transforms: Compose, Lambda, RandomApply, RandomChoice, RandomOrder."""

from __future__ import annotations

import random
from collections.abc import Sequence

from jtorch.nn.modules.module import Module

from .chance import happens


class Compose:
    """Apply several transforms, one after another.

    >>> from jtorch.vision import transforms
    >>> transforms.Compose([transforms.CenterCrop(10), transforms.ToTensor()])
    Compose(
        CenterCrop(size=(10, 10))
        ToTensor()
    )
    """

    def __init__(self, transforms):
        self.transforms = transforms

    def __call__(self, img):
        for transform in self.transforms:
            img = transform(img)
        return img

    def __repr__(self):
        return f"{type(self).__name__}({_lines(self.transforms)}\n)"


def _lines(items):
    return "".join(f"\n    {item}" for item in items)


class Lambda:
    """A function as a transform."""

    def __init__(self, lambd):
        if not callable(lambd):
            raise TypeError(f"Argument lambd should be callable, got {type(lambd).__name__!r}")
        self.lambd = lambd

    def __call__(self, img):
        return self.lambd(img)

    def __repr__(self):
        return f"{type(self).__name__}()"


class RandomApply(Module):
    """Apply all transforms, with probability p; otherwise return the picture unchanged."""

    def __init__(self, transforms, p=0.5):
        super().__init__()
        self.transforms = transforms
        self.p = p

    def forward(self, img):
        if happens(self.p):
            for transform in self.transforms:
                img = transform(img)
        return img

    def __repr__(self):
        return f"{type(self).__name__}({_lines([f'p={self.p}', *self.transforms])}\n)"


class _FromList:
    """The base of transforms that choose from a list with Python's `random`, as in torchvision."""

    def __init__(self, transforms):
        if not isinstance(transforms, Sequence):
            raise TypeError("Argument transforms should be a sequence")
        self.transforms = transforms

    def __repr__(self):
        return f"{type(self).__name__}({_lines(self.transforms)}\n)"


class RandomOrder(_FromList):
    """Apply all transforms, in a random order."""

    def __call__(self, img):
        order = list(range(len(self.transforms)))
        random.shuffle(order)
        for i in order:
            img = self.transforms[i](img)
        return img


class RandomChoice(_FromList):
    """Apply one of the transforms, chosen at random; `p` has their weights."""

    def __init__(self, transforms, p=None):
        super().__init__(transforms)
        if p is not None and not isinstance(p, Sequence):
            raise TypeError("Argument p should be a sequence")
        self.p = p

    def __call__(self, *args):
        return random.choices(self.transforms, weights=self.p)[0](*args)

    def __repr__(self):
        return f"{super().__repr__()}(p={self.p})"
