"""The base of transforms v2: finds the parts of a sample to transform, and transforms them with the same parameters."""

from __future__ import annotations

import enum
from collections.abc import Mapping

import PIL.Image

from jtorch.core.tensor import Tensor
from jtorch.nn.modules.module import Module
from jtorch.vision import tv_tensors

from ..chance import units
from . import functional as F
from .functional.kernels import is_pure_tensor, kernel_of


def flattened(sample):
    """(the leaves of nested lists, tuples and dicts, a function that rebuilds the sample from other leaves)."""
    if isinstance(sample, Mapping):
        inner = [flattened(value) for value in sample.values()]
        keys = list(sample)

        def put(values):
            made = dict(zip(keys, values, strict=True))
            return made if type(sample) is dict else type(sample)(made)

    elif isinstance(sample, tuple | list):
        inner = [flattened(value) for value in sample]

        def put(values):
            return type(sample)(*values) if hasattr(sample, "_fields") else type(sample)(values)

    else:
        return [sample], lambda parts: parts[0]

    def rebuilt(parts):
        values, at = [], 0
        for own, build in inner:
            values.append(build(parts[at : at + len(own)]))
            at += len(own)
        return put(values)

    return [part for own, _ in inner for part in own], rebuilt


def check_type(obj, types_or_checks):
    """Whether an object is of one of these classes, or passes one of these checks."""
    return any(isinstance(obj, t) if isinstance(t, type) else t(obj) for t in types_or_checks)


def has_any(flat_inputs, *types_or_checks):
    """Whether there is an object of one of these classes, or that passes one of these checks."""
    return any(check_type(inpt, types_or_checks) for inpt in flat_inputs)


def has_all(flat_inputs, *types_or_checks):
    """Whether there is an object for each of these classes and checks."""
    return all(any(check_type(inpt, (t,)) for inpt in flat_inputs) for t in types_or_checks)


def get_bounding_boxes(flat_inputs):
    """The first boxes in a sample. Raises ValueError if there are none."""
    return _first_of(flat_inputs, tv_tensors.BoundingBoxes, "bounding boxes")


def get_keypoints(flat_inputs):
    """The first keypoints in a sample. Raises ValueError if there are none."""
    return _first_of(flat_inputs, tv_tensors.KeyPoints, "keypoints")


def _first_of(flat_inputs, kind, name):
    found = next((inpt for inpt in flat_inputs if isinstance(inpt, kind)), None)
    if found is None:
        raise ValueError(f"No {name} were found in the sample")
    return found


PICTURES = (is_pure_tensor, tv_tensors.Image, PIL.Image.Image, tv_tensors.Video)


def _tuples(sizes):
    return ", ".join(f"'{size}'" for size in sizes)


def query_chw(flat_inputs):
    """(channels, height, width) of the pictures in a sample.

    Raises:
        TypeError: there is none.
        ValueError: they differ.
    """
    sizes = {tuple(F.get_dimensions(inpt)) for inpt in flat_inputs if check_type(inpt, PICTURES)}
    if not sizes:
        raise TypeError("No image or video was found in the sample")
    if len(sizes) > 1:
        raise ValueError(f"Found multiple CxHxW dimensions in the sample: {_tuples(sorted(sizes))}")
    return sizes.pop()


def query_size(flat_inputs):
    """(height, width) of the pictures, masks, boxes and points in a sample.

    Raises:
        TypeError: there is none.
        ValueError: they differ.
    """
    kinds = (*PICTURES, tv_tensors.Mask, tv_tensors.BoundingBoxes, tv_tensors.KeyPoints)
    sizes = {tuple(F.get_size(inpt)) for inpt in flat_inputs if check_type(inpt, kinds)}
    if not sizes:
        raise TypeError("No image, video, mask, bounding box of keypoint was found in the sample")
    if len(sizes) > 1:
        raise ValueError(f"Found multiple HxW dimensions in the sample: {_tuples(sorted(sizes))}")
    return sizes.pop()


class Transform(Module):
    """The base of all transforms of v2. A subclass has `transform`, and `make_params` if it draws numbers.

    A call takes any sample: pictures, boxes, masks and labels in tuples, lists and dicts. `make_params` is called once, and
    `transform` for each part of a class in `_transformed_types`. Of plain Tensors only the first is a picture, and only if
    there is no Image, Video or PIL image.
    """

    _transformed_types = (Tensor, PIL.Image.Image)

    def check_inputs(self, flat_inputs):
        """Raise an error for a sample that the transform cannot handle."""

    def make_params(self, flat_inputs):
        """The second argument of `transform` for each part: a dict."""
        return {}

    def transform(self, inpt, params):
        """One part of the sample, transformed."""
        raise NotImplementedError

    def _call_kernel(self, functional, inpt, *args, **kwargs):
        return kernel_of(functional, type(inpt), passing=True)(inpt, *args, **kwargs)

    def forward(self, *inputs):
        sample = inputs if len(inputs) > 1 else inputs[0]
        flat, rebuilt = flattened(sample)
        self.check_inputs(flat)
        if not self._happens():
            return sample
        needs = self._needs_transform_list(flat)
        params = self.make_params([inpt for inpt, need in zip(flat, needs, strict=True) if need])
        return rebuilt([self.transform(inpt, params) if need else inpt for inpt, need in zip(flat, needs, strict=True)])

    def _happens(self):
        return True

    def _needs_transform_list(self, flat_inputs):
        plain = not has_any(flat_inputs, tv_tensors.Image, tv_tensors.Video, PIL.Image.Image)
        needs = []
        for inpt in flat_inputs:
            need = check_type(inpt, self._transformed_types)
            if need and is_pure_tensor(inpt):
                need, plain = plain, False
            needs.append(need)
        return needs

    def extra_repr(self):
        kinds = (bool, int, float, str, tuple, list, enum.Enum)
        shown = {
            name: value for name, value in self.__dict__.items() if not name.startswith("_") and name != "training"
        }
        return ", ".join(f"{name}={value}" for name, value in shown.items() if isinstance(value, kinds))


class RandomApplyTransform(Transform):
    """A transform that is applied with probability p."""

    def __init__(self, p=0.5):
        if not 0.0 <= p <= 1.0:
            raise ValueError("`p` should be a floating point value in the interval [0.0, 1.0].")
        super().__init__()
        self.p = p

    def _happens(self):
        return units(1)[0] < self.p


def fill_table(fill):
    """{class: fill, "others": fill} of an argument that is one fill or a dict by class.

    Raises:
        TypeError: a fill of another type.
    """
    if isinstance(fill, dict):
        for kind, value in fill.items():
            fill[kind] = fill_table(value)["others"]
        return fill
    if fill is not None and not isinstance(fill, int | float | tuple | list):
        raise TypeError("Got inappropriate fill arg, only Numbers, tuples, lists and dicts are allowed.")
    return {"others": fill if fill is None or isinstance(fill, int | float) else [float(v) for v in fill]}


def fill_of(table, kind):
    """The fill for a class."""
    return table.get(kind, table.get("others"))
