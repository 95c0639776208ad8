"""Levels: tensors that stand for a batch of tensors (`vmap`), or for one and its tangent (`jvp`).

A level turns each line on its lifted values into a line on their parts: `jax.vmap` or `jax.jvp` of the same function, recorded
like any other. So a transformed function is part of the program around it. Nodes of the gradient graph may hold lifted values;
the nodes `_Enter` and `_Leave` are where tensors enter a level and leave it.

    x ──lift──> lifted x ──op──> lifted y ──lower──> y
         _Enter                     _Leave            gradients go the same way back
"""

from __future__ import annotations

import jax

from jtorch.core import engine
from jtorch.core.engine import Call, Lifted, Position, add_fields, local, ticks, type_of
from jtorch.core.facts import may_overlap
from jtorch.core.grad import GradNode, Leaf, Output, full_value
from jtorch.core.tensor.tensor import Tensor, wrap

add_fields(batch=None)  # the innermost vmap that is running

_ROOT = Position(None, None, None, (), False, ())


def _whole(value):
    """A tensor of a value, copied if its strides let elements share cells."""
    made = wrap(value)
    return made.clone() if may_overlap(made.shape, made.stride()) else made


class Level:
    """One running transformation. `depth` is how many transformed functions run inside each other; 0: it is not one of them."""

    depth = 0

    def branch(self):
        """Raise, if Python may not branch on a value that this level lifted."""

    def constant(self, tensor):
        """A lifted tensor without its history: see `Tensor.detach`."""
        return tensor._alias()

    def __init__(self):
        self.number = next(ticks)

    def owns(self, value) -> bool:
        return value.__class__ is Lifted and value.level is self

    def record(self, call, inputs):
        """Record a line on the parts of its inputs: (position, lifted value or list of them), as a trace gives them."""
        types = tuple([v.type for v in inputs])
        single, outs = call.infer(types)
        values = self._run(call, types, inputs, single, outs)
        return Position(_ROOT, (), call, types, single, outs), values[0] if single else values

    def enter(self, tensors, type, parts):
        """The lifted tensor of these parts, given as tensors of which some may be None."""
        made = wrap(Lifted(type, self, parts))
        if local.grad and any(t is not None and t.requires_grad for t in tensors):
            made._edge = _Enter(self, type, tensors)
        return made


class _Enter(GradNode):
    """Where tensors are lifted: a lifted gradient comes in, those of the parts go out."""

    __slots__ = ("level",)

    def __init__(self, level, type, tensors):
        edges = tuple([None if t is None else t._history() for t in tensors])
        super().__init__(None, (), tuple([None if t is None else t._type for t in tensors]), (type,), edges)
        self.level = level

    def name(self):
        return self.level.title + "Backward"

    def pull(self, cotangents, needs, carrier):
        grads = self.level.gradients(carrier.wrap(cotangents[0]))
        return [None if g is None else carrier.unwrap(g) for g, need in zip(grads, needs, strict=True) if need]


class _Leave(_Enter):
    """Where the parts of a lifted tensor go out: their gradients come in, a lifted one goes out."""

    __slots__ = ()

    def __init__(self, level, lifted, types):
        GradNode.__init__(self, None, (), (lifted._type,), types, (lifted._history(),))
        self.level = level

    def pull(self, cotangents, needs, carrier):
        _lower_leaving(self.level)
        lifted = self.level.cotangent([None if c is None else carrier.wrap(c) for c in cotangents], self.in_types[0])
        return [carrier.unwrap(lifted)]


class GradientLowering:
    """Lowers the gradients that leave a level in one backward pass, those of tensors from outside of it."""

    def __init__(self):
        self.levels = []

    def __call__(self, edge, grad, carrier):
        while True:
            value = grad._value if isinstance(grad, Tensor) else grad
            if value.__class__ is not Lifted or value.level not in self.levels:
                return grad
            level = value.level
            node = edge.node if edge.__class__ is Output else edge
            if not isinstance(node, Leaf) and node.number > level.number:
                return grad
            grad = level.outer_gradient(carrier.wrap(grad))
            if grad is None:
                return None
            grad = carrier.unwrap(grad)


