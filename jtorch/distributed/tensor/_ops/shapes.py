"""Reductions, `softmax` and the normalizations of DTensors."""

from __future__ import annotations

from jtorch.distributed.tensor._api import DTensor
from jtorch.distributed.tensor._ops.rule_table import by_mesh_dim, even, placed_all, result_of, rule
from jtorch.distributed.tensor.placement_types import Partial, Replicate, Shard

_JOINED = {"sum": "sum", "mean": "avg", "amax": "max", "amin": "min"}


def _dims(dim, ndim):
    """Which dimensions are reduced."""
    if dim is None or dim == () or dim == []:
        return set(range(ndim))
    return {d % max(ndim, 1) for d in (dim if isinstance(dim, tuple | list) else (dim,))}


def _reduced_shape(shape, dims, keepdim):
    return [1 if d in dims else n for d, n in enumerate(shape) if keepdim or d not in dims]


@rule("sum", "mean", "amax", "amin")
def reduction(func, name, args, kwargs):
    """A reduction. Over a dimension that is cut, each process reduces its part, and the result is Partial."""
    x = args[0] if args else kwargs["input"]
    given = dict(zip(("input", "dim", "keepdim"), args, strict=False)) | kwargs
    dim, keepdim = given.get("dim", given.get("axis")), bool(given.get("keepdim"))
    dims = _dims(dim, x.ndim)
    op = _JOINED[name]

    def decide(i):
        p = x._placements[i]
        if isinstance(p, Shard) and p.dim not in dims:
            return (p,), Shard(p.dim if keepdim else p.dim - sum(d < p.dim for d in dims))
        if isinstance(p, Shard) and (op == "sum" or (op == "avg" and even(x.shape, p.dim, x._mesh, i))):
            return (p,), Partial(op)
        if isinstance(p, Shard) and op in ("max", "min") and not x.requires_grad and even(x.shape, p.dim, x._mesh, i):
            return (p,), Partial(op)
        if p == Partial("sum") and op in ("sum", "avg"):
            return (p,), p
        return (Replicate(),), Replicate()

    needed, out = by_mesh_dim(x._mesh, decide)
    if len({p.reduce_op for p in out if isinstance(p, Partial)}) > 1:
        return NotImplemented
    (local,) = placed_all([x], needed, out)
    made = func(local, *args[1:], **{k: v for k, v in kwargs.items() if k != "input"})
    return result_of(made, x._mesh, out, _reduced_shape(x.shape, dims, keepdim))


def _along(x, is_whole):
    """(placements needed, placements of the result), where no dimension d with `is_whole(d)` may be cut."""

    def decide(i):
        p = x._placements[i]
        keep = isinstance(p, Shard) and not is_whole(p.dim)
        return ((p,), p) if keep else ((Replicate(),), Replicate())

    return by_mesh_dim(x._mesh, decide)


@rule("softmax", "log_softmax", "cumsum", "logsumexp_keepdim", "normalize")
def along_one_dimension(func, name, args, kwargs):
    """`softmax` and others along one dimension, which must be whole."""
    x = args[0] if args else kwargs["input"]
    dim = args[1] if len(args) > 1 else kwargs.get("dim")
    if not isinstance(x, DTensor) or not isinstance(dim, int) or name == "normalize":
        return NotImplemented
    needed, out = _along(x, lambda d: d == dim % x.ndim)
    (local,) = placed_all([x], needed, out)
    made = func(local, *args[1:], **{k: v for k, v in kwargs.items() if k != "input"})
    return result_of(made, x._mesh, out, x.shape)


@rule("layer_norm", "rms_norm")
def normalization(func, name, args, kwargs):
    """`layer_norm` and others over the last dimensions, which must be whole as the weights must."""
    given = dict(zip(("input", "normalized_shape", "weight", "bias", "eps"), args, strict=False)) | kwargs
    if name == "rms_norm":
        given = dict(zip(("input", "normalized_shape", "weight", "eps"), args, strict=False)) | kwargs
    x = given["input"]
    weights = {k: given[k] for k in ("weight", "bias") if given.get(k) is not None}
    if not isinstance(x, DTensor) or not all(isinstance(w, DTensor) for w in weights.values()):
        return NotImplemented
    first = x.ndim - len(given["normalized_shape"])
    (needed,), out = _along(x, lambda d: d >= first)
    whole = [Replicate()] * x._mesh.ndim
    local, *rest = placed_all([x, *weights.values()], [needed, *[whole] * len(weights)], out)
    options = {k: v for k, v in given.items() if k not in ("input", "normalized_shape", *weights)}
    made = func(local, given["normalized_shape"], **dict(zip(weights, rest, strict=True)), **options)
    return result_of(made, x._mesh, out, x.shape)
