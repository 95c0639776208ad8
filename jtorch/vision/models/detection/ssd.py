"""SSD (Liu and others, 2015): anchors of many sizes on features of many sizes."""

from __future__ import annotations

import warnings
from collections import OrderedDict

from jtorch import nn
from jtorch.core.facts import dtypes
from jtorch.core.methods import _assert
from jtorch.core.ops.functional import cross_entropy, normalize, smooth_l1_loss, softmax
from jtorch.core.ops.functions import cat, full_like, stack, where
from jtorch.core.ops.make.create import ones
from jtorch.vision.models._published import published
from jtorch.vision.models._utils import OnBackbone
from jtorch.vision.models.detection._utils import (
    BoxCoder,
    SSDMatcher,
    best_of_category,
    by_anchor,
    retrieve_out_channels,
)
from jtorch.vision.models.detection.anchor_utils import DefaultBoxGenerator
from jtorch.vision.models.detection.backbone_utils import freeze_before, trainable
from jtorch.vision.models.detection.faster_rcnn import PARAMETERS, transform_of
from jtorch.vision.models.detection.single_stage import SingleStage, matched_by_overlap
from jtorch.vision.models.vgg import VGG16_Weights, vgg16
from jtorch.vision.ops.boxes import clip_boxes_to_image

__all__ = ["SSD300_VGG16_Weights", "ssd300_vgg16"]


def _xavier(model):
    for layer in model.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)


class SSDScoringHead(nn.Module):
    """A module for each of the features, whose outputs are (N, A, num_columns)."""

    def __init__(self, module_list, num_columns):
        super().__init__()
        self.module_list = module_list
        self.num_columns = num_columns

    def forward(self, x):
        pairs = zip(self.module_list, x, strict=False)
        return cat([by_anchor(module(features), self.num_columns) for module, features in pairs], dim=1)


def _of_each(in_channels, num_anchors, columns):
    layers = [
        nn.Conv2d(channels, columns * anchors, kernel_size=3, padding=1)
        for channels, anchors in zip(in_channels, num_anchors, strict=True)
    ]
    modules = nn.ModuleList(layers)
    _xavier(modules)
    return modules


class SSDClassificationHead(SSDScoringHead):
    """Logits of the classes."""

    def __init__(self, in_channels, num_anchors, num_classes):
        super().__init__(_of_each(in_channels, num_anchors, num_classes), num_classes)


class SSDRegressionHead(SSDScoringHead):
    """Codes of the boxes."""

    def __init__(self, in_channels, num_anchors):
        super().__init__(_of_each(in_channels, num_anchors, 4), 4)


class SSDHead(nn.Module):
    """Both heads."""

    def __init__(self, in_channels, num_anchors, num_classes):
        super().__init__()
        self.classification_head = SSDClassificationHead(in_channels, num_anchors, num_classes)
        self.regression_head = SSDRegressionHead(in_channels, num_anchors)

    def forward(self, x):
        return {"bbox_regression": self.regression_head(x), "cls_logits": self.classification_head(x)}


