"""Detection without proposals: what RetinaNet, FCOS and SSD share."""

from __future__ import annotations

from jtorch import nn
from jtorch.core.facts import dtypes
from jtorch.core.ops.functions import cat, full, where
from jtorch.vision.models.detection._utils import (
    best_of_category,
    check_sizes,
    check_targets,
    named_features,
    original_sizes,
)
from jtorch.vision.models.detection.anchor_utils import AnchorGenerator
from jtorch.vision.models.detection.faster_rcnn import NO_CHANNELS
from jtorch.vision.ops.boxes import box_iou, clip_boxes_to_image


class SingleStage(nn.Module):
    """Predicts classes and boxes of all anchors at once.

    A subclass has `transform`, `backbone`, `anchor_generator` and `head`; `losses(targets, outputs, anchors, counts)` gives a
    dict of losses, and `detections(outputs, anchors, image_sizes, counts)` a list of dicts with "boxes", "scores" and
    "labels". `counts` says how many cells each of the features has.

    Its call has the inputs, results and errors of that of `GeneralizedRCNN`.
    """

    def forward(self, images, targets=None):
        if self.training:
            check_targets(targets)
        sizes = original_sizes(images)
        images, targets = self.transform(images, targets)
        check_sizes(targets)
        features = list(named_features(self.backbone(images.tensors)).values())
        outputs = self.head(features)
        anchors = self.anchor_generator(images, features)
        counts = [each.size(2) * each.size(3) for each in features]
        if self.training:
            return self.losses(targets, outputs, anchors, counts)
        found = self.detections(outputs, anchors, images.image_sizes, counts)
        return self.transform.postprocess(found, images.image_sizes, sizes)


def matched_by_overlap(matcher, targets, anchors):
    """The number of a box for each anchor of each image, by a matcher; -1 where there are none."""
    matches = []
    for target, of_image in zip(targets, anchors, strict=True):
        if target["boxes"].numel() == 0:
            matches.append(full((of_image.size(0),), -1, dtype=dtypes.int64, device=of_image.device))
        else:
            matches.append(matcher(box_iou(target["boxes"], of_image)))
    return matches


def best_of_levels(model, decode, scores, codes, anchors, size):
    """The detections of one image, from the best predictions of each of the features.

    Args:
        model: has score_thresh, topk_candidates, nms_thresh and detections_per_img.
        decode: turns encodings and anchors into boxes.
        scores, codes, anchors: lists of (A, classes), (A, 4) and (A, 4).
        size: (height, width) of the image.
    """
    boxes, best, labels = [], [], []
    for score, code, anchor in zip(scores, codes, anchors, strict=True):
        classes = score.shape[-1]
        score = score.flatten()
        keep = where(score > model.score_thresh)[0]
        values, order = score[keep].topk(min(keep.size(0), model.topk_candidates))
        keep = keep[order]
        at = keep // classes
        boxes.append(clip_boxes_to_image(decode(code[at], anchor[at]), size))
        best.append(values)
        labels.append(keep % classes)
    found = cat(boxes, dim=0), cat(best, dim=0), cat(labels, dim=0)
    return best_of_category(*found, model.nms_thresh, model.detections_per_img)


def check_anchors(backbone, anchor_generator, text):
    """Raises ValueError for a backbone without out_channels, TypeError with this text for another kind of anchors."""
    if not hasattr(backbone, "out_channels"):
        raise ValueError(NO_CHANNELS)
    if not isinstance(anchor_generator, AnchorGenerator | None):
        raise TypeError(f"{text} {type(anchor_generator)}")
