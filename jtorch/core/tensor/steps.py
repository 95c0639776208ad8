"""Views that come again: those that an index or a split makes are worked out once for a type, and then repeated.

A step makes one view of the one before: (call, its numbers, the type of the view, its offset beyond that of the first tensor).
Steps hold no values, so that they can be kept. `jtorch.core.tensor.views` says what a view is.
"""

from __future__ import annotations

from jtorch.core.engine import local, number
from jtorch.core.tensor.storage import InferenceStorage, Storage
from jtorch.core.tensor.tensor import Tensor, part_of_tensor, view_node
from jtorch.core.tensor.views import IN_INFERENCE, NO_GRAD, View

_new = object.__new__


def steps_to(view, until, offset):
    """The steps that lead to `view` from its ancestor `until` (None: the base), which begins at `offset`."""
    steps = []
    while view is not until:
        steps.append((view.call, tuple([n.array for n in view.numbers]), view.type, view.offset - offset))
        view = view.parent
    return tuple(steps[::-1])


@part_of_tensor
class Steps:
    """How a tensor repeats steps."""

    def _make_views(self, steps):
        """The last of several views, each of the one before."""
        view, storage, edge = self._view, self._storage, self._edge
        here = local.__dict__
        grad, note = here["grad"], None
        if view is None:
            t, offset = storage.value.type if storage.__class__ is Storage else storage.type, 0
        else:
            t, offset, note = view.type, view.offset, view.note
            if grad:
                edge = self._history()
        if not grad:
            edge, note = None, IN_INFERENCE if here["inference"] else NO_GRAD
        version = (self._counter or storage).version
        for call, constants, type, further in steps:
            numbers = tuple([number(n) for n in constants]) if constants else ()
            view = View(view, call, numbers, type, offset + further)
            view.at, view.note = version, note
            if edge is not None and t.differentiable:
                edge = view_node(call, numbers, t, type, edge)
            t = type
        return self._viewed(view, edge)

    def _make_parts(self, steps, note):
        """Several views of this tensor, one for each step of one number, without history. `note`: see `View`."""
        parent, offset = self._view, self._offset
        version = (self._counter or self._storage).version
        made = []
        for call, constants, type, further in steps:
            view = View(parent, call, (number(constants[0]),), type, offset + further)
            view.at, view.note = version, note
            made.append(self._viewed(view, None))
        return made

    def _viewed(self, view, edge):
        """A tensor that shows this view of its storage."""
        made = _new(Tensor)
        made._storage = storage = self._storage
        made._counter, made._grad, made._view = self._counter, None, view
        if storage.__class__ is InferenceStorage:
            made._base = made._edge = view.at = view.note = None  # autograd does not track views of inference tensors
        else:
            made._base = self if self._base is None else self._base
            made._edge = edge
        return made
