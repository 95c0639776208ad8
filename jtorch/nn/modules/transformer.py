"""Transformer, its encoder and decoder, and their layers."""

from __future__ import annotations

import copy
import warnings

from jtorch.core.engine import local
from jtorch.core.facts import dtypes
from jtorch.core.ops.arithmetic.logic import where
from jtorch.core.ops.layers import attention
from jtorch.core.ops.make.create import full
from jtorch.nn import init
from jtorch.nn.functional import gelu, relu
from jtorch.nn.modules.activation import MultiheadAttention
from jtorch.nn.modules.container import ModuleList
from jtorch.nn.modules.dropout import Dropout
from jtorch.nn.modules.linear import Linear
from jtorch.nn.modules.module import Module
from jtorch.nn.modules.normalization import LayerNorm
from jtorch.nn.modules.utils import copy_as

__all__ = [
    "Transformer",
    "TransformerDecoder",
    "TransformerDecoderLayer",
    "TransformerEncoder",
    "TransformerEncoderLayer",
]

# The arguments that the layers share. Transformer has the same, with two numbers of layers.
_ARGS = """
    Args:
        d_model: size of the input and the result; a multiple of nhead.
        nhead: number of heads of each attention.
        dim_feedforward: size of the hidden layer in the feed-forward network.
        dropout: the fraction that each dropout drops in training.
        activation: "relu", "gelu" or a function.
        layer_norm_eps: eps of the layer norms.
        batch_first: tensors are (batch, length, size), not (length, batch, size).
        norm_first: normalise before each part, not after it.
        bias: whether linear layers and layer norms have one.
        device, dtype: of the parameters; None: the defaults."""


def _get_activation_fn(activation):
    if activation == "relu":
        return relu
    if activation == "gelu":
        return gelu
    raise RuntimeError(f"activation should be relu/gelu, not {activation}")


def _generate_square_subsequent_mask(sz, device=None, dtype=None):
    dtype = dtypes.get_default_dtype() if dtype is None else dtype
    return full((sz, sz), float("-inf"), dtype=dtype, device=device).triu(diagonal=1)


def _get_clones(module, n):
    return ModuleList([copy.deepcopy(module) for _ in range(n)])


class _TransformerLayer(Module):
    """The base of an encoder layer and a decoder layer: attentions, a feed-forward network, and a norm after each."""

    __constants__ = ["norm_first"]
    _attentions = ()  # the names of the attentions, in order

    def __init__(
        self,
        d_model,
        nhead,
        dim_feedforward=2048,
        dropout=0.1,
        activation=relu,
        layer_norm_eps=1e-5,
        batch_first=False,
        norm_first=False,
        bias=True,
        device=None,
        dtype=None,
    ):
        super().__init__()
        place = {"device": device, "dtype": dtype}
        for name in self._attentions:
            setattr(self, name, MultiheadAttention(d_model, nhead, dropout, bias, batch_first=batch_first, **place))
        self.linear1 = Linear(d_model, dim_feedforward, bias, **place)
        self.dropout = Dropout(dropout)
        self.linear2 = Linear(dim_feedforward, d_model, bias, **place)
        self.norm_first = norm_first
        parts = range(1, len(self._attentions) + 2)
        for i in parts:
            setattr(self, f"norm{i}", LayerNorm(d_model, layer_norm_eps, bias=bias, **place))
        for i in parts:
            setattr(self, f"dropout{i}", Dropout(dropout))
        self.activation = _get_activation_fn(activation) if isinstance(activation, str) else activation
        self._note_activation()

    def _note_activation(self):
        """Keep what the class needs to know of the activation. `__init__` calls it last."""

    def __setstate__(self, state):
        super().__setstate__(state)
        if not hasattr(self, "activation"):
            self.activation = relu

    def _sa_block(self, x, attn_mask, key_padding_mask, is_causal=False):
        out = self.self_attn(x, x, x, key_padding_mask, False, attn_mask, is_causal=is_causal)[0]
        return self.dropout1(out)

    def _feed_forward(self, x, last):
        return last(self.linear2(self.dropout(self.activation(self.linear1(x)))))


