"""What the detection models share: encoding of boxes, matching and sampling of anchors, losses, checks of targets."""

from __future__ import annotations

import math
from collections import OrderedDict

from jtorch.core.facts import dtypes
from jtorch.core.grad import no_grad
from jtorch.core.methods import _assert
from jtorch.core.ops.functional import l1_loss, smooth_l1_loss
from jtorch.core.ops.functions import arange, cat, stack, where, zeros_like
from jtorch.core.ops.make.create import zeros
from jtorch.core.ops.make.random import randperm
from jtorch.core.tensor import Tensor, as_tensor
from jtorch.vision.ops.boxes import batched_nms
from jtorch.vision.ops.ciou_loss import complete_box_iou_loss
from jtorch.vision.ops.diou_loss import distance_box_iou_loss
from jtorch.vision.ops.giou_loss import generalized_box_iou_loss
from jtorch.vision.ops.misc import FrozenBatchNorm2d


class BalancedPositiveNegativeSampler:
    """Draws positive elements up to a share of the batch, and negative ones for the rest.

    Args:
        batch_size_per_image: elements to draw for each image.
        positive_fraction: at most this share of them is positive.

    Its call takes labels of each image (1 or more: positive, 0: negative, less: neither). It returns two lists of
    masks.
    """

    def __init__(self, batch_size_per_image, positive_fraction):
        self.batch_size_per_image = batch_size_per_image
        self.positive_fraction = positive_fraction

    def __call__(self, matched_idxs):
        masks = [], []
        for labels in matched_idxs:
            positive, negative = where(labels >= 1)[0], where(labels == 0)[0]
            count = min(positive.numel(), int(self.batch_size_per_image * self.positive_fraction))
            counts = count, min(negative.numel(), self.batch_size_per_image - count)
            for members, count, found in zip((positive, negative), counts, masks, strict=True):
                chosen = members[randperm(members.numel(), device=members.device)[:count]]
                mask = zeros_like(labels, dtype=dtypes.uint8)
                mask[chosen] = 1
                found.append(mask)
        return masks


def _centres_and_sizes(boxes):
    """The centres and sizes of boxes (N, 4) as corners: four columns."""
    width, height = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
    return boxes[:, 0] + 0.5 * width, boxes[:, 1] + 0.5 * height, width, height


def encode_boxes(reference_boxes, proposals, weights):
    """Boxes relative to proposals: the centre's shift in units of the size, and the log of the ratio of the sizes."""
    x, y, width, height = _centres_and_sizes(proposals)
    goal_x, goal_y, goal_width, goal_height = _centres_and_sizes(reference_boxes)
    return stack(
        (
            weights[0] * (goal_x - x) / width,
            weights[1] * (goal_y - y) / height,
            weights[2] * (goal_width / width).log(),
            weights[3] * (goal_height / height).log(),
        ),
        dim=1,
    )


_LARGEST_GROWTH = math.log(1000.0 / 16)


