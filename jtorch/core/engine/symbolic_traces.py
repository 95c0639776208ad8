"""One JAX trace with symbolic sizes for all lines of a call that differ in sizes only.

A loop whose arrays grow records each line with a new size in every round, and JAX takes 1 to 5 ms to trace one. So when a call
has come with a few sizes, it is traced with symbols for the sizes that differ (JAX calls this shape polymorphism). For each
later size, numbers replace the symbols in 0.1 ms, and NumPy runs the result. XLA's programs are always traced with their own
sizes.

A symbol equals only itself. A function may treat equal sizes or a small size differently, so a line with such sizes is traced
with its numbers. The first results of a symbolic trace are compared with those of JAX's trace for the numbers.
"""

from __future__ import annotations

import contextlib
import threading
import weakref
from dataclasses import dataclass
from math import prod
from types import SimpleNamespace

import jax
import numpy as np
from jax.export import symbolic_shape

from jtorch.core.engine.calls import Pullback
from jtorch.core.engine.compiling import JaxFunction
from jtorch.core.engine.jaxpr_templates import Aval, JaxprInstance, TemplateSteps, template, with_numbers
from jtorch.core.engine.numpy_jaxpr import numpy_steps
from jtorch.core.facts import CPU, contiguous_strides, without_warnings

_SIZES = 3  # lines that differ in the same sizes before the next one is traced with symbols
_CHECKS = 2  # instances of a trace that are compared with JAX's trace for the numbers
_LEAST = 4  # a smaller size may be a special case: a determinant of 2 x 2
_FEW_ELEMENTS = 1 << 17  # with more elements, running a line takes longer than tracing it

_ON_HOST = {CPU, None}  # None: the place of a Python number
_families: weakref.WeakKeyDictionary = weakref.WeakKeyDictionary()  # call -> {key: Family}


def instance(call, types):
    """JAX's trace of a call for these types (`jaxpr` and `out_info`), made without tracing. None: JAX has to trace it."""
    if not _may_be_traced_with_symbols(call, types):
        return None
    owner, key = call, tuple([(t.dtype, t.ndim, t.number) for t in types])
    if call.__class__ is Pullback:
        owner, key = call.forward, (call.needs, call.given, *[(t.dtype, t.ndim, t.number) for t in call.types], key)
    of_call = _families.setdefault(owner, {})
    family = of_call.get(key)
    if family is None:
        if len(of_call) >= _KEYS:
            of_call.clear()
        family = of_call[key] = _LineFamily()
    return family.instance(call, types)


def forget_traces() -> None:
    """Drop all traces with symbols."""
    _families.clear()


def _may_be_traced_with_symbols(call, types):
    """Whether the line has few elements, is on the host, and its function is jtorch's or JAX's: a user's may treat any size
    differently."""
    forward = call.forward if call.__class__ is Pullback else call
    return (
        (getattr(forward.fn, "__module__", None) or "").startswith(("jtorch.core.", "jax."))  # not a user's
        and {t.place for t in types} <= _ON_HOST
        and sum([prod(t.shape) for t in types]) <= _FEW_ELEMENTS
    )


_KEYS = 16  # families of one call that are kept
_NOTED = 64  # sizes, and symbolic traces, that a family keeps


class _LineFamily:
    """Lines of one call whose inputs have the same dtypes and numbers of dimensions.

    Attributes:
        seen: the sizes of lines that fitted no symbolic trace, newest last.
        traces: the traces with symbols.
        tried: for each attempt to trace with symbols, the numbers of the sizes that differed and the values of the others.
    """

    def __init__(self):
        self.seen = {}
        self.traces = []
        self.tried = set()

    def instance(self, call, types):
        sizes = _sizes(call, types)
        for trace in self.traces:
            if trace.fits(sizes):
                return self._checked(trace, sizes, call, types)
        self._note(sizes, call, types)

    def _note(self, sizes, call, types):
        """Remember the sizes of a line. Once enough lines differ in the same ones, trace with symbols."""
        alike = {}
        for other in self.seen:
            differ = tuple([i for i, (n, m) in enumerate(zip(sizes, other, strict=True)) if n != m])
            alike.setdefault(differ, []).append(other)
        self.seen[sizes] = None
        if len(self.seen) > _NOTED:
            del self.seen[next(iter(self.seen))]
        for differ, others in alike.items():
            fixed = differ, *[n for i, n in enumerate(sizes) if i not in differ]
            if differ and len(others) >= _SIZES and fixed not in self.tried and len(self.traces) < _NOTED:
                self.tried.add(fixed)
                if trace := _traced_apart(call, types, [*others, sizes]):
                    self.traces.append(trace)

    def _checked(self, trace, sizes, call, types):
        """An instance of a symbolic trace. The first ones are compared with JAX's trace for the numbers, which is returned."""
        if not trace.checks:
            return trace.instance(sizes)
        own = call.function(types).traced_for([t.aval for t in types])
        trace.checks -= 1
        if not _is_equal(trace, sizes, own, types):
            self.traces.remove(trace)
        return own