def _lower_leaving(level):
    """Make the running backward pass lower the gradients that leave this level."""
    running = local.running
    if running.lowering is None:
        running.lowering = GradientLowering()
    if level not in running.lowering.levels:
        running.lowering.levels.append(level)


# ---- batches


class Batch(Level):
    """A level of `vmap`: a lifted value's one part has the batch as its first dimension."""

    title = "Batch"

    def __init__(self, size, randomness="error"):
        super().__init__()
        self.size = size
        self.randomness = randomness
        self.outer = local.batch

    def lift(self, tensor, dim):
        """The tensor without dimension `dim`, which becomes the batch."""
        tensor = tensor.movedim(dim, 0) if dim else tensor
        t = tensor._type
        return self.enter((tensor,), type_of(tuple(t.shape[1:]), t.dtype, t.place), (tensor._value,))

    def lower(self, tensor, dim=0):
        """The batch as one tensor, stacked along `dim`; a tensor that is not lifted is repeated."""
        value = tensor._value
        if not self.owns(value):
            whole = tensor.unsqueeze(0).expand(self.size, *tensor.shape)
        else:
            part = value.parts[0]
            whole = wrap(part)
            if local.grad and tensor.requires_grad:
                whole._edge = _Leave(self, tensor, (part.type,))
        return whole.movedim(0, dim) if dim else whole

    def branch(self):
        raise RuntimeError(
            "vmap: It looks like you're attempting to use a Tensor in some data-dependent control flow. "
            "We don't support that yet, please file an issue at https://github.com/pytorch/pytorch/issues ."
        )

    def materialize(self, value):
        raise RuntimeError(
            "vmap: It looks like you're calling .item() on a Tensor. "
            "We don't support vmap over calling .item() on a Tensor, please try to rewrite what you're doing with other operations. "
            "If error is occurring somewhere inside PyTorch internals, please file a bug report."
        )

    def draw(self, draw, type):
        """Random numbers for every entry of the batch: `draw(type)` gives them."""
        if self.randomness == "error":
            raise RuntimeError(
                "vmap: called random operation while in randomness error mode. "
                "Please either use the 'same' or 'different' randomness flags on vmap or perform the randomness operation out of vmap"
            )
        before, local.batch = local.batch, self.outer
        try:
            if self.randomness == "same":
                return local.batch.draw(draw, type) if local.batch is not None else draw(type)
            whole = type_of((self.size, *type.shape), type.dtype, type.place)
            value = local.batch.draw(draw, whole) if local.batch is not None else draw(whole)
            return Lifted(type, self, (value,))
        finally:
            local.batch = before

    def _run(self, call, types, inputs, single, outs):
        are_lifted = tuple([self.owns(v) for v in inputs])
        key = (call, types, are_lifted, self.size)
        batched = _batched.get(key)
        if batched is None:
            batched = _batched[key] = BatchedCall(call, types, are_lifted, self.size)
        _, made = engine.record(batched, [v.parts[0] if own else v for v, own in zip(inputs, are_lifted, strict=True)])
        return [Lifted(t, self, (m,)) for t, m in zip(outs, [made] if single else made, strict=True)]

    def gradients(self, lifted):
        return (self.lower(lifted),)

    def constant(self, tensor):
        value = tensor._value
        inner = value.parts[0] if self.owns(value) else None
        return self.lift(wrap(inner).detach(), 0) if inner.__class__ is Lifted else tensor._alias()

    def cotangent(self, parts, type):
        return self.lift(parts[0], 0)

    def outer_gradient(self, lifted):
        return self.lower(lifted).sum(0)


class BatchedCall(Call):
    """`jax.vmap` of a call: the lifted inputs, and all results, have the batch as their first dimension."""

    __slots__ = ("are_lifted", "forward", "size", "types")

    def __init__(self, forward, types, are_lifted, size):
        super().__init__(None, name="vmap." + forward.name)
        self.forward = forward
        self.types = types
        self.are_lifted = are_lifted
        self.size = size

    def bind(self, types):
        fn = self.forward.bind(self.types)
        return jax.vmap(_in_tuple(fn), [0 if lifted else None for lifted in self.are_lifted], 0, axis_size=self.size)


