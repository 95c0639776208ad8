"""Transforms as functions on one picture, a PIL image or a Tensor: `torchvision.transforms.functional`."""

from .colour import (
    adjust_brightness,
    adjust_contrast,
    adjust_gamma,
    adjust_hue,
    adjust_saturation,
    rgb_to_grayscale,
    to_grayscale,
)
from .image_tensors import convert_image_dtype, normalize, pil_to_tensor, to_pil_image, to_tensor
from .geometry import (
    affine,
    center_crop,
    crop,
    elastic_transform,
    five_crop,
    hflip,
    pad,
    perspective,
    resize,
    resized_crop,
    rotate,
    ten_crop,
    vflip,
)
from .picture import InterpolationMode, get_dimensions, get_image_num_channels, get_image_size
from .tone import (
    adjust_sharpness,
    autocontrast,
    equalize,
    erase,
    gaussian_blur,
    invert,
    posterize,
    solarize,
)
