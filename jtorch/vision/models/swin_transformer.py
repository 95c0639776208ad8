"""Swin transformers (Liu and others, 2021) and Swin V2 (2022): attention within windows that shift from block to block."""

from __future__ import annotations

import math
from functools import partial

import numpy as np

from jtorch import nn
from jtorch.core.grad import no_grad
from jtorch.core.ops.functional import pad
from jtorch.core.ops.functions import cat, log
from jtorch.core.ops.make.create import ones, zeros
from jtorch.core.tensor import tensor
from jtorch.fx import wrap
from jtorch.vision.models._published import published
from jtorch.vision.models._utils import Family, initialize
from jtorch.vision.models._windows import position_bias, relative_positions, window_attention
from jtorch.vision.ops.misc import MLP, Permute
from jtorch.vision.ops.stochastic_depth import StochasticDepth

__all__ = [
    "SwinTransformer",
    "Swin_B_Weights",
    "Swin_S_Weights",
    "Swin_T_Weights",
    "Swin_V2_B_Weights",
    "Swin_V2_S_Weights",
    "Swin_V2_T_Weights",
    "swin_b",
    "swin_s",
    "swin_t",
    "swin_v2_b",
    "swin_v2_s",
    "swin_v2_t",
]  # fmt: skip


def _patch_merging_pad(x):
    """(..., H, W, C) as (..., H / 2, W / 2, 4 · C): four neighbours become one cell, with zeros at the edge."""
    height, width, _ = x.shape[-3:]
    x = pad(x, (0, 0, 0, width % 2, 0, height % 2))
    return cat([x[..., i::2, j::2, :] for j in (0, 1) for i in (0, 1)], -1)


def _get_relative_position_bias(table, index, window_size):
    """The bias of a window's cells: see `position_bias`."""
    return position_bias(table, index, math.prod(window_size))


class PatchMerging(nn.Module):
    """Halves the size and doubles the channels of (..., H, W, C): normalisation, then a linear layer."""

    def __init__(self, dim, norm_layer=nn.LayerNorm):
        super().__init__()
        self.dim = dim
        self.reduction = nn.Linear(4 * dim, 2 * dim, bias=False)
        self.norm = norm_layer(4 * dim)

    def forward(self, x):
        return self.reduction(self.norm(_patch_merging_pad(x)))


class PatchMergingV2(nn.Module):
    """The same with the normalisation after the linear layer."""

    def __init__(self, dim, norm_layer=nn.LayerNorm):
        super().__init__()
        self.dim = dim
        self.reduction = nn.Linear(4 * dim, 2 * dim, bias=False)
        self.norm = norm_layer(2 * dim)

    def forward(self, x):
        return self.norm(self.reduction(_patch_merging_pad(x)))


def shifted_window_attention(
    input,
    qkv_weight,
    proj_weight,
    relative_position_bias,
    window_size,
    num_heads,
    shift_size,
    attention_dropout=0.0,
    dropout=0.0,
    qkv_bias=None,
    proj_bias=None,
    logit_scale=None,
    training=True,
):
    """Attention within shifted windows of (N, H, W, C); where one window covers a side, nothing is shifted along it."""
    shift = [
        0 if length >= size + -size % length else by
        for size, length, by in zip(input.shape[1:3], window_size, shift_size, strict=True)
    ]
    return window_attention(
        input,
        qkv_weight,
        proj_weight,
        relative_position_bias,
        window_size,
        num_heads,
        shift,
        attention_dropout,
        dropout,
        qkv_bias,
        proj_bias,
        logit_scale,
        training,
    )


for _name in ("_patch_merging_pad", "_get_relative_position_bias", "shifted_window_attention"):
    wrap(_name)  # one node each under torch.fx: they look at sizes


class ShiftedWindowAttention(nn.Module):
    """Attention within shifted windows, with a learned bias for each relative position of two cells.

    Args:
        dim: channels C of the input (N, H, W, C).
        window_size: height and width of a window.
        shift_size: by how much the windows are shifted.
        num_heads: of the attention.
        qkv_bias, proj_bias: whether the linear layers have a bias.
        attention_dropout, dropout: the dropout probability in the attention's weights and in the output.

    Raises:
        ValueError: window_size and shift_size have not two elements.
    """

    def __init__(
        self,
        dim,
        window_size,
        shift_size,
        num_heads,
        qkv_bias=True,
        proj_bias=True,
        attention_dropout=0.0,
        dropout=0.0,
    ):
        super().__init__()
        if len(window_size) != 2 or len(shift_size) != 2:
            raise ValueError("window_size and shift_size must be of length 2")
        self.window_size = window_size
        self.shift_size = shift_size
        self.num_heads = num_heads
        self.attention_dropout = attention_dropout
        self.dropout = dropout
        self.qkv = nn.Linear(dim, dim * 3, bias=qkv_bias)
        self.proj = nn.Linear(dim, dim, bias=proj_bias)
        self.define_relative_position_bias_table()
        self.register_buffer("relative_position_index", tensor(relative_positions(window_size).flatten()))

    def define_relative_position_bias_table(self):
        """Make the learned table, with a row for each relative position."""
        rows = math.prod(2 * size - 1 for size in self.window_size)
        self.relative_position_bias_table = nn.Parameter(zeros(rows, self.num_heads))
        nn.init.trunc_normal_(self.relative_position_bias_table, std=0.02)

    def get_relative_position_bias(self):
        """(1, heads, cells, cells)."""
        return _get_relative_position_bias(
            self.relative_position_bias_table, self.relative_position_index, self.window_size
        )

    def _scale(self):
        return None

    def forward(self, x):
        bias = self.get_relative_position_bias()
        return shifted_window_attention(
            x,
            self.qkv.weight,
            self.proj.weight,
            bias,
            self.window_size,
            self.num_heads,
            self.shift_size,
            self.attention_dropout,
            self.dropout,
            self.qkv.bias,
            self.proj.bias,
            self._scale(),
            self.training,
        )


