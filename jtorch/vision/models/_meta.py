"""The lists of class names in the metadata of published weights, under torchvision's names."""

from jtorch.vision.models._published import CATEGORIES

_IMAGENET_CATEGORIES = CATEGORIES["imagenet"]
_COCO_CATEGORIES = CATEGORIES["coco"]
_COCO_PERSON_CATEGORIES = CATEGORIES["coco person"]
_VOC_CATEGORIES = CATEGORIES["voc"]
_KINETICS400_CATEGORIES = CATEGORIES["kinetics400"]
