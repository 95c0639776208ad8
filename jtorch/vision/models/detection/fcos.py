"""FCOS (Tian and others, 2019): each cell of the features is a point that predicts the edges of a box around it."""

from __future__ import annotations

import math
from functools import partial

from jtorch import nn
from jtorch.core.facts import dtypes
from jtorch.core.ops.functional import binary_cross_entropy_with_logits, relu
from jtorch.core.ops.functions import cat, full, maximum, minimum, stack, where
from jtorch.vision.models._published import published
from jtorch.vision.models._utils import OnBackbone
from jtorch.vision.models.detection._utils import BoxLinearCoder, by_anchor
from jtorch.vision.models.detection.anchor_utils import AnchorGenerator
from jtorch.vision.models.detection.faster_rcnn import PARAMETERS, on_resnet50, transform_of
from jtorch.vision.models.detection.single_stage import SingleStage, best_of_levels, check_anchors
from jtorch.vision.models.resnet import ResNet50_Weights
from jtorch.vision.ops.feature_pyramid_network import LastLevelP6P7
from jtorch.vision.ops.focal_loss import sigmoid_focal_loss
from jtorch.vision.ops.giou_loss import generalized_box_iou_loss

__all__ = ["FCOS", "FCOS_ResNet50_FPN_Weights", "fcos_resnet50_fpn"]


def _convolutions(channels, count, norm_layer):
    """Convolutions with normalisation and relu, which the features of all sizes share."""
    norm_layer = norm_layer or partial(nn.GroupNorm, 32)
    layers = []
    for _ in range(count):
        layers += [nn.Conv2d(channels, channels, kernel_size=3, stride=1, padding=1), norm_layer(channels), nn.ReLU()]
    return nn.Sequential(*layers)


def _small_values(layers):
    for layer in layers:
        if isinstance(layer, nn.Conv2d):
            nn.init.normal_(layer.weight, std=0.01)
            nn.init.zeros_(layer.bias)


class FCOSClassificationHead(nn.Module):
    """Logits (N, A, num_classes); at first each class has the prior probability."""

    def __init__(self, in_channels, num_anchors, num_classes, num_convs=4, prior_probability=0.01, norm_layer=None):
        super().__init__()
        self.num_classes = num_classes
        self.num_anchors = num_anchors
        self.conv = _convolutions(in_channels, num_convs, norm_layer)
        _small_values(self.conv.children())
        self.cls_logits = nn.Conv2d(in_channels, num_anchors * num_classes, kernel_size=3, stride=1, padding=1)
        nn.init.normal_(self.cls_logits.weight, std=0.01)
        nn.init.constant_(self.cls_logits.bias, -math.log((1 - prior_probability) / prior_probability))

    def forward(self, x):
        return cat([by_anchor(self.cls_logits(self.conv(each)), self.num_classes) for each in x], dim=1)


class FCOSRegressionHead(nn.Module):
    """Distances (N, A, 4) of the edges, and logits (N, A, 1) of how close the point is to the centre of the box."""

    def __init__(self, in_channels, num_anchors, num_convs=4, norm_layer=None):
        super().__init__()
        self.conv = _convolutions(in_channels, num_convs, norm_layer)
        self.bbox_reg = nn.Conv2d(in_channels, num_anchors * 4, kernel_size=3, stride=1, padding=1)
        self.bbox_ctrness = nn.Conv2d(in_channels, num_anchors * 1, kernel_size=3, stride=1, padding=1)
        _small_values([self.bbox_reg, self.bbox_ctrness])
        _small_values(self.conv.children())

    def forward(self, x):
        hidden = [self.conv(each) for each in x]
        distances = cat([by_anchor(relu(self.bbox_reg(each)), 4) for each in hidden], dim=1)
        return distances, cat([by_anchor(self.bbox_ctrness(each), 1) for each in hidden], dim=1)


class FCOSHead(nn.Module):
    """Both heads."""

    def __init__(self, in_channels, num_anchors, num_classes, num_convs=4):
        super().__init__()
        self.box_coder = BoxLinearCoder(normalize_by_size=True)
        self.classification_head = FCOSClassificationHead(in_channels, num_anchors, num_classes, num_convs)
        self.regression_head = FCOSRegressionHead(in_channels, num_anchors, num_convs)

    def compute_loss(self, targets, head_outputs, anchors, matched_idxs):
        """The losses of the classes, the boxes and the centres for each object, as a dict."""
        logits, codes = head_outputs["cls_logits"], head_outputs["bbox_regression"]
        labels, boxes = [], []
        for target, matches in zip(targets, matched_idxs, strict=True):
            if len(target["labels"]) == 0:
                labels.append(target["labels"].new_full((len(matches),), -1))
                boxes.append(target["boxes"].new_zeros((len(matches), 4)))
            else:
                labels.append(where(matches < 0, -1, target["labels"][matches.clip(min=0)]))
                boxes.append(target["boxes"][matches.clip(min=0)])
        boxes, labels, anchors = stack(boxes), stack(labels), stack(anchors)
        objects = labels >= 0
        count = max(1, objects.sum().item())
        goals = logits.new_zeros(logits.shape)
        goals[objects, labels[objects]] = 1.0
        loss = sigmoid_focal_loss(logits, goals, reduction="sum")
        decoded = self.box_coder.decode(codes, anchors)
        box_loss = generalized_box_iou_loss(decoded[objects], boxes[objects], reduction="sum")
        left, top, right, bottom = self.box_coder.encode(anchors, boxes).unbind(-1)
        central = minimum(left, right) / maximum(left, right) * (minimum(top, bottom) / maximum(top, bottom))
        centre_loss = binary_cross_entropy_with_logits(
            head_outputs["bbox_ctrness"].squeeze(dim=2)[objects], central.sqrt()[objects], reduction="sum"
        )
        return {
            "classification": loss / count,
            "bbox_regression": box_loss / count,
            "bbox_ctrness": centre_loss / count,
        }

    def forward(self, x):
        distances, central = self.regression_head(x)
        return {
            "cls_logits": self.classification_head(x),
            "bbox_regression": distances,
            "bbox_ctrness": central,
        }


