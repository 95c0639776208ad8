"""Random pictures and labels, to try out a program."""

from __future__ import annotations

from jtorch.core.ops.make.generator import get_rng_state, manual_seed, set_rng_state
from jtorch.core.ops.make.random import randint, randn
from jtorch.vision.transforms.functional import to_pil_image

from .vision import VisionDataset


class FakeData(VisionDataset):
    """Noise as PIL images with random labels. Item i is the same each time.

    Args:
        size: the number of items.
        image_size: (channels, height, width).
        random_offset: a different number gives different items.
    """

    def __init__(
        self,
        size=1000,
        image_size=(3, 224, 224),
        num_classes=10,
        transform=None,
        target_transform=None,
        random_offset=0,
    ):
        super().__init__(transform=transform, target_transform=target_transform)
        self.size, self.image_size, self.num_classes, self.random_offset = size, image_size, num_classes, random_offset

    def __len__(self):
        return self.size

    def __getitem__(self, index):
        if index >= len(self):
            raise IndexError(f"{type(self).__name__} index out of range")
        before = get_rng_state()
        manual_seed(index + self.random_offset)
        noise, label = randn(*self.image_size), randint(0, self.num_classes, (1,))[0]
        set_rng_state(before)
        picture = to_pil_image(noise)
        picture = picture if self.transform is None else self.transform(picture)
        return picture, (label if self.target_transform is None else self.target_transform(label)).item()
