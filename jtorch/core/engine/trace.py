"""Traces and programs: code is recorded line by line and runs as one XLA program when somebody looks.

`record` looks a line up as a child of the position before it in a tree of traces, so the second time round a loop
costs one dictionary look-up a line. `flush` runs what was recorded: as one program where that pays, line by line where
it does not. This file knows functions on jax arrays and nothing of tensors or gradients, except that a line may be the
pullback of another.

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

from jtorch.core.engine import calls
from jtorch.core.engine import deferred as flags
from jtorch.core.engine import program as programs
from jtorch.core.engine.calls import NUMBER, Pullback, type_of
from jtorch.core.engine.values import Lifted, Value, lifted_by
from jtorch.core.facts import config, devices

_new = object.__new__
_OURS = (str(config.ROOT), "<op ")  # where a line is never the user's


def _two_devices(places):
    first = places[0]
    other = next(p for p in places if p is not first)
    if META in places:
        return f"Tensor on device {other.device} is not on the expected device {first.device}!"
    return (
        "Expected all tensors to be on the same device, but found at least two devices,"
        f" {first.device} and {other.device}!"
    )


class Position:
    """A place in the tree of traces: one recorded line, with everything worked out about it once."""

    __slots__ = (
        "call", "children", "depth", "full", "in_types", "key", "out", "parent", "plans", "programs", "single", "slots",
        "stamp", "types", "visits", "where",
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
        self.programs = {}
        self.depth = 0 if parent is None else parent.depth + 1
        leaves = 0 if key is None else sum(k.__class__ is not int for k in key[1:])
        self.slots = len(types) + leaves + (0 if parent is None else parent.slots)  # values in a trace that ends here
        self.full = self.depth >= config.max_lines
        self.plans = None  # backward walks that began here before: see plans.Plan
        self.visits = 0
        self.stamp = 0
        self.where = None

    def path(self) -> list[Position]:
        """The lines from the root to here."""
        lines, at = [], self
        while at.parent is not None:
            lines.append(at)
            at = at.parent
        return lines[::-1]


counters = programs.counters
events: list = []  # (reason, position) of each whole compile, newest last; read by jtorch.compiler.explain


ticks = count()  # numbers gradient nodes, and the traces between them


class Epoch:
    """One trace between two flushes: slots are good while a value's epoch is the trace's own."""

    __slots__ = ("trace",)

    def __init__(self, trace):
        self.trace = trace


def _alive(values) -> bytes:
    """For each value whether anybody but the trace holds it. Reference counts tell at 20 ns a value, where a
    list of weak references would cost 100 ns at each recorded line."""
    return bytes(map(gt, map(getrefcount, values), repeat(_UNHELD)))


_UNHELD = 1_000_000
_UNHELD = next(map(getrefcount, [Value(NUMBER[int], 0)]))


_CLOSED = Position(None, None, None, (), False, ())  # where a submitted trace stands: it has no children
_SPENT = Position(None, None, None, (), False, ())  # where a trace stands that has run and is about to start again
_SPENT.slots = -1


class _Broken:
    """What stands for the trace of a value that cannot be computed."""

    def __init__(self, error):
        self.error = error

    def flush(self, reason):
        raise self.error


class Trace:
    """The lines recorded by one thread for one place since the last flush, as a path in the tree.

    Any thread may flush it, when it looks at a value promised here. A lock would cost a fifth of recording a line, so
    there is one for flushing only: `recording` keeps the others waiting for the line, `claimed` the line for them.
    """

    def __init__(self, place):
        self.place = place
        self.root = Position(None, None, None, (), False, ())
        self.lock = threading.RLock()
        self.thread = threading.get_ident()
        self.recording = self.claimed = False
        self.checks = []
        self.fresh = 0
        self.backwards = 0
        self.updated = False
        self._restart()

    def _restart(self):
        self.position = _SPENT  # from here on nothing of the old trace can be run again
        self.pending = None
        self.values = []  # by slot: leaves and outputs in order of appearance; None where no value was made
        self.epoch = Epoch(self)
        self.oldest = next(ticks)  # nodes with a smaller number belong to an earlier trace
        self.backwards = 0
        self.overwritten = 0
        self.updated = False
        self.position = self.root

    def _repair(self):
        """Make the slots agree with the position again: Ctrl-C came while a line was being recorded."""
        if self.position is _SPENT:
            self._restart()
        elif self.position is not _CLOSED:
            slots = self.position.slots
            self._forget(slots)
            self.values += [None] * (slots - len(self.values))

    def record(self, call, inputs):
        """Append one line. Returns (position, value), or (position, list of values) for several outputs.

        Hot path: about a dictionary look-up and one Value per output. Shape errors are raised here. Ctrl-C may
        come at any call in here; the next line finds too many or too few slots and repairs them.
        """
        try:
            self.recording = True  # first: who claims the trace looks here afterwards
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
                        return self._elsewhere(call, inputs)
                    v.slot = len(values)
                    values.append(v)
                    v.epoch = epoch  # last: a value is in the trace only when it has its slot
                    key.append(t)
            key = tuple(key)
            position = self.position.children.get(key)
            if position is None:
                if self.pending is not None:
                    self._forget(before)
                    self.recording = False
                    self.flush("step")
                    return self.record(call, inputs)
                try:
                    position = self._extend(key, call, inputs)
                except BaseException:
                    self._forget(before)
                    raise
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
                self.flush("cap")
            return position, out
        finally:
            self.recording = False

    def begin(self):
        """Keep other threads from running the trace, around what changes more than a line; `recording` = False ends it.

        To be called in a `try` that does so in `finally`: a context manager would be two more calls for each check and walk.
        """
        self.recording = True
        if self.claimed:
            self._give_way()

    def _give_way(self):
        """Let the thread that has claimed the trace run it before the line that was about to be recorded."""
        while self.claimed:
            self.recording = False
            with self.lock:
                self.recording = True

    def _claim(self):
        """Have the trace to ourselves, in another thread than its own."""
        self.claimed = True
        while self.recording:
            time.sleep(1e-5)

    def submit(self):
        """The end of a training step. On an accelerator it is run at once; on the CPU at the next line or look:
        by then `zero_grad` has usually dropped the gradients, and the program need not write them out."""
        with self.lock:
            if self.place is not devices.CPU:
                self.flush("step")
            elif self.position is not self.root and self.pending is None:
                self.pending = self.position
                self.position = _CLOSED

    def jump(self, position, slots):
        """Append lines recorded before from this very place, without their values. Returns the first new slot."""
        start = len(self.values)
        self.values += [None] * slots
        self.position = position
        return start

    def _extend(self, key, call, inputs):
        single, types = call.infer(tuple([v.type for v in inputs]))
        counters.misses += 1
        counters.positions += 1
        position = Position(self.position, key, call, tuple([v.type for v in inputs]), single, types)
        position.where = _user_line()
        self.position.children[key] = position
        return position

    def _forget(self, length):
        """Take back the leaves of a line that was not recorded."""
        for v in self.values[length:]:
            if v is not None:
                v.epoch = None
        del self.values[length:]

    def _elsewhere(self, call, inputs):
        """A line whose inputs were promised by another trace, live in another place or are lifted."""
        level = lifted_by(inputs)
        if level is not None:
            return level.record(call, inputs)
        places = [v.type.place for v in inputs if v.type.place is not None]
        if TRACED in places:
            with jax.ensure_compile_time_eval():  # what JAX is tracing must not take in what we computed before
                for v in inputs:
                    v.known()
            return local.make(TRACED).record(call, inputs)
        for v in inputs:
            if v.array is None and v.epoch is not self.epoch and v.type.place is not META:
                v.known()
        solid = [v.type.place for v in inputs if v.type.ndim and v.type.place is not None] or places
        place = META if META in solid else solid[0]
        for p in solid:
            if p is not place:
                raise RuntimeError(_two_devices(solid))
        trace = trace_of(place)
        if trace is self:
            inputs = [v if v.type.place in (place, None) else _moved(v, place) for v in inputs]
        return trace.record(call, inputs)

    def check(self, flag: Value, error) -> None:
        """Raise `error(array)` at the next look if the flag turns out true, its array being that of the flag."""
        while flag.__class__ is Lifted:
            flag = flag.parts[0]
        try:
            self.begin()
            self.checks.append((flag, error))
        finally:
            self.recording = False

    def flush(self, reason):
        """Compute every promised value that somebody still holds.

        Ctrl-C, and a device that gives up, leave all of them promised. A line that cannot be traced raises here and
        takes with it only what depends on it.
        """
        with self.lock:
            wide, claimed = jax.config.jax_enable_x64, self.claimed
            try:
                if threading.get_ident() != self.thread:
                    self._claim()
                self._flush(reason)
            except (jax.errors.JaxRuntimeError, MemoryError):
                raise
            except KeyboardInterrupt:  # it may come just when the block that allows 64 bits is left
                if jax.config.jax_enable_x64 != wide:
                    jax.enable_x64(wide).__enter__()
                raise
            except Exception:
                if self.position is self.root:  # the trace has run: a check of data found something
                    raise
                self._isolate()
                raise  # the lines are well, the program is not: everything is computed, and the error is told
            finally:
                self.claimed = claimed

    def _isolate(self):
        """Run each line for itself; what depends on one that raises will raise that again when somebody looks."""
        position, broken = self.pending or self.position, {}
        programs.run_lines(position, _alive(self.values), self.values, self.place, broken)
        for slot, error in broken.items():
            if self.values[slot] is not None:
                self.values[slot].epoch = Epoch(_Broken(error))
        flags.pending.extend([(flag, error) for flag, error in self.checks if flag.array is not None])
        self.checks = []
        counters.lines += position.depth
        self._restart()
        for error in broken.values():
            raise error

    def _flush(self, reason):
        if self.position is _SPENT or (self.position.slots != len(self.values) and self.pending is None):
            self._repair()
        position = self.pending or self.position
        if position is self.root:
            return
        if self.pending is not None:
            reason = "step"
        alive = _alive(self.values)
        position.visits += 1
        position.stamp = counters.runs
        program = position.programs.get(alive)
        if program is None:
            program = self._program(position, alive, reason)
        else:
            self.fresh = 0
        done, late = [], False
        try:
            if program is not None:
                program.run(self.values, done, self.place)
                counters.runs += 1
            else:
                programs.run_lines(position, alive, self.values, self.place)
                done.append(True)
        finally:
            if done:
                self.position, self.pending = _SPENT, None  # before any call that Ctrl-C could cut short
                counters.lines += position.depth
                flags.pending.extend(self.checks)
                late = len(flags.pending) > 100
                self.checks = []
                self._restart()
        if late:
            flags.settle(newest=50)
        if counters.positions > config.max_positions:
            _prune(self.root)

    def _program(self, position, alive, reason):
        """A program for a trace trusted to come back (a training step) or seen to do so; None to run its lines."""
        lines = position.path()
        if reason == "step" and self.fresh < config.fresh_budget:
            self.fresh += 1
        elif len(lines) == 1 or position.visits < _patience(lines):
            return None
        events.append((reason, position))
        del events[:-100]
        counters.warn_of_compiles(position.where)
        program = programs.Program(lines, alive, self.values, Pullback)
        program.prepare(self.values, self.place)
        position.programs[alive] = program
        return program


def _patience(lines):
    """At which visit a trace becomes one program: at the second in training, else when it has come many times.

    Text made token by token comes back in each of its lengths, and compiling them all would take a thousand times
    longer than running their lines, which other traces share. A count and not a clock, so that every run of a
    script computes the same bits.
    """
    return 2 if any(line.call.__class__ is Pullback for line in lines) else config.patience


class EagerTrace(Trace):
    """Runs each line at once: for `jtorch.eager()`, and for values that are tracers of JAX's transformations."""

    def record(self, call, inputs):
        places = {v.type.place for v in inputs} - {None}
        if (places - {self.place} and (self.place is not TRACED or TRACED not in places)) or lifted_by(inputs):
            return self._elsewhere(call, inputs)
        types = tuple([v.type for v in inputs])
        if self.place is TRACED:  # what a tracer meets is none, perhaps, but what comes of them is
            types = tuple([t if t.place is None else type_of(t.shape, t.dtype, TRACED, t.strides) for t in types])
        single, out_types = call.infer(types)
        position = Position(self.root, (), call, types, single, out_types)
        arrays = [np.asarray(v.array, v.type.dtype.np) if v.type.number else v.known() for v in inputs]
        counters.lines += 1
        with jax.enable_x64(True), programs.on(self.place):
            out = call.bind(types)(*arrays) if self.place is TRACED else call.line(types, self.place).run(arrays)
        values = [Value(t, a) for t, a in zip(out_types, [out] if single else out, strict=True)]
        return position, values[0] if single else values

    def flush(self, reason):
        if self.checks:
            flags.pending.extend(self.checks)
            self.checks = []