class ShiftedWindowAttentionV2(ShiftedWindowAttention):
    """The same with scaled cosines in place of dot products, and a bias that an MLP computes from the distance."""

    def __init__(
        self,
        dim,
        window_size,
        shift_size,
        num_heads,
        qkv_bias=True,
        proj_bias=True,
        attention_dropout=0.0,
        dropout=0.0,
    ):
        super().__init__(dim, window_size, shift_size, num_heads, qkv_bias, proj_bias, attention_dropout, dropout)
        self.logit_scale = nn.Parameter(log(10 * ones((num_heads, 1, 1))))
        self.cpb_mlp = nn.Sequential(
            nn.Linear(2, 512, bias=True), nn.ReLU(inplace=True), nn.Linear(512, num_heads, bias=False)
        )
        if qkv_bias:
            with no_grad():
                self.qkv.bias[dim : 2 * dim].zero_()  # keys have no bias

    def define_relative_position_bias_table(self):
        """The distances, from -8 to 8 and then in logarithms."""
        height, width = (
            np.arange(1 - size, size, dtype=np.float32) / np.float32(size - 1) for size in self.window_size
        )
        distances = 8 * np.stack(np.meshgrid(height, width, indexing="ij"), axis=-1)[None]
        table = np.sign(distances) * np.log2(np.abs(distances) + 1) / np.float32(3)
        self.register_buffer("relative_coords_table", tensor(table))

    def get_relative_position_bias(self):
        table = self.cpb_mlp(self.relative_coords_table).view(-1, self.num_heads)
        return 16 * _get_relative_position_bias(table, self.relative_position_index, self.window_size).sigmoid()

    def _scale(self):
        return self.logit_scale


class SwinTransformerBlock(nn.Module):
    """Attention and an MLP on (N, H, W, C), each after a normalisation and with a skip connection.

    Args:
        dim, num_heads, window_size, shift_size: of the attention.
        mlp_ratio: features inside the MLP, in units of C.
        dropout, attention_dropout: the dropout probability.
        stochastic_depth_prob: the probability that a half is skipped in training.
        norm_layer: called with the features.
        attn_layer: the class of the attention.
    """

    def __init__(
        self,
        dim,
        num_heads,
        window_size,
        shift_size,
        mlp_ratio=4.0,
        dropout=0.0,
        attention_dropout=0.0,
        stochastic_depth_prob=0.0,
        norm_layer=nn.LayerNorm,
        attn_layer=ShiftedWindowAttention,
    ):
        super().__init__()
        self.norm1 = norm_layer(dim)
        self.attn = attn_layer(
            dim, window_size, shift_size, num_heads, attention_dropout=attention_dropout, dropout=dropout
        )
        self.stochastic_depth = StochasticDepth(stochastic_depth_prob, "row")
        self.norm2 = norm_layer(dim)
        self.mlp = MLP(dim, [int(dim * mlp_ratio), dim], activation_layer=nn.GELU, inplace=None, dropout=dropout)
        for module in self.mlp.modules():
            if isinstance(module, nn.Linear):
                nn.init.xavier_uniform_(module.weight)
                nn.init.normal_(module.bias, std=1e-6)

    def forward(self, x):
        x = x + self.stochastic_depth(self.attn(self.norm1(x)))
        return x + self.stochastic_depth(self.mlp(self.norm2(x)))


class SwinTransformerBlockV2(SwinTransformerBlock):
    """The same with the normalisations last."""

    def __init__(self, *args, attn_layer=ShiftedWindowAttentionV2, **kwargs):
        super().__init__(*args, attn_layer=attn_layer, **kwargs)

    def forward(self, x):
        x = x + self.stochastic_depth(self.norm1(self.attn(x)))
        return x + self.stochastic_depth(self.norm2(self.mlp(x)))


