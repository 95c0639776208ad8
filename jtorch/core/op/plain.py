"""Plain functions that are public beside the ops: those that choose among several ops, or are not ops at all.

A call that fails goes to `jtorch.core.op.handlers`, as that of an op does.
"""

from __future__ import annotations

import functools
import inspect
from types import FunctionType

from jtorch.core.op.handlers import handlers
from jtorch.core.tensor import OVERRIDERS


def with_torch_errors(fn, name, kind="functions", home=None):
    """A form of a plain function that raises PyTorch's TypeError for arguments that PyTorch would not take.

    An op does so already; it is returned under this name.

    Args:
        kind: "functions" for torch's own, "methods", "functional" for those of nn.functional.
        home: the module it is public in, where pickle finds it.
    """
    if hasattr(fn, "renamed"):
        return fn if fn.called_as == (name, kind) else fn.renamed(name, kind)
    if not isinstance(fn, FunctionType):
        return fn

    direct = getattr(fn, "direct", None)  # the function to call while no class and no mode overrides functions

    @functools.wraps(fn)
    def function(*args, **kwargs):
        try:
            run = direct or fn
            if OVERRIDERS and run is direct and handlers.overridden((*args, *kwargs.values())):
                return handlers.hand_over_whole(function, args, kwargs)
            return run(*args, **kwargs) if kwargs else run(*args)
        except Exception:
            return handlers.plain_failed(function, args, kwargs)

    del function.__wrapped__  # it marks methods that a subclass of Tensor has wrapped
    function.__name__ = function.__qualname__ = name
    function.plain = fn
    function.__signature__ = inspect.signature(fn)
    function.called_as = name, kind
    function.renamed = lambda name, kind: with_torch_errors(fn, name, kind, home)
    function.__module__ = home or fn.__module__
    return function


def explain_methods(cls, but) -> None:
    """Replace the public methods of a class by their `with_torch_errors` forms, except those of the module `but`."""
    for name, made in list(vars(cls).items()):
        if isinstance(made, FunctionType) and name[0] != "_" and made.__module__ != but:
            setattr(cls, name, with_torch_errors(made, name, "methods"))
