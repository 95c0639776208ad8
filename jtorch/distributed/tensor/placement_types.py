"""How a tensor would lie on the processes: whole, in parts along a dimension, or as parts of a sum."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Partial", "Placement", "Replicate", "Shard"]


class Placement:
    """How a tensor lies on one dimension of a mesh."""

    def is_shard(self, dim: int | None = None) -> bool:
        """Whether each process has a part, along this dimension."""
        return isinstance(self, Shard) and dim in (None, self.dim)

    def is_replicate(self) -> bool:
        """Whether each process has all of it."""
        return isinstance(self, Replicate)

    def is_partial(self, reduce_op: str | None = None) -> bool:
        """Whether the processes' tensors have to be summed."""
        return isinstance(self, Partial) and reduce_op in (None, self.reduce_op)


@dataclass(frozen=True)
class Shard(Placement):
    """In parts along a dimension."""

    dim: int


class _StridedShard(Shard):
    pass


@dataclass(frozen=True)
class Replicate(Placement):
    """Whole on each process."""


@dataclass(frozen=True)
class Partial(Placement):
    """Parts of a sum, or of another reduction."""

    reduce_op: str = "sum"
