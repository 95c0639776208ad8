"""MultiheadAttention. Users import it from activation.py, as in PyTorch."""

from __future__ import annotations

from jtorch.core.ops.layers import attention
from jtorch.core.ops.make.create import empty
from jtorch.nn import init
from jtorch.nn.modules.linear import NonDynamicallyQuantizableLinear
from jtorch.nn.modules.module import Module
from jtorch.nn.parameter import Parameter


class MultiheadAttention(Module):
    """Several attentions in parallel, each with its own projection of query, key and value.

    Args:
        embed_dim: size of the query and of the result.
        num_heads: number of attentions; it must divide embed_dim.
        dropout: probability that a weight of the attention is dropped in training.
        bias: whether the projections have one.
        add_bias_kv: add a learned key and value to the sequence.
        add_zero_attn: add a key and value of zeros to the sequence.
        kdim, vdim: sizes of key and value; None: embed_dim.
        batch_first: tensors are (batch, length, size), not (length, batch, size).
        device, dtype: of the parameters; None: the defaults.

    Shape:
        query (L, N, embed_dim), key (S, N, kdim), value (S, N, vdim) → (L, N, embed_dim), weights (N, L, S); also
        without the N

    Raises:
        ValueError: embed_dim or num_heads is not positive.
        AssertionError: num_heads does not divide embed_dim.

    >>> x = torch.ones(3, 2, 4)
    >>> result, weights = torch.nn.MultiheadAttention(4, 2)(x, x, x)
    >>> result.shape, weights.shape
    (torch.Size([3, 2, 4]), torch.Size([2, 3, 3]))
    """

    __module__ = "jtorch.nn.modules.activation"  # where PyTorch has it: files name it
    __constants__ = ["batch_first"]

    def __init__(
        self,
        embed_dim,
        num_heads,
        dropout=0.0,
        bias=True,
        add_bias_kv=False,
        add_zero_attn=False,
        kdim=None,
        vdim=None,
        batch_first=False,
        device=None,
        dtype=None,
    ):
        if embed_dim <= 0 or num_heads <= 0:
            raise ValueError(
                f"embed_dim and num_heads must be greater than 0, got embed_dim={embed_dim} and num_heads={num_heads} instead"
            )
        super().__init__()
        self.embed_dim = embed_dim
        self.kdim = embed_dim if kdim is None else kdim
        self.vdim = embed_dim if vdim is None else vdim
        self._qkv_same_embed_dim = self.kdim == embed_dim and self.vdim == embed_dim
        self.num_heads = num_heads
        self.dropout = dropout
        self.batch_first = batch_first
        self.head_dim = embed_dim // num_heads
        if self.head_dim * num_heads != embed_dim:
            raise AssertionError("embed_dim must be divisible by num_heads")

        def parameter(*shape):
            return Parameter(empty(shape, device=device, dtype=dtype))

        shapes = {
            "q_proj_weight": (embed_dim, embed_dim),
            "k_proj_weight": (embed_dim, self.kdim),
            "v_proj_weight": (embed_dim, self.vdim),
        }
        if self._qkv_same_embed_dim:
            self.in_proj_weight = parameter(3 * embed_dim, embed_dim)
            for name in shapes:
                self.register_parameter(name, None)
        else:
            for name, shape in shapes.items():
                setattr(self, name, parameter(*shape))
            self.register_parameter("in_proj_weight", None)
        if bias:
            self.in_proj_bias = parameter(3 * embed_dim)
        else:
            self.register_parameter("in_proj_bias", None)
        self.out_proj = NonDynamicallyQuantizableLinear(embed_dim, embed_dim, bias=bias, device=device, dtype=dtype)
        if add_bias_kv:
            self.bias_k = parameter(1, 1, embed_dim)
            self.bias_v = parameter(1, 1, embed_dim)
        else:
            self.bias_k = self.bias_v = None
        self.add_zero_attn = add_zero_attn
        self._reset_parameters()

    def _reset_parameters(self):
        if self._qkv_same_embed_dim:
            init.xavier_uniform_(self.in_proj_weight)
        else:
            for weight in (self.q_proj_weight, self.k_proj_weight, self.v_proj_weight):
                init.xavier_uniform_(weight)
        if self.in_proj_bias is not None:
            init.constant_(self.in_proj_bias, 0.0)
            init.constant_(self.out_proj.bias, 0.0)
        for bias in (self.bias_k, self.bias_v):
            if bias is not None:
                init.xavier_normal_(bias)

    def __setstate__(self, state):
        state.setdefault("_qkv_same_embed_dim", True)  # files of PyTorch before 1.1 do not have it
        super().__setstate__(state)

    def forward(
        self,
        query,
        key,
        value,
        key_padding_mask=None,
        need_weights=True,
        attn_mask=None,
        average_attn_weights=True,
        is_causal=False,
    ):
        """(the result, the weights).

        Args:
            key_padding_mask: (N, S), True (or -inf) at keys that no query may attend to.
            need_weights: return the weights, which makes the faster attention impossible. False: return None instead.
            attn_mask: (L, S) or (N * num_heads, L, S), True where a query may not attend, or numbers to add.
            average_attn_weights: return the mean over the heads. False: return (N, num_heads, L, S).
            is_causal: attn_mask, which must be given, is causal.
        """
        key_padding_mask = attention.canonical_mask(
            key_padding_mask, "key_padding_mask", attention.dtype_or_none(attn_mask), "attn_mask", query.dtype
        )
        attn_mask = attention.canonical_mask(attn_mask, "attn_mask", None, "", query.dtype, check_other=False)
        turned = self.batch_first and query.dim() == 3
        if turned:
            same = {}
            query, key, value = [same.setdefault(id(x), x.transpose(1, 0)) for x in (query, key, value)]
        out, weights = attention.multi_head_attention_forward(
            query, key, value, self.embed_dim, self.num_heads, self.in_proj_weight, self.in_proj_bias, self.bias_k,
            self.bias_v, self.add_zero_attn, self.dropout, self.out_proj.weight, self.out_proj.bias, self.training,
            key_padding_mask, need_weights, attn_mask, not self._qkv_same_embed_dim, self.q_proj_weight,
            self.k_proj_weight, self.v_proj_weight, average_attn_weights=average_attn_weights, is_causal=is_causal,
        )  # fmt: skip
        return (out.transpose(1, 0) if turned else out), weights

    def merge_masks(self, attn_mask, key_padding_mask, query):
        """(the merged mask, its kind: 0 attention, 1 padding, 2 both)."""
        kind = None if key_padding_mask is None else 1
        merged = key_padding_mask
        if attn_mask is not None:
            batch, length, _ = query.shape
            kind = 2
            merged = attn_mask if attn_mask.dim() == 3 else attn_mask.view(1, 1, length, length)
            merged = (merged.view(batch, -1, length, length) if attn_mask.dim() == 3 else merged).expand(
                batch, self.num_heads, -1, -1
            )
            if key_padding_mask is not None:
                padded = key_padding_mask.view(batch, 1, 1, length).expand(-1, self.num_heads, -1, -1)
                merged = merged + padded
        return merged, kind