def _in_tuple(fn):
    """The function with a list of results as a tuple, which JAX's transformations need."""

    def run(*arrays):
        out = fn(*arrays)
        return tuple(out) if isinstance(out, list) else out

    return run


_batched: dict = {}

# ---- tangents


class Dual(Level):
    """A level of `jvp`: a lifted value's parts are the primal and the tangent."""

    title = "Dual"
    closed = False  # whether `forward_ad.exit_dual_level` was called

    def lift(self, primal, tangent):
        return self.enter((primal, tangent), primal._type, (primal._value, tangent._value))

    def constant(self, tensor):
        """The primal alone: tangents stop at `detach`, too."""
        value = tensor._value
        return _whole(value.parts[0]).detach() if self.owns(value) else tensor._alias()

    def lower(self, tensor):
        """(primal, tangent); the tangent is None where the tensor is not lifted."""
        value = tensor._value
        if not self.owns(value):
            return tensor, None
        primal, tangent = map(_whole, value.parts)
        if local.grad and tensor.requires_grad:
            node = _Leave(self, tensor, tuple([p.type for p in value.parts]))
            primal._edge, tangent._edge = node, Output(node, 1)
        return primal, tangent

    def materialize(self, value):
        return value.parts[0].materialize()

    def _run(self, call, types, inputs, single, outs):
        are_lifted = tuple([self.owns(v) for v in inputs])
        primals = [v.parts[0] if own else v for v, own in zip(inputs, are_lifted, strict=True)]
        tangents = [v.parts[1] for v, own in zip(inputs, are_lifted, strict=True) if own]
        _, made = engine.record(call, primals)
        key = (call, types, are_lifted)
        push = _pushes.get(key)
        if push is None:
            push = _pushes[key] = PushCall(call, types, are_lifted, outs)
        made = [made] if single else made
        if not push.outs:
            return made
        _, pushed = engine.record(push, [*primals, *tangents])
        pushed = iter(pushed if pushed.__class__ is list else [pushed])
        return [Lifted(t, self, (m, next(pushed))) if t.differentiable else m for t, m in zip(outs, made, strict=True)]

    def gradients(self, lifted):
        # Reverse mode over dual numbers swaps the parts: by the product rule, the primal's gradient is the tangent part of a
        # lifted gradient. `cotangent` swaps them where a gradient comes in, and this where it goes out.
        primal, tangent = self.lower(lifted)
        return tangent, primal

    def cotangent(self, parts, type):
        primal, tangent = [wrap(full_value(type, 0)) if p is None else p for p in parts]
        return self.lift(tangent, primal)

    def outer_gradient(self, lifted):
        return self.lower(lifted)[1]


class PushCall(Call):
    """The tangents of a call: (primals..., tangents of the lifted inputs...) -> those of its differentiable results."""

    __slots__ = ("are_lifted", "forward", "outs", "types")

    def __init__(self, forward, types, are_lifted, outs):
        super().__init__(None, name="jvp." + forward.name)
        self.forward = forward
        self.types = types
        self.are_lifted = are_lifted
        self.outs = [i for i, t in enumerate(outs) if t.differentiable]

    def bind(self, types):
        fn = _in_tuple(self.forward.bind(self.types))
        spots = [i for i, lifted in enumerate(self.are_lifted) if lifted and self.types[i].differentiable]
        outs = self.outs

        def push(*arrays):
            primals = list(arrays[: len(self.are_lifted)])
            given = dict(
                zip(
                    [i for i, lifted in enumerate(self.are_lifted) if lifted],
                    arrays[len(self.are_lifted) :],
                    strict=True,
                )
            )

            def of_lifted(*chosen):
                full = list(primals)
                for i, x in zip(spots, chosen, strict=True):
                    full[i] = x
                return fn(*full)

            _, pushed = jax.jvp(of_lifted, [primals[i] for i in spots], [given[i] for i in spots])
            pushed = pushed if isinstance(pushed, tuple) else (pushed,)
            return [pushed[i] for i in outs]

        return push


_pushes: dict = {}


def zeros_of(tensor):
    """Zeros like a tensor, with no history."""
    return wrap(full_value(tensor._type, 0))
