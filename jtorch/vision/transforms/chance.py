"""The random draws of transforms, from PyTorch's default stream in the order in which torchvision draws."""

from __future__ import annotations

from jtorch.core.ops.make.create import empty
from jtorch.core.ops.make.random import rand, randint


def uniform(low: float, high: float) -> float:
    """A number from low to high."""
    return empty(1).uniform_(low, high).item()


def below(high: int) -> int:
    """An integer from 0 to high - 1."""
    return randint(0, high, (1,)).item()


def happens(p: float) -> bool:
    """True with probability p."""
    return rand(1).item() < p
