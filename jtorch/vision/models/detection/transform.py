"""What detection models do to images and targets first, and to detections last."""

from __future__ import annotations

import math

import numpy as np

from jtorch import nn
from jtorch.core.ops.functional import interpolate
from jtorch.core.ops.functions import stack
from jtorch.core.ops.make.create import empty
from jtorch.core.tensor import as_tensor
from jtorch.vision.models.detection.image_list import ImageList
from jtorch.vision.models.detection.masks import paste_masks_in_image


class GeneralizedRCNNTransform(nn.Module):
    """Normalizes and resizes images and their targets, and makes a batch of them.

    Args:
        min_size: the length of the shorter side, or several, of which one is drawn in training and the last is used otherwise.
        max_size: the longer side is not longer than this.
        image_mean, image_std: of each channel.
        size_divisible: the sides of the batch are padded to multiples of this.
        fixed_size: (width, height) of all images, whatever their aspect ratio.

    Its call takes a list of images (C, H, W) and a list of targets or None. It returns an ImageList and the new
    targets.
    """

    def __init__(self, min_size, max_size, image_mean, image_std, size_divisible=32, fixed_size=None, **kwargs):
        super().__init__()
        self.min_size = min_size if isinstance(min_size, list | tuple) else (min_size,)
        self.max_size = max_size
        self.image_mean = image_mean
        self.image_std = image_std
        self.size_divisible = size_divisible
        self.fixed_size = fixed_size
        self._skip_resize = kwargs.pop("_skip_resize", False)

    def forward(self, images, targets=None):
        done, new = [], []
        for image, target in zip(images, targets if targets is not None else [None] * len(images), strict=True):
            if image.dim() != 3:
                raise ValueError(f"images is expected to be a list of 3d tensors of shape [C, H, W], got {image.shape}")
            image, target = self.resize(self.normalize(image), None if target is None else dict(target))
            done.append(image)
            new.append(target)
        sizes = [tuple(image.shape[-2:]) for image in done]
        batch = self.batch_images(done, size_divisible=self.size_divisible)
        return ImageList(batch, sizes), None if targets is None else new

    def normalize(self, image):
        """(image - mean) / std. Raises TypeError for integers."""
        if not image.is_floating_point():
            raise TypeError(
                f"Expected input images to be of floating type (in range [0, 1]), but found type {image.dtype} instead"
            )
        mean, std = (
            as_tensor(each, dtype=image.dtype, device=image.device)[:, None, None]
            for each in (self.image_mean, self.image_std)
        )
        return (image - mean) / std

    def torch_choice(self, k):
        """One of a list at random."""
        return k[int(empty(1).uniform_(0.0, float(len(k))).item())]

    def resize(self, image, target=None):
        """The image and its target at a new size."""
        old = image.shape[-2:]
        if self.training and self._skip_resize:
            return image, target
        size = self.torch_choice(self.min_size) if self.training else self.min_size[-1]
        image, target = self._resized(image, size, target)
        if target is not None:
            target["boxes"] = resize_boxes(target["boxes"], old, image.shape[-2:])
            if "keypoints" in target:
                target["keypoints"] = resize_keypoints(target["keypoints"], old, image.shape[-2:])
        return image, target

    def _resized(self, image, min_size, target):
        if self.fixed_size is not None:
            options = {"size": [self.fixed_size[1], self.fixed_size[0]]}
        else:
            sides = image.shape[-2:]
            scale = min(min_size / min(sides), self.max_size / max(sides))
            options = {"scale_factor": scale, "recompute_scale_factor": True}
        image = interpolate(image[None], mode="bilinear", align_corners=False, **options)[0]
        if target is not None and "masks" in target:
            target["masks"] = interpolate(target["masks"][:, None].float(), **options)[:, 0].byte()
        return image, target

    def batch_images(self, images, size_divisible=32):
        """The images in one tensor, with zeros to the right and below."""
        channels, height, width = (max(image.shape[i] for image in images) for i in range(3))
        height, width = (math.ceil(side / size_divisible) * size_divisible for side in (height, width))
        batch = images[0].new_full((len(images), channels, height, width), 0)
        for i, image in enumerate(images):
            batch[i, : image.shape[0], : image.shape[1], : image.shape[2]].copy_(image)
        return batch

    def postprocess(self, result, image_shapes, original_image_sizes):
        """Detections in pixels of the original images."""
        if self.training:
            return result
        for found, size, original in zip(result, image_shapes, original_image_sizes, strict=True):
            found["boxes"] = resize_boxes(found["boxes"], size, original)
            if "masks" in found:
                found["masks"] = paste_masks_in_image(found["masks"], found["boxes"], original)
            if "keypoints" in found:
                found["keypoints"] = resize_keypoints(found["keypoints"], size, original)
        return result

    def __repr__(self):
        return (
            f"{type(self).__name__}(\n    Normalize(mean={self.image_mean}, std={self.image_std})"
            f"\n    Resize(min_size={self.min_size}, max_size={self.max_size}, mode='bilinear')\n)"
        )


def _ratios(original_size, new_size):
    """The ratios of the sizes along y and x, in float32."""
    return [float(np.float32(new) / np.float32(old)) for new, old in zip(new_size, original_size, strict=True)]


def resize_keypoints(keypoints, original_size, new_size):
    """Keypoints (..., 3) as x, y and visibility, of an image of another size."""
    high, wide = _ratios(original_size, new_size)
    return stack((keypoints[..., 0] * wide, keypoints[..., 1] * high, keypoints[..., 2]), dim=-1)


def resize_boxes(boxes, original_size, new_size):
    """Boxes (N, 4), as corners, of an image of another size."""
    high, wide = _ratios(original_size, new_size)
    x1, y1, x2, y2 = boxes.unbind(1)
    return stack((x1 * wide, y1 * high, x2 * wide, y2 * high), dim=1)
