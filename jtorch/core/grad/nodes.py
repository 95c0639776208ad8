"""The gradient graph: what a recorded line leaves behind for backward. `jtorch.core.grad.backward` runs it.

A node remembers one differentiable line: its call, the values the gradient needs, and an edge for each input.
An edge is a `Node` (its first output), an `Output` (another of its outputs), a `Leaf` (where gradients are
collected) or None. Edges point to older nodes only, so a walk runs nodes by descending number and needs no
counting. Nodes hold no tensors: a cycle would keep promised values alive until the collector came by.
"""

from __future__ import annotations

import re
import weakref

import jax.numpy as jnp

from jtorch.core.engine import Call, local, record, ticks
from jtorch.core.facts import Hooks

INFERENCE = ("inference",)  # the mark of a value made in inference mode
RELEASED = object()  # what a node holds in place of the values it saved, once backward has used them

FREED = (
    "Trying to backward through the graph a second time (or directly access saved tensors after they have already "
    "been freed). Saved intermediate values of the graph are freed when you call .backward() or autograd.grad(). "
    "Specify retain_graph=True if you need to backward through the graph a second time or if you need to access "
    "saved tensors after calling backward."
)


class Node:
    """One differentiable line, seen from behind: cotangents of its outputs in, gradients of its inputs out.

    `inputs` are the values it saved (only the numbers for a call whose gradient needs no array), `in_types` and `out_types`
    what went in and out, `edges` where each input's gradient goes, one for each input of the call.
    """

    __slots__ = (
        "__dict__", "__weakref__", "call", "edges", "hooks", "in_types", "inputs", "number", "out_types", "outputs", "position",
    )  # fmt: skip

    # what few nodes have for themselves
    copied = 0  # so many of the inputs are copies, which nobody can write to
    metadata = None  # what users keep there
    name_ = None  # its name, where it is not the call's
    through = None  # the place of the view that the result was written through, weakly

    def __init__(self, call, inputs, in_types, out_types, edges, position=None):
        self.call = call
        self.inputs = inputs
        self.in_types = in_types
        self.out_types = out_types
        self.edges = edges
        self.position = position  # the recorded line, where there is one: views are read later, if at all
        self.number = next(ticks)
        self.hooks = self.outputs = None

    def hung(self):
        """The tables of hooks, made when the first is hung."""
        if self.hooks is None:
            self.hooks = NodeHooks()
        return self.hooks

    def pull(self, cotangents, needs, walk):
        """Gradients of the needed inputs, in order, recorded by the walk's `apply`: as Values or as Tensors."""
        self.check()
        call = self.call.pulled(self.in_types, needs, tuple([c is not None for c in cotangents]))
        return walk.apply(call, self, [c for c in cotangents if c is not None])

    def depends(self):
        """For each output, which inputs its gradient may go to, where PyTorch has a node for each; else None: all."""
        return self.call and self.call.depends()

    def check(self):
        """Raise where what was saved is gone: all of it, also for a gradient that nobody asks for now."""
        inputs = self.inputs
        if inputs is RELEASED:
            raise RuntimeError(FREED)
        if inputs and not self.call.linear:
            self._check_versions(inputs, [e is not None for e in self.edges])

    def _check_versions(self, inputs, needs):
        if local.mutable:
            return
        written = [i for i, v in enumerate(inputs) if v.mark and i >= self.copied]
        if written:
            saved = self.call.saved(self.in_types, needs)
            written = [i for i in written if i in saved]
        if written:
            first = min(written, key=self.call.parameter)  # PyTorch takes what it saved in the order of the names
            shape = self.call.kept_as(first, inputs[first].type.shape)
            edge, through = self.edges[first], None
            if shape is inputs[first].type.shape:
                shape = None
            elif edge is not None:
                through = "AsStridedBackward0", 0
            raise overwritten(inputs[first], through, edge, shape)
        if self.outputs:
            for nr, value in enumerate(self.outputs):
                if value.mark:
                    raise overwritten(value, (((self.through and self.through()) or self).name(), nr))

    def frees(self):
        """Whether backward takes something away, so that there is no second time."""
        call = self.call
        return call is not None and ((self.inputs and not call.linear) or call.once)

    def release(self):
        """Let go of the saved values."""
        if self.frees():
            self.inputs = RELEASED
            self.outputs = None

    def name(self) -> str:
        return self.name_ or self.call.grad_fn(self.in_types)


