"""The functions of v2, and their kernels for images, masks, boxes and keypoints."""

from __future__ import annotations

import warnings

import numpy as np
import PIL.Image

from jtorch.core.facts import float32
from jtorch.core.tensor import Tensor, from_numpy
from jtorch.vision import tv_tensors
from jtorch.vision.transforms import functional as v1

from . import boxes, images
from .kernels import KERNELS, dispatching

horizontal_flip = dispatching(
    "horizontal_flip",
    image=images.horizontal_flip_image,
    mask=images.horizontal_flip_image,
    boxes=boxes.boxes_flipped_across,
    points=boxes.points_flipped_across,
)
vertical_flip = dispatching(
    "vertical_flip",
    image=images.vertical_flip_image,
    mask=images.vertical_flip_image,
    boxes=boxes.boxes_flipped_down,
    points=boxes.points_flipped_down,
)
hflip, vflip = horizontal_flip, vertical_flip
resize = dispatching(
    "resize",
    image=images.resize_image,
    mask=images.resize_mask,
    boxes=boxes.boxes_resized,
    points=boxes.points_resized,
)
affine = dispatching(
    "affine",
    image=images.affine_image,
    mask=images.affine_mask,
    boxes=boxes.boxes_affine,
    points=boxes.points_affine,
)
rotate = dispatching(
    "rotate",
    image=images.rotate_image,
    mask=images.rotate_mask,
    boxes=boxes.boxes_rotated,
    points=boxes.points_rotated,
)
pad = dispatching(
    "pad", image=images.pad_image, mask=images.pad_mask, boxes=boxes.boxes_padded, points=boxes.points_padded
)
crop = dispatching(
    "crop", image=images.crop_image, mask=images.crop_image, boxes=boxes.boxes_cropped, points=boxes.points_cropped
)
center_crop = dispatching(
    "center_crop",
    image=images.center_crop_image,
    mask=images.center_crop_image,
    boxes=boxes.boxes_center_cropped,
    points=boxes.points_center_cropped,
)
resized_crop = dispatching(
    "resized_crop",
    image=images.resized_crop_image,
    mask=images.resized_crop_mask,
    boxes=boxes.boxes_resized_cropped,
    points=boxes.points_resized_cropped,
)
perspective = dispatching(
    "perspective",
    image=images.perspective_image,
    mask=images.perspective_mask,
    boxes=boxes.boxes_in_perspective,
    points=boxes.points_in_perspective,
)
elastic = dispatching(
    "elastic",
    image=images.elastic_image,
    mask=images.elastic_mask,
    boxes=boxes.boxes_elastic,
    points=boxes.points_elastic,
)
elastic_transform = elastic
five_crop = dispatching("five_crop", image=images.five_crop_image)
ten_crop = dispatching("ten_crop", image=images.ten_crop_image)

adjust_brightness = dispatching("adjust_brightness", image=v1.adjust_brightness)
adjust_contrast = dispatching("adjust_contrast", image=v1.adjust_contrast)
adjust_saturation = dispatching("adjust_saturation", image=v1.adjust_saturation)
adjust_hue = dispatching("adjust_hue", image=v1.adjust_hue)
adjust_gamma = dispatching("adjust_gamma", image=v1.adjust_gamma)
adjust_sharpness = dispatching("adjust_sharpness", image=v1.adjust_sharpness)
autocontrast = dispatching("autocontrast", image=images.autocontrast_image)
equalize = dispatching("equalize", image=images.equalize_image)
invert = dispatching("invert", image=v1.invert)
posterize = dispatching("posterize", image=images.posterize_image)
solarize = dispatching("solarize", image=v1.solarize)
permute_channels = dispatching("permute_channels", image=images.permute_channels_image)
rgb_to_grayscale = dispatching("rgb_to_grayscale", image=images.rgb_to_grayscale_image, video=False)
to_grayscale = rgb_to_grayscale
grayscale_to_rgb = dispatching("grayscale_to_rgb", image=images.grayscale_to_rgb_image, video=False)

