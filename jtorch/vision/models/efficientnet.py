"""EfficientNet (Tan and Le, 2019) and EfficientNetV2 (2021): MobileNet's blocks, scaled in width and depth together."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from jtorch import nn
from jtorch.vision.models._published import published
from jtorch.vision.models._utils import Family, fan_out, initialize, make_divisible
from jtorch.vision.ops.misc import Conv2dNormActivation, SqueezeExcitation
from jtorch.vision.ops.stochastic_depth import StochasticDepth

__all__ = [
    "EfficientNet",
    "EfficientNet_B0_Weights",
    "EfficientNet_B1_Weights",
    "EfficientNet_B2_Weights",
    "EfficientNet_B3_Weights",
    "EfficientNet_B4_Weights",
    "EfficientNet_B5_Weights",
    "EfficientNet_B6_Weights",
    "EfficientNet_B7_Weights",
    "EfficientNet_V2_L_Weights",
    "EfficientNet_V2_M_Weights",
    "EfficientNet_V2_S_Weights",
    "efficientnet_b0",
    "efficientnet_b1",
    "efficientnet_b2",
    "efficientnet_b3",
    "efficientnet_b4",
    "efficientnet_b5",
    "efficientnet_b6",
    "efficientnet_b7",
    "efficientnet_v2_l",
    "efficientnet_v2_m",
    "efficientnet_v2_s",
]  # fmt: skip


@dataclass
class _MBConvConfig:
    """The settings of one stage."""

    expand_ratio: float
    kernel: int
    stride: int
    input_channels: int
    out_channels: int
    num_layers: int
    block: Callable

    @staticmethod
    def adjust_channels(channels, width_mult, min_value=None):
        """Channels times `width_mult`, as a multiple of 8."""
        return make_divisible(channels * width_mult, 8, min_value)


class MBConvConfig(_MBConvConfig):
    """A stage of MBConv blocks: channels are multiplied with `width_mult`, the number of blocks with `depth_mult`."""

    def __init__(
        self,
        expand_ratio,
        kernel,
        stride,
        input_channels,
        out_channels,
        num_layers,
        width_mult=1.0,
        depth_mult=1.0,
        block=None,
    ):
        super().__init__(
            expand_ratio,
            kernel,
            stride,
            self.adjust_channels(input_channels, width_mult),
            self.adjust_channels(out_channels, width_mult),
            self.adjust_depth(num_layers, depth_mult),
            block or MBConv,
        )

    @staticmethod
    def adjust_depth(num_layers, depth_mult):
        """The number of blocks times `depth_mult`, rounded up."""
        return math.ceil(num_layers * depth_mult)


class FusedMBConvConfig(_MBConvConfig):
    """A stage of FusedMBConv blocks."""

    def __init__(self, expand_ratio, kernel, stride, input_channels, out_channels, num_layers, block=None):
        super().__init__(expand_ratio, kernel, stride, input_channels, out_channels, num_layers, block or FusedMBConv)


class _Residual(nn.Module):
    """The base of both kinds of block: a skip connection where the sizes allow it, and stochastic depth."""

    def __init__(self, cnf, stochastic_depth_prob, layers):
        super().__init__()
        if not (1 <= cnf.stride <= 2):
            raise ValueError("illegal stride value")
        self.use_res_connect = cnf.stride == 1 and cnf.input_channels == cnf.out_channels
        self.block = nn.Sequential(*layers)
        self.stochastic_depth = StochasticDepth(stochastic_depth_prob, "row")
        self.out_channels = cnf.out_channels

    def forward(self, input):
        result = self.block(input)
        if self.use_res_connect:
            result = self.stochastic_depth(result)
            result += input
        return result


class MBConv(_Residual):
    """A 1x1 convolution to more channels, a depthwise convolution, squeeze and excitation, and a 1x1 convolution back."""

    def __init__(self, cnf, stochastic_depth_prob, norm_layer, se_layer=SqueezeExcitation):
        options = {"norm_layer": norm_layer, "activation_layer": nn.SiLU}
        inner = cnf.adjust_channels(cnf.input_channels, cnf.expand_ratio)
        layers = []
        if inner != cnf.input_channels:
            layers.append(Conv2dNormActivation(cnf.input_channels, inner, kernel_size=1, **options))
        layers += [
            Conv2dNormActivation(inner, inner, kernel_size=cnf.kernel, stride=cnf.stride, groups=inner, **options),
            se_layer(inner, max(1, cnf.input_channels // 4), activation=partial(nn.SiLU, inplace=True)),
            Conv2dNormActivation(inner, cnf.out_channels, kernel_size=1, norm_layer=norm_layer, activation_layer=None),
        ]
        super().__init__(cnf, stochastic_depth_prob, layers)


class FusedMBConv(_Residual):
    """A full convolution to more channels and a 1x1 convolution back; without expansion one full convolution."""

    def __init__(self, cnf, stochastic_depth_prob, norm_layer):
        inner = cnf.adjust_channels(cnf.input_channels, cnf.expand_ratio)
        expands = inner != cnf.input_channels
        layers = [
            Conv2dNormActivation(
                cnf.input_channels,
                inner if expands else cnf.out_channels,
                kernel_size=cnf.kernel,
                stride=cnf.stride,
                norm_layer=norm_layer,
                activation_layer=nn.SiLU,
            )
        ]
        if expands:
            layers.append(
                Conv2dNormActivation(
                    inner, cnf.out_channels, kernel_size=1, norm_layer=norm_layer, activation_layer=None
                )
            )
        super().__init__(cnf, stochastic_depth_prob, layers)


class EfficientNet(nn.Module):
    """EfficientNet V1 or V2 for images (N, 3, H, W).

    Args:
        inverted_residual_setting: the configs of the stages.
        dropout: the dropout probability before the last layer.
        stochastic_depth_prob: the probability that a block is skipped in training: from 0 at the first up to this at
            the end.
        num_classes: features of the output.
        norm_layer: called with the channels; None: BatchNorm2d.
        last_channel: channels of the last convolution; None: four times its input.

    Raises:
        ValueError: there are no configs.
        TypeError: one of them is something else.
    """

    def __init__(
        self,
        inverted_residual_setting,
        dropout,
        stochastic_depth_prob=0.2,
        num_classes=1000,
        norm_layer=None,
        last_channel=None,
    ):
        super().__init__()
        settings = inverted_residual_setting
        if not settings:
            raise ValueError("The inverted_residual_setting should not be empty")
        if not (isinstance(settings, Sequence) and all(isinstance(each, _MBConvConfig) for each in settings)):
            raise TypeError("The inverted_residual_setting should be List[MBConvConfig]")
        norm_layer = norm_layer or nn.BatchNorm2d
        options = {"norm_layer": norm_layer, "activation_layer": nn.SiLU}
        layers = [Conv2dNormActivation(3, settings[0].input_channels, kernel_size=3, stride=2, **options)]
        total, made = sum(each.num_layers for each in settings), 0
        for setting in settings:
            stage = []
            for _ in range(setting.num_layers):
                block = copy.copy(setting)
                if stage:
                    block.input_channels, block.stride = block.out_channels, 1
                stage.append(block.block(block, stochastic_depth_prob * float(made) / total, norm_layer))
                made += 1
            layers.append(nn.Sequential(*stage))
        channels = settings[-1].out_channels
        last_channel = 4 * channels if last_channel is None else last_channel
        layers.append(Conv2dNormActivation(channels, last_channel, kernel_size=1, **options))
        self.features = nn.Sequential(*layers)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Sequential(nn.Dropout(p=dropout, inplace=True), nn.Linear(last_channel, num_classes))
        initialize(self, conv=fan_out, linear=_by_features)

    def forward(self, x):
        return self.classifier(self.avgpool(self.features(x)).flatten(1))


def _by_features(weight):
    limit = 1.0 / math.sqrt(weight.shape[0])
    nn.init.uniform_(weight, -limit, limit)


# Expansion, kernel, stride, input channels, output channels, blocks.
_V1 = [
    (1, 3, 1, 32, 16, 1), (6, 3, 2, 16, 24, 2), (6, 5, 2, 24, 40, 2), (6, 3, 2, 40, 80, 3), (6, 5, 1, 80, 112, 3),
    (6, 5, 2, 112, 192, 4), (6, 3, 1, 192, 320, 1),
]  # fmt: skip
# The first three stages of V2 are fused.
_S = [
    (1, 3, 1, 24, 24, 2), (4, 3, 2, 24, 48, 4), (4, 3, 2, 48, 64, 4), (4, 3, 2, 64, 128, 6), (6, 3, 1, 128, 160, 9),
    (6, 3, 2, 160, 256, 15),
]  # fmt: skip
_M = [
    (1, 3, 1, 24, 24, 3), (4, 3, 2, 24, 48, 5), (4, 3, 2, 48, 80, 5), (4, 3, 2, 80, 160, 7), (6, 3, 1, 160, 176, 14),
    (6, 3, 2, 176, 304, 18), (6, 3, 1, 304, 512, 5),
]  # fmt: skip
_L = [
    (1, 3, 1, 32, 32, 4), (4, 3, 2, 32, 64, 7), (4, 3, 2, 64, 96, 7), (4, 3, 2, 96, 192, 10), (6, 3, 1, 192, 224, 19),
    (6, 3, 2, 224, 384, 25), (6, 3, 1, 384, 640, 7),
]  # fmt: skip


def _v1(width_mult, depth_mult, dropout, **kwargs):
    """A model of the first kind."""
    stages = [MBConvConfig(*row, width_mult=width_mult, depth_mult=depth_mult) for row in _V1]
    return EfficientNet(stages, dropout, **kwargs)


def _v2(rows, dropout, **kwargs):
    """A model of the second kind."""
    stages = [FusedMBConvConfig(*row) for row in rows[:3]] + [MBConvConfig(*row) for row in rows[3:]]
    return EfficientNet(stages, dropout, last_channel=1280, **kwargs)


EfficientNet_B0_Weights = published("EfficientNet_B0_Weights", __name__)
EfficientNet_B1_Weights = published("EfficientNet_B1_Weights", __name__)
EfficientNet_B2_Weights = published("EfficientNet_B2_Weights", __name__)
EfficientNet_B3_Weights = published("EfficientNet_B3_Weights", __name__)
EfficientNet_B4_Weights = published("EfficientNet_B4_Weights", __name__)
EfficientNet_B5_Weights = published("EfficientNet_B5_Weights", __name__)
EfficientNet_B6_Weights = published("EfficientNet_B6_Weights", __name__)
EfficientNet_B7_Weights = published("EfficientNet_B7_Weights", __name__)
EfficientNet_V2_S_Weights = published("EfficientNet_V2_S_Weights", __name__)
EfficientNet_V2_M_Weights = published("EfficientNet_V2_M_Weights", __name__)
EfficientNet_V2_L_Weights = published("EfficientNet_V2_L_Weights", __name__)

_b, _s = Family(_v1, __name__), Family(_v2, __name__)
_LATE = {"norm_layer": partial(nn.BatchNorm2d, eps=0.001, momentum=0.01)}  # of B5 to B7
_SECOND = {"norm_layer": partial(nn.BatchNorm2d, eps=1e-03)}
efficientnet_b0 = _b("efficientnet_b0", EfficientNet_B0_Weights, 1.0, 1.0, dropout=0.2)
efficientnet_b1 = _b("efficientnet_b1", EfficientNet_B1_Weights, 1.0, 1.1, dropout=0.2)
efficientnet_b2 = _b("efficientnet_b2", EfficientNet_B2_Weights, 1.1, 1.2, dropout=0.3)
efficientnet_b3 = _b("efficientnet_b3", EfficientNet_B3_Weights, 1.2, 1.4, dropout=0.3)
efficientnet_b4 = _b("efficientnet_b4", EfficientNet_B4_Weights, 1.4, 1.8, dropout=0.4)
efficientnet_b5 = _b("efficientnet_b5", EfficientNet_B5_Weights, 1.6, 2.2, dropout=0.4, **_LATE)
efficientnet_b6 = _b("efficientnet_b6", EfficientNet_B6_Weights, 1.8, 2.6, dropout=0.5, **_LATE)
efficientnet_b7 = _b("efficientnet_b7", EfficientNet_B7_Weights, 2.0, 3.1, dropout=0.5, **_LATE)
efficientnet_v2_s = _s("efficientnet_v2_s", EfficientNet_V2_S_Weights, _S, dropout=0.2, **_SECOND)
efficientnet_v2_m = _s("efficientnet_v2_m", EfficientNet_V2_M_Weights, _M, dropout=0.3, **_SECOND)
efficientnet_v2_l = _s("efficientnet_v2_l", EfficientNet_V2_L_Weights, _L, dropout=0.4, **_SECOND)
