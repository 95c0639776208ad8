"""RegNet (Radosavovic and others, 2020): the widths of all blocks follow from four numbers."""

from __future__ import annotations

import math
from collections import OrderedDict
from functools import partial

import numpy as np

from jtorch import nn
from jtorch.vision.models._published import published
from jtorch.vision.models._utils import Family, make_divisible
from jtorch.vision.ops.misc import Conv2dNormActivation, SqueezeExcitation

__all__ = [
    "RegNet",
    "RegNet_X_1_6GF_Weights",
    "RegNet_X_3_2GF_Weights",
    "RegNet_X_8GF_Weights",
    "RegNet_X_16GF_Weights",
    "RegNet_X_32GF_Weights",
    "RegNet_X_400MF_Weights",
    "RegNet_X_800MF_Weights",
    "RegNet_Y_1_6GF_Weights",
    "RegNet_Y_3_2GF_Weights",
    "RegNet_Y_8GF_Weights",
    "RegNet_Y_16GF_Weights",
    "RegNet_Y_32GF_Weights",
    "RegNet_Y_128GF_Weights",
    "RegNet_Y_400MF_Weights",
    "RegNet_Y_800MF_Weights",
    "regnet_x_1_6gf",
    "regnet_x_3_2gf",
    "regnet_x_8gf",
    "regnet_x_16gf",
    "regnet_x_32gf",
    "regnet_x_400mf",
    "regnet_x_800mf",
    "regnet_y_1_6gf",
    "regnet_y_3_2gf",
    "regnet_y_8gf",
    "regnet_y_16gf",
    "regnet_y_32gf",
    "regnet_y_128gf",
    "regnet_y_400mf",
    "regnet_y_800mf",
]  # fmt: skip


class SimpleStemIN(Conv2dNormActivation):
    """The first layer: a 3x3 convolution that halves the size."""

    def __init__(self, width_in, width_out, norm_layer, activation_layer):
        super().__init__(
            width_in, width_out, kernel_size=3, stride=2, norm_layer=norm_layer, activation_layer=activation_layer
        )


