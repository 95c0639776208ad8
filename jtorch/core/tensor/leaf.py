"""Leaves: where the gradient of a tensor made by the user ends up, and the hooks that see it on the way.

A leaf holds its tensor weakly: the graph must not keep a tensor alive.
"""

from __future__ import annotations

import weakref

from jtorch.core.engine import Value, type_of
from jtorch.core.facts import Hooks
from jtorch.core.facts import strides as geometry
from jtorch.core.grad import Leaf, add_gradients, check_replacement
from jtorch.core.tensor.storage import retyped


class LeafGrad(Leaf):
    """Collects the gradient of one leaf into its `.grad`.

    `hooks` and `after` are the tensor's: `register_hook`, `register_post_accumulate_grad_hook`. `own` has the pair of tables
    of the node that users see, before and after: few ever ask for it.
    """

    __slots__ = ("after", "hooks", "own", "tensor")

    def __init__(self, tensor):
        self.tensor = weakref.ref(tensor)
        self.hooks = Hooks()
        self.after = Hooks()
        self.own = None

    def made_own(self):
        if self.own is None:
            self.own = Hooks(), Hooks()
        return self.own

    def hooked(self, grad, carrier):
        for hook in list(self.hooks.values()):
            given = carrier.wrap(grad)
            answer = hook(given)
            if answer is not None:
                check_replacement(answer, given, hook)
                grad = carrier.unwrap(answer)
        return grad

    def plain(self):
        tensor = self.tensor()
        if tensor is None or tensor._edge is None or tensor._grad is not None or self.watched():
            return None
        return tensor if tensor._type.contiguous else None

    def watched(self):
        return self.hooks or self.after or self.own

    def collect(self, grad, carrier):
        tensor = self.tensor()
        if tensor is None:
            return
        if self.hooks:
            grad = self.hooked(grad, carrier)
        if self.own is not None:
            grad = self._before(grad, carrier)
        if tensor._edge is None:  # `requires_grad` was turned off since
            return
        if (tensor._edge if tensor._view is None else tensor._history()).__class__ is not LeafGrad:
            raise RuntimeError("leaf variable has been moved into the graph interior")
        before = tensor._gradient()
        if before is None:
            if grad.__class__ is Value and grad.type.strides != tensor._type.strides:
                grad = _laid_out_like(grad, tensor._type)
            tensor._grad = gradient_tensor(grad, carrier)
        elif carrier.create_graph:
            tensor._grad = before + gradient_tensor(grad, carrier)
        else:
            value = grad if isinstance(grad, Value) else grad._value
            before._assign(add_gradients(before._value, value), before._edge)
        for hook in list(self.after.values()):
            if hook(tensor) is not None:
                raise RuntimeError("Tensor post accumulate grad hooks should return None.")
        if self.own is not None:  # PyTorch's nodes take a first gradient as it is: the hook sees the tensor's own
            given = tensor._grad if before is None else gradient_tensor(grad, carrier)
            for hook in list(self.own[1].values()):
                hook((), (given,))

    def _before(self, grad, carrier):
        """The gradient after the hooks before the node."""
        for hook in list(self.own[0].values()):
            seen = hook((carrier.wrap(grad),))
            if seen is not None:
                grad = carrier.unwrap(seen[0] if isinstance(seen, tuple) else seen)
        return grad


def _is_dense(type):
    return geometry.is_dense(type.shape, type.strides)


def _laid_out_like(grad, leaf):
    """The first gradient of a leaf, with the strides that PyTorch gives it: those of a dense leaf, else contiguous."""
    t = grad.type
    if _is_dense(leaf):
        same = all(n == 1 or a == b for n, a, b in zip(t.shape, t.strides, leaf.strides, strict=True))
        return grad if same else retyped(grad, type_of(t.shape, t.dtype, t.place, leaf.strides))
    return grad if t.contiguous else retyped(grad, type_of(t.shape, t.dtype, t.place))


def gradient_tensor(grad, carrier):
    """A gradient that a backward pass has computed, as the tensor that users see."""
    if isinstance(grad, Value):
        return carrier.wrap(grad)
    return grad if carrier.create_graph else grad.detach()
