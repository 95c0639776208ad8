"""Version checks: a value that backward needs must not have been overwritten.

A storage marks the value that it replaces (`Value.mark`). Most nodes saved no such value. `jtorch.core.grad.overwritten` handles
a value that a node did save.
"""

from __future__ import annotations

import math
import re

from jtorch.core.engine import local, ticks

INFERENCE = ("inference",)  # the mark of a value made in inference mode


class UnseenVersion:
    """A version count of its own, of a tensor whose writes autograd does not see.

    Attributes:
        version: counts the writes.
        made: tells which nodes are older, by their numbers; -1 once one of the tensors has a history.
        move: for the mark that `.data = ` leaves: see `Move`.
    """

    __slots__ = ("made", "move", "version")

    def __init__(self, move=None):
        self.version = 0
        self.made = next(ticks)
        self.move = move


BY_NUMPY = UnseenVersion()  # the count for writes by NumPy to an array that a storage shares
BY_NUMPY.made = math.inf


def link_marks(old, storage, value):
    """Continue the mark of a value that was overwritten unseen by that of the value which replaced it."""
    if value.mark is None:
        value.mark = []
    if len(old.mark) == 2:
        old.mark.append((storage, value.mark, None))


def at_offset(mark, offset, root):
    """The mark of a view of a value with such a mark, if NumPy shares the memory; else the mark as it is.

    Args:
        offset: the element that the view begins at; None: it cannot be read by its strides.
        root: the value of the whole memory that the view was read from.
    """
    return [BY_NUMPY, 0, (*mark[2][:2], offset, root)] if mark and mark[0] is BY_NUMPY else mark


_settle = None


def settle_by(handler) -> None:
    """Call `handler(node, numbers of the saved inputs that were written to)`: it raises, or gives the node other values.

    It returns whether it gave the node other values.
    """
    global _settle
    _settle = handler


def check_versions(node, inputs, needs) -> bool:
    """Raise if a value that these gradients of a node need was overwritten.

    Returns whether there were writes that autograd does not see. The node then has the newest values.
    """
    if local.mutable:
        return False
    written = [i for i, v in enumerate(inputs) if v.mark and i >= node.copied]
    if written:
        saved = node.call.saved(node.in_types, needs)
        written = [i for i in written if i in saved]
    if written or (node.outputs and any([v.mark for v in node.outputs])):  # noqa: C419 - a list is faster
        return _settle(node, written)
    return False


def shown(name):
    """A node's name as PyTorch's errors show it."""
    if name in ("CopySlices", "CopyBackwards"):
        return f"torch::autograd::{name}"
    return re.sub(r"Backward(0?$|(?=\d))", "", name)
