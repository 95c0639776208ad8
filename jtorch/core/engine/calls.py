"""Calls: what one line of a trace computes.

A `Call` is a function with its constants; a `Pullback` is the gradient of a call. Shapes come from `jax.eval_shape`, once
for each distinct line. Does not know values or traces.
"""

from __future__ import annotations

import weakref
from itertools import repeat
from math import prod

import jax
from jax.extend.core import Literal

from jtorch.core.engine import lines, program_memory
from jtorch.core.engine.compiling import JaxFunction, tracing
from jtorch.core.engine.lines import LineProgram
from jtorch.core.engine.value_types import Type, type_of, without_strides
from jtorch.core.facts import devices, dtypes, like_strides


class DistError(RuntimeError):
    """A collective failed, or a process did not answer. What was recorded and not computed stays promised."""

    __module__ = "jtorch.distributed"


symbolic_traces = None  # jtorch.core.engine.symbolic_traces, which traces a call once for many sizes
_calls: weakref.WeakSet = weakref.WeakSet()  # all calls that exist


class Call:
    """A function with its constants: what one line computes. Calls are compared by identity; whoever makes one interns it.

    `bind(types)` gives the function of arrays for inputs of these types. `strides` is the rule for the
    results' strides: None for contiguous, or a function (in_types, out_shapes) -> list of strides.

    `saves` says what PyTorch keeps for backward, and so what must not be overwritten in place: "inputs" (those that the
    gradients are computed from), "result", "both" (the result and all inputs), "own" (intermediate results of the op),
    a tuple of input numbers (-1 in it: intermediate results, too), or () where the gradient depends on no value
    (`linear`).
    """

    chooses = False  # whether its results are elements of its inputs, chosen by values that have no gradient
    communicates = False  # whether several processes compute it together: see `jtorch.core.engine.spread`
    once = False  # whether backward may run only once through it although it saves nothing

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
        _calls.add(self)

    def __repr__(self):
        consts = ", ".join(f"{k}={v!r}" for k, v in self.consts.items())
        return f"{self.name}({consts})"

    def described(self):
        """What decides the function that `bind` gives, for `jtorch.core.engine.fingerprint`."""
        slots = {slot for kind in type(self).__mro__ for slot in getattr(kind, "__slots__", ())}
        decides = [(slot, getattr(self, slot, None)) for slot in sorted(slots - _DECIDES_NOTHING)]
        return decides, getattr(self, "__dict__", None)

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
        """The interned `pullback`."""
        key = (types, needs, given)
        found = self.pullbacks.get(key)
        if found is None:
            found = self.pullbacks[key] = self.pullback(*key)
        return found

    def saved(self, types, needs):
        """Which inputs PyTorch keeps for these gradients. They must not be overwritten before the backward pass."""
        if self.saves == "inputs":
            return self.pulled(types, tuple(needs), tuple([t.differentiable for t in self.infer(types)[1]])).reads()
        if self.saves == "both":
            return range(len(needs))
        return () if self.saves in ("result", "own") else [i for i in self.saves if 0 <= i < len(needs)]

    def parameter(self, i):
        """PyTorch's name of the input with this number, or the number."""
        return i

    def saved_shape(self, i, shape):
        """The shape in which PyTorch saves an input for backward: its own, or that of a view of it."""
        return shape

    def packed(self):
        """This call with small arrays packed: (call, groups), or None. See `jtorch.core.engine.bundles`.

        Each group is (numbers of inputs, numbers of results). The packed call takes a flat array for each group and then the
        other inputs; it gives a flat array for each group and then the other results.
        """

    def depends(self):
        """For each result, the inputs it depends on, if PyTorch has a node for each result; None: all inputs."""

    def grad_fn(self, types) -> str:
        """The name of its node."""
        return node_name(self.name)

    def infer(self, types) -> tuple[bool, tuple[Type, ...]]:
        """(whether it has a single output, the output types). Raises what the function raises for such inputs."""
        found = self._inferred.get(types)
        if found is None:
            found = self._inferred[types] = self._infer(types)
        return found

    def _infer(self, types):
        given = [t for t in types if t.place is not None]
        given = [t for t in given if t.ndim] or given  # a 0-dim CPU tensor may meet tensors of any device
        place = given[0].place if given else self.consts.get("place")
        function = self.function(types)
        if function.out_info is None:
            made = symbolic_traces.instance(self, types) or function.traced_for([t.aval for t in types])
            function.jaxpr, function.out_info = made.jaxpr, made.out_info
        single = not isinstance(function.out_info, tuple | list)
        outs = [function.out_info] if single else function.out_info
        shapes = [tuple(o.shape) for o in outs]
        strides = self.strides(types, shapes) if self.strides else repeat(None)
        made = tuple(type_of(s, dtypes.of(o.dtype), place, t) for s, o, t in zip(shapes, outs, strides, strict=False))
        if place is devices.CPU:
            program_memory.sizes.check_results(types, made)
        return single, made

    def function(self, types) -> JaxFunction:
        """The interned `bind(types)`. JAX traces it once for the shapes of its results, for its own program and for all
        traces that contain it."""
        key = without_strides(types)
        found = self._functions.get(key)
        if found is None:
            found = self._functions[key] = JaxFunction(self.bind(types), self.name)
        return found

    def line(self, types, place) -> LineProgram:
        """The program of this call alone on a place, for running a trace line by line."""
        key = (place, without_strides(types))
        program = self._lines.get(key)
        if program is None:
            single, outs = self.infer(types)
            elements = sum([prod(t.shape) for t in (*types, *outs)])
            program = lines.line_class(
                self.function(types), place is devices.CPU, elements, single, (self, types, outs, place)
            )
            self._lines[key] = program
        return program


