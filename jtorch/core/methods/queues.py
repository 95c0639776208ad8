"""`torch.Stream` and `torch.Event`: a device has one queue and runs its work in order, so waiting in it does nothing."""

from __future__ import annotations

import time

import jax

from jtorch.core import engine
from jtorch.core.facts import accelerator, devices


class Stream:
    """A queue of work; JAX has one for each device. A `with` block whose work goes to it.

    Differs from torch: all streams of a device are its one queue, so work in two of them does not overlap.
    """

    def __init__(self, device=None, *, priority=0):
        self.device = devices.device(device if device is not None else getattr(accelerator(), "name", "cpu"))
        self.priority, self.stream_id = priority, 0

    device_type = property(lambda self: self.device.type)
    device_index = property(lambda self: -1 if self.device.index is None else self.device.index)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        return False

    def __eq__(self, other):
        return isinstance(other, Stream) and self.device == other.device

    def __hash__(self):
        return hash(self.device)

    def __repr__(self):
        return f"torch.Stream device_type={self.device_type}, device_index={self.device_index}, stream_id=0"

    def query(self) -> bool:
        """Always True: whoever asks has already waited for the work."""
        self.synchronize()
        return True

    def synchronize(self) -> None:
        """Wait until the recorded work is done."""
        engine.flush()
        kind = devices.KINDS[self.device.type]
        if kind.available() and not kind.shapes_only:
            index = devices.current_index(self.device.type) if self.device.index is None else self.device.index
            jax.device_put(0.0, kind.devices()[index]).block_until_ready()

    def wait_stream(self, stream) -> None:
        """Accepted, and does nothing: there is one queue."""

    def wait_event(self, event) -> None:
        """Accepted, and does nothing: there is one queue."""

    def record_event(self, event=None) -> Event:
        """An event that marks this point."""
        event = Event() if event is None else event
        event.record(self)
        return event


class Event:
    """A point in a device's work. Its time is the host's, taken when all work before it is done."""

    def __init__(self, device=None, *, enable_timing=False, blocking=False, interprocess=False):
        self.device = devices.device(device if device is not None else getattr(accelerator(), "name", "cpu"))
        self.enable_timing = enable_timing
        self._time = None

    event_id = 0

    def __repr__(self):
        index = -1 if self.device.index is None else self.device.index
        return f"torch.Event device_type={self.device.type}, device_index={index}, event_flag=0, event_id=0"

    def record(self, stream=None) -> None:
        """Mark this point: wait for the work before it, and take the time."""
        (stream or Stream()).synchronize()
        self._time = time.perf_counter()

    def wait(self, stream=None) -> None:
        """Accepted, and does nothing: there is one queue."""

    def query(self) -> bool:
        """True: the work before it is done."""
        return True

    def synchronize(self) -> None:
        """Accepted, and does nothing: `record` has waited."""

    def elapsed_time(self, end_event) -> float:
        """Milliseconds from this event to another."""
        if self._time is None or end_event._time is None:
            raise RuntimeError("Both events must be recorded before calculating elapsed time.")
        return (end_event._time - self._time) * 1000


Stream.__module__ = Event.__module__ = "torch"
