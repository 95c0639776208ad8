"""LR-ASPP (Howard and others, 2019): a small segmentation head for MobileNetV3."""

from __future__ import annotations

from collections import OrderedDict

from jtorch import nn
from jtorch.vision.models._published import published
from jtorch.vision.models._utils import IntermediateLayerGetter, OnBackbone, stage_positions
from jtorch.vision.models.mobilenetv3 import MobileNet_V3_Large_Weights, mobilenet_v3_large
from jtorch.vision.models.segmentation._utils import upsampled

__all__ = ["LRASPP", "LRASPP_MobileNet_V3_Large_Weights", "lraspp_mobilenet_v3_large"]


class LRASPPHead(nn.Module):
    """Classifies low-level and high-level features; a gate from their mean scales the high-level ones."""

    def __init__(self, low_channels, high_channels, num_classes, inter_channels):
        super().__init__()
        self.cbr = nn.Sequential(
            nn.Conv2d(high_channels, inter_channels, 1, bias=False),
            nn.BatchNorm2d(inter_channels),
            nn.ReLU(inplace=True),
        )
        self.scale = nn.Sequential(
            nn.AdaptiveAvgPool2d(1), nn.Conv2d(high_channels, inter_channels, 1, bias=False), nn.Sigmoid()
        )
        self.low_classifier = nn.Conv2d(low_channels, num_classes, 1)
        self.high_classifier = nn.Conv2d(inter_channels, num_classes, 1)

    def forward(self, input):
        low, high = input["low"], input["high"]
        x = self.cbr(high) * self.scale(high)
        x = upsampled(x, low.shape[-2:])
        return self.low_classifier(low) + self.high_classifier(x)


class LRASPP(nn.Module):
    """Classifies each pixel of images (N, 3, H, W).

    Args:
        backbone: returns a dict with the features "low" and "high".
        low_channels, high_channels: their channels.
        num_classes: channels of the logits.
        inter_channels: channels inside.

    Its call returns a dict with the logits "out": (N, num_classes, H, W).
    """

    def __init__(self, backbone, low_channels, high_channels, num_classes, inter_channels=128):
        super().__init__()
        self.backbone = backbone
        self.classifier = LRASPPHead(low_channels, high_channels, num_classes, inter_channels)

    def forward(self, input):
        return OrderedDict(out=upsampled(self.classifier(self.backbone(input)), input.shape[-2:]))


def _with_levels(weights, weights_backbone, progress, num_classes, aux_loss=False, **kwargs):
    if aux_loss:
        raise NotImplementedError("This model does not use auxiliary loss")
    layers = mobilenet_v3_large(weights=weights_backbone, dilated=True).features
    positions = stage_positions(layers)
    low, high = positions[-4], positions[-1]
    backbone = IntermediateLayerGetter(layers, return_layers={str(low): "low", str(high): "high"})
    return LRASPP(backbone, layers[low].out_channels, layers[high].out_channels, num_classes)


LRASPP_MobileNet_V3_Large_Weights = published("LRASPP_MobileNet_V3_Large_Weights", __name__)
lraspp_mobilenet_v3_large = OnBackbone(__name__, ("weights", "progress", "num_classes", "weights_backbone"), 21)(
    "lraspp_mobilenet_v3_large",
    LRASPP_MobileNet_V3_Large_Weights,
    MobileNet_V3_Large_Weights,
    _with_levels,
    LRASPP_MobileNet_V3_Large_Weights.COCO_WITH_VOC_LABELS_V1,
)
