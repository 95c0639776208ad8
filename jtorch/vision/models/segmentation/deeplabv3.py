"""DeepLabV3 (Chen and others, 2017): convolutions of several dilations in parallel."""

from __future__ import annotations

from jtorch import nn
from jtorch.core.ops.functional import interpolate
from jtorch.core.ops.functions import cat
from jtorch.vision.models._published import published
from jtorch.vision.models._utils import IntermediateLayerGetter, OnBackbone, stage_positions
from jtorch.vision.models.mobilenetv3 import MobileNet_V3_Large_Weights, mobilenet_v3_large
from jtorch.vision.models.resnet import ResNet50_Weights, ResNet101_Weights, resnet50, resnet101
from jtorch.vision.models.segmentation._utils import PARAMETERS, SegmentationModel, has_aux
from jtorch.vision.models.segmentation.fcn import FCNHead, segmenting_resnet

__all__ = [
    "DeepLabV3",
    "DeepLabV3_MobileNet_V3_Large_Weights",
    "DeepLabV3_ResNet50_Weights",
    "DeepLabV3_ResNet101_Weights",
    "deeplabv3_mobilenet_v3_large",
    "deeplabv3_resnet50",
    "deeplabv3_resnet101",
]  # fmt: skip


class DeepLabV3(SegmentationModel):
    """DeepLabV3: see `SegmentationModel`."""


class ASPPConv(nn.Sequential):
    """A dilated 3x3 convolution."""

    def __init__(self, in_channels, out_channels, dilation):
        super().__init__(
            nn.Conv2d(in_channels, out_channels, 3, padding=dilation, dilation=dilation, bias=False),
            nn.BatchNorm2d(out_channels),
            nn.ReLU(),
        )


class ASPPPooling(nn.Sequential):
    """The mean of all cells, as an image of the input's size."""

    def __init__(self, in_channels, out_channels):
        super().__init__(
            nn.AdaptiveAvgPool2d(1),
            nn.Conv2d(in_channels, out_channels, 1, bias=False),
            nn.BatchNorm2d(out_channels),
            nn.ReLU(),
        )

    def forward(self, x):
        size = x.shape[-2:]
        return interpolate(super().forward(x), size=size, mode="bilinear", align_corners=False)


class ASPP(nn.Module):
    """A 1x1 convolution, a 3x3 convolution for each dilation, and a pooling, in parallel."""

    def __init__(self, in_channels, atrous_rates, out_channels=256):
        super().__init__()
        plain = nn.Sequential(
            nn.Conv2d(in_channels, out_channels, 1, bias=False), nn.BatchNorm2d(out_channels), nn.ReLU()
        )
        dilated = [ASPPConv(in_channels, out_channels, rate) for rate in atrous_rates]
        self.convs = nn.ModuleList([plain, *dilated, ASPPPooling(in_channels, out_channels)])
        self.project = nn.Sequential(
            nn.Conv2d(len(self.convs) * out_channels, out_channels, 1, bias=False),
            nn.BatchNorm2d(out_channels),
            nn.ReLU(),
            nn.Dropout(0.5),
        )

    def forward(self, x):
        return self.project(cat([conv(x) for conv in self.convs], dim=1))


class DeepLabHead(nn.Sequential):
    """`ASPP`, a 3x3 convolution, and a 1x1 convolution to the classes."""

    def __init__(self, in_channels, num_classes, atrous_rates=(12, 24, 36)):
        super().__init__(
            ASPP(in_channels, atrous_rates),
            nn.Conv2d(256, 256, 3, padding=1, bias=False),
            nn.BatchNorm2d(256),
            nn.ReLU(),
            nn.Conv2d(256, num_classes, 1),
        )


def _on_mobilenet(weights, weights_backbone, progress, num_classes, aux_loss=None, **kwargs):
    layers = mobilenet_v3_large(weights=weights_backbone, dilated=True).features
    positions, aux = stage_positions(layers), has_aux(weights, aux_loss)
    last, middle = positions[-1], positions[-4]
    returned = {str(last): "out", str(middle): "aux"} if aux else {str(last): "out"}
    aux_classifier = FCNHead(layers[middle].out_channels, num_classes) if aux else None
    classifier = DeepLabHead(layers[last].out_channels, num_classes)
    return DeepLabV3(IntermediateLayerGetter(layers, return_layers=returned), classifier, aux_classifier)


DeepLabV3_ResNet50_Weights = published("DeepLabV3_ResNet50_Weights", __name__)
DeepLabV3_ResNet101_Weights = published("DeepLabV3_ResNet101_Weights", __name__)
DeepLabV3_MobileNet_V3_Large_Weights = published("DeepLabV3_MobileNet_V3_Large_Weights", __name__)

_deeplab = OnBackbone(__name__, PARAMETERS, 21)
deeplabv3_resnet50 = _deeplab(
    "deeplabv3_resnet50",
    DeepLabV3_ResNet50_Weights,
    ResNet50_Weights,
    segmenting_resnet(DeepLabV3, resnet50, DeepLabHead),
    DeepLabV3_ResNet50_Weights.COCO_WITH_VOC_LABELS_V1,
)
deeplabv3_resnet101 = _deeplab(
    "deeplabv3_resnet101",
    DeepLabV3_ResNet101_Weights,
    ResNet101_Weights,
    segmenting_resnet(DeepLabV3, resnet101, DeepLabHead),
    DeepLabV3_ResNet101_Weights.COCO_WITH_VOC_LABELS_V1,
)
deeplabv3_mobilenet_v3_large = _deeplab(
    "deeplabv3_mobilenet_v3_large",
    DeepLabV3_MobileNet_V3_Large_Weights,
    MobileNet_V3_Large_Weights,
    _on_mobilenet,
    DeepLabV3_MobileNet_V3_Large_Weights.COCO_WITH_VOC_LABELS_V1,
)
