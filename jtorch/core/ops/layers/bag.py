"""`embedding_bag`: the sum, mean or maximum of the embeddings in each bag."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax import lax

from jtorch.core.facts import dtypes
from jtorch.core.op import Array, data_check, functional, op
from jtorch.core.ops.layers.linear import beyond_rows, divided_by_frequency, renormalize
from jtorch.core.tensor import tensor


def _wrong_row(indices, rows):
    flat = indices.reshape(-1)
    i = int(((flat < 0) | (flat >= rows)).argmax())
    return RuntimeError(f"Index {i} of input takes value {int(flat[i])} which is not in the valid range [0, {rows})")


@op(grad_fn="EmbeddingBagBackward0", saves=(1, 2), graph={"EmbeddingBagBackward0": "EmbeddingBag(weight, scales)"})
def _embedding_bag(
    weight: Array,
    input: Array,
    offsets: Array,
    scales: Array | None,
    mode: str,
    bags: int,
    padding_idx: int,
    by_frequency: bool,
) -> Array:
    bag = jnp.searchsorted(offsets, jnp.arange(input.shape[0]), side="right") - 1  # `bags` for a row that is in no bag
    if by_frequency:
        weight = divided_by_frequency(weight, input)
    rows = jnp.take(weight, input, axis=0, mode="clip")
    counts = jnp.ones(input.shape[0], weight.dtype)
    if padding_idx >= 0:
        counts = jnp.where(input == padding_idx, 0, counts)
    if mode == "max":
        rows = jnp.where(counts[:, None] > 0, rows, -jnp.inf)
        return _largest_of_bags(rows, bag, bags)
    if scales is not None:
        rows = rows * scales[:, None]
    total = jax.ops.segment_sum(jnp.where(counts[:, None] > 0, rows, 0), bag, bags)
    if mode == "sum":
        return total
    return total / jnp.maximum(jax.ops.segment_sum(counts, bag, bags), 1)[:, None]


def _largest_of_bags(rows, bag, bags):
    """The maximum of each bag; the first of equal elements gets the gradient."""
    found = lax.stop_gradient(jax.ops.segment_max(rows, bag, bags))
    place = jnp.arange(rows.shape[0])[:, None]
    first = jax.ops.segment_min(jnp.where(rows == found[bag], place, rows.shape[0]), bag, bags)
    empty = ~jnp.isfinite(found)
    taken = jnp.take_along_axis(rows, jnp.where(empty, 0, jnp.minimum(first, rows.shape[0] - 1)), 0)
    return jnp.where(empty, 0, taken).astype(rows.dtype)


@functional
def embedding_bag(
    input,
    weight,
    offsets=None,
    max_norm=None,
    norm_type=2,
    scale_grad_by_freq=False,
    mode="mean",
    sparse=False,
    per_sample_weights=None,
    include_last_offset=False,
    padding_idx=None,
):
    """The sum, mean or maximum of the rows of weight that each bag names.

    Args:
        input: row numbers: 2-D with one bag in each row, or 1-D with all bags one after the other.
        offsets: where each bag begins, for a 1-D input.
        mode: "sum", "mean" or "max".
        scale_grad_by_freq: divide each row's gradient by how often it is named (by that row's own count, where
            PyTorch takes another row's).
        per_sample_weights: a factor for each row number, with "sum".
        include_last_offset: the last offset is the end of the last bag.
        padding_idx: a row that is left out of the results and gets no gradient.
        sparse: accepted; gradients are dense here.

    Shape:
        input (B, N) → (B, features); input (N), offsets (B) → (B, features)
    """
    if per_sample_weights is not None and input.size() != per_sample_weights.size():
        raise ValueError(
            f"embedding_bag: If per_sample_weights ({per_sample_weights.shape}) is not None, then it must have the same"
            f" shape as the input ({input.shape})"
        )
    if weight.dim() != 2:
        raise ValueError(f"weight has to be a 2D Tensor, but got Tensor of dimension {weight.dim()}")
    given = input
    input, offsets, per_sample_weights = _flat_bags(input, offsets, per_sample_weights)
    _check_bag_mode(mode, scale_grad_by_freq, sparse, per_sample_weights)
    rows = weight.shape[0]
    padding_idx = -1 if padding_idx is None else _row_left_out(padding_idx, rows)
    if input.dtype not in (dtypes.int64, dtypes.int32):
        raise RuntimeError(
            "Expected tensor for argument #1 'indices' to have one of the following scalar types: Long, Int; but got"
            f" {input.type()} instead (while checking arguments for embedding_bag)"
        )
    if input.numel():
        data_check(input, beyond_rows, _wrong_row, rows=rows)
    if max_norm is not None:
        renormalize(weight, input, float(max_norm), float(norm_type))
    bags = given.shape[0] if given.dim() == 2 else offsets.shape[0] - bool(include_last_offset)
    return _embedding_bag(
        weight,
        input,
        offsets,
        per_sample_weights,
        mode,
        bags,
        padding_idx,
        bool(scale_grad_by_freq),
    )


def _check_bag_mode(mode, scale_grad_by_freq, sparse, per_sample_weights):
    if mode not in ("sum", "mean", "max"):
        raise ValueError("mode has to be one of sum, mean or max")
    if mode == "max" and scale_grad_by_freq:
        raise ValueError("max mode does not support scaling the gradient by the frequency")
    if mode == "max" and sparse:
        raise ValueError("max mode does not support sparse weights")
    if per_sample_weights is not None and mode != "sum":
        raise NotImplementedError(
            f"embedding_bag: per_sample_weights was not None. per_sample_weights is only supported for mode='sum' (got mode='{mode}'). "
            "Please open a feature request on GitHub."
        )


def _row_left_out(padding_idx, rows):
    """The number of the row, counted from the first."""
    if not -rows <= padding_idx < rows:
        raise RuntimeError(
            f"padding_idx must be within the number of embeddings, -{rows} through {rows - 1}, but got {padding_idx}"
        )
    return padding_idx % rows


def _flat_bags(input, offsets, scales):
    if input.dim() == 2:
        if offsets is not None:
            raise ValueError(
                "if input is 2D, then offsets has to be None, as input is treated is a mini-batch of fixed length sequences. "
                "However, found offsets of type <class 'torch.Tensor'>"
            )
        offsets = tensor([i * input.shape[1] for i in range(input.shape[0])])
        return input.reshape(-1), offsets, None if scales is None else scales.reshape(-1)
    if input.dim() != 1:
        raise ValueError(f"input has to be 1D or 2D Tensor, but got Tensor of dimension {input.dim()}")
    if offsets is None:
        raise ValueError("offsets has to be a 1D Tensor but got None")
    if offsets.dim() != 1:
        raise ValueError("offsets has to be a 1D Tensor")
    data_check(offsets, _late_start, _wrong_start)
    data_check(offsets, _beyond_end, _wrong_end, length=input.shape[0])
    return input, offsets, scales


def _late_start(offsets):
    return (offsets[:1] != 0).any()


def _wrong_start(offsets):
    return RuntimeError(
        "offsets[0] has to be 0, i.e., the first sequence in the mini-batch has to start from position 0. "
        f"However, got {int(offsets[0])}\n[ torch.LongTensor{{}} ]"
    )


def _beyond_end(offsets, length):
    return (offsets[-1:] > length).any()


def _wrong_end(offsets, length):
    return RuntimeError(
        f"offsets[-1] can not be greater than input's length {length} but got offsets[-1] of {int(offsets[-1])}"
    )
