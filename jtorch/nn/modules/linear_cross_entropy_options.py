"""LinearCrossEntropyOptions: how PyTorch computes a linear layer and its loss in chunks."""

from __future__ import annotations

from dataclasses import dataclass

from jtorch.core.facts import dtype

__all__ = ["LinearCrossEntropyOptions"]


@dataclass
class LinearCrossEntropyOptions:
    """How PyTorch computes a linear layer and its loss in chunks. They have no effect: XLA plans the memory."""

    allow_retain_graph: bool = False
    batch_chunk_size: int | None = None
    chunking_method: str | None = "auto"
    acc_policy: str = "auto"
    acc_dtype: dtype | None = None
