"""`torch.overrides`: for functions and classes of the user's own that take part in `__torch_function__`."""

from __future__ import annotations

import threading

from jtorch.core.op import public_in
from jtorch.core.tensor import DisableTorchFunctionSubclass, Tensor, hand_over, wanted


class _Passing(threading.local):
    once = False  # whether the next function of the user's that asks is to run itself


_passing = _Passing()


@public_in("jtorch.overrides")
def has_torch_function(relevant_args) -> bool:
    """Whether a mode is on, or one of the arguments overrides functions."""
    if _passing.once:
        _passing.once = False
        return False
    return wanted(relevant_args)


@public_in("jtorch.overrides")
def has_torch_function_unary(arg) -> bool:
    """`has_torch_function` for one argument."""
    return has_torch_function((arg,))


@public_in("jtorch.overrides")
def has_torch_function_variadic(*args) -> bool:
    """`has_torch_function` for the arguments themselves."""
    return has_torch_function(args)


@public_in("jtorch.overrides")
def handle_torch_function(public_api, relevant_args, *args, **kwargs):
    """The result of `public_api(*args, **kwargs)` from the argument that overrides it."""
    return hand_over(public_api, relevant_args, args, kwargs, _types_of(relevant_args))


def _types_of(args):
    """The classes of the arguments that have a `__torch_function__`, Tensor too, and subclasses before their bases."""
    found = []
    for kind in dict.fromkeys(map(type, args)):
        if hasattr(kind, "__torch_function__"):
            at = next((i for i, other in enumerate(found) if issubclass(kind, other)), len(found))
            found.insert(at, kind)
    return tuple(found)


@public_in("jtorch.overrides")
def redispatch_function(func, types, args, kwargs):
    """Run a function itself, from its override; what it calls may be overridden again.

    Inside a function of jtorch's nothing is overridden.
    """
    if (getattr(func, "__module__", None) or "").partition(".")[0] in ("jtorch", "torch"):  # "torch": see as_torch
        with DisableTorchFunctionSubclass():
            return func(*args, **(kwargs or {}))
    _passing.once = True
    try:
        return func(*args, **(kwargs or {}))
    finally:
        _passing.once = False


@public_in("jtorch.overrides")
def is_tensor_like(inp) -> bool:
    """Whether it is a Tensor or overrides functions."""
    return isinstance(inp, Tensor) or hasattr(type(inp), "__torch_function__")
