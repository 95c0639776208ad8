"""The end of the process, while daemon threads still record, compile or run.

Python ends such a thread when it asks for the interpreter's lock. If it does so in a call of XLA's C++, the process aborts. So
its traces are held first: the thread waits at its next line, where nothing can happen to it.
"""

from __future__ import annotations

import atexit
import threading
import time
import weakref

from jtorch.core.engine.state import trace_watchers

_PATIENCE = 30.0  # seconds that a thread may still take for what it is compiling or running

_traces: weakref.WeakSet = weakref.WeakSet()
trace_watchers.append(_traces.add)


@atexit.register
def _hold_others():
    """Take the traces of other threads, as one that flushes them does, and keep them."""
    running = {t.ident for t in threading.enumerate()} - {threading.get_ident()}
    until = time.monotonic() + _PATIENCE
    for trace in [t for t in _traces if t.thread in running]:
        trace.lock.acquire(timeout=max(until - time.monotonic(), 0))
        trace.claimed = True
        while trace.recording and time.monotonic() < until:
            time.sleep(1e-4)
