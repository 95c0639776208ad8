"""The steps of all R-CNNs."""

from __future__ import annotations

from jtorch import nn
from jtorch.vision.models.detection._utils import check_sizes, check_targets, named_features, original_sizes


class GeneralizedRCNN(nn.Module):
    """Proposes regions, and classifies and refines them.

    Args:
        backbone: gives the features.
        rpn: gives the proposals.
        roi_heads: gives the detections.
        transform: see `GeneralizedRCNNTransform`.

    Its call takes a list of images (C, H, W) with values from 0 to 1 and, in training, a list of targets: dicts with "boxes"
    (N, 4) as corners and "labels" (N,). In training it returns a dict of losses, else a list of dicts with "boxes",
    "labels" and "scores".

    Raises:
        AssertionError: targets that are missing, or have another shape, or boxes without width or height.
    """

    def __init__(self, backbone, rpn, roi_heads, transform):
        super().__init__()
        self.transform = transform
        self.backbone = backbone
        self.rpn = rpn
        self.roi_heads = roi_heads

    def forward(self, images, targets=None):
        if self.training:
            check_targets(targets)
        sizes = original_sizes(images)
        images, targets = self.transform(images, targets)
        check_sizes(targets)
        features = named_features(self.backbone(images.tensors))
        proposals, proposal_losses = self.rpn(images, features, targets)
        detections, losses = self.roi_heads(features, proposals, images.image_sizes, targets)
        if self.training:
            return {**losses, **proposal_losses}
        return self.transform.postprocess(detections, images.image_sizes, sizes)
