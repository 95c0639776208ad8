"""Functions of all gradients together: their norm, the unscaling of a GradScaler, and `torch.autograd`'s functions."""

from __future__ import annotations

from jtorch.core.grad import no_grad
from jtorch.distributed._c10d import recording
from jtorch.distributed._c10d.reduce_op import ReduceOp
from jtorch.distributed.tensor._api import DTensor, made_of
from jtorch.distributed.tensor._ops.rule_table import RULES, rule
from jtorch.distributed.tensor._redistribute import members
from jtorch.distributed.tensor.placement_types import Partial, Replicate, Shard

OF_LISTS = {"_total_norm", "_unscale_gradients", "grad", "backward"}  # these may be given DTensors on several meshes


def _split_over(tensor):
    """The groups of processes over which a DTensor is cut."""
    if any(isinstance(p, Partial) for p in tensor._placements):
        raise NotImplementedError("a gradient that is a sum in parts")
    found = [(members(tensor._mesh, i)) for i, p in enumerate(tensor._placements) if isinstance(p, Shard)]
    return tuple([ranks for ranks in found if len(ranks) > 1])


def _by_groups(tensors):
    """{groups of processes: the local tensors of the DTensors that are cut over them}."""
    found = {}
    for t in tensors:
        own = isinstance(t, DTensor)
        found.setdefault(_split_over(t) if own else (), []).append(t._local_tensor if own else t)
    return found


def _reduced_over(number, op, groups):
    for ranks in groups:
        (number,) = recording.reduce_tensors([number], op, ranks)
    return number


@rule("_total_norm")
def total_norm(func, name, args, kwargs):
    """The norm of all elements, of which each process has a part."""
    tensors, order = args
    first = next(t for t in tensors if isinstance(t, DTensor))
    with no_grad():
        norms = []
        for groups, held in _by_groups(tensors).items():
            own = func([t for t in held if t.numel()] or [held[0].new_zeros(1)], order)
            if not groups:
                norms.append(own)
            elif order == float("inf"):
                norms.append(_reduced_over(own, ReduceOp.MAX, groups))
            elif order > 0:
                norms.append(_reduced_over(own**order, ReduceOp.SUM, groups) ** (1 / order))
            else:
                raise NotImplementedError(f"the norm of order {order} of DTensors")
        total = norms[0] if len(norms) == 1 else func(norms, order)
    return made_of(total, first._mesh, (Replicate(),) * first._mesh.ndim, ())


@rule("_unscale_gradients")
def unscale(func, name, args, kwargs):
    """The gradients unscaled, and whether one of any process is not finite."""
    tensors, scale = args
    with no_grad():
        *made, found = func([t._memory for t in tensors], scale)
        for groups in _by_groups(tensors):
            found = _reduced_over(found, ReduceOp.MAX, groups)
    return (*[t._around(m) for t, m in zip(tensors, made, strict=True)], found)


@rule("grad")
def gradients_of(func, name, args, kwargs):
    """`torch.autograd.grad`: the gradients of DTensors are DTensors."""
    given = dict(zip(("outputs", "inputs", "grad_outputs"), args, strict=False)) | kwargs
    inputs = given["inputs"]
    inputs = [inputs] if not isinstance(inputs, list | tuple) else list(inputs)
    found = func(**{**given, "outputs": _whole_sums(given["outputs"]), "inputs": [t._memory for t in inputs],
                    "grad_outputs": _local_gradients(given)})  # fmt: skip
    return tuple([None if g is None else t._around(g) for t, g in zip(inputs, found, strict=True)])


@rule("backward")
def backward_of(func, name, args, kwargs):
    """`torch.autograd.backward`."""
    given = dict(zip(("tensors", "grad_tensors"), args, strict=False)) | kwargs
    gradients = _local_gradients({"outputs": given["tensors"], "grad_outputs": given.get("grad_tensors")})
    inputs = given.get("inputs")
    if inputs is not None:
        inputs = [t._memory for t in (inputs if isinstance(inputs, list | tuple) else [inputs])]
    func(**{**given, "tensors": _whole_sums(given["tensors"]), "grad_tensors": gradients, "inputs": inputs})


def _without_sums(tensor):
    """The placements of the gradient of a DTensor."""
    return tuple([Replicate() if isinstance(p, Partial) else p for p in tensor._placements])


def _whole_sums(tensors):
    """The local tensors; those that are Partial are summed first."""
    listed = tensors if isinstance(tensors, list | tuple) else [tensors]
    return [t._under(_without_sums(t))._local_tensor if isinstance(t, DTensor) else t for t in listed]


def _local_gradients(given):
    """The local tensors of the gradients that the user gave."""
    gradients, tensors = given.get("grad_outputs"), given["outputs"]
    if gradients is None:
        return None
    pairs = zip(*[a if isinstance(a, list | tuple) else [a] for a in (gradients, tensors)], strict=True)
    return [g._under(_without_sums(t))._local_tensor if isinstance(g, DTensor) else g for g, t in pairs]


__all__ = ["OF_LISTS", "RULES"]
