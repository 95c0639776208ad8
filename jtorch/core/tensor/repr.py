"""`repr` and `format` of a tensor: finds the facts that `jtorch.core.tensor.printing` puts into text."""

from __future__ import annotations

import textwrap

from jtorch.core.engine import META, TRACED, Lifted, local
from jtorch.core.facts import CPU
from jtorch.core.grad import Leaf, source
from jtorch.core.tensor import printing
from jtorch.core.tensor.storage import Storage
from jtorch.core.tensor.tensor import Tensor, part_of_tensor, wrap

_unnamed: tuple = ()  # subclasses printed as "tensor(...)"


def print_unnamed(kind) -> None:
    """Print instances of a subclass as "tensor(...)", and those of its own subclasses as "Parameter(Name(...))"."""
    global _unnamed
    _unnamed += (kind,)


def _tangent_text(tensor):
    """The text of the tangent that a tensor has inside `forward_ad.dual_level`, or None."""
    if tensor._type.place is META or tensor._storage.__class__ is not Storage:
        return None
    value = tensor._value
    if value.__class__ is not Lifted or value.level.title != "Dual" or value.level.closed or local.depth:
        return None
    return format(wrap(value.parts[1]))


def _lifted_text(tensor):
    """The text of a tensor that a transformed function computes with, or that left one; None for any other.

    PyTorch's `grad` has such texts too; here its tensors are ordinary ones that require gradients.
    """
    if tensor._storage.__class__ is not Storage:
        return None
    value = tensor._value
    if value.__class__ is not Lifted or not value.level.depth:
        return None
    level = value.level
    inner = textwrap.indent(repr(wrap(value.parts[0])), "    ")
    if level.title == "Batch":
        return f"BatchedTensor(lvl={level.depth}, bdim=0, value=\n{inner}\n)"
    return f"GradTrackingTensor(lvl={level.depth if level.depth <= local.depth else -2}, value=\n{inner}\n)"


@part_of_tensor
class Text:
    """A tensor as text."""

    def __repr__(self, *, tensor_contents=None):
        t = self._type
        try:
            edge = self._history()
            made_by = None if edge is None or isinstance(edge, Leaf) else source(edge)[0].name()
        except RuntimeError:  # its base was written to in a way that autograd could not follow
            edge, made_by = self._edge, "Invalid"
        if t.place is TRACED:
            return f"tensor({self._value.array}, dtype={t.dtype})"
        if (lifted := _lifted_text(self)) is not None:
            return lifted
        array = None if t.place is META else self._to_numpy()
        kind = type(self)
        name = "tensor" if kind is Tensor or kind in _unnamed else kind.__name__
        inner = isinstance(self, _unnamed) and kind not in _unnamed
        text = printing.tensor_text(
            array,
            t.dtype,
            size=t.shape if array is None else None,
            name=f"Parameter({name}" if inner else name,
            device=None if t.place is CPU else str(t.place.device),
            grad_fn=made_by,
            requires_grad=edge is not None,
            body=tensor_contents,
            tangent=_tangent_text(self),
        )
        return text + ")" * inner

    def __format__(self, spec):
        return printing.formatted(self, spec, type(self) is Tensor and self._type.place is not META)
