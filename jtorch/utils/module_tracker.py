"""`torch.utils.module_tracker`: which modules are running, forward or backward."""

from __future__ import annotations

from jtorch.autograd.graph import register_multi_grad_hook
from jtorch.core.engine import local
from jtorch.core.tensor import Tensor, after_backward
from jtorch.nn.modules.module import register_module_forward_hook, register_module_forward_pre_hook
from jtorch.utils._pytree import tree_leaves

__all__ = ["ModuleTracker"]


class ModuleTracker:
    """A block in which `parents` has the names of the modules that are running, and "Global".

    Attributes:
        parents: the names: that of the outermost module's class, and the path of attributes below it.
        is_bw: whether a backward pass is running.

    >>> from jtorch.utils.module_tracker import ModuleTracker
    >>> model = torch.nn.Sequential(torch.nn.Linear(1, 1))
    >>> with ModuleTracker() as tracker:
    ...     handle = model[0].register_forward_pre_hook(lambda *_: print(sorted(tracker.parents)))
    ...     y = model(torch.ones(1, 1))
    ['Global', 'Sequential', 'Sequential.0']
    """

    def __init__(self):
        self.parents = {"Global"}
        self._names = {}
        self._handles = []

    is_bw = property(lambda self: local.running is not None)

    def _name(self, module):
        name = self._names.setdefault(module, type(module).__name__)
        for child_name, child in module.named_children():
            if child not in self._names:
                self._names[child] = f"{name}.{child_name}"
                self._name(child)
        return name

    def _hook(self, tree, fn):
        tensors = [t for t in tree_leaves(tree) if isinstance(t, Tensor) and t.requires_grad]
        if tensors:
            self._handles.append(register_multi_grad_hook(tensors, lambda _: fn()))

    def _before(self, module, args):
        name = self._name(module)
        self.parents.add(name)
        self._hook(args, lambda: self.parents.discard(name))

    def _after(self, module, args, output):
        name = self._name(module)
        self.parents.discard(name)
        self._hook(output, lambda: self.parents.add(name))

    def _forget(self):
        self.parents = {"Global"}

    def __enter__(self):
        after_backward.append(self._forget)
        self._handles += [
            register_module_forward_pre_hook(self._before),
            register_module_forward_hook(self._after),
        ]
        return self

    def __exit__(self, *exc):
        after_backward.remove(self._forget)
        for handle in self._handles:
            handle.remove()
        self._handles.clear()
