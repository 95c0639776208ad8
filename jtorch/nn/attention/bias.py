"""`torch.nn.attention.bias`: causal masks for queries and keys of different lengths."""

from __future__ import annotations

from jtorch.core.facts import dtypes
from jtorch.core.ops.make.create import ones

__all__ = ["causal_lower_right", "causal_upper_left"]


def causal_upper_left(*size):
    """A mask (length, source), True where a key is not later than the query, both counted from the start."""
    if len(size) != 2:
        raise AssertionError("causal_upper_left only supports 2D tensors")
    return ones(size, dtype=dtypes.bool_).tril()


def causal_lower_right(*size):
    """A mask (length, source), True where a key is not later than the query, both counted from the end."""
    if len(size) != 2:
        raise AssertionError("causal_lower_right only supports 2D tensors")
    return ones(size, dtype=dtypes.bool_).tril(diagonal=size[1] - size[0])
