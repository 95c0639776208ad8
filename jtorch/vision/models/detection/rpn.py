"""The region proposal network (Ren and others, 2015)."""

from __future__ import annotations

from jtorch import nn
from jtorch.core.facts import dtypes
from jtorch.core.ops.functional import binary_cross_entropy_with_logits, smooth_l1_loss
from jtorch.core.ops.functions import arange, cat, full, where
from jtorch.core.ops.make.create import zeros
from jtorch.vision.models.detection._utils import BalancedPositiveNegativeSampler, BoxCoder, Matcher, by_anchor
from jtorch.vision.models.detection.anchor_utils import (
    AnchorGenerator as AnchorGenerator,
)  # tutorials import it from here
from jtorch.vision.ops.boxes import batched_nms, box_iou, clip_boxes_to_image, remove_small_boxes
from jtorch.vision.ops.misc import Conv2dNormActivation


class RPNHead(nn.Module):
    """Predicts for each anchor whether it holds an object, and the box of the object.

    Args:
        in_channels: of the features.
        num_anchors: anchors of a cell.
        conv_depth: how many 3x3 convolutions come first.
    """

    _version = 2  # in version 1 the convolution was `conv`

    def __init__(self, in_channels, num_anchors, conv_depth=1):
        super().__init__()
        self.conv = nn.Sequential(
            *[Conv2dNormActivation(in_channels, in_channels, kernel_size=3, norm_layer=None) for _ in range(conv_depth)]
        )
        self.cls_logits = nn.Conv2d(in_channels, num_anchors, kernel_size=1, stride=1)
        self.bbox_pred = nn.Conv2d(in_channels, num_anchors * 4, kernel_size=1, stride=1)
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d):
                nn.init.normal_(layer.weight, std=0.01)
                nn.init.zeros_(layer.bias)

    def _load_from_state_dict(self, state_dict, prefix, local_metadata, *rest):
        if (local_metadata.get("version") or 1) < 2:
            for kind in ("weight", "bias"):
                if f"{prefix}conv.{kind}" in state_dict:
                    state_dict[f"{prefix}conv.0.0.{kind}"] = state_dict.pop(f"{prefix}conv.{kind}")
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *rest)

    def forward(self, x):
        hidden = [self.conv(each) for each in x]
        pairs = [(self.cls_logits(each), self.bbox_pred(each)) for each in hidden]
        return [logits for logits, _ in pairs], [codes for _, codes in pairs]


