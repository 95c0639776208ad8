"""The gradient graph: nodes, and the walk that runs them backward.

A node remembers one differentiable line: its call, the values the gradient needs, and an edge for each input.
An edge is a `Node` (its first output), an `Output` (another of its outputs), a `Leaf` (where gradients are
collected) or None. Edges point to older nodes only, so the walk runs nodes by descending number and needs no
counting. Nodes hold no tensors: a cycle would keep promised values alive until the collector came by.
"""

from __future__ import annotations

from heapq import heappop, heappush
from itertools import count

import jax.numpy as jnp

from jtorch import engine
from jtorch.engine import Call, Pullback, Value, local

_numbers = count()
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
        "__weakref__", "call", "edges", "in_types", "inputs", "metadata", "name_", "number", "out_types",
        "outputs", "posthooks", "prehooks", "retains",
    )  # fmt: skip

    def __init__(self, call, inputs, in_types, out_types, edges):
        self.call = call
        self.inputs = inputs
        self.in_types = in_types
        self.out_types = out_types
        self.edges = edges
        self.number = next(_numbers)
        self.prehooks = self.posthooks = self.retains = self.metadata = self.name_ = self.outputs = None

    def pull(self, cotangents, needs, apply):
        """Gradients of the needed inputs, in order. `apply(call, inputs)` records; it decides on Values or Tensors."""
        inputs = self.inputs
        if inputs is RELEASED:
            raise RuntimeError(FREED)
        if inputs and not self.call.linear:
            self._check_versions(inputs, needs)
        given = tuple([c is not None for c in cotangents])
        key = (self.in_types, needs, given)
        call = self.call.pullbacks.get(key)
        if call is None:
            call = self.call.pullbacks[key] = self.call.pullback(*key)
        return apply(call, self, [c for c in cotangents if c is not None])

    def _check_versions(self, inputs, needs):
        for i in self.call.saved(needs):
            mark = inputs[i].mark
            if mark:
                raise _overwritten(inputs[i].type, mark, None)
        if self.outputs:
            for nr, value in enumerate(self.outputs):
                if value.mark:
                    raise _overwritten(value.type, value.mark, f"output {nr} of {self.name().removesuffix('Backward0')}")

    def release(self):
        """Let go of the saved values."""
        if self.inputs and not self.call.linear:
            self.inputs = RELEASED
            self.outputs = None

    def name(self) -> str:
        return self.name_ or self.call.grad_fn(self.in_types)


def _overwritten(type, mark, what):
    counter, version = mark
    kind = f"torch.{type.dtype.scalar_name}Tensor"
    source = f", which is {what}," if what else ""
    return RuntimeError(
        "one of the variables needed for gradient computation has been modified by an inplace operation: "
        f"[{kind} {list(type.shape)}]{source} is at version {counter.version}; expected version {version} instead. "
        "Hint: enable anomaly detection to find the operation that failed to compute its gradient, with "
        "torch.autograd.set_detect_anomaly(True)."
    )


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

    def collect(self, grad, create_graph):
        raise NotImplementedError


ADD = Call(jnp.add, name="add")


def _record(call, node, cotangents):
    """Record a pullback on Values."""
    _, out = engine.record(call, (*node.inputs, *cotangents))
    return [out] if out.__class__ is Value else out


def _add(a, b):
    return engine.record(ADD, (a, b))[1]


class Walk:
    """How gradients travel in one backward: as Values, or as Tensors when a graph of them is wanted.

    `apply(call, node, cotangents)` runs a pullback, `add(a, b)` joins two gradients, `wrap`/`unwrap` turn a
    gradient into what hooks see and back.
    """

    def __init__(self, apply=_record, add=_add, wrap=None, unwrap=None, create_graph=False):
        self.apply = apply
        self.add = add
        self.wrap = wrap
        self.unwrap = unwrap
        self.create_graph = create_graph


def backward(roots, walk: Walk, keep: bool, targets=None):
    """Run the graph behind the roots.

    Args:
        roots: pairs (edge, cotangent).
        walk: how gradients are represented.
        keep: leave the saved values in the nodes for another backward.
        targets: edges whose gradients to return instead of collecting into leaves.

    Returns:
        With targets, the gradient of each or None.
    """
    wanted = None if targets is None else {source(t): None for t in targets}
    reach = None if targets is None else _leads_to(roots, wanted)
    grads: dict = {}
    heap: list = []
    for edge, cotangent in roots:
        _give(edge, cotangent, grads, heap, walk, wanted, reach)
    while heap:
        node = heappop(heap)[1]
        given = grads.pop(node)
        cotangents = [given.get(nr) for nr in range(len(node.out_types))] if len(node.out_types) > 1 else [given.get(0)]
        if node.prehooks:
            cotangents = _run_prehooks(node, cotangents, walk)
        if node.retains or wanted:
            _keep_grads(node, cotangents, walk, wanted)
        edges = node.edges
        if reach is None:
            needs = tuple([e is not None for e in edges])
        else:
            needs = tuple([e is not None and source(e)[0] in reach for e in edges])
        if True in needs:
            results = node.pull(cotangents, needs, walk.apply)
            if node.posthooks:
                results = _run_posthooks(node, results, needs, cotangents, walk)
            i = 0
            for need, edge in zip(needs, edges, strict=True):
                if need:
                    if results[i] is not None:
                        _give(edge, results[i], grads, heap, walk, wanted, reach)
                    i += 1
        if not keep:
            node.release()
    return None if targets is None else [wanted[source(t)] for t in targets]


