"""Streams and events: a GPU has one queue and runs its work in order. `jtorch.core.methods.queues` has what they do."""

from __future__ import annotations

from jtorch.core.methods import Event as AnyEvent
from jtorch.core.methods import Stream as AnyStream


class Event(AnyEvent):
    """A point in the GPU's work. Its time is the host's."""

    def __init__(self, enable_timing=False, blocking=False, interprocess=False, external=False):
        super().__init__("cuda", enable_timing=enable_timing)

    def __repr__(self):
        return "<torch.cuda.Event uninitialized>" if self._time is None else f"<torch.cuda.Event 0x{id(self):x}>"


class Stream(AnyStream):
    """A queue of a GPU's work; JAX has one for each GPU."""

    def __init__(self, device=None, priority=0, **kwargs):
        super().__init__("cuda" if device is None else device, priority=priority)

    cuda_stream = 0

    def __repr__(self):
        return f"<torch.cuda.Stream device={self.device} cuda_stream=0x0>"

    def record_event(self, event=None) -> Event:
        event = Event() if event is None else event
        event.record(self)
        return event


class ExternalStream(Stream):
    """A queue that other code made. Differs from torch: it is the GPU's one queue, whatever the address."""

    def __init__(self, stream_ptr, device=None, **kwargs):
        super().__init__(device)


class StreamContext:
    """A `with` block whose work goes to a stream; there is one."""

    def __init__(self, stream):
        self.stream = stream

    def __enter__(self):
        return None

    def __exit__(self, *exc):
        return False


def current_stream(device=None) -> Stream:
    """The GPU's queue of work."""
    return Stream(device)


default_stream = current_stream


def stream(stream) -> StreamContext:
    """A `with` block whose work goes to a stream; there is one."""
    return StreamContext(stream)


def set_stream(stream) -> None:
    """Accepted, and does nothing: there is one queue."""
