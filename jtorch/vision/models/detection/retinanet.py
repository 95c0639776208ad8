"""RetinaNet (Lin and others, 2017): detection without proposals, trained with the focal loss."""

from __future__ import annotations

import math
from functools import partial

from jtorch import nn
from jtorch.core.ops.functions import cat, where
from jtorch.vision.models._published import published
from jtorch.vision.models._utils import OnBackbone
from jtorch.vision.models.detection._utils import BoxCoder, Matcher, box_loss, by_anchor
from jtorch.vision.models.detection.anchor_utils import AnchorGenerator
from jtorch.vision.models.detection.faster_rcnn import PARAMETERS, on_resnet50, transform_of, without_eps
from jtorch.vision.models.detection.single_stage import SingleStage, best_of_levels, check_anchors, matched_by_overlap
from jtorch.vision.models.resnet import ResNet50_Weights
from jtorch.vision.ops.feature_pyramid_network import LastLevelP6P7
from jtorch.vision.ops.focal_loss import sigmoid_focal_loss
from jtorch.vision.ops.misc import Conv2dNormActivation

__all__ = [
    "RetinaNet", "RetinaNet_ResNet50_FPN_V2_Weights", "RetinaNet_ResNet50_FPN_Weights", "retinanet_resnet50_fpn",
    "retinanet_resnet50_fpn_v2",
]  # fmt: skip


def _three_sizes():
    """Anchors of three sizes and three aspect ratios for each of five features."""
    sizes = tuple([(x, int(x * 2 ** (1 / 3)), int(x * 2 ** (2 / 3))) for x in (32, 64, 128, 256, 512)])
    return AnchorGenerator(sizes, ((0.5, 1.0, 2.0),) * len(sizes))


class _ConvolutionHead(nn.Module):
    """Four convolutions, which the features of all sizes share."""

    _version = 2  # in version 1 the convolutions were conv.0, conv.2 and so on

    def __init__(self, in_channels, norm_layer):
        super().__init__()
        self.conv = nn.Sequential(
            *[Conv2dNormActivation(in_channels, in_channels, norm_layer=norm_layer) for _ in range(4)]
        )

    def _initialize(self):
        for layer in self.conv.modules():
            if isinstance(layer, nn.Conv2d):
                nn.init.normal_(layer.weight, std=0.01)
                if layer.bias is not None:
                    nn.init.zeros_(layer.bias)

    def _load_from_state_dict(self, state_dict, prefix, local_metadata, *rest):
        if (local_metadata.get("version") or 1) < 2:
            for i in range(4):
                for kind in ("weight", "bias"):
                    old = f"{prefix}conv.{2 * i}.{kind}"
                    if old in state_dict:
                        state_dict[f"{prefix}conv.{i}.0.{kind}"] = state_dict.pop(old)
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *rest)


class RetinaNetClassificationHead(_ConvolutionHead):
    """Logits (N, A, num_classes) of the anchors; at first each class has the prior probability."""

    def __init__(self, in_channels, num_anchors, num_classes, prior_probability=0.01, norm_layer=None):
        super().__init__(in_channels, norm_layer)
        self._initialize()
        self.cls_logits = nn.Conv2d(in_channels, num_anchors * num_classes, kernel_size=3, stride=1, padding=1)
        nn.init.normal_(self.cls_logits.weight, std=0.01)
        nn.init.constant_(self.cls_logits.bias, -math.log((1 - prior_probability) / prior_probability))
        self.num_classes = num_classes
        self.num_anchors = num_anchors
        self.BETWEEN_THRESHOLDS = Matcher.BETWEEN_THRESHOLDS

    def compute_loss(self, targets, head_outputs, matched_idxs):
        """The mean over the images of the focal loss for each object."""
        losses = []
        for target, logits, matches in zip(targets, head_outputs["cls_logits"], matched_idxs, strict=True):
            objects = matches >= 0
            goals = logits.new_zeros(logits.shape)
            goals[objects, target["labels"][matches[objects]]] = 1.0
            valid = matches != self.BETWEEN_THRESHOLDS
            loss = sigmoid_focal_loss(logits[valid], goals[valid], reduction="sum")
            losses.append(loss / objects.sum().clamp(min=1))
        return sum(losses[1:], losses[0]) / len(targets)

    def forward(self, x):
        return cat([by_anchor(self.cls_logits(self.conv(each)), self.num_classes) for each in x], dim=1)


