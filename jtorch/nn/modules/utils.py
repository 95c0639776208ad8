"""`torch.nn.modules.utils`: one number for each dimension."""

from __future__ import annotations

from collections.abc import Iterable


def as_tuple(value, count):
    """A setting for each dimension: what can be iterated as it is, anything else `count` times."""
    return tuple(value) if isinstance(value, Iterable) else (value,) * count


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
