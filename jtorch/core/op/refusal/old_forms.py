"""Deprecated overloads that PyTorch still takes: `x.add(2, y)` adds 2 y, and warns."""

from __future__ import annotations

from jtorch.core.facts import once, warn_user
from jtorch.core.tensor import Tensor


def is_old_form(overloads, args) -> bool:
    """Whether the arguments are in the old order. `overloads` is the op's option `deprecated`."""
    return len(args) == overloads[0].count(",") + 2 and not isinstance(args[1], Tensor)


def modern(overloads, function, name, args, kwargs, method):
    """Call the function with the arguments of an old form in today's order, and warn as PyTorch does."""
    old, new = overloads
    if not method:
        old, new = f"Tensor input, {old}, *, Tensor out = None", f"Tensor input, {new}, Tensor out = None"
    if once.first_time((name, method)):
        warn_user(
            f"This overload of {name} is deprecated:\n\t{name}({old})\nConsider using one of the following signatures"
            f" instead:\n\t{name}({new})"
        )
    input, factor, *tensors = args
    return function(input, *tensors, **{old.split("Number ")[1].split(",")[0]: factor}, **kwargs)
