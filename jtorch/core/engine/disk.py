"""Programs on disk, so that the second start of a script compiles nothing, and usually traces nothing either.

JAX's cache finds a program by its lowered form, so each start traces and lowers it again. That is more than half of a small
program's second start. So jtorch finds a program of the host by what was recorded: its lines and all that decides the
program (`jtorch.core.engine.fingerprint`). Where that does not do, a program is found by its lowered form, and what is kept is
the file that JAX's own cache writes. Does not know lines.
"""

from __future__ import annotations

import contextlib
import os
import re
import struct
import time
from pathlib import Path

import jax
from jax.experimental.compilation_cache import compilation_cache

from jtorch.core.engine import cache_folder, serialized
from jtorch.core.engine.fingerprint import digest
from jtorch.core.facts import config

_FOLDER = "jax_compilation_cache_dir"
_THRESHOLD = "jax_persistent_cache_min_compile_time_secs"
least_compile_time = 0.02  # seconds: programs that compile faster are not kept, since loading takes time, too


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
    data = cache_folder.read_entry(fingerprint)
    if data is None:
        return None
    try:
        return serialized.from_bytes(data, jax.local_devices(backend="cpu")[0], results)
    except Exception:  # written by another version, or XLA does not read it: it is compiled
        cache_folder.drop_entry(fingerprint)
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
        if not config.disk_cache:
            return lowered.compile()
        if _users_own():
            with _settings({_THRESHOLD: min(least_compile_time, getattr(jax.config, _THRESHOLD))}):
                return lowered.compile()
        text = lowered.as_text()
        if fingerprint is None or "custom_call" in text:
            # Functions outside XLA, such as LAPACK's, are registered by JAX when it lowers a call of one.
            return _compiled_by_jax(lowered, text, digest("lowered", fingerprint, text))
        made = lowered.compile()
        if time.perf_counter() - start > least_compile_time:
            with contextlib.suppress(Exception):  # a program that cannot be written: it is compiled again next time
                cache_folder.write_entry(fingerprint, serialized.as_bytes(made))
        return made


# ---- programs by their lowered form


def _compiled_by_jax(lowered, text, name):
    """Compile while JAX's cache holds the one file that was kept for this program, if any; keep the one that it writes.

    JAX does not see whether a file is damaged or another's. So its folder holds only what was checked, while it is used.
    """
    folder = _folder_for_jax()
    if folder is None or name is None:
        return lowered.compile()
    given = _give(folder, cache_folder.read_entry(name))
    module = re.match(r"module @([\w.]+)", text)
    title = module[1] if module else ""
    before = _names(folder, title)
    threshold = min(least_compile_time, getattr(jax.config, _THRESHOLD))
    try:
        with _settings({_FOLDER: str(folder), _THRESHOLD: threshold}):
            made = lowered.compile()
        new = [n for n in _names(folder, title) - before if n.endswith("-cache")]
        if new:
            content = (folder / new[0]).read_bytes()
            cache_folder.write_entry(name, struct.pack("<I", len(new[0])) + new[0].encode() + content)
        return made
    finally:
        for left in {given, *(_names(folder, title) - before)} - {None}:
            with contextlib.suppress(OSError):
                (folder / left).unlink()


def _folder_for_jax():
    """The cache folder in JAX's settings. It is always the same, because JAX makes it a part of a program's name."""
    folder = cache_folder.folder()
    if folder is None:
        return None
    try:
        (folder / "jax").mkdir(mode=0o700, exist_ok=True)
    except OSError:
        return None
    return folder / "jax"


def _give(folder, data):
    """Lay a file of JAX's cache down for it. Returns its name; None if there is none."""
    if data is None:
        return None
    try:
        (length,) = struct.unpack_from("<I", data)
        name = data[4 : 4 + length].decode("ascii")
        if Path(name).name != name:
            return None
        part = folder / f"{name}.{os.getpid()}"
        part.write_bytes(data[4 + length :])
        os.replace(part, folder / name)
        return name
    except (struct.error, ValueError, OSError):
        return None


def _names(folder, title):
    """The files for programs of this name. Other processes may have others here."""
    try:
        return {entry.name for entry in os.scandir(folder) if entry.is_file() and entry.name.startswith(f"{title}-")}
    except OSError:
        return set()


@contextlib.contextmanager
def _settings(new):
    """JAX's settings in here."""
    before = {name: getattr(jax.config, name) for name in new}
    try:
        _configure(new)
        yield
    finally:
        _configure(before)


def _configure(settings):
    for name, value in settings.items():
        jax.config.update(name, value)
    if _FOLDER in settings:
        compilation_cache.reset_cache()  # JAX decides once, at a first compile, whether there is a cache
