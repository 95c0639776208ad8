"""`torch.jit`: decorators that mark code for TorchScript. XLA compiles code as it is, so they return it unchanged.

Scripted modules have no `code` or `graph` here, and nothing of TorchScript is saved or loaded.
"""

from __future__ import annotations

from typing import Final

from jtorch.nn.modules.module import Module

__all__ = [
    "Final", "ScriptModule", "annotate", "export", "ignore", "is_scripting", "is_tracing", "optimize_for_inference", "script",
    "script_if_tracing", "script_method", "trace", "unused",
]  # fmt: skip


class ScriptModule(Module):
    """A Module; the base class of modules written for TorchScript."""


def script(obj, *args, **kwargs):
    """The function, class or module itself: everything is compiled already.

    >>> @torch.jit.script
    ... def double(x):
    ...     return 2 * x
    >>> double(torch.ones(2))
    tensor([2., 2.])
    """
    return obj


def trace(func, example_inputs=None, *args, **kwargs):
    """The function or module itself. Differs from torch: an `if` on values is evaluated again at every call."""
    return func


def optimize_for_inference(mod, other_methods=None):
    """The module itself."""
    return mod


def export(fn):
    """The method itself."""
    return fn


unused = script_method = script_if_tracing = export


def ignore(drop=False, **kwargs):
    """The method itself, as `@ignore` and as `@ignore(drop=...)`."""
    return drop if callable(drop) else export


def annotate(the_type, the_value):
    """The value itself."""
    return the_value


def is_scripting() -> bool:
    """False: code runs as Python."""
    return False


def is_tracing() -> bool:
    """False: code runs as Python."""
    return False
