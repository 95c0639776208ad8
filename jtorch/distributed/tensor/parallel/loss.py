"""`loss_parallel`: the cross entropy of logits that are cut along the classes, without gathering them."""

from __future__ import annotations

import contextlib

from jtorch.core.ops.arithmetic.logic import clamp
from jtorch.distributed._c10d import recording
from jtorch.distributed._c10d.reduce_op import ReduceOp
from jtorch.distributed.tensor._api import DTensor, made_of
from jtorch.distributed.tensor._layout import cuts
from jtorch.distributed.tensor._ops.rule_table import OF_PLAIN_TENSORS_TOO, rule
from jtorch.distributed.tensor._redistribute import members, reduced_whole
from jtorch.distributed.tensor.placement_types import Replicate, Shard

__all__ = ["loss_parallel"]

_ARGUMENTS = "input", "target", "weight", "size_average", "ignore_index", "reduce", "reduction", "label_smoothing"
_on = 0


@contextlib.contextmanager
def loss_parallel():
    """Inside the block, `cross_entropy` of a DTensor that is cut by classes exchanges one number for each sample.

    The loss is a replicated DTensor. The labels and weights may be tensors, the same in all processes. Outside of the block the
    scores are gathered first, with the same result.

    Raises:
        NotImplementedError: `label_smoothing`, or probabilities as labels.
    """
    global _on
    _on += 1
    OF_PLAIN_TENSORS_TOO.add("cross_entropy")
    try:
        yield
    finally:
        _on -= 1
        if not _on:
            OF_PLAIN_TENSORS_TOO.discard("cross_entropy")


@rule("cross_entropy")
def cross_entropy_by_classes(func, name, args, kwargs):
    """The rule of `cross_entropy`."""
    given = {"weight": None, "ignore_index": -100, "reduction": "mean", "label_smoothing": 0.0}
    given |= dict(zip(_ARGUMENTS, args, strict=False)) | kwargs
    scores, labels = given["input"], given["target"]
    dim = 1 if scores.ndim > 1 else 0
    if not _on or not isinstance(scores, DTensor) or scores._mesh.ndim != 1 or scores._placements != (Shard(dim),):
        return NotImplemented
    if given["label_smoothing"] or labels.dtype.is_floating_point:
        raise NotImplementedError("loss_parallel: label_smoothing, and probabilities as labels")
    mesh = scores._mesh
    (cut,) = cuts(mesh, scores.shape, scores._placements)
    whole, weight = _in_every_process(labels, mesh), _in_every_process(given["weight"], mesh)
    local = scores._local_tensor
    if not cut.length:
        raise NotImplementedError("loss_parallel: more processes than classes")
    top = local.detach().amax(dim)
    if mesh.size() > 1:
        (top,) = recording.reduce_tensors([top], ReduceOp.MAX, members(mesh, 0))
    shifted = local - top.unsqueeze(dim)
    summed = lambda t: reduced_whole(t, mesh, 0, "sum") if mesh.size() > 1 else t
    total = summed(shifted.exp().sum(dim))
    here = (whole >= cut.start) & (whole < cut.start + cut.length)
    own = shifted.gather(dim, clamp(whole - cut.start, 0, cut.length - 1).unsqueeze(dim)).squeeze(dim)
    losses = total.log() - summed(own * here.to(own.dtype))
    counted = (whole != given["ignore_index"]).to(losses.dtype)
    if weight is not None:
        counted = counted * weight[clamp(whole, 0, scores.shape[dim] - 1)]
    losses = losses * counted
    if given["reduction"] == "mean":
        losses = losses.sum() / counted.sum()
    elif given["reduction"] == "sum":
        losses = losses.sum()
    return made_of(losses, mesh, (Replicate(),), losses.shape)


def _in_every_process(tensor, mesh):
    """The local tensor of a DTensor in which every process has all; a tensor itself."""
    return tensor.redistribute(mesh, [Replicate()])._local_tensor if isinstance(tensor, DTensor) else tensor
