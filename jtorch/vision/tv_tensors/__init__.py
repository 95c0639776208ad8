"""Tensors with a type: images, videos, masks, boxes, keypoints: `torchvision.tv_tensors`."""

from .kinds import (
    BoundingBoxes,
    BoundingBoxFormat,
    Image,
    KeyPoints,
    Mask,
    TVTensor,
    Video,
    is_rotated_bounding_format,
    set_return_type,
    wrap,
)
