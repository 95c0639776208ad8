"""MobileNetV3 (Howard and others, 2019): MobileNetV2's blocks with squeeze and excitation, and hard-swish."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from jtorch import nn
from jtorch.vision.models._published import published
from jtorch.vision.models._utils import Family, fan_out, initialize, make_divisible
from jtorch.vision.ops.misc import Conv2dNormActivation, SqueezeExcitation

__all__ = [
    "MobileNetV3", "MobileNet_V3_Large_Weights", "MobileNet_V3_Small_Weights", "mobilenet_v3_large", "mobilenet_v3_small",
]  # fmt: skip


class InvertedResidualConfig:
    """The numbers of one block; channels are multiplied with `width_mult` and made a multiple of 8."""

    def __init__(
        self, input_channels, kernel, expanded_channels, out_channels, use_se, activation, stride, dilation, width_mult
    ):
        self.input_channels = self.adjust_channels(input_channels, width_mult)
        self.kernel = kernel
        self.expanded_channels = self.adjust_channels(expanded_channels, width_mult)
        self.out_channels = self.adjust_channels(out_channels, width_mult)
        self.use_se = use_se
        self.use_hs = activation == "HS"
        self.stride = stride
        self.dilation = dilation

    @staticmethod
    def adjust_channels(channels, width_mult):
        """Channels times `width_mult`, as a multiple of 8."""
        return make_divisible(channels * width_mult, 8)


_SCALE = partial(SqueezeExcitation, scale_activation=nn.Hardsigmoid)


class InvertedResidual(nn.Module):
    """A block with the numbers of a config.

    Raises:
        ValueError: the stride is neither 1 nor 2.
    """

    def __init__(self, cnf, norm_layer, se_layer=_SCALE):
        super().__init__()
        if not (1 <= cnf.stride <= 2):
            raise ValueError("illegal stride value")
        self.use_res_connect = cnf.stride == 1 and cnf.input_channels == cnf.out_channels
        inner = cnf.expanded_channels
        options = {"norm_layer": norm_layer, "activation_layer": nn.Hardswish if cnf.use_hs else nn.ReLU}
        layers = []
        if inner != cnf.input_channels:
            layers.append(Conv2dNormActivation(cnf.input_channels, inner, kernel_size=1, **options))
        layers.append(
            Conv2dNormActivation(
                inner,
                inner,
                kernel_size=cnf.kernel,
                stride=1 if cnf.dilation > 1 else cnf.stride,
                dilation=cnf.dilation,
                groups=inner,
                **options,
            )
        )
        if cnf.use_se:
            layers.append(se_layer(inner, make_divisible(inner // 4, 8)))
        layers.append(
            Conv2dNormActivation(inner, cnf.out_channels, kernel_size=1, norm_layer=norm_layer, activation_layer=None)
        )
        self.block = nn.Sequential(*layers)
        self.out_channels = cnf.out_channels
        self._is_cn = cnf.stride > 1

    def forward(self, input):
        result = self.block(input)
        if self.use_res_connect:
            result += input
        return result


class MobileNetV3(nn.Module):
    """MobileNetV3 for images (N, 3, H, W).

    Args:
        inverted_residual_setting: the configs of the blocks.
        last_channel: features before the last layer.
        num_classes: features of the output.
        block: a class with the arguments of InvertedResidual; None: that one.
        norm_layer: called with the channels; None: BatchNorm2d with the paper's eps and momentum.
        dropout: the dropout probability before the last layer.
        kwargs: not used.

    Raises:
        ValueError: there are no configs.
        TypeError: one of them is something else.
    """

    def __init__(
        self,
        inverted_residual_setting,
        last_channel,
        num_classes=1000,
        block=None,
        norm_layer=None,
        dropout=0.2,
        **kwargs,
    ):
        super().__init__()
        settings = inverted_residual_setting
        if not settings:
            raise ValueError("The inverted_residual_setting should not be empty")
        if not (isinstance(settings, Sequence) and all(isinstance(each, InvertedResidualConfig) for each in settings)):
            raise TypeError("The inverted_residual_setting should be List[InvertedResidualConfig]")
        block = block or InvertedResidual
        norm_layer = norm_layer or partial(nn.BatchNorm2d, eps=0.001, momentum=0.01)
        options = {"norm_layer": norm_layer, "activation_layer": nn.Hardswish}
        width = settings[-1].out_channels
        self.features = nn.Sequential(
            Conv2dNormActivation(3, settings[0].input_channels, kernel_size=3, stride=2, **options),
            *[block(each, norm_layer) for each in settings],
            Conv2dNormActivation(width, 6 * width, kernel_size=1, **options),
        )
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Sequential(
            nn.Linear(6 * width, last_channel),
            nn.Hardswish(inplace=True),
            nn.Dropout(p=dropout, inplace=True),
            nn.Linear(last_channel, num_classes),
        )
        initialize(self, conv=fan_out, linear=lambda weight: nn.init.normal_(weight, 0, 0.01))

    def forward(self, x):
        return self.classifier(self.avgpool(self.features(x)).flatten(1))


# Input channels, kernel, expanded channels, output channels, squeeze and excitation, activation, stride. In the last three
# blocks `reduced_tail` halves the channels and `dilated` dilates.
_LARGE = [
    (16, 3, 16, 16, False, "RE", 1),
    (16, 3, 64, 24, False, "RE", 2),
    (24, 3, 72, 24, False, "RE", 1),
    (24, 5, 72, 40, True, "RE", 2),
    (40, 5, 120, 40, True, "RE", 1),
    (40, 5, 120, 40, True, "RE", 1),
    (40, 3, 240, 80, False, "HS", 2),
    (80, 3, 200, 80, False, "HS", 1),
    (80, 3, 184, 80, False, "HS", 1),
    (80, 3, 184, 80, False, "HS", 1),
    (80, 3, 480, 112, True, "HS", 1),
    (112, 3, 672, 112, True, "HS", 1),
    (112, 5, 672, 160, True, "HS", 2),
    (160, 5, 960, 160, True, "HS", 1),
    (160, 5, 960, 160, True, "HS", 1),
]
_SMALL = [
    (16, 3, 16, 16, True, "RE", 2),
    (16, 3, 72, 24, False, "RE", 2),
    (24, 3, 88, 24, False, "RE", 1),
    (24, 5, 96, 40, True, "HS", 2),
    (40, 5, 240, 40, True, "HS", 1),
    (40, 5, 240, 40, True, "HS", 1),
    (40, 5, 120, 48, True, "HS", 1),
    (48, 5, 144, 48, True, "HS", 1),
    (48, 5, 288, 96, True, "HS", 2),
    (96, 5, 576, 96, True, "HS", 1),
    (96, 5, 576, 96, True, "HS", 1),
]


def _of_table(rows, last_channel, width_mult=1.0, reduced_tail=False, dilated=False, **kwargs):
    """The configs of a table's blocks, and the features before the last layer."""
    divider = 2 if reduced_tail else 1
    settings = []
    for i, (wide_in, kernel, inner, wide_out, use_se, activation, stride) in enumerate(rows):
        in_tail, last = i >= len(rows) - 3, i >= len(rows) - 2
        settings.append(
            InvertedResidualConfig(
                wide_in // divider if last else wide_in,
                kernel,
                inner // divider if last else inner,
                wide_out // divider if in_tail else wide_out,
                use_se,
                activation,
                stride,
                2 if in_tail and dilated else 1,
                width_mult,
            )
        )
    return settings, InvertedResidualConfig.adjust_channels(last_channel // divider, width_mult)


def _of_rows(rows, last_channel, **kwargs):
    return MobileNetV3(*_of_table(rows, last_channel, **kwargs), **kwargs)


MobileNet_V3_Large_Weights = published("MobileNet_V3_Large_Weights", __name__)
MobileNet_V3_Small_Weights = published("MobileNet_V3_Small_Weights", __name__)

# Keyword arguments of theirs, beside those of MobileNetV3: width_mult, reduced_tail, dilated.
_mobilenet_v3 = Family(_of_rows, __name__)
mobilenet_v3_large = _mobilenet_v3("mobilenet_v3_large", MobileNet_V3_Large_Weights, _LARGE, 1280)
mobilenet_v3_small = _mobilenet_v3("mobilenet_v3_small", MobileNet_V3_Small_Weights, _SMALL, 1024)
