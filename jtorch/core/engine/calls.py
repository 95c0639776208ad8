"""Types and calls: what a line of a trace computes, and what is known of its values before it does.

A `Type` is size, dtype, place and strides; a `Call` is a function with its constants; a `Pullback` is the gradient of
a call. Shapes come from `jax.eval_shape`, once for each distinct line. This file knows no values and no traces.
"""

from __future__ import annotations

import weakref
from itertools import repeat
from math import prod

import jax
import numpy as np
from jax.extend.core import Literal

from jtorch.core.engine import program as programs
from jtorch.core.engine import xla_options
from jtorch.core.facts import Size, contiguous_strides, devices, dtypes


class Type:
    """What is known of a value before it is computed: size, dtype, place and the strides PyTorch would show.

    Interned: equal types are the same object. `number` marks a Python number that travels as a value.
    """

    __slots__ = ("aval", "differentiable", "dtype", "ndim", "number", "place", "shape", "strides")

    def __init__(self, shape, dtype, place, strides, number=False):
        self.shape = shape
        self.dtype = dtype
        self.place = place
        self.strides = strides
        self.ndim = len(shape)
        self.number = number
        self.differentiable = dtype.category >= 2
        self.aval = None if dtype.np is None else jax.ShapeDtypeStruct(shape, dtype.np)

    def described(self):
        """What decides which programs there are for it: see `jtorch.core.engine.fingerprint`. Strides are none of that."""
        return tuple(self.shape), self.dtype, self.place, self.number

    def __repr__(self):
        return f"{self.dtype.name}{list(self.shape)}" if not self.number else f"number({self.dtype.name})"


_types: dict[tuple, Type] = {}


def type_of(shape, dtype_, place, strides=None) -> Type:
    """The interned Type; `strides` None means contiguous."""
    key = (shape, dtype_, place, strides)
    found = _types.get(key)
    if found is None:
        size = Size(shape)
        full = strides if strides is not None else contiguous_strides(size)
        canonical = (tuple(size), dtype_, place, full)
        found = _types.get(canonical) or Type(size, dtype_, place, full)
        _types[key] = _types[canonical] = found
    return found


NUMBER = {
    kind: Type(Size(), d, None, (), number=True)
    for kind, d in ((bool, dtypes.bool_), (int, dtypes.int64), (float, dtypes.float64), (complex, dtypes.complex128))
}


every: weakref.WeakSet = weakref.WeakSet()  # all calls there are


