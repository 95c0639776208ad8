"""`torch.cpu`: the functions of `torch.cuda` that exist for the CPU, too."""

from jtorch.core.methods import processor as _processor
from jtorch.cpu import amp

__all__ = ["Event", "Stream", "StreamContext", "amp", "current_device", "current_stream", "device_count",
           "get_capabilities", "is_available", "is_initialized", "set_device", "stream", "synchronize"]  # fmt: skip

Event, Stream, StreamContext = _processor.Event, _processor.Stream, _processor.StreamContext
current_stream, stream = _processor.current_stream, _processor.stream
get_capabilities, synchronize = _processor.get_capabilities, _processor.synchronize
del _processor


def is_available() -> bool:
    """True."""
    return True


def is_initialized() -> bool:
    """True."""
    return True


def device_count() -> int:
    """Always 1."""
    return 1


def current_device() -> str:
    """Always "cpu"."""
    return "cpu"


def set_device(device) -> None:
    """Accepted, and does nothing: there is one CPU."""
