"""Faster R-CNN (Ren and others, 2015), with feature pyramids."""

from __future__ import annotations

from jtorch import nn
from jtorch.core.methods import _assert
from jtorch.core.ops.functional import relu
from jtorch.vision.models._published import published
from jtorch.vision.models._utils import OnBackbone, fan_out
from jtorch.vision.models.detection._utils import overwrite_eps
from jtorch.vision.models.detection.anchor_utils import AnchorGenerator
from jtorch.vision.models.detection.backbone_utils import mobilenet_pyramid, resnet_pyramid, trainable
from jtorch.vision.models.detection.generalized_rcnn import GeneralizedRCNN
from jtorch.vision.models.detection.roi_heads import RoIHeads
from jtorch.vision.models.detection.rpn import RegionProposalNetwork, RPNHead
from jtorch.vision.models.detection.transform import GeneralizedRCNNTransform
from jtorch.vision.models.mobilenetv3 import MobileNet_V3_Large_Weights, mobilenet_v3_large
from jtorch.vision.models.resnet import ResNet50_Weights, resnet50
from jtorch.vision.ops.misc import Conv2dNormActivation, FrozenBatchNorm2d
from jtorch.vision.ops.poolers import MultiScaleRoIAlign

__all__ = [
    "FasterRCNN", "FasterRCNN_MobileNet_V3_Large_320_FPN_Weights", "FasterRCNN_MobileNet_V3_Large_FPN_Weights",
    "FasterRCNN_ResNet50_FPN_V2_Weights", "FasterRCNN_ResNet50_FPN_Weights", "fasterrcnn_mobilenet_v3_large_320_fpn",
    "fasterrcnn_mobilenet_v3_large_fpn", "fasterrcnn_resnet50_fpn", "fasterrcnn_resnet50_fpn_v2",
]  # fmt: skip

PARAMETERS = ("weights", "progress", "num_classes", "weights_backbone", "trainable_backbone_layers")
NO_CHANNELS = (
    "backbone should contain an attribute out_channels specifying the number of output channels "
    "(assumed to be the same for all the levels)"
)


def pyramid_anchors():
    """Anchors of one size and three aspect ratios for each of five features."""
    sizes = ((32,), (64,), (128,), (256,), (512,))
    return AnchorGenerator(sizes, ((0.5, 1.0, 2.0),) * len(sizes))


class TwoMLPHead(nn.Module):
    """Two linear layers on the features of regions."""

    def __init__(self, in_channels, representation_size):
        super().__init__()
        self.fc6 = nn.Linear(in_channels, representation_size)
        self.fc7 = nn.Linear(representation_size, representation_size)

    def forward(self, x):
        return relu(self.fc7(relu(self.fc6(x.flatten(start_dim=1)))))


class FastRCNNConvFCHead(nn.Sequential):
    """Convolutions and linear layers on the features of regions, whose channels, height and width are `input_size`."""

    def __init__(self, input_size, conv_layers, fc_layers, norm_layer=None):
        channels, height, width = input_size
        blocks = []
        for out_channels in conv_layers:
            blocks.append(Conv2dNormActivation(channels, out_channels, norm_layer=norm_layer))
            channels = out_channels
        blocks.append(nn.Flatten())
        features = channels * height * width
        for out_features in fc_layers:
            blocks += [nn.Linear(features, out_features), nn.ReLU(inplace=True)]
            features = out_features
        super().__init__(*blocks)
        initial_convolutions(self)


def initial_convolutions(model):
    """Set initial values of convolutions before a relu."""
    for layer in model.modules():
        if isinstance(layer, nn.Conv2d):
            fan_out(layer.weight)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


class FastRCNNPredictor(nn.Module):
    """Logits of classes, and encodings of boxes for each class."""

    def __init__(self, in_channels, num_classes):
        super().__init__()
        self.cls_score = nn.Linear(in_channels, num_classes)
        self.bbox_pred = nn.Linear(in_channels, num_classes * 4)

    def forward(self, x):
        if x.dim() == 4:
            _assert(
                list(x.shape[2:]) == [1, 1],
                f"x has the wrong shape, expecting the last two dimensions to be [1,1] instead of {list(x.shape[2:])}",
            )
        x = x.flatten(start_dim=1)
        return self.cls_score(x), self.bbox_pred(x)


def check_pool(name, pool):
    """Raises TypeError unless this is a MultiScaleRoIAlign or None."""
    if not isinstance(pool, MultiScaleRoIAlign | None):
        raise TypeError(f"{name} should be of type MultiScaleRoIAlign or None instead of {type(pool)}")


