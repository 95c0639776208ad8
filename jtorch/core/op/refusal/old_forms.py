"""The order of arguments that four ops had once and that PyTorch still takes: `x.add(2, y)` adds 2 y, and warns."""

from __future__ import annotations

import warnings

from jtorch.core.tensor import Tensor

_SCALED = ("Number alpha, Tensor other", "Tensor other, *, Number alpha = 1")
_WEIGHED = ("Number value, Tensor tensor1, Tensor tensor2", "Tensor tensor1, Tensor tensor2, *, Number value = 1")
_OLD = {"add": _SCALED, "sub": _SCALED, "addcmul": _WEIGHED, "addcdiv": _WEIGHED}  # name: (as it was, as it is)
_warned: set = set()  # PyTorch warns of an overload once in a process


def is_old_form(name, args) -> bool:
    """Whether the arguments are in the old order."""
    old = _OLD.get(name.rstrip("_"))
    return old is not None and len(args) == old[0].count(",") + 2 and not isinstance(args[1], Tensor)


def modern(function, name, args, kwargs, method):
    """Call the function with the arguments of an old form in today's order, and warn as PyTorch does."""
    old, new = _OLD[name.rstrip("_")]
    if not method:
        old, new = f"Tensor input, {old}, *, Tensor out = None", f"Tensor input, {new}, Tensor out = None"
    if (name, method) not in _warned:
        _warned.add((name, method))
        warnings.warn(
            f"This overload of {name} is deprecated:\n\t{name}({old})\nConsider using one of the following signatures"
            f" instead:\n\t{name}({new})",
            stacklevel=5 if name[-1] == "_" else 4,  # the in-place form is one more function on the way here
        )
    input, factor, *tensors = args
    return function(input, *tensors, **{old.split("Number ")[1].split(",")[0]: factor}, **kwargs)
