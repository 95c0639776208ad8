"""The device that is not the CPU: its kind, and the index in use."""

from __future__ import annotations

import contextlib

from jtorch import cuda
from jtorch.core.facts import device, dtypes


def is_available() -> bool:
    """Whether there is an accelerator."""
    return cuda.is_available()


def current_accelerator(check_available: bool = False) -> device | None:
    """The accelerator as a device without an index; None if there is none."""
    return device("cuda") if cuda.is_available() else None


def device_count() -> int:
    """How many accelerators there are."""
    return cuda.device_count()


def require_accelerator():
    if not cuda.is_available():
        raise RuntimeError("Cannot access accelerator device when none is available.")


def current_device_index() -> int:
    """The index of the accelerator in use in this thread."""
    require_accelerator()
    return cuda.current_device()


def set_device_index(device) -> None:
    """Use this accelerator in this thread."""
    require_accelerator()
    cuda.set_device(device)


@contextlib.contextmanager
def device_index(device: int | None):
    """Use this accelerator within a block; None changes nothing."""
    if device is None:
        yield
        return
    before = current_device_index()
    set_device_index(device)
    try:
        yield
    finally:
        set_device_index(before)


def synchronize(device=None) -> None:
    """Wait until the accelerator has done everything it was given."""
    require_accelerator()
    cuda.synchronize(device)


def current_stream(device=None):
    """The stream in use; work runs in order anyway."""
    require_accelerator()
    return cuda.current_stream(device)


def set_stream(stream) -> None:
    """Accepted, and does nothing: there is one queue."""
    require_accelerator()


def get_device_capability(device=None, /) -> dict:
    """The dtypes that the accelerator computes with, as {"supported_dtypes": a set}."""
    require_accelerator()
    return {"supported_dtypes": {d for d in dtypes.ALL if d.computed}}


class Graph:
    """A recorded piece of an accelerator's work. Making one raises RuntimeError: what repeats is compiled without it."""

    def __init__(self, keep_graph=False, *, pool=None, capture_error_mode="default"):
        require_accelerator()
        cuda.CUDAGraph(keep_graph)