class FCOS(SingleStage):
    """FCOS: see `SingleStage` for what its call takes and gives.

    Args:
        backbone: gives features with `out_channels` channels.
        num_classes: with background, which is class 0.
        min_size, max_size, image_mean, image_std, kwargs: as for GeneralizedRCNNTransform.
        anchor_generator: has one anchor per cell, of the cell's size; None: 8 to 128 pixels.
        head: None: that of the paper.
        center_sampling_radius: cells up to this distance from a box's centre, in cells, belong to the box.
        score_thresh, nms_thresh, detections_per_img, topk_candidates: which detections are kept.

    Raises:
        ValueError: a backbone without out_channels, or several anchors per cell.
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
        center_sampling_radius=1.5,
        score_thresh=0.2,
        nms_thresh=0.6,
        detections_per_img=100,
        topk_candidates=1000,
        **kwargs,
    ):
        super().__init__()
        check_anchors(
            backbone, anchor_generator, "anchor_generator should be of type AnchorGenerator or None, instead  got"
        )
        self.backbone = backbone
        if anchor_generator is None:
            anchor_generator = AnchorGenerator(((8,), (16,), (32,), (64,), (128,)), ((1.0,),) * 5)
        self.anchor_generator = anchor_generator
        each_cell = anchor_generator.num_anchors_per_location()[0]
        if each_cell != 1:
            raise ValueError(f"anchor_generator.num_anchors_per_location()[0] should be 1 instead of {each_cell}")
        self.head = FCOSHead(backbone.out_channels, each_cell, num_classes) if head is None else head
        self.box_coder = BoxLinearCoder(normalize_by_size=True)
        self.transform = transform_of(min_size, max_size, image_mean, image_std, **kwargs)
        self.center_sampling_radius = center_sampling_radius
        self.score_thresh = score_thresh
        self.nms_thresh = nms_thresh
        self.detections_per_img = detections_per_img
        self.topk_candidates = topk_candidates

    def losses(self, targets, outputs, anchors, counts):
        """See `SingleStage`."""
        matches = [self._matched(target["boxes"], each, counts) for target, each in zip(targets, anchors, strict=True)]
        return self.head.compute_loss(targets, outputs, anchors, matches)

    def _matched(self, boxes, anchors, counts):
        """The box number of each point: the smallest box around it with a near centre and a fitting size; else -1."""
        if boxes.numel() == 0:
            return full((anchors.size(0),), -1, dtype=dtypes.int64, device=anchors.device)
        points, sizes = (anchors[:, :2] + anchors[:, 2:]) / 2, anchors[:, 2] - anchors[:, 0]
        centres = (boxes[:, :2] + boxes[:, 2:]) / 2
        apart = (points[:, None, :] - centres[None, :, :]).abs().max(dim=2)[0]
        near = apart < self.center_sampling_radius * sizes[:, None]
        edges = cat([points[:, None, :] - boxes[None, :, :2], boxes[None, :, 2:] - points[:, None, :]], dim=2)
        lower, upper = sizes * 4, sizes * 8
        lower[: counts[0]] = 0
        upper[-counts[-1] :] = float("inf")
        furthest = edges.max(dim=2)[0]
        fits = (furthest > lower[:, None]) & (furthest < upper[:, None])
        matches = (near & (edges.min(dim=2)[0] > 0) & fits).to(dtypes.float32)
        areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
        value, matched = (matches * (1e8 - areas[None, :])).max(dim=1)
        return where(value < 1e-5, -1, matched)

    def detections(self, outputs, anchors, image_sizes, counts):
        """See `SingleStage`."""
        scores = (outputs["cls_logits"].sigmoid() * outputs["bbox_ctrness"].sigmoid()).sqrt().split(counts, dim=1)
        codes = outputs["bbox_regression"].split(counts, dim=1)
        return [
            best_of_levels(
                self,
                self.box_coder.decode,
                [each[i] for each in scores],
                [each[i] for each in codes],
                anchors[i].split(counts),
                size,
            )
            for i, size in enumerate(image_sizes)
        ]


def _fcos(weights, weights_backbone, progress, num_classes, trainable_backbone_layers=None, **kwargs):
    backbone = on_resnet50(
        weights,
        weights_backbone,
        progress,
        trainable_backbone_layers,
        returned_layers=[2, 3, 4],
        extra_blocks=lambda: LastLevelP6P7(256, 256),
    )
    return FCOS(backbone, num_classes, **kwargs)


FCOS_ResNet50_FPN_Weights = published("FCOS_ResNet50_FPN_Weights", __name__)
fcos_resnet50_fpn = OnBackbone(__name__, PARAMETERS, 91)(
    "fcos_resnet50_fpn",
    FCOS_ResNet50_FPN_Weights,
    ResNet50_Weights,
    _fcos,
    FCOS_ResNet50_FPN_Weights.COCO_V1,
)