class MetaTrace(Trace):
    """Shapes only: what is recorded here is never computed."""

    def record(self, call, inputs):
        places = {v.type.place for v in inputs} - {None}
        if (places and META not in places) or lifted_by(inputs):
            return self._elsewhere(call, inputs)
        types = tuple([v.type for v in inputs])
        single, out_types = call.infer(types)
        position = Position(self.root, (), call, types, single, out_types)
        values = [Value(type_of(t.shape, t.dtype, META, t.strides), None) for t in out_types]
        return position, values[0] if single else values


META = devices.place("meta")
TRACED = devices.Place(devices.device("cpu"), None)  # inside jax.jit, jax.grad, jax.vmap


class _Local(threading.local):
    """This thread's traces, and the switches that ops read at each line."""

    def __init__(self):
        self.traces = {}
        self.eager = config.eager
        self.grad = True
        self.inference = False
        self.anomaly = None  # what looks for NaN in gradients: see jtorch.autograd.anomaly_mode
        self.running = None  # the backward that is running
        self.mutable = False  # saved values may have been written to
        self.batch = None  # the innermost vmap that is running
        self.casting = None  # what autocast does to a new trace: see jtorch.amp
        self.crossing = None  # what a backward does with gradients that leave a level: see jtorch.core.tensor.levels
        self.trace = self.make(devices.CPU)

    def make(self, place):
        if place not in self.traces:
            kind = MetaTrace if place is META else EagerTrace if place is TRACED or self.eager else Trace
            self.traces[place] = kind(place)
            if self.casting is not None:
                self.casting(self.traces[place])
        return self.traces[place]


