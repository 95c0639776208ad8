"""`torch.nn.attention.flex_attention`: attention whose scores and mask are written in Python.

A function of one score and its four indices is called once with all scores, and the indices as tensors that broadcast. XLA
compiles it with the rest. Differs from torch: the mask is a tensor of all queries and keys, so no block is left out.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from jtorch.core.ops.functions import arange, logsumexp, repeat_interleave, where
from jtorch.core.tensor import Tensor

__all__ = ["AuxOutput", "AuxRequest", "BlockMask", "and_masks", "create_block_mask", "create_mask", "flex_attention",
           "noop_mask", "or_masks"]  # fmt: skip

_DEFAULT_SPARSE_BLOCK_SIZE = 128


class AuxRequest(NamedTuple):
    """What `flex_attention` returns in addition to the result."""

    lse: bool = False
    max_scores: bool = False


class AuxOutput(NamedTuple):
    """The values that an `AuxRequest` asked for."""

    lse: Tensor | None = None
    max_scores: Tensor | None = None


def noop_mask(batch, head, token_q, token_kv):
    """A mask that is true everywhere: each query attends to each key."""
    return token_q == token_q


def or_masks(*mask_mods):
    """A mask that is true where any of the masks is."""

    def either(*indices):
        result = mask_mods[0](*indices)
        for mask_mod in mask_mods[1:]:
            result = result | mask_mod(*indices)
        return result

    return either


def and_masks(*mask_mods):
    """A mask that is true where all of the masks are."""

    def both(*indices):
        result = mask_mods[0](*indices)
        for mask_mod in mask_mods[1:]:
            result = result & mask_mod(*indices)
        return result

    return both


def _indices(sizes, device):
    """The four indices as tensors that broadcast to all scores."""
    return [arange(n, device=device).view([-1 if i == d else 1 for i in range(4)]) for d, n in enumerate(sizes)]


def create_mask(mod_fn, B, H, Q_LEN, KV_LEN, device=None):
    """The mask of a function of indices as a tensor of bools (B, H, Q_LEN, KV_LEN)."""
    sizes = (1 if B is None else B, 1 if H is None else H, Q_LEN, KV_LEN)
    return mod_fn(*_indices(sizes, device)).expand(sizes).contiguous()


class BlockMask:
    """The mask of a function of indices; `create_block_mask` makes one.

    Attributes:
        mask_mod: the function (batch, head, query, key) -> bool.
        BLOCK_SIZE: how many queries and keys a block has; only shown, since no block is left out.
        seq_lengths: the numbers of queries and keys.
    """

    def __init__(self, mask_mod, dense, block_size):
        self.mask_mod, self.dense, self.BLOCK_SIZE = mask_mod, dense, block_size
        self.seq_lengths = (dense.shape[-2], dense.shape[-1])

    shape = property(lambda self: tuple(self.dense.shape))

    def numel(self) -> int:
        """The number of entries of the mask."""
        return self.dense.numel()

    def sparsity(self) -> float:
        """The percentage of blocks that are masked out completely."""
        rows, columns = self.BLOCK_SIZE
        b, h, q, k = self.shape
        empty = [
            not self.dense[i, j, y : y + rows, x : x + columns].any().item()
            for i in range(b) for j in range(h) for y in range(0, q, rows) for x in range(0, k, columns)
        ]  # fmt: skip
        return 100 * sum(empty) / len(empty)

    def to_dense(self):
        """The mask as a tensor of bools."""
        return self.dense

    def to(self, device) -> BlockMask:
        """The mask on a device."""
        return BlockMask(self.mask_mod, self.dense.to(device), self.BLOCK_SIZE)

    def __getitem__(self, index) -> BlockMask:
        return BlockMask(self.mask_mod, self.dense[index], self.BLOCK_SIZE)

    def __repr__(self):
        return f"BlockMask(shape={self.shape}, BLOCK_SIZE={self.BLOCK_SIZE})"


def create_block_mask(
    mask_mod, B, H, Q_LEN, KV_LEN, device=None, BLOCK_SIZE=_DEFAULT_SPARSE_BLOCK_SIZE, _compile=False, **options
) -> BlockMask:
    """The mask of a function (batch, head, query, key) -> bool. B or H None: the same for all batches or heads."""
    block = (BLOCK_SIZE, BLOCK_SIZE) if isinstance(BLOCK_SIZE, int) else tuple(BLOCK_SIZE)
    return BlockMask(mask_mod, create_mask(mask_mod, B, H, Q_LEN, KV_LEN, device), block)


def flex_attention(
    query,
    key,
    value,
    score_mod=None,
    block_mask=None,
    scale=None,
    enable_gqa=False,
    return_lse=False,
    kernel_options=None,
    *,
    return_aux=None,
):
    """Attention over (batch, heads, length, size), with changed scores and a mask.

    Args:
        score_mod: (score, batch, head, query, key) -> score, on tensors that broadcast.
        block_mask: a BlockMask; scores that it masks out count as -inf.
        scale: the factor of q·k; None: 1/√size.
        enable_gqa: key and value have fewer heads, each for a group of the query's.
        return_lse: also return the log-sum-exp of the scores.

    Raises:
        ValueError: the heads differ without `enable_gqa`.

    >>> from jtorch.nn.attention.flex_attention import flex_attention
    >>> q = k = v = torch.ones(1, 1, 3, 4)
    >>> flex_attention(q, k, v, lambda score, b, h, q_idx, kv_idx: score + (q_idx - kv_idx)).shape
    torch.Size([1, 1, 3, 4])
    """
    heads, kv_heads = query.shape[1], key.shape[1]
    if heads != kv_heads:
        if not enable_gqa:
            raise ValueError(
                f"Expect query and key/value to have the same number of heads but got Hq={heads} and Hkv={kv_heads}. "
                "Try setting enable_gqa=True for GQA."
            )
        key, value = (repeat_interleave(t, heads // kv_heads, 1) for t in (key, value))
    scores = query @ key.transpose(-2, -1) * (1 / math.sqrt(query.shape[-1]) if scale is None else scale)
    if score_mod is not None:
        scores = score_mod(scores, *_indices(scores.shape, query.device))
    if block_mask is not None:
        mask = block_mask.to_dense()[..., : scores.shape[-2], : scores.shape[-1]]
        scores = where(mask, scores, -math.inf)
    top = scores.amax(-1, keepdim=True)
    weights = (scores - where(top == -math.inf, 0.0, top)).exp()
    total = weights.sum(-1, keepdim=True)
    result = (weights / where(total == 0, 1.0, total)).to(value.dtype) @ value
    if return_aux is not None:
        lse = logsumexp(scores, -1) if return_aux.lse else None
        return result, AuxOutput(lse, top.squeeze(-1) if return_aux.max_scores else None)
    return (result, logsumexp(scores, -1)) if return_lse else result
