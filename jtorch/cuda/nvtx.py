"""`torch.cuda.nvtx`: marks for NVIDIA's profiler. As in a PyTorch built without them, they raise; `jax.profiler` has its own."""

from __future__ import annotations

import contextlib


def range_push(msg):
    """Raises RuntimeError."""
    raise RuntimeError("NVTX functions not installed. Are you sure you have a CUDA build?")


def range_pop():
    """Raises RuntimeError."""
    range_push("")


mark = range_start = range_end = range_push


@contextlib.contextmanager
def range(msg, *args, **kwargs):
    """A `with` block between `range_push` and `range_pop`."""
    range_push(msg.format(*args, **kwargs))
    try:
        yield
    finally:
        range_pop()
