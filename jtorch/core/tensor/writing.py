"""Writing to tensors: how a tensor takes a new value, and results of in-place ops."""

from __future__ import annotations

import weakref

from jtorch.core.engine import local, record, replacements_by
from jtorch.core.facts import dtypes
from jtorch.core.facts import strides as geometry
from jtorch.core.grad import INFERENCE, GradNode, InPlaceNode, Leaf, note_overwritten
from jtorch.core.tensor.casting import cast
from jtorch.core.tensor.host_storage import is_newest
from jtorch.core.tensor.leaf import LeafGrad
from jtorch.core.tensor.storage import SAME, InferenceStorage, Storage
from jtorch.core.tensor.tensor import Tensor, part_of_tensor, replace_edge
from jtorch.core.tensor.views import write_of


def check_apart(overlap, tensor, operands) -> None:
    """Raise PyTorch's error if an op that writes to `tensor` reads some of its cells in another order.

    Args:
        overlap: what memory an operand may share with the tensor, as the option of `op` says it.

    Differs from torch: PyTorch does not notice an overlap of tensors that are not dense, and reads what it has just written;
    here all operands are read before anything is written.
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
                other._history()  # PyTorch raises its error first
            raise RuntimeError(
                "unsupported operation: some elements of the input tensor and the written-to tensor refer to a single memory location. "
                "Please clone() the tensor before performing the operation."
            )


def check_once(tensor, compute) -> None:
    """Refuse a write to elements that share cells. PyTorch allows it here; what it does not allow, `compute` raises."""
    t = tensor._type
    if geometry.may_overlap(t.shape, t.strides):
        compute()
        raise NotImplementedError("writing through a view that shows elements more than once; clone() it first")


def _overlap(a, b, apart):
    """Whether two tensors of one storage share cells. Unless `apart`, two that show the same elements do not count."""
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


@part_of_tensor
class Writing:
    """How a tensor is written to. All writes end in `_assign`."""

    def _writable(self, twice=False, given=(), name="copy_"):
        """Raise PyTorch's error if this tensor must not be written to.

        Args:
            twice: the write is allowed if several elements share a cell.
            given: what the new elements are computed from.
            name: the method that writes, which errors of transformed functions name.
        """
        view, leaf = self._view, None
        if self._storage.__class__ is InferenceStorage and not local.inference:
            raise RuntimeError(
                "Inplace update to inference tensor outside InferenceMode is not allowed.You can make a clone to get a normal"
                " tensor before doing inplace update.See https://github.com/pytorch/rfcs/pull/17 for more details."
            )
        if local.grad:
            edge, base = self._edge, self._base
            if base is not None and view is not None and view.note is not None:
                wants = edge is not None or base._edge is not None
                if wants or any([isinstance(t, Tensor) and t.requires_grad for t in given]):  # noqa: C419 - a list is faster
                    raise RuntimeError(self._refusal())
            if base is not None and view is not None and (edge is not None or base._edge is not None):
                if base._edge is None or base._edge.__class__ is LeafGrad:
                    leaf = "a view of a leaf"
                elif edge is None or isinstance(edge, Leaf):
                    leaf = "a leaf"
            elif edge.__class__ is LeafGrad:
                leaf = "a leaf"
            if leaf:
                raise RuntimeError(f"{leaf} Variable that requires grad is being used in an in-place operation.")
        if twice:
            return
        t = self._type
        if t.contiguous:
            return
        if geometry.may_overlap(t.shape, t.strides) if view is None else view.refuses_write():
            raise RuntimeError(
                "unsupported operation: more than one element of the written-to tensor refers to a single memory location. "
                "Please clone() the tensor before performing the operation."
            )

    def _by_base(self):
        """Before a write through `as_strided`, which may reach cells its parent does not show: attach this view's history to the
        base. `_not_written` undoes it."""
        base = self._base
        if (
            local.grad
            and base is not None
            and (self._edge is not None or base._edge is not None)
            and self._view.may_leave_parent()
        ):
            self._history()
            self._rebase(base)

    def _not_written(self, before):
        """The write has failed: restore the edge `before`."""
        self._edge = replace_edge(self._edge, before)

    def _assign(self, value, edge):
        """Write a value of the same type, through the view if this is one. `edge` is the history of the value."""
        storage, view = self._storage, self._view
        old = storage.value
        if value.mark is INFERENCE and old.mark is not INFERENCE:
            value = record(SAME, (value,))[1]  # a normal tensor does not become an inference tensor
        if view is None:
            storage.write(value, self._counter or storage)
            if local.grad:
                self._edge = replace_edge(self._edge, edge)
            if self._edge is not None:
                note_overwritten(old, self)
            return
        chain, numbers = view.chain()
        base = self._base
        # Where none is recorded, the base does not get the history of a leaf that an optimizer writes to.
        node = self._write_node(value.type, edge, chain, numbers) if local.grad and base is not None else None
        new = record(write_of(chain), (storage.value, value, *numbers))[1]
        if node is not None:
            base._edge = replace_edge(base._edge, node)
        elif base is None and local.grad:
            self._edge = edge
        storage.write(new, self._counter or storage)
        if base is not None and base._edge is not None:
            note_overwritten(old, base)
        if storage.value.mark is None:
            storage.value.mark = []
        value.mark = (
            storage.value.mark
        )  # one mark for what was written and what the view shows: the next write overwrites both
        if value.type is view.type:
            view.value, view.writes = value, storage.writes
        if node is not None:
            self._history()  # at once, as PyTorch does: it decides what counts as a leaf
            if getattr(edge, "outputs", None):
                edge.through = weakref.ref(self._edge)

    def _write_node(self, type, edge, chain, numbers):
        """The base's node for a write of a value with history `edge` through this view; None where neither has a history."""
        base = self._base
        if edge is None and base._edge is None:
            return None
        if edge is not None and self._view.note is not None:
            raise RuntimeError(self._refusal())
        if base._view is not None:
            chain, numbers = self._view.chain(base._view)
        return GradNode(
            write_of(chain),
            tuple(numbers),
            (base._type, type, *[n.type for n in numbers]),
            (base._type,),
            (base._edge, edge, *[None] * len(numbers)),
        )


