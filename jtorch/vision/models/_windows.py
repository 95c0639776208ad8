"""Attention within windows of a grid, in any number of dimensions, for the Swin transformers."""

from __future__ import annotations

import math

import numpy as np

from jtorch.core.ops.functional import dropout as drop
from jtorch.core.ops.functional import linear, normalize, pad, softmax
from jtorch.core.ops.functions import arange, cat, roll


def relative_positions(sizes):
    """For each pair of cells of a window, the row of the table of relative positions.

    Returns an integer array (cells, cells); the table has the product of 2 · size - 1 rows.
    """
    cells = np.stack(np.meshgrid(*[np.arange(size) for size in sizes], indexing="ij")).reshape(len(sizes), -1)
    apart = cells[:, :, None] - cells[:, None, :]
    index = np.zeros_like(apart[0])
    for size, distance in zip(sizes, apart, strict=True):
        index = index * (2 * size - 1) + distance + size - 1
    return index


def position_bias(table, index, cells):
    """The rows of the table (rows, heads) as a bias (1, heads, cells, cells) of the attention."""
    return table[index.flatten()].view(cells, cells, -1).permute(2, 0, 1).contiguous().unsqueeze(0)


def window_attention(
    input,
    qkv_weight,
    proj_weight,
    bias,
    window,
    num_heads,
    shift,
    attention_dropout=0.0,
    dropout=0.0,
    qkv_bias=None,
    proj_bias=None,
    logit_scale=None,
    training=True,
):
    """Multi-head attention of each cell of (N, *sizes, C) to the cells of its window.

    Args:
        bias: added to the logits: (1, num_heads, cells, cells).
        window: the sizes of a window; the grid is padded to a multiple of them.
        shift: by how much the windows are shifted, cyclically.
        logit_scale: (Swin V2) scales cosines of queries and keys, which replace their dot products; the keys then have
            no bias. None: dot products.
    """
    count, *sizes, channels = input.shape
    missing = [-size % length for size, length in zip(sizes, window, strict=True)]
    x = pad(input, [0, 0, *[n for each in reversed(missing) for n in (0, each)]])
    padded, dims = x.shape[1:-1], list(range(1, len(sizes) + 1))
    if any(shift):
        x = roll(x, [-each for each in shift], dims)
    x = _partition(x, window)
    if logit_scale is not None and qkv_bias is not None:
        queries, keys, values = qkv_bias.chunk(3)
        qkv_bias = cat([queries, keys.new_zeros(keys.shape), values])
    q, k, v = (
        linear(x, qkv_weight, qkv_bias)
        .reshape(*x.shape[:2], 3, num_heads, channels // num_heads)
        .permute(2, 0, 3, 1, 4)
        .unbind(0)
    )
    if logit_scale is None:
        logits = (q * (channels // num_heads) ** -0.5).matmul(k.transpose(-2, -1))
    else:
        cosines = normalize(q, dim=-1) @ normalize(k, dim=-1).transpose(-2, -1)
        logits = cosines * logit_scale.clamp(max=math.log(100.0)).exp()
    logits = logits + bias
    if any(shift):
        logits = _masked(logits, _regions(x, padded, window, shift), count)
    weights = drop(softmax(logits, dim=-1), p=attention_dropout, training=training)
    x = weights.matmul(v).transpose(1, 2).reshape(x.shape)
    x = drop(linear(x, proj_weight, proj_bias), p=dropout, training=training)
    x = _assemble(x, count, padded, window)
    if any(shift):
        x = roll(x, list(shift), dims)
    return x[(slice(None), *[slice(size) for size in sizes])].contiguous()


def _partition(x, window):
    """(N, *sizes, C) as (N · windows, cells of a window, C)."""
    count, *sizes, channels = x.shape
    split = [n for size, length in zip(sizes, window, strict=True) for n in (size // length, length)]
    dims = len(sizes)
    order = [0, *range(1, 2 * dims + 1, 2), *range(2, 2 * dims + 1, 2), 2 * dims + 1]
    return x.reshape(count, *split, channels).permute(order).reshape(-1, math.prod(window), channels)


def _assemble(x, count, sizes, window):
    """The inverse of `_partition`."""
    dims = len(sizes)
    windows = [size // length for size, length in zip(sizes, window, strict=True)]
    order = [0, *[n for i in range(1, dims + 1) for n in (i, i + dims)], 2 * dims + 1]
    return x.reshape(count, *windows, *window, x.shape[-1]).permute(order).reshape(count, *sizes, x.shape[-1])


def _regions(x, sizes, window, shift):
    """A number for each cell: cells of a shifted window that are not neighbours in the grid have different numbers.

    Returns (windows, cells of a window).
    """
    regions = x.new_zeros([1] * len(sizes))
    for i, (size, length, by) in enumerate(zip(sizes, window, shift, strict=True)):
        if by:
            place = arange(size, device=x.device)
            part = (place >= size - length).to(x.dtype) + (place >= size - by).to(x.dtype)
            regions = 3 * regions + part.reshape([size if j == i else 1 for j in range(len(sizes))])
    return _partition(regions.expand(sizes).reshape(1, *sizes, 1), window).squeeze(-1)


def _masked(logits, regions, count):
    """The logits, minus 100 between cells of different regions."""
    mask = (regions.unsqueeze(1) != regions.unsqueeze(2)).to(logits.dtype) * -100.0
    apart = logits.view(count, regions.shape[0], *logits.shape[1:])
    return (apart + mask.unsqueeze(1).unsqueeze(0)).view(logits.shape)