class BoxCoder:
    """Encodes boxes relative to proposals: see :func:`encode_boxes`.

    Args:
        weights: factors for the four numbers of an encoding.
        bbox_xform_clip: larger logarithms of the ratio of sizes are clipped to this.
    """

    def __init__(self, weights, bbox_xform_clip=_LARGEST_GROWTH):
        self.weights = weights
        self.bbox_xform_clip = bbox_xform_clip

    def encode(self, reference_boxes, proposals):
        """The encodings of lists with the boxes (L, 4) of each image."""
        counts = [len(boxes) for boxes in reference_boxes]
        return self.encode_single(cat(reference_boxes, dim=0), cat(proposals, dim=0)).split(counts, 0)

    def encode_single(self, reference_boxes, proposals):
        """The encodings of boxes (N, 4)."""
        weights = as_tensor(self.weights, dtype=reference_boxes.dtype, device=reference_boxes.device)
        return encode_boxes(reference_boxes, proposals, weights)

    def decode(self, rel_codes, boxes):
        """The boxes (N, classes, 4) of encodings (N, 4 · classes) relative to a list with the boxes of each image."""
        _assert(isinstance(boxes, list | tuple), "This function expects boxes of type list or tuple.")
        _assert(isinstance(rel_codes, Tensor), "This function expects rel_codes of type torch.Tensor.")
        count = sum(each.size(0) for each in boxes)
        codes = rel_codes.reshape(count, -1) if count > 0 else rel_codes
        decoded = self.decode_single(codes, cat(boxes, dim=0))
        return decoded.reshape(count, -1, 4) if count > 0 else decoded

    def decode_single(self, rel_codes, boxes):
        """The boxes (N, 4 · classes) of encodings relative to boxes (N, 4)."""
        x, y, width, height = (each[:, None] for each in _centres_and_sizes(boxes.to(rel_codes.dtype)))
        dx, dy, dw, dh = (rel_codes[:, i::4] / weight for i, weight in enumerate(self.weights))
        x, y = dx * width + x, dy * height + y
        half_width = 0.5 * (dw.clamp(max=self.bbox_xform_clip).exp() * width)
        half_height = 0.5 * (dh.clamp(max=self.bbox_xform_clip).exp() * height)
        corners = x - half_width, y - half_height, x + half_width, y + half_height
        return stack(corners, dim=2).flatten(1)


class BoxLinearCoder:
    """Encodes boxes as the distances of their edges from an anchor's centre; normalized: in units of its size."""

    def __init__(self, normalize_by_size=True):
        self.normalize_by_size = normalize_by_size

    def encode(self, reference_boxes, proposals):
        """The distances of the edges of `proposals` from the centres of `reference_boxes`, both (..., 4)."""
        centres = 0.5 * (reference_boxes[..., :2] + reference_boxes[..., 2:])
        codes = cat((centres - proposals[..., :2], proposals[..., 2:] - centres), dim=-1)
        return codes / self._sizes(reference_boxes) if self.normalize_by_size else codes

    def decode(self, rel_codes, boxes):
        """The boxes (..., 4) whose edges have these distances from the centres of `boxes`."""
        boxes = boxes.to(dtype=rel_codes.dtype)
        centres = 0.5 * (boxes[..., :2] + boxes[..., 2:])
        codes = rel_codes * self._sizes(boxes) if self.normalize_by_size else rel_codes
        return cat((centres - codes[..., :2], centres + codes[..., 2:]), dim=-1)

    @staticmethod
    def _sizes(boxes):
        sizes = boxes[..., 2:] - boxes[..., :2]
        return cat((sizes, sizes), dim=-1)


class Matcher:
    """Assigns to each prediction the target box with which it overlaps most.

    Args:
        high_threshold: an overlap of at least this is a match.
        low_threshold: an overlap below this is no match. Between the two a prediction is ignored.
        allow_low_quality_matches: the best predictions for each box count as matches, however low their overlap.

    Its call takes the overlaps (boxes, predictions). It returns the number of the box for each prediction, or
    BELOW_LOW_THRESHOLD or BETWEEN_THRESHOLDS.
    """

    BELOW_LOW_THRESHOLD = -1
    BETWEEN_THRESHOLDS = -2

    def __init__(self, high_threshold, low_threshold, allow_low_quality_matches=False):
        _assert(low_threshold <= high_threshold, "low_threshold should be <= high_threshold")
        self.high_threshold = high_threshold
        self.low_threshold = low_threshold
        self.allow_low_quality_matches = allow_low_quality_matches

    def __call__(self, match_quality_matrix):
        if match_quality_matrix.numel() == 0:
            missing = "ground-truth" if match_quality_matrix.shape[0] == 0 else "proposal"
            raise ValueError(f"No {missing} boxes available for one of the images during training")
        overlaps, best = match_quality_matrix.max(dim=0)
        matches = where(overlaps < self.high_threshold, self.BETWEEN_THRESHOLDS, best)
        matches = where(overlaps < self.low_threshold, self.BELOW_LOW_THRESHOLD, matches)
        if self.allow_low_quality_matches:
            highest = match_quality_matrix.max(dim=1)[0]
            matches = where((match_quality_matrix == highest[:, None]).any(0), best, matches)
        return matches


