"""Pickles for a worker process: code that it cannot import is sent by value, and arrays separately.

A script's own classes, functions and lambdas are in `__main__` or inside other functions. A fork of the script's process
would have them. A fresh process does not, and to run the script again would run its training again. So their code is
sent: marshalled code objects, the globals that they use, and the contents of their closures. The contents of NumPy arrays
and tensors go into a list of buffers. An object that cannot be sent raises an error.
"""

from __future__ import annotations

import abc
import dataclasses
import dis
import importlib
import io
import marshal
import operator
import pickle
import sys
import types
from collections.abc import Callable
from typing import Any

import numpy as np

from jtorch.core.tensor import Tensor, known

COWARDLY = (
    "Cowardly refusing to serialize non-leaf tensor which requires_grad, since autograd does not support crossing process boundaries. "
    " If you just want to transfer the data, call detach() on the tensor before serializing (e.g., putting it on the queue)."
)


def dumps(thing: Any, buffers: list[pickle.PickleBuffer], by_value: bool = False) -> bytes:
    """The pickle of an object. The contents of its arrays are appended to `buffers`.

    Args:
        by_value: also send the code of classes and functions that another process cannot import.

    Raises:
        Exception: the error of the part that cannot be sent.
    """
    file = io.BytesIO()
    (ByValuePickler if by_value else ArrayPickler)(file, 5, buffer_callback=buffers.append).dump(thing)
    return file.getvalue()


class ArrayPickler(pickle.Pickler):
    """Sends tensors as host arrays, from which the receiver makes tensors without starting a device."""

    def reducer_override(self, thing: Any):
        return reduce_tensor(thing) if type(thing) is Tensor else NotImplemented


class ByValuePickler(ArrayPickler):
    """Also sends code that the receiver cannot import."""

    def reducer_override(self, thing: Any):
        kind = type(thing)
        if kind is types.FunctionType:
            return NotImplemented if is_importable(thing) else reduce_function(thing)
        if isinstance(thing, type):
            return NotImplemented if is_importable(thing) else reduce_class(thing)
        if kind in REDUCERS:
            return REDUCERS[kind](thing)
        return super().reducer_override(thing)


def reduce_tensor(tensor: Tensor):
    if not tensor.is_cpu:
        raise pickle.PicklingError(f"a tensor on {tensor.device} cannot be sent to a worker process")
    if tensor.requires_grad and not tensor.is_leaf:
        raise RuntimeError(COWARDLY)
    host = tensor.detach()._host()
    array = tensor.detach()._to_numpy() if host is None else host
    # NumPy pickles the dtypes of ml_dtypes (bfloat16, float8) only inside the pickle: send their bits
    bits = array if array.dtype.isbuiltin == 1 else array.view(f"u{array.dtype.itemsize}")
    return tensor_of_bits, (bits, array.dtype, tensor.requires_grad)


def tensor_of_bits(bits: np.ndarray, dtype: np.dtype, requires_grad: bool) -> Tensor:
    return known(bits.view(dtype)).requires_grad_(requires_grad)


def is_importable(thing: Any) -> bool:
    """Whether another process finds the object under its own name."""
    if thing.__module__ == "builtins":
        return True  # or pickle treats it specially, as type(None)
    module = sys.modules.get(thing.__module__) if thing.__module__ != "__main__" else None
    if getattr(module, "__spec__", None) is None:
        return False
    try:
        return operator.attrgetter(thing.__qualname__)(module) is thing
    except AttributeError:
        return False


def namespace_of(module: str) -> dict[str, Any]:
    """The globals for code from this module. For a module that cannot be imported they start empty."""
    try:
        return vars(importlib.import_module(module))
    except ImportError:
        return vars(sys.modules.setdefault(module, types.ModuleType(module)))


# ---- functions


def reduce_function(function: types.FunctionType):
    code, cells = function.__code__, function.__closure__ or ()
    here = function.__globals__
    module = here.get("__name__", "__main__")
    shared = module != "__main__" and getattr(sys.modules.get(module), "__spec__", None) is not None
    named = set() if shared else global_names(code)
    state = {
        "globals": {name: here[name] for name in sorted(named & here.keys())},
        "contents": [(cell, content) for cell in cells for content in contents_of(cell)],
        "attributes": {
            name: getattr(function, name) for name in ("__defaults__", "__kwdefaults__", "__doc__", "__module__")
        },
        "dict": function.__dict__,
    }
    made_of = (marshal.dumps(code), module, function.__name__, function.__qualname__, cells)
    return make_function, made_of, state, None, None, fill_function