def _traced_apart(call, types, seen):
    """The trace of a line of these types with symbols for the sizes that differ among those seen; None where there is none.

    JAX keeps its own frames in cycles when it traces with symbols. So a thread traces here: otherwise the frames of the callers,
    and all values that they refer to, would live until Python's collector runs.
    """
    made = []

    def trace():
        with contextlib.suppress(Exception):  # a function may raise anything for symbols
            made.append(_SymbolicTrace(call, types, seen))

    thread = threading.Thread(target=trace, name="jtorch-symbolic-trace")
    thread.start()
    thread.join()
    return made[0] if made else None


def _sizes(call, types):
    """All sizes that a line depends on, one after the other."""
    if call.__class__ is Pullback:
        types = (*call.types, *types)
    return tuple([n for t in types for n in t.shape])


def _is_equal(trace, sizes, own, types):
    """Whether a symbolic trace with these sizes gives the same bits as JAX's own trace for them."""
    draws = np.random.default_rng(0)
    arrays = [_drawn(draws, t) for t in types]
    try:
        made = trace.instance(sizes)
        ours, theirs = [without_warnings(numpy_steps(traced.jaxpr).run, arrays) for traced in (made, own)]
    except Exception:  # NumPy cannot run it, or the numbers do not fit into the symbolic trace
        return False
    outs = [[(tuple(o.shape), o.dtype) for o in jax.tree.leaves(traced.out_info)] for traced in (made, own)]
    return outs[0] == outs[1] and all(
        (np.shape(a), a.dtype) == out and np.asarray(a).tobytes() == np.asarray(b).tobytes()
        for a, b, out in zip(ours, theirs, outs[1], strict=True)
    )


def _drawn(draws, t):
    """A random array of a type. Integers are 0 or 1, which are valid indices of nearly every dimension."""
    if t.dtype.np.kind == "f":
        return draws.standard_normal(t.shape).astype(t.dtype.np)[()]
    return draws.integers(0, 2, t.shape).astype(t.dtype.np)[()]


class _SymbolicTrace:
    """A jaxpr with symbolic sizes, and the means to replace them by numbers."""

    def __init__(self, call, types, seen):
        columns = list(zip(*seen, strict=True))  # one for each size: its values so far
        self.fixed = {i: column[0] for i, column in enumerate(columns) if len({*column}) == 1}
        varying = {column: None for i, column in enumerate(columns) if i not in self.fixed}
        names = [f"n{i}" for i in range(len(varying))]
        symbols = dict(zip(varying, symbolic_shape(", ".join(names)), strict=True))
        self.places = [columns.index(column) for column in varying]  # the number of the size that each symbol has
        self.same = [(i, columns.index(column)) for i, column in enumerate(columns) if i not in self.fixed]
        shapes = iter([self.fixed.get(i, symbols.get(column)) for i, column in enumerate(columns)])
        if call.__class__ is Pullback:
            call = Pullback(
                call.forward, tuple([_symbolic_type(t, shapes) for t in call.types]), call.needs, call.given
            )
        types = [_symbolic_type(t, shapes) for t in types]
        made = JaxFunction(call.bind(tuple(types)), call.name).traced_for([t.aval for t in types])
        self.checks = _CHECKS
        index = {}  # symbolic size -> its number
        self.steps = TemplateSteps(template(made.jaxpr, index))
        self.single = not isinstance(made.out_info, tuple | list)
        outs = [made.out_info] if self.single else made.out_info
        self.outs = [(template(o.shape, index), o.dtype) for o in outs]
        results = "".join([str(d).replace("^", "**") + ", " for d in index])
        self.values = eval(f"lambda {', '.join(names)}: ({results})", _FUNCTIONS)

    def instance(self, sizes):
        """The trace for these sizes, which it `fits`."""
        values = self.values(*[sizes[i] for i in self.places])
        outs = [Aval(with_numbers(shape, values), dtype) for shape, dtype in self.outs]
        return _Traced(JaxprInstance(self.steps, values), outs[0] if self.single else outs)

    def fits(self, sizes):
        """Whether the symbolic trace is valid for these sizes."""
        numbers = {sizes[i] for i in self.places}
        return (
            min(numbers) >= _LEAST
            and len(numbers) == len(self.places)
            and numbers.isdisjoint(self.fixed.values())
            and all(sizes[i] == n for i, n in self.fixed.items())
            and all(sizes[i] == sizes[j] for i, j in self.same)
        )


@dataclass(slots=True, eq=False)
class _Traced:
    jaxpr: object
    out_info: object


_FUNCTIONS = {
    "__builtins__": {}, "floordiv": lambda a, b: a // b, "mod": lambda a, b: a % b, "max": max, "min": min,
}  # fmt: skip


def _symbolic_type(t, sizes):
    """An object with the attributes of a type and the next of these sizes."""
    shape = tuple([next(sizes) for _ in t.shape])
    aval = jax.ShapeDtypeStruct(shape, t.dtype.np)
    return SimpleNamespace(
        shape=shape, dtype=t.dtype, place=t.place, ndim=t.ndim, number=t.number, aval=aval,
        differentiable=t.differentiable, strides=contiguous_strides(shape) if t.contiguous else None,
    )  # fmt: skip
