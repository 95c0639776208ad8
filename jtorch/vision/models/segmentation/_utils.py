"""What the segmentation models share."""

from __future__ import annotations

from collections import OrderedDict

from jtorch import nn
from jtorch.core.ops.functional import interpolate
from jtorch.vision.models._utils import overwrite_value_param

PARAMETERS = ("weights", "progress", "num_classes", "aux_loss", "weights_backbone")


class SegmentationModel(nn.Module):
    """Classifies each pixel of images (N, 3, H, W).

    Args:
        backbone: returns a dict with the features "out", and "aux" if there is an auxiliary classifier.
        classifier: classifies the features "out".
        aux_classifier: classifies the features "aux", for an auxiliary loss in training; None: there is none.

    Its call returns a dict of logits (N, classes, H, W) with the same names.
    """

    __constants__ = ["aux_classifier"]

    def __init__(self, backbone, classifier, aux_classifier=None):
        super().__init__()
        self.backbone = backbone
        self.classifier = classifier
        self.aux_classifier = aux_classifier

    def forward(self, x):
        size = x.shape[-2:]
        features = self.backbone(x)
        result = OrderedDict(out=upsampled(self.classifier(features["out"]), size))
        if self.aux_classifier is not None:
            result["aux"] = upsampled(self.aux_classifier(features["aux"]), size)
        return result


def upsampled(logits, size):
    """Logits of this height and width."""
    return interpolate(logits, size=size, mode="bilinear", align_corners=False)


def has_aux(weights, aux_loss):
    """Whether a model has an auxiliary classifier: those with weights do.

    Raises ValueError if the caller said otherwise.
    """
    return aux_loss if weights is None else overwrite_value_param("aux_loss", aux_loss, True)
