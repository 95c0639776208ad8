"""Traces: code is recorded line by line and runs as one XLA program when a value is read.

`record` finds a line as a child of the position before it in a tree of traces, so the second time round a loop costs one
dictionary look-up per line. `flush` runs what was recorded: as one program if that pays, else line by line. This file
knows functions on JAX arrays, and nothing of tensors or gradients, except that a line may be the pullback of another.

    loop body           tree of traces                    programs hang where a trace ended
    y = x @ w           root ─ matmul(leaf, leaf)
    z = relu(y)              └─ relu(2) ─ ...              {which values are alive: compiled program}
"""

from __future__ import annotations

import sys
import threading
import time
from itertools import count, repeat
from operator import gt
from sys import getrefcount

import jax
import numpy as np

from jtorch.core.engine import deferred
from jtorch.core.engine.calls import Pullback
from jtorch.core.engine.deferred import Epoch
from jtorch.core.engine.lines import run_lines
from jtorch.core.engine.program import Program, spread
from jtorch.core.engine.stats import counters, events
from jtorch.core.engine.value_types import NUMBER
from jtorch.core.engine.values import Lifted, Value
from jtorch.core.facts import config, devices

_new = object.__new__
_OURS = (str(config.ROOT), "<op ")  # where a line is never the user's


class Position:
    """A place in the tree of traces: one recorded line, and what was worked out about it the first time."""

    __slots__ = (
        "call",
        "children",
        "depth",
        "full",
        "guarded",
        "in_types",
        "key",
        "out",
        "parent",
        "plans",
        "programs",
        "single",
        "slots",
        "stamp",
        "types",
        "visits",
        "where",
    )  # fmt: skip

    def __init__(self, parent, key, call, in_types, single, types):
        self.parent = parent
        self.key = key
        self.call = call
        self.in_types = in_types
        self.single = single
        self.types = types
        self.out = types[0] if single else None
        self.children = {}
        self.programs = {}  # by which values were held: what runs a trace that ends here
        self.depth = 0 if parent is None else parent.depth + 1
        leaves = 0 if key is None else sum(k.__class__ is not int for k in key[1:])
        self.slots = len(types) + leaves + (0 if parent is None else parent.slots)  # values in a trace that ends here
        self.full = self.depth >= config.max_lines
        self.guarded = None  # what is wrong where checks fail: see jtorch.core.engine.guards
        self.plans = None  # backward passes that began here before: see jtorch.core.grad.replay
        self.visits = {}  # by which values were held: [how often a trace ended here, what runs it until it is compiled]
        self.stamp = 0  # when a trace last ended here: the runs counted by then
        self.where = None  # file and line of the user's code that recorded it first

    def path(self) -> list[Position]:
        """The lines from the root to here."""
        lines, at = [], self
        while at.parent is not None:
            lines.append(at)
            at = at.parent
        return lines[::-1]


ticks = count()  # numbers gradient nodes, and the traces between them


def held_by_others(values) -> bytes:
    """For each value whether anybody but the trace holds it. Reading a reference count costs 20 ns a value; weak
    references would cost 100 ns a recorded line."""
    return bytes(map(gt, map(getrefcount, values), repeat(_UNHELD)))


_UNHELD = 1_000_000
_UNHELD = next(map(getrefcount, [Value(NUMBER[int], 0)]))


_CLOSED = Position(None, None, None, (), False, ())  # the position of a submitted trace: it has no children
_SPENT = Position(None, None, None, (), False, ())  # the position of a trace that has run and is about to restart
_SPENT.slots = -1


