"""The gradient graph: nodes, and the walk that runs them backward.

A node remembers one differentiable line: its call, the values the gradient needs, and an edge for each input.
An edge is a `Node` (its first output), an `Output` (another of its outputs), a `Leaf` (where gradients are
collected) or None. Edges point to older nodes only, so the walk runs nodes by descending number and needs no
counting. Nodes hold no tensors: a cycle would keep promised values alive until the collector came by.
"""

from __future__ import annotations

import re
from heapq import heappop, heappush

import jax.numpy as jnp

from jtorch import engine
from jtorch.calls import Call
from jtorch.engine import Value, local, ticks
from jtorch.hooks import Hooks

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
        "__weakref__", "call", "edges", "hooks", "in_types", "inputs", "metadata", "name_", "number", "out_types",
        "outputs", "position", "shown",
    )  # fmt: skip

    def __init__(self, call, inputs, in_types, out_types, edges, position=None):
        self.call = call
        self.inputs = inputs
        self.in_types = in_types
        self.out_types = out_types
        self.edges = edges
        self.position = position  # the recorded line, where there is one: views are read later, if at all
        self.number = next(ticks)
        self.hooks = self.metadata = self.name_ = self.outputs = None

    def hung(self):
        """The tables of hooks, made when the first is hung."""
        if self.hooks is None:
            self.hooks = NodeHooks()
        return self.hooks

    def pull(self, cotangents, needs, walk):
        """Gradients of the needed inputs, in order, recorded by the walk's `apply`: as Values or as Tensors."""
        self.check()
        given = tuple([c is not None for c in cotangents])
        key = (self.in_types, needs, given)
        call = self.call.pullbacks.get(key)
        if call is None:
            call = self.call.pullbacks[key] = self.call.pullback(*key)
        return walk.apply(call, self, [c for c in cotangents if c is not None])

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
        for i in self.call.saved(needs):
            if inputs[i].mark:
                self._refuse(i, inputs[i])
        if self.outputs:
            for nr, value in enumerate(self.outputs):
                if value.mark:  # `shown`: the place of the view that the result was written through, while that lasts
                    shown = getattr(self, "shown", None)
                    raise overwritten(value, (((shown and shown()) or self).name(), nr))

    def _refuse(self, i, value):
        raise overwritten(value, edge=self.edges[i])

    def release(self):
        """Let go of the saved values."""
        if self.inputs and not self.call.linear:
            self.inputs = RELEASED
            self.outputs = None

    def name(self) -> str:
        return self.name_ or self.call.grad_fn(self.in_types)


class InPlaceNode(Node):
    """The node of an in-place line: it keeps what its first input was before it wrote there itself."""

    __slots__ = ()

    def _refuse(self, i, value):
        if i:
            super()._refuse(i, value)


def overwritten(value, made_by=None, edge=None):
    """PyTorch's error for a saved value that was written to. `made_by`: (node's name, output number); `edge`: its own."""
    if value.mark is INFERENCE:
        return RuntimeError(
            "Inference tensors cannot be saved for backward. Please do not use Tensors created in inference mode in"
            " computation tracked by autograd. To work around this, you can make a clone to get a normal tensor and use it in"
            " autograd, or use `torch.no_grad()` instead of `torch.inference_mode()`."
        )
    counter, version, *writer = value.mark
    if made_by is None:
        made_by = writer[0](value, edge) if writer else _maker(edge)
    type = value.type
    source = f", which is output {made_by[1]} of {bare(made_by[0])}," if made_by else ""
    return RuntimeError(
        "one of the variables needed for gradient computation has been modified by an inplace operation: "
        f"[torch.{type.dtype.scalar_name}Tensor {list(type.shape)}]{source} is at version {counter.version}; "
        f"expected version {version} instead. Hint: enable anomaly detection to find the operation that failed to "
        "compute its gradient, with torch.autograd.set_detect_anomaly(True, check_nan=False)."
    )


def _maker(edge):
    """What made a tensor that was written to outside of the graph: a view has its place worked out again then."""
    node, nr = source(edge)
    if node is None or isinstance(node, Leaf):
        return None
    return (node.name(), nr) if node.position is not None or node.name() == "CopySlices" else ("AsStridedBackward0", 0)


def bare(name):
    """A node's name as errors show it."""
    return f"torch::autograd::{name}" if name in ("CopySlices", "CopyBackwards") else re.sub(r"Backward(0?$|(?=\d))", "", name)


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


ADD = Call(jnp.add, name="add")


def _record(call, node, cotangents):
    """Record a pullback on Values."""
    _, out = engine.record(call, (*node.inputs, *cotangents))
    return out if out.__class__ is list else [out]


