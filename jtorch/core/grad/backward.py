"""The backward pass: from the roots of the gradient graph to its leaves.

Nodes run in the order of descending numbers, and the gradients that reach one edge are added. A pass that only collects
gradients is stored at the position where it began: see `jtorch.core.grad.replay`.
"""

from __future__ import annotations

from heapq import heappop, heappush

from jtorch.core.engine import Value, local, record
from jtorch.core.grad.edges import Leaf, Output, source
from jtorch.core.grad.nodes import GradNode, add_gradients, check_replacement, full_value, nodes_behind
from jtorch.core.grad.replay import Plan


def _record(call, node, cotangents):
    """Record a pullback on Values."""
    _, out = record(call, (*node.inputs, *cotangents))
    return out if out.__class__ is list else [out]


class Seed:
    """The gradient 1 that a single root starts with, not yet recorded."""

    __slots__ = ("type",)

    def __init__(self, type):
        self.type = type


class Carrier:
    """How one backward pass represents gradients: as Values, or as Tensors if they are to be differentiated.

    `apply(call, node, cotangents)` runs a pullback, `add(a, b)` adds two gradients, `wrap`/`unwrap` turn a
    gradient into a Tensor for hooks and back.
    """

    anomaly = False  # a function that searches each node's gradients for NaN

    def __init__(self, apply=_record, add=add_gradients, wrap=None, unwrap=None, create_graph=False):
        self.apply = apply
        self.add = add
        self.wrap = wrap
        self.unwrap = unwrap
        self.create_graph = create_graph

    def seed(self, seed):
        value = full_value(seed.type, 1)
        return self.wrap(value) if self.create_graph else value


AS_VALUES = Carrier()  # `jtorch.core.tensor.start_backward` sets its `wrap` and `unwrap`


def backward_pass(roots, carrier: Carrier, keep: bool, targets=None, collect=False):
    """Run the graph behind the roots.

    Args:
        roots: pairs (edge, cotangent).
        carrier: what gradients are: Values or Tensors.
        keep: leave the saved values in the nodes for another backward pass.
        targets: edges whose gradients to return instead of collecting into leaves.
        collect: also collect the gradients of targets that are leaves.

    Returns:
        With targets, the gradient of each or None.
    """
    trace = local.trace
    start = trace.position
    recorder = None
    if targets is None and carrier is AS_VALUES and len(roots) == 1 and roots[0][1].__class__ is Seed:
        if start.plans and Plan.follow(start.plans, trace, roots[0][0], keep):
            return None
        recorder = Plan(trace)
    running = BackwardPass(roots, carrier, keep, targets, collect)
    before = local.grad, local.running
    local.grad, local.running = carrier.create_graph, running
    try:
        running.run()
        if recorder is not None and running.watch is None:
            recorder.keep(start, roots[0][0], running.order, running.leaves)
        return running.finish()
    finally:
        local.grad, local.running = before