class TransformerEncoderLayer(_TransformerLayer):
    __doc__ = f"""Self-attention and a feed-forward network, each with a residual and a layer norm.
{_ARGS}

    Shape:
        src (S, N, d_model) → the same; (N, S, d_model) with batch_first; also without the N. src_mask is (S, S) or
        (N * nhead, S, S), src_key_padding_mask (N, S): True where nothing attends, or numbers to add.

    >>> torch.nn.TransformerEncoderLayer(8, 2)(torch.zeros(5, 1, 8)).shape
    torch.Size([5, 1, 8])
    """

    _attentions = ("self_attn",)

    __init__ = copy_as("TransformerEncoderLayer.__init__", _TransformerLayer.__init__)

    def _note_activation(self):
        kind = getattr(self.activation, "__name__", type(self.activation).__name__.lower())
        self.activation_relu_or_gelu = {"relu": 1, "gelu": 2}.get(kind, 0)

    def forward(self, src, src_mask=None, src_key_padding_mask=None, is_causal=False):
        src_key_padding_mask = attention.canonical_mask(
            src_key_padding_mask, "src_key_padding_mask", attention.dtype_or_none(src_mask), "src_mask", src.dtype
        )
        src_mask = attention.canonical_mask(src_mask, "src_mask", None, "", src.dtype, check_other=False)
        x = src
        if self.norm_first:
            x = x + self._sa_block(self.norm1(x), src_mask, src_key_padding_mask, is_causal)
            return x + self._ff_block(self.norm2(x))
        x = self.norm1(x + self._sa_block(x, src_mask, src_key_padding_mask, is_causal))
        return self.norm2(x + self._ff_block(x))

    def _ff_block(self, x):
        return self._feed_forward(x, self.dropout2)


class TransformerDecoderLayer(_TransformerLayer):
    __doc__ = f"""Self-attention, attention to the encoder's result, and a feed-forward network, each with a residual and a layer norm.
{_ARGS}

    Shape:
        tgt (T, N, d_model), memory (S, N, d_model) → (T, N, d_model); the N first with batch_first; also without the N

    >>> torch.nn.TransformerDecoderLayer(8, 2)(torch.zeros(5, 1, 8), torch.zeros(7, 1, 8)).shape
    torch.Size([5, 1, 8])
    """

    _attentions = ("self_attn", "multihead_attn")

    __init__ = copy_as("TransformerDecoderLayer.__init__", _TransformerLayer.__init__)

    def forward(
        self,
        tgt,
        memory,
        tgt_mask=None,
        memory_mask=None,
        tgt_key_padding_mask=None,
        memory_key_padding_mask=None,
        tgt_is_causal=False,
        memory_is_causal=False,
    ):
        x = tgt
        own = (tgt_mask, tgt_key_padding_mask, tgt_is_causal)
        other = (memory, memory_mask, memory_key_padding_mask, memory_is_causal)
        if self.norm_first:
            x = x + self._sa_block(self.norm1(x), *own)
            x = x + self._mha_block(self.norm2(x), *other)
            return x + self._ff_block(self.norm3(x))
        x = self.norm1(x + self._sa_block(x, *own))
        x = self.norm2(x + self._mha_block(x, *other))
        return self.norm3(x + self._ff_block(x))

    def _mha_block(self, x, mem, attn_mask, key_padding_mask, is_causal=False):
        out = self.multihead_attn(x, mem, mem, key_padding_mask, False, attn_mask, is_causal=is_causal)[0]
        return self.dropout2(out)

    def _ff_block(self, x):
        return self._feed_forward(x, self.dropout3)


