"""Placements: a tensor is cut over the processes of a dimension of a mesh, replicated on them, or the sum of their tensors."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Partial", "Placement", "Replicate", "Shard"]


class Placement:
    """What the processes along one dimension of a mesh have of a tensor."""

    def is_shard(self, dim: int | None = None) -> bool:
        """Whether the tensor is cut; with `dim`, whether along this dimension."""
        return isinstance(self, Shard) and dim in (None, self.dim)

    def is_replicate(self) -> bool:
        """Whether each process has the whole tensor."""
        return isinstance(self, Replicate)

    def is_partial(self, reduce_op: str | None = None) -> bool:
        """Whether the tensor is a reduction of the processes' tensors; with `reduce_op`, whether by this one."""
        return isinstance(self, Partial) and reduce_op in (None, self.reduce_op)


@dataclass(frozen=True)
class Shard(Placement):
    """Cut along a dimension into the parts of `torch.chunk`. The last parts may be shorter, or empty.

    >>> torch.distributed.tensor.Shard(0)
    Shard(dim=0)
    """

    dim: int

    def __str__(self):
        return f"S({self.dim})"


@dataclass(frozen=True)
class StridedShard(Shard):
    """Cut along a dimension that a later dimension of the mesh cuts first: its parts are cut again."""

    split_factor: int = 1

    def __repr__(self):
        return f"_StridedShard(dim={self.dim}, sf={self.split_factor})"

    def __str__(self):
        return f"_S({self.dim}, {self.split_factor})"


_StridedShard = StridedShard


@dataclass(frozen=True)
class Replicate(Placement):
    """Each process has the whole tensor.

    >>> str(torch.distributed.tensor.Replicate())
    'R'
    """

    def __str__(self):
        return "R"


@dataclass(frozen=True)
class Partial(Placement):
    """The tensor is the reduction of the processes' tensors: "sum", "avg", "product", "max" or "min".

    >>> torch.distributed.tensor.Partial()
    Partial(sum)
    """

    reduce_op: str = "sum"

    def __repr__(self):
        return f"Partial({self.reduce_op})"

    def __str__(self):
        return f"P({self.reduce_op})"
