"""Lines that run in NumPy: see `jtorch.core.engine.numpy_primitives` for why."""

from __future__ import annotations

import math

import numpy as np

from jtorch.core.engine.lines import SCALARS, LineProgram
from jtorch.core.engine.numpy_jaxpr import numpy_steps, single_step
from jtorch.core.engine.numpy_primitives import Unsupported
from jtorch.core.engine.symbolic_traces import instance
from jtorch.core.engine.value_types import type_of
from jtorch.core.facts import config, without_warnings

SMALL = 1 << 17  # elements that a line may read and write in all to run in NumPy always
FEW_PRIMITIVES = 200  # primitives that such a line may run: each costs 1 to 2 us
FIRST_RUNS = 16  # how often any other line runs in NumPy before it is compiled


class NumpyLine(LineProgram):
    """One line on its own: in NumPy where that is faster, otherwise as a compiled program.

    Starting a compiled program takes 15 us, and compiling it 20 to 100 ms. So a line of few elements runs in NumPy, and so
    do the first runs of any other on the host: most lines of loops that do not repeat never come again. NumPy's share is set
    by counts, not by a clock, so every run of a script computes the same bits.
    """

    __slots__ = ("_left", "_steps")

    def __init__(self, function, on_host, *rest):
        super().__init__(function, on_host, *rest)
        self._steps = None
        self._left = 1 if on_host else 0  # how many runs are left for NumPy

    def run(self, arrays):
        if self._left and config.numpy_lines:
            try:
                return self._run_in_numpy([as_host(a) for a in arrays])
            except Unsupported:
                self._left = 0
        return super().run(arrays)

    def numpy_steps(self):
        """The steps that compute it, if it always runs in NumPy; else None."""
        return self._steps if self._left == math.inf and config.numpy_lines else None

    def _run_in_numpy(self, arrays):
        steps = self._steps or _view_steps(*self.decided_by[:2]) or numpy_steps(self._taken_jaxpr())
        outs = without_warnings(steps.run, arrays)
        if self._steps is None:
            _check_results(outs, self.decided_by[2])
            few = self.elements <= SMALL or steps.is_faster
            always = few and steps.cost <= FEW_PRIMITIVES and not steps.is_large
            self._left = math.inf if always else FIRST_RUNS
            self._steps = steps
        outs = apart(outs, arrays, steps.constant_ids)
        self._left -= 1
        return outs[0] if self.single else outs

    def _taken_jaxpr(self):
        """The jaxpr of the line. JAX's function lets go of it, so that it is kept no longer than needed."""
        function = self.function
        jaxpr, function.jaxpr = function.jaxpr, None
        if jaxpr is None:
            call, types = self.decided_by[:2]
            jaxpr = (instance(call, types) or function.traced_for([t.aval for t in types])).jaxpr
        return jaxpr


def _view_steps(call, types):
    """The steps of a line that reads or writes a view: see `jtorch.core.tensor.views`. None for any other line.

    NumPy makes the view without a trace. A size may be a constant of the line, so each size would need a trace of its
    own.
    """
    layout_of = getattr(call, "numpy_layout", None)
    if layout_of is None:
        return None
    in_order = type_of(types[0].shape, types[0].dtype, types[0].place)  # the array's, which is contiguous
    size = types[0].dtype.np.itemsize
    places = {}  # numbers -> (shape, offset, strides), the last two in bytes

    def shown(base, numbers):
        at = tuple([n.item() for n in numbers])
        place = places.get(at)
        if place is None:
            if len(places) > _MANY_PLACES:
                places.clear()
            t, offset = layout_of(in_order, 0, at)
            place = places[at] = tuple(t.shape), offset * size, [s * size for s in t.strides]
        shape, offset, strides = place
        return np.empty(shape, base.dtype) if 0 in shape else np.ndarray(shape, base.dtype, base, offset, strides)

    def read(base, *numbers):
        return shown(np.ascontiguousarray(base), numbers)

    def write(base, new, *numbers):
        base = np.array(base, order="C")
        shown(base, numbers)[...] = new
        return base

    return single_step(write if call.name == "write" else read, len(types))


_MANY_PLACES = 1024


def as_host(array):
    """An array or a Python number as NumPy's."""
    if array.__class__ is np.ndarray:
        return array
    make = SCALARS.get(array.__class__)
    if make is not None:
        return make(array)
    return np.asarray(array if isinstance(array, np.generic) else array.block_until_ready())


def _check_results(outs, types):
    """Raise `Unsupported` where NumPy's results have other dtypes or shapes than XLA's."""
    for out, t in zip(outs, types, strict=True):
        if out.dtype != t.dtype.np or np.shape(out) != tuple(t.shape):
            raise Unsupported


def apart(outs, inputs, constant_ids):
    """Results as arrays that share no memory with each other, the inputs or the constants, whose ids are given."""
    made, seen = [], None
    for out in outs:
        if out.__class__ is not np.ndarray:
            made.append(np.asarray(out))
            continue
        if seen is None:
            seen = set(map(id, inputs))
        if out.base is None and id(out) not in seen and id(out) not in constant_ids:
            seen.add(id(out))
            made.append(out)
        else:
            made.append(np.array(out, order="C"))
    return made
