"""The end of the process, while daemon threads still record, compile or run.

Python ends such a thread when it asks for the interpreter's lock. If it does so in a call of XLA's C++, the process aborts. So
its traces are held first: the thread waits at its next line, where nothing can happen to it.
"""

from __future__ import annotations

import atexit
import sys
import threading
import time
import weakref

from jtorch.core.engine import trace
from jtorch.core.engine.state import trace_watchers

_PATIENCE = 30.0  # seconds that a thread may still take for what it is compiling or running
_UNTIL_NEXT_LINE = 1.0  # and to come to its next line after that; one that does something else is not waited for

_traces: weakref.WeakSet = weakref.WeakSet()
trace_watchers.append(_traces.add)


@atexit.register
def _hold_others():
    """Take the traces of other threads, as one that flushes them does, and keep them."""
    running = {t.ident for t in threading.enumerate()} - {threading.get_ident()}
    until = time.monotonic() + _PATIENCE
    for held in [t for t in _traces if t.thread in running]:
        held.lock.acquire(timeout=max(until - time.monotonic(), 0))
        held.claimed = True
        while held.recording and time.monotonic() < until:
            time.sleep(1e-4)
    _wait_until_held({t.thread for t in _traces if t.thread in running})


def _wait_until_held(threads):
    """Give threads the time to come to their next line: until then they may let go of an array, which is a call of C++, too."""
    until = time.monotonic() + _UNTIL_NEXT_LINE
    while time.monotonic() < until:
        frames = sys._current_frames()
        if all(_is_held(frames[t]) for t in threads if t in frames):
            return
        time.sleep(1e-3)


def _is_held(frame):
    return frame.f_code.co_filename == trace.__file__ and frame.f_code.co_name in ("_give_way", "flush")
