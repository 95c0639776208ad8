"""Transforms of v2 that erase, compress and mix pictures: RandomErasing, JPEG, MixUp, CutMix."""

from __future__ import annotations

import math

import numpy as np
import PIL.Image

from jtorch.core.tensor import Tensor, from_numpy
from jtorch.nn.functional import one_hot
from jtorch.vision import tv_tensors

from .. import pixel_values
from ..chance import below, between, dirichlet, normals
from ..geometry import check_sequence
from . import functional as F
from .functional.kernels import is_pure_tensor
from .numbers import labels_function
from .sample_transform import RandomApplyTransform, Transform, flattened, has_any, query_chw, query_size


class RandomErasing(RandomApplyTransform):
    """A rectangle of the picture overwritten, with probability p. See v1's RandomErasing."""

    get_params = staticmethod(pixel_values.RandomErasing.get_params)

    def __init__(self, p=0.5, scale=(0.02, 0.33), ratio=(0.3, 3.3), value=0.0, inplace=False):
        super().__init__(p=p)
        checked = pixel_values.RandomErasing(0.5, scale, ratio, value)
        self.scale, self.ratio = checked.scale, checked.ratio
        one = isinstance(value, int | float)
        self.value = [float(value)] if one else None if isinstance(value, str) else [float(v) for v in value]
        self.inplace = inplace

    def make_params(self, flat_inputs):
        channels, rows, columns = query_chw(flat_inputs)
        if self.value is not None and len(self.value) not in (1, channels):
            raise ValueError(
                f"If value is a sequence, it should have either a single value or {channels} (number of inpt channels)"
            )
        area = rows * columns
        for height, width in pixel_values.random_rectangles(area, self.scale, self.ratio, heights_first=True):
            if height < rows and width < columns:
                noise = self.value is None
                patch = normals(channels, height, width) if noise else np.float32(self.value)[:, None, None]
                corner = dict(i=below(rows - height + 1), j=below(columns - width + 1))
                return dict(**corner, h=height, w=width, v=from_numpy(patch))
        return {}

    def transform(self, inpt, params):
        return self._call_kernel(F.erase, inpt, **params, inplace=self.inplace) if params else inpt


class JPEG(Transform):
    """The picture after JPEG compression of a random quality.

    Args:
        quality: 1 to 100, or (lowest, highest).
    """

    def __init__(self, quality):
        super().__init__()
        if isinstance(quality, bool):
            raise TypeError("quality can't be bool")
        if isinstance(quality, int):
            quality = [quality, quality]
        else:
            check_sequence(quality, "quality", (2,))
        whole = all(isinstance(q, int) for q in quality)
        if not whole or not 1 <= quality[0] <= quality[1] <= 100:
            raise ValueError(f"quality must be an integer from 1 to 100, got quality ={quality!r}")
        self.quality = quality

    def make_params(self, flat_inputs):
        return {"quality": between(self.quality[0], self.quality[1] + 1)}

    def transform(self, inpt, params):
        return self._call_kernel(F.jpeg, inpt, quality=params["quality"])