class InPlaceNode(Node):
    """The node of an in-place line: it keeps what its first input was before it wrote there itself."""

    __slots__ = ()
    copied = 1


def overwritten(value, made_by=None, edge=None, shape=None):
    """PyTorch's error for a saved value that was written to. `made_by`: (node's name, output number); `edge`: its own;
    `shape`: that of the view of it which PyTorch has kept, where it is one."""
    if value.mark is INFERENCE:
        return RuntimeError(
            "Inference tensors cannot be saved for backward. Please do not use Tensors created in inference mode in"
            " computation tracked by autograd. To work around this, you can make a clone to get a normal tensor and use it in"
            " autograd, or use `torch.no_grad()` instead of `torch.inference_mode()`."
        )
    counter, version, *writer = value.mark
    type = value.type
    kept = type.shape
    if made_by is None:
        made_by, kept = writer[0](value, writer[1], edge) if writer else (_maker(edge), kept)
    source = f", which is output {made_by[1]} of {bare(made_by[0])}," if made_by else ""
    return RuntimeError(
        "one of the variables needed for gradient computation has been modified by an inplace operation: "
        f"[torch.{type.dtype.scalar_name}Tensor {list(kept if shape is None else shape)}]{source} is at version {counter.version}; "
        f"expected version {version} instead. Hint: enable anomaly detection to find the operation that failed to "
        "compute its gradient, with torch.autograd.set_detect_anomaly(True, check_nan=False)."
    )


def sign(old, tensor):
    """Note in an overwritten value which tensor moved on: an error says what made that tensor, and how it looks now."""
    node, nr = source(tensor._edge)
    if not isinstance(node, Leaf) and old.mark:
        storage = tensor._storage
        writer = getattr(storage, "writer", None)
        if writer is None or writer.tensor() is not tensor:
            writer = storage.writer = _Writer(weakref.ref(tensor))
        writer.moved(tensor._type.shape, node, nr)
        old.mark += (writer, old.type)


def sign_relooked(old, tensor):
    """The same for a tensor that looks at its memory in another way now: `old` is what it saw before, nobody else's value."""
    if old.mark:
        writer = _Writer(weakref.ref(tensor))
        writer.moved(tensor._type.shape, *source(tensor._edge))
        old.mark = [*old.mark[:2], writer, None]


class _Writer:
    """Tells what made a tensor that was written to, and its shape. Holds no node."""

    __slots__ = ("call", "in_types", "nr", "shape", "tensor")

    def __init__(self, tensor):
        self.tensor = tensor

    def moved(self, shape, node, nr):
        """Note the newest, for all values that the tensor has moved on from."""
        self.shape, self.nr = shape, nr
        self.call, self.in_types = (node.call, node.in_types) if isinstance(node, Node) else (None, None)

    def __call__(self, value, type, edge=None):
        """((node's name, output number) or None, shape) of the tensor that was saved as `value`.

        `type`: that of the tensor when it was written to; None: it is surely this one.
        """
        tensor = self.tensor()
        if type is not None:
            if value.type is not type or (edge is not None and looks(edge)):
                return ("AsStridedBackward0", 0), value.type.shape  # a view of it
            if hasattr(edge, "tensor"):  # a leaf that was written to through another: its own history counts
                tensor = edge.tensor()
                if tensor is None or tensor._edge is None or isinstance(tensor._edge, Leaf):
                    return None, value.type.shape
        if tensor is not None:
            node, nr = source(tensor._history())
            return None if node is None or isinstance(node, Leaf) else (node.name(), nr), tensor._type.shape
        return None if self.call is None else (self.call.grad_fn(self.in_types), self.nr), self.shape


