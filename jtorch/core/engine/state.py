"""Each thread's own state: its traces, one for each place, and the fields that the folders above add."""

from __future__ import annotations

import threading

import jax

from jtorch.core.engine import calls, compiling
from jtorch.core.engine.modes import EagerTrace, MetaTrace
from jtorch.core.engine.trace import Trace
from jtorch.core.engine.value_types import META, TRACED
from jtorch.core.engine.values import lifted_by, move
from jtorch.core.facts import config, devices

trace_class = Trace  # the class of traces that record; the engine puts a subclass in its place
trace_watchers: list = []  # functions that are called with each new trace


class _ThreadState(threading.local):
    """This thread's state.

    It is one object for all folders because each read of a `threading.local` costs as much as three other reads: a recorded
    line reads its `__dict__` once. The engine's fields are below; `add_fields` adds those of a folder above.
    """

    def __init__(self):
        self.traces = {}  # by place
        self.eager = config.eager
        self.trace = self.make(devices.CPU)  # the current one
        self.__dict__.update(_added)

    def make(self, place):
        """This thread's trace for a place."""
        if place not in self.traces:
            kind = MetaTrace if place is META else EagerTrace if place is TRACED or self.eager else trace_class
            self.traces[place] = kind(place, _elsewhere)
            for watcher in trace_watchers:
                watcher(self.traces[place])
        return self.traces[place]


def _elsewhere(trace, call, inputs):
    """Record a line whose inputs were promised by another trace, live in another place or are lifted."""
    level = lifted_by(inputs)
    if level is not None:
        return level.record(call, inputs)
    places = [v.type.place for v in inputs if v.type.place is not None]
    if TRACED in places:
        with jax.core.eval_context():  # what is computed here is not part of a trace of JAX's
            for v in inputs:
                v.materialize()
        return local.make(TRACED).record(call, inputs)
    for v in inputs:
        if v.is_promised and v.epoch is not trace.epoch and v.type.place is not META:
            v.materialize()
    place = _common_place(inputs, places)
    there = trace_of(place)
    if there is trace:
        inputs = [v if v.type.place is None else move(v, place) for v in inputs]
    return there.record(call, inputs)


def _common_place(inputs, places):
    """The place of a line. Tensors with dimensions decide it; a 0-dim tensor may be on the CPU in any case."""
    solid = [v.type.place for v in inputs if v.type.ndim and v.type.place is not None] or places
    place = META if META in solid else solid[0]
    for other in solid:
        if other is not place:
            raise RuntimeError(_two_devices(solid))
    return place


def _two_devices(places):
    first = places[0]
    other = next(p for p in places if p is not first)
    if META in places:
        return f"Tensor on device {other.device} is not on the expected device {first.device}!"
    return f"Expected all tensors to be on the same device, but found at least two devices, {first.device} and {other.device}!"


_added: dict = {}  # fields of the folders above, and their first values
local = _ThreadState()


def add_fields(**first) -> None:
    """Add fields to every thread's `local`. For a module to call while it is imported."""
    _added.update(first)
    local.__dict__.update(first)


def trace_of(place) -> Trace:
    """This thread's trace for a place, made current."""
    local.trace = local.make(place)
    return local.trace


def record(call, inputs, place=None):
    """Record one line in this thread's trace; see `Trace.record`. `place` is for lines without inputs."""
    if place is not None and place is not local.trace.place:
        return trace_of(place).record(call, inputs)
    return local.trace.record(call, inputs)


def flush(reason="read") -> None:
    """Run what this thread has recorded, on every place."""
    for trace in list(local.traces.values()):
        trace.flush(reason)


def set_eager(on: bool) -> None:
    """Compute each line at once in this thread, or record again."""
    flush()
    local.eager = on
    _new_traces()


def reset() -> None:
    """Forget this thread's traces and their programs."""
    flush()
    _new_traces()


def _new_traces():
    local.traces = {}
    local.trace = local.make(devices.CPU)


def forget() -> None:
    """Also forget the traces of calls, because something changed that their functions read."""
    reset()
    calls.drop_caches()


def set_precision(of: str, precision: str) -> None:
    """How XLA multiplies float32 on an accelerator, for programs compiled from now on: `of` "matmul" or "convolution"."""
    if compiling.precision[of] != precision:
        flush()  # with the old precision
        compiling.precision[of] = precision
        forget()
