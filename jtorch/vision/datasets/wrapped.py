"""Data sets whose boxes and masks have the types that transforms v2 recognize."""

from __future__ import annotations

import copy

from jtorch.core.tensor import tensor
from jtorch.vision import tv_tensors
from jtorch.vision.transforms.v2 import functional as F

from .arrays import STL10, SVHN, USPS
from .cifar import CIFAR10
from .digits import Digits
from .fakedata import FakeData
from .folder import DatasetFolder
from .mnist import MNIST
from .pictures import ListedImages, OxfordIIITPet
from .scenes import CelebA, CocoCaptions, CocoDetection, VOCDetection, VOCSegmentation
from .vision import VisionDataset

_VOC_CLASSES = (
    "__background__ aeroplane bicycle bird boat bottle bus car cat chair cow diningtable dog horse motorbike person "
    "pottedplant sheep sofa train tvmonitor"
).split()
_AS_THEY_ARE = (CocoCaptions, MNIST, CIFAR10, SVHN, USPS, STL10, DatasetFolder, Digits, FakeData)


def wrap_dataset_for_transforms_v2(dataset, target_keys=None):
    """A copy of the data set whose items have `tv_tensors`: boxes in corners, masks, labels as Tensors.

    Args:
        target_keys: which entries of a target that is a dict are kept; "all"; None: image_id, boxes and labels.

    Raises:
        TypeError: not a data set of this package, or one whose targets have no type in `tv_tensors`.
        ValueError: `target_keys` of another type, or for a data set without dicts.

    Differs from torch: COCO's masks are not made.
    """
    if not isinstance(dataset, VisionDataset):
        raise TypeError(
            "This wrapper is meant for subclasses of `torchvision.datasets.VisionDataset`, "
            f"but got a '{type(dataset).__name__}' instead."
        )
    if isinstance(target_keys, str) and target_keys != "all":
        raise ValueError(
            "`target_keys` can be None, 'all', or a collection of strings denoting the keys to be returned, "
            f"but got {target_keys}"
        )
    if target_keys is not None and not isinstance(dataset, CocoDetection | VOCDetection):
        raise ValueError(
            "`target_keys` is currently only supported for `CocoDetection`, `VOCDetection`, `Kitti`, and `WIDERFace`, "
            f"but got {type(dataset).__name__}."
        )
    kind = next((known for known in (*_AS_THEY_ARE, *_WRAPPERS) if isinstance(dataset, known)), None)
    if kind is None:
        raise TypeError(
            f"No wrapper exists for dataset class {type(dataset).__name__}. Please wrap the output yourself."
        )
    wrapped = type(f"Wrapped{type(dataset).__name__}", (_Wrapped, type(dataset)), {})
    made = wrapped.__new__(wrapped)
    made.__dict__.update(dataset.__dict__)
    made._target_keys, made._wrap = target_keys, _WRAPPERS.get(kind, lambda dataset, index, image, target: target)
    return made


class _Wrapped:
    """Converts an item's target to `tv_tensors` before the transforms."""

    def transformed(self, picture, target):
        return picture, target

    def __getitem__(self, index):
        plain = copy.copy(self)
        plain.transform = plain.target_transform = None
        image, target = super(_Wrapped, plain).__getitem__(index)
        target = self._wrap(self, index, image, target)
        return (image, target) if self.transforms is None else self.transforms(image, target)


def _boxes(data, format, image):
    size = tuple(F.get_size(image))
    boxes = tv_tensors.BoundingBoxes(data, format=format, canvas_size=size)
    return F.convert_bounding_box_format(boxes, new_format="XYXY")


def _kept_keys(dataset, known):
    keys = {"image_id", "boxes", "labels"} if dataset._target_keys is None else dataset._target_keys
    return known if keys == "all" else {name: value for name, value in known.items() if name in keys}


def _coco(dataset, index, image, target):
    known = {"image_id": dataset.ids[index]}
    if target:
        known |= {name: [each.get(name) for each in target] for name in target[0] if name != "image_id"}
        known["boxes"] = _boxes([each["bbox"] for each in target], "XYWH", image)
        known["labels"] = tensor([each["category_id"] for each in target])
    return _kept_keys(dataset, known)


def _voc(dataset, index, image, target):
    things = target["annotation"]["object"]
    corners = [[int(each["bndbox"][side]) for side in ("xmin", "ymin", "xmax", "ymax")] for each in things]
    labels = tensor([_VOC_CLASSES.index(each["name"]) for each in things])
    return _kept_keys(dataset, {**target, "boxes": _boxes(corners, "XYXY", image), "labels": labels})


def _each(kinds, wrappers, target, image):
    several = isinstance(target, tuple)
    made = tuple(
        wrappers[kind](part, image) if kind in wrappers else part
        for kind, part in zip(kinds, target if several else (target,), strict=True)
    )
    return made if several else made[0]


def _celeba(dataset, index, image, target):
    return _each(dataset.target_type, {"bbox": lambda part, image: _boxes(part, "XYWH", image)}, target, image)


def _pet(dataset, index, image, target):
    return _each(dataset._target_types, {"segmentation": lambda part, image: tv_tensors.Mask(part)}, target, image)


_WRAPPERS = {
    CocoDetection: _coco,
    VOCDetection: _voc,
    VOCSegmentation: lambda dataset, index, image, target: tv_tensors.Mask(target),
    CelebA: _celeba,
    OxfordIIITPet: _pet,
    ListedImages: lambda dataset, index, image, target: target,
}
