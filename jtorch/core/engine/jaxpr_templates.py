"""A jaxpr with symbolic sizes as a template, in which numbers take the place of the symbols.

Its NumPy steps are made once. For other numbers only the steps that depend on a size are made again, which takes two
fifths of the time (28 us of 72 in the mean of a softmax, a layer norm and products). This file knows no lines.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from functools import cached_property
from math import prod
from operator import is_

import numpy as np
from jax.export import is_symbolic_dim
from jax.extend.core import Literal

from jtorch.core.engine.numpy_jaxpr import LOOPS, NumpySteps, numpy_steps
from jtorch.core.facts import without_warnings


def template(x, index):
    """A parameter, a shape or a jaxpr with a `_Blank` for each symbolic size; the object itself if it has none.

    Adds to `index`: {symbolic size: its number}.
    """
    if isinstance(x, tuple | list):
        parts = [template(part, index) for part in x]
        return x if all(map(is_, parts, x)) else type(x)(parts)
    if hasattr(x, "jaxpr"):  # a closed jaxpr
        made = template(x.jaxpr, index)
        return x if made is x.jaxpr else _ClosedTemplate(made, x.consts)
    if hasattr(x, "eqns"):
        made = _JaxprTemplate(x, index)
        return made if made.varies else x
    return _Blank(index.setdefault(x, len(index))) if is_symbolic_dim(x) else x


def with_numbers(x, values):
    """The template with these values in its blanks."""
    kind = x.__class__
    if kind is _Blank:
        return values[x.number]
    if kind is tuple or kind is list:
        return kind([with_numbers(part, values) for part in x])
    return x.filled(values) if kind is _ClosedTemplate or kind is _JaxprTemplate else x


@dataclass(slots=True, eq=False)
class _Blank:
    number: int


@dataclass(slots=True, eq=False)
class Aval:
    """The attributes of JAX's abstract array that are read here."""

    shape: tuple
    dtype: object

    ndim = property(lambda self: len(self.shape))
    size = property(lambda self: prod(self.shape))


@dataclass(slots=True, eq=False)
class _Atom:
    aval: Aval


@dataclass(slots=True, eq=False)
class _Equation:
    primitive: object
    params: dict
    invars: list
    outvars: list
    template: _EquationTemplate


@dataclass(slots=True, eq=False)
class _Jaxpr:
    constvars: list
    invars: list
    outvars: list
    eqns: list


@dataclass(slots=True, eq=False)
class _ClosedTemplate:
    jaxpr: object
    consts: list

    def filled(self, values):
        return _ClosedTemplate(self.jaxpr.filled(values), self.consts)


class _EquationTemplate:
    """An equation in which some shapes and parameters are templates."""

    def __init__(self, eqn, index):
        self.eqn = eqn
        params = {name: template(p, index) for name, p in eqn.params.items()}
        self.params = {name: made for name, made in params.items() if made is not eqn.params[name]}
        self.shapes = _shapes((*eqn.invars, *eqn.outvars), index)

    def filled(self, values, numbered=None):
        """The equation with these values. `numbered`: its atoms with them."""
        if not self.params and not self.shapes:
            return self.eqn
        if numbered is None:
            numbered = _atoms_with_numbers(self.shapes, values)
        eqn = self.eqn
        params = eqn.params | {name: with_numbers(p, values) for name, p in self.params.items()}
        return _Equation(
            eqn.primitive, params, *[_each_numbered(atoms, numbered) for atoms in (eqn.invars, eqn.outvars)], self
        )


class _JaxprTemplate:
    """A jaxpr in which some shapes and parameters are templates."""

    def __init__(self, jaxpr, index):
        self.ends = jaxpr.constvars, jaxpr.invars, jaxpr.outvars
        self.eqns = [_EquationTemplate(eqn, index) for eqn in jaxpr.eqns]
        self.shapes = _shapes([atom for atoms in self.ends for atom in atoms], index)
        for eqn in self.eqns:
            self.shapes |= eqn.shapes
        self.varies = bool(self.shapes) or any(eqn.params for eqn in self.eqns)

    def filled(self, values):
        """An object with the attributes of a jaxpr: the same equations, with values in place of symbols."""
        numbered = _atoms_with_numbers(self.shapes, values)
        return _Jaxpr(
            *[_each_numbered(atoms, numbered) for atoms in self.ends],
            [eqn.filled(values, numbered) for eqn in self.eqns],
        )


