"""Lines of a trace, and one line's program.

A trace that is not compiled whole runs line by line, each line with a program of its own that all traces share. This file
knows positions and calls by their attributes only.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import jax
import numpy as np

from jtorch.core.engine import program_memory, xla_options
from jtorch.core.engine.compiling import compiled_alone, compiled_quickly, fingerprint_of, program_store, running_on
from jtorch.core.engine.stats import counters


@dataclass(slots=True)
class Line:
    """One line with its slots numbered: where it reads, where it writes."""

    call: object
    types: tuple
    slots: tuple
    outs: tuple
    out_types: tuple
    single: bool
    flats: int = 0  # how many of its first inputs and results are bundles: see jtorch.core.engine.bundles


def lines_of(path) -> list[Line]:
    """The lines of a trace. Slots are numbered as in recording: leaves at their first use."""
    lines, n = [], 0
    for position in path:
        slots = []
        for k in position.key[1:]:
            if k.__class__ is int:
                slots.append(k)
            else:
                slots.append(n)
                n += 1
        outs = tuple(range(n, n + len(position.types)))
        n += len(outs)
        lines.append(Line(position.call, position.in_types, tuple(slots), outs, position.types, position.single))
    return lines


def needed(lines, wanted) -> list[Line]:
    """The lines that the wanted slots depend on, in order, and every collective: other processes wait for it."""
    wanted, kept = set(wanted), []
    for line in reversed(lines):
        if line.call.communicates or not wanted.isdisjoint(line.outs):
            kept.append(line)
            wanted.update(line.slots)
    return kept[::-1]


class LineProgram:
    """One line compiled on its own.

    Only the compiled program is kept. A function of `jax.jit` holds all that it was lowered to: 1.2 MB, and an MLIR
    context, in which MLIR searches whenever it makes another: after 2,000 lines each compile took 40 ms longer. A whole
    program needs jit's call all the same, because no Ctrl-C interrupts it, or a `disk.Landing`.
    """

    __slots__ = ("__weakref__", "compiled", "decided_by", "elements", "function", "on_host", "single", "used")

    def __init__(self, function, on_host, elements, single, decided_by):
        self.function = function
        self.on_host = on_host
        self.elements = elements  # that it reads and writes
        self.single = single
        self.decided_by = decided_by  # what the fingerprint is made of
        self.compiled = None

    def run(self, arrays):
        """The results of the line."""
        arrays = [SCALARS[a.__class__](a) if a.__class__ in SCALARS else a for a in arrays]
        if self.compiled is None:
            program_memory.hold(self)
            self.compiled = self._made(arrays)  # one assignment: another thread may be here, too
        self.used = counters.lines
        return self.compiled(*arrays)

    def _made(self, arrays):
        fingerprint = fingerprint_of("line", *self.decided_by) if self.on_host else None
        made = program_store().load(fingerprint)
        if made is None and self.on_host and self.elements <= xla_options.FEW:  # compiling takes longer than running
            made = compiled_quickly(self.function, arrays, fingerprint)
        elif made is None:
            made = compiled_alone(self.function, arrays, fingerprint, xla_options.ordinary(self.on_host))
        counters.compiles += 1
        return made

    def clear_cache(self):
        """Drop the compiled program; the next run compiles it again."""
        self.compiled = None


line_class = LineProgram  # the class of programs of lines; the engine puts a subclass in its place


# Python numbers as arguments, with the types that they have in whole programs.
SCALARS = {bool: np.bool_, int: np.int64, float: np.float64, complex: np.complex128}


def run_lines(position, alive, values, place, broken=None):
    """Run a trace line by line.

    With `broken`, a line that raises stops only the lines that depend on it; {slot: error} of their results is added to it.
    """
    wanted = {i for i, held in enumerate(alive) if held and values[i] is not None}
    kept = needed(lines_of(position.path()), wanted)
    uses = {}
    for line in kept:
        for s in line.slots:
            uses[s] = uses.get(s, 0) + 1
    arrays = {}
    with jax.enable_x64(True), running_on(place):
        for line in kept:
            try:
                out = _run(line, arrays, values, place, broken)
            except Exception as error:
                if broken is None:
                    raise
                broken.update(dict.fromkeys(line.outs, error))
                continue
            arrays.update(zip(line.outs, [out] if line.single else out, strict=True))
            for s in line.slots:  # drop what no later line reads
                uses[s] -= 1
                if not uses[s] and s not in wanted:
                    arrays.pop(s, None)
    for s, a in arrays.items():
        if s in wanted:
            values[s].array = a


def _run(line, arrays, values, place, broken):
    """The results of one line. Raises the error of a line in `broken` that it depends on."""
    start, before = time.perf_counter(), counters.compiles
    if broken and (cause := next(filter(None, map(broken.get, line.slots)), None)):
        raise cause
    inputs = [arrays[s] if s in arrays else values[s].materialize() for s in line.slots]
    out = line.call.line(line.types, place).run(inputs)
    if counters.compiles > before:
        counters.seconds += time.perf_counter() - start
    counters.line_runs += 1
    return out
