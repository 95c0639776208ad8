"""Views of DTensors: on the local tensors, where the dimension that is cut remains a dimension of the result."""

from __future__ import annotations

from math import prod

from jtorch.distributed.tensor._ops.rule_table import by_mesh_dim, even, placed_all, result_of, rule
from jtorch.distributed.tensor.placement_types import Replicate, Shard


def _mapped(x, to):
    """(placements needed, placements of the result), where dimension d becomes `to(d)` of the result; None: it must be whole."""

    def decide(i):
        p = x._placements[i]
        if isinstance(p, Shard):
            d = to(p.dim)
            return ((Replicate(),), Replicate()) if d is None else ((p,), p if d == p.dim else Shard(d))
        return (p,), p

    return by_mesh_dim(x._mesh, decide)


def _view_of_parts(func, x, needed, out, shape, args, kwargs):
    (local,) = placed_all([x], needed, out)
    return _noting_copies(result_of(func(local, *args, **kwargs), x._mesh, out, shape), x, needed)


def _noting_copies(made, x, needed):
    """The result `made`, marked as a copy if parts of `x` were gathered for it: a write to it would not reach `x`."""
    made._shows_copy = x._shows_copy or tuple(needed[0]) != x._placements
    return made


@rule("t", "T", "mT", "transpose", "swapaxes", "swapdims")
def swap_dims(func, name, args, kwargs):
    x, *rest = args
    a, b = (rest if rest else list(kwargs.values()) or (-2, -1)) if name not in ("t", "T", "mT") else (-2, -1)
    if x.ndim < 2 or (name == "T" and x.ndim != 2):
        return NotImplemented
    a, b = a % x.ndim, b % x.ndim
    order = list(range(x.ndim))
    order[a], order[b] = b, a
    needed, out = _mapped(x, order.index)
    return _view_of_parts(func, x, needed, out, [x.shape[d] for d in order], rest, kwargs)


@rule("permute")
def permute_dims(func, name, args, kwargs):
    x, *rest = args
    dims = kwargs.get("dims", rest[0] if len(rest) == 1 and isinstance(rest[0], tuple | list) else rest)
    order = [d % x.ndim for d in dims]
    needed, out = _mapped(x, order.index)
    return _view_of_parts(func, x, needed, out, [x.shape[d] for d in order], rest, kwargs)


@rule("unsqueeze")
def insert_dim(func, name, args, kwargs):
    x, *rest = args
    at = (rest[0] if rest else kwargs["dim"]) % (x.ndim + 1)
    needed, out = _mapped(x, lambda d: d + (d >= at))
    return _view_of_parts(func, x, needed, out, [*x.shape[:at], 1, *x.shape[at:]], rest, kwargs)


@rule("view", "reshape", "flatten", "unflatten", "view_as", "reshape_as")
def reshape_parts(func, name, args, kwargs):
    """A dimension that is cut stays cut if it, or the first one that it becomes or that becomes it, is cut evenly."""
    x, *rest = args
    shape = _shape_asked_for(name, x, rest, kwargs)
    if shape is None:
        return NotImplemented
    groups = _groups(x.shape, shape)

    def to(dim):
        for before, after in groups:
            if before and before[0] == dim and after:
                return after[0]
        return None

    def decide(i):
        p = x._placements[i]
        if not isinstance(p, Shard):
            return (p,), p
        d = to(p.dim)
        if d is None or not (even(x.shape, p.dim, x._mesh, i) and even(shape, d, x._mesh, i)) or _twice(x, p.dim):
            return (Replicate(),), Replicate()
        return (p,), Shard(d)

    needed, out = by_mesh_dim(x._mesh, decide)
    sizes = list(shape)
    for i, p in enumerate(out):
        if isinstance(p, Shard):
            sizes[p.dim] //= x._mesh.shape[i]
    (local,) = placed_all([x], needed, out)
    return _noting_copies(result_of(local.reshape(sizes), x._mesh, out, shape), x, needed)


def _twice(x, dim):
    return sum(isinstance(p, Shard) and p.dim == dim for p in x._placements) > 1


def _shape_asked_for(name, x, rest, kwargs):
    """The shape of the whole result; None if this rule cannot tell it from the arguments."""
    if name in ("flatten", "unflatten"):
        given = (
            dict(zip(("start_dim", "end_dim") if name == "flatten" else ("dim", "sizes"), rest, strict=False)) | kwargs
        )
        if name == "flatten":
            start, end = given.get("start_dim", 0) % x.ndim, given.get("end_dim", -1) % x.ndim
            return (*x.shape[:start], prod(x.shape[start : end + 1]), *x.shape[end + 1 :])
        dim = given["dim"] % x.ndim
        return _filled_in((*x.shape[:dim], *given["sizes"], *x.shape[dim + 1 :]), x.numel())
    shape = (
        rest[0]
        if len(rest) == 1 and isinstance(rest[0], tuple | list)
        else rest or kwargs.get("shape", kwargs.get("size"))
    )
    if hasattr(shape, "shape"):
        shape = shape.shape
    if len(rest) == 1 and hasattr(rest[0], "shape"):
        shape = rest[0].shape
    if shape is None or not all(isinstance(n, int) for n in shape):
        return None
    return _filled_in(shape, x.numel())


def _filled_in(shape, numel):
    known = prod(n for n in shape if n != -1)
    made = tuple([numel // max(known, 1) if n == -1 else n for n in shape])
    return made if prod(made) == numel else None


def _groups(before, after):
    """Runs of dimensions of both shapes that hold the same elements: [(dimensions before, dimensions after)]."""
    groups, i, j = [], 0, 0
    while i < len(before) and j < len(after):
        own, new, m, n = [i], [j], before[i], after[j]
        i, j = i + 1, j + 1
        while m != n:
            if (i if m < n else j) == len(before if m < n else after):
                return []
            if m < n:
                own.append(i)
                m, i = m * before[i], i + 1
            else:
                new.append(j)
                n, j = n * after[j], j + 1
        groups.append((own, new))
    return groups
