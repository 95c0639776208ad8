"""`torch.cuda.profiler`: NVIDIA's profiler. As in a PyTorch built without CUDA, it raises; `torch.profiler` is real."""

from __future__ import annotations

import contextlib


def start():
    """Raises AssertionError."""
    raise AssertionError("Torch not compiled with CUDA enabled")


stop = init = start


@contextlib.contextmanager
def profile():
    """A `with` block between `start` and `stop`."""
    start()
    try:
        yield
    finally:
        stop()