def _add(a, b):
    return engine.record(ADD, (a, b))[1]


class Seed:
    """The gradient 1 that a single root starts with, not yet recorded."""

    __slots__ = ("type",)

    def __init__(self, type):
        self.type = type


class Walk:
    """How gradients travel in one backward: as Values, or as Tensors when a graph of them is wanted.

    `apply(call, node, cotangents)` runs a pullback, `add(a, b)` joins two gradients, `wrap`/`unwrap` turn a
    gradient into what hooks see and back.
    """

    anomaly = False  # look for NaN in what each node gives

    def __init__(self, apply=_record, add=_add, wrap=None, unwrap=None, create_graph=False):
        self.apply = apply
        self.add = add
        self.wrap = wrap
        self.unwrap = unwrap
        self.create_graph = create_graph

    def seed(self, seed):
        value = engine.record(_ones(seed.type), (), seed.type.place)[1]
        return self.wrap(value) if self.create_graph else value


_seeds: dict = {}


def _ones(t):
    call = _seeds.get(t)
    if call is None:
        shape, np_type = tuple(t.shape), t.dtype.np
        call = _seeds[t] = Call(lambda place: jnp.ones(shape, np_type), {"place": t.place}, "ones")
    return call


class Running:
    """One backward while it runs."""

    __slots__ = ("collects", "roots")

    def __init__(self, roots, collects=True):
        self.roots = roots
        self.collects = collects  # into all leaves: nobody asked for certain gradients

    def reaches(self, edges):
        """How many of these edges it gives a gradient to."""
        found = set()
        for node in _behind(self.roots):
            found.update(source(e) for e in node.edges if e is not None)
        found.update(source(e) for e, _ in self.roots)
        return sum(source(e) in found for e in edges)


PLAIN = Walk()  # gradients as Values; the tensor gives it `wrap` and `unwrap`


def backward(roots, walk: Walk, keep: bool, targets=None, collect=False):
    """Run the graph behind the roots.

    Args:
        roots: pairs (edge, cotangent).
        walk: how gradients are represented.
        keep: leave the saved values in the nodes for another backward.
        targets: edges whose gradients to return instead of collecting into leaves.
        collect: collect the gradients of those targets that are leaves after all.

    Returns:
        With targets, the gradient of each or None.
    """
    trace = local.trace
    start = trace.position
    if targets is None and walk is PLAIN and len(roots) == 1 and roots[0][1].__class__ is Seed:
        if start.plans and Plan.follow(start.plans, trace, roots[0][0], keep):
            return None
        recorder = Plan(trace)
    else:
        recorder = None
    wanted = None if targets is None else {source(t): None for t in targets}
    reach = None if targets is None else _leads_to(roots, wanted)
    grads: dict = {}
    leaves: dict = {}
    heap: list = []
    for edge, cotangent in roots:
        if cotangent.__class__ is Seed:
            cotangent = walk.seed(cotangent)
        _give(edge, cotangent, grads, leaves, heap, walk, reach)
    order, watch = [], None
    while heap:
        node = heappop(heap)[1]
        given = grads.pop(node)
        cotangents = [given.get(nr) for nr in range(len(node.out_types))] if len(node.out_types) > 1 else [given.get(0)]
        edges = node.edges
        needs = tuple([e is not None and (reach is None or source(e)[0] in reach) for e in edges])
        runs = reach is None or collect or True in needs  # else somebody wants what it is given, and no more
        if node.hooks is not None or wanted:
            cotangents = _before(node, cotangents, walk, wanted, runs)
        if runs:
            order.append(node)
        if runs and True not in needs:
            node.check()
        if True in needs:
            results = node.pull(cotangents, needs, walk)
            if walk.anomaly:
                walk.anomaly(node, results, needs)
            if node.hooks is not None:
                results = _run_posthooks(node, results, needs, cotangents, walk)
            met, i = False, 0
            for need, edge in zip(needs, edges, strict=True):
                if need:
                    if results[i] is not None and _give(edge, results[i], grads, leaves, heap, walk, reach):
                        met = True
                    i += 1
            if wanted is None and (met or watch):
                watch = _hand_out(watch, roots, order, leaves, walk)
    if recorder is not None and watch is None:
        recorder.keep(start, roots[0][0], order, leaves)
    if not keep:
        for node in order:
            node.release()
    for leaf, grad in leaves.items():
        if wanted is None or (collect and (leaf, 0) in wanted):
            leaf.collect(grad, walk)
        elif (leaf, 0) in wanted:
            wanted[leaf, 0] = leaf.hooked(grad, walk)
    return None if targets is None else [wanted[source(t)] for t in targets]


