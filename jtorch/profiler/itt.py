"""`torch.profiler.itt`: marks for Intel's profiler. As in a PyTorch built without them, they raise; `jax.profiler` has its own."""

from __future__ import annotations

import contextlib

__all__ = ["is_available", "mark", "range", "range_pop", "range_push"]


def is_available() -> bool:
    """False."""
    return False


def range_push(msg):
    """Raises RuntimeError."""
    raise RuntimeError("ITT functions not installed. Are you sure you have a ITT build?")


def range_pop():
    """Raises RuntimeError."""
    range_push("")


mark = range_push


@contextlib.contextmanager
def range(msg, *args, **kwargs):
    """A `with` block between `range_push` and `range_pop`."""
    range_push(msg.format(*args, **kwargs))
    try:
        yield
    finally:
        range_pop()
