"""What all data sets of pictures share: transforms, the repr, and pictures that are in memory."""

from __future__ import annotations

import os

import numpy as np
from PIL import Image

from jtorch.utils.data.dataset import Dataset


class VisionDataset(Dataset):
    """Pictures and their labels: item i is (transform(picture i), target_transform(label i)).

    `data` and `targets` hold all of them in memory, as in torchvision. A program may replace them.

    Args:
        transforms: one function of (picture, label) instead of the two.

    Raises:
        ValueError: `transforms` together with one of the two.
    """

    classes: list[str]

    def __init__(self, root=None, transforms=None, transform=None, target_transform=None):
        if transforms is not None and (transform is not None or target_transform is not None):
            raise ValueError("Only transforms or transform/target_transform can be passed as argument")
        root = os.path.expanduser(root) if isinstance(root, str) else root
        self.root, self.transform, self.target_transform = root, transform, target_transform
        self.transforms, self._arrays = transforms, {}
        if transform is not None or target_transform is not None:
            self.transforms = StandardTransform(transform, target_transform)

    @property
    def class_to_idx(self):
        """The number of each class, by its name."""
        return {name: number for number, name in enumerate(self.classes)}

    def __len__(self):
        return len(self._array("data"))

    def __getitem__(self, index):
        picture = Image.fromarray(self._array("data")[index])
        return self.transformed(picture, int(self._array("targets")[index]))

    def transformed(self, picture, target):
        """The picture and its target after the transforms."""
        return (picture, target) if self.transforms is None else self.transforms(picture, target)

    def _array(self, name):
        """`data` or `targets` as an array, made once for each object that the attribute has held."""
        held = getattr(self, name)
        seen, array = self._arrays.get(name, (None, None))
        if seen is not held:
            array = np.asarray(held)
            self._arrays[name] = held, array
        return array

    def __getstate__(self):
        return self.__dict__ | {"_arrays": {}}

    def extra_repr(self):
        """Text that a subclass adds to the repr."""
        return ""

    def __repr__(self):
        parts = [f"Number of datapoints: {len(self)}"]
        if self.root is not None:
            parts.append(f"Root location: {self.root}")
        parts += self.extra_repr().splitlines()
        if self.transforms is not None:
            parts.append(repr(self.transforms))
        return "\n".join([f"Dataset {type(self).__name__}", *("    " + part for part in parts)])


class StandardTransform:
    """A transform of the picture and one of the label, as one function of both."""

    def __init__(self, transform=None, target_transform=None):
        self.transform, self.target_transform = transform, target_transform

    def __call__(self, picture, target):
        picture = picture if self.transform is None else self.transform(picture)
        return picture, target if self.target_transform is None else self.target_transform(target)

    def __repr__(self):
        titled = [("Transform: ", self.transform), ("Target transform: ", self.target_transform)]
        return "\n".join(["StandardTransform", *(_titled_repr(title, t) for title, t in titled if t is not None)])


def _titled_repr(title, transform):
    return title + repr(transform).replace("\n", "\n" + " " * len(title))