local = _Local()


def trace_of(place) -> Trace:
    """This thread's trace for a place, made current."""
    local.trace = local.make(place)
    return local.trace


def record(call, inputs, place=None):
    """Record one line in this thread's trace; see `Trace.record`. `place` is for lines without inputs."""
    if place is not None and place is not local.trace.place:
        return trace_of(place).record(call, inputs)
    return local.trace.record(call, inputs)


def flush(reason="look") -> None:
    """Run what this thread has recorded, on every place."""
    for trace in list(local.traces.values()):
        trace.flush(reason)


def set_eager(on: bool) -> None:
    """Compute each line at once in this thread, or record again."""
    flush()
    local.eager = on
    local.traces = {}
    local.trace = local.make(devices.CPU)


def reset() -> None:
    """Forget this thread's traces and their programs."""
    flush()
    local.traces = {}
    local.trace = local.make(devices.CPU)


def forget() -> None:
    """Forget what was worked out about calls, too: a switch changed that they read while they are traced."""
    reset()
    calls.forget()


def set_precision(of: str, precision: str) -> None:
    """How XLA multiplies float32 on an accelerator, for programs compiled from now on: `of` "matmul" or "convolution"."""
    if programs.precision[of] != precision:
        flush()  # what was recorded was meant with the one before
        programs.precision[of] = precision
        forget()


