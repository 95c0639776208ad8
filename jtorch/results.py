"""Where results go when they do not become a new tensor: into a tensor in place, or into `out=`."""

from __future__ import annotations

import warnings

from jtorch import dtypes
from jtorch.casting import cast
from jtorch.graph import InPlaceNode, Node
from jtorch.tensor import Tensor, wrap


def write_result(tensor, result):
    """Store a result in a tensor, through the view if it is one: PyTorch's rules for shape and dtype. Returns it."""
    mine, theirs = tensor._type, result._type
    if theirs.shape != mine.shape:
        raise RuntimeError(
            f"output with shape {list(mine.shape)} doesn't match the broadcast shape {list(theirs.shape)}"
        )
    if theirs.dtype is not mine.dtype:
        if not dtypes.can_cast(theirs.dtype, mine.dtype):
            raise RuntimeError(
                f"result type {theirs.dtype.scalar_name} can't be cast to the desired output type"
                f" {mine.dtype.scalar_name}"
            )
        result = cast(result, mine.dtype)
    value, edge = result._read()
    tensor._assign(value, edge)
    return tensor


# Nodes that are called otherwise where the op is in place.
IN_PLACE = {f"{name}Backward0": f"{name}Backward1" for name in ("Celu", "Elu", "LeakyRelu", "Polygamma", "Threshold")}


def overwrite(tensor, result):
    """Write what an op made of a tensor into that tensor. Returns it.

    The op's node keeps what it read: PyTorch saves a copy of the tensor before an in-place op writes to it.
    """
    node = result._edge
    if node.__class__ is Node and node.name() in IN_PLACE:
        node.name_ = IN_PLACE[node.name()]
    if node.__class__ is Node and node.inputs and node.inputs[0] is tensor._read()[0]:
        node.__class__ = InPlaceNode
    return write_result(tensor, result)


def store(out, result, op):
    """`out=`: the result written into `out`, which takes its shape."""
    if isinstance(result, tuple):
        for o, r in zip(out, result, strict=True):
            store(o, r, op)
        return type(result)(out) if type(result) is not tuple else tuple(out)
    if not isinstance(out, Tensor):
        raise TypeError(f"{op.name}(): argument 'out' must be Tensor, not {type(out).__name__}")
    if result.requires_grad or (out.requires_grad and out.is_leaf):
        raise RuntimeError(
            f"{op.name}(): functions with out=... arguments don't support automatic differentiation, "
            "but one of the arguments requires grad."
        )
    if not dtypes.can_cast(result.dtype, out.dtype):
        raise RuntimeError(
            f"result type {result.dtype.scalar_name} can't be cast to the desired output type {out.dtype.scalar_name}"
        )
    if out.shape != result.shape:
        if out.numel():
            warnings.warn(
                f"An output with one or more elements was resized since it had shape {list(out.shape)}, which does not "
                f"match the required output shape {list(result.shape)}. This behavior is deprecated, and in a future "
                "PyTorch release outputs will not be resized unless they have zero elements. You can explicitly reuse "
                "an out tensor t by resizing it, inplace, to zero elements with t.resize_(0).",
                stacklevel=3,
            )
        fresh = wrap(cast(result, out.dtype)._value)
        out._storage.__class__ = fresh._storage.__class__
        out._storage.value = fresh._storage.value
        out._storage.version += 1
        out._storage.writes += 1
        out._view = None
        return out
    return write_result(out, result)
