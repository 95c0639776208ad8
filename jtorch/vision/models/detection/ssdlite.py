"""SSDlite (Sandler and others, 2018): SSD with depthwise convolutions, on a MobileNetV3."""

from __future__ import annotations

import itertools
from collections import OrderedDict
from functools import partial

from jtorch import nn
from jtorch.vision.models._published import published
from jtorch.vision.models._utils import OnBackbone, stage_positions
from jtorch.vision.models.detection._utils import retrieve_out_channels
from jtorch.vision.models.detection.anchor_utils import DefaultBoxGenerator
from jtorch.vision.models.detection.backbone_utils import freeze_before, trainable
from jtorch.vision.models.detection.ssd import SSD, SSDScoringHead, warn_of_size
from jtorch.vision.models.mobilenetv3 import MobileNet_V3_Large_Weights, mobilenet_v3_large
from jtorch.vision.ops.misc import Conv2dNormActivation

__all__ = ["SSDLite320_MobileNet_V3_Large_Weights", "ssdlite320_mobilenet_v3_large"]

_PARAMETERS = ("weights", "progress", "num_classes", "weights_backbone", "trainable_backbone_layers", "norm_layer")


def _prediction_block(in_channels, out_channels, norm_layer):
    """A 3x3 depthwise convolution and a 1x1 convolution."""
    return nn.Sequential(
        Conv2dNormActivation(
            in_channels,
            in_channels,
            kernel_size=3,
            groups=in_channels,
            norm_layer=norm_layer,
            activation_layer=nn.ReLU6,
        ),
        nn.Conv2d(in_channels, out_channels, 1),
    )


def _extra_block(in_channels, out_channels, norm_layer):
    """A 1x1 convolution to half of the channels, a 3x3 depthwise one that halves the size, and a 1x1 convolution."""
    options = {"norm_layer": norm_layer, "activation_layer": nn.ReLU6}
    middle = out_channels // 2
    return nn.Sequential(
        Conv2dNormActivation(in_channels, middle, kernel_size=1, **options),
        Conv2dNormActivation(middle, middle, kernel_size=3, stride=2, groups=middle, **options),
        Conv2dNormActivation(middle, out_channels, kernel_size=1, **options),
    )


def _normal(model):
    for layer in model.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.normal_(layer.weight, mean=0.0, std=0.03)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


def _predictors(in_channels, num_anchors, columns, norm_layer):
    pairs = zip(in_channels, num_anchors, strict=True)
    modules = nn.ModuleList([
        _prediction_block(channels, columns * anchors, norm_layer) for channels, anchors in pairs
    ])  # fmt: skip
    _normal(modules)
    return modules


class SSDLiteClassificationHead(SSDScoringHead):
    """Logits of the classes."""

    def __init__(self, in_channels, num_anchors, num_classes, norm_layer):
        super().__init__(_predictors(in_channels, num_anchors, num_classes, norm_layer), num_classes)


class SSDLiteRegressionHead(SSDScoringHead):
    """Codes of the boxes."""

    def __init__(self, in_channels, num_anchors, norm_layer):
        super().__init__(_predictors(in_channels, num_anchors, 4, norm_layer), 4)


class SSDLiteHead(nn.Module):
    """Both heads."""

    def __init__(self, in_channels, num_anchors, num_classes, norm_layer):
        super().__init__()
        self.classification_head = SSDLiteClassificationHead(in_channels, num_anchors, num_classes, norm_layer)
        self.regression_head = SSDLiteRegressionHead(in_channels, num_anchors, norm_layer)

    def forward(self, x):
        return {"bbox_regression": self.regression_head(x), "cls_logits": self.classification_head(x)}


class SSDLiteFeatureExtractorMobileNet(nn.Module):
    """Features of a MobileNet, inside the block `c4_pos` and at its end, and of more convolutions after it.

    Raises:
        ValueError: the block has a skip connection.
    """

    def __init__(self, backbone, c4_pos, norm_layer, width_mult=1.0, min_depth=16):
        super().__init__()
        block = backbone[c4_pos]
        if block.use_res_connect:
            raise ValueError("backbone[c4_pos].use_res_connect should be False")
        self.features = nn.Sequential(
            nn.Sequential(*backbone[:c4_pos], block.block[0]),
            nn.Sequential(block.block[1:], *backbone[c4_pos + 1 :]),
        )
        widths = [backbone[-1].out_channels, *[max(min_depth, int(d * width_mult)) for d in (512, 256, 256, 128)]]
        extra = nn.ModuleList([_extra_block(*pair, norm_layer) for pair in itertools.pairwise(widths)])
        _normal(extra)
        self.extra = extra

    def forward(self, x):
        output = []
        for block in (*self.features, *self.extra):
            x = block(x)
            output.append(x)
        return OrderedDict((str(i), each) for i, each in enumerate(output))


def _mobile_features(layers, trainable_layers, norm_layer):
    positions = stage_positions(layers)
    if not (0 <= trainable_layers <= len(positions)):
        raise ValueError("trainable_layers should be in the range [0, {num_stages}], instead got {trainable_layers}")
    freeze_before(layers, trainable_layers, positions)
    return SSDLiteFeatureExtractorMobileNet(layers, positions[-2], norm_layer)


def _ssdlite320(
    weights, weights_backbone, progress, num_classes, trainable_backbone_layers=None, norm_layer=None, **kwargs
):
    warn_of_size(kwargs)
    trained = weights is not None or weights_backbone is not None
    layers = trainable(trained, trainable_backbone_layers, 6, 6)
    norm_layer = norm_layer or partial(nn.BatchNorm2d, eps=0.001, momentum=0.03)
    # The published weights of the backbone are those of the full tail.
    reduced = weights_backbone is None
    mobile = mobilenet_v3_large(
        weights=weights_backbone, progress=progress, norm_layer=norm_layer, reduced_tail=reduced, **kwargs
    )
    if reduced:
        _normal(mobile)
    backbone, size = _mobile_features(mobile.features, layers, norm_layer), (320, 320)
    anchors = DefaultBoxGenerator([[2, 3]] * 6, min_ratio=0.2, max_ratio=0.95)
    channels = retrieve_out_channels(backbone, size)
    if len(channels) != len(anchors.aspect_ratios):
        raise ValueError(
            f"The length of the output channels from the backbone {len(channels)} do not match the length of the "
            f"anchor generator aspect ratios {len(anchors.aspect_ratios)}"
        )
    defaults = {
        "score_thresh": 0.001,
        "nms_thresh": 0.55,
        "detections_per_img": 300,
        "topk_candidates": 300,
        "image_mean": [0.5, 0.5, 0.5],
        "image_std": [0.5, 0.5, 0.5],
    }
    head = SSDLiteHead(channels, anchors.num_anchors_per_location(), num_classes, norm_layer)
    return SSD(backbone, anchors, size, num_classes, head=head, **{**defaults, **kwargs})


SSDLite320_MobileNet_V3_Large_Weights = published("SSDLite320_MobileNet_V3_Large_Weights", __name__)
ssdlite320_mobilenet_v3_large = OnBackbone(__name__, _PARAMETERS, 91)(
    "ssdlite320_mobilenet_v3_large",
    SSDLite320_MobileNet_V3_Large_Weights,
    MobileNet_V3_Large_Weights,
    _ssdlite320,
    SSDLite320_MobileNet_V3_Large_Weights.COCO_V1,
)
