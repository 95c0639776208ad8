"""Names for what was recorded that mean the same in the next process: a program is found again by its name on disk.

Everything that a program depends on is said as plain data: functions of jtorch, JAX and optax by their code and what they
close over, our own objects by what they say of themselves (`described`), the sources by their versions. What cannot be
said so, such as a function of the user's, has no name: it could be another one tomorrow.
"""

from __future__ import annotations

import functools
import hashlib
import os
import platform
import sys
import types
from importlib import metadata

import jax
import jaxlib
import numpy as np

from jtorch.core.facts import config, devices, dtypes


def name(*parts) -> str | None:
    """A name for what these parts decide, the same in each process; None where there is none."""
    try:
        said = repr((_sources(), _settings(), _Teller().tell(parts)))
    except (Unnamed, RecursionError):
        return None
    return hashlib.sha256(said.encode()).hexdigest()


class Unnamed(Exception):
    """Something of which nobody knows that it means the same in the next process."""


_PLAIN = (type(None), bool, int, float, complex, str, bytes, type(...))  # repr() says all of them
_TRUSTED = frozenset("jtorch jax jaxlib optax numpy ml_dtypes builtins functools operator _operator math".split())


class _Teller:
    """Says objects as plain data, each of those that may be long or hold themselves once."""

    def __init__(self):
        self.seen = {}  # id -> (the object, its number)

    def tell(self, x):
        """The object as data of which `repr` tells everything. Raises Unnamed."""
        kind = type(x)
        if kind in _PLAIN:
            return x
        if isinstance(x, tuple | list):
            return self._reference(kind), [self.tell(i) for i in x]
        if kind is dict:
            return "dict", [(self.tell(k), self.tell(v)) for k, v in x.items()]
        if isinstance(x, np.dtype):  # by its name, too: the types of ml_dtypes are all "V" to NumPy
            return "dtype", x.name, x.str
        if isinstance(x, np.generic):
            return "number", self.tell(x.dtype), x.tobytes()
        if id(x) in self.seen:
            return "seen", self.seen[id(x)][1]
        self.seen[id(x)] = x, len(self.seen)
        if hasattr(kind, "described"):
            return self._reference(kind), self.tell(x.described())
        told = _RULES.get(kind)
        if told is not None:
            return kind.__name__, [self.tell(i) for i in told(x)]
        return self._reference(x)

    @staticmethod
    def _reference(x):
        """What a module that is known by its version calls this."""
        module, title = getattr(x, "__module__", None), getattr(x, "__qualname__", None) or getattr(x, "__name__", None)
        found = sys.modules.get(module)
        for part in (title or "").split("."):
            found = getattr(found, part, None)
        if found is not x or not _trusted(module):
            raise Unnamed(repr(x))
        return module, title


def _trusted(module):
    return module.partition(".")[0] in _TRUSTED


def _function(fn):
    """What decides what a function gives, but for its module, which must be one of those known by their versions."""
    module = fn.__globals__.get("__name__", "")
    if not _trusted(module):
        raise Unnamed(repr(fn))
    try:
        closure = [cell.cell_contents for cell in fn.__closure__ or ()]
    except ValueError:
        raise Unnamed(repr(fn)) from None  # it closes over what is not there yet
    return module, fn.__qualname__, fn.__code__, closure, fn.__defaults__, fn.__kwdefaults__


def _code(code):
    """What decides what code does."""
    arguments = code.co_flags, code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_varnames
    return code.co_code, code.co_exceptiontable, code.co_names, code.co_freevars, code.co_consts, *arguments


_RULES = {  # kind of object -> what tells everything of one
    types.FunctionType: _function,
    types.CodeType: _code,
    types.MethodType: lambda method: (method.__func__, method.__self__),
    functools.partial: lambda made: (made.func, made.args, made.keywords),
    frozenset: lambda items: sorted(items, key=repr),
    slice: lambda part: (part.start, part.stop, part.step),
    range: lambda numbers: (numbers.start, numbers.stop, numbers.step),
    dtypes.dtype: lambda d: (d.name,),
    devices.Place: lambda place: (str(place.device),),
    type(devices.CPU): lambda place: (str(place.device),),
}


@functools.cache
def _sources():
    """The versions of all that makes programs of lines, and the processor that they are made for."""
    versions = [package.__version__ for package in (jax, jaxlib, np)] + [metadata.version("optax")]
    ours = sorted(_files(config.ROOT))
    return sys.version, versions, ours, _processor(), config.xla_flags()


def _files(folder):
    """Path, size and time of the sources in here, by which Python, too, knows whether it has read them before."""
    for entry in os.scandir(folder):
        if entry.is_dir():
            yield from _files(entry.path)
        elif entry.name.endswith(".py"):
            yield entry.path, entry.stat().st_size, entry.stat().st_mtime_ns


def _processor():
    """What code for this processor may use."""
    said = ""
    if os.path.exists("/proc/cpuinfo"):
        with open("/proc/cpuinfo") as listed:
            said = listed.read(1 << 13).partition("\n\n")[0]  # of the first core
    known = [line for line in said.splitlines() if line.startswith(("model", "flags", "Features", "CPU"))]
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return platform.machine(), platform.processor(), known, cores


def _settings():
    """What users may have set that a program depends on."""
    of_caches = "jax_compilation_cache", "jax_persistent_cache"
    jax_own = [(k, repr(v)) for k, v in jax.config.values.items() if not k.startswith(of_caches)]
    return dtypes.get_default_dtype().name, jax_own
