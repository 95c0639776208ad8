"""Attention: every query gets the mean of the values, weighted by how well their keys match it.

`scaled_dot_product_attention` is one line of the trace. `multi_head_attention_forward` is made of smaller ops in
PyTorch's order, so that its dropout masks are PyTorch's.
"""

from __future__ import annotations

import math
from functools import lru_cache

import jax
import jax.numpy as jnp

from jtorch.core.facts import dtypes, like_strides, warn_user
from jtorch.core.op import Array, Number, cast_first, common_shape, functional, op
from jtorch.core.ops.arithmetic.activations import softmax
from jtorch.core.ops.arithmetic.dropout import dropout, mask_like
from jtorch.core.ops.gather.joining import cat
from jtorch.core.ops.layers.linear import linear
from jtorch.core.ops.make.create import zeros, zeros_like
from jtorch.core.ops.matrix.products import baddbmm, bmm
from jtorch.core.ops.windows.pad import pad

_FLASH = "ScaledDotProductFlashAttentionForCpuBackward0"


def _layout(types, shapes, consts):
    """Without dropout the result has the query's order of dimensions in memory."""
    query = types[0]
    if not consts["flash"] or query.shape != shapes[0]:
        return [None]
    return [like_strides(query.shape, query.strides)]


@op(
    strides=_layout,
    grad_fn=lambda types, consts: (
        _FLASH if consts["flash"] else "MmBackward0" if types[0].ndim == 2 else "UnsafeViewBackward0"
    ),
    autocast="low",
    graph={
        "ScaledDotProductFlashAttentionForCpuBackward0": "ScaledDotProductFlashAttentionForCpu(query, key, value)",
        "UnsafeViewBackward0": "UnsafeView(Bmm(View(Expand(SafeSoftmax(UnsafeView(Bmm(View(Expand(MulBackward1(query))),"
        " ReshapeAlias(Expand(MulBackward1(Transpose(key))))))))), View(Expand(value))))",
    },
)
def _attention(
    query: Array,
    key: Array,
    value: Array,
    mask: Array | None,
    kept: Array | None,
    p: Number,
    is_causal: bool,
    scale: float | None,
    grouped: bool,
    flash: bool,
) -> Array:
    if grouped:
        key, value = [jnp.repeat(x, query.shape[-3] // x.shape[-3], axis=-3) for x in (key, value)]
    wide = jnp.float32 if query.dtype in dtypes.HALF else query.dtype
    factor = 1 / math.sqrt(query.shape[-1]) if scale is None else scale
    scores = jnp.einsum("...ld,...sd->...ls", query, key, preferred_element_type=wide) * jnp.asarray(factor, wide)
    queries, keys = scores.shape[-2:]
    if is_causal:
        scores = jnp.where(jnp.tril(jnp.ones((queries, keys), bool)), scores, -jnp.inf)
    if mask is not None:
        scores = jnp.where(mask, scores, -jnp.inf) if mask.dtype == bool else scores + mask.astype(wide)
    weights = _masked_softmax(scores) if is_causal or mask is not None else jax.nn.softmax(scores, axis=-1)
    if kept is not None:
        weights = jnp.where(kept, weights / (1 - p).astype(wide), 0)
    return jnp.einsum("...ls,...sv->...lv", weights.astype(value.dtype), value)


def _masked_softmax(scores):
    """The softmax of the last dimension; 0 in rows that attend to nothing."""
    most = jax.lax.stop_gradient(jnp.max(scores, -1, keepdims=True))
    grown = jnp.exp(scores - jnp.where(most == -jnp.inf, 0, most))
    total = jnp.sum(grown, -1, keepdims=True)
    return grown / jnp.where(total == 0, 1, total)


@op(grad_fn="ScaledDotProductCudnnAttentionBackward0", strides=_layout, autocast="low")
def _fused_attention(
    query: Array, key: Array, value: Array, is_causal: bool, scale: float | None, flash: bool
) -> Array:
    """JAX's own fused attention, which takes (batch, length, heads, width)."""
    q, k, v = [jnp.swapaxes(x, 1, 2) for x in (query, key, value)]
    made = jax.nn.dot_product_attention(q, k, v, scale=scale, is_causal=is_causal, implementation="cudnn")
    return jnp.swapaxes(made, 1, 2)


@functional
def scaled_dot_product_attention(
    query, key, value, attn_mask=None, dropout_p=0.0, is_causal=False, scale=None, enable_gqa=False
):
    """softmax(query @ keyᵀ * scale + mask) @ value

    Args:
        attn_mask: bool, True where a query may look; or numbers that are added to the scores.
        dropout_p: share of the weights to drop. Give 0 outside training.
        is_causal: no query looks at a later key.
        scale: None: 1 / sqrt(width).
        enable_gqa: several heads of the query share a head of key and value.

    Shape:
        query (*, L, E), key (*, S, E), value (*, S, V) → (*, L, V)

    >>> x = torch.ones(1, 1, 2, 4)
    >>> torch.nn.functional.scaled_dot_product_attention(x, x, x).shape
    torch.Size([1, 1, 2, 4])
    """
    query, key, value = cast_first(query, key, value, autocast="low")
    mask = None if attn_mask is None else attn_mask._type
    grouped, fuses = _check_attention(query._type, key._type, value._type, mask, dropout_p, bool(enable_gqa))
    scale = None if scale is None else float(scale)
    if fuses:
        return _fused_attention(query, key, value, bool(is_causal), scale, True)
    kept = None
    if dropout_p > 0:
        heads = common_shape(tuple(query.shape[:-2]), tuple(key.shape[:-2]))
        kept = mask_like(query, (*(query.shape[:-2] if grouped else heads), query.shape[-2], key.shape[-2]), dropout_p)
    flash = query._type.ndim == 4 and kept is None and not (attn_mask is not None and attn_mask.requires_grad)
    return _attention(query, key, value, attn_mask, kept, float(dropout_p), bool(is_causal), scale, grouped, flash)


def _fuses(query, key, value, mask, p, grouped):
    """Whether cuDNN's attention can compute this: half precision on a GPU, and no mask but the causal one."""
    if not query.dtype.is_half or mask is not None or p or grouped or query.ndim != 4:
        return False
    width = query.shape[-1]
    return query.place.kind.fuses_attention and width % 8 == 0 and width <= 128 and value.shape[-1] == width


@lru_cache(maxsize=4096)
def _check_attention(query, key, value, mask, p, enable_gqa):
    """(whether heads share keys and values, whether cuDNN computes it), from types. Raises for types that do not fit."""
    if min(query.ndim, key.ndim, value.ndim) < 2:
        raise RuntimeError(
            f"Expected query, key, and value to all be  at least 2 dimensional, but got query.dim: {query.ndim} key.dim:"
            f" {key.ndim} and value.dim: {value.ndim} instead."
        )
    if not query.dtype is key.dtype is value.dtype:
        raise RuntimeError(
            "Expected query, key, and value to have the same dtype, but got query.dtype:"
            f" {query.dtype.cname} key.dtype: {key.dtype.cname} and value.dtype: {value.dtype.cname} instead."
        )
    if mask is not None and mask.dtype is not dtypes.bool_ and mask.dtype not in (query.dtype, dtypes.float32):
        raise RuntimeError(
            "Expected attn_mask dtype to be bool or float or to match query dtype, but got attn_mask.dtype:"
            f" {mask.dtype.cname} and  query.dtype: {query.dtype.cname} instead."
        )
    if p > 1 or p < 0:
        raise RuntimeError(f"dropout probability has to be between 0 and 1, but got {p:g}")
    grouped = enable_gqa and query.ndim >= 3 and not query.shape[-3] == key.shape[-3] == value.shape[-3]
    if grouped and (query.shape[-3] % key.shape[-3] or query.shape[-3] % value.shape[-3]):
        raise RuntimeError("Number of heads in key and value must divide the number of heads in ")
    _check_products(query, key, value, mask, grouped)
    return grouped, _fuses(query, key, value, mask, p, grouped)


def _check_products(query, key, value, mask, grouped):
    """Raise for sizes that do not fit, with the errors of the smaller ops that PyTorch uses."""
    *batch, length, width = query.shape
    own = [tuple(x.shape[:-3]) if grouped else tuple(x.shape[:-2]) for x in (query, key, value)]
    scores = common_shape(own[0], own[1])
    rows = math.prod(batch)
    source = key.shape[-2]
    if key.shape[-1] != width:
        raise RuntimeError(_mismatch_text(query.ndim, (rows, length, width), (rows, *key.shape[:-3:-1])))
    if mask is not None:
        if mask.ndim < 2:
            raise IndexError("Dimension out of range (expected to be in range of [-1, 0], but got -2)")
        common_shape(
            (*scores, query.shape[-3], length, source) if grouped else (*scores, length, source), tuple(mask.shape)
        )
    if value.shape[-2] != source:
        raise RuntimeError(_mismatch_text(query.ndim, (rows, length, source), (rows, *value.shape[-2:])))
    common_shape(scores, own[2])


def _mismatch_text(dims, first, second):
    """PyTorch's message for two matrices, or two batches of them, that cannot be multiplied."""
    if dims == 2:
        return f"mat1 and mat2 shapes cannot be multiplied ({first[1]}x{first[2]} and {second[1]}x{second[2]})"
    return f"Expected size for first two dimensions of batch2 tensor to be: [{first[0]}, {first[2]}] but got: [{second[0]}, {second[1]}]."


# ---- many heads


def canonical_mask(mask, mask_name, other_type, other_name, target_type, check_other=True):
    """A mask as numbers to add to the scores: -inf where a bool mask is True."""
    if mask is None:
        return None
    if mask.dtype is not dtypes.bool_ and not mask.is_floating_point():
        raise AssertionError(f"only bool and floating types of {mask_name} are supported")
    if check_other and other_type is not None and mask.dtype is not other_type:
        warn_user(
            f"Support for mismatched {mask_name} and {other_name} is deprecated. Use same type for both instead.",
        )
    if mask.is_floating_point():
        return mask
    return zeros_like(mask, dtype=target_type).masked_fill_(mask, float("-inf"))


def dtype_or_none(tensor):
    """The dtype of a tensor; None for None."""
    return None if tensor is None else tensor.dtype


def _check_shapes(query, key, value, key_padding_mask, attn_mask, heads):
    """Whether there is a batch. Raises for shapes that do not fit."""
    batched = query.dim() == 3
    if query.dim() not in (2, 3):
        raise AssertionError(
            f"query should be unbatched 2D or batched 3D tensor but received {query.dim()}-D query tensor"
        )
    kind, dims = ("batched", 3) if batched else ("unbatched", 2)
    said = f"For {kind} ({dims}-D) `query`, expected"
    if key.dim() != dims or value.dim() != dims:
        raise AssertionError(
            f"{said} `key` and `value` to be {dims}-D but found {key.dim()}-D and {value.dim()}-D tensors respectively"
        )
    if key_padding_mask is not None and key_padding_mask.dim() != dims - 1:
        raise AssertionError(
            f"{said} `key_padding_mask` to be `None` or {dims - 1}-D but found {key_padding_mask.dim()}-D tensor instead"
        )
    if attn_mask is not None:
        if attn_mask.dim() not in (2, 3):
            raise AssertionError(
                f"{said} `attn_mask` to be `None`, 2-D or 3-D but found {attn_mask.dim()}-D tensor instead"
            )
        if not batched and attn_mask.dim() == 3:
            expected = (heads, query.shape[0], key.shape[0])
            if tuple(attn_mask.shape) != expected:
                raise AssertionError(f"Expected `attn_mask` shape to be {expected} but got {attn_mask.shape}")
    return batched


def _projected_together(query, key, value, weight, bias):
    """Query, key and value projected by one stacked weight; one product where they are the same tensor."""
    width = query.size(-1)
    if key is value:
        if query is key:
            made = linear(query, weight, bias)
            made = made.unflatten(-1, (3, width)).unsqueeze(0).transpose(0, -2).squeeze(-2).contiguous()
            return made[0], made[1], made[2]
        w_q, w_kv = weight.split([width, width * 2])
        b_q, b_kv = (None, None) if bias is None else bias.split([width, width * 2])
        made = linear(key, w_kv, b_kv)
        made = made.unflatten(-1, (2, width)).unsqueeze(0).transpose(0, -2).squeeze(-2).contiguous()
        return linear(query, w_q, b_q), made[0], made[1]
    weights = weight.chunk(3)
    biases = (None,) * 3 if bias is None else bias.chunk(3)
    return tuple([linear(x, w, b) for x, w, b in zip((query, key, value), weights, biases, strict=True)])


def _projected_apart(query, key, value, weights, bias):
    """Query, key and value projected, each by a weight of its own."""
    width = query.size(-1)
    biases = (None,) * 3 if bias is None else bias.chunk(3)
    for name, x, w in zip(("query", "key", "value"), (query, key, value), weights, strict=True):
        if tuple(w.shape) != (width, x.shape[-1]):
            raise AssertionError(f"expecting {name} weights shape of {(width, x.shape[-1])}, but got {w.shape}")
    return [linear(x, w, b) for x, w, b in zip((query, key, value), weights, biases, strict=True)]


def _both_masks(attn_mask, key_padding_mask, dtype, is_causal, need_weights):
    """(attention mask, padding mask, whether the attention op itself masks later keys), the masks as numbers."""
    key_padding_mask = canonical_mask(
        key_padding_mask, "key_padding_mask", dtype_or_none(attn_mask), "attn_mask", dtype
    )
    if is_causal and attn_mask is None:
        raise RuntimeError(
            "Need attn_mask if specifying the is_causal hint. "
            "You may use the Transformer module method `generate_square_subsequent_mask` to create this mask."
        )
    if is_causal and key_padding_mask is None and not need_weights:
        return None, None, True
    attn_mask = canonical_mask(attn_mask, "attn_mask", None, "", dtype, check_other=False)
    return attn_mask, key_padding_mask, is_causal and key_padding_mask is None


def _as_three_dims(mask, batch, heads, length, source):
    """The mask with three dimensions."""
    if mask is None:
        return None
    if mask.dim() == 2:
        if tuple(mask.shape) != (length, source):
            raise RuntimeError(f"The shape of the 2D attn_mask is {mask.shape}, but should be {(length, source)}.")
        return mask.unsqueeze(0)
    if mask.dim() == 3:
        expected = (batch * heads, length, source)
        if tuple(mask.shape) != expected:
            raise RuntimeError(f"The shape of the 3D attn_mask is {mask.shape}, but should be {expected}.")
        return mask
    raise RuntimeError(f"attn_mask's dimension {mask.dim()} is not supported")


@functional
def multi_head_attention_forward(
    query,
    key,
    value,
    embed_dim_to_check,
    num_heads,
    in_proj_weight,
    in_proj_bias,
    bias_k,
    bias_v,
    add_zero_attn,
    dropout_p,
    out_proj_weight,
    out_proj_bias,
    training=True,
    key_padding_mask=None,
    need_weights=True,
    attn_mask=None,
    use_separate_proj_weight=False,
    q_proj_weight=None,
    k_proj_weight=None,
    v_proj_weight=None,
    static_k=None,
    static_v=None,
    average_attn_weights=True,
    is_causal=False,
):
    """What `nn.MultiheadAttention` computes: see there. Returns (output, weights or None)."""
    batched = _check_shapes(query, key, value, key_padding_mask, attn_mask, num_heads)
    if not batched:
        query, key, value, key_padding_mask = _with_batch_of_one(query, key, value, key_padding_mask)
    length, batch, width = query.shape
    head = width // num_heads
    attn_mask, key_padding_mask, is_causal = _both_masks(
        attn_mask, key_padding_mask, query.dtype, is_causal, need_weights
    )
    _check_widths(query, key, value, embed_dim_to_check, num_heads, use_separate_proj_weight)
    if use_separate_proj_weight:
        weights = (q_proj_weight, k_proj_weight, v_proj_weight)
        q, k, v = _projected_apart(query, key, value, weights, in_proj_bias)
    else:
        q, k, v = _projected_together(query, key, value, in_proj_weight, in_proj_bias)
    attn_mask = _as_three_dims(attn_mask, batch, num_heads, length, key.shape[0])
    more = (bias_k is not None) + bool(add_zero_attn)
    if bias_k is not None:
        k, v = cat([k, bias_k.repeat(1, batch, 1)]), cat([v, bias_v.repeat(1, batch, 1)])
    q = q.view(length, batch * num_heads, head).transpose(0, 1)
    k = k.view(k.shape[0], batch * num_heads, head).transpose(0, 1) if static_k is None else static_k
    v = v.view(v.shape[0], batch * num_heads, head).transpose(0, 1) if static_v is None else static_v
    if add_zero_attn:
        k, v = _with_zeros(k), _with_zeros(v)
    attn_mask = _merged_mask(attn_mask, key_padding_mask, more, batch, num_heads, k.size(1))
    out, weights = _attend(
        q, k, v, attn_mask, batch, num_heads, dropout_p if training else 0.0, need_weights, is_causal
    )
    out = linear(out.reshape(length * batch, width), out_proj_weight, out_proj_bias).unflatten(0, (length, batch))
    if weights is not None and average_attn_weights:
        weights = weights.mean(1)
    if batched:
        return out, weights
    return out.squeeze(1), None if weights is None else weights.squeeze(0)


def _with_batch_of_one(query, key, value, key_padding_mask):
    """Each with a batch dimension of size 1; arguments that are the same tensor stay the same tensor."""
    made = {}
    mask = None if key_padding_mask is None else key_padding_mask.unsqueeze(0)
    return *[made.setdefault(id(x), x.unsqueeze(1)) for x in (query, key, value)], mask


def _with_zeros(x):
    """Keys or values with a row of zeros appended."""
    return cat([x, zeros((x.shape[0], 1, x.shape[2]), dtype=x.dtype, device=x.device)], 1)


def _check_widths(query, key, value, expected, heads, separate):
    width = query.shape[-1]
    if width != expected:
        raise AssertionError(f"was expecting embedding dimension of {expected}, but got {width}")
    if width // heads * heads != width:
        raise AssertionError(f"embed_dim {width} not divisible by num_heads {heads}")
    if separate:
        if key.shape[:2] != value.shape[:2]:
            raise AssertionError(
                f"key's sequence and batch dims {key.shape[:2]} do not match value's {value.shape[:2]}"
            )
    elif key.shape != value.shape:
        raise AssertionError(f"key shape {key.shape} does not match value shape {value.shape}")


def _merged_mask(attn_mask, key_padding_mask, more, batch, heads, source):
    """Both masks as one, with columns for the keys that were added."""
    if more and attn_mask is not None:
        attn_mask = pad(attn_mask, (0, more))
    if key_padding_mask is None:
        return attn_mask
    if more:
        key_padding_mask = pad(key_padding_mask, (0, more))
    for d, expected in enumerate((batch, source)):
        if key_padding_mask.shape[d] != expected:
            raise AssertionError(
                f"Expected key_padded_mask.shape[{d}] to be {expected}, but got {key_padding_mask.shape[d]}"
            )
    mask = key_padding_mask.view(batch, 1, 1, source).expand(-1, heads, -1, -1).reshape(batch * heads, 1, source)
    return mask if attn_mask is None else attn_mask + mask


def _attend(q, k, v, mask, batch, heads, p, need_weights, is_causal):
    """(length, batch, heads * width) and, where they are wanted, the weights (batch, heads, length, source)."""
    length, head = q.shape[1:]
    if need_weights:
        q = q * math.sqrt(1.0 / float(head))
        scores = bmm(q, k.transpose(-2, -1)) if mask is None else baddbmm(mask, q, k.transpose(-2, -1))
        weights = softmax(scores, -1)
        weights = dropout(weights, p) if p > 0 else weights
        out = bmm(weights, v).transpose(0, 1).contiguous().view(length, batch, heads * head)
        return out, weights.view(batch, heads, length, k.size(1))
    if mask is not None:
        one = mask.size(0) == 1 and mask.dim() == 3
        mask = mask.unsqueeze(0) if one else mask.view(batch, heads, -1, k.size(1))
    q, k, v = [x.view(batch, heads, x.size(1), head) for x in (q, k, v)]
    out = scaled_dot_product_attention(q, k, v, mask, p, is_causal)
    return out.permute(2, 0, 1, 3).contiguous().view(length, batch, heads * head), None
