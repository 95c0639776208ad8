"""Handles a saved value that was overwritten: raises PyTorch's error, or lets backward take the newest value.

The error names the node that made the tensor, its shape and its two versions. If the tensor has a history, `note_overwritten`
adds to the mark which tensor replaced the value. If autograd does not see the write, backward takes the newest value: see
`jtorch.core.grad.unseen`.
"""

from __future__ import annotations

import weakref

from jtorch.core.facts import dtypes
from jtorch.core.grad.edges import Leaf, source
from jtorch.core.grad.unseen import is_view_edge, last_mark, newest, newest_result
from jtorch.core.grad.versions import BY_NUMPY, INFERENCE, UnseenVersion, settle_by, shown

_VIEW = ("AsStridedBackward0", 0)  # the node that PyTorch names for a view of a tensor that was written to


def settle(node, written) -> bool:
    """Raise for these saved inputs, and for saved results, that were written to, or take their newest values."""
    renewed = False
    if written:
        found = {i: newest(node, i) for i in written}
        renewed = node.renew(
            {i: value for i, (value, seen) in found.items() if seen is None and value is not node.inputs[i]}
        )
        if renewed and node.call.keep_result:
            raise NotImplementedError(
                f"backward through {node.name()}, one of whose inputs was written to unseen by autograd (through `.data` or NumPy),"
                " and its result was not"
            )
        written = [i for i in written if found[i][1] is not None]
    if written:
        first = min(written, key=node.call.parameter)  # PyTorch checks what it saved in the order of the names
        shape = node.call.saved_shape(first, node.inputs[first].type.shape)
        edge, made_by = node.edges[first], None
        if shape is node.inputs[first].type.shape:
            shape = None
        elif edge is not None:
            made_by = _VIEW
        raise overwritten(node.inputs[first], made_by, edge, shape, found[first][1])
    if node.outputs:
        for nr, value in enumerate(node.outputs):
            if value.mark:
                _check_result(node, nr, value)
    return renewed


def _check_result(node, nr, value):
    """Raise for a saved result that was overwritten."""
    now = newest_result(value)
    if now is None:
        raise overwritten(
            value, (((node.through and node.through()) or node).name(), nr), None, None, last_mark(value.mark)
        )
    if now is not value:
        node.renew_result(now)


def overwritten(value, made_by=None, edge=None, shape=None, mark=None):
    """PyTorch's error for a saved value that was overwritten.

    Args:
        made_by: (node's name, output number), if they are known.
        edge: the edge that the value was saved with, from which they follow.
        shape: that of the view that PyTorch saved, if it saved a view of the value.
        mark: the one of the write, if it is not the value's.
    """
    if value.mark is INFERENCE:
        return RuntimeError(
            "Inference tensors cannot be saved for backward. Please do not use Tensors created in inference mode in computation"
            " tracked by autograd. To work around this, you can make a clone to get a normal tensor and use it in autograd, or"
            " use `torch.no_grad()` instead of `torch.inference_mode()`."
        )
    mark = mark or value.mark
    counter, version = mark[:2]
    noted = mark[-2:] if len(mark) > 3 else ()
    kept = value.type.shape
    if made_by is None and noted:
        replacement, type = noted
        made_by, kept = replacement.origin(value, type, edge)
    elif made_by is None:
        made_by = _made_by(edge)
    origin = f", which is output {made_by[1]} of {shown(made_by[0])}," if made_by else ""
    return RuntimeError(
        "one of the variables needed for gradient computation has been modified by an inplace operation: "
        f"[{_kind(value.type.dtype)} {list(kept if shape is None else shape)}]{origin} is at version"
        f" {counter.version}; expected version {version} instead. Hint: enable anomaly detection to find the operation that failed"
        " to compute its gradient, with torch.autograd.set_detect_anomaly(True, check_nan=False)."
    )


def _kind(dtype):
    return "CPUBoolType" if dtype is dtypes.bool_ else f"torch.{dtype.scalar_name}Tensor"


def note_overwritten(old, tensor):
    """Remember in an overwritten value which tensor replaced it: PyTorch's error names its node and shape."""
    node, nr = source(tensor._edge)
    if not isinstance(node, Leaf) and old.mark:
        mark = last_mark(old.mark)
        storage = tensor._storage
        replacement = getattr(storage, "replacement", None)
        if replacement is None or replacement.tensor() is not tensor:
            replacement = storage.replacement = _Replacement(weakref.ref(tensor))
        replacement.update(tensor._type.shape, node, nr)
        mark += (replacement, old.type)
        if tensor._counter.__class__ is UnseenVersion:
            tensor._counter.made = -1


def note_other_view(old, tensor):
    """As `note_overwritten`, for a tensor that now shows other cells of its memory. `old` is the value that only it showed."""
    if mark := last_mark(old.mark):
        replacement = _Replacement(weakref.ref(tensor))
        replacement.update(tensor._type.shape, *source(tensor._edge))
        noted = [*mark[:2], replacement, None]
        if old.mark[0] is BY_NUMPY and len(old.mark[2]) == 3:
            old.mark[:] = noted  # it is the mark of every copy that was read of this memory
        else:
            old.mark = noted


class _Replacement:
    """The tensor that replaced values: what made it, and its shape. Shared by all values it replaced; holds no node."""

    __slots__ = ("call", "in_types", "nr", "shape", "tensor")

    def __init__(self, tensor):
        self.tensor = tensor

    def update(self, shape, node, nr):
        """Note its newest shape and node."""
        self.shape, self.nr = shape, nr
        known = node is not None and not isinstance(node, Leaf)
        self.call, self.in_types = (node.call, node.in_types) if known else (None, None)

    def origin(self, value, type, edge):
        """((node's name, output number) or None, shape) of the tensor that was saved as `value` with `edge`.

        `type` is the tensor's type when it was overwritten; None: the saved tensor is certainly this one.
        """
        tensor = self.tensor()
        if type is not None:
            if value.type is not type or (edge is not None and is_view_edge(edge)):
                return _VIEW, value.type.shape
            if hasattr(edge, "tensor"):  # a leaf that was written to through another tensor: its own history counts
                tensor = edge.tensor()
                if tensor is None or tensor._edge is None or isinstance(tensor._edge, Leaf):
                    return None, value.type.shape
        if tensor is not None:
            node, nr = source(tensor._history())
            return None if node is None or isinstance(node, Leaf) else (node.name(), nr), tensor._type.shape
        return None if self.call is None else (self.call.grad_fn(self.in_types), self.nr), self.shape


def _made_by(edge):
    """(node's name, output number) of a tensor that was overwritten without a history, or None."""
    node, nr = source(edge)
    if node is None or isinstance(node, Leaf):
        return None
    return _VIEW if is_view_edge(edge) else (node.name(), nr)


settle_by(settle)