class Call:
    """A function with its constants: what one line computes. Interned by whoever makes it; compared by identity.

    `bind(types)` gives the function of arrays for inputs of these types. `strides` is the rule for the
    results' strides: None for contiguous, or a function (in_types, out_shapes) -> list of strides.

    `saves` says what PyTorch keeps for backward, which decides what may be overwritten in place: "inputs" (those that
    the gradients are computed from), "result", "both" (the result and all inputs), "own" (what is made on the way from
    the inputs), a tuple of input numbers, or () where the gradient depends on no value at all (`linear`).
    """

    chooses = False  # whether its results are elements of what goes in, which the gradient does not depend on
    once = False  # whether backward runs only once through it although it saves nothing

    __slots__ = (
        "__weakref__", "_functions", "_inferred", "_lines", "consts", "fn", "keep_result", "linear", "name", "pullbacks", "saves",
        "strides",
    )  # fmt: skip

    def __init__(self, fn, consts=None, name=None, strides=None, saves="inputs"):
        self.saves = saves
        self.linear = saves == ()
        self.keep_result = saves in ("result", "both")
        self.fn = fn
        self.consts = consts or {}
        self.name = name or fn.__name__
        self.strides = strides
        self.pullbacks = {}
        self._inferred = {}
        self._lines = {}
        self._functions = {}
        every.add(self)

    def __repr__(self):
        consts = ", ".join(f"{k}={v!r}" for k, v in self.consts.items())
        return f"{self.name}({consts})"

    def described(self):
        """All that decides what `bind` gives: see `jtorch.core.engine.fingerprint`."""
        slots = {slot for kind in type(self).__mro__ for slot in getattr(kind, "__slots__", ())}
        return [(slot, getattr(self, slot, None)) for slot in sorted(slots - _NO_PART_OF_IT)], getattr(
            self, "__dict__", None
        )

    def bind(self, types):
        """The function of arrays that this call is for inputs of these types."""
        if not self.consts:
            return self.fn
        fn, consts = self.fn, self.consts
        return lambda *arrays: fn(*arrays, **consts)

    def pullback(self, types, needs, given) -> Call:
        """The call that takes (saved inputs..., given cotangents...) to the needed gradients."""
        return Pullback(self, types, needs, given)

    def pulled(self, types, needs, given) -> Call:
        """The same, made once."""
        key = (types, needs, given)
        found = self.pullbacks.get(key)
        if found is None:
            found = self.pullbacks[key] = self.pullback(*key)
        return found

    def saved(self, types, needs):
        """Which inputs PyTorch keeps for these gradients: they must not have been overwritten when those are computed."""
        if self.saves == "inputs":
            return self.pulled(types, tuple(needs), tuple([t.differentiable for t in self.infer(types)[1]])).reads()
        if self.saves == "both":
            return range(len(needs))
        return () if self.saves in ("result", "own") else [i for i in self.saves if i < len(needs)]

    def parameter(self, i):
        """What the input of this number is known by in PyTorch, or its number."""
        return i

    def kept_as(self, i, shape):
        """The shape in which PyTorch keeps an input: its own, or that of a view of it."""
        return shape

    def bundles(self):
        """(numbers of inputs, numbers of results) that it would rather take and make as one flat array; see jtorch.core.engine.bundles.

        A call that has some has `bind_bundled(types)`, a function (flat arrays, all inputs) -> (flat arrays, all results, None
        for those in a flat array).
        """
        return ()

    def depends(self):
        """For each result, which inputs it depends on, where PyTorch would have a node for each; else None: on all."""

    def grad_fn(self, types) -> str:
        """The name of its node."""
        return node_name(self.name)

    def infer(self, types) -> tuple[bool, tuple[Type, ...]]:
        """(whether it has a single output, the output types). Raises what the function raises."""
        found = self._inferred.get(types)
        if found is None:
            found = self._inferred[types] = self._infer(types)
        return found

    def _infer(self, types):
        place = next((t.place for t in types if t.place is not None), None) or self.consts.get("place")
        for t in types:  # a 0-dim CPU tensor may meet tensors of any device
            if t.place is not None and t.ndim:
                place = t.place
                break
        out = shapes_of(self.function(types).traced, *[t.aval for t in types])
        single = not isinstance(out, tuple | list)
        outs = [out] if single else out
        shapes = [tuple(o.shape) for o in outs]
        strides = self.strides(types, shapes) if self.strides else repeat(None)
        return single, tuple(
            type_of(s, dtypes.of(o.dtype), place, t) for s, o, t in zip(shapes, outs, strides, strict=False)
        )

    def function(self, types) -> programs.Function:
        """What `bind` gives, the same object whoever asks, so that JAX traces it once: for the shapes of its results, for a
        line of its own and for the programs of all traces that it is in."""
        key = _shapes(types)
        found = self._functions.get(key)
        if found is None:
            found = self._functions[key] = programs.Function(self.bind(types), self.name)
        return found

    def line(self, types, place) -> programs.LineProgram:
        """The program of this call alone on a place, for running a trace line by line."""
        key = (place, _shapes(types))
        program = self._lines.get(key)
        if program is None:
            outs, on_host = self.infer(types)[1], place is devices.CPU
            few = on_host and sum([prod(t.shape) for t in (*types, *outs)]) <= xla_options.FEW
            program = programs.LineProgram(self.function(types), on_host, few, (self, types, outs, place))
            self._lines[key] = program
        return program


_NO_PART_OF_IT = {  # what was worked out, and what is there for the graph and for geometry
    "__weakref__", "_depends", "_functions", "_inferred", "_lines", "geometry", "halves", "keep_result", "layouts", "named",
    "pullbacks", "retype", "saves", "strides",
}  # fmt: skip


def _shapes(types):
    """Types without their strides, which change no program."""
    return tuple([(t.shape, t.dtype, t.place, t.number) for t in types])


