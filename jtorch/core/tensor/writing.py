"""Where results go when they do not become a new tensor: into a tensor in place, or into `out=`."""

from __future__ import annotations

import warnings

from jtorch.core.engine import local
from jtorch.core.facts import dtypes
from jtorch.core.facts import strides as geometry
from jtorch.core.grad import InPlaceNode, Node
from jtorch.core.tensor.casting import cast
from jtorch.core.tensor.tensor import Tensor


def check_apart(overlap, tensor, operands) -> None:
    """Raise PyTorch's error if an op that writes into `tensor` reads cells there in another order.

    Args:
        overlap: what memory an operand may share with the tensor, as the option of `op` says it.

    Differs from torch: where the cells of a tensor are not contiguous PyTorch cannot tell, and reads what it has
    written; here operands are read before anything is written.
    """
    if overlap == "any":
        return
    for other in operands[: len(overlap)] if isinstance(overlap, tuple) else operands:
        if isinstance(other, list | tuple):
            check_apart(overlap, tensor, other)
        elif (
            isinstance(other, Tensor)
            and other._storage is tensor._storage
            and _overlap(tensor, other, overlap == "none")
        ):
            if local.grad:
                other._history()  # where that cannot be told, PyTorch says so first
            raise RuntimeError(
                "unsupported operation: some elements of the input tensor and the written-to tensor refer to a single memory"
                " location. Please clone() the tensor before performing the operation."
            )


def check_once(tensor) -> None:
    """Refuse by name to write where cells show twice, for what PyTorch does not refuse."""
    t = tensor._type
    if geometry.may_overlap(t.shape, t.strides):
        raise NotImplementedError("writing through a view that shows elements more than once; clone() it first")


def _overlap(a, b, apart):
    """Whether two tensors of one storage share cells, and (but for `apart`) do not show the very same."""
    if a is b:
        return apart
    s, t = a._type, b._type
    if not (
        all(s.shape)
        and all(t.shape)
        and geometry.is_dense(s.shape, s.strides)
        and geometry.is_dense(t.shape, t.strides)
    ):
        return False
    start, other = a._offset, b._offset
    end, last = start + s.shape.numel(), other + t.shape.numel()
    if (start, end) == (other, last):
        return apart or s.strides != t.strides
    return start < last and other < end


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
        made_by, result = result._edge, cast(result, mine.dtype)
        if isinstance(made_by, Node) and result._edge is not None:
            result._edge.name_ = made_by.name()  # PyTorch's op casts on the way out
    value, edge = result._read()
    tensor._assign(value, edge)
    return tensor


def overwrite(tensor, result):
    """Write what an op made of a tensor into that tensor. Returns it.

    The op's node keeps what it read: PyTorch saves a copy of the tensor before an in-place op writes to it.
    """
    node = result._edge
    if node.__class__ is Node:
        op = getattr(node.call, "op", None)
        if op is not None and op.inplace_grad_fn is not None:
            node.name_ = op.inplace_grad_fn
    if node.__class__ is Node and node.inputs and node.inputs[0] is tensor._value:
        node.__class__ = InPlaceNode
    return write_result(tensor, result)


def check_undifferentiated(name, out, tensors) -> None:
    """Raise PyTorch's error where a gradient is wanted of a result that goes into `out`."""
    if local.grad and any(isinstance(t, Tensor) and t.requires_grad for t in (out, *tensors)):
        raise RuntimeError(
            f"{name}(): functions with out=... arguments don't support automatic differentiation, "
            "but one of the arguments requires grad."
        )


def store(out, result, name, op=None, operands=()):
    """`out=`: the result written into `out`, which takes its shape. `op` and its operands, where one made the result."""
    if isinstance(result, tuple):
        for o, r in zip(out, result, strict=True):
            store(o, r, name, op)
        return type(result)(out) if type(result) is not tuple else tuple(out)
    if not isinstance(out, Tensor):
        raise TypeError(f"{name}(): argument 'out' must be Tensor, not {type(out).__name__}")
    check_undifferentiated(name, out, (result,))
    if not dtypes.can_cast(result.dtype, out.dtype):
        raise RuntimeError(
            f"result type {result.dtype.scalar_name} can't be cast to the desired output type {out.dtype.scalar_name}"
        )
    if geometry.may_overlap(out.shape, out.stride()):
        raise RuntimeError(
            "unsupported operation: more than one element of the written-to tensor refers to a single memory location."
            " Please clone() the tensor before performing the operation."
        )
    if op is not None and (op.overlap == "none" or op.strides == "elementwise"):
        check_apart(op.overlap, out, operands)
    if out.shape != result.shape:
        if out.numel():
            warnings.warn(
                f"An output with one or more elements was resized since it had shape {list(out.shape)}, which does not "
                f"match the required output shape {list(result.shape)}. This behavior is deprecated, and in a future "
                "PyTorch release outputs will not be resized unless they have zero elements. You can explicitly reuse "
                "an out tensor t by resizing it, inplace, to zero elements with t.resize_(0).",
                stacklevel=3,
            )
        version, edge = out._version, out._edge
        out._sized(tuple(result.shape), strides=tuple(result.stride()))
        out._edge = edge
        (out._counter or out._storage).version = version
    return write_result(out, result)