class FasterRCNN(GeneralizedRCNN):
    """Faster R-CNN: see `GeneralizedRCNN` for the inputs and results of a call.

    Args:
        backbone: gives features with `out_channels` channels.
        num_classes: with background, which is class 0; None if there is a box_predictor.
        min_size, max_size, image_mean, image_std, kwargs: as for GeneralizedRCNNTransform.
        rpn_anchor_generator, rpn_head: None: those for a feature pyramid.
        rpn_pre_nms_top_n_train, ..., rpn_score_thresh: as for RegionProposalNetwork.
        box_roi_pool, box_head, box_predictor: None: those of the paper.
        box_score_thresh, ..., bbox_reg_weights: as for RoIHeads.

    Raises:
        ValueError: a backbone without out_channels; num_classes and a box_predictor, or neither.
        TypeError: an anchor generator or a pooling of another class.
    """

    def __init__(
        self,
        backbone,
        num_classes=None,
        min_size=800,
        max_size=1333,
        image_mean=None,
        image_std=None,
        rpn_anchor_generator=None,
        rpn_head=None,
        rpn_pre_nms_top_n_train=2000,
        rpn_pre_nms_top_n_test=1000,
        rpn_post_nms_top_n_train=2000,
        rpn_post_nms_top_n_test=1000,
        rpn_nms_thresh=0.7,
        rpn_fg_iou_thresh=0.7,
        rpn_bg_iou_thresh=0.3,
        rpn_batch_size_per_image=256,
        rpn_positive_fraction=0.5,
        rpn_score_thresh=0.0,
        box_roi_pool=None,
        box_head=None,
        box_predictor=None,
        box_score_thresh=0.05,
        box_nms_thresh=0.5,
        box_detections_per_img=100,
        box_fg_iou_thresh=0.5,
        box_bg_iou_thresh=0.5,
        box_batch_size_per_image=512,
        box_positive_fraction=0.25,
        bbox_reg_weights=None,
        **kwargs,
    ):
        _check_parts(backbone, num_classes, rpn_anchor_generator, box_roi_pool, box_predictor)
        channels = backbone.out_channels
        anchors = rpn_anchor_generator or pyramid_anchors()
        rpn = RegionProposalNetwork(
            anchors,
            rpn_head or RPNHead(channels, anchors.num_anchors_per_location()[0]),
            rpn_fg_iou_thresh,
            rpn_bg_iou_thresh,
            rpn_batch_size_per_image,
            rpn_positive_fraction,
            {"training": rpn_pre_nms_top_n_train, "testing": rpn_pre_nms_top_n_test},
            {"training": rpn_post_nms_top_n_train, "testing": rpn_post_nms_top_n_test},
            rpn_nms_thresh,
            score_thresh=rpn_score_thresh,
        )
        pool = box_roi_pool or MultiScaleRoIAlign(["0", "1", "2", "3"], output_size=7, sampling_ratio=2)
        matching = (box_fg_iou_thresh, box_bg_iou_thresh, box_batch_size_per_image, box_positive_fraction)
        roi_heads = RoIHeads(
            pool,
            TwoMLPHead(channels * pool.output_size[0] ** 2, 1024) if box_head is None else box_head,
            FastRCNNPredictor(1024, num_classes) if box_predictor is None else box_predictor,
            *matching,
            bbox_reg_weights,
            *(box_score_thresh, box_nms_thresh, box_detections_per_img),
        )
        super().__init__(backbone, rpn, roi_heads, transform_of(min_size, max_size, image_mean, image_std, **kwargs))


def transform_of(min_size, max_size, image_mean, image_std, **kwargs):
    """The transform with ImageNet's mean and standard deviation where there are no others."""
    mean = [0.485, 0.456, 0.406] if image_mean is None else image_mean
    std = [0.229, 0.224, 0.225] if image_std is None else image_std
    return GeneralizedRCNNTransform(min_size, max_size, mean, std, **kwargs)


def _check_parts(backbone, num_classes, rpn_anchor_generator, box_roi_pool, box_predictor):
    if not hasattr(backbone, "out_channels"):
        raise ValueError(NO_CHANNELS)
    if not isinstance(rpn_anchor_generator, AnchorGenerator | None):
        raise TypeError(
            f"rpn_anchor_generator should be of type AnchorGenerator or None instead of {type(rpn_anchor_generator)}"
        )
    check_pool("box_roi_pool", box_roi_pool)
    if num_classes is not None and box_predictor is not None:
        raise ValueError("num_classes should be None when box_predictor is specified")
    if num_classes is None and box_predictor is None:
        raise ValueError("num_classes should not be None when box_predictor is not specified")


def on_resnet50(
    weights, weights_backbone, progress, trainable_backbone_layers, frozen=True, norm_layer=None, **pyramid
):
    """A ResNet 50 with a pyramid. With weights its normalisations are frozen, unless `frozen=False`.

    `extra_blocks` is a function, called after the ResNet is made.
    """
    trained = weights is not None or weights_backbone is not None
    layers = trainable(trained, trainable_backbone_layers, 5, 3)
    norm = FrozenBatchNorm2d if trained and frozen else nn.BatchNorm2d
    backbone = resnet50(weights=weights_backbone, progress=progress, norm_layer=norm)
    extra_blocks = pyramid.pop("extra_blocks", lambda: None)()
    return resnet_pyramid(backbone, layers, extra_blocks=extra_blocks, norm_layer=norm_layer, **pyramid)