def _give(edge, grad, grads, leaves, heap, walk, reach):
    """Add a gradient to what an edge has been given so far; a node's turn comes when all newer ones are done.

    Returns True when a leaf that hooks are watching is given its first gradient.
    """
    if local.crossing:
        grad = local.crossing(edge, grad, walk)
        if grad is None:
            return False
    if isinstance(edge, Leaf):
        before = leaves.get(edge)
        leaves[edge] = grad if before is None else walk.add(before, grad)
        return before is None and edge.watched()
    node, nr = (edge.node, edge.nr) if edge.__class__ is Output else (edge, 0)
    if reach is not None and node not in reach:
        return False
    slots = grads.get(node)
    if slots is None:
        grads[node] = {nr: grad}
        heappush(heap, (-node.number, node))
    elif nr in slots:
        slots[nr] = walk.add(slots[nr], grad)
    else:
        slots[nr] = grad
    return False


def _hand_out(watch, roots, order, leaves, walk):
    """Collect the watched leaves that nothing is left to add to, so that their hooks run in PyTorch's order.

    `watch` counts the edges from nodes that have not run yet to each such leaf; None: not counted yet.
    """
    if watch is None:
        done, watch = set(order), {}
        for node in _behind(roots):
            for edge in node.edges:
                if isinstance(edge, Leaf) and edge.watched():
                    watch[edge] = watch.get(edge, 0) + (node not in done)
    else:
        for edge in order[-1].edges:
            if edge in watch:
                watch[edge] -= 1
    for leaf in [leaf for leaf, left in watch.items() if not left]:
        del watch[leaf]
        if leaf in leaves:
            leaf.collect(leaves.pop(leaf), walk)
    return watch


def _behind(roots):
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


class Plan:
    """A backward walk remembered at the place of the trace where it began.

    The second time round a loop the graph looks the same, so it is enough to check that it does and jump to the
    place the walk led to: 0.4 us a node instead of 4. A plan holds positions of the trace and wiring, no values.
    A step: (position, or None for a view), call, in_types, and for each edge where it leads: None, the index of a
    node or leaf in the order they are met, or that and an output number.
    """

    __slots__ = ("end", "leaves", "saving", "slots", "start", "steps", "trace")

    def __init__(self, trace):
        self.trace = trace.epoch
        self.start = len(trace.values)

    def keep(self, start, root, order, leaves):
        """Remember the walk at `start`, if nothing about it depends on more than the trace and the wiring."""
        trace = self.trace.trace
        if trace.epoch is not self.trace or start is trace.root or (start.plans and len(start.plans) > 8):
            return
        if any(n.hooks is not None or n.__class__ is not Node for n in order):
            return
        if any(leaf.plain() is None or grad.epoch is not trace.epoch for leaf, grad in leaves.items()):
            return
        at = trace.position
        while at is not start:
            if at is None or any(k.__class__ is not int for k in at.key[1:]):
                return  # a value came into the trace during the walk
            at = at.parent
        index = {n: i for i, n in enumerate(order)}
        for leaf in leaves:
            index[leaf] = len(index)
        self.steps = []
        for n in order:
            if n.position is None and any(v.epoch is not trace.epoch for v in n.inputs):
                return
            wiring = tuple([_wire(e, index) for e in n.edges])
            numbers = tuple([v.slot for v in n.inputs]) if n.position is None else None
            self.steps.append((n.position, n.call, n.in_types, numbers, wiring))
        self.saving = [i for i, n in enumerate(order) if n.inputs and not n.call.linear]
        self.end = trace.position
        self.slots = len(trace.values) - self.start
        self.leaves = [(index[leaf], grad.slot, grad.type) for leaf, grad in leaves.items()]
        kept = {slot for _, slot, _ in self.leaves}
        for slot in range(self.start, len(trace.values)):
            if slot not in kept:
                trace.values[slot] = None  # as after a jump, so that both times ask for the same program
        if start.plans is None:
            start.plans = []
        start.plans.append(self)
        self.trace = None

    @staticmethod
    def follow(plans, trace, root, keep):
        """Jump along the first plan that fits; False where none does."""
        for plan in plans:
            if plan.start != len(trace.values):
                continue
            table = plan._match(trace, root)
            if table is None:
                continue
            trace.jump(plan.end, plan.slots)
            values, epoch = trace.values, trace.epoch
            for i, slot, type in plan.leaves:
                value = values[slot]
                if value is None:
                    value = values[slot] = Value(type, None, epoch, slot)
                table[i]._grad = value  # wrapped when somebody asks for `.grad`
            if not keep:
                for i in plan.saving:
                    node = table[i]
                    node.inputs = RELEASED
                    node.outputs = None
            return True
        return False

    def _match(self, trace, root):
        """The nodes of this graph in the plan's order, then the tensors of its leaves; None if it is wired in another
        way, or if a leaf wants more than its `.grad` set."""
        steps, epoch = self.steps, trace.epoch
        table = [None] * (len(steps) + len(self.leaves))
        table[0] = root
        check = trace.overwritten
        oldest = trace.oldest
        for node, (position, call, in_types, numbers, wiring) in zip(table, steps):  # noqa: B905 - the table grows as we go
            if (
                node.__class__ is not Node or node.position is not position or node.hooks is not None
                or node.inputs is RELEASED or node.number < oldest
            ):  # fmt: skip
                return None
            if numbers is not None and (  # a view: no line tells its call and numbers
                node.call is not call
                or node.in_types != in_types
                or numbers != tuple([v.slot for v in node.inputs if v.epoch is epoch])
            ):
                return None
            if check and node.inputs and not call.linear:
                node._check_versions(node.inputs, [w is not None for w in wiring])
            for edge, to in zip(node.edges, wiring):  # noqa: B905 - a call's edges are as many as its inputs
                if to is None:
                    if edge is not None:
                        return None
                    continue
                if edge is None:
                    return None
                if to.__class__ is tuple:
                    if edge.__class__ is not Output or edge.nr != to[1]:
                        return None
                    edge, to = edge.node, to[0]
                if table[to] is not edge:
                    if table[to] is not None:
                        return None
                    table[to] = edge
        if len(set(table)) < len(table):
            return None  # two leaves are one here: its gradients have to be added
        for i in range(len(steps), len(table)):
            leaf = table[i]
            tensor = leaf.plain() if isinstance(leaf, Leaf) else None
            if tensor is None:
                return None
            table[i] = tensor
        return table