class RetinaNetRegressionHead(_ConvolutionHead):
    """Codes (N, A, 4) of the boxes of the anchors."""

    def __init__(self, in_channels, num_anchors, norm_layer=None):
        super().__init__(in_channels, norm_layer)
        self.bbox_reg = nn.Conv2d(in_channels, num_anchors * 4, kernel_size=3, stride=1, padding=1)
        nn.init.normal_(self.bbox_reg.weight, std=0.01)
        nn.init.zeros_(self.bbox_reg.bias)
        self._initialize()
        self.box_coder = BoxCoder(weights=(1.0, 1.0, 1.0, 1.0))
        self._loss_type = "l1"

    def compute_loss(self, targets, head_outputs, anchors, matched_idxs):
        """The mean over the images of the loss for each object."""
        losses = []
        rows = zip(targets, head_outputs["bbox_regression"], anchors, matched_idxs, strict=True)
        for target, codes, of_image, matches in rows:
            objects = where(matches >= 0)[0]
            boxes = target["boxes"][matches[objects]]
            loss = box_loss(self._loss_type, self.box_coder, of_image[objects], boxes, codes[objects])
            losses.append(loss / max(1, objects.numel()))
        return sum(losses[1:], losses[0]) / max(1, len(targets))

    def forward(self, x):
        return cat([by_anchor(self.bbox_reg(self.conv(each)), 4) for each in x], dim=1)


class RetinaNetHead(nn.Module):
    """Both heads."""

    def __init__(self, in_channels, num_anchors, num_classes, norm_layer=None):
        super().__init__()
        self.classification_head = RetinaNetClassificationHead(
            in_channels, num_anchors, num_classes, norm_layer=norm_layer
        )
        self.regression_head = RetinaNetRegressionHead(in_channels, num_anchors, norm_layer=norm_layer)

    def compute_loss(self, targets, head_outputs, anchors, matched_idxs):
        """The losses of both, as a dict."""
        return {
            "classification": self.classification_head.compute_loss(targets, head_outputs, matched_idxs),
            "bbox_regression": self.regression_head.compute_loss(targets, head_outputs, anchors, matched_idxs),
        }

    def forward(self, x):
        return {"cls_logits": self.classification_head(x), "bbox_regression": self.regression_head(x)}


