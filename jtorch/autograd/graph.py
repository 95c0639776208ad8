"""`torch.autograd.graph`: hooks on saved tensors, edges of the gradient graph, and hooks on several gradients at once.

What a line saves is packed when its node is made. While hooks are on, `_observed_node` makes the nodes. While they are
off, recording costs nothing extra.
"""

from __future__ import annotations

import contextlib
import threading
import weakref

from jtorch.core.engine import local
from jtorch.core.facts import RemovableHandle
from jtorch.core.grad import FREED, RELEASED, GradNode, source
from jtorch.core.methods import GradientEdge
from jtorch.core.tensor import ShownNode, Tensor, make_nodes, show, wrap


class _NodeMeta(type):
    def __instancecheck__(cls, instance):
        return isinstance(instance, ShownNode)

    def __subclasscheck__(cls, subclass):
        return subclass is cls or issubclass(subclass, ShownNode)


class Node(metaclass=_NodeMeta):
    """The class of every `grad_fn`.

    >>> x = torch.ones(2, requires_grad=True)
    >>> isinstance((x * 3).grad_fn, torch.autograd.graph.Node)
    True
    """


def get_gradient_edge(tensor):
    """The edge of a tensor in the gradient graph.

    Raises:
        RuntimeError: the tensor does not require grad.
    """
    if not tensor.requires_grad:
        raise RuntimeError("It is not possible to get the gradient edge for a Tensor that does not require gradients")
    edge = tensor._history()
    return GradientEdge(show(source(edge)[0]), source(edge)[1], edge)


def increment_version(tensor):
    """Count a write that autograd did not see. Takes one tensor or several."""
    for t in [tensor] if isinstance(tensor, Tensor) else tensor:
        storage = t._storage
        storage.write(storage.value, t._counter or storage)


# ---- saved tensors


class _ThreadHooks(threading.local):
    """The pairs (pack, unpack) that are on in this thread, innermost last; and the message with which hooks are refused."""

    def __init__(self):
        self.stack = []
        self.disabled = None


_hooks = _ThreadHooks()
_users = 0
_lock = threading.Lock()


def observe_nodes(change):
    """Change the number of observers of new nodes by `change`. `_observed_node` makes the nodes while there are any."""
    global _users
    with _lock:
        _users += change
        make_nodes(_observed_node if _users else GradNode)


def _observed_node(call, inputs, in_types, out_types, edges, position=None):
    """A new node. This thread's hooks pack what it saves."""
    if not _hooks.stack or call.linear or not _wants_one(inputs):
        made = GradNode(call, inputs, in_types, out_types, edges, position)
    else:
        made = _PackedNode(call, inputs, in_types, out_types, edges, position)
    if local.anomaly:
        local.anomaly.note(made)
    return made


def _wants_one(inputs):
    """Whether the hooks want one of these values."""
    picks = _hooks.stack[-1][2]
    return picks is None or any(map(picks, inputs))


class _Packed:
    """One saved tensor, as `pack` returned it."""

    __slots__ = ("hooks", "thing")

    def __init__(self, tensor):
        self.hooks = _hooks.stack[-1]
        version = tensor._version
        with _paused():
            self.thing = self.hooks[0](tensor)
        if tensor._version != version:
            raise RuntimeError(
                "A saved tensor pack hook is modifying its input in place. Tensors provided as input to pack hook can not be"
                " modified by in-place operations as this can lead to unexpected side-effects. Please open an issue if you"
                " need to perform in-place operations on the input to a pack hook."
            )

    def tensor(self):
        with _paused():
            found = self.hooks[1](self.thing)
        if not isinstance(found, Tensor):
            raise TypeError(
                f"Output of saved tensor unpack_hook expected to be a Tensor but got result of type {type(found)}"
            )
        return found


@contextlib.contextmanager
def _paused():
    """A context for running a hook: what the hook computes is not packed. Hooks that it leaves on are off afterwards."""
    before, _hooks.stack = _hooks.stack, []
    try:
        yield
    finally:
        if _hooks.stack:
            observe_nodes(-len(_hooks.stack))
        _hooks.stack = before


class _PackedNode(GradNode):
    """A node whose saved tensors were packed by hooks."""

    __slots__ = ()

    def __init__(self, call, inputs, in_types, out_types, edges, position):
        needs = tuple([e is not None for e in edges])
        saved = set(range(len(inputs))) if call.keep_result else call.saved(in_types, needs)
        picks = _hooks.stack[-1][2]
        packed = [
            _Packed(wrap(v)) if i in saved and not v.type.number and (picks is None or picks(v)) else v
            for i, v in enumerate(inputs)
        ]
        super().__init__(call, packed, in_types, out_types, edges, position)

    def check(self):
        if self.inputs is RELEASED or not any(p.__class__ is _Packed for p in self.inputs):
            super().check()

    def saved_input(self, i):
        saved = self.inputs[i]
        return saved.tensor()._value if saved.__class__ is _Packed else saved

    def pull(self, cotangents, needs, carrier):
        packed = self.inputs
        if packed is RELEASED:
            raise RuntimeError(FREED)
        self.inputs = [p.tensor()._value if p.__class__ is _Packed else p for p in packed]
        try:
            return super().pull(cotangents, needs, carrier)
        finally:
            self.inputs = packed