_DECIDES_NOTHING = {  # slots that hold what was worked out, or what the graph and the strides need
    "__weakref__", "_depends", "_functions", "_inferred", "_lines", "finish_once", "geometry", "keep_result", "layouts", "named",
    "pullbacks", "retype", "saves", "start_once", "strides",
}  # fmt: skip


class Pullback(Call):
    """The gradient of a call: inputs (what it saved..., the cotangents it was given...) -> one gradient per need.

    PyTorch's gradient of a complex number is the conjugate of JAX's, so cotangents and gradients are conjugated here.

    `needs` and `given` are tuples of bools over the call's inputs and outputs. The gradient of a linear call does not
    depend on its input arrays: it takes only the Python numbers among them, and zeros replace the arrays.

    `start_once` and `finish_once` are start and finish, jitted: JAX caches them, so equal layers are differentiated once.
    """

    __slots__ = ("_depends", "finish_once", "forward", "given", "needs", "start_once", "types")

    def __init__(self, forward: Call, types, needs, given):
        super().__init__(None, name=forward.name + ".pullback", saves=() if forward.linear else "inputs")
        self._depends = None
        self.forward = forward
        self.types = types
        self.needs = needs
        self.given = given
        self.start_once = JaxFunction(self.start, forward.name)
        self.finish_once = JaxFunction(self.finish, self.name)

    def grad_fn(self, types):
        return "MulBackward0"

    def saved(self, types, needs):
        """PyTorch computes a gradient from a saved result, and then saves no inputs for the second derivative."""
        found, inputs = super().saved(types, needs), len(self.types)
        return [i for i in found if i >= inputs] if self.forward.saves in ("result", "own") else found

    def bind(self, types):
        if not self.linear:
            saved = len(self.types)

            def pullback(*arrays):
                return self.finish(self.start(arrays[:saved])[1], arrays[saved:])

            return pullback
        saved = sum(t.number for t in self.types)

        def linear_pullback(*arrays):
            numbers = iter(arrays[:saved])
            inputs = [next(numbers) if t.number else jax.numpy.zeros(t.shape, t.dtype.np) for t in self.types]
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
        """For each gradient, the inputs it depends on, by number.

        PyTorch computes each gradient separately, so an input that a gradient does not depend on has no gradient from it,
        where JAX's joint function gives zeros.
        """
        if self._depends is None:
            outs = self.forward.infer(self.types)[1]
            saved = [t for t in self.types if t.number or not self.linear]
            types = [*saved, *[t for t, given in zip(outs, self.given, strict=True) if given]]
            self._depends = dependence(self.function(types).traced, *[t.aval for t in types])
        return self._depends

    def reads(self):
        """All inputs that the gradients depend on, by number."""
        return set().union(*self.depends())

    def _gradient_types(self):
        place = next((t.place for t in self.forward.infer(self.types)[1]), None)
        self._inferred[None] = [
            type_of(t.shape, t.dtype, place if t.number else t.place, like_strides(t.shape, t.strides))
            for t, need in zip(self.types, self.needs, strict=True)
            if need
        ]
        return self._inferred[None]


def node_name(name) -> str:
    """The name of an op's node, where PyTorch's is not another: MseLossBackward0 of mse_loss."""
    return "".join(part[:1].upper() + part[1:] for part in name.split("_")) + "Backward0"


def _conjugate(x):
    """The conjugate of complex numbers, with an imaginary part of 0 where that is 0 or -0, as PyTorch's formulas have it."""
    return jax.lax.complex(x.real, 0 - x.imag) if jax.numpy.iscomplexobj(x) else x


def shapes_of(fn, *inputs):
    """The shapes and dtypes that a function of arrays gives, without computing."""
    with tracing():
        return jax.eval_shape(fn, *inputs)


def dependence(fn, *inputs) -> list[set[int]]:
    """For each output of a function of arrays, the inputs it is computed from, by number."""
    with tracing():
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


_LOOPS = ("scan", "while")  # results of one round are inputs of the next


def drop_caches(more_than=-1) -> None:
    """Drop the caches of calls that hold more than so many entries."""
    symbolic_traces.forget_traces()
    for call in list(_calls):
        if len(call._inferred) + len(call._lines) + len(call.pullbacks) > more_than:
            for cache in (call._inferred, call._lines, call._functions, call.pullbacks):
                cache.clear()