class _Mixing(Transform):
    """Mixes the pictures of a batch, each with the one before it, and their labels."""

    def __init__(self, *, alpha=1.0, num_classes=None, labels_getter="default"):
        super().__init__()
        self.alpha, self.num_classes = float(alpha), num_classes
        self._labels_getter = labels_function(labels_getter)

    def _share(self):
        """A number of the beta distribution of (alpha, alpha)."""
        return float(dirichlet(self.alpha, 1, 2)[0, 0])

    def forward(self, *inputs):
        inputs = inputs if len(inputs) > 1 else inputs[0]
        flat, rebuilt = flattened(inputs)
        needs = self._needs_transform_list(flat)
        unmixed = (PIL.Image.Image, tv_tensors.BoundingBoxes, tv_tensors.Mask, tv_tensors.KeyPoints)
        if has_any(flat, *unmixed):
            raise ValueError(
                f"{type(self).__name__}() does not support PIL images, bounding boxes, keypoints and masks."
            )
        labels = self._labels_getter(inputs)
        self._check_labels(labels)
        params = self.make_params([inpt for inpt, need in zip(flat, needs, strict=True) if need])
        params |= {"labels": labels, "batch_size": labels.shape[0]}
        return rebuilt(
            [
                self.transform(inpt, params) if need or inpt is labels else inpt
                for inpt, need in zip(flat, needs, strict=True)
            ]
        )

    def _check_labels(self, labels):
        if not isinstance(labels, Tensor):
            raise ValueError(f"The labels must be a tensor, but got {type(labels)} instead.")
        if labels.ndim not in (1, 2):
            raise ValueError(
                "labels should be index based with shape (batch_size,) or probability based with shape "
                f"(batch_size, num_classes), but got a tensor of shape {labels.shape} instead."
            )
        if labels.ndim == 2 and self.num_classes is not None and labels.shape[-1] != self.num_classes:
            raise ValueError(
                "When passing 2D labels, the number of elements in last dimension must match num_classes: "
                f"{labels.shape[-1]} != {self.num_classes}. You can Leave num_classes to None."
            )
        if labels.ndim == 1 and self.num_classes is None:
            raise ValueError("num_classes must be passed if the labels are index-based (1D)")

    def transform(self, inpt, params):
        if inpt is params["labels"]:
            return self._mixed_labels(inpt, params["share"])
        if not is_pure_tensor(inpt) and not isinstance(inpt, tv_tensors.Image | tv_tensors.Video):
            return inpt
        dims = 5 if isinstance(inpt, tv_tensors.Video) else 4
        if inpt.ndim != dims:
            raise ValueError(f"Expected a batched input with {dims} dims, but got {inpt.ndim} dimensions instead.")
        if inpt.shape[0] != params["batch_size"]:
            raise ValueError(
                "The batch size of the image or video does not match the batch size of the labels: "
                f"{inpt.shape[0]} != {params['batch_size']}."
            )
        made = self._mixed(inpt.as_subclass(Tensor), params)
        return made if is_pure_tensor(inpt) else tv_tensors.wrap(made, like=inpt)

    def _mixed_labels(self, labels, share):
        labels = one_hot(labels, num_classes=self.num_classes) if labels.ndim == 1 else labels
        labels = labels if labels.dtype.is_floating_point else labels.float()
        return labels.roll(1, 0).mul_(1.0 - share).add_(labels.mul(share))


class MixUp(_Mixing):
    """Each picture of a batch mixed with the one before it, and their labels in the same proportion.

    Args:
        alpha: how the share is drawn: the beta distribution of (alpha, alpha).
        num_classes: how many classes, for labels that are numbers.
        labels_getter: a function of the sample that gives the labels; "default": the second part, or a key like "labels".

    Raises:
        ValueError: labels that do not fit, or no batch of pictures.
    """

    def make_params(self, flat_inputs):
        return {"share": self._share()}

    def _mixed(self, batch, params):
        share = params["share"]
        return batch.roll(1, 0).mul_(1.0 - share).add_(batch.mul(share))


class CutMix(_Mixing):
    """A rectangle of each picture of a batch replaced by that of the one before it, and their labels mixed by area.

    See :class:`MixUp`.
    """

    def make_params(self, flat_inputs):
        share = self._share()
        height, width = query_size(flat_inputs)
        x, y = below(width), below(height)
        half = 0.5 * math.sqrt(1.0 - share)
        across, down = int(half * width), int(half * height)
        left, top, right, bottom = max(x - across, 0), max(y - down, 0), min(x + across, width), min(y + down, height)
        kept = float(1.0 - (right - left) * (bottom - top) / (width * height))
        return {"box": (left, top, right, bottom), "share": kept}

    def _mixed(self, batch, params):
        left, top, right, bottom = params["box"]
        made, other = batch.clone(), batch.roll(1, 0)
        made[..., top:bottom, left:right] = other[..., top:bottom, left:right]
        return made
