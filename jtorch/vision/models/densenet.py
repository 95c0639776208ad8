"""DenseNet (Huang and others, 2016): each layer reads the outputs of all earlier layers in its block."""

from __future__ import annotations

import re
from collections import OrderedDict

from jtorch import nn
from jtorch.core.ops.functional import adaptive_avg_pool2d, dropout, relu
from jtorch.core.ops.functions import cat
from jtorch.core.tensor import Tensor
from jtorch.utils.checkpoint import checkpoint
from jtorch.vision.models._published import published
from jtorch.vision.models._utils import Family, initialize

__all__ = [
    "DenseNet", "DenseNet121_Weights", "DenseNet161_Weights", "DenseNet169_Weights", "DenseNet201_Weights", "densenet121",
    "densenet161", "densenet169", "densenet201",
]  # fmt: skip


class _DenseLayer(nn.Module):
    """A 1x1 and a 3x3 convolution of all features so far; gives `growth_rate` new ones."""

    def __init__(self, num_input_features, growth_rate, bn_size, drop_rate, memory_efficient=False):
        super().__init__()
        self.norm1 = nn.BatchNorm2d(num_input_features)
        self.relu1 = nn.ReLU(inplace=True)
        self.conv1 = nn.Conv2d(num_input_features, bn_size * growth_rate, kernel_size=1, stride=1, bias=False)
        self.norm2 = nn.BatchNorm2d(bn_size * growth_rate)
        self.relu2 = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(bn_size * growth_rate, growth_rate, kernel_size=3, stride=1, padding=1, bias=False)
        self.drop_rate = float(drop_rate)
        self.memory_efficient = memory_efficient

    def bn_function(self, inputs):
        """The first half, which `memory_efficient` computes again in the backward pass."""
        return self.conv1(self.relu1(self.norm1(cat(inputs, 1))))

    def forward(self, input):
        inputs = [input] if isinstance(input, Tensor) else input
        if self.memory_efficient and any(each.requires_grad for each in inputs):
            middle = checkpoint(lambda *tensors: self.bn_function(tensors), *inputs, use_reentrant=False)
        else:
            middle = self.bn_function(inputs)
        new = self.conv2(self.relu2(self.norm2(middle)))
        return dropout(new, p=self.drop_rate, training=self.training) if self.drop_rate > 0 else new


class _DenseBlock(nn.ModuleDict):
    _version = 2

    def __init__(self, num_layers, num_input_features, bn_size, growth_rate, drop_rate, memory_efficient=False):
        super().__init__()
        for i in range(num_layers):
            layer = _DenseLayer(num_input_features + i * growth_rate, growth_rate, bn_size, drop_rate, memory_efficient)
            self.add_module(f"denselayer{i + 1}", layer)

    def forward(self, init_features):
        features = [init_features]
        for layer in self.values():
            features.append(layer(features))
        return cat(features, 1)


class _Transition(nn.Sequential):
    """Half the size."""

    def __init__(self, num_input_features, num_output_features):
        super().__init__()
        self.norm = nn.BatchNorm2d(num_input_features)
        self.relu = nn.ReLU(inplace=True)
        self.conv = nn.Conv2d(num_input_features, num_output_features, kernel_size=1, stride=1, bias=False)
        self.pool = nn.AvgPool2d(kernel_size=2, stride=2)


class DenseNet(nn.Module):
    """DenseNet for images (N, 3, H, W) of at least 29 x 29 pixels.

    Args:
        growth_rate: channels that each layer adds.
        block_config: how many layers each block has.
        num_init_features: channels after the first convolution.
        bn_size: channels between a layer's two convolutions, in units of the growth rate.
        drop_rate: the dropout probability after each layer.
        num_classes: features of the output.
        memory_efficient: compute the first half of each layer again in the backward pass: see `torch.utils.checkpoint`.
    """

    def __init__(
        self,
        growth_rate=32,
        block_config=(6, 12, 24, 16),
        num_init_features=64,
        bn_size=4,
        drop_rate=0,
        num_classes=1000,
        memory_efficient=False,
    ):
        super().__init__()
        self.features = nn.Sequential(
            OrderedDict(
                conv0=nn.Conv2d(3, num_init_features, kernel_size=7, stride=2, padding=3, bias=False),
                norm0=nn.BatchNorm2d(num_init_features),
                relu0=nn.ReLU(inplace=True),
                pool0=nn.MaxPool2d(kernel_size=3, stride=2, padding=1),
            )
        )
        channels = num_init_features
        for i, count in enumerate(block_config, 1):
            block = _DenseBlock(count, channels, bn_size, growth_rate, drop_rate, memory_efficient)
            self.features.add_module(f"denseblock{i}", block)
            channels += count * growth_rate
            if i < len(block_config):
                self.features.add_module(f"transition{i}", _Transition(channels, channels // 2))
                channels //= 2
        self.features.add_module("norm5", nn.BatchNorm2d(channels))
        self.classifier = nn.Linear(channels, num_classes)
        initialize(self, conv=nn.init.kaiming_normal_)
        nn.init.zeros_(self.classifier.bias)

    def forward(self, x):
        features = relu(self.features(x), inplace=True)
        return self.classifier(adaptive_avg_pool2d(features, (1, 1)).flatten(1))


def _renamed(state):
    """The published weights with today's names: norm.1 is norm1 now."""
    old = re.compile(r"^(.*denselayer\d+\.(?:norm|relu|conv))\.([12]\.(?:weight|bias|running_mean|running_var))$")
    return {old.sub(r"\1\2", name): value for name, value in state.items()}


DenseNet121_Weights = published("DenseNet121_Weights", __name__)
DenseNet161_Weights = published("DenseNet161_Weights", __name__)
DenseNet169_Weights = published("DenseNet169_Weights", __name__)
DenseNet201_Weights = published("DenseNet201_Weights", __name__)

_densenet = Family(DenseNet, __name__, convert=_renamed)
densenet121 = _densenet("densenet121", DenseNet121_Weights, 32, (6, 12, 24, 16), 64)
densenet161 = _densenet("densenet161", DenseNet161_Weights, 48, (6, 12, 36, 24), 96)
densenet169 = _densenet("densenet169", DenseNet169_Weights, 32, (6, 12, 32, 32), 64)
densenet201 = _densenet("densenet201", DenseNet201_Weights, 32, (6, 12, 48, 32), 64)