class TransformerEncoder(Module):
    """A stack of copies of an encoder layer.

    Args:
        encoder_layer: the layer; each copy starts with its values.
        num_layers: number of layers.
        norm: a layer norm at the end; None: no norm.
        enable_nested_tensor, mask_check: whether padded positions are zero in evaluation without gradients, as in
            PyTorch's fast path.

    Shape:
        as for `TransformerEncoderLayer`

    >>> encoder = torch.nn.TransformerEncoder(torch.nn.TransformerEncoderLayer(8, 2, batch_first=True), 3)
    >>> encoder(torch.zeros(1, 5, 8)).shape
    torch.Size([1, 5, 8])
    """

    __constants__ = ["norm"]

    def __init__(self, encoder_layer, num_layers, norm=None, enable_nested_tensor=True, mask_check=True):
        super().__init__()
        self.layers = _get_clones(encoder_layer, num_layers)
        self.num_layers = num_layers
        self.norm = norm
        self.enable_nested_tensor = enable_nested_tensor
        why_not = _no_fast_path(encoder_layer)
        self.use_nested_tensor = enable_nested_tensor and not why_not
        self.mask_check = mask_check
        if enable_nested_tensor and why_not:
            warnings.warn(
                f"enable_nested_tensor is True, but self.use_nested_tensor is False because {why_not}", stacklevel=2
            )

    def forward(self, src, mask=None, src_key_padding_mask=None, is_causal=None):
        padded = src_key_padding_mask
        src_key_padding_mask = attention.canonical_mask(
            src_key_padding_mask, "src_key_padding_mask", attention.dtype_or_none(mask), "mask", src.dtype
        )
        mask = attention.canonical_mask(mask, "mask", None, "", src.dtype, check_other=False)
        out = src
        for layer in self.layers:
            out = layer(out, src_mask=mask, is_causal=bool(is_causal), src_key_padding_mask=src_key_padding_mask)
        if padded is not None and mask is None and self._zeroes_padding(src):
            out = _zero_padding(out, padded, self.mask_check)
        return out if self.norm is None else self.norm(out)

    def _zeroes_padding(self, src):
        first = self.layers[0]
        if not self.use_nested_tensor or first.training or src.dim() != 3:
            return False
        learning = src.requires_grad or any(p.requires_grad for p in first.parameters())
        return not (local.grad and learning)


def _zero_padding(out, padded, check):
    """Set padded positions to zero; with `check` only if all padding is at the ends."""
    gone = padded if padded.dtype is dtypes.bool_ else padded != 0
    made = out.masked_fill(gone.unsqueeze(-1), 0.0)
    if not check:
        return made
    at_ends = (gone[:, 1:] | ~gone[:, :-1]).all()
    return where(at_ends, made, out)


def _no_fast_path(layer):
    """Why PyTorch would not use its fast path, or an empty string."""
    name = "encoder_layer"
    if not isinstance(layer, TransformerEncoderLayer):
        return f"{name} was not TransformerEncoderLayer"
    reasons = [
        (layer.norm_first, f"{name}.norm_first was True"),
        (not layer.self_attn.batch_first,
         f"{name}.self_attn.batch_first was not True(use batch_first for better inference performance)"),
        (not layer.self_attn._qkv_same_embed_dim, f"{name}.self_attn._qkv_same_embed_dim was not True"),
        (layer.self_attn.in_proj_bias is None, f"{name}.self_attn was passed bias=False"),
        (not layer.activation_relu_or_gelu, f"{name}.activation_relu_or_gelu was not True"),
        (layer.norm1.eps != layer.norm2.eps, f"{name}.norm1.eps was not equal to {name}.norm2.eps"),
        (layer.self_attn.num_heads % 2 == 1, f"{name}.self_attn.num_heads is odd"),
    ]  # fmt: skip
    return next((text for holds, text in reasons if holds), "")


class TransformerDecoder(Module):
    """A stack of copies of a decoder layer.

    Args:
        decoder_layer: the layer; each copy starts with its values.
        num_layers: number of layers.
        norm: a layer norm at the end; None: no norm.

    Shape:
        as for `TransformerDecoderLayer`

    >>> decoder = torch.nn.TransformerDecoder(torch.nn.TransformerDecoderLayer(8, 2), 3)
    >>> decoder(torch.zeros(5, 1, 8), torch.zeros(7, 1, 8)).shape
    torch.Size([5, 1, 8])
    """

    __constants__ = ["norm"]

    def __init__(self, decoder_layer, num_layers, norm=None):
        super().__init__()
        self.layers = _get_clones(decoder_layer, num_layers)
        self.num_layers = num_layers
        self.norm = norm

    def forward(
        self,
        tgt,
        memory,
        tgt_mask=None,
        memory_mask=None,
        tgt_key_padding_mask=None,
        memory_key_padding_mask=None,
        tgt_is_causal=None,
        memory_is_causal=False,
    ):
        out = tgt
        for layer in self.layers:
            out = layer(
                out,
                memory,
                tgt_mask=tgt_mask,
                memory_mask=memory_mask,
                tgt_key_padding_mask=tgt_key_padding_mask,
                memory_key_padding_mask=memory_key_padding_mask,
                tgt_is_causal=bool(tgt_is_causal),
                memory_is_causal=memory_is_causal,
            )
        return out if self.norm is None else self.norm(out)


