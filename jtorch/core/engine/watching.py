"""Tells a profile of each line that runs at once, and of the seconds that it took."""

from __future__ import annotations

import time
import weakref

import jax

from jtorch.core.engine.modes import EagerTrace

_plain = EagerTrace.run_line
_compiled: weakref.WeakSet = weakref.WeakSet()


def watch_lines(watcher) -> None:
    """Call `watcher(call, types of its inputs, seconds, seconds of compiling)` for each line that runs at once; None: stop."""

    def timed(trace, call, types, arrays):
        line, started = call.line(types, trace.place), time.perf_counter()
        if line not in _compiled:  # the first time compiles
            _compiled.add(line)
            jax.block_until_ready(line.run(arrays))
        begun = time.perf_counter()
        out = jax.block_until_ready(line.run(arrays))
        watcher(call, types, time.perf_counter() - begun, begun - started)
        return out

    EagerTrace.run_line = _plain if watcher is None else timed