def move(v: Value, place) -> Value:
    """The same value on another place. A tracer of JAX's is on no place, and a lifted value where its parts are."""
    if v.type.place is place or v.type.place is TRACED:
        return v
    return _moved(v, place)


def _moved(v, place):
    array = v.known()
    target = type_of(v.type.shape, v.type.dtype, place, v.type.strides)
    if place is META:
        return Value(target, None)
    if place is devices.CPU:
        return Value(target, np.asarray(array))
    with jax.enable_x64(True):
        return Value(target, jax.device_put(array, place.jax))


def _prune(root):
    """Drop the least recently used half of the tree: shapes that never repeat must not fill the memory."""
    newest, order = {}, [root]
    for at in order:
        order.extend(at.children.values())
    for at in reversed(order):
        newest[at] = max([at.stamp, *[newest[c] for c in at.children.values()]])
    limit = sorted(newest.values())[len(newest) // 2]
    kept, stack = 0, [root]
    while stack:
        at = stack.pop()
        kept += 1
        at.children = {k: c for k, c in at.children.items() if newest[c] > limit}
        stack.extend(at.children.values())
    counters.positions = kept
    calls.forget(1000)


def _user_line():
    """File and line of the code outside jtorch that is recording."""
    frame = sys._getframe(2)
    while frame is not None and frame.f_code.co_filename.startswith(_OURS):
        frame = frame.f_back
    return None if frame is None else (frame.f_code.co_filename, frame.f_lineno)
