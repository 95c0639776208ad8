"""Mask R-CNN (He and others, 2017)."""

from __future__ import annotations

from collections import OrderedDict

from jtorch import nn
from jtorch.vision.models._published import published
from jtorch.vision.models._utils import OnBackbone, fan_out
from jtorch.vision.models.detection.faster_rcnn import (
    PARAMETERS,
    FasterRCNN,
    check_pool,
    deep_heads,
    initial_convolutions,
    on_resnet50,
    without_eps,
)
from jtorch.vision.models.resnet import ResNet50_Weights
from jtorch.vision.ops.misc import Conv2dNormActivation
from jtorch.vision.ops.poolers import MultiScaleRoIAlign

__all__ = [
    "MaskRCNN", "MaskRCNN_ResNet50_FPN_V2_Weights", "MaskRCNN_ResNet50_FPN_Weights", "maskrcnn_resnet50_fpn",
    "maskrcnn_resnet50_fpn_v2",
]  # fmt: skip


class MaskRCNNHeads(nn.Sequential):
    """3x3 convolutions on the features of regions."""

    _version = 2  # in version 1 the layers were mask_fcn1 and so on

    def __init__(self, in_channels, layers, dilation, norm_layer=None):
        blocks = []
        for channels in layers:
            blocks.append(
                Conv2dNormActivation(
                    in_channels,
                    channels,
                    kernel_size=3,
                    stride=1,
                    padding=dilation,
                    dilation=dilation,
                    norm_layer=norm_layer,
                )
            )
            in_channels = channels
        super().__init__(*blocks)
        initial_convolutions(self)

    def _load_from_state_dict(self, state_dict, prefix, local_metadata, *rest):
        if (local_metadata.get("version") or 1) < 2:
            for i in range(len(self)):
                for kind in ("weight", "bias"):
                    old = f"{prefix}mask_fcn{i + 1}.{kind}"
                    if old in state_dict:
                        state_dict[f"{prefix}{i}.0.{kind}"] = state_dict.pop(old)
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *rest)


class MaskRCNNPredictor(nn.Sequential):
    """Logits of a mask of twice the size for each class."""

    def __init__(self, in_channels, dim_reduced, num_classes):
        super().__init__(
            OrderedDict(
                conv5_mask=nn.ConvTranspose2d(in_channels, dim_reduced, 2, 2, 0),
                relu=nn.ReLU(inplace=True),
                mask_fcn_logits=nn.Conv2d(dim_reduced, num_classes, 1, 1, 0),
            )
        )
        for name, parameter in self.named_parameters():
            if "weight" in name:
                fan_out(parameter)


class MaskRCNN(FasterRCNN):
    """Faster R-CNN with masks: targets have "masks" (N, H, W), detections probabilities (N, 1, H, W).

    Args:
        mask_roi_pool, mask_head, mask_predictor: None: those of the paper.
        backbone, num_classes, options: as for FasterRCNN.

    Raises:
        TypeError: a pooling of another class.
        ValueError: num_classes and a mask_predictor.
    """

    def __init__(
        self, backbone, num_classes=None, *args, mask_roi_pool=None, mask_head=None, mask_predictor=None, **options
    ):
        check_pool("mask_roi_pool", mask_roi_pool)
        if num_classes is not None and mask_predictor is not None:
            raise ValueError("num_classes should be None when mask_predictor is specified")
        mask_roi_pool = mask_roi_pool or MultiScaleRoIAlign(["0", "1", "2", "3"], output_size=14, sampling_ratio=2)
        if mask_head is None:
            mask_head = MaskRCNNHeads(backbone.out_channels, (256, 256, 256, 256), 1)
        if mask_predictor is None:
            mask_predictor = MaskRCNNPredictor(256, 256, num_classes)
        super().__init__(backbone, num_classes, *args, **options)
        self.roi_heads.mask_roi_pool = mask_roi_pool
        self.roi_heads.mask_head = mask_head
        self.roi_heads.mask_predictor = mask_predictor


def _mask_v1(weights, weights_backbone, progress, num_classes, trainable_backbone_layers=None, **kwargs):
    backbone = on_resnet50(weights, weights_backbone, progress, trainable_backbone_layers)
    return MaskRCNN(backbone, num_classes=num_classes, **kwargs)


def _mask_v2(weights, weights_backbone, progress, num_classes, trainable_backbone_layers=None, **kwargs):
    backbone = on_resnet50(
        weights, weights_backbone, progress, trainable_backbone_layers, frozen=False, norm_layer=nn.BatchNorm2d
    )
    channels = backbone.out_channels
    heads = deep_heads(channels)
    heads["mask_head"] = MaskRCNNHeads(channels, [256] * 4, 1, norm_layer=nn.BatchNorm2d)
    return MaskRCNN(backbone, num_classes=num_classes, **heads, **kwargs)


MaskRCNN_ResNet50_FPN_Weights = published("MaskRCNN_ResNet50_FPN_Weights", __name__)
MaskRCNN_ResNet50_FPN_V2_Weights = published("MaskRCNN_ResNet50_FPN_V2_Weights", __name__)

_mask = OnBackbone(__name__, PARAMETERS, 91)
maskrcnn_resnet50_fpn = _mask(
    "maskrcnn_resnet50_fpn",
    MaskRCNN_ResNet50_FPN_Weights,
    ResNet50_Weights,
    _mask_v1,
    MaskRCNN_ResNet50_FPN_Weights.COCO_V1,
    after=without_eps,
)
maskrcnn_resnet50_fpn_v2 = _mask(
    "maskrcnn_resnet50_fpn_v2",
    MaskRCNN_ResNet50_FPN_V2_Weights,
    ResNet50_Weights,
    _mask_v2,
    MaskRCNN_ResNet50_FPN_V2_Weights.COCO_V1,
    untrained=True,
)
