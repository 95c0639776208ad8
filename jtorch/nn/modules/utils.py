"""`torch.nn.modules.utils`: a setting for each dimension, and methods that several layers share."""

from __future__ import annotations

from collections.abc import Iterable
from types import FunctionType


def as_tuple(value, count):
    """A setting for each dimension: an iterable as it is, anything else repeated `count` times."""
    return tuple(value) if isinstance(value, Iterable) else (value,) * count


def copy_as(qualname, function):
    """A copy of the function under another name, so that errors about wrong arguments show that name."""
    made = FunctionType(
        function.__code__, function.__globals__, function.__name__, function.__defaults__, function.__closure__
    )
    made.__qualname__ = qualname
    return made


def _ntuple(n, name="parse"):
    def parse(value):
        return as_tuple(value, n)

    parse.__name__ = name
    return parse


_single = _ntuple(1, "_single")
_pair = _ntuple(2, "_pair")
_triple = _ntuple(3, "_triple")
_quadruple = _ntuple(4, "_quadruple")


def _reverse_repeat_tuple(t, n):
    """Each element n times, the last one first."""
    return tuple(x for x in reversed(t) for _ in range(n))
