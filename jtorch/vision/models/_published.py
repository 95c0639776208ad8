"""The published weights of torchvision's models, read from published.json, which `python -m tests.make published` writes."""

from __future__ import annotations

import functools
import json
from pathlib import Path

from jtorch.vision.models._api import Weights, WeightsEnum
from jtorch.vision.transforms import _presets
from jtorch.vision.transforms.functional import InterpolationMode

_TABLE = json.loads(Path(__file__).with_name("published.json").read_text())
# Lists of names that many weights share: "imagenet", "coco", "coco person", "voc", "kinetics", ...
CATEGORIES = _TABLE["categories"]


def published(name, module):
    """The enum of weights of this name, for the module that defines the model.

    >>> from jtorch.vision.models import AlexNet_Weights
    >>> AlexNet_Weights.DEFAULT
    AlexNet_Weights.IMAGENET1K_V1
    >>> AlexNet_Weights.DEFAULT.meta["categories"][:2]
    ['tench', 'goldfish']
    """
    members = {member: _weights(row) for member, row in _TABLE["weights"][name].items()}
    return WeightsEnum(name, members, module=module)


def _weights(row):
    """A row of the table as `Weights`."""
    name, options = row["transforms"]
    preset = getattr(_presets, name)
    if options is not None:
        preset = functools.partial(preset, **_preset_options(options))
    meta = {key: tuple(value) if key == "min_size" else value for key, value in row["meta"].items()}
    for key in ("categories", "keypoint_names"):
        if isinstance(meta.get(key), str):
            meta[key] = CATEGORIES[meta[key]]
    return Weights(row["url"], preset, meta)


def _preset_options(options):
    """The arguments of a preset: JSON has lists for tuples, and no enums."""
    options = {key: tuple(value) if isinstance(value, list) else value for key, value in options.items()}
    if "interpolation" in options:
        options["interpolation"] = InterpolationMode(options["interpolation"])
    return options
