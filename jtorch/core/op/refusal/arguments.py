"""What becomes of a call that failed: PyTorch's TypeError if it would not take the arguments, the call in another
form that PyTorch takes, too, or else the error as it was.

Nothing here runs when a call succeeds. `jtorch.core.op.wrapper` puts this behind every op, `explained` behind plain functions.
"""

from __future__ import annotations

import functools
import inspect
import warnings
from types import FunctionType

from jtorch.core.facts import OF_PYTHON
from jtorch.core.op.refusal.type_errors import fault_of
from jtorch.core.tensor import Tensor, wanted


def explained(fn, name, kind="functions", home=None):
    """A plain function, with PyTorch's TypeError where a call fails and PyTorch would not take the arguments.

    An op, which does this by itself, comes back under this name.

    Args:
        kind: "functions" for torch's own, "methods", "functional" for those of nn.functional.
        home: the module it is public in, where pickle finds it.
    """
    if hasattr(fn, "under"):
        return fn if fn.known == (name, kind) else fn.under(name, kind)
    if not isinstance(fn, FunctionType):
        return fn
    signature = inspect.signature(fn)
    method = kind == "methods"

    @functools.wraps(fn)
    def explained(*args, **kwargs):
        try:
            return fn(*args, **kwargs) if kwargs else fn(*args)
        except Exception:
            meant = repaired(signature, args, kwargs)
            if meant:
                return fn(*meant[0], **meant[1])
            refuse(name, args[method:], kwargs, kind, signature)
            raise

    del explained.__wrapped__  # what a subclass of Tensor hands over is known by this
    explained.__signature__ = signature
    explained.known = name, kind
    explained.under = lambda name, kind: _explained_again(fn, name, kind, home)
    explained.__module__ = home or fn.__module__
    return explained


def _explained_again(fn, name, kind, home):
    return explained(fn, name, kind, home)


def explain_methods(cls, but) -> None:
    """Let the methods of a class explain themselves under their names, those of the module `but` excepted."""
    for name, made in list(vars(cls).items()):
        if isinstance(made, FunctionType) and name[0] != "_" and made.__module__ != but:
            setattr(cls, name, explained(made, name, "methods"))


def repaired(signature, args, kwargs):
    """The arguments in the form that jtorch's functions take, where PyTorch takes another one, too; else None.

    `dtype=float` means float64, and a size that is given in numbers may be named.
    """
    many = next((p.name for p in signature.parameters.values() if p.kind is p.VAR_POSITIONAL), None)
    sizes = kwargs.get(many)
    kind = kwargs.get("dtype")
    if sizes is None and not (isinstance(kind, type) and kind in OF_PYTHON):
        return None
    if sizes is not None:
        kwargs = {k: v for k, v in kwargs.items() if k != many}
        args = (*args, sizes)
    if isinstance(kind, type):
        kwargs = kwargs | {"dtype": OF_PYTHON.get(kind, kind)}
    return args, kwargs


def refuse(name, args, kwargs, kind, own) -> None:
    """Raise what PyTorch raises if it takes no such arguments; otherwise something else was wrong with the call."""
    if wanted((*args, *kwargs.values())):
        return  # the call was handed over, and what it was handed to has answered
    fault = fault_of(name, args, kwargs, kind, own)
    if fault is not None:
        raise fault from None


# ---- overloads that PyTorch had once, and still takes

_warned: set = set()  # PyTorch warns of an overload once in a process


def is_deprecated(overloads, args) -> bool:
    """Whether the arguments are those of `x.add(2, y)`: 2 y is added. `overloads` is an op's option `deprecated`."""
    return len(args) == overloads[0].count(",") + 2 and not isinstance(args[1], Tensor)


def modern(overloads, function, name, args, kwargs, method):
    """Call the function with the arguments of a deprecated overload in today's order, and warn as PyTorch does."""
    old, new = overloads
    if not method:
        old, new = f"Tensor input, {old}, *, Tensor out = None", f"Tensor input, {new}, Tensor out = None"
    if (name, method) not in _warned:
        _warned.add((name, method))
        warnings.warn(
            f"This overload of {name} is deprecated:\n\t{name}({old})\nConsider using one of the following signatures"
            f" instead:\n\t{name}({new})",
            stacklevel=4,
        )
    input, factor, *tensors = args
    return function(input, *tensors, **{old.split("Number ")[1].split(",")[0]: factor}, **kwargs)
