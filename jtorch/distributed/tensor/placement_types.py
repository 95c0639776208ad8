"""How a tensor lies on the processes of one dimension of a mesh: whole, in parts along a dimension, or as parts of a sum."""

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
        """Whether the processes' tensors have to be reduced."""
        return isinstance(self, Partial) and reduce_op in (None, self.reduce_op)


@dataclass(frozen=True)
class Shard(Placement):
    """In parts along a dimension, as `torch.chunk` makes them: the last parts may be shorter, or empty.

    >>> torch.distributed.tensor.Shard(0)
    Shard(dim=0)
    """

    dim: int

    def __str__(self):
        return f"S({self.dim})"


@dataclass(frozen=True)
class StridedShard(Shard):
    """In parts along a dimension which a later dimension of the mesh has cut before: the parts of its parts."""

    split_factor: int = 1

    def __repr__(self):
        return f"_StridedShard(dim={self.dim}, sf={self.split_factor})"

    def __str__(self):
        return f"_S({self.dim}, {self.split_factor})"


_StridedShard = StridedShard


@dataclass(frozen=True)
class Replicate(Placement):
    """Whole on each process.

    >>> str(torch.distributed.tensor.Replicate())
    'R'
    """

    def __str__(self):
        return "R"


@dataclass(frozen=True)
class Partial(Placement):
    """Parts of a sum, or of another reduction: "sum", "avg", "product", "max", "min".

    >>> torch.distributed.tensor.Partial()
    Partial(sum)
    """

    reduce_op: str = "sum"

    def __repr__(self):
        return f"Partial({self.reduce_op})"

    def __str__(self):
        return f"P({self.reduce_op})"