class RetinaNet(SingleStage):
    """RetinaNet: see `SingleStage` for what its call takes and gives.

    Args:
        backbone: gives features with `out_channels` channels.
        num_classes: with background, which is class 0.
        min_size, max_size, image_mean, image_std, kwargs: as for GeneralizedRCNNTransform.
        anchor_generator, head, proposal_matcher: None: those of the paper.
        score_thresh, nms_thresh, detections_per_img, topk_candidates: which detections are kept.
        fg_iou_thresh, bg_iou_thresh: an anchor with at least the first overlap is an object, below the second it is
            background.

    Raises:
        ValueError: a backbone without out_channels.
        TypeError: an anchor generator of another class.
    """

    def __init__(
        self,
        backbone,
        num_classes,
        min_size=800,
        max_size=1333,
        image_mean=None,
        image_std=None,
        anchor_generator=None,
        head=None,
        proposal_matcher=None,
        score_thresh=0.05,
        nms_thresh=0.5,
        detections_per_img=300,
        fg_iou_thresh=0.5,
        bg_iou_thresh=0.4,
        topk_candidates=1000,
        **kwargs,
    ):
        super().__init__()
        check_anchors(
            backbone, anchor_generator, "anchor_generator should be of type AnchorGenerator or None instead of"
        )
        self.backbone = backbone
        self.anchor_generator = anchor_generator or _three_sizes()
        if head is None:
            anchors = self.anchor_generator.num_anchors_per_location()[0]
            head = RetinaNetHead(backbone.out_channels, anchors, num_classes)
        self.head = head
        self.proposal_matcher = proposal_matcher or Matcher(
            fg_iou_thresh, bg_iou_thresh, allow_low_quality_matches=True
        )
        self.box_coder = BoxCoder(weights=(1.0, 1.0, 1.0, 1.0))
        self.transform = transform_of(min_size, max_size, image_mean, image_std, **kwargs)
        self.score_thresh = score_thresh
        self.nms_thresh = nms_thresh
        self.detections_per_img = detections_per_img
        self.topk_candidates = topk_candidates

    def losses(self, targets, outputs, anchors, counts):
        """See `SingleStage`."""
        matches = matched_by_overlap(self.proposal_matcher, targets, anchors)
        return self.head.compute_loss(targets, outputs, anchors, matches)

    def detections(self, outputs, anchors, image_sizes, counts):
        """See `SingleStage`."""
        each_cell = outputs["cls_logits"].size(1) // sum(counts)
        counts = [count * each_cell for count in counts]
        scores = outputs["cls_logits"].sigmoid().split(counts, dim=1)
        codes = outputs["bbox_regression"].split(counts, dim=1)
        return [
            best_of_levels(
                self,
                self.box_coder.decode_single,
                [each[i] for each in scores],
                [each[i] for each in codes],
                anchors[i].split(counts),
                size,
            )
            for i, size in enumerate(image_sizes)
        ]


def _retina_v1(weights, weights_backbone, progress, num_classes, trainable_backbone_layers=None, **kwargs):
    backbone = on_resnet50(
        weights,
        weights_backbone,
        progress,
        trainable_backbone_layers,
        returned_layers=[2, 3, 4],
        extra_blocks=lambda: LastLevelP6P7(256, 256),
    )
    return RetinaNet(backbone, num_classes, **kwargs)


def _retina_v2(weights, weights_backbone, progress, num_classes, trainable_backbone_layers=None, **kwargs):
    backbone = on_resnet50(
        weights,
        weights_backbone,
        progress,
        trainable_backbone_layers,
        frozen=False,
        returned_layers=[2, 3, 4],
        extra_blocks=lambda: LastLevelP6P7(2048, 256),
    )
    anchors = _three_sizes()
    each_cell = anchors.num_anchors_per_location()[0]
    head = RetinaNetHead(backbone.out_channels, each_cell, num_classes, norm_layer=partial(nn.GroupNorm, 32))
    head.regression_head._loss_type = "giou"
    return RetinaNet(backbone, num_classes, anchor_generator=anchors, head=head, **kwargs)


RetinaNet_ResNet50_FPN_Weights = published("RetinaNet_ResNet50_FPN_Weights", __name__)
RetinaNet_ResNet50_FPN_V2_Weights = published("RetinaNet_ResNet50_FPN_V2_Weights", __name__)

_retina = OnBackbone(__name__, PARAMETERS, 91)
retinanet_resnet50_fpn = _retina(
    "retinanet_resnet50_fpn",
    RetinaNet_ResNet50_FPN_Weights,
    ResNet50_Weights,
    _retina_v1,
    RetinaNet_ResNet50_FPN_Weights.COCO_V1,
    after=without_eps,
)
retinanet_resnet50_fpn_v2 = _retina(
    "retinanet_resnet50_fpn_v2",
    RetinaNet_ResNet50_FPN_V2_Weights,
    ResNet50_Weights,
    _retina_v2,
    RetinaNet_ResNet50_FPN_V2_Weights.COCO_V1,
    untrained=True,
)