class BottleneckTransform(nn.Sequential):
    """A 1x1, a 3x3 in groups and a 1x1 convolution, with squeeze and excitation if there is a `se_ratio`."""

    def __init__(
        self, width_in, width_out, stride, norm_layer, activation_layer, group_width, bottleneck_multiplier, se_ratio
    ):
        inner = round(width_out * bottleneck_multiplier)
        options = {"norm_layer": norm_layer, "activation_layer": activation_layer}
        layers = OrderedDict(
            a=Conv2dNormActivation(width_in, inner, kernel_size=1, stride=1, **options),
            b=Conv2dNormActivation(inner, inner, kernel_size=3, stride=stride, groups=inner // group_width, **options),
        )
        if se_ratio:
            layers["se"] = SqueezeExcitation(inner, round(se_ratio * width_in), activation=activation_layer)
        layers["c"] = Conv2dNormActivation(
            inner, width_out, kernel_size=1, stride=1, norm_layer=norm_layer, activation_layer=None
        )
        super().__init__(layers)


class ResBottleneckBlock(nn.Module):
    """A `BottleneckTransform` and a skip connection, with a 1x1 convolution where sizes differ."""

    def __init__(
        self,
        width_in,
        width_out,
        stride,
        norm_layer,
        activation_layer,
        group_width=1,
        bottleneck_multiplier=1.0,
        se_ratio=None,
    ):
        super().__init__()
        self.proj = None
        if width_in != width_out or stride != 1:
            self.proj = Conv2dNormActivation(
                width_in, width_out, kernel_size=1, stride=stride, norm_layer=norm_layer, activation_layer=None
            )
        self.f = BottleneckTransform(
            width_in, width_out, stride, norm_layer, activation_layer, group_width, bottleneck_multiplier, se_ratio
        )
        self.activation = activation_layer(inplace=True)

    def forward(self, x):
        return self.activation((x if self.proj is None else self.proj(x)) + self.f(x))


class AnyStage(nn.Sequential):
    """Blocks of one width; the first has the stride."""

    def __init__(
        self,
        width_in,
        width_out,
        stride,
        depth,
        block_constructor,
        norm_layer,
        activation_layer,
        group_width,
        bottleneck_multiplier,
        se_ratio=None,
        stage_index=0,
    ):
        super().__init__()
        shared = (norm_layer, activation_layer, group_width, bottleneck_multiplier, se_ratio)
        for i in range(depth):
            first = (width_in, width_out, stride) if i == 0 else (width_out, width_out, 1)
            self.add_module(f"block{stage_index}-{i}", block_constructor(*first, *shared))


class BlockParams:
    """The numbers of the stages."""

    def __init__(self, depths, widths, group_widths, bottleneck_multipliers, strides, se_ratio=None):
        self.depths = depths
        self.widths = widths
        self.group_widths = group_widths
        self.bottleneck_multipliers = bottleneck_multipliers
        self.strides = strides
        self.se_ratio = se_ratio

    @classmethod
    def from_init_params(cls, depth, w_0, w_a, w_m, group_width, bottleneck_multiplier=1.0, se_ratio=None, **kwargs):
        """The stages for linear widths w_0 + w_a · block, rounded to w_0 · w_m^k, then to multiples of 8.

        Args:
            depth: blocks.
            w_0, w_a, w_m: see above.
            group_width: channels of a group of the 3x3 convolutions.
            bottleneck_multiplier: their width, in units of the block's.
            se_ratio: the width of squeeze and excitation, in units of the block's input; None: there is none.
            kwargs: not used.

        Raises:
            ValueError: w_a < 0, w_0 no positive multiple of 8, or w_m <= 1.
        """
        if w_a < 0 or w_0 <= 0 or w_m <= 1 or w_0 % 8 != 0:
            raise ValueError("Invalid RegNet settings")
        line = np.arange(depth, dtype=np.float32) * np.float32(w_a) + np.float32(w_0)
        powers = np.round(np.log(line / np.float32(w_0)) / np.float32(math.log(w_m)))
        widths = np.round(w_0 * np.power(np.float32(w_m), powers) / np.float32(8)).astype(int) * 8
        starts = [0, *(np.flatnonzero(np.diff(widths)) + 1).tolist()]
        depths = np.diff([*starts, depth]).tolist()
        stages = len(starts)
        multipliers = [bottleneck_multiplier] * stages
        fitting, group_widths = cls._fit_groups(widths[starts].tolist(), multipliers, [group_width] * stages)
        return cls(depths, fitting, group_widths, multipliers, [2] * stages, se_ratio)

    @staticmethod
    def _fit_groups(widths, multipliers, group_widths):
        """The widths and the groups' widths, changed so that the first are multiples of the second."""
        inner = [int(width * multiplier) for width, multiplier in zip(widths, multipliers, strict=True)]
        groups = [min(group, width) for group, width in zip(group_widths, inner, strict=True)]
        inner = [make_divisible(width, group) for width, group in zip(inner, groups, strict=True)]
        return [int(width / multiplier) for width, multiplier in zip(inner, multipliers, strict=True)], groups

    def stages(self):
        """Width, stride, depth, group width and bottleneck multiplier of each stage."""
        return zip(self.widths, self.strides, self.depths, self.group_widths, self.bottleneck_multipliers, strict=True)


class RegNet(nn.Module):
    """RegNet for images (N, 3, H, W).

    Args:
        block_params: the numbers of the stages.
        num_classes: features of the output.
        stem_width: channels after the first layer.
        stem_type: its class; None: SimpleStemIN.
        block_type: the class of the blocks; None: ResBottleneckBlock.
        norm_layer: called with the channels; None: BatchNorm2d.
        activation: the class of the activations; None: ReLU.
    """

    def __init__(
        self,
        block_params,
        num_classes=1000,
        stem_width=32,
        stem_type=None,
        block_type=None,
        norm_layer=None,
        activation=None,
    ):
        super().__init__()
        norm_layer = norm_layer or nn.BatchNorm2d
        activation = activation or nn.ReLU
        self.stem = (stem_type or SimpleStemIN)(3, stem_width, norm_layer, activation)
        stages, width_in = OrderedDict(), stem_width
        for i, (width, stride, depth, group_width, multiplier) in enumerate(block_params.stages(), 1):
            stages[f"block{i}"] = AnyStage(
                width_in,
                width,
                stride,
                depth,
                block_type or ResBottleneckBlock,
                norm_layer,
                activation,
                group_width,
                multiplier,
                block_params.se_ratio,
                stage_index=i,
            )
            width_in = width
        self.trunk_output = nn.Sequential(stages)
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.fc = nn.Linear(in_features=width_in, out_features=num_classes)
        self._init_weights()

    def _init_weights(self):
        """The variance of a grouped convolution is that of one without groups. Biases keep their values."""
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                outputs = module.kernel_size[0] * module.kernel_size[1] * module.out_channels
                nn.init.normal_(module.weight, mean=0.0, std=math.sqrt(2.0 / outputs))
            elif isinstance(module, nn.BatchNorm2d):
                nn.init.ones_(module.weight)
                nn.init.zeros_(module.bias)
            elif isinstance(module, nn.Linear):
                nn.init.normal_(module.weight, mean=0.0, std=0.01)
                nn.init.zeros_(module.bias)

    def forward(self, x):
        return self.fc(self.avgpool(self.trunk_output(self.stem(x))).flatten(1))


def _of_line(depth, w_0, w_a, w_m, group_width, se_ratio=None, norm_layer=None, **kwargs):
    params = BlockParams.from_init_params(depth, w_0, w_a, w_m, group_width, se_ratio=se_ratio, **kwargs)
    return RegNet(params, norm_layer=norm_layer or partial(nn.BatchNorm2d, eps=1e-05, momentum=0.1), **kwargs)


RegNet_Y_400MF_Weights = published("RegNet_Y_400MF_Weights", __name__)
RegNet_Y_800MF_Weights = published("RegNet_Y_800MF_Weights", __name__)
RegNet_Y_1_6GF_Weights = published("RegNet_Y_1_6GF_Weights", __name__)
RegNet_Y_3_2GF_Weights = published("RegNet_Y_3_2GF_Weights", __name__)
RegNet_Y_8GF_Weights = published("RegNet_Y_8GF_Weights", __name__)
RegNet_Y_16GF_Weights = published("RegNet_Y_16GF_Weights", __name__)
RegNet_Y_32GF_Weights = published("RegNet_Y_32GF_Weights", __name__)
RegNet_Y_128GF_Weights = published("RegNet_Y_128GF_Weights", __name__)
RegNet_X_400MF_Weights = published("RegNet_X_400MF_Weights", __name__)
RegNet_X_800MF_Weights = published("RegNet_X_800MF_Weights", __name__)
RegNet_X_1_6GF_Weights = published("RegNet_X_1_6GF_Weights", __name__)
RegNet_X_3_2GF_Weights = published("RegNet_X_3_2GF_Weights", __name__)
RegNet_X_8GF_Weights = published("RegNet_X_8GF_Weights", __name__)
RegNet_X_16GF_Weights = published("RegNet_X_16GF_Weights", __name__)
RegNet_X_32GF_Weights = published("RegNet_X_32GF_Weights", __name__)

_regnet = Family(_of_line, __name__)
# Depth, w_0, w_a, w_m and group width; Y is X with squeeze and excitation.
_Y = {"se_ratio": 0.25}
regnet_y_400mf = _regnet("regnet_y_400mf", RegNet_Y_400MF_Weights, 16, 48, 27.89, 2.09, 8, **_Y)
regnet_y_800mf = _regnet("regnet_y_800mf", RegNet_Y_800MF_Weights, 14, 56, 38.84, 2.4, 16, **_Y)
regnet_y_1_6gf = _regnet("regnet_y_1_6gf", RegNet_Y_1_6GF_Weights, 27, 48, 20.71, 2.65, 24, **_Y)
regnet_y_3_2gf = _regnet("regnet_y_3_2gf", RegNet_Y_3_2GF_Weights, 21, 80, 42.63, 2.66, 24, **_Y)
regnet_y_8gf = _regnet("regnet_y_8gf", RegNet_Y_8GF_Weights, 17, 192, 76.82, 2.19, 56, **_Y)
regnet_y_16gf = _regnet("regnet_y_16gf", RegNet_Y_16GF_Weights, 18, 200, 106.23, 2.48, 112, **_Y)
regnet_y_32gf = _regnet("regnet_y_32gf", RegNet_Y_32GF_Weights, 20, 232, 115.89, 2.53, 232, **_Y)
regnet_y_128gf = _regnet("regnet_y_128gf", RegNet_Y_128GF_Weights, 27, 456, 160.83, 2.52, 264, legacy=None, **_Y)
regnet_x_400mf = _regnet("regnet_x_400mf", RegNet_X_400MF_Weights, 22, 24, 24.48, 2.54, 16)
regnet_x_800mf = _regnet("regnet_x_800mf", RegNet_X_800MF_Weights, 16, 56, 35.73, 2.28, 16)
regnet_x_1_6gf = _regnet("regnet_x_1_6gf", RegNet_X_1_6GF_Weights, 18, 80, 34.01, 2.25, 24)
regnet_x_3_2gf = _regnet("regnet_x_3_2gf", RegNet_X_3_2GF_Weights, 25, 88, 26.31, 2.25, 48)
regnet_x_8gf = _regnet("regnet_x_8gf", RegNet_X_8GF_Weights, 23, 80, 49.56, 2.88, 120)
regnet_x_16gf = _regnet("regnet_x_16gf", RegNet_X_16GF_Weights, 22, 216, 55.59, 2.1, 128)
regnet_x_32gf = _regnet("regnet_x_32gf", RegNet_X_32GF_Weights, 23, 320, 69.86, 2.0, 168)