def _shapes(atoms, index):
    """{atom: (template of its shape, dtype)} of those with a symbolic shape."""
    made = {atom: template(atom.aval.shape, index) for atom in atoms if not isinstance(atom, Literal)}
    return {atom: (shape, atom.aval.dtype) for atom, shape in made.items() if shape is not atom.aval.shape}


def _each_numbered(atoms, numbered):
    return [a if isinstance(a, Literal) else numbered.get(a, a) for a in atoms]


def _atoms_with_numbers(shapes, values):
    return {atom: _Atom(Aval(with_numbers(shape, values), dtype)) for atom, (shape, dtype) in shapes.items()}


class JaxprInstance:
    """A closed jaxpr: a template with these values. `numpy_steps` makes its steps without it."""

    def __init__(self, steps, values):
        self._steps = steps
        self._values = values

    def numpy_steps(self):
        """The steps that compute it: see `jtorch.core.engine.numpy_jaxpr.numpy_steps`."""
        return self._steps.steps(self._values)

    @cached_property
    def _filled(self):
        return with_numbers(self._steps.template, self._values)

    jaxpr = property(lambda self: self._filled.jaxpr)
    consts = property(lambda self: self._filled.consts)


class TemplateSteps:
    """The NumPy steps of a template of a closed jaxpr, for any values."""

    def __init__(self, template):
        self.template = template
        self._noted = None  # the steps for the first values

    def steps(self, values) -> NumpySteps:
        """The steps for these values. Raises `Unsupported` as `numpy_steps` does."""
        if self._noted is None:
            noted = numpy_steps(with_numbers(self.template, values), _NotedSteps)
            noted.settle()
            self._noted = noted
        if self._noted.has_loops:
            return numpy_steps(with_numbers(self.template, values))
        return self._noted.filled(values)


class _NotedSteps(NumpySteps):
    """Steps that note which of them depend on the values of symbols.

    Attributes:
        notes: for each such step (template of its equation, numbers read, numbers written, index in `steps`; None if it
            computes a constant).
        changing: numbers of constants that depend on the values.
        has_loops: whether a loop depends on them. Then all steps are made again.
    """

    def __init__(self):
        super().__init__()
        self.notes, self.changing = [], set()
        self.has_loops = False

    def append(self, eqn, given):
        is_large = self.is_large
        outs = super().append(eqn, given)
        varies = eqn.__class__ is _Equation
        if varies or not self.changing.isdisjoint(given):
            is_known = outs[0] in self.known
            if varies or is_known:
                self.notes.append((eqn.template if varies else _EquationTemplate(eqn, {}), given, outs))
                self.is_large = is_large
                self.changing.update(outs if is_known else ())
                self.has_loops |= varies and eqn.primitive.name in LOOPS
        return outs

    def finish(self, inputs, outs):
        self.every_constant, self.of_loops = dict(self.known), list(self.constants)
        super().finish(inputs, outs)

    def settle(self):
        """Give each note the index of its step, now that unused steps are removed."""
        numbers = {id(given): i for i, (_, given, _) in enumerate(self.steps)}
        self.notes = [
            (eqn, given, outs, numbers.get(id(given)))
            for eqn, given, outs in self.notes
            if id(given) in numbers or not self.changing.isdisjoint(outs)
        ]

    def filled(self, values):
        """The steps for these values."""
        made = copy.copy(self)
        made.steps = list(self.steps)
        known = dict(self.every_constant) if self.changing else None
        for eqn, given, outs, number in self.notes:
            fn, many = made.build(eqn.filled(values))
            if number is not None:
                made.steps[number] = fn, given, outs if many else outs[0]
            else:
                results = without_warnings(fn, *[known[i] for i in given])
                known.update(zip(outs, results if many else [results], strict=True))
        made.cost = self.cost
        if self.changing:
            made.known = {i: known[i] for i in self.known}
            made.constants = self.of_loops + [v for v in made.known.values() if v.__class__ is np.ndarray]
            made.constant_ids = frozenset(map(id, made.constants))
        return made
