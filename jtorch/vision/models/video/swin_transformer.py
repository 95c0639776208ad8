"""Swin transformers for videos (Liu and others, 2021): windows in time and space."""

from __future__ import annotations

import math
from functools import partial

from jtorch import nn
from jtorch.core.ops.functional import pad
from jtorch.core.ops.make.create import zeros
from jtorch.core.tensor import tensor
from jtorch.fx import wrap
from jtorch.vision.models._published import published
from jtorch.vision.models._utils import Family, initialize
from jtorch.vision.models._windows import position_bias, relative_positions, window_attention
from jtorch.vision.models.swin_transformer import PatchMerging, SwinTransformerBlock, swin_stages

__all__ = [
    "Swin3D_B_Weights", "Swin3D_S_Weights", "Swin3D_T_Weights", "SwinTransformer3d", "swin3d_b", "swin3d_s", "swin3d_t",
]  # fmt: skip


def shifted_window_attention_3d(
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
    training=True,
):
    """Attention within shifted windows of (N, T, H, W, C)."""
    return window_attention(
        input,
        qkv_weight,
        proj_weight,
        relative_position_bias,
        window_size,
        num_heads,
        shift_size,
        attention_dropout,
        dropout,
        qkv_bias,
        proj_bias,
        None,
        training,
    )


def _get_window_and_shift_size(shift_size, sizes, window_size):
    """The window, at most as large as the input, and the shift, 0 along a side that one window covers."""
    window = [min(pair) for pair in zip(window_size, sizes, strict=True)]
    rows = zip(shift_size, window_size, sizes, strict=True)
    return window, [0 if size <= length else by for by, length, size in rows]


def _get_relative_position_bias(table, index, window_size):
    """The bias of a window's cells: see `position_bias`."""
    cells = math.prod(window_size)
    return position_bias(table, index[:cells, :cells], cells)


def _compute_pad_size_3d(sizes, patch_size):
    """The padding that makes all patches full."""
    return tuple([-size % step for size, step in zip(sizes, patch_size, strict=True)])


for _name in (
    "_get_window_and_shift_size",
    "_get_relative_position_bias",
    "_compute_pad_size_3d",
    "shifted_window_attention_3d",
):
    wrap(_name)  # one node each under torch.fx: they look at sizes


class ShiftedWindowAttention3d(nn.Module):
    """Attention within shifted windows of (N, T, H, W, C): see `ShiftedWindowAttention` for the arguments.

    A window is at most as large as the input, and nothing is shifted along a side that one window covers.

    Raises:
        ValueError: window_size and shift_size have not three elements.
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
        if len(window_size) != 3 or len(shift_size) != 3:
            raise ValueError("window_size and shift_size must be of length 2")
        self.window_size = window_size
        self.shift_size = shift_size
        self.num_heads = num_heads
        self.attention_dropout = attention_dropout
        self.dropout = dropout
        self.qkv = nn.Linear(dim, dim * 3, bias=qkv_bias)
        self.proj = nn.Linear(dim, dim, bias=proj_bias)
        rows = math.prod(2 * size - 1 for size in window_size)
        self.relative_position_bias_table = nn.Parameter(zeros(rows, num_heads))
        nn.init.trunc_normal_(self.relative_position_bias_table, std=0.02)
        self.register_buffer("relative_position_index", tensor(relative_positions(window_size)))

    def get_relative_position_bias(self, window_size):
        """(1, heads, cells, cells) of a window of this size."""
        return _get_relative_position_bias(self.relative_position_bias_table, self.relative_position_index, window_size)

    def forward(self, x):
        _, t, h, w, _ = x.shape
        window, shift = _get_window_and_shift_size(self.shift_size, [t, h, w], self.window_size)
        bias = self.get_relative_position_bias(window)
        return shifted_window_attention_3d(
            x,
            self.qkv.weight,
            self.proj.weight,
            bias,
            window,
            self.num_heads,
            shift,
            self.attention_dropout,
            self.dropout,
            self.qkv.bias,
            self.proj.bias,
            self.training,
        )


class PatchEmbed3d(nn.Module):
    """Patches of videos (N, C, T, H, W) as (N, T, H, W, embed_dim); zeros where a patch is not full."""

    def __init__(self, patch_size, in_channels=3, embed_dim=96, norm_layer=None):
        super().__init__()
        self.tuple_patch_size = tuple(patch_size[:3])
        self.proj = nn.Conv3d(in_channels, embed_dim, kernel_size=self.tuple_patch_size, stride=self.tuple_patch_size)
        self.norm = nn.Identity() if norm_layer is None else norm_layer(embed_dim)

    def forward(self, x):
        _, _, t, h, w = x.size()
        missing = _compute_pad_size_3d((t, h, w), self.tuple_patch_size)
        x = pad(x, (0, missing[2], 0, missing[1], 0, missing[0]))
        return self.norm(self.proj(x).permute(0, 2, 3, 4, 1))


class SwinTransformer3d(nn.Module):
    """A Swin transformer for videos (N, 3, T, H, W).

    The arguments are those of `SwinTransformer`, with sizes in time and space; `patch_embed` is the class of the first layer.
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
        num_classes=400,
        norm_layer=None,
        block=None,
        downsample_layer=PatchMerging,
        patch_embed=None,
    ):
        super().__init__()
        self.num_classes = num_classes
        norm_layer = norm_layer or partial(nn.LayerNorm, eps=1e-5)
        self.patch_embed = (patch_embed or PatchEmbed3d)(
            patch_size=patch_size, embed_dim=embed_dim, norm_layer=norm_layer
        )
        self.pos_drop = nn.Dropout(p=dropout)
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
            attn_layer=ShiftedWindowAttention3d,
        )
        self.features = nn.Sequential(*stages)
        self.num_features = embed_dim * 2 ** (len(depths) - 1)
        self.norm = norm_layer(self.num_features)
        self.avgpool = nn.AdaptiveAvgPool3d(1)
        self.head = nn.Linear(self.num_features, num_classes)
        initialize(self, linear=lambda weight: nn.init.trunc_normal_(weight, std=0.02))

    def forward(self, x):
        x = self.norm(self.features(self.pos_drop(self.patch_embed(x))))
        return self.head(self.avgpool(x.permute(0, 4, 1, 2, 3)).flatten(1))


Swin3D_T_Weights = published("Swin3D_T_Weights", __name__)
Swin3D_S_Weights = published("Swin3D_S_Weights", __name__)
Swin3D_B_Weights = published("Swin3D_B_Weights", __name__)

_swin3d = Family(SwinTransformer3d, __name__)
_SHARED = {"window_size": [8, 7, 7], "stochastic_depth_prob": 0.1}
# Patches, channels, blocks and heads.
swin3d_t = _swin3d(
    "swin3d_t", Swin3D_T_Weights, [2, 4, 4], 96, [2, 2, 6, 2], [3, 6, 12, 24], legacy="KINETICS400_V1", **_SHARED
)
swin3d_s = _swin3d(
    "swin3d_s", Swin3D_S_Weights, [2, 4, 4], 96, [2, 2, 18, 2], [3, 6, 12, 24], legacy="KINETICS400_V1", **_SHARED
)
swin3d_b = _swin3d(
    "swin3d_b", Swin3D_B_Weights, [2, 4, 4], 128, [2, 2, 18, 2], [4, 8, 16, 32], legacy="KINETICS400_V1", **_SHARED
)
