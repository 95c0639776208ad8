"""The second half of R-CNNs: classes, boxes, masks and keypoints of the proposed regions."""

from __future__ import annotations

from jtorch import nn
from jtorch.core.facts import dtypes
from jtorch.core.ops.functional import binary_cross_entropy_with_logits, cross_entropy, smooth_l1_loss, softmax
from jtorch.core.ops.functions import arange, cat, where
from jtorch.core.ops.make.create import zeros
from jtorch.vision.models.detection import keypoints as kp
from jtorch.vision.models.detection._utils import BalancedPositiveNegativeSampler, BoxCoder, Matcher, best_of_category
from jtorch.vision.ops.boxes import box_iou, clip_boxes_to_image, remove_small_boxes
from jtorch.vision.ops.roi_align import roi_align


def fastrcnn_loss(class_logits, box_regression, labels, regression_targets):
    """The losses of the classes, and of the boxes of objects.

    Args:
        class_logits: (N, classes).
        box_regression: encodings (N, 4 · classes).
        labels, regression_targets: lists of the true ones of each image.
    """
    labels, goals = cat(labels, dim=0), cat(regression_targets, dim=0)
    objects = where(labels > 0)[0]
    codes = box_regression.reshape(class_logits.shape[0], -1, 4)[objects, labels[objects]]
    box_loss = smooth_l1_loss(codes, goals[objects], beta=1 / 9, reduction="sum")
    return cross_entropy(class_logits, labels), box_loss / labels.numel()


def maskrcnn_inference(x, labels):
    """The probabilities (L, 1, H, W) of the masks of each image, of the detected classes."""
    counts = [label.shape[0] for label in labels]
    chosen = cat(labels)
    return x.sigmoid()[arange(x.shape[0], device=chosen.device), chosen][:, None].split(counts, dim=0)


def project_masks_on_boxes(gt_masks, boxes, matched_idxs, M):
    """The parts of masks (G, H, W) inside boxes (N, 4), resized to (N, M, M)."""
    rois = cat([matched_idxs.to(boxes)[:, None], boxes], dim=1)
    return roi_align(gt_masks[:, None].to(rois), rois, (M, M), 1.0)[:, 0]


def maskrcnn_loss(mask_logits, proposals, gt_masks, gt_labels, mask_matched_idxs):
    """The loss of masks (N, classes, M, M), at the true classes."""
    size = mask_logits.shape[-1]
    pairs = list(zip(gt_masks, proposals, gt_labels, mask_matched_idxs, strict=True))
    labels = cat([label[matched] for _, _, label, matched in pairs], dim=0)
    goals = cat([project_masks_on_boxes(mask, boxes, matched, size) for mask, boxes, _, matched in pairs], dim=0)
    if goals.numel() == 0:
        return mask_logits.sum() * 0
    chosen = mask_logits[arange(labels.shape[0], device=labels.device), labels]
    return binary_cross_entropy_with_logits(chosen, goals)


