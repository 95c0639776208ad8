"""A trace of small arrays as one Python function that calls NumPy.

It is made in 20 us a line, where XLA takes 10 ms, and runs a line in the time that its NumPy calls take. So a loop of small
lines is fast from its third round on. Lines that do not run in NumPy are called as they are.
"""

from __future__ import annotations

import jax
import numpy as np

from jtorch.core.engine.compiling import running_on
from jtorch.core.engine.lines import SCALARS, lines_of, needed, run_lines
from jtorch.core.engine.numpy_lines import SMALL, apart, as_host
from jtorch.core.engine.numpy_primitives import Unsupported
from jtorch.core.engine.stats import counters
from jtorch.core.facts import without_warnings


class NumpyProgram:
    """One trace for one pattern of liveness: see `jtorch.core.engine.program.Program`, which has the same `run`."""

    def __init__(self, position, alive, values, place, patience):
        self.position, self.alive = position, alive
        self.patience = patience  # the number of visits before the policy is asked again whether to compile the trace
        lines = lines_of(position.path())
        self.outs = [s for line in lines for s in line.outs if alive[s] and values[s] is not None]
        self.lines = needed(lines, self.outs)
        made = {s for line in self.lines for s in line.outs}
        self.leaves = sorted({s for line in self.lines for s in line.slots} - made)
        self.large = {}  # slot of a large leaf -> a line that reads it; XLA runs the line once it is compiled
        if self.outs:
            self._write(place)

    def _write(self, place):
        writer = _FunctionWriter(self, place)
        self._call, self._only_numpy = writer.function(), writer.only_numpy
        self._constants = frozenset(map(id, writer.constants))

    def run(self, values, done, place):
        """Compute the outputs into `values`; `done` is filled once they exist. The inputs stay, so Ctrl-C does no harm."""
        if self.outs:
            try:
                self._run(values, place)
            except Unsupported:
                run_lines(self.position, self.alive, values, place)
                self._write(place)  # from now on XLA runs the line that raised
        done.append(())

    def _run(self, values, place):
        arrays = []
        for s in self.leaves:
            v = values[s]
            array = v.array
            if array.__class__ is not np.ndarray:
                make = SCALARS.get(array.__class__)
                if make is None:
                    array = as_host(v.materialize())
                    v.owned = False  # NumPy may share its buffer from now on
                else:
                    array = make(array)
            elif s in self.large and self.large[s].compiled is not None:
                array = _sent(v, place)
            arrays.append(array)
        if self._only_numpy:
            outs = without_warnings(self._call, *arrays)
        else:
            with jax.enable_x64(True), running_on(place):
                outs = without_warnings(self._call, *arrays)
        for s, array in zip(self.outs, apart(outs, arrays, self._constants), strict=True):
            values[s].array = array
        counters.line_runs += len(self.lines)


def _sent(v, place):
    """The device's copy of a host array, which each run of a compiled line would make anew."""
    if v.sent is None:
        with jax.enable_x64(True), running_on(place):
            v.sent = jax.device_put(v.array)
    return v.sent


class _FunctionWriter:
    """Writes the function of a program."""

    def __init__(self, program, place):
        self.program = program
        self.place = place
        self.names = {}  # of what the function uses: id -> name
        self.globals = {}
        self.constants = []
        self.only_numpy = True
        self.body = []
        self.count = 0

    def function(self):
        slots = {s: f"a{s}" for s in self.program.leaves}
        arguments = ", ".join(slots.values())
        for line in self.program.lines:
            given = [slots[s] for s in line.slots]
            made = line.call.line(line.types, self.place)
            steps = made.numpy_steps()
            outs = self._call(made, line, given) if steps is None else self._steps(steps, given)
            slots.update(zip(line.outs, outs, strict=True))
        results = ", ".join([slots[s] for s in self.program.outs])
        source = "\n ".join([f"def program({arguments}):", *self.body, f"return [{results}]"])
        exec(compile(source, "<NumPy program>", "exec"), self.globals)
        return self.globals.pop("program")

    def _new(self):
        self.count += 1
        return f"v{self.count}"

    def _name(self, thing):
        name = self.names.get(id(thing))
        if name is None:
            name = self.names[id(thing)] = f"f{len(self.names)}"
            self.globals[name] = thing
        return name

    def _steps(self, steps, given):
        """The names of the results of a line's steps."""
        names = dict(zip(steps.inputs, given, strict=True))
        for i, array in steps.known.items():
            names[i] = self._name(array)
        self.constants += steps.constants
        for fn, read_, out in steps.steps:
            if out.__class__ is int:
                names[out] = target = self._new()
            else:
                made = [self._new() for _ in out]
                names.update(zip(out, made, strict=True))
                target = f"[{', '.join(made)}]"
            self.body.append(f"{target} = {self._name(fn)}({', '.join([names[i] for i in read_])})")
        return [names[i] for i in steps.outs]

    def _call(self, made, line, given):
        """The names of the results of a line that is run as it is."""
        self.only_numpy = False
        large = [s for s, t in zip(line.slots, line.types, strict=True) if t.shape.numel() > SMALL]
        self.program.large |= {s: made for s in large if s in self.program.leaves}
        outs = [self._new() for _ in line.outs]
        target = outs[0] if line.single else f"[{', '.join(outs)}]"
        self.body.append(f"{target} = {self._name(_on_host(made, line.single))}([{', '.join(given)}])")
        return outs


def _on_host(made, single):
    """A line's `run` with arrays of NumPy's as results."""
    if single:
        return lambda arrays: as_host(made.run(arrays))
    return lambda arrays: list(map(as_host, made.run(arrays)))
