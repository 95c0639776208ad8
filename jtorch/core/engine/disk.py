"""Programs on disk, so that the second start of a script compiles nothing, and usually traces nothing either.

JAX's cache finds a program by its lowered form, so each start traces and lowers it again. That is more than half of a small
program's second start. So jtorch finds a program of the host by what was recorded: its lines and all that decides the
program (`jtorch.core.engine.fingerprint`). Where there is no fingerprint, JAX's cache is used. This file knows no lines.
"""

from __future__ import annotations

import contextlib
import functools
import os
import pickle
import tempfile
import time

import jax
from jax.experimental import serialize_executable
from jax.experimental.compilation_cache import compilation_cache

from jtorch.core.engine.fingerprint import digest
from jtorch.core.facts import config

_FOLDER = "jax_compilation_cache_dir"
_THRESHOLD = "jax_persistent_cache_min_compile_time_secs"
_MONTH = 30 * 24 * 3600
worth_keeping = 0.02  # seconds that compiling must have taken: reading a program back takes time, too


@contextlib.contextmanager
def jax_cache():
    """JAX's cache keeps what is compiled in here, also what takes less than a second. Its settings are restored."""
    if not config.disk_cache:
        yield
        return
    settings = {_THRESHOLD: min(worth_keeping, getattr(jax.config, _THRESHOLD))}
    if not _users_own():
        with contextlib.suppress(OSError):
            os.makedirs(config.cache_folder(), exist_ok=True)
            settings[_FOLDER] = str(config.cache_folder())
    before = {name: getattr(jax.config, name) for name in settings}
    try:
        _configure(settings)
        yield
    finally:
        _configure(before)


def _configure(settings):
    for name, value in settings.items():
        jax.config.update(name, value)
    if _FOLDER in settings:
        compilation_cache.reset_cache()  # JAX decides once, at a first compile, whether there is a cache


def _users_own():
    """Whether the user has set up JAX's cache, which then keeps everything."""
    return jax.config.jax_compilation_cache_dir is not None


# ---- programs by fingerprint


class Landing(list):
    """Receives the results of a program loaded from disk inside the call.

    Ctrl-C just after the call would lose them although the inputs are donated: JAX calls such a program from Python. So
    the list is the pytree of the results, and JAX fills it before it returns.
    """

    __slots__ = ("size",)
    __hash__ = object.__hash__
    __eq__ = object.__eq__

    def __init__(self, size):
        self.size = size

    def tree(self):
        """The structure of results that arrive here."""
        self[:] = [0] * self.size
        made = jax.tree_util.tree_structure(self)
        self.clear()
        return made


# Unflattening is a function in C, so no signal interrupts it.
jax.tree_util.register_pytree_node(Landing, lambda landing: (landing[-landing.size :], landing), list.__iadd__)


def _read_program(fingerprint, results=None):
    """The program with this fingerprint as `jax.stages.Compiled`, or None. `results`: their structure, if not as written."""
    if fingerprint is None:
        return None
    try:
        file = _file(fingerprint)
        payload, inputs, outputs = pickle.loads(file.read_bytes())
        os.utime(file)
        host = jax.local_devices(backend="cpu")[0]
        tree = outputs if results is None else results
        return serialize_executable.deserialize_and_load(payload, inputs, tree, host.client, [host])
    except Exception:  # there is none, or it is damaged: it is compiled
        return None


class DiskStore:
    """Keeps compiled programs on disk: the methods of `compiling.NoStore`."""

    def fingerprint(self, *parts):
        # With several devices on the host an array may lie on all of them, and JAX compiles another program for that.
        if not config.disk_cache or _users_own() or len(jax.local_devices(backend="cpu")) > 1:
            return None
        return digest(*parts)

    def load(self, fingerprint):
        return _read_program(fingerprint)

    def load_landing(self, fingerprint, results):
        landing = Landing(results)
        found = _read_program(fingerprint, landing.tree())
        return (None, ()) if found is None else (found, landing)

    def compile(self, jit, arguments, fingerprint):
        start = time.perf_counter()
        lowered = jit.lower(*arguments)
        if fingerprint is None or not _can_keep(lowered):
            with jax_cache():
                return lowered.compile()
        made = lowered.compile()
        if time.perf_counter() - start > worth_keeping:
            _save(fingerprint, made)
        return made


def _can_keep(lowered) -> bool:
    """Whether a program can be kept by its fingerprint. One that calls functions outside XLA, such as LAPACK's, cannot: JAX
    registers those when it lowers the call, so a program from disk would not find them."""
    return "custom_call" not in lowered.as_text()


def _save(fingerprint, made) -> None:
    """Keep a program that was compiled just now. One that JAX read from its own cache cannot be written again: XLA leaves
    out the code (jaxlib 0.10 to 0.12)."""
    with contextlib.suppress(Exception):  # a full disk, a program that XLA cannot write
        written, file = pickle.dumps(serialize_executable.serialize(made)), _file(fingerprint)
        file.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=file.parent, delete=False) as whole:
            whole.write(written)
        os.replace(whole.name, file)  # another process sees all of it or nothing
        tidy(file.parent)


@functools.cache  # once in a process
def tidy(folder):
    """Delete what nobody has read for a month: mostly programs of older sources."""
    for file in folder.iterdir():
        with contextlib.suppress(OSError):  # another process was quicker
            if file.stat().st_mtime < time.time() - _MONTH:
                file.unlink()


def _file(fingerprint):
    return config.cache_folder() / "programs" / fingerprint
