"""MobileNetV2 (Sandler and others, 2018): residual blocks that are wide inside, with depthwise convolutions."""

from __future__ import annotations

from jtorch import nn
from jtorch.core.ops.functional import adaptive_avg_pool2d
from jtorch.vision.models._published import published
from jtorch.vision.models._utils import Family, fan_out, initialize, make_divisible
from jtorch.vision.ops.misc import Conv2dNormActivation

__all__ = ["MobileNetV2", "MobileNet_V2_Weights", "mobilenet_v2"]

# Expansion, channels, blocks and stride of each stage.
_STAGES = [
    [1, 16, 1, 1], [6, 24, 2, 2], [6, 32, 3, 2], [6, 64, 4, 2], [6, 96, 3, 1], [6, 160, 3, 2], [6, 320, 1, 1],
]  # fmt: skip


class InvertedResidual(nn.Module):
    """A 1x1 convolution to `expand_ratio` times the channels, a depthwise convolution, and a 1x1 convolution back.

    Raises:
        ValueError: the stride is neither 1 nor 2.
    """

    def __init__(self, inp, oup, stride, expand_ratio, norm_layer=None):
        super().__init__()
        self.stride = stride
        if stride not in (1, 2):
            raise ValueError(f"stride should be 1 or 2 instead of {stride}")
        norm_layer = norm_layer or nn.BatchNorm2d
        hidden = round(inp * expand_ratio)
        self.use_res_connect = stride == 1 and inp == oup
        layers = []
        if expand_ratio != 1:
            layers.append(
                Conv2dNormActivation(inp, hidden, kernel_size=1, norm_layer=norm_layer, activation_layer=nn.ReLU6)
            )
        layers += [
            Conv2dNormActivation(
                hidden, hidden, stride=stride, groups=hidden, norm_layer=norm_layer, activation_layer=nn.ReLU6
            ),
            nn.Conv2d(hidden, oup, 1, 1, 0, bias=False),
            norm_layer(oup),
        ]
        self.conv = nn.Sequential(*layers)
        self.out_channels = oup
        self._is_cn = stride > 1

    def forward(self, x):
        return x + self.conv(x) if self.use_res_connect else self.conv(x)


class MobileNetV2(nn.Module):
    """MobileNetV2 for images (N, 3, H, W).

    Args:
        num_classes: features of the output.
        width_mult: multiplies the channels of all layers.
        inverted_residual_setting: expansion, channels, blocks and stride of each stage; None: the paper's.
        round_nearest: channels are a multiple of this.
        block: a class with the arguments of InvertedResidual; None: that one.
        norm_layer: called with the channels; None: BatchNorm2d.
        dropout: the dropout probability before the last layer.

    Raises:
        ValueError: the setting is empty or its first stage has not four numbers.
    """

    def __init__(
        self,
        num_classes=1000,
        width_mult=1.0,
        inverted_residual_setting=None,
        round_nearest=8,
        block=None,
        norm_layer=None,
        dropout=0.2,
    ):
        super().__init__()
        block = block or InvertedResidual
        norm_layer = norm_layer or nn.BatchNorm2d
        stages = _STAGES if inverted_residual_setting is None else inverted_residual_setting
        if len(stages) == 0 or len(stages[0]) != 4:
            raise ValueError(
                f"inverted_residual_setting should be non-empty or a 4-element list, got {inverted_residual_setting}"
            )
        channels = make_divisible(32 * width_mult, round_nearest)
        self.last_channel = make_divisible(1280 * max(1.0, width_mult), round_nearest)
        options = {"norm_layer": norm_layer, "activation_layer": nn.ReLU6}
        features = [Conv2dNormActivation(3, channels, stride=2, **options)]
        for expansion, width, count, stride in stages:
            out_channels = make_divisible(width * width_mult, round_nearest)
            for i in range(count):
                features.append(
                    block(
                        channels,
                        out_channels,
                        stride if i == 0 else 1,
                        expand_ratio=expansion,
                        norm_layer=norm_layer,
                    )
                )
                channels = out_channels
        features.append(Conv2dNormActivation(channels, self.last_channel, kernel_size=1, **options))
        self.features = nn.Sequential(*features)
        self.classifier = nn.Sequential(nn.Dropout(p=dropout), nn.Linear(self.last_channel, num_classes))
        initialize(self, conv=fan_out, linear=lambda weight: nn.init.normal_(weight, 0, 0.01))

    def forward(self, x):
        return self.classifier(adaptive_avg_pool2d(self.features(x), (1, 1)).flatten(1))


MobileNet_V2_Weights = published("MobileNet_V2_Weights", __name__)
mobilenet_v2 = Family(MobileNetV2, __name__)("mobilenet_v2", MobileNet_V2_Weights)
