"""Backbones with feature pyramids, and the choice of the layers to train."""

from __future__ import annotations

import warnings

from jtorch import nn
from jtorch.vision.models import mobilenetv2, mobilenetv3, resnet
from jtorch.vision.models._api import get_model_weights
from jtorch.vision.models._utils import IntermediateLayerGetter, handle_legacy_interface, stage_positions
from jtorch.vision.ops.feature_pyramid_network import FeaturePyramidNetwork, LastLevelMaxPool
from jtorch.vision.ops.misc import FrozenBatchNorm2d


class BackboneWithFPN(nn.Module):
    """A backbone and a feature pyramid.

    Args:
        backbone: its children run in the order in which they are registered.
        return_layers: name of a child -> the name of its features.
        in_channels_list: channels of these features.
        out_channels: channels of the results.
        extra_blocks: adds smaller features; None: LastLevelMaxPool.
        norm_layer: of the pyramid.
    """

    def __init__(self, backbone, return_layers, in_channels_list, out_channels, extra_blocks=None, norm_layer=None):
        super().__init__()
        self.body = IntermediateLayerGetter(backbone, return_layers=return_layers)
        self.fpn = FeaturePyramidNetwork(
            in_channels_list, out_channels, extra_blocks=extra_blocks or LastLevelMaxPool(), norm_layer=norm_layer
        )
        self.out_channels = out_channels

    def forward(self, x):
        return self.fpn(self.body(x))


_RESNETS = {
    each.__name__: each
    for each in (
        resnet.resnet18,
        resnet.resnet34,
        resnet.resnet50,
        resnet.resnet101,
        resnet.resnet152,
        resnet.resnext50_32x4d,
        resnet.resnext101_32x8d,
        resnet.resnext101_64x4d,
        resnet.wide_resnet50_2,
        resnet.wide_resnet101_2,
    )
}
_MOBILENETS = {
    each.__name__: each
    for each in (mobilenetv2.mobilenet_v2, mobilenetv3.mobilenet_v3_large, mobilenetv3.mobilenet_v3_small)
}


def _first_weights(kwargs):
    return get_model_weights(kwargs["backbone_name"])["IMAGENET1K_V1"]


@handle_legacy_interface(weights=("pretrained", _first_weights))
def resnet_fpn_backbone(
    *,
    backbone_name,
    weights,
    norm_layer=FrozenBatchNorm2d,
    trainable_layers=3,
    returned_layers=None,
    extra_blocks=None,
):
    """A ResNet with a feature pyramid.

    Args:
        backbone_name: "resnet50", for example.
        weights: of the ResNet.
        norm_layer: of the ResNet.
        trainable_layers: how many of its five parts are trained, from the last.
        returned_layers: which of its four stages give features; None: all.
        extra_blocks: adds smaller features; None: LastLevelMaxPool.

    Raises:
        ValueError: numbers outside the range.
    """
    backbone = _RESNETS[backbone_name](weights=weights, norm_layer=norm_layer)
    return resnet_pyramid(backbone, trainable_layers, returned_layers, extra_blocks)


def resnet_pyramid(backbone, trainable_layers, returned_layers=None, extra_blocks=None, norm_layer=None):
    """The feature pyramid of a ResNet: see :func:`resnet_fpn_backbone`."""
    if trainable_layers < 0 or trainable_layers > 5:
        raise ValueError(f"Trainable layers should be in the range [0,5], got {trainable_layers}")
    trained = ["layer4", "layer3", "layer2", "layer1", "conv1"][:trainable_layers]
    trained += ["bn1"] if trainable_layers == 5 else []
    for name, parameter in backbone.named_parameters():
        if not name.startswith(tuple(trained)):
            parameter.requires_grad_(False)
    returned = [1, 2, 3, 4] if returned_layers is None else returned_layers
    if min(returned) <= 0 or max(returned) >= 5:
        raise ValueError(f"Each returned layer should be in the range [1,4]. Got {returned}")
    layers = {f"layer{stage}": str(i) for i, stage in enumerate(returned)}
    channels = [backbone.inplanes // 8 * 2 ** (stage - 1) for stage in returned]
    return BackboneWithFPN(backbone, layers, channels, 256, extra_blocks=extra_blocks, norm_layer=norm_layer)


def trainable(is_trained, trainable_backbone_layers, max_value, default_value):
    """How many layers of a backbone are trained.

    Without weights it is all, with a warning if the caller asked for fewer.

    Raises:
        ValueError: a number outside the range.
    """
    if not is_trained:
        if trainable_backbone_layers is not None:
            warnings.warn(
                "Changing trainable_backbone_layers has no effect if "
                "neither pretrained nor pretrained_backbone have been set to True, "
                f"falling back to trainable_backbone_layers={max_value} so that all layers are trainable",
                stacklevel=2,
            )
        return max_value
    layers = default_value if trainable_backbone_layers is None else trainable_backbone_layers
    if layers < 0 or layers > max_value:
        raise ValueError(f"Trainable backbone layers should be in the range [0,{max_value}], got {layers} ")
    return layers


@handle_legacy_interface(weights=("pretrained", _first_weights))
def mobilenet_backbone(
    *,
    backbone_name,
    weights,
    fpn,
    norm_layer=FrozenBatchNorm2d,
    trainable_layers=2,
    returned_layers=None,
    extra_blocks=None,
):
    """A MobileNet with a feature pyramid; with `fpn=False` only its last features, with 256 channels.

    The other arguments are those of :func:`resnet_fpn_backbone`; the number of stages is that of the MobileNet.
    """
    backbone = _MOBILENETS[backbone_name](weights=weights, norm_layer=norm_layer)
    return mobilenet_pyramid(backbone, fpn, trainable_layers, returned_layers, extra_blocks)


def freeze_before(layers, trainable_layers, positions):
    """Freeze all but the last stages of a list of layers."""
    first = len(layers) if trainable_layers == 0 else positions[len(positions) - trainable_layers]
    for layer in layers[:first]:
        for parameter in layer.parameters():
            parameter.requires_grad_(False)


def mobilenet_pyramid(backbone, fpn, trainable_layers, returned_layers=None, extra_blocks=None, norm_layer=None):
    """See :func:`mobilenet_backbone`."""
    layers = backbone.features
    positions = stage_positions(layers)
    stages = len(positions)
    if trainable_layers < 0 or trainable_layers > stages:
        raise ValueError(f"Trainable layers should be in the range [0,{stages}], got {trainable_layers} ")
    freeze_before(layers, trainable_layers, positions)
    if not fpn:
        model = nn.Sequential(layers, nn.Conv2d(layers[-1].out_channels, 256, 1))
        model.out_channels = 256
        return model
    returned = [stages - 2, stages - 1] if returned_layers is None else returned_layers
    if min(returned) < 0 or max(returned) >= stages:
        raise ValueError(f"Each returned layer should be in the range [0,{stages - 1}], got {returned} ")
    names = {str(positions[stage]): str(i) for i, stage in enumerate(returned)}
    channels = [layers[positions[stage]].out_channels for stage in returned]
    return BackboneWithFPN(layers, names, channels, 256, extra_blocks=extra_blocks, norm_layer=norm_layer)