class RoIHeads(nn.Module):
    """Classifies and refines proposals, and finds masks and keypoints in them.

    Args:
        box_roi_pool, box_head, box_predictor: compute the features of the regions, transform them, and predict classes
            and encodings.
        fg_iou_thresh, bg_iou_thresh: a proposal with at least the first overlap is an object, below the second it is
            background.
        batch_size_per_image, positive_fraction: of the sample of proposals for the losses.
        bbox_reg_weights: factors for the encodings; None: (10, 10, 5, 5).
        score_thresh, nms_thresh, detections_per_img: which detections are kept.
        mask_roi_pool, mask_head, mask_predictor: the same for masks; None: there are none.
        keypoint_roi_pool, keypoint_head, keypoint_predictor: the same for keypoints.
    """

    def __init__(
        self,
        box_roi_pool,
        box_head,
        box_predictor,
        fg_iou_thresh,
        bg_iou_thresh,
        batch_size_per_image,
        positive_fraction,
        bbox_reg_weights,
        score_thresh,
        nms_thresh,
        detections_per_img,
        mask_roi_pool=None,
        mask_head=None,
        mask_predictor=None,
        keypoint_roi_pool=None,
        keypoint_head=None,
        keypoint_predictor=None,
    ):
        super().__init__()
        self.box_similarity = box_iou
        self.proposal_matcher = Matcher(fg_iou_thresh, bg_iou_thresh, allow_low_quality_matches=False)
        self.fg_bg_sampler = BalancedPositiveNegativeSampler(batch_size_per_image, positive_fraction)
        self.box_coder = BoxCoder((10.0, 10.0, 5.0, 5.0) if bbox_reg_weights is None else bbox_reg_weights)
        self.box_roi_pool = box_roi_pool
        self.box_head = box_head
        self.box_predictor = box_predictor
        self.score_thresh = score_thresh
        self.nms_thresh = nms_thresh
        self.detections_per_img = detections_per_img
        self.mask_roi_pool = mask_roi_pool
        self.mask_head = mask_head
        self.mask_predictor = mask_predictor
        self.keypoint_roi_pool = keypoint_roi_pool
        self.keypoint_head = keypoint_head
        self.keypoint_predictor = keypoint_predictor

    def has_mask(self):
        """Whether it finds masks."""
        return None not in (self.mask_roi_pool, self.mask_head, self.mask_predictor)

    def has_keypoint(self):
        """Whether it finds keypoints."""
        return None not in (self.keypoint_roi_pool, self.keypoint_head, self.keypoint_predictor)

    def assign_targets_to_proposals(self, proposals, gt_boxes, gt_labels):
        """For each image: the number of a box and a label (-1: ignored) for each proposal."""
        matched_idxs, labels = [], []
        for of_image, boxes, names in zip(proposals, gt_boxes, gt_labels, strict=True):
            if boxes.numel() == 0:
                nothing = zeros(of_image.shape[:1], dtype=dtypes.int64, device=of_image.device)
                matched_idxs.append(nothing)
                labels.append(nothing.clone())
                continue
            matches = self.proposal_matcher(self.box_similarity(boxes, of_image))
            matched_idxs.append(matches.clamp(min=0))
            found = where(matches == Matcher.BELOW_LOW_THRESHOLD, 0, names[matched_idxs[-1]].to(dtype=dtypes.int64))
            labels.append(where(matches == Matcher.BETWEEN_THRESHOLDS, -1, found))
        return matched_idxs, labels

    def check_targets(self, targets):
        """Raises ValueError if something is missing in the targets."""
        if targets is None:
            raise ValueError("targets should not be None")
        for key in ("boxes", "labels", *(["masks"] if self.has_mask() else [])):
            if not all(key in target for target in targets):
                raise ValueError(f"Every element of targets should have a {key} key")

    def select_training_samples(self, proposals, targets):
        """A sample of the proposals and the true boxes: with box numbers, labels and encodings."""
        self.check_targets(targets)
        boxes = [target["boxes"].to(proposals[0].dtype) for target in targets]
        proposals = [cat(pair) for pair in zip(proposals, boxes, strict=True)]
        matched_idxs, labels = self.assign_targets_to_proposals(
            proposals, boxes, [target["labels"] for target in targets]
        )
        goals = []
        masks = self.fg_bg_sampler(labels)
        for i, (positive, negative) in enumerate(zip(*masks, strict=True)):
            sampled = where(positive | negative)[0]
            proposals[i], labels[i], matched_idxs[i] = (each[i][sampled] for each in (proposals, labels, matched_idxs))
            known = boxes[i] if boxes[i].numel() else zeros((1, 4), dtype=boxes[i].dtype, device=boxes[i].device)
            goals.append(known[matched_idxs[i]])
        return proposals, matched_idxs, labels, self.box_coder.encode(goals, proposals)

    def postprocess_detections(self, class_logits, box_regression, proposals, image_shapes):
        """The detections of each image: a dict of boxes, scores and labels."""
        counts = [each.shape[0] for each in proposals]
        boxes = self.box_coder.decode(box_regression, proposals).split(counts, 0)
        scores = softmax(class_logits, -1).split(counts, 0)
        found = []
        for box, score, size in zip(boxes, scores, image_shapes, strict=True):
            box = clip_boxes_to_image(box, size)[:, 1:].reshape(-1, 4)  # 0 is background
            label = arange(class_logits.shape[-1], device=score.device).view(1, -1).expand_as(score)[:, 1:].reshape(-1)
            score = score[:, 1:].reshape(-1)
            keep = where(score > self.score_thresh)[0]
            box, score, label = box[keep], score[keep], label[keep]
            keep = remove_small_boxes(box, min_size=1e-2)
            found.append(
                best_of_category(box[keep], score[keep], label[keep], self.nms_thresh, self.detections_per_img)
            )
        return found

    def forward(self, features, proposals, image_shapes, targets=None):
        """Detections, and in training losses instead: (list of dicts, dict)."""
        for target in targets or ():
            self._check_types(target)
        samples = None
        if self.training:
            proposals, *samples = self.select_training_samples(proposals, targets)
        x = self.box_head(self.box_roi_pool(features, proposals, image_shapes))
        class_logits, box_regression = self.box_predictor(x)
        result, losses = [], {}
        if self.training:
            _, labels, goals = samples
            classifier, regression = fastrcnn_loss(class_logits, box_regression, labels, goals)
            losses = {"loss_classifier": classifier, "loss_box_reg": regression}
        else:
            result = self.postprocess_detections(class_logits, box_regression, proposals, image_shapes)
        if self.has_mask():
            self._find_masks(features, proposals, image_shapes, targets, samples, result, losses)
        if self.has_keypoint():
            self._find_keypoints(features, proposals, image_shapes, targets, samples, result, losses)
        return result, losses

    def _check_types(self, target):
        floats = (dtypes.float32, dtypes.float64, dtypes.float16)
        if target["boxes"].dtype not in floats:
            raise TypeError(f"target boxes must of float type, instead got {target['boxes'].dtype}")
        if target["labels"].dtype != dtypes.int64:
            raise TypeError(f"target labels must of int64 type, instead got {target['labels'].dtype}")
        if self.has_keypoint() and target["keypoints"].dtype != dtypes.float32:
            raise TypeError(f"target keypoints must of float type, instead got {target['keypoints'].dtype}")

    def _objects(self, proposals, samples):
        """The proposals of each image that are objects, and the numbers of their boxes."""
        matched_idxs, labels, _ = samples
        chosen = [where(label > 0)[0] for label in labels]
        return tuple([each[i] for each, i in zip(some, chosen, strict=True)] for some in (proposals, matched_idxs))

    def _find_masks(self, features, proposals, image_shapes, targets, samples, result, losses):
        if self.training:
            boxes, matched = self._objects(proposals, samples)
        else:
            boxes = [each["boxes"] for each in result]
        x = self.mask_head(self.mask_roi_pool(features, boxes, image_shapes))
        logits = self.mask_predictor(x)
        if self.training:
            masks, labels = ([target[key] for target in targets] for key in ("masks", "labels"))
            losses["loss_mask"] = maskrcnn_loss(logits, boxes, masks, labels, matched)
            return
        for masks, each in zip(maskrcnn_inference(logits, [r["labels"] for r in result]), result, strict=True):
            each["masks"] = masks

    def _find_keypoints(self, features, proposals, image_shapes, targets, samples, result, losses):
        if self.training:
            boxes, matched = self._objects(proposals, samples)
        else:
            boxes = [each["boxes"] for each in result]
        x = self.keypoint_head(self.keypoint_roi_pool(features, boxes, image_shapes))
        logits = self.keypoint_predictor(x)
        if self.training:
            points = [target["keypoints"] for target in targets]
            losses["loss_keypoint"] = kp.keypointrcnn_loss(logits, boxes, points, matched)
            return
        for places, scores, each in zip(*kp.keypointrcnn_inference(logits, boxes), result, strict=True):
            each["keypoints"], each["keypoints_scores"] = places, scores
