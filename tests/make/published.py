"""jtorch/vision/models/published.json: the published weights of torchvision's models, and their metadata.

    pip install torch==2.14.1 torchvision==0.29.1    (in an environment of its own)
    python -m tests.make published

Keeps all metadata except the texts for torchvision's own pages. Leaves out quantized models.
"""

import functools
import json

from torchvision import models
from torchvision.models import _meta
from torchvision.models.detection import keypoint_rcnn

from tests import ROOT

# name in the file -> a list that many weights share
CATEGORIES = {
    "imagenet": _meta._IMAGENET_CATEGORIES,
    "coco": _meta._COCO_CATEGORIES,
    "coco person": _meta._COCO_PERSON_CATEGORIES,
    "coco keypoints": keypoint_rcnn._COCO_PERSON_KEYPOINT_NAMES,
    "voc": _meta._VOC_CATEGORIES,
    "kinetics400": _meta._KINETICS400_CATEGORIES,
}


def enums():
    """Every enum of weights by its name."""
    found = {}
    for name in models.list_models():
        if not name.startswith("quantized_"):
            enum = models.get_model_weights(name)
            found[enum.__name__] = enum
    for module in (models.segmentation, models.detection, models.video, models.optical_flow):
        for name, value in vars(module).items():
            if isinstance(value, type) and issubclass(value, models.WeightsEnum) and value is not models.WeightsEnum:
                found[name] = value
    return found


def row(weights):
    transforms, options = weights.transforms, None
    if isinstance(transforms, functools.partial):
        assert not transforms.args
        transforms, options = transforms.func, transforms.keywords
    meta = {key: value for key, value in weights.meta.items() if key != "_docs"}
    for key in ("categories", "keypoint_names"):
        if key in meta:
            meta[key] = next((name for name, known in CATEGORIES.items() if known == meta[key]), meta[key])
    return {"url": weights.url, "transforms": [transforms.__name__, options], "meta": meta}


def make():
    table = {
        name: {member: row(value.value) for member, value in enum.__members__.items()} for name, enum in enums().items()
    }
    lines = [f" {json.dumps(name)}: {json.dumps(table[name], default=lambda x: x.value)}" for name in sorted(table)]
    shared = [f" {json.dumps(name)}: {json.dumps(names)}" for name, names in CATEGORIES.items()]
    text = '{"categories": {\n' + ",\n".join(shared) + '\n},\n"weights": {\n' + ",\n".join(lines) + "\n}}\n"
    (ROOT / "jtorch/vision/models/published.json").write_text(text)
