"""Scikit-learn's handwritten digits at MNIST's size: a real data set without a download."""

from __future__ import annotations

import numpy as np
from PIL import Image

from jtorch.core.tensor import from_numpy

from .vision import VisionDataset

_NAMES = "zero one two three four five six seven eight nine".split()


class Digits(VisionDataset):
    """Scikit-learn's handwritten digits at MNIST's size, 28 x 28: 1,437 for training, 360 for the test.

    Scans of 8 x 8 pixels, enlarged, always with the same split. `data` is a uint8 Tensor (N, 28, 28). Nothing is
    downloaded: `root` and `download` exist so that it can replace MNIST.

    >>> from jtorch.vision import datasets
    >>> picture, label = datasets.Digits(train=False)[0]
    >>> picture.size, label
    ((28, 28), 6)
    """

    def __init__(self, root=None, train=True, transform=None, target_transform=None, download=False):
        super().__init__(root, transform=transform, target_transform=target_transform)
        from sklearn.datasets import load_digits  # here, because only this data set needs it

        self.train = train
        small, labels = load_digits(return_X_y=True)
        small = (small * 255 / 16).astype(np.uint8).reshape(-1, 8, 8)
        order = np.random.default_rng(0).permutation(len(labels))
        half = order[360:] if train else order[:360]
        large = [Image.fromarray(small[i]).resize((28, 28), Image.Resampling.BILINEAR) for i in half]
        self.data, self.targets = from_numpy(np.stack(large)), from_numpy(labels[half].astype(np.int64))
        self.classes = [f"{number} - {name}" for number, name in enumerate(_NAMES)]

    def extra_repr(self):
        return f"Split: {'Train' if self.train else 'Test'}"
