"""Transforms of pictures before they become a batch: torchvision's, with its names and random draws."""

from . import functional, v2
from .autoaugment import AugMix, AutoAugment, AutoAugmentPolicy, RandAugment, TrivialAugmentWide
from .transforms import *
