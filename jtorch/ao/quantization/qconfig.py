"""`QConfig`: which observers a part of a model would have."""

from __future__ import annotations

from typing import Any, NamedTuple

from jtorch.nn.modules.module import Module

__all__ = ["QConfig"]


class _Pair(NamedTuple):
    activation: Any
    weight: Any


class QConfig(_Pair):
    """Two functions that make observers: of activations and of weights. Nothing here calls them.

    Raises:
        ValueError: one of them is an observer.
    """

    __slots__ = ()

    def __new__(cls, activation, weight):
        if isinstance(activation, Module) or isinstance(weight, Module):
            raise ValueError(
                "QConfig received observer instance, please pass observer class instead. "
                "Use MyObserver.with_args(x=1) to override arguments to constructor if needed"
            )
        return super().__new__(cls, activation, weight)