class BackwardPass:
    """One backward pass while it runs: the gradient of each edge so far, and the nodes that have run.

    `lowering` is set by levels of `vmap` and `jvp`: a function (edge, gradient, carrier) that returns the gradient as it is
    outside of the level, or None to drop it.
    """

    def __init__(self, roots, carrier, keep, targets, collect):
        self.roots = roots
        self.carrier = carrier
        self.keep = keep
        self.targets = targets
        self.collect = collect
        self.wanted = None if targets is None else {source(t): None for t in targets}
        self.reach = None if targets is None else _leads_to(roots, self.wanted)
        self.grads = {}  # node -> {output number: its cotangent so far}
        self.leaves = {}  # leaf -> its gradient so far
        self.heap = []
        self.order = []  # the nodes that have run
        self.watch = None  # see collect_watched
        self.lowering = None

    def reaches(self, edges):
        """How many of these edges lead to nodes and leaves that this pass reaches: their hooks are called."""
        found = {source(e)[0] for e, _ in self.roots}
        for node in nodes_behind(self.roots):
            found.update(source(e)[0] for e in node.edges if e is not None)
        return sum(source(e)[0] in found for e in edges)

    def run(self):
        """Run all nodes, from the roots down. If a node raises, leaves keep the gradients that they would have in PyTorch."""
        for edge, cotangent in self.roots:
            self.give(edge, self.carrier.seed(cotangent) if cotangent.__class__ is Seed else cotangent)
        try:
            while self.heap:
                self.step(heappop(self.heap)[1])
        except Exception:
            self.stop()
            raise

    def give(self, edge, grad):
        """Add a gradient to an edge.

        Returns True if this is the first gradient of a leaf whose hooks must run as soon as it is complete.
        """
        if self.lowering:
            grad = self.lowering(edge, grad, self.carrier)
            if grad is None:
                return False
        if isinstance(edge, Leaf):
            before = self.leaves.get(edge)
            self.leaves[edge] = grad if before is None else self.carrier.add(before, grad)
            return before is None and edge.watched()
        node, nr = (edge.node, edge.nr) if edge.__class__ is Output else (edge, 0)
        if self.reach is not None and node not in self.reach:
            return False
        slots = self.grads.get(node)
        if slots is None:
            self.grads[node] = {nr: grad}
            heappush(self.heap, (-node.number, node))
        else:
            slots[nr] = self.carrier.add(slots[nr], grad) if nr in slots else grad
        return False

    def step(self, node):
        """Run one node."""
        carrier, reach, edges, given = self.carrier, self.reach, node.edges, self.grads.pop(node)
        cotangents = [given.get(nr) for nr in range(len(node.out_types))]
        needs = tuple([e is not None and (reach is None or source(e)[0] in reach) for e in edges])
        if len(cotangents) > 1 and (depends := node.depends()):
            met = set().union(*[of for of, c in zip(depends, cotangents, strict=True) if c is not None])
            needs = tuple([need and i in met for i, need in enumerate(needs)])
        runs = reach is None or self.collect or True in needs  # else only its cotangents are targets
        if node.hooks is not None or self.wanted:
            cotangents = _run_prehooks(node, cotangents, carrier, self.wanted, runs)
        met = False
        if True in needs:
            results = node.pull(cotangents, needs, carrier)
            if carrier.anomaly:
                carrier.anomaly(node, results, needs)
            if node.hooks is not None:
                results = _run_posthooks(node, results, needs, cotangents, carrier)
            for i, grad in zip([i for i, need in enumerate(needs) if need], results, strict=True):
                if grad is None:
                    continue
                if grad.__class__ is Value:
                    _check_shape(node, i, grad)
                if self.give(edges[i], grad):
                    met = True
        elif runs:
            node.check()
        if runs:
            self.order.append(node)
        if self.wanted is None and (met or self.watch):
            self.collect_watched()

    def collect_watched(self):
        """Collect the watched leaves whose gradient is complete, so that their hooks run in PyTorch's order.

        `watch` counts the edges from nodes that have not run yet to each such leaf; None: not counted yet.
        """
        if self.watch is None:
            self.watch = self.edges_left(lambda leaf: leaf.watched())
        else:
            for edge in self.order[-1].edges:
                if edge in self.watch:
                    self.watch[edge] -= 1
        for leaf in [leaf for leaf, left in self.watch.items() if not left]:
            del self.watch[leaf]
            if leaf in self.leaves:
                try:
                    leaf.collect(self.leaves.pop(leaf), self.carrier)
                except Exception:
                    edges = self.order[-1].edges
                    for later in edges[edges.index(leaf) + 1 :] if leaf in edges else ():
                        self.leaves.pop(later, None)  # PyTorch has not reached it yet
                    raise

    def edges_left(self, of):
        """{leaf: how many edges to it come from nodes that have not run} for the leaves that `of` selects."""
        done = set(self.order)
        left = {edge: 0 for edge, _ in self.roots if isinstance(edge, Leaf) and of(edge)}
        for node in nodes_behind(self.roots):
            for edge in node.edges:
                if isinstance(edge, Leaf) and of(edge):
                    left[edge] = left.get(edge, 0) + (node not in done)
        return left

    def stop(self):
        """After a node raised: collect the leaves whose gradient is complete, and release the nodes that ran."""
        if self.targets is None or self.collect:
            for leaf, left in self.edges_left(lambda leaf: self.wanted is None or (leaf, 0) in self.wanted).items():
                if not left and leaf in self.leaves:
                    leaf.collect(self.leaves[leaf], self.carrier)
        self.release()

    def release(self):
        if not self.keep:
            for node in self.order:
                node.release()

    def finish(self):
        """Collect the gradients of the leaves. Returns those of the targets, if there are any."""
        self.release()
        wanted = self.wanted
        for leaf, grad in self.leaves.items():
            if wanted is None or (self.collect and (leaf, 0) in wanted):
                leaf.collect(grad, self.carrier)
            elif (leaf, 0) in wanted:
                wanted[leaf, 0] = leaf.hooked(grad, self.carrier)
        return None if wanted is None else [wanted[source(t)] for t in self.targets]