def concat_box_prediction_layers(box_cls, box_regression):
    """The predictions of all features and images in one row: (N · A, C) and (N · A, 4)."""
    classes, codes = [], []
    for logits, regression in zip(box_cls, box_regression, strict=True):
        anchors = regression.shape[1] // 4
        classes.append(by_anchor(logits, logits.shape[1] // anchors))
        codes.append(by_anchor(regression, 4))
    return cat(classes, dim=1).flatten(0, -2), cat(codes, dim=1).reshape(-1, 4)


class RegionProposalNetwork(nn.Module):
    """Proposes regions.

    Args:
        anchor_generator: gives the anchors.
        head: see `RPNHead`.
        fg_iou_thresh, bg_iou_thresh: an anchor with at least the first overlap holds an object, below the second it
            holds none.
        batch_size_per_image, positive_fraction: of the sample of anchors for the losses.
        pre_nms_top_n, post_nms_top_n: how many proposals are kept before and after suppression: dicts with "training"
            and "testing".
        nms_thresh: the overlap above which a proposal is suppressed.
        score_thresh: proposals with a lower score are left out.

    Its call returns a list with the proposals (L, 4) of each image, and in training a dict of losses.
    """

    def __init__(
        self,
        anchor_generator,
        head,
        fg_iou_thresh,
        bg_iou_thresh,
        batch_size_per_image,
        positive_fraction,
        pre_nms_top_n,
        post_nms_top_n,
        nms_thresh,
        score_thresh=0.0,
    ):
        super().__init__()
        self.anchor_generator = anchor_generator
        self.head = head
        self.box_coder = BoxCoder(weights=(1.0, 1.0, 1.0, 1.0))
        self.box_similarity = box_iou
        self.proposal_matcher = Matcher(fg_iou_thresh, bg_iou_thresh, allow_low_quality_matches=True)
        self.fg_bg_sampler = BalancedPositiveNegativeSampler(batch_size_per_image, positive_fraction)
        self._pre_nms_top_n = pre_nms_top_n
        self._post_nms_top_n = post_nms_top_n
        self.nms_thresh = nms_thresh
        self.score_thresh = score_thresh
        self.min_size = 1e-3

    def pre_nms_top_n(self):
        """How many proposals of each of the features are kept before suppression."""
        return self._pre_nms_top_n["training" if self.training else "testing"]

    def post_nms_top_n(self):
        """How many proposals of an image are kept after suppression."""
        return self._post_nms_top_n["training" if self.training else "testing"]

    def assign_targets_to_anchors(self, anchors, targets):
        """For each image: 1, 0 or -1 (holds an object, none, or neither) and a box for each anchor."""
        labels, boxes = [], []
        for of_image, target in zip(anchors, targets, strict=True):
            goals = target["boxes"]
            if goals.numel() == 0:
                boxes.append(zeros(of_image.shape, dtype=dtypes.float32, device=of_image.device))
                labels.append(zeros(of_image.shape[:1], dtype=dtypes.float32, device=of_image.device))
                continue
            matches = self.proposal_matcher(self.box_similarity(goals, of_image))
            boxes.append(goals[matches.clamp(min=0)])
            found = (matches >= 0).to(dtypes.float32)
            labels.append(where(matches == Matcher.BETWEEN_THRESHOLDS, -1.0, found))
        return labels, boxes

    def filter_proposals(self, proposals, objectness, image_shapes, num_anchors_per_level):
        """The best proposals of each image, and their scores."""
        count, device = proposals.shape[0], proposals.device
        objectness = objectness.detach().reshape(count, -1)
        numbers = [full((n,), i, dtype=dtypes.int64, device=device) for i, n in enumerate(num_anchors_per_level)]
        levels = cat(numbers, 0).reshape(1, -1).expand_as(objectness)
        best, start = [], 0
        for scores in objectness.split(num_anchors_per_level, 1):
            best.append(scores.topk(min(self.pre_nms_top_n(), scores.size(1)), dim=1)[1] + start)
            start += scores.shape[1]
        chosen = (arange(count, device=device)[:, None], cat(best, dim=1))
        scores, levels, proposals = objectness[chosen].sigmoid(), levels[chosen], proposals[chosen]
        final = [], []
        for boxes, score, level, size in zip(proposals, scores, levels, image_shapes, strict=True):
            boxes = clip_boxes_to_image(boxes, size)
            keep = remove_small_boxes(boxes, self.min_size)
            boxes, score, level = boxes[keep], score[keep], level[keep]
            keep = where(score >= self.score_thresh)[0]
            boxes, score, level = boxes[keep], score[keep], level[keep]
            keep = batched_nms(boxes, score, level, self.nms_thresh)[: self.post_nms_top_n()]
            final[0].append(boxes[keep])
            final[1].append(score[keep])
        return final

    def compute_loss(self, objectness, pred_bbox_deltas, labels, regression_targets):
        """The losses of a sample of the anchors: of the objectness, and of the boxes of anchors that hold an object."""
        positive, negative = (where(cat(masks, dim=0))[0] for masks in self.fg_bg_sampler(labels))
        sampled = cat([positive, negative], dim=0)
        labels, goals = cat(labels, dim=0), cat(regression_targets, dim=0)
        box_loss = smooth_l1_loss(pred_bbox_deltas[positive], goals[positive], beta=1 / 9, reduction="sum")
        loss = binary_cross_entropy_with_logits(objectness.flatten()[sampled], labels[sampled])
        return loss, box_loss / sampled.numel()

    def forward(self, images, features, targets=None):
        objectness, codes = self.head(list(features.values()))
        anchors = self.anchor_generator(images, list(features.values()))
        counts = [each[0].numel() for each in objectness]
        objectness, codes = concat_box_prediction_layers(objectness, codes)
        proposals = self.box_coder.decode(codes.detach(), anchors).view(len(anchors), -1, 4)
        boxes, _ = self.filter_proposals(proposals, objectness, images.image_sizes, counts)
        if not self.training:
            return boxes, {}
        if targets is None:
            raise ValueError("targets should not be None")
        labels, goals = self.assign_targets_to_anchors(anchors, targets)
        losses = self.compute_loss(objectness, codes, labels, self.box_coder.encode(goals, anchors))
        return boxes, {"loss_objectness": losses[0], "loss_rpn_box_reg": losses[1]}
