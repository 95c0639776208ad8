"""Transforms of pictures before they become a batch: torchvision's, with its names and random draws."""

from . import functional, v2
from .augment import AugMix, AutoAugment, AutoAugmentPolicy, RandAugment, TrivialAugmentWide
from .compose import Compose, Lambda, RandomApply, RandomChoice, RandomOrder
from .distort import ElasticTransform, RandomPerspective
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
from .tones import (
    RandomAdjustSharpness,
    RandomAutocontrast,
    RandomEqualize,
    RandomInvert,
    RandomPosterize,
    RandomSolarize,
)
from .values import (
    ColorJitter,
    ConvertImageDtype,
    GaussianBlur,
    Grayscale,
    LinearTransformation,
    Normalize,
    PILToTensor,
    RandomErasing,
    RandomGrayscale,
    ToPILImage,
    ToTensor,
)