def _wire(edge, index):
    node, nr = source(edge)
    return (index[node], nr) if edge.__class__ is Output else index.get(node)


def _leads_to(roots, wanted):
    """The nodes and leaves from which a target can be reached (and the targets themselves)."""
    reach = {node for node, _ in wanted}
    for node in sorted(_behind(roots), key=lambda n: n.number):
        if any(e is not None and source(e)[0] in reach for e in node.edges):
            reach.add(node)
    return reach


def check_replacement(seen, given, hook):
    """Raise PyTorch's error unless what a hook gave back may take the gradient's place."""
    if not isinstance(seen, type(given)):
        raise TypeError(f"expected Variable, but hook returned '{type(seen).__name__}'")
    if seen.shape != given.shape:
        raise RuntimeError(f"hook '{getattr(hook, '__name__', hook)}' has changed the size of value")


def _before(node, cotangents, walk, wanted, runs):
    """The cotangents after the hooks on a node; those that somebody wants are kept on the way."""
    cotangents = list(cotangents)
    hooks = node.hooks
    if hooks is not None:
        for nr, hook in list(hooks.tensor.values()):
            if cotangents[nr] is not None:
                given = walk.wrap(cotangents[nr])
                seen = hook(given)
                if seen is not None:
                    check_replacement(seen, given, hook)
                    cotangents[nr] = walk.unwrap(seen)
    for nr, c in enumerate(cotangents):
        if c is not None and wanted is not None and (node, nr) in wanted:
            wanted[node, nr] = c
        if c is not None and hooks is not None and nr in hooks.retains:
            hooks.retains[nr](c, walk)
    if runs and hooks is not None:
        for hook in list(hooks.pre.values()):
            seen = hook(tuple([None if c is None else walk.wrap(c) for c in cotangents]))
            if seen is not None:
                seen = seen if isinstance(seen, tuple) else (seen,)
                cotangents = [None if s is None else walk.unwrap(s) for s in seen]
    return cotangents


def _run_posthooks(node, results, needs, cotangents, walk):
    rest = iter(results)
    full = [next(rest) if need else None for need in needs]
    for hook in list(node.hooks.post.values()):
        seen = hook(
            tuple([None if r is None else walk.wrap(r) for r in full]),
            tuple([None if c is None else walk.wrap(c) for c in cotangents]),
        )
        if seen is not None:
            seen = seen if isinstance(seen, tuple) else (seen,)
            full = [None if s is None else walk.unwrap(s) for s in seen]
    return [r for r, need in zip(full, needs, strict=True) if need]