class SSD(SingleStage):
    """SSD: see `SingleStage` for what its call takes and gives.

    Args:
        backbone: gives the features.
        anchor_generator: see `DefaultBoxGenerator`.
        size: (width, height) to which all images are resized.
        num_classes: with background, which is class 0.
        image_mean, image_std, kwargs: as for GeneralizedRCNNTransform.
        head: None: that of the paper.
        score_thresh, nms_thresh, detections_per_img, topk_candidates: which detections are kept.
        iou_thresh: an anchor with at least this overlap is an object.
        positive_fraction: at most this share of the anchors in the loss are objects.

    Raises:
        ValueError: the features are not as many as the anchor generator's aspect ratios.
    """

    def __init__(
        self,
        backbone,
        anchor_generator,
        size,
        num_classes,
        image_mean=None,
        image_std=None,
        head=None,
        score_thresh=0.01,
        nms_thresh=0.45,
        detections_per_img=200,
        iou_thresh=0.5,
        topk_candidates=400,
        positive_fraction=0.25,
        **kwargs,
    ):
        super().__init__()
        self.backbone = backbone
        self.anchor_generator = anchor_generator
        self.box_coder = BoxCoder(weights=(10.0, 10.0, 5.0, 5.0))
        if head is None:
            if hasattr(backbone, "out_channels"):
                channels = backbone.out_channels
            else:
                channels = retrieve_out_channels(backbone, size)
            if len(channels) != len(anchor_generator.aspect_ratios):
                raise ValueError(
                    f"The length of the output channels from the backbone ({len(channels)}) do not match the length of the "
                    f"anchor generator aspect ratios ({len(anchor_generator.aspect_ratios)})"
                )
            head = SSDHead(channels, anchor_generator.num_anchors_per_location(), num_classes)
        self.head = head
        self.proposal_matcher = SSDMatcher(iou_thresh)
        self.transform = transform_of(
            min(size), max(size), image_mean, image_std, size_divisible=1, fixed_size=size, **kwargs
        )
        self.score_thresh = score_thresh
        self.nms_thresh = nms_thresh
        self.detections_per_img = detections_per_img
        self.topk_candidates = topk_candidates
        self.neg_to_pos_ratio = (1.0 - positive_fraction) / positive_fraction

    def losses(self, targets, outputs, anchors, counts):
        """See `SingleStage`. Only the background anchors with the largest losses count."""
        matches = matched_by_overlap(self.proposal_matcher, targets, anchors)
        logits = outputs["cls_logits"]
        box_losses, goals, count = [], [], 0
        for target, codes, of_image, matched in zip(targets, outputs["bbox_regression"], anchors, matches, strict=True):
            objects = where(matched >= 0)[0]
            chosen = matched[objects]
            count += chosen.numel()
            code_goals = self.box_coder.encode_single(target["boxes"][chosen], of_image[objects])
            box_losses.append(smooth_l1_loss(codes[objects], code_goals, reduction="sum"))
            labels = target["labels"].new_zeros((codes.size(0),))
            labels[objects] = target["labels"][chosen]
            goals.append(labels)
        goals = stack(goals)
        losses = cross_entropy(logits.view(-1, logits.size(-1)), goals.view(-1), reduction="none").view(goals.size())
        objects = goals > 0
        wanted = self.neg_to_pos_ratio * objects.sum(1, keepdim=True)
        order = losses.detach().masked_fill(objects, -float("inf")).sort(1, descending=True)[1]
        background = order.sort(1)[1] < wanted
        count = max(1, count)
        return {
            "bbox_regression": stack(box_losses).sum() / count,
            "classification": (losses[objects].sum() + losses[background].sum()) / count,
        }

    def detections(self, outputs, anchors, image_sizes, counts):
        """See `SingleStage`."""
        every = softmax(outputs["cls_logits"], dim=-1)
        return [self._best(*each) for each in zip(outputs["bbox_regression"], every, anchors, image_sizes, strict=True)]

    def _best(self, codes, scores, anchors, size):
        """The detections of one image, from the best predictions of each class."""
        every = clip_boxes_to_image(self.box_coder.decode_single(codes, anchors), size)
        boxes, best, labels = [], [], []
        for label in range(1, scores.size(-1)):
            keep = where(scores[:, label] > self.score_thresh)[0]
            values, order = scores[:, label][keep].topk(min(keep.size(0), self.topk_candidates))
            boxes.append(every[keep[order]])
            best.append(values)
            labels.append(full_like(values, fill_value=label, dtype=dtypes.int64))
        found = cat(boxes, dim=0), cat(best, dim=0), cat(labels, dim=0)
        return best_of_category(*found, self.nms_thresh, self.detections_per_img)


def _pair_of(first, middle, last, **options):
    """A 1x1 and a larger convolution."""
    return nn.Sequential(
        nn.Conv2d(first, middle, kernel_size=1),
        nn.ReLU(inplace=True),
        nn.Conv2d(middle, last, **options),
        nn.ReLU(inplace=True),
    )


