"""MaxViT (Tu and others, 2022): convolution, attention within windows and attention across a grid in each layer."""

from __future__ import annotations

import math
from collections import OrderedDict
from functools import partial

import numpy as np

from jtorch import nn
from jtorch.core.methods import _assert
from jtorch.core.ops.functional import softmax
from jtorch.core.ops.functions import einsum, swapaxes
from jtorch.core.ops.make.create import empty
from jtorch.core.tensor import tensor
from jtorch.vision.models._published import published
from jtorch.vision.models._utils import Family, initialize
from jtorch.vision.models._windows import position_bias, relative_positions
from jtorch.vision.ops.misc import Conv2dNormActivation, SqueezeExcitation
from jtorch.vision.ops.stochastic_depth import StochasticDepth

__all__ = ["MaxVit", "MaxVit_T_Weights", "maxvit_t"]


def _half_size(size):
    """The size after a 3x3 convolution with stride 2 and padding 1."""
    return (size[0] - 1) // 2 + 1, (size[1] - 1) // 2 + 1


class MBConv(nn.Module):
    """A 1x1 convolution to more channels, a depthwise one, squeeze and excitation, and a 1x1 convolution back.

    Args:
        in_channels, out_channels: of the block.
        expansion_ratio: channels inside, in units of out_channels.
        squeeze_ratio: channels of squeeze and excitation, in the same units.
        stride: 1 or 2.
        activation_layer, norm_layer: classes.
        p_stochastic_dropout: the probability that the block is skipped in training.
    """

    def __init__(
        self,
        in_channels,
        out_channels,
        expansion_ratio,
        squeeze_ratio,
        stride,
        activation_layer,
        norm_layer,
        p_stochastic_dropout=0.0,
    ):
        super().__init__()
        if stride != 1 or in_channels != out_channels:
            past = [nn.Conv2d(in_channels, out_channels, kernel_size=1, stride=1, bias=True)]
            if stride == 2:
                past.insert(0, nn.AvgPool2d(kernel_size=3, stride=stride, padding=1))
            self.proj = nn.Sequential(*past)
        else:
            self.proj = nn.Identity()
        inner, squeezed = int(out_channels * expansion_ratio), int(out_channels * squeeze_ratio)
        self.stochastic_depth = (
            StochasticDepth(p_stochastic_dropout, mode="row") if p_stochastic_dropout else nn.Identity()
        )
        options = {"activation_layer": activation_layer, "norm_layer": norm_layer, "inplace": None}
        layers = OrderedDict(
            pre_norm=norm_layer(in_channels),
            conv_a=Conv2dNormActivation(in_channels, inner, kernel_size=1, stride=1, padding=0, **options),
            conv_b=Conv2dNormActivation(inner, inner, kernel_size=3, stride=stride, padding=1, groups=inner, **options),
            squeeze_excitation=SqueezeExcitation(inner, squeezed, activation=nn.SiLU),
            conv_c=nn.Conv2d(inner, out_channels, kernel_size=1, bias=True),
        )
        self.layers = nn.Sequential(layers)

    def forward(self, x):
        return self.proj(x) + self.stochastic_depth(self.layers(x))


class RelativePositionalMultiHeadAttention(nn.Module):
    """Attention within each group of (N, groups, cells, feat_dim), with a learned bias for each relative position.

    Args:
        feat_dim: features.
        head_dim: features of a head.
        max_seq_len: cells of a group, a square.

    Raises:
        ValueError: feat_dim is not a multiple of head_dim.
    """

    def __init__(self, feat_dim, head_dim, max_seq_len):
        super().__init__()
        if feat_dim % head_dim != 0:
            raise ValueError(f"feat_dim: {feat_dim} must be divisible by head_dim: {head_dim}")
        self.n_heads = feat_dim // head_dim
        self.head_dim = head_dim
        self.size = int(math.sqrt(max_seq_len))
        self.max_seq_len = max_seq_len
        self.to_qkv = nn.Linear(feat_dim, self.n_heads * self.head_dim * 3)
        self.scale_factor = feat_dim**-0.5
        self.merge = nn.Linear(self.head_dim * self.n_heads, feat_dim)
        self.relative_position_bias_table = nn.Parameter(empty((2 * self.size - 1) ** 2, self.n_heads))
        self.register_buffer("relative_position_index", tensor(relative_positions([self.size] * 2)))
        nn.init.trunc_normal_(self.relative_position_bias_table, std=0.02)

    def get_relative_positional_bias(self):
        """(1, heads, cells, cells)."""
        return position_bias(self.relative_position_bias_table, self.relative_position_index, self.max_seq_len)

    def forward(self, x):
        count, groups, cells, features = x.shape
        q, k, v = self.to_qkv(x).chunk(3, dim=-1)
        q, k, v = (
            each.reshape(count, groups, cells, self.n_heads, self.head_dim).permute(0, 1, 3, 2, 4) for each in (q, k, v)
        )
        logits = einsum("B G H I D, B G H J D -> B G H I J", q, k * self.scale_factor)
        weights = softmax(logits + self.get_relative_positional_bias(), dim=-1)
        out = einsum("B G H I J, B G H J D -> B G H I D", weights, v)
        return self.merge(out.permute(0, 1, 3, 2, 4).reshape(count, groups, cells, features))


