"""Reports lines: to a profiler each one that runs by itself, and its seconds; to a counter each one that is recorded."""

from __future__ import annotations

import threading
import time
import weakref

import jax

from jtorch.core.engine.calls import Call
from jtorch.core.engine.trace import Trace

_line_of = Call.line
_compiled: weakref.WeakSet = weakref.WeakSet()


class _TimedLine:
    """A line that tells `watcher` of each run."""

    def __init__(self, call, types, line, watcher):
        self.call, self.types, self.line, self.watcher = call, types, line, watcher

    def run(self, arrays):
        """The results of the line."""
        started = time.perf_counter()
        if self.line not in _compiled:  # the first time compiles
            _compiled.add(self.line)
            jax.block_until_ready(self.line.run(arrays))
        begun = time.perf_counter()
        out = jax.block_until_ready(self.line.run(arrays))
        self.watcher(self.call, self.types, time.perf_counter() - begun, begun - started)
        return out


def watch_lines(watcher) -> None:
    """Call `watcher(call, types of its inputs, seconds, seconds of compiling)` for each line that runs; None: stop."""

    def timed(call, types, place):
        return _TimedLine(call, types, _line_of(call, types, place), watcher)

    Call.line = _line_of if watcher is None else timed


class _Recording(threading.local):
    stands_for_another = False  # whether the line that is being recorded has recorded another one in its place


_recording = _Recording()
_kept: dict = {}  # (class of traces, method's name) -> the original method, while lines are watched


def watch_recorded(watcher) -> None:
    """Call `watcher(call, types of inputs, types of results)` for each line that any thread records; None: stop.

    If a line is recorded in the form of another one, as in `vmap`, the watcher gets the other.
    """
    for (kind, name), method in _kept.items():
        setattr(kind, name, method)
    _kept.clear()
    for kind in _kinds(Trace) if watcher is not None else ():
        for name, watched in (("record", _recorded), ("jump", _jumped)):
            if name in vars(kind):
                method = _kept[kind, name] = vars(kind)[name]
                setattr(kind, name, watched(method, watcher))


def _kinds(kind):
    yield kind
    for sub in kind.__subclasses__():
        yield from _kinds(sub)


def _recorded(method, watcher):
    def record(trace, call, inputs):
        _recording.stands_for_another = False
        position, out = method(trace, call, inputs)
        if not _recording.stands_for_another:
            watcher(position.call, position.in_types, position.types)
        _recording.stands_for_another = True
        return position, out

    return record


def _jumped(method, watcher):
    """`Trace.jump`, which records a stored backward pass, with a report of each of its lines."""

    def jump(trace, position, slots):
        before = trace.position.depth
        method(trace, position, slots)
        for at in position.path()[before:]:
            watcher(at.call, at.in_types, at.types)

    return jump
