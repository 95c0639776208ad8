"""Runs the jaxpr of a line in NumPy: see `jtorch.core.engine.numpy_primitives` for why.

A jaxpr becomes a list of steps, functions of NumPy arrays with the numbers of what they read and write. What depends on
constants alone is computed once, and what no result depends on is left out.
"""

from __future__ import annotations

import numpy as np
from jax.extend.core import Literal

from jtorch.core.engine.numpy_primitives import BUILDERS, Unsupported, multiplications
from jtorch.core.facts import without_warnings

_DTYPES = frozenset(map(np.dtype, "bool int8 int16 int32 int64 uint8 uint16 uint32 uint64 float32 float64".split()))


def numpy_steps(closed, kind=None) -> NumpySteps:
    """The steps of a closed jaxpr, as an object of class `kind`.

    Raises `Unsupported` where NumPy would not give XLA's result. A step may raise it, too."""
    if hasattr(closed, "numpy_steps"):
        return closed.numpy_steps()
    if not _DTYPES.issuperset([v.aval.dtype for v in (*closed.jaxpr.invars, *closed.jaxpr.outvars)]):
        raise Unsupported
    return _steps_of(closed, kind or NumpySteps)


def single_step(fn, n) -> NumpySteps:
    """Steps that are one function of n arrays."""
    steps = NumpySteps()
    given, out = [steps.new() for _ in range(n)], steps.new()
    steps.steps.append((fn, given, out))
    steps.cost = 1
    steps.finish(given, [out])
    return steps


_FASTER = ("argmax", "argmin", "sort", "top_k")
_SLOWER = ("erf", "erf_inv", "erfc")  # scipy takes 10 ns an element
_MANY_SLOWER = 1 << 13
_FEW_MULTIPLICATIONS = 1 << 22  # of one product of matrices that NumPy computes as fast as XLA


class NumpySteps:
    """What computes a jaxpr. Its values have numbers.

    Attributes:
        steps: (function, numbers read, number written, or a list of them where the function gives several arrays).
        known: {number: array} of the constants that are needed.
        constants: the arrays that are kept between runs, also those of loops. An out may be one of them.
        constant_ids: the `id` of each.
        inputs, outs: numbers. An out may share memory with an input or another out.
        count: how many numbers there are.
        cost: how many primitives one run takes.
        is_large: whether it has a product of matrices, or a special function of many elements, that XLA computes faster.
        is_faster: whether it has a primitive that NumPy computes faster than XLA's CPU kernels, however large.
    """

    changing = frozenset()  # numbers of constants that depend on sizes: see `jtorch.core.engine.jaxpr_templates`

    def __init__(self):
        self.count = 0
        self.cost = 0
        self.is_large = self.is_faster = False
        self.narrow = {}  # number of a broadcast array -> that of the array before it, which ufuncs broadcast themselves
        self.numbers = {}  # number of an array without dimensions -> (primitive that makes it, numbers read)
        self.known = {}
        self.constants = []
        self.steps = []
        self.inputs = self.outs = ()

    def new(self):
        self.count += 1
        return self.count - 1

    def constant(self, array):
        made = self.new()
        self.known[made] = array if isinstance(array, np.generic) else np.asarray(array)
        return made

    def inline(self, jaxpr, consts, inputs):
        """Append the steps of a jaxpr; gives the numbers of its results."""
        of = dict(zip([*jaxpr.constvars, *jaxpr.invars], [*consts, *inputs], strict=True))
        for eqn in jaxpr.eqns:
            given = self._not_broadcast(eqn, [self._read(v, of) for v in eqn.invars])
            name = eqn.primitive.name
            inner = _INLINED.get(name)
            if name in IDENTITIES or (name == "convert_element_type" and _keeps_dtype(eqn)):
                outs = given
            elif inner is not None:
                closed = eqn.params[inner]
                outs = self.inline(closed.jaxpr, [self.constant(c) for c in closed.consts], given)
            else:
                outs = self.append(eqn, given)
            of.update(zip(eqn.outvars, outs, strict=True))
        return [self._read(v, of) for v in jaxpr.outvars]

    def _read(self, atom, of):
        if isinstance(atom, Literal):
            return self.constant(np.asarray(atom.val, atom.aval.dtype)[()])
        return of[atom]

    def append(self, eqn, given):
        """Append one equation that reads these numbers. Returns the numbers of its results."""
        if not _DTYPES.issuperset([v.aval.dtype for v in eqn.outvars]):
            raise Unsupported
        cost = self.cost
        fn, many = self.build(eqn)
        outs = [self.new() for _ in eqn.outvars]
        name, t = eqn.primitive.name, eqn.outvars[0].aval
        if not t.shape:
            size = self._added_below_zero(given) if name == "select_n" else None
            if size is not None:
                fn, given = _counted_from_end(size), given[1:2]
            self.numbers[outs[0]] = name, given
        elif name == "broadcast_in_dim" and len(given) == 1:
            dims = eqn.params["broadcast_dimensions"]
            if tuple(dims) == tuple(range(t.ndim - len(dims), t.ndim)):
                self.narrow[outs[0]] = self.narrow.get(given[0], given[0])
        if all(i in self.known for i in given):
            made = without_warnings(fn, *[self.known[i] for i in given])
            self.known.update(zip(outs, made if many else [made], strict=True))
            self.cost = cost
        else:
            self.steps.append((fn, given, outs if many else outs[0]))
        return outs

    def _not_broadcast(self, eqn, given):
        """What an elementwise equation reads, without the broadcasts that NumPy does itself."""
        if eqn.primitive.name not in _BROADCASTING or self.narrow.keys().isdisjoint(given):
            return given
        shape = eqn.outvars[0].aval.shape
        whole = [n for n, v in enumerate(eqn.invars) if v.aval.shape == shape]
        if not whole:
            return given
        made = [self.narrow.get(i, i) for i in given]
        if all(given[n] in self.narrow for n in whole):
            made[whole[0]] = given[whole[0]]  # so that the result has this shape
        return made

    def _added_below_zero(self, given):
        """The n of `i + n if i < 0 else i`, as JAX counts an index from the end; None if the equation is another."""
        which, i, moved = given if len(given) == 3 else (None,) * 3
        below, added = self.numbers.get(which), self.numbers.get(moved)
        if not below or not added or (below[0], added[0]) != ("lt", "add") or below[1][0] != i or added[1][0] != i:
            return None
        zero, n = below[1][1], added[1][1]
        if n in self.changing or n not in self.known or self.known.get(zero) != 0:
            return None
        return int(self.known[n])

    def build(self, eqn):
        """(the function that computes an equation, whether it gives several arrays)."""
        name = eqn.primitive.name
        if name in LOOPS:
            fn, cost, constants = LOOPS[name](eqn)
            self.constants += constants
            self.cost += cost
            return fn, True
        if name not in BUILDERS:
            raise Unsupported(name)
        self.cost += 1
        self.is_large |= name == "dot_general" and multiplications(eqn) > _FEW_MULTIPLICATIONS
        self.is_large |= name in _SLOWER and eqn.outvars[0].aval.size > _MANY_SLOWER
        self.is_faster |= name in _FASTER
        return BUILDERS[name](eqn), len(eqn.outvars) > 1 or name in _SEQUENCES

    def finish(self, inputs, outs):
        """Set inputs and outs, and drop what no out needs."""
        self.inputs, self.outs = inputs, outs
        self.narrow = self.numbers = None  # only what appends steps asks for them, and a line keeps its steps for long
        needed, steps = set(outs), []
        for step in reversed(self.steps):
            written = step[2] if step[2].__class__ is list else [step[2]]
            if not needed.isdisjoint(written):
                needed.update(step[1])
                steps.append(step)
        self.steps = steps[::-1]
        self.known = {k: v for k, v in self.known.items() if k in needed}
        self.constants += [v for v in self.known.values() if v.__class__ is np.ndarray]
        self.constant_ids = frozenset(map(id, self.constants))

    def run(self, arrays):
        """The list of results."""
        env = [None] * self.count
        for i, array in self.known.items():
            env[i] = array
        for i, array in zip(self.inputs, arrays, strict=True):
            env[i] = array
        for fn, given, out in self.steps:
            if out.__class__ is int:
                env[out] = fn(*[env[i] for i in given])
            else:
                for i, made in zip(out, fn(*[env[i] for i in given]), strict=True):
                    env[i] = made
        return [env[i] for i in self.outs]


