"""Fingerprints of what was recorded, the same in each process, by which a program on disk is found again.

Everything that a program depends on is written as plain data: functions of jtorch, JAX and optax as their code and what they
close over, our own objects as what their `described` returns, the sources as their versions. What cannot be written so,
such as a function of the user's, has no fingerprint: it may be another one in the next process.
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


def digest(*parts) -> str | None:
    """The fingerprint of these parts, the same in each process; None where there is none."""
    try:
        written = repr((_sources(), _user_settings(), _Writer().plain(parts)))
    except (Unknown, RecursionError):
        return None
    return hashlib.sha256(written.encode()).hexdigest()


class Unknown(Exception):
    """An object that may be another one in the next process."""


_PLAIN = (type(None), bool, int, float, complex, str, bytes, type(...))  # repr() tells everything about these
_TRUSTED = frozenset("jtorch jax jaxlib optax numpy ml_dtypes builtins functools operator _operator math".split())


class _Writer:
    """Writes objects as plain data, those that may be long or hold themselves only once."""

    def __init__(self):
        self.seen = {}  # id -> (the object, its number)

    def plain(self, x):
        """The object as data that `repr` writes completely. Raises Unknown."""
        kind = type(x)
        if kind in _PLAIN:
            return x
        if isinstance(x, tuple | list):
            return self._reference(kind), [self.plain(i) for i in x]
        if kind is dict:
            return "dict", [(self.plain(k), self.plain(v)) for k, v in x.items()]
        if isinstance(x, np.dtype):  # with its name: to NumPy all types of ml_dtypes are "V"
            return "dtype", x.name, x.str
        if isinstance(x, np.generic):
            return "number", self.plain(x.dtype), x.tobytes()
        if id(x) in self.seen:
            return "seen", self.seen[id(x)][1]
        self.seen[id(x)] = x, len(self.seen)
        if hasattr(kind, "described"):
            return self._reference(kind), self.plain(x.described())
        parts_of = _RULES.get(kind)
        if parts_of is not None:
            return kind.__name__, [self.plain(i) for i in parts_of(x)]
        return self._reference(x)

    @staticmethod
    def _reference(x):
        """The name of this in its module, whose version is known."""
        module, title = getattr(x, "__module__", None), getattr(x, "__qualname__", None) or getattr(x, "__name__", None)
        found = sys.modules.get(module)
        for part in (title or "").split("."):
            found = getattr(found, part, None)
        if found is not x or not _trusted(module):
            raise Unknown(repr(x))
        return module, title


def _trusted(module):
    root = module.partition(".")[0]
    return root in _TRUSTED or sys.modules.get(root) is sys.modules["jtorch"]  # the latter under `jtorch run`


def _function_parts(fn):
    """What decides what a function returns. Its module must be one whose version is known."""
    module = fn.__globals__.get("__name__", "")
    if not _trusted(module):
        raise Unknown(repr(fn))
    try:
        closure = [cell.cell_contents for cell in fn.__closure__ or ()]
    except ValueError:
        raise Unknown(repr(fn)) from None  # it closes over a variable without a value yet
    return module, fn.__qualname__, fn.__code__, closure, fn.__defaults__, fn.__kwdefaults__


def _code_parts(code):
    """What decides what code does."""
    arguments = code.co_flags, code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_varnames
    return code.co_code, code.co_exceptiontable, code.co_names, code.co_freevars, code.co_consts, *arguments


_RULES = {  # kind of object -> its parts
    types.FunctionType: _function_parts,
    types.CodeType: _code_parts,
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
    """The versions of everything that turns lines into programs, and the processor that they are for."""
    versions = [package.__version__ for package in (jax, jaxlib, np)] + [metadata.version("optax")]
    ours = sorted(_files(config.ROOT))
    return sys.version, versions, ours, _processor(), config.xla_flags()


def _files(folder):
    """Path, size and time of the sources in here. Python's own cache of bytecode uses the same."""
    for entry in os.scandir(folder):
        if entry.is_dir():
            yield from _files(entry.path)
        elif entry.name.endswith(".py"):
            yield entry.path, entry.stat().st_size, entry.stat().st_mtime_ns


def _processor():
    """The features of this processor that compiled code may use."""
    text = ""
    if os.path.exists("/proc/cpuinfo"):
        with open("/proc/cpuinfo") as listed:
            text = listed.read(1 << 13).partition("\n\n")[0]  # of the first core
    known = [line for line in text.splitlines() if line.startswith(("model", "flags", "Features", "CPU"))]
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return platform.machine(), platform.processor(), known, cores


def _user_settings():
    """The user's settings that a program depends on."""
    of_caches = "jax_compilation_cache", "jax_persistent_cache"
    jax_own = [(k, repr(v)) for k, v in jax.config.values.items() if not k.startswith(of_caches)]
    return dtypes.get_default_dtype().name, jax_own
