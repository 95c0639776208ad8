"""Writes that autograd does not see: through `.data`, by `.data = ` and by NumPy.

PyTorch saves tensors for backward, so after such a write backward reads their new elements. jtorch saves values. So the
mark of a value that was replaced in this way says where the newest value is:

    [counter, version, (storage, mark of the value that replaced it, offset), ...]

Where NumPy writes, a `SharedArray` stands for the storage, and `offset` is where the saved view begins in it; a fourth entry is
the value of the whole memory that a view was read from. If the memory holds that again, nothing was written.
"""

from __future__ import annotations

import weakref

import numpy as np

from jtorch.core.engine import record
from jtorch.core.grad.edges import Leaf, source
from jtorch.core.grad.versions import BY_NUMPY, UnseenVersion


class SharedArray:
    """A NumPy array that a storage shares, for the marks of the values that were read from it. It outlives the storage.

    Attributes:
        array: the array; None: the storage is an ordinary one again.
        storage: a weak reference to the storage.
        origin: the storage's value from before it shared its memory, if views have read it and no tensor has written since.
    """

    __slots__ = ("array", "origin", "storage")

    def __init__(self, array, storage, origin=None):
        self.array = array
        self.storage = weakref.ref(storage)
        self.origin = origin

    def again(self, type, offset, whole):
        """The newest value of the cells that were read as this type, beginning at this element; None: unknown.

        Args:
            whole: only the offset of the whole memory is known, and not that of a part of it.
        """
        raise NotImplementedError

    def holds(self, value):
        """Whether the memory has the elements of this value of all of it."""
        raise NotImplementedError

    def mark(self):
        """The mark of values that are read from now on. The next write by a tensor fills the empty mark in it."""
        return [BY_NUMPY, 0, (self, [], 0)]


class Move:
    """A `.data = ` on a tensor. It affects only nodes that saved this tensor: others stay on the old memory.

    Args:
        tensor: the tensor that was given other memory.
        value: what it showed.
        new: what it shows now.
        shared: whether other tensors stay on its old memory.
    """

    __slots__ = ("made_by", "mark", "shared", "tensor", "value")

    def __init__(self, tensor, value, new, shared):
        self.tensor = weakref.ref(tensor)
        self.value = id(value)
        if new.mark is None:
            new.mark = []
        self.mark = new.mark
        self.shared = shared
        self.made_by = _origin_of(tensor._edge)

    def concerns(self, value, edge, viewed):
        """Whether a node that saved this value with this edge saved the tensor, and not a view of it."""
        if viewed:
            return False
        if hasattr(edge, "tensor"):
            return edge.tensor() is self.tensor()
        if self.made_by != _origin_of(edge) or (edge is None and self.value != id(value)):
            return False
        if edge is None and self.shared:
            raise NotImplementedError(
                "backward through a tensor that shared its memory with another one when `.data = ` gave it other memory"
            )
        return True

    def moved(self):
        """The tensor."""
        tensor = self.tensor()
        if tensor is None:
            raise NotImplementedError(
                "backward through a tensor that is gone and that `.data = ` had given other memory"
            )
        return tensor


def moved_version(tensor, value, new, shared):
    """The counter of the mark that `.data = ` leaves; see `Move` for the arguments."""
    return UnseenVersion(Move(tensor, value, new, shared))


def _origin_of(edge):
    """An object that identifies a tensor's history without holding it."""
    node, nr = source(edge)
    return None if node is None else ("leaf", 0) if isinstance(node, Leaf) else (node.number, nr)


def is_view_edge(edge):
    """Whether an edge is that of a view. Its history is worked out again after a write to the memory."""
    node, _ = source(edge)
    return not (node is None or isinstance(node, Leaf) or node.position is not None or node.name() == "CopySlices")


def last_mark(mark):
    """The part of a mark that the last write filled."""
    while mark and following_mark(mark) is not None and mark[2][1]:
        mark = mark[2][1]
    return mark


def following_mark(mark):
    """(storage, next mark, offset), if the writes to the newer values are known."""
    return mark[2] if len(mark) > 2 and mark[0].__class__ is UnseenVersion and mark[2].__class__ is tuple else None


def newest(node, i):
    """(newest value of a saved input that was written to, None), or (None, the mark of the write that autograd saw)."""
    value, edge = node.inputs[i], node.edges[i]
    reader, viewed = _leaf(edge)
    shape = value.type.shape
    as_view = viewed or node.call.saved_shape(i, shape) is not shape
    mark, storage, move, followed, lost = value.mark, None, None, None, False
    while mark:
        counter = mark[0]
        if counter.__class__ is UnseenVersion and counter.move is not None:
            again = move is not None and counter.move.tensor is move.tensor
            if again or counter.move.concerns(value, edge, as_view):
                move = counter.move
                mark = move.mark
                continue
        elif _seen(mark, node, edge, reader):
            return None, mark
        following = following_mark(mark)
        if following is None:
            lost = counter.__class__ is not UnseenVersion or counter.move is None
            break
        if storage is None and counter.move is None:
            storage, followed = following[0], following
        mark = following[1]
    if move is not None:
        return _fitting(move.moved()._value, value), None
    if storage is None and not lost:
        return value, None  # `.data = ` moved another tensor
    if reader is not None and not as_view:
        return _unless_equal(value, _fitting(reader._value, value)), None
    if storage is None:
        raise NotImplementedError(
            "backward through a view whose memory an optimizer wrote to through another tensor's `.data`"
        )
    if isinstance(storage, SharedArray):
        return _from_host(value, followed, edge, reader), None
    return _reread(value, storage.value, edge, reader, storage), None