def write_result(tensor, result):
    """Write a result to a tensor, by PyTorch's rules for shape and dtype. Returns the tensor."""
    mine, theirs = tensor._type, result._type
    if theirs.shape != mine.shape:
        raise RuntimeError(
            f"output with shape {list(mine.shape)} doesn't match the broadcast shape {list(theirs.shape)}"
        )
    if theirs.dtype is not mine.dtype:
        if not dtypes.can_cast(theirs.dtype, mine.dtype):
            raise RuntimeError(
                f"result type {theirs.dtype.scalar_name} can't be cast to the desired output type {mine.dtype.scalar_name}"
            )
        made_by, result = result._edge, cast(result, mine.dtype)
        if isinstance(made_by, GradNode) and result._edge is not None:
            result._edge.name_ = made_by.name()  # in PyTorch the op itself casts its result
    value, edge = result._read()
    tensor._assign(value, edge)
    return tensor


def overwrite(tensor, result):
    """Write to a tensor the result of an op on it. Returns the tensor.

    The op's node keeps the value that it read, as PyTorch saves a copy of the tensor before it is written to.
    """
    node = result._edge
    if node.__class__ is GradNode:
        op = getattr(node.call, "op", None)
        if op is not None and op.inplace_grad_fn is not None:
            node.name_ = op.inplace_grad_fn
    if node.__class__ is GradNode and node.inputs and is_newest(node.inputs[0], tensor):
        node.__class__ = InPlaceNode
    return write_result(tensor, result)


def check_undifferentiated(name, out, tensors) -> None:
    """Raise PyTorch's error if `out` or one of the operands requires grad."""
    if local.grad and any(isinstance(t, Tensor) and t.requires_grad for t in (out, *tensors)):
        raise RuntimeError(
            f"{name}(): functions with out=... arguments don't support automatic differentiation, but one of the arguments requires grad."
        )


def _replaced_values(values):
    """The values of a trace that a storage has replaced since: [(slot, storage)], as their marks tell."""
    found = []
    for slot, v in enumerate(values):
        if v is not None and v.mark and v.mark is not INFERENCE:
            storage = v.mark[0] if isinstance(v.mark[0], Storage) else _unseen(v.mark)
            if storage is not None and storage.value.type is v.type:
                found.append((slot, storage))
    return found


def _unseen(mark):
    """The storage whose value was replaced by a write that autograd does not see."""
    follows = mark[2] if len(mark) > 2 else None
    return follows[0] if isinstance(follows, tuple) and isinstance(follows[0], Storage) else None


replacements_by(_replaced_values)
