"""LinearCrossEntropyOptions: how PyTorch computes a linear layer and its loss in chunks."""

from __future__ import annotations

from dataclasses import dataclass

from jtorch.core.facts import dtype

__all__ = ["LinearCrossEntropyOptions"]


@dataclass
class LinearCrossEntropyOptions:
    """How PyTorch splits a linear layer and its loss into chunks. No effect here: XLA plans the memory.

    Args:
        allow_retain_graph: whether backward may run twice.
        batch_chunk_size: rows of the batch in a chunk.
        chunking_method: how the size of the chunks is chosen.
        acc_policy: which partial sums are kept in a wider dtype.
        acc_dtype: that dtype.

    >>> torch.nn.LinearCrossEntropyOptions(batch_chunk_size=128).batch_chunk_size
    128
    """

    allow_retain_graph: bool = False
    batch_chunk_size: int | None = None
    chunking_method: str | None = "auto"
    acc_policy: str = "auto"
    acc_dtype: dtype | None = None