# Primitives that are a call of the jaxpr in this parameter.
_INLINED = {
    "jit": "jaxpr",
    "pjit": "jaxpr",
    "closed_call": "call_jaxpr",
    "custom_jvp_call": "call_jaxpr",
    "custom_vjp_call": "call_jaxpr",
}
IDENTITIES = frozenset(["copy", "optimization_barrier", "stop_gradient"])
# Their functions broadcast.
_BROADCASTING = frozenset("add add_any and div eq ge gt le lt max min mul ne or select_n sub xor".split())
_SEQUENCES = frozenset(["unstack", "split"])  # their functions give a sequence even of one result


def _keeps_dtype(eqn):
    return eqn.invars[0].aval.dtype == eqn.params["new_dtype"]


def _counted_from_end(size):
    return lambda i: i + size if i < 0 else i


def _steps_of(closed, kind=NumpySteps):
    steps = kind()
    inputs = [steps.new() for _ in closed.jaxpr.invars]
    steps.finish(inputs, steps.inline(closed.jaxpr, [steps.constant(c) for c in closed.consts], inputs))
    return steps


def _branching(eqn):
    branches = [_steps_of(b) for b in eqn.params["branches"]]

    def cond(which, *given):
        return branches[min(max(int(which), 0), len(branches) - 1)].run(given)

    return cond, max(b.cost for b in branches), [c for b in branches for c in b.constants]


def _repeating(eqn):
    p = eqn.params
    length, consts, carry = p["length"], p["num_consts"], p["num_carry"]
    body = _steps_of(p["jaxpr"])
    if not length:
        raise Unsupported
    order = range(length - 1, -1, -1) if p["reverse"] else range(length)

    def scan(*given):
        fixed, state, xs = given[:consts], given[consts : consts + carry], given[consts + carry :]
        rows = [None] * length
        for i in order:
            out = body.run([*fixed, *state, *[x[i] for x in xs]])
            state, rows[i] = out[:carry], out[carry:]
        return [*state, *[np.stack(column) for column in zip(*rows, strict=True)]]

    return scan, body.cost * length, body.constants


LOOPS = {"cond": _branching, "scan": _repeating}  # a `while` may run for long: it is left to XLA
