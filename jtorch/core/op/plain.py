"""Plain functions that are public beside the ops: those that choose among several ops, or are no ops at all.

What a failed call comes to is asked of `jtorch.core.op.handlers`, as for an op.
"""

from __future__ import annotations

import functools
import inspect
from types import FunctionType

from jtorch.core.op.handlers import handlers


def explained(fn, name, kind="functions", home=None):
    """A plain function whose failed calls raise PyTorch's TypeError, where PyTorch would not take the arguments.

    An op does this by itself; it comes back under this name.

    Args:
        kind: "functions" for torch's own, "methods", "functional" for those of nn.functional.
        home: the module it is public in, where pickle finds it.
    """
    if hasattr(fn, "under"):
        return fn if fn.known == (name, kind) else fn.under(name, kind)
    if not isinstance(fn, FunctionType):
        return fn

    @functools.wraps(fn)
    def function(*args, **kwargs):
        try:
            return fn(*args, **kwargs) if kwargs else fn(*args)
        except Exception:
            return handlers.plain_failed(function, args, kwargs)

    del function.__wrapped__  # what a subclass of Tensor hands over is known by this
    function.plain = fn
    function.__signature__ = inspect.signature(fn)
    function.known = name, kind
    function.under = lambda name, kind: explained(fn, name, kind, home)
    function.__module__ = home or fn.__module__
    return function


def explain_methods(cls, but) -> None:
    """Replace the public methods of a class by their `explained` forms, except those of the module `but`."""
    for name, made in list(vars(cls).items()):
        if isinstance(made, FunctionType) and name[0] != "_" and made.__module__ != but:
            setattr(cls, name, explained(made, name, "methods"))
