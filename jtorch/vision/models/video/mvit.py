"""Multiscale vision transformers (Fan and others, 2021) and MViTv2 (Li and others, 2021): attention to pooled keys."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial

import numpy as np

from jtorch import nn
from jtorch.core.ops.functional import interpolate
from jtorch.core.ops.functions import cat, einsum, repeat_interleave, tensor_split
from jtorch.core.ops.make.create import zeros
from jtorch.core.tensor import tensor
from jtorch.fx import wrap
from jtorch.vision.models._published import published
from jtorch.vision.models._utils import Family
from jtorch.vision.ops.misc import MLP
from jtorch.vision.ops.stochastic_depth import StochasticDepth

__all__ = ["MViT", "MViT_V1_B_Weights", "MViT_V2_S_Weights", "mvit_v1_b", "mvit_v2_s"]


@dataclass
class MSBlockConfig:
    """The settings of one block. An empty list: no pooling."""

    num_heads: int
    input_channels: int
    output_channels: int
    kernel_q: list[int]
    kernel_kv: list[int]
    stride_q: list[int]
    stride_kv: list[int]


def _unsqueeze(x, target_dim, expand_dim):
    """(x with `target_dim` dimensions, how many it had)."""
    dims = x.dim()
    if dims == target_dim - 1:
        x = x.unsqueeze(expand_dim)
    elif dims != target_dim:
        raise ValueError(f"Unsupported input dimension {x.shape}")
    return x, dims


def _squeeze(x, target_dim, expand_dim, tensor_dim):
    """The inverse of `_unsqueeze`."""
    return x.squeeze(expand_dim) if tensor_dim == target_dim - 1 else x


class Pool(nn.Module):
    """Pools the cells of a sequence (N, heads, 1 + cells, C), or (N, 1 + cells, C).

    The first element, the class token, stays.

    Its call takes the sequence and the sizes (T, H, W) of the cells, and returns both.
    """

    def __init__(self, pool, norm, activation=None, norm_before_pool=False):
        super().__init__()
        self.pool = pool
        layers = [each for each in (norm, activation) if each is not None]
        self.norm_act = nn.Sequential(*layers) if layers else None
        self.norm_before_pool = norm_before_pool

    def forward(self, x, thw):
        x, dims = _unsqueeze(x, 4, 1)
        first, cells = tensor_split(x, (1,), dim=2)
        cells = cells.transpose(2, 3)
        count, heads, channels = cells.shape[:3]
        cells = cells.reshape((count * heads, channels, *thw)).contiguous()
        if self.norm_before_pool and self.norm_act is not None:
            cells = self.norm_act(cells)
        cells = self.pool(cells)
        t, h, w = cells.shape[2:]
        x = cat((first, cells.reshape(count, heads, channels, -1).transpose(2, 3)), dim=2)
        if not self.norm_before_pool and self.norm_act is not None:
            x = self.norm_act(x)
        return _squeeze(x, 4, 1, dims), (t, h, w)


def _table_rows(queries, keys):
    """For each query and key along one side, the row of a table of 2 · max(queries, keys) - 1 distances."""
    q, k = np.arange(queries)[:, None] * max(keys / queries, 1.0), np.arange(keys)[None, :] + (1.0 - keys)
    return (q - k * max(queries / keys, 1.0)).astype(int)


def _rows_between(table, queries, keys, device):
    """The rows of a table of distances, interpolated to the right length, for each query and key: (queries, keys, C)."""
    length = 2 * max(queries, keys) - 1
    if table.shape[0] != length:
        table = interpolate(table.permute(1, 0).unsqueeze(0), size=length, mode="linear").squeeze(0).permute(1, 0)
    return table[tensor(_table_rows(queries, keys), device=device)]


def _add_rel_pos(logits, q, q_thw, k_thw, rel_pos_h, rel_pos_w, rel_pos_t):
    """The logits plus the products of queries and relative positions, except those of the class token."""
    count, heads, _, dim = q.shape
    rows = zip((rel_pos_t, rel_pos_h, rel_pos_w), q_thw, k_thw, strict=True)
    time, high, wide = (_rows_between(table, queries, keys, q.device) for table, queries, keys in rows)
    q = q[:, :, 1:].reshape(count, heads, *q_thw, dim)
    in_time = einsum("bythwc,tkc->bythwk", q, time)
    in_height = einsum("bythwc,hkc->bythwk", q, high)
    in_width = einsum("bythwc,wkc->bythwk", q, wide)
    total = in_height[..., None, :, None] + in_width[..., None, None, :] + in_time[..., :, None, None]
    logits[:, :, 1:, 1:] += total.reshape(count, heads, math.prod(q_thw), math.prod(k_thw))
    return logits


def _add_shortcut(x, shortcut, residual_with_cls_embed):
    """x with the shortcut added in place; to the class token only if `residual_with_cls_embed`."""
    if residual_with_cls_embed:
        x.add_(shortcut)
    else:
        x[:, :, 1:, :] += shortcut[:, :, 1:, :]
    return x


for _name in ("_unsqueeze", "_squeeze", "_add_rel_pos", "_add_shortcut"):
    wrap(_name)  # one node each under torch.fx: they look at sizes


class MultiscaleAttention(nn.Module):
    """Attention of pooled queries to pooled keys and values.

    Args:
        input_size: (T, H, W) of the cells.
        embed_dim, output_dim, num_heads: features of the input and the output, and heads.
        kernel_q, kernel_kv, stride_q, stride_kv: of the pooling; empty: no pooling.
        residual_pool: add the queries to the output.
        residual_with_cls_embed: also to its class token.
        rel_pos_embed: add products of the queries with learned relative positions.
        dropout: the dropout probability in the output.
        norm_layer: called with the features.
    """

    def __init__(
        self,
        input_size,
        embed_dim,
        output_dim,
        num_heads,
        kernel_q,
        kernel_kv,
        stride_q,
        stride_kv,
        residual_pool,
        residual_with_cls_embed,
        rel_pos_embed,
        dropout=0.0,
        norm_layer=nn.LayerNorm,
    ):
        super().__init__()
        self.embed_dim = embed_dim
        self.output_dim = output_dim
        self.num_heads = num_heads
        self.head_dim = output_dim // num_heads
        self.scaler = 1.0 / math.sqrt(self.head_dim)
        self.residual_pool = residual_pool
        self.residual_with_cls_embed = residual_with_cls_embed
        self.qkv = nn.Linear(embed_dim, 3 * output_dim)
        layers = [nn.Linear(output_dim, output_dim)]
        if dropout > 0.0:
            layers.append(nn.Dropout(dropout, inplace=True))
        self.project = nn.Sequential(*layers)
        self.pool_q = self._pool(kernel_q, stride_q, norm_layer)
        self.pool_k = self._pool(kernel_kv, stride_kv, norm_layer)
        self.pool_v = self._pool(kernel_kv, stride_kv, norm_layer)
        self.rel_pos_h = self.rel_pos_w = self.rel_pos_t = None
        if rel_pos_embed:
            size = max(input_size[1:])
            sizes = [size // stride[1] if len(stride) > 0 else size for stride in (stride_q, stride_kv)]
            space, time = 2 * max(sizes) - 1, 2 * input_size[0] - 1
            self.rel_pos_h = nn.Parameter(zeros(space, self.head_dim))
            self.rel_pos_w = nn.Parameter(zeros(space, self.head_dim))
            self.rel_pos_t = nn.Parameter(zeros(time, self.head_dim))
            for table in (self.rel_pos_h, self.rel_pos_w, self.rel_pos_t):
                nn.init.trunc_normal_(table, std=0.02)

    def _pool(self, kernel, stride, norm_layer):
        if math.prod(kernel) <= 1 and math.prod(stride) <= 1:
            return None
        dim, padding = self.head_dim, [size // 2 for size in kernel]
        conv = nn.Conv3d(dim, dim, kernel, stride=stride, padding=padding, groups=dim, bias=False)
        return Pool(conv, norm_layer(dim))

    def forward(self, x, thw):
        count, length, _ = x.shape
        q, k, v = self.qkv(x).reshape(count, length, 3, self.num_heads, self.head_dim).transpose(1, 3).unbind(dim=2)
        k_thw = thw
        if self.pool_k is not None:
            k, k_thw = self.pool_k(k, thw)
        if self.pool_v is not None:
            v = self.pool_v(v, thw)[0]
        if self.pool_q is not None:
            q, thw = self.pool_q(q, thw)
        logits = (self.scaler * q).matmul(k.transpose(2, 3))
        if self.rel_pos_h is not None:
            logits = _add_rel_pos(logits, q, thw, k_thw, self.rel_pos_h, self.rel_pos_w, self.rel_pos_t)
        x = logits.softmax(dim=-1).matmul(v)
        if self.residual_pool:
            _add_shortcut(x, q, self.residual_with_cls_embed)
        return self.project(x.transpose(1, 2).reshape(count, -1, self.output_dim)), thw


class MultiscaleBlock(nn.Module):
    """Attention and an MLP, each after a normalisation, with skip connections that are pooled as the queries are.

    Args:
        cnf: the numbers of the block.
        proj_after_attn: the attention, not the MLP, changes the number of features.
        stochastic_depth_prob: the probability that a half is skipped in training.
        input_size, residual_pool, residual_with_cls_embed, rel_pos_embed, dropout, norm_layer: as for
            MultiscaleAttention.
    """

    def __init__(
        self,
        input_size,
        cnf,
        residual_pool,
        residual_with_cls_embed,
        rel_pos_embed,
        proj_after_attn,
        dropout=0.0,
        stochastic_depth_prob=0.0,
        norm_layer=nn.LayerNorm,
    ):
        super().__init__()
        self.proj_after_attn = proj_after_attn
        self.pool_skip = None
        if math.prod(cnf.stride_q) > 1:
            kernel = [stride + 1 if stride > 1 else stride for stride in cnf.stride_q]
            pool = nn.MaxPool3d(kernel, stride=cnf.stride_q, padding=[size // 2 for size in kernel])
            self.pool_skip = Pool(pool, None)
        dim = cnf.output_channels if proj_after_attn else cnf.input_channels
        self.norm1 = norm_layer(cnf.input_channels)
        self.norm2 = norm_layer(dim)
        self.needs_transposal = isinstance(self.norm1, nn.BatchNorm1d)
        self.attn = MultiscaleAttention(
            input_size,
            cnf.input_channels,
            dim,
            cnf.num_heads,
            kernel_q=cnf.kernel_q,
            kernel_kv=cnf.kernel_kv,
            stride_q=cnf.stride_q,
            stride_kv=cnf.stride_kv,
            rel_pos_embed=rel_pos_embed,
            residual_pool=residual_pool,
            residual_with_cls_embed=residual_with_cls_embed,
            dropout=dropout,
            norm_layer=norm_layer,
        )
        self.mlp = MLP(dim, [4 * dim, cnf.output_channels], activation_layer=nn.GELU, dropout=dropout, inplace=None)
        self.stochastic_depth = StochasticDepth(stochastic_depth_prob, "row")
        self.project = None
        if cnf.input_channels != cnf.output_channels:
            self.project = nn.Linear(cnf.input_channels, cnf.output_channels)

    def _normalized(self, norm, x):
        return norm(x.transpose(1, 2)).transpose(1, 2) if self.needs_transposal else norm(x)

    def forward(self, x, thw):
        normalized = self._normalized(self.norm1, x)
        attended, new_thw = self.attn(normalized, thw)
        if self.project is not None and self.proj_after_attn:
            x = self.project(normalized)
        if self.pool_skip is not None:
            x = self.pool_skip(x, thw)[0]
        x = x + self.stochastic_depth(attended)
        normalized = self._normalized(self.norm2, x)
        if self.project is not None and not self.proj_after_attn:
            x = self.project(normalized)
        return x + self.stochastic_depth(self.mlp(normalized)), new_thw


class PositionalEncoding(nn.Module):
    """Prepends a class token to (N, cells, embed_size), and adds learned positions unless they are relative."""

    def __init__(self, embed_size, spatial_size, temporal_size, rel_pos_embed):
        super().__init__()
        self.spatial_size = spatial_size
        self.temporal_size = temporal_size
        self.class_token = nn.Parameter(zeros(embed_size))
        self.spatial_pos = self.temporal_pos = self.class_pos = None
        if not rel_pos_embed:
            self.spatial_pos = nn.Parameter(zeros(spatial_size[0] * spatial_size[1], embed_size))
            self.temporal_pos = nn.Parameter(zeros(temporal_size, embed_size))
            self.class_pos = nn.Parameter(zeros(embed_size))

    def forward(self, x):
        x = cat((self.class_token.expand(x.size(0), -1).unsqueeze(1), x), dim=1)
        in_space, in_time, first = self.spatial_pos, self.temporal_pos, self.class_pos
        if in_space is not None:
            cells, features = in_space.shape
            positions = repeat_interleave(in_time, cells, dim=0)
            positions.add_(in_space.unsqueeze(0).expand(self.temporal_size, -1, -1).reshape(-1, features))
            x.add_(cat((first.unsqueeze(0), positions), dim=0).unsqueeze(0))
        return x


class MViT(nn.Module):
    """A multiscale vision transformer for videos (N, 3, T, H, W), or images (N, 3, H, W).

    Args:
        spatial_size, temporal_size: (H, W) and T.
        block_setting: the configs of the blocks.
        residual_pool, residual_with_cls_embed, rel_pos_embed, proj_after_attn: as for MultiscaleBlock.
        dropout: the dropout probability before the last layer.
        attention_dropout: the same in the blocks.
        stochastic_depth_prob: the probability that a half of a block is skipped in training: from 0 at the first up to
            this at the last.
        num_classes: features of the output.
        block: a class with the arguments of MultiscaleBlock; None: that one.
        norm_layer: called with the features; None: LayerNorm.
        patch_embed_kernel, patch_embed_stride, patch_embed_padding: of the first layer.

    Raises:
        ValueError: there are no configs.
    """

    def __init__(
        self,
        spatial_size,
        temporal_size,
        block_setting,
        residual_pool,
        residual_with_cls_embed,
        rel_pos_embed,
        proj_after_attn,
        dropout=0.5,
        attention_dropout=0.0,
        stochastic_depth_prob=0.0,
        num_classes=400,
        block=None,
        norm_layer=None,
        patch_embed_kernel=(3, 7, 7),
        patch_embed_stride=(2, 4, 4),
        patch_embed_padding=(1, 3, 3),
    ):
        super().__init__()
        total = len(block_setting)
        if total == 0:
            raise ValueError("The configuration parameter can't be empty.")
        norm_layer = norm_layer or partial(nn.LayerNorm, eps=1e-6)
        first, last = block_setting[0].input_channels, block_setting[-1].output_channels
        self.conv_proj = nn.Conv3d(
            3, first, kernel_size=patch_embed_kernel, stride=patch_embed_stride, padding=patch_embed_padding
        )
        sizes = zip((temporal_size, *spatial_size), self.conv_proj.stride, strict=True)
        input_size = [size // stride for size, stride in sizes]
        self.pos_encoding = PositionalEncoding(first, tuple(input_size[1:]), input_size[0], rel_pos_embed)
        self.blocks = nn.ModuleList()
        for i, setting in enumerate(block_setting):
            self.blocks.append(
                (block or MultiscaleBlock)(
                    input_size=input_size,
                    cnf=setting,
                    residual_pool=residual_pool,
                    residual_with_cls_embed=residual_with_cls_embed,
                    rel_pos_embed=rel_pos_embed,
                    proj_after_attn=proj_after_attn,
                    dropout=attention_dropout,
                    stochastic_depth_prob=stochastic_depth_prob * i / (total - 1.0),
                    norm_layer=norm_layer,
                )
            )
            if len(setting.stride_q) > 0:
                input_size = [size // stride for size, stride in zip(input_size, setting.stride_q, strict=True)]
        self.norm = norm_layer(last)
        self.head = nn.Sequential(nn.Dropout(dropout, inplace=True), nn.Linear(last, num_classes))
        self._init_weights()

    def _init_weights(self):
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.trunc_normal_(module.weight, std=0.02)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
            elif isinstance(module, nn.LayerNorm):
                nn.init.ones_(module.weight)
                nn.init.zeros_(module.bias)
            elif isinstance(module, PositionalEncoding):
                for parameter in module.parameters():
                    nn.init.trunc_normal_(parameter, std=0.02)

    def forward(self, x):
        x = _unsqueeze(x, 5, 2)[0]
        x = self.pos_encoding(self.conv_proj(x).flatten(2).transpose(1, 2))
        thw = (self.pos_encoding.temporal_size, *self.pos_encoding.spatial_size)
        for block in self.blocks:
            x, thw = block(x, thw)
        return self.head(self.norm(x)[:, 0])


# Input and output features of each block, and the blocks whose queries are pooled.
_B = ([96, *[192] * 2, *[384] * 11, *[768] * 2], [*[192] * 2, *[384] * 11, *[768] * 3])
_S = ([*[96] * 2, *[192] * 2, *[384] * 11, 768], [96, *[192] * 2, *[384] * 11, *[768] * 2])
_POOLED = (1, 3, 14)
_HEADS = [1, *[2] * 2, *[4] * 11, *[8] * 2]
_STRIDES = [8, *[4] * 2, *[2] * 11, *[1] * 2]  # of the keys and values, in space


def _multiscale_settings(features, always):
    """The configs of 16 blocks; `always`: every block convolves its queries, with stride 1 where nothing is pooled."""
    settings = []
    for i, (heads, *channels, stride) in enumerate(zip(_HEADS, *features, _STRIDES, strict=True)):
        if i in _POOLED:
            kernel, step = [3, 3, 3], [1, 2, 2]
        else:
            kernel, step = ([3, 3, 3], [1, 1, 1]) if always else ([], [])
        settings.append(MSBlockConfig(heads, *channels, kernel, [3, 3, 3], step, [1, stride, stride]))
    return settings


def _of_scales(
    features,
    always,
    spatial_size=(224, 224),
    temporal_size=16,
    residual_pool=False,
    residual_with_cls_embed=True,
    rel_pos_embed=False,
    proj_after_attn=False,
    **kwargs,
):
    settings = _multiscale_settings(features, always)
    return MViT(
        spatial_size,
        temporal_size,
        settings,
        residual_pool,
        residual_with_cls_embed,
        rel_pos_embed,
        proj_after_attn,
        **kwargs,
    )


MViT_V1_B_Weights = published("MViT_V1_B_Weights", __name__)
MViT_V2_S_Weights = published("MViT_V2_S_Weights", __name__)

_FIXED = {"spatial_size": lambda meta: meta["min_size"], "temporal_size": lambda meta: meta["min_temporal_size"]}
_mvit = Family(_of_scales, __name__, from_weights=_FIXED)
mvit_v1_b = _mvit(
    "mvit_v1_b",
    MViT_V1_B_Weights,
    _B,
    False,
    legacy="KINETICS400_V1",
    residual_pool=False,
    residual_with_cls_embed=False,
    stochastic_depth_prob=0.2,
)
mvit_v2_s = _mvit(
    "mvit_v2_s",
    MViT_V2_S_Weights,
    _S,
    True,
    legacy="KINETICS400_V1",
    residual_pool=True,
    residual_with_cls_embed=False,
    rel_pos_embed=True,
    proj_after_attn=True,
    stochastic_depth_prob=0.2,
)
