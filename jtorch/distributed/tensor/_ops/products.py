"""`linear`, `matmul`, `embedding` and attention of DTensors: each process computes rows, columns, or a part of the sum."""

from __future__ import annotations

from jtorch.core.ops.arithmetic.logic import clamp
from jtorch.distributed.tensor._api import DTensor
from jtorch.distributed.tensor._layout import cuts
from jtorch.distributed.tensor._ops.rule_table import by_mesh_dim, even, placed_all, result_of, rule
from jtorch.distributed.tensor.placement_types import Partial, Replicate, Shard

_OF_EMBEDDING = "input", "weight", "padding_idx", "max_norm", "norm_type", "scale_grad_by_freq", "sparse"
_WHOLE, _SUM = Replicate(), Partial("sum")


def _placed_product(x, w, px, pw, last, first, second):
    """(placements of x and w, placement of the product), for one dimension of the mesh.

    The product sums over dimension `last` of x and `first` of w; `second` of w becomes the last of the result.
    """
    if isinstance(px, Partial) and not (isinstance(pw, Replicate) and px == _SUM):
        px = _WHOLE
    if isinstance(pw, Partial):
        pw = _WHOLE
    if isinstance(px, Shard) and isinstance(pw, Shard) and px.dim != last and x.numel() >= w.numel():
        pw = _WHOLE  # gather the smaller one
    if isinstance(pw, Shard) and pw.dim == second and not (isinstance(px, Shard) and px.dim == last):
        return (_WHOLE, Shard(second)), Shard(last)
    if (isinstance(pw, Shard) and pw.dim == first) or (isinstance(px, Shard) and px.dim == last):
        return (Shard(last), Shard(first)), _SUM
    if isinstance(px, Shard):
        return (px, _WHOLE), Shard(px.dim)
    return ((_SUM, _WHOLE), _SUM) if px == _SUM else ((_WHOLE, _WHOLE), _WHOLE)


@rule("linear")
def linear_in_parts(func, name, args, kwargs):
    """`linear`: input · weightᵀ + bias."""
    x, w, bias = _three(args, kwargs)
    if (
        not (isinstance(x, DTensor) and isinstance(w, DTensor))
        or x.ndim < 2
        or (bias is not None and not isinstance(bias, DTensor))
    ):
        return NotImplemented
    mesh, last = x._mesh, x.ndim - 1

    def decide(i):
        (px, pw), out = _placed_product(x, w, x._placements[i], w._placements[i], last, 1, 0)
        if bias is None:
            return (px, pw, _WHOLE), out
        of_bias = Shard(0) if out == Shard(last) and isinstance(pw, Shard) else _SUM if out == _SUM else _WHOLE
        return (px, pw, of_bias), out

    needed, out = by_mesh_dim(mesh, decide)
    local = placed_all([x, w, bias], needed if bias is not None else [*needed[:2], None], out)
    return result_of(func(*local), mesh, out, (*x.shape[:-1], w.shape[0]))


def _three(args, kwargs):
    given = dict(zip(("input", "weight", "bias"), args, strict=False)) | kwargs
    return given["input"], given["weight"], given.get("bias")


@rule("matmul", "mm", "bmm")
def matmul_in_parts(func, name, args, kwargs):
    """`matmul` of two tensors with at least two dimensions."""
    x, w = args if len(args) == 2 else (args[0], next(iter(kwargs.values())))
    if not (isinstance(x, DTensor) and isinstance(w, DTensor)) or x.ndim < 2 or w.ndim < 2:
        return NotImplemented
    if w.ndim > 2 and x.shape[:-2] != w.shape[:-2]:
        return NotImplemented
    mesh, last, first, second = x._mesh, x.ndim - 1, w.ndim - 2, w.ndim - 1

    def decide(i):
        px, pw = x._placements[i], w._placements[i]
        if w.ndim == 2:
            return _placed_product(x, w, px, pw, last, first, second)
        batch = next((p.dim for p in (px, pw) if isinstance(p, Shard) and p.dim < first), None)
        if batch is not None:
            return (Shard(batch), Shard(batch)), Shard(batch)
        return _placed_product(x, w, px, pw, last, first, second)

    needed, out = by_mesh_dim(mesh, decide)
    local = placed_all([x, w], needed, out)
    return result_of(func(*local), mesh, out, (*x.shape[:-1], w.shape[-1]))


@rule("embedding")
def rows_of_table(func, name, args, kwargs):
    """`embedding`: a table cut by rows gives parts of a sum, a table cut by columns gives columns."""
    given = dict(zip(_OF_EMBEDDING, args, strict=False)) | kwargs
    ids, table = given["input"], given["weight"]
    if (
        not (isinstance(ids, DTensor) and isinstance(table, DTensor))
        or given.get("max_norm")
        or given.get("scale_grad_by_freq")
    ):
        return NotImplemented
    mesh = table._mesh
    by_rows = [i for i, p in enumerate(table._placements) if p == Shard(0)]
    if len(by_rows) > 1 or (by_rows and given.get("padding_idx") is not None):
        return NotImplemented

    def decide(i):
        p, of_ids = table._placements[i], ids._placements[i]
        if p == Shard(0):
            return (_WHOLE, p), _SUM
        if p == Shard(1):
            return (_WHOLE, p), Shard(ids.ndim)
        if isinstance(of_ids, Shard):
            return (of_ids, _WHOLE), of_ids
        return (_WHOLE, _WHOLE), _WHOLE

    needed, out = by_mesh_dim(mesh, decide)
    own_ids, own = placed_all([ids, table], needed, out)
    options = {k: v for k, v in given.items() if k not in ("input", "weight")}
    if by_rows:
        cut = next(c for c in cuts(mesh, table.shape, needed[1]) if c.mesh_dim == by_rows[0])
        if cut.length:
            here = (own_ids >= cut.start) & (own_ids < cut.start + cut.length)
            rows = func(clamp(own_ids - cut.start, 0, cut.length - 1), own, **options)
            made = rows * here.unsqueeze(-1).to(rows.dtype)
        else:
            made = own.new_zeros((*own_ids.shape, own.shape[1]))
    else:
        made = func(own_ids, own, **options)
    return result_of(made, mesh, out, (*ids.shape, table.shape[1]))


@rule("scaled_dot_product_attention")
def attention_in_parts(func, name, args, kwargs):
    """`scaled_dot_product_attention`, cut along the batch or the heads."""
    q, *others = args
    if (
        len(others) < 2
        or any(isinstance(a, DTensor) for a in [*others[2:], *kwargs.values()])
        or kwargs.get("dropout_p")
        or len(others) > 2
    ):
        return NotImplemented
    tensors = [q, *others]
    if not all(isinstance(t, DTensor) and t.ndim == q.ndim for t in tensors):
        return NotImplemented
    mask = kwargs.get("attn_mask")

    def decide(i):
        found = {t._placements[i] for t in tensors}
        p = q._placements[i]
        alike = len(found) == 1 and isinstance(p, Shard) and p.dim < q.ndim - 2 and mask is None
        if alike and all(even(t.shape, p.dim, q._mesh, i) for t in tensors):
            return (p, p, p), p
        return (_WHOLE,) * 3, _WHOLE

    needed, out = by_mesh_dim(q._mesh, decide)
    local = placed_all(tensors, needed, out)
    return result_of(func(*local, **kwargs), q._mesh, out, (*q.shape[:-1], others[1].shape[-1]))