def _give(edge, grad, grads, heap, walk, wanted, reach):
    """Hand a gradient to an edge: collected by a leaf, or added up until its node's turn comes."""
    if isinstance(edge, Leaf):
        if wanted is None:
            edge.collect(grad, walk)
        elif (edge, 0) in wanted:
            grad = edge.hooked(grad, walk)
            before = wanted[edge, 0]
            wanted[edge, 0] = grad if before is None else walk.add(before, grad)
        return
    node, nr = (edge.node, edge.nr) if edge.__class__ is Output else (edge, 0)
    if reach is not None and node not in reach:
        return
    slots = grads.get(node)
    if slots is None:
        grads[node] = {nr: grad}
        heappush(heap, (-node.number, node))
    elif nr in slots:
        slots[nr] = walk.add(slots[nr], grad)
    else:
        slots[nr] = grad


def _leads_to(roots, wanted):
    """The nodes and leaves from which a target can be reached (and the targets themselves)."""
    order, seen, stack = [], set(), [source(e)[0] for e, _ in roots]
    while stack:
        node = stack.pop()
        if node in seen:
            continue
        seen.add(node)
        if isinstance(node, Node):
            order.append(node)
            stack.extend(source(e)[0] for e in node.edges if e is not None)
    reach = {node for node, _ in wanted}
    for node in sorted(order, key=lambda n: n.number):
        if any(e is not None and source(e)[0] in reach for e in node.edges):
            reach.add(node)
    return reach


def _run_prehooks(node, cotangents, walk):
    cotangents = list(cotangents)
    for nr, hook in list(node.prehooks.values()):
        if nr is None:  # grad_fn.register_prehook: sees all of them
            seen = hook(tuple([None if c is None else walk.wrap(c) for c in cotangents]))
            if seen is not None:
                cotangents = [None if s is None else walk.unwrap(s) for s in seen]
        elif cotangents[nr] is not None:
            seen = hook(walk.wrap(cotangents[nr]))
            if seen is not None:
                cotangents[nr] = walk.unwrap(seen)
    return cotangents


def _run_posthooks(node, results, needs, cotangents, walk):
    full, i = [], 0
    for need in needs:
        full.append(results[i] if need else None)
        i += need
    for hook in list(node.posthooks.values()):
        seen = hook(
            tuple([None if r is None else walk.wrap(r) for r in full]),
            tuple([None if c is None else walk.wrap(c) for c in cotangents]),
        )
        if seen is not None:
            seen = seen if isinstance(seen, tuple) else (seen,)
            full = [None if s is None else walk.unwrap(s) for s in seen]
    return [r for r, need in zip(full, needs, strict=True) if need]


def _keep_grads(node, cotangents, walk, wanted):
    for nr, c in enumerate(cotangents):
        if c is None:
            continue
        if wanted is not None and (node, nr) in wanted:
            wanted[node, nr] = c
        if node.retains and nr in node.retains:
            node.retains[nr](c, walk)


def grad_enabled() -> bool:
    return local.grad


class _Switch:
    """A switch of this thread that works as a context manager and as a decorator."""

    def __call__(self, fn):
        return _decorated(fn, self)

    def __enter__(self):
        self._before = (local.grad, local.inference)
        self._set()
        return self

    def __exit__(self, *exc):
        local.grad, local.inference = self._before


def _decorated(fn, switch):
    import functools
    import inspect

    if inspect.isgeneratorfunction(fn):

        @functools.wraps(fn)
        def generator(*args, **kwargs):
            steps = fn(*args, **kwargs)
            sent = None
            while True:
                with switch.clone():
                    try:
                        item = steps.send(sent)
                    except StopIteration as stop:
                        return stop.value
                sent = yield item

        return generator

    @functools.wraps(fn)
    def decorated(*args, **kwargs):
        with switch.clone():
            return fn(*args, **kwargs)

    return decorated


class no_grad(_Switch):
    """Record no gradients inside: a context manager and a decorator.

    >>> x = torch.ones(2, requires_grad=True)
    >>> with torch.no_grad():
    ...     (x * 2).requires_grad
    False
    """

    def __new__(cls, fn=None):
        self = object.__new__(cls)
        return self if fn is None else self(fn)

    def __init__(self, fn=None):
        pass

    def clone(self):
        return self.__class__()

    def _set(self):
        local.grad = False


class enable_grad(no_grad):
    """Record gradients inside, also within `no_grad`."""

    def _set(self):
        local.grad = True


class set_grad_enabled(_Switch):
    """Turn the recording of gradients on or off: at once when called, or for a `with` block or a function."""

    def __init__(self, mode: bool):
        self.mode = bool(mode)
        self._before = (local.grad, local.inference)
        self._at_once = True
        self._set()

    def __call__(self, fn):
        local.grad, local.inference = self._before  # used as a decorator: the call itself changes nothing
        return _decorated(fn, self)

    def __enter__(self):
        self._set()
        return self

    def clone(self):
        made = object.__new__(set_grad_enabled)
        made.mode = self.mode
        made._before = (local.grad, local.inference)
        return made

    def _set(self):
        local.grad = self.mode

    def __repr__(self):
        return f"{self.__class__.__name__}(mode={self.mode})"


class inference_mode(_Switch):
    """Like `no_grad`, and what is made inside can never enter a gradient graph."""

    def __new__(cls, mode=True):
        self = object.__new__(cls)
        if isinstance(mode, bool):
            self.mode = mode
            return self
        self.mode = True
        return self(mode)

    def __init__(self, mode=True):
        pass

    def clone(self):
        return inference_mode(self.mode)

    def _set(self):
        local.inference = self.mode
        local.grad = not self.mode