class SSDFeatureExtractorVGG(nn.Module):
    """Features of a VGG and of more convolutions after it; `highres` adds one for images of 512 pixels."""

    def __init__(self, backbone, highres):
        super().__init__()
        _, _, third, fourth, _ = (i for i, layer in enumerate(backbone) if isinstance(layer, nn.MaxPool2d))
        backbone[third].ceil_mode = True
        self.scale_weight = nn.Parameter(ones(512) * 20)
        self.features = nn.Sequential(*backbone[:fourth])
        halving = {"kernel_size": 3, "padding": 1, "stride": 2}
        extra = nn.ModuleList([
            _pair_of(1024, 256, 512, **halving),
            _pair_of(512, 128, 256, **halving),
            _pair_of(256, 128, 256, kernel_size=3),
            _pair_of(256, 128, 256, kernel_size=3),
        ])  # fmt: skip
        if highres:
            extra.append(_pair_of(256, 128, 256, kernel_size=4))
        _xavier(extra)
        dilated = nn.Sequential(
            nn.MaxPool2d(kernel_size=3, stride=1, padding=1, ceil_mode=False),
            nn.Conv2d(512, 1024, kernel_size=3, padding=6, dilation=6),
            nn.ReLU(inplace=True),
            nn.Conv2d(1024, 1024, kernel_size=1),
            nn.ReLU(inplace=True),
        )
        _xavier(dilated)
        extra.insert(0, nn.Sequential(*backbone[fourth:-1], dilated))
        self.extra = extra

    def forward(self, x):
        x = self.features(x)
        output = [self.scale_weight.view(1, -1, 1, 1) * normalize(x)]
        for block in self.extra:
            x = block(x)
            output.append(x)
        return OrderedDict((str(i), each) for i, each in enumerate(output))


def _vgg_features(layers, trainable_layers):
    pools = [i for i, layer in enumerate(layers) if isinstance(layer, nn.MaxPool2d)]
    positions = [0, *pools[:-1]]
    _assert(
        0 <= trainable_layers <= len(positions),
        f"trainable_layers should be in the range [0, {len(positions)}]. Instead got {trainable_layers}",
    )
    freeze_before(layers, trainable_layers, positions)
    return SSDFeatureExtractorVGG(layers, False)


def warn_of_size(kwargs):
    """Warn if the caller gave a size. The argument stays, and the model raises the error."""
    if "size" in kwargs:
        warnings.warn("The size of the model is already fixed; ignoring the parameter.", stacklevel=4)


def _ssd300(weights, weights_backbone, progress, num_classes, trainable_backbone_layers=None, **kwargs):
    warn_of_size(kwargs)
    trained = weights is not None or weights_backbone is not None
    layers = trainable(trained, trainable_backbone_layers, 5, 4)
    backbone = _vgg_features(vgg16(weights=weights_backbone, progress=progress).features, layers)
    anchors = DefaultBoxGenerator(
        [[2], [2, 3], [2, 3], [2, 3], [2], [2]],
        scales=[0.07, 0.15, 0.33, 0.51, 0.69, 0.87, 1.05],
        steps=[8, 16, 32, 64, 100, 300],
    )
    # The VGG was trained in Caffe, with pixels up to 255.
    defaults = {"image_mean": [0.48235, 0.45882, 0.40784], "image_std": [1.0 / 255.0] * 3}
    return SSD(backbone, anchors, (300, 300), num_classes, **{**defaults, **kwargs})


SSD300_VGG16_Weights = published("SSD300_VGG16_Weights", __name__)
ssd300_vgg16 = OnBackbone(__name__, PARAMETERS, 91)(
    "ssd300_vgg16",
    SSD300_VGG16_Weights,
    VGG16_Weights,
    _ssd300,
    SSD300_VGG16_Weights.COCO_V1,
    backbone_legacy="IMAGENET1K_FEATURES",
)
