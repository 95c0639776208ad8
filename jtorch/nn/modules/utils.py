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


def consume_prefix_in_state_dict_if_present(state_dict: dict, prefix: str) -> None:
    """Take a prefix off the keys of a state_dict that have it, in place: "module." after training with DDP.

    >>> state = {"module.weight": 1, "bias": 2}
    >>> torch.nn.modules.utils.consume_prefix_in_state_dict_if_present(state, "module.")
    >>> state
    {'bias': 2, 'weight': 1}
    """
    for key in list(state_dict):
        if key.startswith(prefix):
            state_dict[key.removeprefix(prefix)] = state_dict.pop(key)
    metadata = getattr(state_dict, "_metadata", None)
    if metadata is not None:
        for key in list(metadata):
            if key and (key.startswith(prefix) or key == prefix.replace(".", "")):  # "" is the module around
                metadata[key[len(prefix) :]] = metadata.pop(key)


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