def packed_by_hooks(tensor):
    """A tensor that a `Function` saves, as this thread's hooks pack it: its method `tensor` unpacks. None without hooks."""
    if not _hooks.stack or not _wants_one([tensor._value]):
        return None
    return _Packed(tensor.detach() if tensor.requires_grad else tensor)


def packing() -> bool:
    """Whether this thread has hooks on."""
    return bool(_hooks.stack)


class saved_tensors_hooks:
    """Inside the block, pack what is saved for backward: `pack_hook(tensor) -> anything`, `unpack_hook(anything) -> tensor`.

    Differs from torch: where PyTorch saves an operation's result (`exp`, `softmax`), jtorch saves and packs its
    input.

    >>> x = torch.ones(2, requires_grad=True)
    >>> with torch.autograd.graph.saved_tensors_hooks(lambda t: t.tolist(), torch.tensor):
    ...     y = x * x
    >>> y.sum().backward()
    >>> x.grad
    tensor([2., 2.])
    """

    _picks = None  # function (value) -> whether to pack it; None: pack all

    def __init__(self, pack_hook, unpack_hook):
        self.pack_hook = pack_hook
        self.unpack_hook = unpack_hook

    def __enter__(self):
        if _hooks.disabled is not None:
            raise RuntimeError(_hooks.disabled)
        _hooks.stack.append((self.pack_hook, self.unpack_hook, self._picks))
        observe_nodes(+1)
        return None

    def __exit__(self, *exc):
        if _hooks.stack:  # empty where a hook leaves a block that it did not enter
            observe_nodes(-1)
            _hooks.stack.pop()


class save_on_cpu(saved_tensors_hooks):
    """Inside the block, keep what is saved for backward in host memory, and move it back when backward needs it.

    Args:
        pin_memory: use memory that the device reads directly.
        device_type: the kind of the device.

    >>> x = torch.ones(2, requires_grad=True)
    >>> with torch.autograd.graph.save_on_cpu():
    ...     y = (x * x).sum()
    >>> y.backward()
    >>> x.grad
    tensor([2., 2.])
    """

    def __init__(self, pin_memory=False, device_type="cuda"):
        super().__init__(lambda t: (t.device, t.cpu()), lambda packed: packed[1].to(packed[0]))


@contextlib.contextmanager
def disable_saved_tensors_hooks(error_message):
    """Inside the block, refuse saved-tensor hooks with this message."""
    before, _hooks.disabled = _hooks.disabled, error_message
    try:
        yield
    finally:
        _hooks.disabled = before


@contextlib.contextmanager
def allow_mutation_on_saved_tensors():
    """Inside the block, allow writes to saved tensors; backward uses the values from before. Saved values never change in
    jtorch, so this only turns off PyTorch's error for such writes."""
    if local.mutable:
        raise RuntimeError("allow_mutation_on_saved_tensors contexts cannot be nested")
    local.mutable = True
    try:
        yield
    finally:
        local.mutable = False


# ---- hooks on several gradients


def register_multi_grad_hook(tensors, fn, *, mode="all"):
    """Call `fn` when the gradients of several tensors are known.

    Args:
        mode: "all": call `fn([grad or None, ...])` once for each backward pass, when it has computed all of them.
            "any": call `fn(grad)` with the first.
    """
    if mode not in ("all", "any"):
        raise ValueError(f"Expects mode to be one of ('all', 'any') but got {mode}")
    state = _Together(tuple(tensors), fn, mode)
    handles = [t.register_hook(state.hook(i)) for i, t in enumerate(state.tensors())]
    return _Handles(handles, state)


class _Together:
    """Counts the gradients of one backward pass as they arrive."""

    def __init__(self, tensors, fn, mode):
        self.edges = [t._history() for t in tensors]
        self._tensors = tensors
        self.fn = fn
        self.mode = mode
        self.passes = (
            weakref.WeakKeyDictionary()
        )  # of each thread's pass: the gradients so far, and how many are to come

    def tensors(self):
        tensors, self._tensors = self._tensors, None  # a hook that held its tensor would make a reference cycle
        return tensors

    def hook(self, i):
        def seen(grad):
            running = local.running
            if running not in self.passes:
                self.passes[running] = [[None] * len(self.edges), running.reaches(self.edges)]
            state = self.passes[running]
            state[0][i] = grad
            if self.mode == "any":
                if state[1] and grad is not None:
                    state[1] = 0
                    self.fn(grad)
                return
            state[1] -= 1
            if not state[1]:
                self.fn(state[0])

        return seen


class _Handles(RemovableHandle):
    """The handle of several hooks: `remove` removes them all."""

    def __init__(self, handles, state):
        self.handles = handles
        self.state = state

    def remove(self):
        for handle in self.handles:
            handle.remove()

    def __getstate__(self):
        return self.handles

    def __setstate__(self, state):
        self.handles = state