gaussian_blur = dispatching("gaussian_blur", image=v1.gaussian_blur)
gaussian_noise = dispatching("gaussian_noise", image=images.gaussian_noise_image, pil=False)
normalize = dispatching("normalize", image=images.normalize_image, pil=False)
erase = dispatching("erase", image=images.erase_image)
jpeg = dispatching("jpeg", image=images.jpeg_image)
to_dtype = dispatching("to_dtype", image=images.to_dtype_image, mask=images.to_dtype_only, pil=False)
for _kind in (tv_tensors.BoundingBoxes, tv_tensors.KeyPoints):
    KERNELS[to_dtype][_kind] = images.to_dtype_only
uniform_temporal_subsample = dispatching(
    "uniform_temporal_subsample", image=images.uniform_temporal_subsample_video, pil=False
)
KERNELS[uniform_temporal_subsample].pop(tv_tensors.Image)

_PICTURES = (Tensor, PIL.Image.Image, tv_tensors.Image, tv_tensors.Video)
_PLACED = (tv_tensors.BoundingBoxes, tv_tensors.KeyPoints)


def _asked(inpt, kinds, name):
    """The input, if its class is one of these."""
    plain = isinstance(inpt, tv_tensors.TVTensor)
    if not isinstance(inpt, kinds) or (plain and not isinstance(inpt, tuple(k for k in kinds if k is not Tensor))):
        raise TypeError(f"Functional F.{name} supports inputs of type {kinds}, but got {type(inpt)} instead.")
    return inpt


def get_dimensions(inpt):
    """[channels, height, width] of a picture or a video."""
    return v1.get_dimensions(_asked(inpt, _PICTURES, "get_dimensions"))


def get_num_channels(inpt):
    """How many channels a picture or a video has."""
    return v1.get_dimensions(_asked(inpt, _PICTURES, "get_num_channels"))[0]


get_image_num_channels = get_num_channels


def get_size(inpt):
    """[height, width] of a picture, a video, a mask, or the picture that boxes or points belong to."""
    _asked(inpt, (*_PICTURES, tv_tensors.Mask, *_PLACED), "get_size")
    return list(inpt.canvas_size) if isinstance(inpt, _PLACED) else v1.get_dimensions(inpt)[1:]


def get_num_frames(inpt):
    """How many pictures a video has."""
    return _asked(inpt, (Tensor, tv_tensors.Video), "get_num_frames").shape[-4]


def convert_image_dtype(image, dtype=float32):
    """The picture in another dtype; white stays white."""
    return images.to_dtype_image(image, dtype, scale=True)


def to_image(inpt):
    """A PIL image, an array (H, W, C) or a Tensor as an Image.

    Raises:
        TypeError: something else.
    """
    if isinstance(inpt, np.ndarray):
        inpt = from_numpy(np.ascontiguousarray(np.atleast_3d(inpt).transpose(2, 0, 1)))
    elif not isinstance(inpt, PIL.Image.Image | Tensor):
        raise TypeError(
            f"Input can either be a pure Tensor, a numpy array, or a PIL image, but got {type(inpt)} instead."
        )
    return tv_tensors.Image(inpt)


def to_tensor(inpt):
    """Deprecated: v1's `to_tensor`."""
    warnings.warn(
        "The function `to_tensor(...)` is deprecated and will be removed in a future release. Instead, please use "
        "`to_image(...)` followed by `to_dtype(..., dtype=torch.float32, scale=True)`.",
        stacklevel=2,
    )
    return v1.to_tensor(inpt)


def get_image_size(inpt):
    """Deprecated: [width, height] of a picture."""
    warnings.warn(
        "The function `get_image_size(...)` is deprecated and will be removed in a future release. Instead, please use "
        "`get_size(...)` which returns `[h, w]` instead of `[w, h]`.",
        stacklevel=2,
    )
    return v1.get_image_size(inpt)