def swin_stages(block, downsample_layer, embed_dim, depths, num_heads, window_size, stochastic_depth_prob, **options):
    """The blocks of all stages, each stage a Sequential, with the layers that shrink the grid between them.

    Every second block shifts its windows by half their size. In training a block is skipped with a probability that
    grows from 0 at the first to `stochastic_depth_prob` at the last.
    """
    layers, made = [], 0
    for stage, (depth, heads) in enumerate(zip(depths, num_heads, strict=True)):
        dim, blocks = embed_dim * 2**stage, []
        for i in range(depth):
            blocks.append(
                block(
                    dim,
                    heads,
                    window_size=window_size,
                    shift_size=[0 if i % 2 == 0 else size // 2 for size in window_size],
                    stochastic_depth_prob=stochastic_depth_prob * float(made) / (sum(depths) - 1),
                    **options,
                )
            )
            made += 1
        layers.append(nn.Sequential(*blocks))
        if stage < len(depths) - 1:
            layers.append(downsample_layer(dim, options["norm_layer"]))
    return layers


class SwinTransformer(nn.Module):
    """A Swin transformer for images (N, 3, H, W).

    Args:
        patch_size: height and width of a patch.
        embed_dim: channels of the first stage; each next one doubles them.
        depths: how many blocks each stage has.
        num_heads: heads of the attention, by stage.
        window_size: height and width of a window, in patches.
        mlp_ratio, dropout, attention_dropout, norm_layer: of the blocks.
        stochastic_depth_prob: see :func:`swin_stages`.
        num_classes: features of the output.
        block: a class with the arguments of SwinTransformerBlock; None: that one.
        downsample_layer: the class of the layers between the stages.
    """

    def __init__(
        self,
        patch_size,
        embed_dim,
        depths,
        num_heads,
        window_size,
        mlp_ratio=4.0,
        dropout=0.0,
        attention_dropout=0.0,
        stochastic_depth_prob=0.1,
        num_classes=1000,
        norm_layer=None,
        block=None,
        downsample_layer=PatchMerging,
    ):
        super().__init__()
        self.num_classes = num_classes
        norm_layer = norm_layer or partial(nn.LayerNorm, eps=1e-5)
        patches = nn.Sequential(
            nn.Conv2d(3, embed_dim, kernel_size=tuple(patch_size[:2]), stride=tuple(patch_size[:2])),
            Permute([0, 2, 3, 1]),
            norm_layer(embed_dim),
        )
        stages = swin_stages(
            block or SwinTransformerBlock,
            downsample_layer,
            embed_dim,
            depths,
            num_heads,
            window_size,
            stochastic_depth_prob,
            mlp_ratio=mlp_ratio,
            dropout=dropout,
            attention_dropout=attention_dropout,
            norm_layer=norm_layer,
        )
        self.features = nn.Sequential(patches, *stages)
        channels = embed_dim * 2 ** (len(depths) - 1)
        self.norm = norm_layer(channels)
        self.permute = Permute([0, 3, 1, 2])
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten(1)
        self.head = nn.Linear(channels, num_classes)
        initialize(self, linear=lambda weight: nn.init.trunc_normal_(weight, std=0.02))

    def forward(self, x):
        x = self.permute(self.norm(self.features(x)))
        return self.head(self.flatten(self.avgpool(x)))


Swin_T_Weights = published("Swin_T_Weights", __name__)
Swin_S_Weights = published("Swin_S_Weights", __name__)
Swin_B_Weights = published("Swin_B_Weights", __name__)
Swin_V2_T_Weights = published("Swin_V2_T_Weights", __name__)
Swin_V2_S_Weights = published("Swin_V2_S_Weights", __name__)
Swin_V2_B_Weights = published("Swin_V2_B_Weights", __name__)

_swin = Family(SwinTransformer, __name__)
_V2 = {"block": SwinTransformerBlockV2, "downsample_layer": PatchMergingV2}
# Patches, channels, blocks, heads and windows.
_T = ([4, 4], 96, [2, 2, 6, 2], [3, 6, 12, 24])
_S = ([4, 4], 96, [2, 2, 18, 2], [3, 6, 12, 24])
_B = ([4, 4], 128, [2, 2, 18, 2], [4, 8, 16, 32])
swin_t = _swin("swin_t", Swin_T_Weights, *_T, [7, 7], stochastic_depth_prob=0.2)
swin_s = _swin("swin_s", Swin_S_Weights, *_S, [7, 7], stochastic_depth_prob=0.3)
swin_b = _swin("swin_b", Swin_B_Weights, *_B, [7, 7], stochastic_depth_prob=0.5)
swin_v2_t = _swin("swin_v2_t", Swin_V2_T_Weights, *_T, [8, 8], stochastic_depth_prob=0.2, **_V2)
swin_v2_s = _swin("swin_v2_s", Swin_V2_S_Weights, *_S, [8, 8], stochastic_depth_prob=0.3, **_V2)
swin_v2_b = _swin("swin_v2_b", Swin_V2_B_Weights, *_B, [8, 8], stochastic_depth_prob=0.5, **_V2)
