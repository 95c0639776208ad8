"""Transforms of v2 that change values and types: normalize, dtypes, noise, sanitizing of boxes and points."""

from __future__ import annotations

import warnings
from collections.abc import Mapping

import numpy as np
import PIL.Image

from jtorch.core.facts import dtype as torch_dtype
from jtorch.core.facts import float32
from jtorch.core.tensor import Tensor, from_numpy
from jtorch.vision import tv_tensors

from ..chance import uniform
from ..functional import to_tensor
from ..pixel_values import check_linear, height_and_width, linearly_transformed
from . import functional as F
from .functional.boxes import kept_boxes, kept_points
from .functional.kernels import is_pure_tensor
from .sample_transform import Transform, flattened, get_bounding_boxes, get_keypoints, has_any
from .warps import two_numbers


class Identity(Transform):
    """The sample unchanged."""

    def transform(self, inpt, params):
        return inpt


class Lambda(Transform):
    """A function as a transform of the parts of a sample that have these types; by default of all."""

    _transformed_types = (object,)

    def __init__(self, lambd, *types):
        super().__init__()
        self.lambd, self.types = lambd, types or self._transformed_types

    def transform(self, inpt, params):
        return self.lambd(inpt) if isinstance(inpt, self.types) else inpt

    def extra_repr(self):
        name = getattr(self.lambd, "__name__", None)
        return ", ".join([*([name] if name else []), f"types={[kind.__name__ for kind in self.types]}"])


class _NoPIL(Transform):
    """The base of transforms that raise TypeError for PIL images."""

    def check_inputs(self, flat_inputs):
        if has_any(flat_inputs, PIL.Image.Image):
            raise TypeError(f"{type(self).__name__}() does not support PIL images.")


class LinearTransformation(_NoPIL):
    """A picture, flattened, minus a mean, times a matrix. See v1's LinearTransformation."""

    _transformed_types = (is_pure_tensor, tv_tensors.Image, tv_tensors.Video)

    def __init__(self, transformation_matrix, mean_vector):
        super().__init__()
        check_linear(transformation_matrix, mean_vector)
        self.transformation_matrix, self.mean_vector = transformation_matrix, mean_vector

    def transform(self, inpt, params):
        made = linearly_transformed(inpt.as_subclass(Tensor), self.transformation_matrix, self.mean_vector)
        return made if is_pure_tensor(inpt) else tv_tensors.wrap(made, like=inpt)


class Normalize(_NoPIL):
    """(x - mean) / std, channel by channel."""

    def __init__(self, mean, std, inplace=False):
        super().__init__()
        self.mean, self.std, self.inplace = list(mean), list(std), inplace

    def transform(self, inpt, params):
        return self._call_kernel(F.normalize, inpt, mean=self.mean, std=self.std, inplace=self.inplace)


class GaussianBlur(Transform):
    """A Gaussian window of random width over the picture. See v1's GaussianBlur."""

    @staticmethod
    def get_params(sigma_min, sigma_max):
        """The width of the window."""
        return uniform(sigma_min, sigma_max)

    def __init__(self, kernel_size, sigma=(0.1, 2.0)):
        super().__init__()
        self.kernel_size = height_and_width(kernel_size, "Kernel size should be a tuple/list of two integers")
        for size in self.kernel_size:
            if size <= 0 or size % 2 == 0:
                raise ValueError("Kernel size value should be an odd and positive number.")
        self.sigma = two_numbers(sigma, "sigma")
        if not 0.0 < self.sigma[0] <= self.sigma[1]:
            raise ValueError(f"sigma values should be positive and of the form (min, max). Got {self.sigma}")

    def make_params(self, flat_inputs):
        return {"sigma": [uniform(*self.sigma)] * 2}

    def transform(self, inpt, params):
        return self._call_kernel(F.gaussian_blur, inpt, self.kernel_size, **params)


class GaussianNoise(Transform):
    """Normal noise on a picture of floats from 0 to 1, or of bytes."""

    def __init__(self, mean=0.0, sigma=0.1, clip=True):
        super().__init__()
        self.mean, self.sigma, self.clip = mean, sigma, clip

    def transform(self, inpt, params):
        return self._call_kernel(F.gaussian_noise, inpt, mean=self.mean, sigma=self.sigma, clip=self.clip)