def looks(edge):
    """Whether an edge is that of a view: its place is worked out again where somebody has written to the memory."""
    node, _ = source(edge)
    return isinstance(node, Node) and node.position is None and node.name() != "CopySlices"


def _maker(edge):
    """What made a tensor that was written to outside of the graph."""
    node, nr = source(edge)
    if node is None or isinstance(node, Leaf):
        return None
    return ("AsStridedBackward0", 0) if looks(edge) else (node.name(), nr)


def bare(name):
    """A node's name as errors show it."""
    return (
        f"torch::autograd::{name}"
        if name in ("CopySlices", "CopyBackwards")
        else re.sub(r"Backward(0?$|(?=\d))", "", name)
    )


class NodeHooks:
    """What was hung on a node; most have none. In the order they run:

    `tensor` {id: (output number, hook)} on the cotangent of one output, `retains` {output number: function} what
    wants to keep one, `pre` {id: hook} on all cotangents, `post` {id: hook} on the gradients.
    """

    __slots__ = ("post", "pre", "retains", "tensor")

    def __init__(self):
        self.tensor = Hooks()
        self.retains = {}
        self.pre = Hooks()
        self.post = Hooks()


class Output:
    """An output of a node other than its first, as an edge."""

    __slots__ = ("node", "nr")

    def __init__(self, node, nr):
        self.node = node
        self.nr = nr


def edge_of(node, nr):
    """The edge for output `nr` of a node."""
    return node if nr == 0 else Output(node, nr)


def source(edge):
    """(node or leaf, output number) behind an edge."""
    return (edge.node, edge.nr) if edge.__class__ is Output else (edge, 0)


class Leaf:
    """Where the gradient of one leaf tensor is collected. Subclassed by the tensor, which it holds weakly."""

    __slots__ = ("__weakref__",)

    def collect(self, grad, walk):
        """Add a gradient to what the tensor has."""
        raise NotImplementedError

    def hooked(self, grad, walk):
        """The gradient after the tensor's hooks."""
        raise NotImplementedError

    def plain(self):
        """The tensor, if collecting means no more than setting its `.grad`; else None."""
        raise NotImplementedError

    def watched(self):
        """Whether hooks want to see the gradient, the moment it is known."""
        raise NotImplementedError


_ADD = Call(jnp.add, name="add")


def add(a, b):
    """The sum of two gradients, as values."""
    return record(_ADD, (a, b))[1]


_fills: dict = {}


def filled(type, number):
    """A value of this type whose elements are all the same number."""
    call = _fills.get((type, number))
    if call is None:
        shape, np_type = tuple(type.shape), type.dtype.np
        call = Call(lambda place: jnp.full(shape, number, np_type), {"place": type.place}, "full")
        _fills[type, number] = call
    return record(call, (), type.place)[1]


def behind(roots):
    """The nodes that can be reached from the roots."""
    order, seen, stack = [], set(), [source(e)[0] for e, _ in roots]
    while stack:
        node = stack.pop()
        if node in seen:
            continue
        seen.add(node)
        if isinstance(node, Node):
            order.append(node)
            stack.extend(source(e)[0] for e in node.edges if e is not None)
    return order


def check_replacement(seen, given, hook):
    """Raise PyTorch's error unless what a hook gave back may take the gradient's place."""
    if not isinstance(seen, type(given)):
        raise TypeError(f"expected Variable, but hook returned '{type(seen).__name__}'")
    if seen.shape != given.shape:
        raise RuntimeError(f"hook '{getattr(hook, '__name__', hook)}' has changed the size of value")
