"""Streams and events: a GPU has one queue and runs its work in order, so these do nothing."""

from __future__ import annotations

import contextlib
import time

from jtorch.cuda._utils import synchronize


class Event:
    """A point in the GPU's work. Its time is the host's."""

    def __init__(self, enable_timing=False, blocking=False, interprocess=False):
        self._time = None

    def record(self, stream=None):
        synchronize()
        self._time = time.perf_counter()

    def synchronize(self):
        synchronize()

    def query(self):
        return True

    def elapsed_time(self, end_event):
        """Milliseconds from this event to another."""
        return (end_event._time - self._time) * 1000


class Stream:
    """A queue of work; JAX has one for each GPU."""

    def __init__(self, device=None, priority=0):
        self.device = device

    def synchronize(self):
        synchronize(self.device)

    def wait_stream(self, stream):
        """Accepted, and does nothing: there is one queue."""


def current_stream(device=None) -> Stream:
    """The GPU's queue of work."""
    return Stream(device)


default_stream = current_stream


def stream(stream):
    """A `with` block whose work goes to a stream; there is one."""
    return contextlib.nullcontext(stream)