class ToDtype(Transform):
    """Another dtype, of pictures or by a dict of classes; with `scale` white stays white.

    Raises:
        ValueError: neither a dtype nor a dict, or a dict that does not say what to do with a class.
    """

    _transformed_types = (Tensor,)

    def __init__(self, dtype, scale=False):
        super().__init__()
        if not isinstance(dtype, dict | torch_dtype):
            raise ValueError(f"dtype must be a dict or a torch.dtype, got {type(dtype)} instead")
        pictures = (tv_tensors.Image, tv_tensors.Video)
        if isinstance(dtype, dict) and Tensor in dtype and any(kind in dtype for kind in pictures):
            warnings.warn(
                "Got `dtype` values for `torch.Tensor` and either `tv_tensors.Image` or `tv_tensors.Video`. Note that a "
                "plain `torch.Tensor` will *not* be transformed by this (or any other transformation) in case a "
                "`tv_tensors.Image` or `tv_tensors.Video` is present in the input.",
                stacklevel=2,
            )
        self.dtype, self.scale = dtype, scale

    def transform(self, inpt, params):
        picture = is_pure_tensor(inpt) or isinstance(inpt, tv_tensors.Image | tv_tensors.Video)
        if not isinstance(self.dtype, dict):
            dtype = self.dtype if picture else None
        elif type(inpt) in self.dtype or "others" in self.dtype:
            dtype = self.dtype.get(type(inpt), self.dtype.get("others"))
            if dtype is None and self.scale and picture:
                warnings.warn(
                    "scale was set to True but no dtype was specified for images or videos: no scaling will be done.",
                    stacklevel=2,
                )
        else:
            raise ValueError(
                f"No dtype was specified for type {type(inpt)}. "
                "If you only need to convert the dtype of images or videos, you can just pass e.g. dtype=torch.float32. "
                "If you're passing a dict as dtype, "
                'you can use "others" as a catch-all key '
                'e.g. dtype={tv_tensors.Mask: torch.int64, "others": None} to pass-through the rest of the inputs.'
            )
        return inpt if dtype is None else self._call_kernel(F.to_dtype, inpt, dtype=dtype, scale=self.scale)


class ConvertImageDtype(Transform):
    """Another dtype; white stays white."""

    def __init__(self, dtype=float32):
        super().__init__()
        self.dtype = dtype

    def transform(self, inpt, params):
        return self._call_kernel(F.to_dtype, inpt, dtype=self.dtype, scale=True)


# ---- labels, and parts to keep


def default_labels(inputs):
    """The labels of a sample: its second part if that is a Tensor, or what a dict has under a key like "labels"."""
    inputs = inputs[1] if isinstance(inputs, tuple | list) else inputs
    if is_pure_tensor(inputs):
        return inputs
    if not isinstance(inputs, Mapping):
        raise ValueError(
            "When using the default labels_getter, the input passed to forward must be a dictionary or a two-tuple "
            f"whose second item is a dictionary or a tensor, but got {inputs} instead."
        )
    named = [key for key in inputs if key.lower() == "labels"] or [key for key in inputs if "label" in key.lower()]
    if not named:
        raise ValueError(
            "Could not infer where the labels are in the sample. Try passing a callable as the labels_getter parameter?"
            "If there are no labels in the sample by design, pass labels_getter=None."
        )
    return inputs[named[0]]


def labels_function(labels_getter):
    """The function that an argument `labels_getter` means."""
    if labels_getter == "default":
        return default_labels
    if labels_getter is None:
        return lambda _: None
    if not callable(labels_getter):
        raise ValueError(f"labels_getter should either be 'default', a callable, or None, but got {labels_getter}.")
    return labels_getter


class _Sanitize(Transform):
    """Removes entries that are not valid, and their labels."""

    def __init__(self, labels_getter):
        super().__init__()
        self.labels_getter = labels_getter
        self._labels_getter = labels_function(labels_getter)

    def _labels(self, inputs):
        labels = self._labels_getter(inputs)
        if labels is None:
            return ()
        message = "The labels in the input to forward() must be a tensor or None, got {} instead."
        labels = (labels,) if isinstance(labels, Tensor) else labels
        if not isinstance(labels, tuple | list):
            raise ValueError(message.format(type(labels)))
        for entry in labels:
            if not isinstance(entry, Tensor):
                raise ValueError(message.format(type(entry)))
        return labels

    def forward(self, *inputs):
        inputs = inputs if len(inputs) > 1 else inputs[0]
        labels = self._labels(inputs)
        flat, rebuilt = flattened(inputs)
        valid = from_numpy(self._valid(flat, labels))
        return rebuilt([self._left(inpt, valid, any(inpt is label for label in labels)) for inpt in flat])

    def _left(self, inpt, valid, is_label):
        if not is_label and not isinstance(inpt, self.cut):
            return inpt
        if not is_label and len(inpt) != len(valid):
            return inpt
        made = inpt.as_subclass(Tensor)[valid]
        return made if is_pure_tensor(inpt) else tv_tensors.wrap(made, like=inpt)