class SwapAxes(nn.Module):
    """The input with two dimensions exchanged."""

    def __init__(self, a, b):
        super().__init__()
        self.a = a
        self.b = b

    def forward(self, x):
        return swapaxes(x, self.a, self.b)


class WindowPartition(nn.Module):
    """(N, C, H, W) as (N, windows, p · p, C)."""

    def forward(self, x, p):
        count, channels, height, width = x.shape
        x = x.reshape(count, channels, height // p, p, width // p, p).permute(0, 2, 4, 3, 5, 1)
        return x.reshape(count, (height // p) * (width // p), p * p, channels)


class WindowDepartition(nn.Module):
    """The inverse of WindowPartition."""

    def forward(self, x, p, h_partitions, w_partitions):
        count, _, _, channels = x.shape
        x = x.reshape(count, h_partitions, w_partitions, p, p, channels).permute(0, 5, 1, 3, 2, 4)
        return x.reshape(count, channels, h_partitions * p, w_partitions * p)


class PartitionAttentionLayer(nn.Module):
    """Attention and an MLP within windows ("window"), or among the cells at one place of all windows ("grid").

    Raises:
        ValueError: an unknown partition_type.
    """

    def __init__(
        self,
        in_channels,
        head_dim,
        partition_size,
        partition_type,
        grid_size,
        mlp_ratio,
        activation_layer,
        norm_layer,
        attention_dropout,
        mlp_dropout,
        p_stochastic_dropout,
    ):
        super().__init__()
        self.n_heads = in_channels // head_dim
        self.head_dim = head_dim
        self.n_partitions = grid_size[0] // partition_size
        self.partition_type = partition_type
        self.grid_size = grid_size
        if partition_type not in ("grid", "window"):
            raise ValueError("partition_type must be either 'grid' or 'window'")
        if partition_type == "window":
            self.p, self.g = partition_size, self.n_partitions
        else:
            self.p, self.g = self.n_partitions, partition_size
        self.partition_op = WindowPartition()
        self.departition_op = WindowDepartition()
        self.partition_swap = SwapAxes(-2, -3) if partition_type == "grid" else nn.Identity()
        self.departition_swap = SwapAxes(-2, -3) if partition_type == "grid" else nn.Identity()
        self.attn_layer = nn.Sequential(
            norm_layer(in_channels),
            RelativePositionalMultiHeadAttention(in_channels, head_dim, partition_size**2),
            nn.Dropout(attention_dropout),
        )
        self.mlp_layer = nn.Sequential(
            nn.LayerNorm(in_channels),
            nn.Linear(in_channels, in_channels * mlp_ratio),
            activation_layer(),
            nn.Linear(in_channels * mlp_ratio, in_channels),
            nn.Dropout(mlp_dropout),
        )
        self.stochastic_dropout = StochasticDepth(p_stochastic_dropout, mode="row")

    def forward(self, x):
        height, width = self.grid_size[0] // self.p, self.grid_size[1] // self.p
        _assert(
            self.grid_size[0] % self.p == 0 and self.grid_size[1] % self.p == 0,
            f"Grid size must be divisible by partition size. Got grid size of {self.grid_size} and partition size of {self.p}",
        )
        x = self.partition_swap(self.partition_op(x, self.p))
        x = x + self.stochastic_dropout(self.attn_layer(x))
        x = x + self.stochastic_dropout(self.mlp_layer(x))
        return self.departition_op(self.departition_swap(x), self.p, height, width)


class MaxVitLayer(nn.Module):
    """An `MBConv`, attention within windows and attention across the grid.

    `options` are those of the two attentions.
    """

    def __init__(
        self,
        in_channels,
        out_channels,
        squeeze_ratio,
        expansion_ratio,
        stride,
        norm_layer,
        activation_layer,
        p_stochastic_dropout,
        **options,
    ):
        super().__init__()
        convolution = MBConv(
            in_channels,
            out_channels,
            expansion_ratio,
            squeeze_ratio,
            stride,
            activation_layer,
            norm_layer,
            p_stochastic_dropout,
        )
        options |= {
            "activation_layer": activation_layer,
            "norm_layer": nn.LayerNorm,
            "p_stochastic_dropout": p_stochastic_dropout,
        }
        self.layers = nn.Sequential(
            OrderedDict(
                MBconv=convolution,
                window_attention=PartitionAttentionLayer(out_channels, partition_type="window", **options),
                grid_attention=PartitionAttentionLayer(out_channels, partition_type="grid", **options),
            )
        )

    def forward(self, x):
        return self.layers(x)


class MaxVitBlock(nn.Module):
    """Layers of which the first halves the size. `options` are those of `MaxVitLayer`.

    Raises:
        ValueError: p_stochastic has not n_layers elements.
    """

    def __init__(self, in_channels, out_channels, input_grid_size, n_layers, p_stochastic, **options):
        super().__init__()
        if len(p_stochastic) != n_layers:
            raise ValueError(f"p_stochastic must have length n_layers={n_layers}, got p_stochastic={p_stochastic}.")
        self.layers = nn.ModuleList()
        self.grid_size = _half_size(input_grid_size)
        for i, probability in enumerate(p_stochastic):
            self.layers.append(
                MaxVitLayer(
                    in_channels if i == 0 else out_channels,
                    out_channels,
                    stride=2 if i == 0 else 1,
                    p_stochastic_dropout=probability,
                    grid_size=self.grid_size,
                    **options,
                )
            )

    def forward(self, x):
        for layer in self.layers:
            x = layer(x)
        return x


class MaxVit(nn.Module):
    """MaxViT for images (N, 3, *input_size).

    Args:
        input_size: height and width of the images.
        stem_channels: channels after the first layer.
        partition_size: cells along a side of a window.
        block_channels, block_layers: channels and number of layers of each block.
        head_dim: features of a head of the attentions.
        stochastic_depth_prob: the probability that a part is skipped in training: from 0 at the first up to this at the
            last.
        norm_layer: of the convolutions; None: BatchNorm2d with the paper's eps and momentum.
        activation_layer: the class of the activations.
        squeeze_ratio, expansion_ratio, mlp_ratio: widths inside the layers.
        mlp_dropout, attention_dropout: the dropout probability.
        num_classes: features of the output.

    Raises:
        ValueError: the size of a block is not a multiple of the partition_size.
    """

    def __init__(
        self,
        input_size,
        stem_channels,
        partition_size,
        block_channels,
        block_layers,
        head_dim,
        stochastic_depth_prob,
        norm_layer=None,
        activation_layer=nn.GELU,
        squeeze_ratio=0.25,
        expansion_ratio=4,
        mlp_ratio=4,
        mlp_dropout=0.0,
        attention_dropout=0.0,
        num_classes=1000,
    ):
        super().__init__()
        norm_layer = norm_layer or partial(nn.BatchNorm2d, eps=1e-3, momentum=0.01)
        size = _half_size(input_size)
        _check_partitions(size, len(block_channels), partition_size)
        self.stem = _stem_of(stem_channels, norm_layer, activation_layer)
        self.partition_size = partition_size
        self.blocks = nn.ModuleList()
        probabilities = np.linspace(0, stochastic_depth_prob, sum(block_layers)).tolist()
        channels = stem_channels
        for out_channels, count in zip(block_channels, block_layers, strict=True):
            block = MaxVitBlock(
                channels,
                out_channels,
                size,
                count,
                probabilities[:count],
                squeeze_ratio=squeeze_ratio,
                expansion_ratio=expansion_ratio,
                norm_layer=norm_layer,
                activation_layer=activation_layer,
                head_dim=head_dim,
                mlp_ratio=mlp_ratio,
                mlp_dropout=mlp_dropout,
                attention_dropout=attention_dropout,
                partition_size=partition_size,
            )
            self.blocks.append(block)
            channels, size, probabilities = out_channels, block.grid_size, probabilities[count:]
        self.classifier = nn.Sequential(
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.LayerNorm(channels),
            nn.Linear(channels, channels),
            nn.Tanh(),
            nn.Linear(channels, num_classes, bias=False),
        )
        normal = lambda weight: nn.init.normal_(weight, std=0.02)
        initialize(self, conv=normal, linear=normal)

    def forward(self, x):
        x = self.stem(x)
        for block in self.blocks:
            x = block(x)
        return self.classifier(x)


def _stem_of(channels, norm_layer, activation_layer):
    """The layers before the blocks, which halve the size."""
    first = Conv2dNormActivation(
        3, channels, 3, stride=2, norm_layer=norm_layer, activation_layer=activation_layer, bias=False, inplace=None
    )
    second = Conv2dNormActivation(channels, channels, 3, stride=1, norm_layer=None, activation_layer=None, bias=True)
    return nn.Sequential(first, second)


def _check_partitions(size, blocks, partition_size):
    sizes = []
    for _ in range(blocks):
        size = _half_size(size)
        sizes.append(size)
    for i, size in enumerate(sizes):
        if size[0] % partition_size != 0 or size[1] % partition_size != 0:
            raise ValueError(
                f"Input size {size} of block {i} is not divisible by partition size {partition_size}. "
                f"Consider changing the partition size or the input size.\n"
                f"Current configuration yields the following block input sizes: {sizes}."
            )


def _of_size(input_size=(224, 224), **kwargs):
    return MaxVit(input_size, **kwargs)


MaxVit_T_Weights = published("MaxVit_T_Weights", __name__)
maxvit_t = Family(_of_size, __name__, from_weights={"input_size": lambda meta: meta["min_size"]})(
    "maxvit_t",
    MaxVit_T_Weights,
    stem_channels=64,
    block_channels=[64, 128, 256, 512],
    block_layers=[2, 2, 5, 2],
    head_dim=32,
    stochastic_depth_prob=0.2,
    partition_size=7,
)
