"""Backward from a tensor: the roots and targets of a backward pass, and a tensor's hooks on its gradient.

`jtorch.core.grad.backward` runs the pass. Here gradients become Tensors, or stay Values if they are not to be differentiated.
"""

from __future__ import annotations

import weakref

from jtorch.core.engine import Value, local, record
from jtorch.core.facts import Hooks, RemovableHandle, once, warn_user
from jtorch.core.grad import AS_VALUES, Carrier, Seed, backward_pass, source
from jtorch.core.tensor.casting import cast_call
from jtorch.core.tensor.leaf import LeafGrad, gradient_tensor
from jtorch.core.tensor.requires_grad import computed
from jtorch.core.tensor.storage import SAME
from jtorch.core.tensor.tensor import NOWHERE, Nowhere, Tensor, apply, part_of_tensor, wrap


@part_of_tensor
class Backward:
    """`backward`, and what a tensor does with the gradient that reaches it."""

    def backward(self, gradient=None, retain_graph=None, create_graph=False, inputs=None):
        """Collect the gradient of this tensor into the `.grad` of every leaf behind it.

        Args:
            gradient: the gradient of this tensor, of its shape; for a tensor of one element the default is 1.
            retain_graph: keep the saved values for another backward pass; default: create_graph.
            create_graph: record the gradients too, so that they can be differentiated.
            inputs: collect into these tensors only.

        Raises:
            RuntimeError: nothing requires grad, there are several elements and no `gradient`, or the graph was freed.
        """
        if gradient is not None and not isinstance(gradient, Tensor):
            gradient = next(iter(tuple(gradient)), None)  # PyTorch takes a sequence of one
        run_backward([self], [gradient], retain_graph, create_graph, inputs)

    def retain_grad(self):
        """Collect `.grad` here too, although this is not a leaf."""
        if not self.requires_grad:
            raise RuntimeError("can't retain_grad on Tensor that has requires_grad=False")
        if not computed(self):
            return
        edge = self._history()
        node, nr = source(edge)
        if node.hooks is not None and nr in node.hooks.retains:
            return
        mine = weakref.ref(self)

        def keep(grad, carrier):
            tensor = mine()
            if tensor is not None:
                tensor._grad = (
                    gradient_tensor(grad, carrier)
                    if tensor._grad is None
                    else tensor._grad + gradient_tensor(grad, carrier)
                )

        node.made_hooks().retains[nr] = keep

    @property
    def retains_grad(self):
        """Whether `.grad` is collected here although this is not a leaf."""
        if not computed(self):
            return False
        node, nr = source(self._edge)
        return node.hooks is not None and nr in node.hooks.retains

    def register_hook(self, hook):
        """Call `hook(grad)` when this tensor's gradient is known; what it returns replaces the gradient."""
        edge = self._history()
        if edge is None:
            raise RuntimeError("cannot register a hook on a tensor that doesn't require gradient")
        if edge is NOWHERE:
            return RemovableHandle(Hooks())
        if edge.__class__ is LeafGrad:
            handle = RemovableHandle(edge.hooks)
            edge.hooks[handle.id] = hook
            return handle
        node, nr = source(edge)
        hooks = node.made_hooks().tensor
        handle = RemovableHandle(hooks)
        hooks[handle.id] = (nr, hook)
        return handle

    def register_post_accumulate_grad_hook(self, hook):
        """Call `hook(self)` each time backward has added to `.grad` (a leaf only)."""
        if not self.requires_grad:
            raise RuntimeError("cannot register a hook on a tensor that doesn't require gradient")
        if self._edge.__class__ is not LeafGrad:
            raise RuntimeError("post accumulate grad hooks cannot be registered on non-leaf tensors")
        handle = RemovableHandle(self._edge.after)
        self._edge.after[handle.id] = hook
        return handle


def _apply_pullback(call, node, cotangents):
    """Run a pullback on Tensors, so that the gradients can be differentiated."""
    if call.linear:
        inputs = node.inputs
    else:
        used = _differentiated(call, node)
        inputs = [
            v if v.type.number else wrap(v, _unless_frozen(e) if i in used else None)
            for i, (v, e) in enumerate(zip(_as_saved(node), node.edges, strict=True))
        ]
    given = (*inputs, *cotangents)
    out = apply(call, given)
    out = [out] if isinstance(out, Tensor) else out
    wanting = {i for i, t in enumerate(given) if isinstance(t, Tensor) and t.requires_grad}
    for gradient, of in zip(out, call.depends(), strict=True):
        if not of & wanting:
            gradient._edge = None
    return out


def _as_saved(node):
    """The saved values. What an in-place line read counts as a copy, which nobody has written to."""
    if not node.copied:
        return node.inputs
    return [record(SAME, (v,))[1] if v.mark and i < node.copied else v for i, v in enumerate(node.inputs)]


def _unless_frozen(edge):
    """The edge of a saved value; None for a leaf whose `requires_grad` was turned off since."""
    tensor = edge.tensor() if edge.__class__ is LeafGrad else None
    return edge if tensor is None or tensor._edge is not None else None