class Pullback(Call):
    """The gradient of a call: inputs (what it saved..., the cotangents it was given...) -> one gradient per need.

    PyTorch's gradient of a complex number is the conjugate of JAX's, so both ends are conjugated here, once for all.

    `needs` and `given` are tuples of bools over the call's inputs and outputs. Where the call is linear the
    gradient does not depend on the arrays that went in: only its numbers come in, zeros stand in for the rest.
    """

    __slots__ = ("_depends", "forward", "given", "halves", "needs", "types")

    def __init__(self, forward: Call, types, needs, given):
        super().__init__(None, name=forward.name + ".pullback", saves=() if forward.linear else "inputs")
        self._depends = None
        self.forward = forward
        self.types = types
        self.needs = needs
        self.given = given
        # `start` and `finish` as programs take them: a network's layers are alike, and JAX differentiates such a pair once.
        self.halves = programs.Function(self.start, forward.name), programs.Function(self.finish, self.name)

    def grad_fn(self, types):
        return "MulBackward0"

    def bind(self, types):
        if not self.linear:
            saved = len(self.types)

            def pullback(*arrays):
                return self.finish(self.start(arrays[:saved])[1], arrays[saved:])

            return pullback
        saved = sum(t.number for t in self.types)

        def linear_pullback(*arrays):
            numbers = iter(arrays[:saved])
            inputs = [next(numbers) if t.number else np.zeros(t.shape, t.dtype.np) for t in self.types]
            return self.finish(self.start(inputs)[1], arrays[saved:])

        return linear_pullback

    def start(self, inputs):
        """Run the forward function; returns (outputs, vjp of those that a cotangent is given for)."""
        fn = self.forward.function(self.types).inlined
        spots = [i for i, need in enumerate(self.needs) if need]

        def of_needed(*needed):
            full = list(inputs)
            for i, x in zip(spots, needed, strict=True):
                full[i] = x
            out = fn(*full)
            outs = out if isinstance(out, tuple | list) else [out]
            return [o for o, given in zip(outs, self.given, strict=True) if given], out

        _, vjp, out = jax.vjp(of_needed, *[inputs[i] for i in spots], has_aux=True)
        return out, vjp

    def finish(self, vjp, cotangents):
        """Feed the cotangents to a vjp."""
        grads = [_conjugate(g) for g in vjp([_conjugate(c) for c in cotangents])]
        return grads[0] if len(grads) == 1 else tuple(grads)

    def infer(self, types):
        outs = tuple(self._inferred.get(None) or self._gradient_types())
        return len(outs) == 1, outs

    def depends(self):
        """For each gradient, which of the inputs it depends on, by number. PyTorch computes each with lines of its own,
        so that one has no gradient where JAX's joint function would give zeros."""
        if self._depends is None:
            outs = self.forward.infer(self.types)[1]
            saved = [t for t in self.types if t.number or not self.linear]
            types = [*saved, *[t for t, given in zip(outs, self.given, strict=True) if given]]
            self._depends = dependence(self.function(types).traced, *[t.aval for t in types])
        return self._depends

    def reads(self):
        """All the inputs that its gradients depend on, by number."""
        return set().union(*self.depends())

    def _gradient_types(self):
        place = next((t.place for t in self.forward.infer(self.types)[1]), None)
        self._inferred[None] = [
            type_of(t.shape, t.dtype, place if t.number else t.place, t.strides)
            for t, need in zip(self.types, self.needs, strict=True)
            if need
        ]
        return self._inferred[None]


def node_name(name) -> str:
    """The name of an op's node, where PyTorch's is not another: MseLossBackward0 of mse_loss."""
    return "".join(part[:1].upper() + part[1:] for part in name.split("_")) + "Backward0"


def _conjugate(x):
    return jax.numpy.conj(x) if jax.numpy.iscomplexobj(x) else x


def shapes_of(fn, *inputs):
    """What a function of arrays would give, as shapes and dtypes, without computing."""
    with programs.tracing():
        return jax.eval_shape(fn, *inputs)


def dependence(fn, *inputs) -> list[set[int]]:
    """For each output of a function of arrays, which of its inputs it is computed from, by number."""
    with programs.tracing():
        jaxpr = jax.make_jaxpr(fn)(*inputs).jaxpr
    return _dependence(jaxpr, [{i} for i in range(len(inputs))])


def _dependence(jaxpr, of_inputs):
    of = dict(zip(jaxpr.invars, of_inputs, strict=True))
    read = lambda atom: set() if isinstance(atom, Literal) else of.get(atom, set())
    for eqn in jaxpr.eqns:
        given = [read(atom) for atom in eqn.invars]
        inner = [getattr(p, "jaxpr", p) for p in eqn.params.values() if hasattr(getattr(p, "jaxpr", p), "eqns")]
        if len(inner) == 1 and eqn.primitive.name not in _LOOPS and len(inner[0].invars) == len(given):
            outs = _dependence(inner[0], given)
        else:
            outs = [set().union(*given)] * len(eqn.outvars)
        of.update(zip(eqn.outvars, outs, strict=True))
    return [read(atom) for atom in jaxpr.outvars]


_LOOPS = ("scan", "while")  # what goes in again from round to round


def forget(more_than=-1) -> None:
    """Forget what was worked out about calls that hold more than so many types."""
    for call in list(every):
        if len(call._inferred) + len(call._lines) + len(call.pullbacks) > more_than:
            call._inferred.clear()
            call._lines.clear()
            call._functions.clear()
            call.pullbacks.clear()