def newest_result(value):
    """The newest value of a saved result that was written to, or None if autograd saw a write."""
    mark, storage = value.mark, None
    while mark:
        if mark[0].__class__ is not UnseenVersion or len(mark) > 3:
            return None
        following = following_mark(mark)
        if following is None:
            break
        if mark[0].move is None:
            storage = following[0]
        mark = following[1]
    storage = storage.storage() if isinstance(storage, SharedArray) else storage
    if storage is None:
        return value
    if storage.value.type is not value.type:
        raise NotImplementedError("backward through a view that an op wrote to, and then a write through `.data`")
    return _unless_equal(value, storage.value)


def _leaf(edge):
    """(the leaf that an edge leads to, directly or through views; whether through views). (None, False) if to none."""
    viewed = False
    while edge is not None and is_view_edge(edge) and source(edge)[0].call is not None:
        edge, viewed = source(edge)[0].edges[0], True
    tensor = edge.tensor() if hasattr(edge, "tensor") else None
    return tensor, viewed


def _seen(mark, node, edge, reader):
    """Whether the write of a mark counts for the tensor that a node saved with this edge."""
    counter = mark[0]
    if len(mark) == 1:
        return True  # made in inference mode
    if reader is not None:
        return counter is (reader._counter or reader._storage)
    if counter.__class__ is not UnseenVersion:
        return True
    if edge is not None:
        return counter.made < 0  # it is the count of a tensor with a history
    return counter.made < node.number  # the node may have saved the tensor that `.data` gave


def _fitting(now, value):
    """The newest value, if backward can use it in place of the saved one."""
    if now.type.shape != value.type.shape or now.type.dtype is not value.type.dtype:
        raise RuntimeError(
            f"a tensor that was saved for backward was of shape {list(value.type.shape)} and dtype {value.type.dtype}; `.data = `"
            f" has made it one of shape {list(now.type.shape)} and dtype {now.type.dtype}"
        )
    return now


def _unless_equal(value, now):
    """The saved value, if a copy of the same array shows that nothing was written."""
    if (
        now.array.__class__ is np.ndarray
        and not value.is_promised
        and np.array_equal(value.read(), now.array, equal_nan=True)
    ):
        return value
    return now


def _from_host(value, followed, edge, reader):
    """The newest value of what was read from memory that a NumPy array shares or has shared."""
    shared, _, offset, *roots = followed
    root = roots[0] if roots else shared.origin
    if root is not None and shared.holds(root):
        return value
    if edge is None and value.array.__class__ is np.ndarray and shared.array is not None and offset is not None:
        again = shared.again(value.type, offset, not roots)
        if again is not None:
            return _unless_equal(value, again)
    storage = shared.storage()
    if storage is None:
        return value
    return _unless_equal(value, _reread(value, storage.value, edge, reader, storage))


def _reread(value, now, edge, reader, storage):
    """What a node saved, read again from the newest value of its storage."""
    viewed = edge is not None and is_view_edge(edge) and source(edge)[0].call is not None
    if viewed and now.type is value.type and not value.type.dtype.is_complex:
        return now  # it shows the whole storage, which was reshaped in place
    if viewed:
        return _as_view(edge, _reread_base(source(edge)[0], now, reader, storage))
    if reader is not None and reader._storage is storage:
        now = reader._value
    if now.type is not value.type or value.type.dtype.is_complex:  # not the whole storage, or maybe its conjugate
        if not (edge is not None and now.type is value.type):
            raise NotImplementedError(
                "backward through a view without a history whose memory was written to through `.data` or NumPy"
            )
    return now


def _as_view(edge, base):
    """What the view with this edge shows of this value of its base."""
    node, nr = source(edge)
    made = record(node.call, (base, *node.inputs))[1]
    return made[nr] if isinstance(made, list) else made


def _reread_base(node, now, reader, storage):
    edge = node.edges[0]
    if edge is not None and is_view_edge(edge) and source(edge)[0].call is not None:
        return _as_view(edge, _reread_base(source(edge)[0], now, reader, storage))
    if reader is not None and reader._storage is storage:
        return reader._value
    if now.type is not node.in_types[0]:
        raise NotImplementedError("backward through a view whose base was written to through `.data`")
    return now