def deep_heads(channels):
    """The heads of the second version of R-CNNs, as keyword arguments."""
    anchors = pyramid_anchors()
    return {
        "rpn_anchor_generator": anchors,
        "rpn_head": RPNHead(channels, anchors.num_anchors_per_location()[0], conv_depth=2),
        "box_head": FastRCNNConvFCHead((channels, 7, 7), [256] * 4, [1024], norm_layer=nn.BatchNorm2d),
    }


def _faster_v1(weights, weights_backbone, progress, num_classes, trainable_backbone_layers=None, **kwargs):
    backbone = on_resnet50(weights, weights_backbone, progress, trainable_backbone_layers)
    return FasterRCNN(backbone, num_classes=num_classes, **kwargs)


def _faster_v2(weights, weights_backbone, progress, num_classes, trainable_backbone_layers=None, **kwargs):
    backbone = on_resnet50(
        weights, weights_backbone, progress, trainable_backbone_layers, frozen=False, norm_layer=nn.BatchNorm2d
    )
    return FasterRCNN(backbone, num_classes=num_classes, **deep_heads(backbone.out_channels), **kwargs)


def _faster_mobile(**defaults):
    def make(weights, weights_backbone, progress, num_classes, trainable_backbone_layers=None, **kwargs):
        trained = weights is not None or weights_backbone is not None
        layers = trainable(trained, trainable_backbone_layers, 6, 3)
        norm = FrozenBatchNorm2d if trained else nn.BatchNorm2d
        backbone = mobilenet_v3_large(weights=weights_backbone, progress=progress, norm_layer=norm)
        backbone = mobilenet_pyramid(backbone, True, layers)
        anchors = AnchorGenerator(((32, 64, 128, 256, 512),) * 3, ((0.5, 1.0, 2.0),) * 3)
        return FasterRCNN(backbone, num_classes, rpn_anchor_generator=anchors, **{**defaults, **kwargs})

    return make


FasterRCNN_ResNet50_FPN_Weights = published("FasterRCNN_ResNet50_FPN_Weights", __name__)
FasterRCNN_ResNet50_FPN_V2_Weights = published("FasterRCNN_ResNet50_FPN_V2_Weights", __name__)
FasterRCNN_MobileNet_V3_Large_FPN_Weights = published("FasterRCNN_MobileNet_V3_Large_FPN_Weights", __name__)
FasterRCNN_MobileNet_V3_Large_320_FPN_Weights = published("FasterRCNN_MobileNet_V3_Large_320_FPN_Weights", __name__)


def without_eps(model, weights):
    """Set eps to 0 for the first weights, which were trained so."""
    if weights.name == "COCO_V1":
        overwrite_eps(model, 0.0)


_faster = OnBackbone(__name__, PARAMETERS, 91)
fasterrcnn_resnet50_fpn = _faster(
    "fasterrcnn_resnet50_fpn",
    FasterRCNN_ResNet50_FPN_Weights,
    ResNet50_Weights,
    _faster_v1,
    FasterRCNN_ResNet50_FPN_Weights.COCO_V1,
    after=without_eps,
)
fasterrcnn_resnet50_fpn_v2 = _faster(
    "fasterrcnn_resnet50_fpn_v2",
    FasterRCNN_ResNet50_FPN_V2_Weights,
    ResNet50_Weights,
    _faster_v2,
    FasterRCNN_ResNet50_FPN_V2_Weights.COCO_V1,
    untrained=True,
)
fasterrcnn_mobilenet_v3_large_fpn = _faster(
    "fasterrcnn_mobilenet_v3_large_fpn",
    FasterRCNN_MobileNet_V3_Large_FPN_Weights,
    MobileNet_V3_Large_Weights,
    _faster_mobile(rpn_score_thresh=0.05),
    FasterRCNN_MobileNet_V3_Large_FPN_Weights.COCO_V1,
)
fasterrcnn_mobilenet_v3_large_320_fpn = _faster(
    "fasterrcnn_mobilenet_v3_large_320_fpn",
    FasterRCNN_MobileNet_V3_Large_320_FPN_Weights,
    MobileNet_V3_Large_Weights,
    _faster_mobile(
        min_size=320,
        max_size=640,
        rpn_pre_nms_top_n_test=150,
        rpn_post_nms_top_n_test=150,
        rpn_score_thresh=0.05,
    ),
    FasterRCNN_MobileNet_V3_Large_320_FPN_Weights.COCO_V1,
)
