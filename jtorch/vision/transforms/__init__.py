"""Transforms of pictures before they become a batch: torchvision's, with its names and random draws."""

from . import functional
from .compose import Compose, Lambda, RandomApply, RandomChoice, RandomOrder
from .functional import InterpolationMode
from .geometry import (
    CenterCrop,
    FiveCrop,
    Pad,
    RandomAffine,
    RandomCrop,
    RandomHorizontalFlip,
    RandomResizedCrop,
    RandomRotation,
    RandomVerticalFlip,
    Resize,
    TenCrop,
)
from .values import (
    ColorJitter,
    ConvertImageDtype,
    GaussianBlur,
    Grayscale,
    Normalize,
    PILToTensor,
    RandomErasing,
    RandomGrayscale,
    RandomInvert,
    ToPILImage,
    ToTensor,
)