def _differentiated(call, node):
    """Which of the saved inputs a gradient depends on, and can be differentiated by."""
    if node.call.chooses:
        return ()
    if node.call.keep_result:
        return range(len(node.edges))
    saves = node.call.saves
    if saves in ("inputs", "own") or (saves.__class__ is tuple and -1 in saves):
        return call.reads()
    return call.reads() & set(node.call.saved(node.in_types, call.needs))


def _unwrap(tensor):
    return tensor._value


def tensor_carrier():
    """Gradients as Tensors, so that a graph of them is recorded; only the seed is a Value."""
    as_tensor = lambda grad: wrap(grad) if isinstance(grad, Value) else grad
    return Carrier(_apply_pullback, lambda a, b: a + b, as_tensor, lambda grad: grad, create_graph=True)


def _value_carrier():
    return Carrier(wrap=wrap, unwrap=_unwrap)


AS_VALUES.wrap, AS_VALUES.unwrap = wrap, _unwrap


after_backward: list = []  # functions that are called when a backward pass has collected its gradients


def run_backward(tensors, gradients, retain_graph, create_graph, inputs, collect=True, allow_unused=True):
    """`torch.autograd.backward` and `grad`: check the roots, run the backward pass, return the targets' gradients."""
    keep = create_graph if retain_graph is None else retain_graph
    trace = local.trace
    if trace.backwards and not keep and collect and not trace.updated:
        trace.flush("backward")  # two backward passes in one trace: cut where every round of the loop cuts
    carrier = tensor_carrier() if create_graph else AS_VALUES if local.anomaly is None else _value_carrier()
    if create_graph and collect:
        _warn_cycle()
    if local.anomaly is not None:
        carrier.anomaly = local.anomaly
    gradients = [_cotangent(i, t, g) for i, (t, g) in enumerate(zip(tensors, gradients, strict=True))]
    roots = [_root(i, t, g, create_graph) for i, (t, g) in enumerate(zip(tensors, gradients, strict=True))]
    targets = None
    if inputs is not None:
        inputs = [inputs] if isinstance(inputs, Tensor) else list(inputs)
        if not inputs:
            name = "backward" if collect else "grad"
            raise RuntimeError(f"`inputs` argument to `{name}()` cannot be empty.")
        targets = [_target(t, collect) for t in inputs]
    try:
        grads = backward_pass(roots, carrier, keep, targets, collect)
    finally:
        local.trace.backwards += 1
    if collect:
        for callback in tuple(after_backward):  # one that is done removes itself
            callback()
    return None if targets is None or collect else [None if g is None else gradient_tensor(g, carrier) for g in grads]


def _warn_cycle():
    if not once.first_time("cycle of create_graph"):
        return
    warn_user(
        "Using backward() with create_graph=True will create a reference cycle between the parameter and its gradient which"
        " can cause a memory leak. We recommend using autograd.grad when creating the graph to avoid this. If you have to use"
        " this function, make sure to reset the .grad fields of your parameters to None after use to break the cycle and"
        " avoid the leak.",
    )


def _target(tensor, collect):
    """The edge of one of `inputs`. If gradients are collected, the tensor retains its gradient from now on."""
    if collect:
        tensor.retain_grad()
    edge = tensor._history()
    if edge is None:
        raise RuntimeError("One of the differentiated Tensors does not require grad")
    return Nowhere() if edge is NOWHERE else edge  # a leaf that no gradient reaches


def _cotangent(i, tensor, gradient):
    """The cotangent of one root, checked as PyTorch's Python code does; None for a root that requires no gradient."""
    t = tensor._type
    if gradient is None:
        if not tensor.requires_grad:
            return None
        if t.shape.numel() != 1:
            raise RuntimeError("grad can be implicitly created only for scalar outputs")
        if not t.dtype.is_floating_point:
            raise RuntimeError(f"grad can be implicitly created only for real scalar outputs but got {tensor.dtype}")
        return Seed(tensor._value.type)
    if not isinstance(gradient, Tensor):
        raise TypeError(f"gradients can be either Tensors or None, but got {type(gradient).__name__}")
    if gradient.shape != t.shape:
        raise RuntimeError(
            f"Mismatch in shape: grad_output[{i}] has a shape of {gradient.shape} and output[{i}] has a shape of {t.shape}."
        )
    if gradient.dtype.is_complex != t.dtype.is_complex:
        raise RuntimeError(
            "For complex Tensors, both grad_output and output are required to have the same dtype. "
            f"Mismatch in dtype: grad_output[{i}] has a dtype of {gradient.dtype} and output[{i}] has a dtype of {t.dtype}."
        )
    return gradient


def _root(i, tensor, gradient, create_graph):
    edge = tensor._history()
    if edge is None or edge is NOWHERE:
        raise RuntimeError(f"element {i} of tensors does not require grad and does not have a grad_fn")
    if gradient.__class__ is Seed:
        return edge, gradient
    if gradient.dtype is not tensor.dtype:
        gradient = apply(cast_call(tensor.dtype), (gradient,))
    return edge, gradient if create_graph else gradient._value
