"""Leaves: where the gradient of a tensor made by the user ends up, and the hooks that see it on the way.

A leaf holds its tensor weakly: the graph must not keep a tensor alive.
"""

from __future__ import annotations

import weakref

from jtorch.core.engine import Value
from jtorch.core.facts import Hooks
from jtorch.core.grad import Leaf, add_gradients, check_replacement


class LeafGrad(Leaf):
    """Collects the gradient of one leaf into its `.grad`."""

    __slots__ = ("after", "hooks", "tensor")

    def __init__(self, tensor):
        self.tensor = weakref.ref(tensor)
        self.hooks = Hooks()
        self.after = Hooks()

    def hooked(self, grad, carrier):
        for hook in list(self.hooks.values()):
            given = carrier.wrap(grad)
            seen = hook(given)
            if seen is not None:
                check_replacement(seen, given, hook)
                grad = carrier.unwrap(seen)
        return grad

    def plain(self):
        tensor = self.tensor()
        if tensor is None or tensor._edge is None or tensor._grad is not None or self.hooks or self.after:
            return None
        return tensor

    def watched(self):
        return self.hooks or self.after

    def collect(self, grad, carrier):
        tensor = self.tensor()
        if tensor is None:
            return
        if self.hooks:
            grad = self.hooked(grad, carrier)
        if tensor._edge is None:  # `requires_grad` was turned off since
            return
        if (tensor._edge if tensor._view is None else tensor._history()).__class__ is not LeafGrad:
            raise RuntimeError("leaf variable has been moved into the graph interior")
        before = tensor._gradient()
        if before is None:
            tensor._grad = gradient_tensor(grad, carrier)
        elif carrier.create_graph:
            tensor._grad = before + gradient_tensor(grad, carrier)
        else:
            value = grad if isinstance(grad, Value) else grad._value
            before._assign(add_gradients(before._value, value), before._edge)
        for hook in list(self.after.values()):
            if hook(tensor) is not None:
                raise RuntimeError("Tensor post accumulate grad hooks should return None.")


def gradient_tensor(grad, carrier):
    """A gradient that a backward pass has computed, as the tensor that users see."""
    if isinstance(grad, Value):
        return carrier.wrap(grad)
    return grad if carrier.create_graph else grad.detach()
