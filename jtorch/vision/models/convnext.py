"""ConvNeXt (Liu and others, 2022): a convolutional network with the structure of a transformer."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from jtorch import nn
from jtorch.core.ops.functional import layer_norm
from jtorch.core.ops.make.create import ones
from jtorch.vision.models._published import published
from jtorch.vision.models._utils import Family, initialize
from jtorch.vision.ops.misc import Conv2dNormActivation, Permute
from jtorch.vision.ops.stochastic_depth import StochasticDepth

__all__ = [
    "ConvNeXt",
    "ConvNeXt_Base_Weights",
    "ConvNeXt_Large_Weights",
    "ConvNeXt_Small_Weights",
    "ConvNeXt_Tiny_Weights",
    "convnext_base",
    "convnext_large",
    "convnext_small",
    "convnext_tiny",
]  # fmt: skip


class LayerNorm2d(nn.LayerNorm):
    """Layer normalisation of the channels of (N, C, H, W)."""

    def forward(self, x):
        x = layer_norm(x.permute(0, 2, 3, 1), self.normalized_shape, self.weight, self.bias, self.eps)
        return x.permute(0, 3, 1, 2)


class CNBlock(nn.Module):
    """A 7x7 depthwise convolution, normalisation, two linear layers, a learned scale, and a skip connection.

    Args:
        dim: channels.
        layer_scale: the first value of the scale.
        stochastic_depth_prob: the probability that the block is skipped in training.
        norm_layer: called with the channels; None: LayerNorm.
    """

    def __init__(self, dim, layer_scale, stochastic_depth_prob, norm_layer=None):
        super().__init__()
        norm_layer = norm_layer or partial(nn.LayerNorm, eps=1e-6)
        self.block = nn.Sequential(
            nn.Conv2d(dim, dim, kernel_size=7, padding=3, groups=dim, bias=True),
            Permute([0, 2, 3, 1]),
            norm_layer(dim),
            nn.Linear(in_features=dim, out_features=4 * dim, bias=True),
            nn.GELU(),
            nn.Linear(in_features=4 * dim, out_features=dim, bias=True),
            Permute([0, 3, 1, 2]),
        )
        self.layer_scale = nn.Parameter(ones(dim, 1, 1) * layer_scale)
        self.stochastic_depth = StochasticDepth(stochastic_depth_prob, "row")

    def forward(self, input):
        result = self.stochastic_depth(self.layer_scale * self.block(input))
        result += input
        return result


class CNBlockConfig:
    """A stage: its channels, those of the next one (None: it is the last), and how many blocks it has."""

    def __init__(self, input_channels, out_channels, num_layers):
        self.input_channels = input_channels
        self.out_channels = out_channels
        self.num_layers = num_layers

    def __repr__(self):
        return (
            f"{type(self).__name__}(input_channels={self.input_channels}, out_channels={self.out_channels}, "
            f"num_layers={self.num_layers})"
        )


class ConvNeXt(nn.Module):
    """ConvNeXt for images (N, 3, H, W) of at least 32 x 32 pixels.

    Args:
        block_setting: the configs of the stages.
        stochastic_depth_prob: the probability that a block is skipped in training: from 0 at the first up to this at
            the last.
        layer_scale: the first value of the blocks' scales.
        num_classes: features of the output.
        block: a class with the first three arguments of CNBlock; None: that one.
        norm_layer: called with the channels; None: LayerNorm2d.
        kwargs: not used.

    Raises:
        ValueError: there are no configs.
        TypeError: one of them is something else.
    """

    def __init__(
        self,
        block_setting,
        stochastic_depth_prob=0.0,
        layer_scale=1e-6,
        num_classes=1000,
        block=None,
        norm_layer=None,
        **kwargs,
    ):
        super().__init__()
        if not block_setting:
            raise ValueError("The block_setting should not be empty")
        if not (isinstance(block_setting, Sequence) and all(isinstance(s, CNBlockConfig) for s in block_setting)):
            raise TypeError("The block_setting should be List[CNBlockConfig]")
        block = block or CNBlock
        norm_layer = norm_layer or partial(LayerNorm2d, eps=1e-6)
        layers = [
            Conv2dNormActivation(
                3,
                block_setting[0].input_channels,
                kernel_size=4,
                stride=4,
                padding=0,
                norm_layer=norm_layer,
                activation_layer=None,
                bias=True,
            )
        ]
        total, made = sum(stage.num_layers for stage in block_setting), 0
        for stage in block_setting:
            blocks = []
            for _ in range(stage.num_layers):
                blocks.append(block(stage.input_channels, layer_scale, stochastic_depth_prob * made / (total - 1.0)))
                made += 1
            layers.append(nn.Sequential(*blocks))
            if stage.out_channels is not None:
                smaller = nn.Conv2d(stage.input_channels, stage.out_channels, kernel_size=2, stride=2)
                layers.append(nn.Sequential(norm_layer(stage.input_channels), smaller))
        self.features = nn.Sequential(*layers)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        last = block_setting[-1]
        channels = last.input_channels if last.out_channels is None else last.out_channels
        self.classifier = nn.Sequential(norm_layer(channels), nn.Flatten(1), nn.Linear(channels, num_classes))
        truncated = lambda weight: nn.init.trunc_normal_(weight, std=0.02)
        initialize(self, conv=truncated, linear=truncated)

    def forward(self, x):
        return self.classifier(self.avgpool(self.features(x)))


def _of_stages(widths, depths, **kwargs):
    stages = [CNBlockConfig(*row) for row in zip(widths, [*widths[1:], None], depths, strict=True)]
    return ConvNeXt(stages, **kwargs)


ConvNeXt_Tiny_Weights = published("ConvNeXt_Tiny_Weights", __name__)
ConvNeXt_Small_Weights = published("ConvNeXt_Small_Weights", __name__)
ConvNeXt_Base_Weights = published("ConvNeXt_Base_Weights", __name__)
ConvNeXt_Large_Weights = published("ConvNeXt_Large_Weights", __name__)

_convnext = Family(_of_stages, __name__)
convnext_tiny = _convnext(
    "convnext_tiny", ConvNeXt_Tiny_Weights, (96, 192, 384, 768), (3, 3, 9, 3), stochastic_depth_prob=0.1
)
convnext_small = _convnext(
    "convnext_small", ConvNeXt_Small_Weights, (96, 192, 384, 768), (3, 3, 27, 3), stochastic_depth_prob=0.4
)
convnext_base = _convnext(
    "convnext_base", ConvNeXt_Base_Weights, (128, 256, 512, 1024), (3, 3, 27, 3), stochastic_depth_prob=0.5
)
convnext_large = _convnext(
    "convnext_large", ConvNeXt_Large_Weights, (192, 384, 768, 1536), (3, 3, 27, 3), stochastic_depth_prob=0.5
)
