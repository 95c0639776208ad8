"""Nodes of the gradient graph: what a recorded line keeps for backward. `jtorch.core.grad.backward` runs them.

A node remembers one differentiable line: its call, the values that the gradient needs, and an edge for each input. Edges
point to older nodes only, so a backward pass runs nodes by descending number and need not count edges. Nodes hold no tensors: a
cycle would keep promised values alive until Python's collector runs.
"""

from __future__ import annotations

import jax.numpy as jnp

from jtorch.core.engine import Call, local, record, ticks
from jtorch.core.facts import Hooks
from jtorch.core.grad.edges import source
from jtorch.core.grad.versions import check_versions

RELEASED = object()  # what a node holds in place of its saved values after they were released

RENEWED = object()  # the position of a node whose values are no longer those of its line

FREED = (
    "Trying to backward through the graph a second time (or directly access saved tensors after they have already been freed)."
    " Saved intermediate values of the graph are freed when you call .backward() or autograd.grad(). Specify retain_graph=True"
    " if you need to backward through the graph a second time or if you need to access saved tensors after calling backward."
)


class GradNode:
    """One differentiable line: takes cotangents of its outputs and gives gradients of its inputs.

    `inputs` are the values it saved (only the numbers, if the gradient needs no array). `in_types` and `out_types` are the
    types of the line's inputs and outputs. `edges` has one edge for each input of the call.
    """

    __slots__ = (
        "__dict__", "__weakref__", "call", "edges", "hooks", "in_types", "inputs", "number", "out_types", "outputs", "position",
    )  # fmt: skip

    # Fields that few nodes set.
    copied = 0  # how many inputs, from the first on, are copies that nobody can write to
    metadata = None  # a dictionary of the user's
    name_ = None  # its name, where it is not the call's
    through = None  # a weak reference to the edge of the view that the result was written through

    def __init__(self, call, inputs, in_types, out_types, edges, position=None):
        self.call = call
        self.inputs = inputs
        self.in_types = in_types
        self.out_types = out_types
        self.edges = edges
        self.position = position  # the recorded line; None for a view, which records a line only when it is read
        self.number = next(ticks)
        self.hooks = self.outputs = None

    def made_hooks(self):
        """The tables of hooks. They are made when the first hook needs them."""
        if self.hooks is None:
            self.hooks = NodeHooks()
        return self.hooks

    def pull(self, cotangents, needs, carrier):
        """Gradients of the needed inputs, in order, recorded by the carrier's `apply`."""
        self.check()
        call = self.call.pulled(self.in_types, needs, tuple([c is not None for c in cotangents]))
        return carrier.apply(call, self, [c for c in cotangents if c is not None])

    def depends(self):
        """For each output, the inputs that its gradient may reach, if PyTorch has a node for each output; None: all inputs."""
        return self.call and self.call.depends()

    def check(self):
        """Raise if saved values were released or overwritten, even those of a gradient that this pass does not need."""
        inputs = self.inputs
        if inputs is RELEASED:
            raise RuntimeError(FREED)
        if inputs and not self.call.linear:
            check_versions(self, inputs, [e is not None for e in self.edges])

    def saved_input(self, i):
        """The saved value with this number."""
        return self.inputs[i]

    def renew(self, values) -> bool:
        """Save other values, {number of the input: value}, in place of some. Returns whether there are any."""
        if values:
            self.inputs = [values.get(i, v) for i, v in enumerate(self.inputs)]
            self.position = RENEWED
        return bool(values)

    def renew_result(self, value):
        """Take the gradient from this value instead of the saved result, as PyTorch does after a write that autograd does not see."""
        call = None if local.grad else getattr(self.call, "by_result", None)
        if call is None:
            raise NotImplementedError(
                f"backward through {self.name()}, whose result was written to unseen by autograd (through `.data` or NumPy)"
            )
        self.name_, self.call = self.name(), call
        self.inputs, self.outputs, self.position = (value,), None, RENEWED

    def frees(self):
        """Whether a backward pass releases what this node has saved. A second pass through it then raises."""
        call = self.call
        return call is not None and ((self.inputs and not call.linear) or call.once)

    def release(self):
        """Release the saved values."""
        if self.frees():
            self.inputs = RELEASED
            self.outputs = None

    def name(self) -> str:
        return self.name_ or self.call.grad_fn(self.in_types)


class InPlaceNode(GradNode):
    """The node of an in-place line. It keeps its first input as it was before the line wrote to it."""

    __slots__ = ()
    copied = 1


class NodeHooks:
    """The hooks of a node; most nodes have none. In the order they run:

    `tensor` {id: (output number, hook)} on the cotangent of one output, `retains` {output number: function} for `retain_grad`,
    `pre` {id: hook} on all cotangents, `post` {id: hook} on the gradients.
    """

    __slots__ = ("post", "pre", "retains", "tensor")

    def __init__(self):
        self.tensor = Hooks()
        self.retains = {}
        self.pre = Hooks()
        self.post = Hooks()


_ADD = Call(jnp.add, name="add")


def add_gradients(a, b):
    """The sum of two gradients, as values."""
    return record(_ADD, (a, b))[1]


_fulls: dict = {}


def full_value(type, number):
    """A value of this type whose elements are all the same number."""
    call = _fulls.get((type, number))
    if call is None:
        shape, np_type = tuple(type.shape), type.dtype.np
        call = Call(lambda place: jnp.full(shape, number, np_type), {"place": type.place}, "full")
        _fulls[type, number] = call
    return record(call, (), type.place)[1]


def nodes_behind(roots):
    """The nodes that can be reached from the roots, given as pairs (edge, cotangent)."""
    order, seen, stack = [], set(), [source(e)[0] for e, _ in roots]
    while stack:
        node = stack.pop()
        if node in seen:
            continue
        seen.add(node)
        if isinstance(node, GradNode):
            order.append(node)
            stack.extend(source(e)[0] for e in node.edges if e is not None)
    return order


def check_replacement(answer, given, hook):
    """Raise PyTorch's error unless a hook's result can replace the gradient."""
    if not isinstance(answer, type(given)):
        raise TypeError(f"expected Variable, but hook returned '{type(answer).__name__}'")
    if answer.shape != given.shape:
        raise RuntimeError(f"hook '{getattr(hook, '__name__', hook)}' has changed the size of value")
