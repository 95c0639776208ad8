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

_PATIENCE = 30.0  # seconds to wait for what other threads compile or run
_UNTIL_NEXT_LINE = 1.0  # seconds to wait after that for each thread's next line, if it comes to one

_traces: weakref.WeakSet = weakref.WeakSet()
trace_watchers.append(_traces.add)


@atexit.register
def _hold_others():
    """Take the locks of other threads' traces, as a flush does, and keep them."""
    running = {t.ident for t in threading.enumerate()} - {threading.get_ident()}
    until = time.monotonic() + _PATIENCE
    for held in [t for t in _traces if t.thread in running]:
        held.lock.acquire(timeout=max(until - time.monotonic(), 0))
        held.claimed = True
        while held.recording and time.monotonic() < until:
            time.sleep(1e-4)
    _wait_until_held({t.thread for t in _traces if t.thread in running})


def _wait_until_held(threads):
    """Wait until the threads are held at their next line: before that they may release an array, which calls C++."""
    until = time.monotonic() + _UNTIL_NEXT_LINE
    while time.monotonic() < until:
        frames = sys._current_frames()
        if all(_is_held(frames[t]) for t in threads if t in frames):
            return
        time.sleep(1e-3)


def _is_held(frame):
    return frame.f_code.co_filename == trace.__file__ and frame.f_code.co_name in ("_give_way", "flush")
