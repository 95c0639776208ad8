"""The vision transformer (Dosovitskiy and others, 2020): an image as a sequence of patches."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from jtorch import nn
from jtorch.core.methods import _assert
from jtorch.core.ops.functional import interpolate
from jtorch.core.ops.functions import cat
from jtorch.core.ops.make.create import empty, zeros
from jtorch.vision.models._published import published
from jtorch.vision.models._utils import Family
from jtorch.vision.ops.misc import MLP, Conv2dNormActivation

__all__ = [
    "ViT_B_16_Weights",
    "ViT_B_32_Weights",
    "ViT_H_14_Weights",
    "ViT_L_16_Weights",
    "ViT_L_32_Weights",
    "VisionTransformer",
    "vit_b_16",
    "vit_b_32",
    "vit_h_14",
    "vit_l_16",
    "vit_l_32",
]  # fmt: skip

_NORM = partial(nn.LayerNorm, eps=1e-6)


class ConvStemConfig(NamedTuple):
    """A convolution before the patches become a sequence."""

    out_channels: int
    kernel_size: int
    stride: int
    norm_layer: Callable = nn.BatchNorm2d
    activation_layer: Callable = nn.ReLU


class MLPBlock(MLP):
    """Two linear layers with a GELU between them."""

    _version = 2  # in version 1 the layers were linear_1 and linear_2

    def __init__(self, in_dim, mlp_dim, dropout):
        super().__init__(in_dim, [mlp_dim, in_dim], activation_layer=nn.GELU, inplace=None, dropout=dropout)
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.xavier_uniform_(module.weight)
                nn.init.normal_(module.bias, std=1e-6)

    def _load_from_state_dict(self, state_dict, prefix, local_metadata, *rest):
        if (local_metadata.get("version") or 1) < 2:
            for i in range(2):
                for kind in ("weight", "bias"):
                    old = f"{prefix}linear_{i + 1}.{kind}"
                    if old in state_dict:
                        state_dict[f"{prefix}{3 * i}.{kind}"] = state_dict.pop(old)
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *rest)


class EncoderBlock(nn.Module):
    """Self-attention and an MLP on (N, L, hidden_dim), each after a normalisation and with a skip connection."""

    def __init__(self, num_heads, hidden_dim, mlp_dim, dropout, attention_dropout, norm_layer=_NORM):
        super().__init__()
        self.num_heads = num_heads
        self.ln_1 = norm_layer(hidden_dim)
        self.self_attention = nn.MultiheadAttention(hidden_dim, num_heads, dropout=attention_dropout, batch_first=True)
        self.dropout = nn.Dropout(dropout)
        self.ln_2 = norm_layer(hidden_dim)
        self.mlp = MLPBlock(hidden_dim, mlp_dim, dropout)

    def forward(self, input):
        _assert(input.dim() == 3, f"Expected (batch_size, seq_length, hidden_dim) got {input.shape}")
        x = self.ln_1(input)
        x, _ = self.self_attention(x, x, x, need_weights=False)
        x = self.dropout(x) + input
        return x + self.mlp(self.ln_2(x))


class Encoder(nn.Module):
    """A learned position for each element of (N, seq_length, hidden_dim), blocks, and a normalisation."""

    def __init__(
        self, seq_length, num_layers, num_heads, hidden_dim, mlp_dim, dropout, attention_dropout, norm_layer=_NORM
    ):
        super().__init__()
        self.pos_embedding = nn.Parameter(empty(1, seq_length, hidden_dim).normal_(std=0.02))
        self.dropout = nn.Dropout(dropout)
        layers = OrderedDict()
        for i in range(num_layers):
            layers[f"encoder_layer_{i}"] = EncoderBlock(
                num_heads, hidden_dim, mlp_dim, dropout, attention_dropout, norm_layer
            )
        self.layers = nn.Sequential(layers)
        self.ln = norm_layer(hidden_dim)

    def forward(self, input):
        _assert(input.dim() == 3, f"Expected (batch_size, seq_length, hidden_dim) got {input.shape}")
        return self.ln(self.layers(self.dropout(input + self.pos_embedding)))


class VisionTransformer(nn.Module):
    """A vision transformer for images (N, 3, image_size, image_size).

    Args:
        image_size: pixels of a side: a multiple of `patch_size`.
        patch_size: pixels of a patch's side.
        num_layers, num_heads, hidden_dim, mlp_dim: of the encoder.
        dropout: the dropout probability in the encoder.
        attention_dropout: the same for the attention's weights.
        num_classes: features of the output.
        representation_size: features of one more layer before the last; None: there is none.
        norm_layer: called with the features.
        conv_stem_configs: convolutions that make the sequence; None: one linear layer a patch.
    """

    def __init__(
        self,
        image_size,
        patch_size,
        num_layers,
        num_heads,
        hidden_dim,
        mlp_dim,
        dropout=0.0,
        attention_dropout=0.0,
        num_classes=1000,
        representation_size=None,
        norm_layer=_NORM,
        conv_stem_configs=None,
    ):
        super().__init__()
        _assert(image_size % patch_size == 0, "Input shape indivisible by patch size!")
        self.image_size = image_size
        self.patch_size = patch_size
        self.hidden_dim = hidden_dim
        self.mlp_dim = mlp_dim
        self.attention_dropout = attention_dropout
        self.dropout = dropout
        self.num_classes = num_classes
        self.representation_size = representation_size
        self.norm_layer = norm_layer
        if conv_stem_configs is not None:
            self.conv_proj = _conv_stem(conv_stem_configs, hidden_dim)
        else:
            self.conv_proj = nn.Conv2d(3, hidden_dim, kernel_size=patch_size, stride=patch_size)
        self.class_token = nn.Parameter(zeros(1, 1, hidden_dim))
        self.seq_length = (image_size // patch_size) ** 2 + 1
        self.encoder = Encoder(
            self.seq_length, num_layers, num_heads, hidden_dim, mlp_dim, dropout, attention_dropout, norm_layer
        )
        heads = OrderedDict()
        if representation_size is not None:
            heads["pre_logits"] = nn.Linear(hidden_dim, representation_size)
            heads["act"] = nn.Tanh()
        heads["head"] = nn.Linear(representation_size or hidden_dim, num_classes)
        self.heads = nn.Sequential(heads)
        self._init_weights()

    def _init_weights(self):
        if isinstance(self.conv_proj, nn.Conv2d):
            conv = self.conv_proj
            inputs = conv.in_channels * conv.kernel_size[0] * conv.kernel_size[1]
            nn.init.trunc_normal_(conv.weight, std=math.sqrt(1 / inputs))
        else:
            conv = self.conv_proj.conv_last
            nn.init.normal_(conv.weight, mean=0.0, std=math.sqrt(2.0 / conv.out_channels))
        nn.init.zeros_(conv.bias)
        if self.representation_size is not None:
            layer = self.heads.pre_logits
            nn.init.trunc_normal_(layer.weight, std=math.sqrt(1 / layer.in_features))
            nn.init.zeros_(layer.bias)
        nn.init.zeros_(self.heads.head.weight)
        nn.init.zeros_(self.heads.head.bias)

    def _process_input(self, x):
        """The patches of the images as (N, L, hidden_dim)."""
        count, _, height, width = x.shape
        size = self.image_size
        _assert(height == size, f"Wrong image height! Expected {size} but got {height}!")
        _assert(width == size, f"Wrong image width! Expected {size} but got {width}!")
        rows, columns = height // self.patch_size, width // self.patch_size
        return self.conv_proj(x).reshape(count, self.hidden_dim, rows * columns).permute(0, 2, 1)

    def forward(self, x):
        x = self._process_input(x)
        count = x.shape[0]
        x = cat([self.class_token.expand(count, -1, -1), x], dim=1)
        return self.heads(self.encoder(x)[:, 0])


def _conv_stem(configs, hidden_dim):
    layers, channels = nn.Sequential(), 3
    for i, config in enumerate(configs):
        layer = Conv2dNormActivation(
            channels,
            config.out_channels,
            config.kernel_size,
            config.stride,
            norm_layer=config.norm_layer,
            activation_layer=config.activation_layer,
        )
        layers.add_module(f"conv_bn_relu_{i}", layer)
        channels = config.out_channels
    layers.add_module("conv_last", nn.Conv2d(channels, hidden_dim, kernel_size=1))
    return layers


def interpolate_embeddings(image_size, patch_size, model_state, interpolation_mode="bicubic", reset_heads=False):
    """The state_dict of a vision transformer for images of another size: the positions are interpolated.

    Args:
        image_size, patch_size: of the new model.
        model_state: the state_dict of the old model; it is changed.
        interpolation_mode: of `torch.nn.functional.interpolate`.
        reset_heads: leave out the last layers.

    Raises:
        ValueError: the positions are not those of a square.
    """
    old = model_state["encoder.pos_embedding"]
    count, length, hidden_dim = old.shape
    if count != 1:
        raise ValueError(f"Unexpected position embedding shape: {old.shape}")
    new_side = image_size // patch_size
    if new_side**2 + 1 == length:
        return model_state
    length -= 1
    side = int(math.sqrt(length))
    if side * side != length:
        raise ValueError(
            f"seq_length is not a perfect square! Instead got seq_length_1d * seq_length_1d = {side * side} and seq_length = {length}"
        )
    square = old[:, 1:, :].permute(0, 2, 1).reshape(1, hidden_dim, side, side)
    square = interpolate(square, size=new_side, mode=interpolation_mode, align_corners=True)
    patches = square.reshape(1, hidden_dim, new_side**2).permute(0, 2, 1)
    model_state["encoder.pos_embedding"] = cat([old[:, :1, :], patches], dim=1)
    if reset_heads:
        return OrderedDict((name, value) for name, value in model_state.items() if not name.startswith("heads"))
    return model_state


def _of_patches(patch_size, num_layers, num_heads, hidden_dim, mlp_dim, image_size=224, **kwargs):
    return VisionTransformer(image_size, patch_size, num_layers, num_heads, hidden_dim, mlp_dim, **kwargs)


ViT_B_16_Weights = published("ViT_B_16_Weights", __name__)
ViT_B_32_Weights = published("ViT_B_32_Weights", __name__)
ViT_L_16_Weights = published("ViT_L_16_Weights", __name__)
ViT_L_32_Weights = published("ViT_L_32_Weights", __name__)
ViT_H_14_Weights = published("ViT_H_14_Weights", __name__)

_vit = Family(_of_patches, __name__, from_weights={"image_size": lambda meta: meta["min_size"][0]})
# Patch size, layers, heads, features, features inside.
vit_b_16 = _vit("vit_b_16", ViT_B_16_Weights, 16, 12, 12, 768, 3072)
vit_b_32 = _vit("vit_b_32", ViT_B_32_Weights, 32, 12, 12, 768, 3072)
vit_l_16 = _vit("vit_l_16", ViT_L_16_Weights, 16, 24, 16, 1024, 4096)
vit_l_32 = _vit("vit_l_32", ViT_L_32_Weights, 32, 24, 16, 1024, 4096)
vit_h_14 = _vit("vit_h_14", ViT_H_14_Weights, 14, 32, 16, 1280, 5120, legacy=None)
