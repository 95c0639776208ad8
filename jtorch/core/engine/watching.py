"""Reports each line that runs by itself, and its seconds, to a profiler."""

from __future__ import annotations

import time
import weakref

import jax

from jtorch.core.engine.calls import Call

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