class Transformer(Module):
    __doc__ = f"""An encoder, and a decoder that attends to its result. It has no embedding, no positions and no last layer.
{_ARGS}
        num_encoder_layers, num_decoder_layers: layers of each.
        custom_encoder, custom_decoder: modules to use instead of the usual ones.

    Shape:
        src (S, N, d_model), tgt (T, N, d_model) → (T, N, d_model); the N first with batch_first; also without the N

    Raises:
        RuntimeError: batches of different sizes, or a last dimension that is not d_model.

    >>> model = torch.nn.Transformer(8, 2, num_encoder_layers=1, num_decoder_layers=1, batch_first=True)
    >>> model(torch.zeros(1, 7, 8), torch.zeros(1, 5, 8)).shape
    torch.Size([1, 5, 8])
    """

    def __init__(
        self,
        d_model=512,
        nhead=8,
        num_encoder_layers=6,
        num_decoder_layers=6,
        dim_feedforward=2048,
        dropout=0.1,
        activation=relu,
        custom_encoder=None,
        custom_decoder=None,
        layer_norm_eps=1e-5,
        batch_first=False,
        norm_first=False,
        bias=True,
        device=None,
        dtype=None,
    ):
        super().__init__()
        made = {"device": device, "dtype": dtype}
        settings = (d_model, nhead, dim_feedforward, dropout, activation, layer_norm_eps, batch_first, norm_first, bias)
        if custom_encoder is not None:
            self.encoder = custom_encoder
        else:
            layer = TransformerEncoderLayer(*settings, **made)
            norm = LayerNorm(d_model, layer_norm_eps, bias=bias, **made)
            self.encoder = TransformerEncoder(layer, num_encoder_layers, norm)
        if custom_decoder is not None:
            self.decoder = custom_decoder
        else:
            layer = TransformerDecoderLayer(*settings, **made)
            norm = LayerNorm(d_model, layer_norm_eps, bias=bias, **made)
            self.decoder = TransformerDecoder(layer, num_decoder_layers, norm)
        self._reset_parameters()
        self.d_model = d_model
        self.nhead = nhead
        self.batch_first = batch_first

    def forward(
        self,
        src,
        tgt,
        src_mask=None,
        tgt_mask=None,
        memory_mask=None,
        src_key_padding_mask=None,
        tgt_key_padding_mask=None,
        memory_key_padding_mask=None,
        src_is_causal=None,
        tgt_is_causal=None,
        memory_is_causal=False,
    ):
        batch = 0 if self.batch_first else 1
        if src.dim() == 3 and src.size(batch) != tgt.size(batch):
            raise RuntimeError("the batch number of src and tgt must be equal")
        if src.size(-1) != self.d_model or tgt.size(-1) != self.d_model:
            raise RuntimeError("the feature number of src and tgt must be equal to d_model")
        memory = self.encoder(src, mask=src_mask, src_key_padding_mask=src_key_padding_mask, is_causal=src_is_causal)
        return self.decoder(
            tgt,
            memory,
            tgt_mask=tgt_mask,
            memory_mask=memory_mask,
            tgt_key_padding_mask=tgt_key_padding_mask,
            memory_key_padding_mask=memory_key_padding_mask,
            tgt_is_causal=tgt_is_causal,
            memory_is_causal=memory_is_causal,
        )

    @staticmethod
    def generate_square_subsequent_mask(sz, device=None, dtype=None):
        """A causal mask: 0 where a query may attend, -inf at later keys.

        >>> torch.nn.Transformer.generate_square_subsequent_mask(2)
        tensor([[0., -inf],
                [0., 0.]])
        """
        return _generate_square_subsequent_mask(sz, device, dtype)

    def _reset_parameters(self):
        for p in self.parameters():
            if p.dim() > 1:
                init.xavier_uniform_(p)