def make_function(code: bytes, module: str, name: str, qualname: str, cells: tuple) -> types.FunctionType:
    function = types.FunctionType(marshal.loads(code), namespace_of(module), name, None, cells)
    function.__qualname__ = qualname
    return function


def fill_function(function: types.FunctionType, state: dict[str, Any]) -> None:
    function.__globals__.update(state["globals"])
    for cell, content in state["contents"]:
        cell.cell_contents = content
    for name, value in state["attributes"].items():
        setattr(function, name, value)
    function.__dict__.update(state["dict"])


def contents_of(cell: types.CellType) -> list:
    """[the contents of a closure's cell], or [] if the cell has no value yet."""
    try:
        return [cell.cell_contents]
    except ValueError:
        return []


def global_names(code: types.CodeType) -> set[str]:
    """The names of the globals that a code object uses, including the functions inside it."""
    names, waiting = set(), [code]
    while waiting:
        code = waiting.pop()
        names |= {line.argval for line in dis.get_instructions(code) if line.opname in GLOBAL_LINES}
        waiting += [constant for constant in code.co_consts if isinstance(constant, types.CodeType)]
    return names


GLOBAL_LINES = ("LOAD_GLOBAL", "LOAD_NAME")


# ---- classes


def reduce_class(cls: type):
    if type(cls) not in (type, abc.ABCMeta):
        raise pickle.PicklingError(f"{cls} of {type(cls)} cannot be sent to a worker process")
    own = {name: value for name, value in vars(cls).items() if name not in MADE_ANEW}
    slots = own.get("__slots__", ())
    for name in [slots] if isinstance(slots, str) else slots:
        own.pop(name, None)
    early = {name: own.pop(name) for name in ("__slots__", "__orig_bases__") if name in own}
    made_of = (type(cls), cls.__name__, cls.__bases__, early, cls.__module__, cls.__qualname__)
    return make_class, made_of, own, None, None, fill_class


# what `type` adds to a new class by itself
MADE_ANEW = ("__dict__", "__weakref__", "__module__", "__qualname__", "__abstractmethods__", "_abc_impl")


def make_class(meta: type, name: str, bases: tuple, early: dict, module: str, qualname: str) -> type:
    cls = meta(name, bases, early | {"__module__": module, "__qualname__": qualname})
    if name == qualname:
        # so that pickles of its instances, on their way back, find the class by name
        namespace_of(module)[name] = cls
    return cls


def fill_class(cls: type, attributes: dict[str, Any]) -> None:
    for name, value in attributes.items():
        setattr(cls, name, value)
    abc.update_abstractmethods(cls)


# ---- other objects that pickle does not know


def reduce_sentinel(thing: Any):
    """One of the markers of dataclasses, which are compared by identity."""
    return getattr, (dataclasses, next(name for name, value in vars(dataclasses).items() if value is thing))


def make_cell() -> types.CellType:
    return types.CellType()


def make_proxy(mapping: dict) -> types.MappingProxyType:
    return types.MappingProxyType(mapping)


SENTINELS = {type(dataclasses.MISSING), type(dataclasses.KW_ONLY)} | {
    type(value) for value in vars(dataclasses).values() if type(value).__name__ == "_FIELD_BASE"
}
REDUCERS: dict[type, Callable] = {
    types.ModuleType: lambda module: (importlib.import_module, (module.__name__,)),
    # empty: it may hold the function that owns it, which fills it later
    types.CellType: lambda cell: (make_cell, ()),
    types.MappingProxyType: lambda proxy: (make_proxy, (dict(proxy),)),
    staticmethod: lambda method: (staticmethod, (method.__func__,)),
    classmethod: lambda method: (classmethod, (method.__func__,)),
    property: lambda p: (property, (p.fget, p.fset, p.fdel, p.__doc__)),
} | dict.fromkeys(SENTINELS, reduce_sentinel)
