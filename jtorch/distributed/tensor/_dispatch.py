"""Runs a function that is called with DTensors: by the rule of the op, else on whole tensors in every process."""

from __future__ import annotations

from jtorch.core.tensor import Tensor
from jtorch.distributed.tensor import _ops
from jtorch.distributed.tensor._api import DTensor, made_of, use_dispatch
from jtorch.distributed.tensor._ops.gradient_norms import OF_LISTS
from jtorch.distributed.tensor._ops.rule_table import OF_PLAIN_TENSORS_TOO, RULES
from jtorch.distributed.tensor.placement_types import Replicate


def rule_name(func) -> str:
    """The name of an op, as the table of rules has it."""
    if hasattr(func, "attribute"):  # the getter of a property
        return func.attribute
    name = func.__name__
    if name.startswith("__") and name.endswith("__"):
        name = name.strip("_")
        return name[1:] + "_" if name.startswith("i") and name[1:] in _OPERATORS else name
    return func.op.name if hasattr(func, "op") and not name.endswith("_") else name


_VIEWS = {
    "getitem",
    "T",
    "mT",
    "H",
    "mH",
    "real",
    "imag",
    "chunk",
    "split",
    "unbind",
    "tensor_split",
    "expand",
    "narrow",
}
_OPERATORS = {"add", "sub", "mul", "truediv", "div", "pow"}


def _every_argument(args):
    for a in args:
        if isinstance(a, list | tuple):
            yield from _every_argument(a)
        elif isinstance(a, dict):
            yield from _every_argument(a.values())
        else:
            yield a


def _run_function(func, args, kwargs):
    name = rule_name(func)
    tensors = [a for a in _every_argument((args, kwargs)) if isinstance(a, Tensor)]
    given = [t for t in tensors if isinstance(t, DTensor)]
    if name in OF_LISTS:
        return RULES[name](func, name, args, kwargs)
    if name not in OF_PLAIN_TENSORS_TOO and any(not isinstance(t, DTensor) and t.ndim for t in tensors):
        raise RuntimeError(
            f"torch.{name}: got mixed torch.Tensor and DTensor, need to convert all torch.Tensor to DTensor before calling "
            "distributed operators!"
        )
    if any(t._mesh != given[0]._mesh for t in given):
        raise NotImplementedError(f"torch.{name}: DTensors on different meshes")
    if isinstance(kwargs.get("out"), Tensor):
        raise NotImplementedError(f"torch.{name}: out= with DTensors")
    found = RULES.get(name)
    made = NotImplemented if found is None else found(func, name, args, kwargs)
    return _on_whole_tensors(func, name, given[0]._mesh, args, kwargs) if made is NotImplemented else made


def _on_whole_tensors(func, name, mesh, args, kwargs):
    """The function of whole tensors, in every process."""
    if name.endswith("_") or name in ("setitem", "set"):
        raise NotImplementedError(f"torch.{name}: writing to a DTensor")
    everywhere = (Replicate(),) * mesh.ndim
    is_view = name in _VIEWS or getattr(getattr(func, "op", None), "view", None) is not None

    def whole(a):
        if isinstance(a, DTensor):
            return a._under(everywhere)._local_tensor
        if isinstance(a, list | tuple):
            parts = [whole(x) for x in a]
            return type(a)(*parts) if hasattr(a, "_fields") else type(a)(parts)
        return {k: whole(v) for k, v in a.items()} if isinstance(a, dict) else a

    def _wrapped(made):
        if isinstance(made, Tensor):
            result = made_of(made, mesh, everywhere, made.shape)
            result._shows_copy = is_view
            return result
        if isinstance(made, list | tuple):
            parts = [_wrapped(m) for m in made]
            return type(made)(*parts) if hasattr(made, "_fields") else type(made)(parts)
        return made

    return _wrapped(func(*whole(args), **whole(kwargs)))


use_dispatch(_run_function)

__all__ = ["_ops", "rule_name"]
