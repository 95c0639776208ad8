"""`torch.utils.swap_tensors` and `Tensor.module_load`: a tensor takes the content of another and stays the same object."""

from __future__ import annotations

import copyreg
import gc
from sys import getrefcount

from jtorch.core.facts import Hooks
from jtorch.core.op import public_in
from jtorch.core.tensor import LeafGrad, Tensor, overridable, part_of_tensor

_CONTENT = ("_base", "_counter", "_edge", "_grad", "_leaf", "_storage", "_view")


@public_in("jtorch.utils")
def swap_tensors(t1, t2) -> None:
    """Exchange the content of two tensors: elements, class, attributes, gradient and history.

    Raises:
        RuntimeError: their classes have different slots; a tensor has views. Later, from a backward pass of what was computed
            from one of them before: its gradient would go to the other.

    Differs from torch: weak references, and references that keep no view, do not prevent it.

    >>> a, b = torch.zeros(2), torch.ones(3)
    >>> torch.utils.swap_tensors(a, b)
    >>> a, b
    (tensor([1., 1., 1.]), tensor([0., 0.]))
    """
    slots = {*copyreg._slotnames(type(t1))}
    if slots != {*copyreg._slotnames(type(t2))}:
        raise RuntimeError("Cannot swap t1 and t2 if they have different slots")
    for name, t in (("t1", t1), ("t2", t2)):
        if getrefcount(t._storage) > 2 and (views := _count_views(t)):
            raise RuntimeError(
                f"Expected use_count of {name} to be 1 or 2 with an AccumulateGrad node but got {1 + t.requires_grad + views} "
                "make sure you are not holding references to the tensor in other places."
            )
    t1.__class__, t2.__class__ = t2.__class__, t1.__class__
    t1.__dict__, t2.__dict__ = t2.__dict__, t1.__dict__
    for slot in {*slots, *_CONTENT}:
        _exchange(t1, t2, slot)
    for t in (t1, t2):
        if isinstance(t._edge, LeafGrad):
            t._edge = _leaf_anew(t._edge, t)
        if isinstance(getattr(t, "_leaf", None), LeafGrad):
            del t._leaf


def _count_views(t):
    return sum(isinstance(r, Tensor) and r._base is t for r in gc.get_referrers(t))


def _exchange(t1, t2, slot):
    before = [getattr(t, slot, _ABSENT) for t in (t1, t2)]
    for t, old, new in ((t1, *before), (t2, *before[::-1])):
        if new is not _ABSENT:
            setattr(t, slot, new)
        elif old is not _ABSENT:
            delattr(t, slot)


_ABSENT = object()


def _leaf_anew(leaf, tensor):
    """A leaf with the hooks of another, whose gradients go to this tensor. The old one takes no gradient any more."""
    made = LeafGrad(tensor)
    made.hooks, made.after, made.own = leaf.hooks, leaf.after, leaf.own
    leaf.hooks, leaf.after, leaf.own = Hooks(), Hooks(), None
    leaf.hooks["swapped"] = _refuse_gradient
    return made


def _refuse_gradient(grad):
    raise RuntimeError(
        "Trying to execute AccumulateGrad node that was poisoned by swap_tensors "
        "this can happen when you try to run backward on a tensor that was swapped. "
        "For a module m with `torch.__future__.set_swap_module_params_on_conversion(True)` "
        "you should not change the device or dtype of the module (e.g. `m.cpu()` or `m.half()`) "
        "between running forward and backward. To resolve this, please only change the "
        "device/dtype before running forward (or after both forward and backward)."
    )


@part_of_tensor
class ModuleLoading:
    """What `load_state_dict` asks a parameter where `torch.__future__.set_swap_module_params_on_conversion(True)` holds."""

    @overridable
    def module_load(self, other, assign=False):
        """The tensor whose content this one takes when `other` is loaded: its own memory with the values of `other`, or,
        if `assign`, the memory of `other`. A subclass may give another tensor, and neither of the two themselves."""
        return other.detach() if assign else self.copy_(other).detach()
