"""`torch.ops`: functions by namespace. `torch.ops.aten.relu` is jtorch's `relu`; libraries in C++ cannot be loaded."""

from __future__ import annotations

import sys
import types

from jtorch._library.custom_ops import CUSTOM
from jtorch.autograd.profiler import record_function
from jtorch.core.methods import cond, while_loop
from jtorch.core.op import FUNCTIONS, OPS
from jtorch.core.tensor import Tensor

__all__ = ["OpOverload", "OpOverloadPacket", "ops"]


class OpOverload:
    """One form of a function, `aten.add.Tensor`. All forms are the function itself, which looks at its arguments."""

    def __init__(self, packet, name):
        self._overloadpacket, self._overloadname = packet, name

    def __call__(self, *args, **kwargs):
        return self._overloadpacket(*args, **kwargs)

    def __repr__(self):
        return f"<OpOverload(op='{self._overloadpacket}', overload='{self._overloadname}')>"

    def __str__(self):
        return f"{self._overloadpacket}.{self._overloadname}"


class OpOverloadPacket:
    """A function with its forms as attributes: `aten.add`, `aten.add.Tensor`.

    >>> torch.ops.aten.relu.default(torch.tensor([-1.0, 1.0]))
    tensor([0., 1.])
    """

    def __init__(self, namespace, name, function):
        self.namespace, self._qualified_op_name, self._op, self.__name__ = (
            namespace,
            f"{namespace}::{name}",
            function,
            name,
        )

    def __call__(self, *args, **kwargs):
        return self._op(*args, **kwargs)

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        form = OpOverload(self, name)
        setattr(self, name, form)
        return form

    def __str__(self):
        return self._qualified_op_name.replace("::", ".")

    def __repr__(self):
        return f"<OpOverloadPacket(op='{self}')>"


class _OpNamespace(types.ModuleType):
    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        if self.__name__ == "higher_order":
            function = _HIGHER_ORDER.get(name)
        else:
            found = _PROFILER.get(name) if self.__name__ == "profiler" else None
            function = _aten(name) if self.__name__ == "aten" else CUSTOM.get(f"{self.__name__}::{name}", found)
        if function is None:
            raise AttributeError(f"'_OpNamespace' '{self.__name__}' object has no attribute '{name}'")
        packet = OpOverloadPacket(self.__name__, name, function)
        setattr(self, name, packet)
        return packet


def _range_begun(name, args=None):
    """Begin a named range of a profile; returns what `_record_function_exit` ends."""
    return record_function(name, args).__enter__()


def _range_ended(handle):
    handle.__exit__(None, None, None)


_PROFILER = {
    "_record_function_enter": _range_begun,
    "_record_function_enter_new": _range_begun,
    "_record_function_exit": _range_ended,
}
_HIGHER_ORDER = {"cond": cond, "while_loop": while_loop}
_INNER = {
    "alias",
    "constant_pad_nd",
    "sym_size",
    "sym_constrain_range_for_size",
    "detach_copy",
    "copy",
    "convolution",
    "convolution_backward",
    "cudnn_convolution",
    "lift_fresh",
    "index",
}


def _aten(name):
    """jtorch's function for one of PyTorch's built-in ones; None where there is none."""
    torch = sys.modules["jtorch"]
    for home in (torch, torch.nn.functional):
        if callable(found := vars(home).get(name)):
            return found
    return (
        OPS.get(name)
        or FUNCTIONS.get(name)
        or getattr(Tensor, name, None)
        or (_uncallable(name) if name[0] == "_" or name in _INNER else None)
    )


def _uncallable(name):
    """A function of PyTorch's inside, which may be named, for a table of functions, but not called."""

    def refuse(*args, **kwargs):
        raise NotImplementedError(f"torch.ops.aten.{name}: jtorch has no such function")

    return refuse


class _Ops(types.ModuleType):
    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        namespace = _OpNamespace(name)
        setattr(self, name, namespace)
        return namespace

    def load_library(self, path):
        """Raises OSError: a library of C++ ops is for PyTorch's dispatcher."""
        raise OSError(
            f"jtorch cannot load {path}: it holds C++ ops for PyTorch; any JAX function becomes an op with jtorch.library.op"
        )


ops = _Ops("torch.ops")
