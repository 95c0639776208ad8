"""Transforms as functions on one picture, a PIL image or a Tensor: `torchvision.transforms.functional`."""

from .colour import (
    adjust_brightness,
    adjust_contrast,
    adjust_hue,
    adjust_saturation,
    erase,
    gaussian_blur,
    invert,
    rgb_to_grayscale,
    to_grayscale,
)
from .convert import convert_image_dtype, normalize, pil_to_tensor, to_pil_image, to_tensor
from .geometry import (
    affine,
    center_crop,
    crop,
    five_crop,
    hflip,
    pad,
    resize,
    resized_crop,
    rotate,
    ten_crop,
    vflip,
)
from .picture import InterpolationMode, get_dimensions, get_image_num_channels, get_image_size
