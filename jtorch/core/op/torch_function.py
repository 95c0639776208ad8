"""Calls of an op that a class or a mode takes over by `__torch_function__`. Registered with `jtorch.core.op.handlers`."""

from __future__ import annotations

import sys

from jtorch.core.op.handlers import handlers
from jtorch.core.tensor import hand_over, wanted


def hand_over_op(op, args, consts, out):
    """The result of whatever takes the call over: see `Handlers.hand_over`."""
    return hand_over(_public_function(op), args, *_as_given(op, args, consts, out))


def _public_function(op):
    """The function under which users know the op; some functions first convert older forms of their arguments."""
    known = None if op.hidden else getattr(sys.modules["jtorch"], op.name, None)
    return known if callable(known) else op.public


def _as_given(op, args, consts, out):
    """(args, kwargs) of a call, close to what the user wrote: the first ones by position, others by name, defaults left out."""
    values = dict(zip([n for n, kind, _ in op.params if kind != "const"], args, strict=True))
    values.update(zip(op.consts, consts, strict=True))
    given, named, gap = [], {}, False
    for name, kind, p in op.params:
        if p.default is not p.empty and values[name] is p.default:
            gap = True
        elif kind != "const" and not gap and not named and p.kind is not p.KEYWORD_ONLY:
            given.append(values[name])
        else:
            named[name] = values[name]
    if out is not None:
        named["out"] = out
    return tuple(given), named or None


handlers.overridden = wanted
handlers.hand_over = hand_over_op