class SSDMatcher(Matcher):
    """A matcher with one threshold. The best prediction for each box also matches."""

    def __init__(self, threshold):
        super().__init__(threshold, threshold, allow_low_quality_matches=False)

    def __call__(self, match_quality_matrix):
        matches = super().__call__(match_quality_matrix)
        best = match_quality_matrix.max(dim=1)[1]
        matches[best] = arange(best.size(0), dtype=dtypes.int64, device=best.device)
        return matches


def overwrite_eps(model, eps):
    """Set the eps of all frozen batch normalisations: older weights were trained with eps 0."""
    for module in model.modules():
        if isinstance(module, FrozenBatchNorm2d):
            module.eps = eps


def retrieve_out_channels(model, size):
    """The channels of the features that a backbone gives for an image of this size (width, height)."""
    training = model.training
    model.eval()
    with no_grad():
        features = model(zeros((1, 3, size[1], size[0]), device=next(model.parameters()).device))
    model.train(training)
    return [each.size(1) for each in named_features(features).values()]


def named_features(features):
    """A backbone's features as a dict: a single tensor is "0"."""
    return OrderedDict([("0", features)]) if isinstance(features, Tensor) else features


def box_loss(kind, box_coder, anchors, boxes, codes):
    """The sum of the losses of predicted encodings, given the anchors and their true boxes.

    Args:
        kind: "l1", "smooth_l1", "ciou", "diou" or "giou".
    """
    _assert(kind in ("l1", "smooth_l1", "ciou", "diou", "giou"), f"Unsupported loss: {kind}")
    if kind in ("l1", "smooth_l1"):
        loss = {"l1": l1_loss, "smooth_l1": smooth_l1_loss}[kind]
        return loss(codes, box_coder.encode_single(boxes, anchors), reduction="sum")
    losses = {"ciou": complete_box_iou_loss, "diou": distance_box_iou_loss, "giou": generalized_box_iou_loss}
    return losses[kind](box_coder.decode_single(codes, anchors), boxes, reduction="sum", eps=1e-7)


def by_anchor(predictions, columns):
    """Predictions (N, anchors · columns, H, W) as (N, H · W · anchors, columns)."""
    count, _, height, width = predictions.shape
    apart = predictions.view(count, -1, columns, height, width)
    return apart.permute(0, 3, 4, 1, 2).reshape(count, -1, columns)


def best_of_category(boxes, scores, labels, nms_thresh, count):
    """At most `count` boxes after suppression within each category, as a dict."""
    keep = batched_nms(boxes, scores, labels, nms_thresh)[:count]
    return {"boxes": boxes[keep], "scores": scores[keep], "labels": labels[keep]}


# ---- checks


def original_sizes(images):
    """(height, width) of each image."""
    sizes = []
    for image in images:
        size = tuple(image.shape[-2:])
        _assert(
            len(size) == 2,
            f"expecting the last two dimensions of the Tensor to be H and W instead got {image.shape[-2:]}",
        )
        sizes.append(size)
    return sizes


def check_targets(targets):
    """Raises AssertionError unless there are targets with boxes (N, 4)."""
    _assert(targets is not None, "targets should not be none when in training mode")
    for target in targets:
        boxes = target["boxes"]
        _assert(isinstance(boxes, Tensor), f"Expected target boxes to be of type Tensor, got {type(boxes)}.")
        _assert(
            len(boxes.shape) == 2 and boxes.shape[-1] == 4,
            f"Expected target boxes to be a tensor of shape [N, 4], got {boxes.shape}.",
        )


def check_sizes(targets):
    """Raises AssertionError if a box of the targets has no width or no height."""
    for i, target in enumerate(targets or ()):
        boxes = target["boxes"].detach().cpu().numpy()
        flat = (boxes[:, 2:] <= boxes[:, :2]).any(axis=1)
        _assert(
            not flat.any(),
            "All bounding boxes should have positive height and width."
            f" Found invalid box {boxes[flat][:1].ravel().tolist()} for target at index {i}.",
        )