class SanitizeBoundingBoxes(_Sanitize):
    """Removes boxes that are outside the picture or too small, with their masks and labels.

    Args:
        min_size, min_area: the smallest side and area that a box may have.
        labels_getter: a function of the sample that gives the labels; "default": they are under a key like "labels".

    Raises:
        ValueError: no boxes, or not a label for each.
    """

    cut = (tv_tensors.BoundingBoxes, tv_tensors.Mask)

    def __init__(self, min_size=1.0, min_area=1.0, labels_getter="default"):
        super().__init__(labels_getter)
        if min_size < 1:
            raise ValueError(f"min_size must be >= 1, got {min_size}.")
        if min_area < 1:
            raise ValueError(f"min_area must be >= 1, got {min_area}.")
        self.min_size, self.min_area = min_size, min_area

    def _valid(self, flat, labels):
        boxes = get_bounding_boxes(flat)
        for label in labels:
            if boxes.shape[0] != label.shape[0]:
                raise ValueError(
                    f"Number of boxes (shape={boxes.shape}) and must match the number of labels."
                    f"Found labels with shape={label.shape})."
                )
        array = boxes.detach().cpu().numpy()
        return kept_boxes(array, boxes.format, boxes.canvas_size, self.min_size, self.min_area)


class SanitizeKeyPoints(_Sanitize):
    """Removes points that are outside the picture, with their labels.

    Raises:
        ValueError: no points, or not a label for each.
    """

    cut = (tv_tensors.KeyPoints,)

    def __init__(self, labels_getter=None):
        super().__init__(labels_getter)

    def _valid(self, flat, labels):
        points = get_keypoints(flat)
        for label in labels:
            if points.shape[0] != label.shape[0]:
                raise ValueError(
                    f"Number of kepyoints (shape={points.shape}) must match the number of labels."
                    f"Found labels with shape={label.shape})."
                )
        return kept_points(points.detach().cpu().numpy(), points.canvas_size)


class ConvertBoundingBoxFormat(Transform):
    """Boxes in another format."""

    _transformed_types = (tv_tensors.BoundingBoxes,)

    def __init__(self, format):
        super().__init__()
        self.format = format

    def transform(self, inpt, params):
        return F.convert_bounding_box_format(inpt, new_format=self.format)


class ClampBoundingBoxes(Transform):
    """Boxes cut at the sides of the picture."""

    _transformed_types = (tv_tensors.BoundingBoxes,)

    def __init__(self, clamping_mode="auto"):
        super().__init__()
        self.clamping_mode = clamping_mode

    def transform(self, inpt, params):
        return F.clamp_bounding_boxes(inpt, clamping_mode=self.clamping_mode)


class ClampKeyPoints(Transform):
    """Points outside of the picture moved to its border."""

    _transformed_types = (tv_tensors.KeyPoints,)

    def transform(self, inpt, params):
        return F.clamp_keypoints(inpt)


class SetClampingMode(Transform):
    """Sets how later transforms clamp boxes: "soft", "hard", or None."""

    _transformed_types = (tv_tensors.BoundingBoxes,)

    def __init__(self, clamping_mode):
        super().__init__()
        if clamping_mode not in (None, "soft", "hard"):
            raise ValueError(f"clamping_mode must be soft, hard or None, got {clamping_mode}")
        self.clamping_mode = clamping_mode

    def transform(self, inpt, params):
        made = inpt.clone()
        made.clamping_mode = self.clamping_mode
        return made


class PILToTensor(Transform):
    """A PIL image's own numbers as (C, H, W)."""

    _transformed_types = (PIL.Image.Image,)

    def transform(self, inpt, params):
        return F.pil_to_tensor(inpt)


class ToImage(Transform):
    """A PIL image, an array (H, W, C) or a Tensor as an Image."""

    _transformed_types = (is_pure_tensor, PIL.Image.Image, np.ndarray)

    def transform(self, inpt, params):
        return F.to_image(inpt)


class ToPILImage(Transform):
    """A Tensor (C, H, W), or an array (H, W, C), as a PIL image."""

    _transformed_types = (is_pure_tensor, tv_tensors.Image, np.ndarray)

    def __init__(self, mode=None):
        super().__init__()
        self.mode = mode

    def transform(self, inpt, params):
        return F.to_pil_image(inpt, mode=self.mode)


class ToPureTensor(Transform):
    """Images, masks, boxes and the rest as plain Tensors."""

    _transformed_types = (tv_tensors.TVTensor,)

    def transform(self, inpt, params):
        return inpt.as_subclass(Tensor)


class ToTensor(Transform):
    """Deprecated: v1's ToTensor."""

    _transformed_types = (PIL.Image.Image, np.ndarray)

    def __init__(self):
        warnings.warn(
            "The transform `ToTensor()` is deprecated and will be removed in a future release. Instead, please use "
            "`v2.Compose([v2.ToImage(), v2.ToDtype(torch.float32, scale=True)])`."
            "Output is equivalent up to float precision.",
            stacklevel=2,
        )
        super().__init__()

    def transform(self, inpt, params):
        return to_tensor(inpt)


class UniformTemporalSubsample(Transform):
    """`num_samples` pictures of a video, evenly spaced."""

    _transformed_types = (Tensor,)

    def __init__(self, num_samples):
        super().__init__()
        self.num_samples = num_samples

    def transform(self, inpt, params):
        return self._call_kernel(F.uniform_temporal_subsample, inpt, self.num_samples)
