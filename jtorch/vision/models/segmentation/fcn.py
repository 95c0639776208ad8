"""Fully convolutional networks (Long and others, 2014)."""

from __future__ import annotations

from jtorch import nn
from jtorch.vision.models._published import published
from jtorch.vision.models._utils import IntermediateLayerGetter, OnBackbone
from jtorch.vision.models.resnet import ResNet50_Weights, ResNet101_Weights, resnet50, resnet101
from jtorch.vision.models.segmentation._utils import PARAMETERS, SegmentationModel, has_aux

__all__ = ["FCN", "FCN_ResNet50_Weights", "FCN_ResNet101_Weights", "fcn_resnet50", "fcn_resnet101"]


class FCN(SegmentationModel):
    """A fully convolutional network: see `SegmentationModel`."""


class FCNHead(nn.Sequential):
    """A 3x3 convolution to a quarter of the channels, and a 1x1 convolution to the classes."""

    def __init__(self, in_channels, channels):
        inner = in_channels // 4
        super().__init__(
            nn.Conv2d(in_channels, inner, 3, padding=1, bias=False),
            nn.BatchNorm2d(inner),
            nn.ReLU(),
            nn.Dropout(0.1),
            nn.Conv2d(inner, channels, 1),
        )


def segmenting_resnet(kind, resnet, head):
    """A function that makes a model of this class on a ResNet with dilation; `head` is the class of its classifier."""

    def make(weights, weights_backbone, progress, num_classes, aux_loss=None, **kwargs):
        aux = has_aux(weights, aux_loss)
        layers = {"layer4": "out", "layer3": "aux"} if aux else {"layer4": "out"}
        backbone = resnet(weights=weights_backbone, replace_stride_with_dilation=[False, True, True])
        backbone = IntermediateLayerGetter(backbone, return_layers=layers)
        aux_classifier = FCNHead(1024, num_classes) if aux else None
        return kind(backbone, head(2048, num_classes), aux_classifier)

    return make


FCN_ResNet50_Weights = published("FCN_ResNet50_Weights", __name__)
FCN_ResNet101_Weights = published("FCN_ResNet101_Weights", __name__)

_fcn = OnBackbone(__name__, PARAMETERS, 21)
fcn_resnet50 = _fcn(
    "fcn_resnet50",
    FCN_ResNet50_Weights,
    ResNet50_Weights,
    segmenting_resnet(FCN, resnet50, FCNHead),
    FCN_ResNet50_Weights.COCO_WITH_VOC_LABELS_V1,
)
fcn_resnet101 = _fcn(
    "fcn_resnet101",
    FCN_ResNet101_Weights,
    ResNet101_Weights,
    segmenting_resnet(FCN, resnet101, FCNHead),
    FCN_ResNet101_Weights.COCO_WITH_VOC_LABELS_V1,
)
