"""The table of rules, and what they share.

A rule decides for each dimension of the mesh which placements its inputs need and which one the result has. Then it calls the op
with the local tensors.
"""

from __future__ import annotations

from collections.abc import Callable

from jtorch.distributed.tensor._api import DTensor, made_of
from jtorch.distributed.tensor._redistribute import SumGradients
from jtorch.distributed.tensor.placement_types import Partial, Replicate, Shard

RULES: dict[str, Callable] = {}  # name of an op -> function (func, name, args, kwargs) -> the result, or NotImplemented

OF_PLAIN_TENSORS_TOO: set[str] = (
    set()
)  # names of ops that take tensors beside DTensors, which are the same in all processes


def rule(*names):
    """Register a function as the rule of these ops. If it returns NotImplemented, every process computes the op on whole tensors."""

    def register(fn):
        RULES.update(dict.fromkeys(names, fn))
        return fn

    return register


def placed_local(tensor, placements, differs):
    """The local tensor of a DTensor under other placements.

    Args:
        differs: for each dimension of the mesh, whether the processes along it compute different things. There the gradient of
            a replicated tensor is the sum of theirs.
    """
    local = tensor._under(tuple(placements))._local_tensor
    if local.requires_grad:
        for i, p in enumerate(placements):
            if isinstance(p, Replicate) and differs[i] and tensor._mesh.shape[i] > 1:
                local = SumGradients.apply(local, tensor._mesh, i)
    return local


def placed_all(tensors, needed, result):
    """The local tensors of DTensors under the placements that an op needs.

    Args:
        tensors: DTensors; None stays None.
        needed: placements for each.
        result: the placements of the result.
    """
    differs = [
        not all(isinstance(p[i], Replicate) for p in (*[n for n in needed if n is not None], result))
        for i in range(len(result))
    ]
    return [None if t is None else placed_local(t, n, differs) for t, n in zip(tensors, needed, strict=True)]


def result_of(local, mesh, placements, shape):
    """The DTensor of a result."""
    return made_of(local, mesh, placements, tuple(shape))


def by_mesh_dim(mesh, decide):
    """(placements for each input, placements of the result), from `decide(i)` -> (a placement for each input, that of the result)
    on dimension i of the mesh.
    """
    found = [decide(i) for i in range(mesh.ndim)]
    return [list(p) for p in zip(*[needed for needed, _ in found], strict=True)], [out for _, out in found]


def even(shape, dim, mesh, mesh_dim):
    """Whether a dimension can be cut into parts of one size."""
    return shape[dim] % mesh.shape[mesh_dim] == 0


def check_written(tensor, name):
    """Raise NotImplementedError if a write to this DTensor would be lost, because it is a copy where PyTorch has a view."""
    if tensor._shows_copy:
        raise NotImplementedError(f"torch.{name}: writing to a view of a DTensor that had to be gathered for it")


__all__ = [
    "RULES",
    "DTensor",
    "Partial",
    "Replicate",
    "Shard",
    "by_mesh_dim",
    "check_written",
    "even",
    "placed_all",
    "placed_local",
    "result_of",
    "rule",
]
