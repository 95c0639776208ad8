"""`torch.jit`: decorators that mark code for TorchScript. XLA compiles code as it is, so they return it unchanged.

Scripted modules have no `code` or `graph` here, and nothing of TorchScript is saved or loaded.
"""

from __future__ import annotations

import builtins
import threading
import types
import typing
from typing import Final

import jtorch.jit.annotations  # `from jtorch.jit import annotations` would find the name of the line above
from jtorch.futures import Future
from jtorch.nn.modules.module import Module

__all__ = [
    "Attribute", "CompilationUnit", "Error", "Final", "Future", "RecursiveScriptModule", "ScriptFunction", "ScriptModule",
    "TracerWarning", "annotate", "annotations", "enable_onednn_fusion", "export", "fork", "freeze", "ignore", "interface",
    "is_scripting", "is_tracing", "isinstance", "load", "onednn_fusion_enabled", "optimize_for_inference",
    "optimized_execution", "save", "script", "script_if_tracing", "script_method", "set_fusion_strategy", "strict_fusion",
    "trace", "trace_module", "unused", "wait",
]  # fmt: skip


class ScriptModule(Module):
    """A Module; the base class of modules written for TorchScript."""


class RecursiveScriptModule(ScriptModule):
    """What TorchScript makes of a module. There are none: `script` returns the module itself."""


class ScriptFunction:
    """What TorchScript makes of a function. There are none: `script` returns the function itself."""


class CompilationUnit:
    """TorchScript's code as text. Making one raises NotImplementedError."""

    def __init__(self, lang=None, _frames_up=0):
        if lang is not None:
            raise NotImplementedError("torch.jit.CompilationUnit: jtorch does not read TorchScript's language")


class Error(RuntimeError):
    """An error inside TorchScript's code."""


class TracerWarning(Warning):
    """A warning of PyTorch's tracer. `trace` never gives one here."""

    @staticmethod
    def ignore_lib_warnings():
        """Nothing to ignore."""


class Attribute:
    """A value with the type that TorchScript gives it."""

    def __init__(self, value, type):
        self.value, self.type = value, type


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


def trace_module(mod, inputs=None, *args, **kwargs):
    """The module itself."""
    return mod


def freeze(mod, preserved_attrs=None, optimize_numerics=True):
    """The module itself."""
    return mod


def optimize_for_inference(mod, other_methods=None):
    """The module itself."""
    return mod


def export(fn):
    """The method itself."""
    return fn


unused = script_method = script_if_tracing = _script_if_tracing = interface = export
_overload = _overload_method = export


def ignore(drop=False, **kwargs):
    """The method itself, as `@ignore` and as `@ignore(drop=...)`."""
    return drop if callable(drop) else export


def annotate(the_type, the_value):
    """The value itself."""
    return the_value


def isinstance(obj, target_type) -> bool:
    """Whether a value has a type, which may be `List[int]` and the like.

    >>> torch.jit.isinstance([1], list[int]), torch.jit.isinstance(["a"], list[int])
    (True, False)
    """
    wanted = target_type if builtins.isinstance(target_type, tuple) else (target_type,)
    return any(_has_type(obj, t) for t in wanted)


def _has_type(obj, wanted):
    origin, args = typing.get_origin(wanted), typing.get_args(wanted)
    if origin is None:
        return wanted is typing.Any or builtins.isinstance(obj, wanted)
    if origin in (typing.Union, types.UnionType):
        return any(_has_type(obj, t) for t in args)
    if not builtins.isinstance(obj, origin):
        return False
    if origin is dict:
        return all(_has_type(k, args[0]) and _has_type(v, args[1]) for k, v in obj.items())
    if origin is tuple and args[-1:] != (...,):
        return len(obj) == len(args) and all(map(_has_type, obj, args))
    return all(_has_type(entry, args[0]) for entry in obj)


def is_scripting() -> bool:
    """False: code runs as Python."""
    return False


def is_tracing() -> bool:
    """False: code runs as Python."""
    return False


# ---- two things at once


def fork(func, *args, **kwargs) -> Future:
    """Call a function; `wait` gives its result. Differs from torch: it is called at once, as in a PyTorch without scripts."""
    future = Future()
    try:
        future.set_result(func(*args, **kwargs))
    except Exception as error:
        future.set_exception(error)
    return future


def wait(future):
    """The result of `fork`."""
    return future.wait()


# ---- files


_NO_FILES = (
    "jtorch has no TorchScript: torch.jit.{} works with PyTorch only. Save a module's weights with "
    "torch.save(module.state_dict(), path) and load them into the same class."
)


def save(m, f, _extra_files=None):
    """Raises NotImplementedError: TorchScript's files hold code in a language of its own."""
    raise NotImplementedError(_NO_FILES.format("save"))


def load(f, map_location=None, _extra_files=None, _restore_shapes=False):
    """Raises NotImplementedError: TorchScript's files hold code in a language of its own."""
    raise NotImplementedError(_NO_FILES.format("load"))


# ---- switches without effect


class strict_fusion:
    """A `with` block; XLA fuses what it can."""

    def __enter__(self):
        return None

    def __exit__(self, *exc):
        return False


class optimized_execution(strict_fusion):
    """A `with` block; everything is compiled already."""

    def __init__(self, should_optimize):
        self.should_optimize = should_optimize


def set_fusion_strategy(strategy):
    """Accepted without effect: XLA fuses what it can."""
    return strategy


_onednn = threading.local()


def enable_onednn_fusion(enabled: bool) -> None:
    """Accepted without effect: XLA fuses what it can."""
    _onednn.on = enabled


def onednn_fusion_enabled() -> bool:
    """What `enable_onednn_fusion` was given."""
    return getattr(_onednn, "on", False)
