"""Images of several sizes in one batch."""

from __future__ import annotations


class ImageList:
    """A batch of padded images, and the size of each before padding.

    Args:
        tensors: (N, C, H, W).
        image_sizes: (height, width) of each image.
    """

    def __init__(self, tensors, image_sizes):
        self.tensors = tensors
        self.image_sizes = image_sizes

    def to(self, device):
        """The same on another device."""
        return ImageList(self.tensors.to(device), self.image_sizes)
