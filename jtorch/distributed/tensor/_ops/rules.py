"""The table of rules, and what they share: which placements the inputs must have, and what the local tensors compute.

A rule decides for each dimension of the mesh by itself. It says which placements its inputs need there and which the result has.
"""

from __future__ import annotations

from collections.abc import Callable

from jtorch.distributed.tensor._api import DTensor, made_of
from jtorch.distributed.tensor._redistribute import SumGradients
from jtorch.distributed.tensor.placement_types import Partial, Replicate, Shard

RULES: dict[str, Callable] = {}  # name of an op -> function (func, name, args, kwargs) -> the result, or NotImplemented


def rule(*names):
    """Register a function as the rule of these ops. NotImplemented from it: gather the inputs, and compute all everywhere."""

    def register(fn):
        RULES.update(dict.fromkeys(names, fn))
        return fn

    return register


def placed_local(tensor, placements, differs):
    """The local tensor of a DTensor under placements, for an op that differs between processes where `differs` says so."""
    local = tensor._under(tuple(placements))._local_tensor
    if local.requires_grad:
        for i, p in enumerate(placements):
            if isinstance(p, Replicate) and differs[i] and tensor._mesh.shape[i] > 1:
                local = SumGradients.apply(local, tensor._mesh, i)
    return local


def placed_all(tensors, needed, result):
    """The local tensors of DTensors (None for None), given for each the placements needed, and those of the result."""
    differs = [
        not all(isinstance(p[i], Replicate) for p in (*[n for n in needed if n is not None], result))
        for i in range(len(result))
    ]
    return [None if t is None else placed_local(t, n, differs) for t, n in zip(tensors, needed, strict=True)]


def result_of(local, mesh, placements, shape):
    """The DTensor of a result."""
    return made_of(local, mesh, placements, tuple(shape))


def by_mesh_dim(mesh, decide):
    """`decide(i) -> (placements needed by the inputs, placement of the result)` for each dimension of the mesh, by input."""
    found = [decide(i) for i in range(mesh.ndim)]
    return [list(p) for p in zip(*[needed for needed, _ in found], strict=True)], [out for _, out in found]


def even(shape, dim, mesh, mesh_dim):
    """Whether a dimension can be cut into parts of one size."""
    return shape[dim] % mesh.shape[mesh_dim] == 0


def check_written(tensor, name):
    """Raise NotImplementedError if a write to this DTensor would be lost."""
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
