"""How the local tensors under some placements become those under others, with gradients.

The gradient of a local tensor has the placements of the tensor, except that the gradient of a Partial one is replicated. So the
backward of every function here is again one of them.
"""

from __future__ import annotations

import math

from jtorch.autograd.function import Function
from jtorch.core.grad import no_grad
from jtorch.distributed._c10d import recording
from jtorch.distributed._c10d.reduce_op import ReduceOp
from jtorch.distributed.tensor._layout import cuts, part_of
from jtorch.distributed.tensor.placement_types import Partial, Shard

REDUCTIONS = {
    "sum": ReduceOp.SUM,
    "avg": ReduceOp.AVG,
    "product": ReduceOp.PRODUCT,
    "max": ReduceOp.MAX,
    "min": ReduceOp.MIN,
}


def members(mesh, mesh_dim):
    """The ranks of the processes along a dimension of the mesh, this one among them."""
    return mesh.get_group(mesh_dim).ranks


def padded_to(tensor, dim, size):
    """A tensor filled up with zeros to a size along a dimension, without gradients."""
    missing = size - tensor.shape[dim]
    if not missing:
        return tensor
    shape = (*tensor.shape[:dim], missing, *tensor.shape[dim + 1 :])
    return recording.concatenated([tensor.detach(), tensor.new_zeros(shape)], dim)


def join_parts(tensors, dims, sizes, ranks) -> tuple:
    """The whole tensors, from the parts along one dimension of each. No gradients."""
    n = len(ranks)
    if n == 1:
        return tuple(tensors)
    with no_grad():
        even = [padded_to(t, d, math.ceil(size / n)) for t, d, size in zip(tensors, dims, sizes, strict=True)]
        made = recording.record_collective(recording.gather_parts, ranks, even, dims=tuple(dims), sizes=tuple(sizes))
    return made if isinstance(made, tuple) else (made,)


def sum_parts(tensors, dims, op, ranks, number) -> tuple:
    """This process's parts of the reductions of tensors, cut along one dimension of each. No gradients."""
    n = len(ranks)
    if n == 1:
        return tuple(tensors)
    with no_grad():
        even = [padded_to(t, d, n * math.ceil(t.shape[d] / n)).contiguous() for t, d in zip(tensors, dims, strict=True)]
        made = recording.record_collective(
            recording.reduce_parts, ranks, even, dims=tuple(dims), op=recording.reduction_name(op)
        )
        made = made if isinstance(made, tuple) else (made,)
        own = [part_of(t.shape[d], n, number)[1] for t, d in zip(tensors, dims, strict=True)]
        return tuple(
            [m if m.shape[d] == size else m.narrow(d, 0, size) for m, d, size in zip(made, dims, own, strict=True)]
        )


class _JoinShards(Function):
    """Shard -> Replicate."""

    @staticmethod
    def forward(ctx, local, mesh, mesh_dim, dim, size):
        ctx.given = mesh, mesh_dim, dim
        return join_parts([local.detach()], [dim], [size], members(mesh, mesh_dim))[0]

    @staticmethod
    def backward(ctx, gradient):
        return _TakeShard.apply(gradient, *ctx.given), None, None, None, None


class _TakeShard(Function):
    """Replicate -> Shard."""

    @staticmethod
    def forward(ctx, local, mesh, mesh_dim, dim):
        ctx.given = mesh, mesh_dim, dim, local.shape[dim]
        start, length = part_of(local.shape[dim], mesh.size(mesh_dim), mesh.get_local_rank(mesh_dim))
        return local.detach().narrow(dim, start, length).clone()

    @staticmethod
    def backward(ctx, gradient):
        return _JoinShards.apply(gradient, *ctx.given), None, None, None


class _SumOfParts(Function):
    """Partial (sum or mean) -> Replicate."""

    @staticmethod
    def forward(ctx, local, mesh, mesh_dim, op):
        ctx.factor = 1 / mesh.size(mesh_dim) if op == "avg" else 1
        return recording.reduce_tensors([local.detach()], REDUCTIONS[op], members(mesh, mesh_dim))[0]

    @staticmethod
    def backward(ctx, gradient):
        return gradient if ctx.factor == 1 else gradient * ctx.factor, None, None, None