class Trace:
    """The lines recorded by one thread for one place since the last flush, as a path in the tree.

    Any thread may flush it, when it reads a value promised here. A lock would cost a fifth of recording a line, so only
    flushing takes one: another thread waits while `recording` is set, and a line waits while `claimed` is set.

    `elsewhere(trace, call, inputs)` records lines whose inputs belong to another trace.
    """

    def __init__(self, place, elsewhere):
        self.place = place
        self.elsewhere = elsewhere
        self.root = Position(None, None, None, (), False, ())
        self.lock = threading.RLock()
        self.thread = threading.get_ident()
        self.recording = self.claimed = False
        self.checks = []  # pairs (flag, function that makes the error of its array)
        self.held = []  # (old value, storage) of memory written to since the first check, where the trace does not have the old value
        self.guard = None  # of the trace that is running
        self.backwards = 0
        self.updated = False
        self.restart()

    def restart(self):
        """Begin a new recording; what the old one promised is computed, or broken."""
        self.position = _SPENT  # from here on nothing of the old trace can run again
        self.submitted = None  # where a training step ended that has not run yet
        self.values = []  # by slot: leaves and outputs in order of appearance; None where no value was made
        self.epoch = Epoch(self)
        self.oldest = next(ticks)  # nodes with a smaller number belong to an earlier trace
        self.backwards = 0
        self.overwritten = 0
        self.updated = False
        self.segments = None  # where the trace is cut into segments: what the current one holds
        self.position = self.root

    def _repair(self):
        """Make the slots agree with the position again: Ctrl-C came while a line was being recorded."""
        if self.position is _SPENT:
            self.restart()
        elif self.position is not _CLOSED:
            slots = self.position.slots
            self._forget(slots)
            self.values += [None] * (slots - len(self.values))

    def record(self, call, inputs):
        """Append one line. Returns (position, value), or (position, list of values) for several outputs.

        Hot path: about a dictionary look-up and one Value per output. Shape errors are raised here. Ctrl-C may come at
        any call in here; the next line then finds too many or too few slots and repairs them.
        """
        try:
            self.recording = True  # before `claimed` is read: another thread sets it before it reads this
            if self.claimed:
                self._give_way()
            values = self.values
            before = len(values)
            if before != self.position.slots and self.position is not _CLOSED:
                self._repair()
                values = self.values
                before = len(values)
            epoch = self.epoch
            key = [call]
            for v in inputs:
                if v.epoch is epoch:
                    key.append(v.slot)
                else:
                    t = v.type
                    if v.array is None or (t.place is not self.place and t.place is not None):
                        self._forget(before)
                        self.recording = False
                        return self.elsewhere(self, call, inputs)
                    v.slot = len(values)
                    values.append(v)
                    v.epoch = epoch  # last: only now the value belongs to the trace
                    key.append(t)
            key = tuple(key)
            position = self.position.children.get(key)
            if position is None or self.segments is not None:
                position = self._new_line(position, key, call, inputs, before)
                if position is None:
                    return self.record(call, inputs)
            self.position = position
            slot = len(values)
            for t in position.types:
                out = _new(Value)  # what `Value(t, None, epoch, slot)` would make, in two thirds of the time
                out.type = t
                out.array = out.mark = out.sent = None
                out.epoch = epoch
                out.slot = slot
                out.owned = True
                values.append(out)
                slot += 1
            if not position.single:
                out = values[slot - len(position.types) :]
            if position.full:
                self.recording = False
                self._cut()
            return position, out
        finally:
            self.recording = False

    def _new_line(self, known, key, call, inputs, before):
        """The position of a line that may never have been recorded here; None where the trace had to be run before it."""
        try:
            if self.submitted is None and not self._ends_segment(known, call, inputs):
                return known or self._extend(key, call, inputs)
        except BaseException:
            self._forget(before)
            raise
        self._forget(before)
        self.recording = False
        self._cut()

    def _ends_segment(self, known, call, inputs):
        """Whether the trace is cut before this line. `known`: its position, if it was recorded here before."""
        return False

    def _cut(self):
        """Run the trace before a line, because a step has ended or it has become too long."""
        self.flush("cap")

    def begin(self):
        """Keep other threads from running the trace while more than a line changes; `recording` = False ends it.

        Call it in a `try` whose `finally` ends it: a context manager would be two more calls for each check and backward pass.
        """
        self.recording = True
        if self.claimed:
            self._give_way()

    def _give_way(self):
        """Let the thread that claimed the trace run it first."""
        while self.claimed:
            self.recording = False
            with self.lock:
                self.recording = True

    def _claim(self):
        """Wait, in another thread than the trace's own, until it records no line."""
        self.claimed = True
        while self.recording:
            time.sleep(1e-5)

    def submit(self):
        """End a training step. On an accelerator it runs at once. On the CPU it runs at the next recorded line or read: by
        then `zero_grad` has usually dropped the gradients, and the program need not write them out."""
        with self.lock:
            if self.place is not devices.CPU:
                self.flush("step")
            elif self.position is not self.root and self.submitted is None:
                self.submitted = self.position
                self.position = _CLOSED
        if deferred.pending or deferred.unraised:
            deferred.failures.report()

    def jump(self, position, slots):
        """Append lines that were recorded before from this position, without their values."""
        self.values += [None] * slots
        self.position = position

    def _extend(self, key, call, inputs):
        single, types = call.infer(tuple([v.type for v in inputs]))
        counters.misses += 1
        counters.positions += 1
        position = Position(self.position, key, call, tuple([v.type for v in inputs]), single, types)
        position.where = _user_line()
        self.position.children[key] = position
        return position

    def _forget(self, length):
        """Remove the leaves of a line that was not recorded."""
        for v in self.values[length:]:
            if v is not None:
                v.epoch = None
        del self.values[length:]

    def check(self, flag: Value, error) -> None:
        """Raise `error(array of the flag)` if the flag is true: now if it is known, else when what depends on it is read."""
        while flag.__class__ is Lifted:
            flag = flag.parts[0]
        if flag.array is not None:
            if np.asarray(flag.array).any():
                raise error(np.asarray(flag.array))
            return
        try:
            self.begin()
            self.checks.append((flag, error))
        finally:
            self.recording = False

    def flush(self, reason):
        """Compute every promised value that somebody still holds.

        After Ctrl-C or an error of the device all of them are still promised. Where a line cannot be traced, or gets no memory,
        what depends on it is broken: reading it raises. The rest is computed.
        """
        with self.lock:
            wide, claimed = jax.config.jax_enable_x64, self.claimed
            try:
                if threading.get_ident() != self.thread:
                    self._claim()
                self._flush(reason)
            except KeyboardInterrupt:  # it may come just as the block with 64-bit types is left
                if jax.config.jax_enable_x64 != wide:
                    jax.enable_x64(wide).__enter__()
                raise
            except Exception as error:
                if self.position is self.root or not deferred.failures.found(self, error):
                    raise
            finally:
                self.claimed = claimed

    def _flush(self, reason):
        if self.position is _SPENT or (self.position.slots != len(self.values) and self.submitted is None):
            self._repair()
        position = self.submitted or self.position
        if position is self.root:
            return
        if self.submitted is not None:
            reason = "step"
        if deferred.pending and any(g.on_host or g.concerns(self.epoch) for g in deferred.pending):
            deferred.failures.resolve()
        if deferred.Broken.happened and any(map(deferred.is_broken, self.values)):
            deferred.failures.isolate(self)
            return
        alive = held_by_others(self.values)
        position.stamp = counters.runs
        reason = self._ended(position, reason)
        self.guard = deferred.guards.guard_of(self, position) if self.checks else None
        program = position.programs.get(self._key(alive))
        if program is None:
            program = self._program(position, alive, reason)
        done = []
        try:
            if program is not None:
                program.run(self.values, done, self.place)
                counters.runs += isinstance(program, Program)
            else:
                run_lines(position, self.guard.with_old(alive) if self.guard else alive, self.values, self.place)
                done.append(True)
        finally:
            if done:
                self.position, self.submitted = _SPENT, None  # before any call that Ctrl-C could interrupt
                counters.lines += position.depth
                if self.guard is not None:
                    deferred.guards.ran(self, program)
                self.restart()
        if deferred.pending and program.__class__ is not Program and self.place is devices.CPU:
            deferred.failures.resolve()  # the flags are there

    def _key(self, alive):
        """What tells programs apart that end at one position."""
        return (alive, self.guard.choices) if self.guard is not None and self.guard.choices else alive

    def _ended(self, position, reason):
        """Note that the trace ends here. Gives the reason."""
        return reason

    def _program(self, position, alive, reason):
        """What runs the trace: here a program of the whole. None to run it line by line."""
        events.append((reason, position))
        del events[:-100]
        counters.warn_of_compiles(position.where)
        path = position.path()
        kind = spread[0] if any([p.call.communicates for p in path]) else Program  # noqa: C419 - a list is faster
        program = kind(path, alive, self.values, Pullback, self.guard)
        program.prepare(self.values, self.place)
        position.programs[self._key(alive)] = program
        return program


def _user_line():
    """File and line of the code outside jtorch that is recording."""
    frame = sys._getframe(2)
    while frame is not None and frame.f_code.co_filename.startswith(_OURS):
        frame = frame.f_back
    return None if frame is None else (frame.f_code.co_filename, frame.f_lineno)