def _check_shape(node, i, grad):
    """Raise PyTorch's error if a gradient does not have the shape of its output, which `out=` may have resized."""
    to, nr = source(node.edges[i])
    if to.__class__ is GradNode and to.call is not None and to.out_types[nr].shape != grad.type.shape:
        raise RuntimeError(
            f"Function {node.name()} returned an invalid gradient at index {i} - got {list(grad.type.shape)} but expected"
            f" shape compatible with {list(to.out_types[nr].shape)}"
        )


def _leads_to(roots, wanted):
    """The nodes and leaves from which a target can be reached (and the targets themselves)."""
    reach = {node for node, _ in wanted}
    for node in sorted(nodes_behind(roots), key=lambda n: n.number):
        if any(e is not None and source(e)[0] in reach for e in node.edges):
            reach.add(node)
    return reach


def _run_prehooks(node, cotangents, carrier, wanted, runs):
    """The cotangents after the hooks on a node. Those that are targets, or that `retain_grad` asked for, are kept."""
    cotangents = list(cotangents)
    hooks = node.hooks
    if hooks is not None:
        for nr, hook in list(hooks.tensor.values()):  # as in PyTorch, an output without a gradient gives the hook None
            given = None if cotangents[nr] is None else carrier.wrap(cotangents[nr])
            answer = hook(given)
            if answer is not None and given is not None:
                check_replacement(answer, given, hook)
            if answer is not None:
                cotangents[nr] = carrier.unwrap(answer)
    for nr, c in enumerate(cotangents):
        if c is not None and wanted is not None and (node, nr) in wanted:
            wanted[node, nr] = c
        if c is not None and hooks is not None and nr in hooks.retains:
            hooks.retains[nr](c, carrier)
    if runs and hooks is not None:
        for hook in list(hooks.pre.values()):
            answer = hook(tuple([None if c is None else carrier.wrap(c) for c in cotangents]))
            if answer is not None:
                answer = answer if isinstance(answer, tuple) else (answer,)
                cotangents = [None if s is None else carrier.unwrap(s) for s in answer]
    return cotangents


def _run_posthooks(node, results, needs, cotangents, carrier):
    rest = iter(results)
    full = [next(rest) if need else None for need in needs]
    for hook in list(node.hooks.post.values()):
        answer = hook(
            tuple([None if r is None else carrier.wrap(r) for r in full]),
            tuple([None if c is None else carrier.wrap(c) for c in cotangents]),
        )
        if answer is not None:
            answer = answer if isinstance(answer, tuple) else (answer,)
            full = [None if s is None else carrier.unwrap(s) for s in answer]
    return [r for r, need in zip(full, needs, strict=True) if need]