class _PartOfSum(Function):
    """Partial (sum or mean) -> Shard."""

    @staticmethod
    def forward(ctx, local, mesh, mesh_dim, op, dim):
        ctx.given, ctx.factor = (mesh, mesh_dim, dim, local.shape[dim]), 1 / mesh.size(mesh_dim) if op == "avg" else 1
        number = mesh.get_local_rank(mesh_dim)
        return sum_parts([local.detach()], [dim], REDUCTIONS[op], members(mesh, mesh_dim), number)[0]

    @staticmethod
    def backward(ctx, gradient):
        made = _JoinShards.apply(gradient, *ctx.given)
        return made if ctx.factor == 1 else made * ctx.factor, None, None, None, None


class _OnFirst(Function):
    """Replicate -> Partial: the first process keeps the tensor, and the others have zeros."""

    @staticmethod
    def forward(ctx, local, mesh, mesh_dim):
        first = mesh.get_local_rank(mesh_dim) == 0
        return local.detach().clone() if first else local.detach() * 0

    @staticmethod
    def backward(ctx, gradient):
        return gradient, None, None


class SumGradients(Function):
    """Replicate -> Replicate. The processes along a dimension of the mesh compute parts of the gradient, which are summed."""

    @staticmethod
    def forward(ctx, local, mesh, mesh_dim):
        ctx.given = mesh, mesh_dim
        return local.detach().view_as(local)

    @staticmethod
    def backward(ctx, gradient):
        return _SumOfParts.apply(gradient, *ctx.given, "sum"), None, None


def reduced_whole(local, mesh, mesh_dim, op):
    """Partial -> Replicate, for any reduction; only sums and means have a gradient."""
    if op not in ("sum", "avg") and local.requires_grad:
        raise NotImplementedError(f"the gradient of Partial({op})")
    return _SumOfParts.apply(local, mesh, mesh_dim, op)


def redistributed(local, mesh, shape, before, after):
    """The local tensor under other placements. `shape` is that of the whole tensor."""
    if before == after:
        return local
    kept = _stays_as_it_is(before, after)
    for cut in reversed(cuts(mesh, shape, before)):
        if not kept[cut.mesh_dim] and mesh.shape[cut.mesh_dim] > 1:
            local = _JoinShards.apply(local, mesh, cut.mesh_dim, cut.dim, cut.size)
    scattered = set()
    for i, p in enumerate(before):
        if not isinstance(p, Partial) or kept[i] or mesh.shape[i] == 1:
            continue
        to = after[i]
        if isinstance(to, Shard) and _cuts_alone(i, before, after) and p.reduce_op in ("sum", "avg"):
            local = _PartOfSum.apply(local, mesh, i, p.reduce_op, to.dim)
            scattered.add(i)
        else:
            local = reduced_whole(local, mesh, i, p.reduce_op)
    for cut in cuts(mesh, shape, after):
        if not kept[cut.mesh_dim] and cut.mesh_dim not in scattered and mesh.shape[cut.mesh_dim] > 1:
            local = _TakeShard.apply(local, mesh, cut.mesh_dim, cut.dim)
    for i, p in enumerate(after):
        if isinstance(p, Partial) and not kept[i] and mesh.shape[i] > 1:
            if p.reduce_op != "sum":
                raise NotImplementedError(f"redistribute: from {before[i]} to {p}")
            local = _OnFirst.apply(local, mesh, i)
    return local


def _cuts_alone(i, before, after):
    """Whether no other dimension of the mesh cuts the dimension that this one cuts afterwards."""
    dim = after[i].dim
    return not any(
        isinstance(p, Shard) and p.dim == dim for j in range(len(after)) if j != i for p in (before[j], after[j])
    )


def _stays_as_it_is(before, after):
    """For each dimension of the mesh, whether nothing changes on it and on those that cut the same dimension."""
    changed = {
        p.dim for pair in zip(before, after, strict=True) if pair[0] != pair[1] for p in pair if isinstance(p, Shard)
    }
    return [b == a and not (isinstance(b, Shard) and b.dim in changed) for b, a in zip(before, after, strict=True)]
