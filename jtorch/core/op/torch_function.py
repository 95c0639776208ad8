"""Calls that a class or a mode overrides by `__torch_function__`. Registered with `jtorch.core.op.handlers`.

The override gets the function that the user called, and its arguments as they were written. An op looks for an override when
its arguments are not plain tensors, which costs the usual call nothing. A plain function looks for one after it has failed: the
ops inside it refuse other objects while the function around them may be overridden.
"""

from __future__ import annotations

import functools
import inspect
import sys

from jtorch.core.op.handlers import handlers
from jtorch.core.op.refusal.failed import arguments_of_call, by_torch_names
from jtorch.core.op.refusal.type_errors import python_signature_of
from jtorch.core.tensor import Tensor, hand_over, wanted


class _InsideAnother(TypeError):
    """The call is part of a public function, which is overridden as a whole."""


# The wrappers of functions that are overridden as a whole: an op that one of them calls is not overridden by itself.
_WHOLE = {
    "with_torch_errors.<locals>.function",
    "overridable_on_failure.<locals>.function",
    "inplace_form.<locals>.inplace",
}


def _is_inside(frame):
    """Whether a public function of jtorch made the call that this frame makes."""
    while frame is not None and _is_of_core(frame):
        if frame.f_code.co_qualname in _WHOLE:
            return True
        frame = frame.f_back
    return False


def _is_of_core(frame):
    return frame.f_globals.get("__name__", "").startswith("jtorch.core.") or frame.f_code.co_filename.startswith("<op ")


def hand_over_op(function, args, consts, out):
    """The result of the override of an op's call: see `Handlers.hand_over`."""
    wrapper = sys._getframe(1)
    while not wrapper.f_code.co_filename.startswith("<op "):  # an operator adds one call
        wrapper = wrapper.f_back
    caller = wrapper.f_back
    if _is_inside(caller):
        raise _InsideAnother(f"{function.__name__}() inside a function that is overridden as a whole")
    given = _as_given(function, args, consts, out, arguments_of_call(caller))
    return _handed_over(_public_form(function), args, *given)


def hand_over_plain(function, args, kwargs, caller):
    """The same for a plain function: see `Handlers.hand_over_plain`."""
    if getattr(sys.exception(), "from_override", False) or _is_inside(caller):
        raise
    return hand_over_whole(function, args, kwargs)


def hand_over_whole(function, args, kwargs):
    """The same for a plain function that is not called first: see `Handlers.hand_over_whole`."""
    return _handed_over(function, (*args, *kwargs.values()), args, kwargs)


def _handed_over(function, relevant, args, kwargs):
    name, kind = getattr(function, "called_as", ("", ""))
    known = python_signature_of(name, kind)
    if known is None:
        return hand_over(function, relevant, args, kwargs or None)
    args, kwargs = _as_python_functions_give(_own_signature(function), known, args, kwargs or {})
    kinds = dict.fromkeys(type(a) for a in relevant if hasattr(type(a), "__torch_function__"))
    return hand_over(function, relevant, args, kwargs or None, tuple(kinds))


@functools.cache
def _own_signature(function):
    return inspect.signature(function)


def _as_python_functions_give(signature, known, args, kwargs):
    """(args, kwargs) as a function that PyTorch has written in Python gives them: optional ones by name, defaults too."""
    own = signature.parameters
    try:
        bound = signature.bind(*args, **kwargs)
    except TypeError:
        return args, kwargs
    if any(p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD) for p in own.values()):
        return args, kwargs
    bound.apply_defaults()
    given = bound.arguments
    required = [n for n, p in own.items() if p.default is p.empty]
    optional = [n for n in given if n not in required and n in known]
    return tuple([given[n] for n in required]), {n: given[n] for n in optional}


def _public_form(function):
    """The function under which users know an op: some functions first convert older forms of their arguments."""
    op, (name, kind) = function.op, function.called_as
    if getattr(function, "is_operator", False):
        return getattr(Tensor, op.name, function)
    if kind == "methods":
        return function
    homes = ("jtorch.nn.functional", "jtorch") if kind == "functional" else ("jtorch", "jtorch.nn.functional")
    return next((getattr(sys.modules[home], name) for home in homes if hasattr(sys.modules[home], name)), function)


def _as_given(function, args, consts, out, written):
    """(args, kwargs) of a call. `written`: how many are by position, and the names of the others; None: it cannot be told, and
    those after one that is left out are taken as given by name.
    """
    op = function.op
    values = dict(zip([n for n, kind, _ in op.params if kind != "const"], args, strict=True))
    values.update(zip(op.consts, consts, strict=True))
    if out is not None:
        values["out"] = out
    if written is not None and {*written[1]} <= values.keys():
        count = 2 if getattr(function, "is_operator", False) else written[0] + (function.called_as[1] == "methods")
        names = [n for n, _, _ in op.params]
        if {n for n, _, p in op.params[count:] if not _is_default(values[n], p)} <= {*written[1]}:
            return tuple([values[n] for n in names[:count]]), {n: values[n] for n in written[1]} or None
    given, named, gap = [], {}, False
    for name, _, p in op.params:
        if _is_default(values[name], p):
            gap = True
        elif not gap and not named and p.kind is not p.KEYWORD_ONLY:
            given.append(values[name])
        else:
            named[name] = values[name]
    if out is not None:
        named["out"] = out
    return tuple(given), named or None


def overridable_on_failure(fn):
    """A form of a plain function that classes override as a whole, not op by op.

    Overrides are asked only after the function has failed, as it does for an object that is not a tensor. `overridable`
    asks them first.
    """

    @functools.wraps(fn)
    def function(*args, **kwargs):
        try:
            return fn(*args, **kwargs)
        except Exception:
            if handlers.overridden((*args, *kwargs.values())):
                return handlers.hand_over_plain(function, args, kwargs, sys._getframe(1))
            meant = by_torch_names(kwargs, _own_signature(fn).parameters, "", "functions")
            if meant is None:
                raise
            return fn(*args, **meant)

    return function


def _is_default(value, p):
    """Whether an argument is the parameter's default, so that it may have been left out."""
    return value is p.default or (value.__class__ in (int, float) and value == p.default)


handlers.overridden = wanted
handlers.hand_over = hand_over_op
handlers.hand_over_whole = hand_over_whole
handlers.hand_over_plain = hand_over_plain
