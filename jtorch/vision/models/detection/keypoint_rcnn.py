"""Keypoint R-CNN: Mask R-CNN with keypoints, such as the joints of people, in place of masks."""

from __future__ import annotations

from jtorch import nn
from jtorch.core.ops.functional import interpolate
from jtorch.vision.models._published import published
from jtorch.vision.models._utils import OnBackbone, fan_out, overwrite_value_param
from jtorch.vision.models.detection.faster_rcnn import (
    FasterRCNN,
    check_pool,
    initial_convolutions,
    on_resnet50,
    without_eps,
)
from jtorch.vision.models.resnet import ResNet50_Weights
from jtorch.vision.ops.poolers import MultiScaleRoIAlign

__all__ = ["KeypointRCNN", "KeypointRCNN_ResNet50_FPN_Weights", "keypointrcnn_resnet50_fpn"]

_PARAMETERS = ("weights", "progress", "num_classes", "num_keypoints", "weights_backbone", "trainable_backbone_layers")


class KeypointRCNNHeads(nn.Sequential):
    """3x3 convolutions on the features of regions."""

    def __init__(self, in_channels, layers):
        blocks = []
        for channels in layers:
            blocks += [nn.Conv2d(in_channels, channels, 3, stride=1, padding=1), nn.ReLU(inplace=True)]
            in_channels = channels
        super().__init__(*blocks)
        initial_convolutions(self)


class KeypointRCNNPredictor(nn.Module):
    """Heatmaps of four times the size for each keypoint."""

    def __init__(self, in_channels, num_keypoints):
        super().__init__()
        self.kps_score_lowres = nn.ConvTranspose2d(in_channels, num_keypoints, 4, stride=2, padding=1)
        fan_out(self.kps_score_lowres.weight)
        nn.init.zeros_(self.kps_score_lowres.bias)
        self.up_scale = 2
        self.out_channels = num_keypoints

    def forward(self, x):
        return interpolate(
            self.kps_score_lowres(x),
            scale_factor=float(self.up_scale),
            mode="bilinear",
            align_corners=False,
            recompute_scale_factor=False,
        )


class KeypointRCNN(FasterRCNN):
    """Faster R-CNN with keypoints: targets and detections have "keypoints" (N, K, 3): x, y and visibility.

    Args:
        keypoint_roi_pool, keypoint_head, keypoint_predictor: None: those of the paper.
        num_keypoints: None: 17, or what the predictor has.
        backbone, num_classes, min_size, options: as for FasterRCNN; min_size None: drawn from six sizes.

    Raises:
        TypeError: a pooling of another class.
        ValueError: num_keypoints and a keypoint_predictor.
    """

    def __init__(
        self,
        backbone,
        num_classes=None,
        min_size=None,
        *args,
        keypoint_roi_pool=None,
        keypoint_head=None,
        keypoint_predictor=None,
        num_keypoints=None,
        **options,
    ):
        check_pool("keypoint_roi_pool", keypoint_roi_pool)
        if num_keypoints is not None and keypoint_predictor is not None:
            raise ValueError("num_keypoints should be None when keypoint_predictor is specified")
        pool = keypoint_roi_pool or MultiScaleRoIAlign(["0", "1", "2", "3"], output_size=14, sampling_ratio=2)
        if keypoint_head is None:
            keypoint_head = KeypointRCNNHeads(backbone.out_channels, (512,) * 8)
        if keypoint_predictor is None:
            keypoint_predictor = KeypointRCNNPredictor(512, 17 if num_keypoints is None else num_keypoints)
        sizes = (640, 672, 704, 736, 768, 800) if min_size is None else min_size
        super().__init__(backbone, num_classes, sizes, *args, **options)
        self.roi_heads.keypoint_roi_pool = pool
        self.roi_heads.keypoint_head = keypoint_head
        self.roi_heads.keypoint_predictor = keypoint_predictor


def _keypoint_v1(
    weights, weights_backbone, progress, num_classes, num_keypoints=None, trainable_backbone_layers=None, **kwargs
):
    if weights is not None:
        known = len(weights.meta["keypoint_names"])
        num_keypoints = overwrite_value_param("num_keypoints", num_keypoints, known)
    backbone = on_resnet50(weights, weights_backbone, progress, trainable_backbone_layers)
    num_keypoints = 17 if num_keypoints is None else num_keypoints
    return KeypointRCNN(backbone, num_classes, num_keypoints=num_keypoints, **kwargs)


def _legacy_weights(kwargs):
    legacy = kwargs["pretrained"] == "legacy"
    return KeypointRCNN_ResNet50_FPN_Weights["COCO_LEGACY" if legacy else "COCO_V1"]


KeypointRCNN_ResNet50_FPN_Weights = published("KeypointRCNN_ResNet50_FPN_Weights", __name__)
keypointrcnn_resnet50_fpn = OnBackbone(__name__, _PARAMETERS, 2)(
    "keypointrcnn_resnet50_fpn",
    KeypointRCNN_ResNet50_FPN_Weights,
    ResNet50_Weights,
    _keypoint_v1,
    _legacy_weights,
    after=without_eps,
)
