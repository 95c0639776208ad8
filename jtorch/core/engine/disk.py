"""Programs on disk, so that a script's second start compiles nothing, and most often traces no program either.

JAX keeps programs by what they were lowered to, so that each start traces and lowers them again, which is half of a small
program's second start and more. So a program of the host is kept by what was recorded: its lines and all that decides
what becomes of them (`jtorch.core.engine.fingerprint`). Where that has no name, JAX's cache serves. This file knows no lines.
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

from jtorch.core.engine import fingerprint as naming
from jtorch.core.facts import config

_FOLDER = "jax_compilation_cache_dir"
_THRESHOLD = "jax_persistent_cache_min_compile_time_secs"
_MONTH = 30 * 24 * 3600
worth_keeping = 0.02  # seconds that a program took to make: it is not read back in no time either


@contextlib.contextmanager
def jax_cache():
    """Have JAX keep what is compiled in here, also what took less than its second. Its settings are put back."""
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
        _set(settings)
        yield
    finally:
        _set(before)


def _set(settings):
    for name, value in settings.items():
        jax.config.update(name, value)
    if _FOLDER in settings:
        compilation_cache.reset_cache()  # JAX decides once, at a first compile, whether there is a cache


def _users_own():
    """Whether the user has chosen a cache of JAX's, which has everything then."""
    return jax.config.jax_compilation_cache_dir is not None


# ---- programs by name


class Landing(list):
    """Where the results of a program that was read back arrive, inside the call.

    What JAX gives for such a program is called through a line of Python, at whose end Ctrl-C may come: the inputs
    would be donated and the results lost. As the tree of the results it takes the results in before that.
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


# The way back is a function in C, which no signal comes into.
jax.tree_util.register_pytree_node(Landing, lambda landing: (landing[-landing.size :], landing), list.__iadd__)


def name(*parts) -> str | None:
    """What a program of the host that these parts decide is known by; None where nothing is kept, or it has no name.

    With several devices on the host an array may lie on all of them, for which JAX compiles a program of its own.
    """
    if not config.disk_cache or _users_own() or len(jax.local_devices(backend="cpu")) > 1:
        return None
    return naming.name(*parts)


def load(name, tree=None):
    """The program of this name as `jax.stages.Compiled`, or None. `tree`: that of its results, if not as it was written."""
    if name is None:
        return None
    try:
        file = _file(name)
        payload, inputs, outputs = pickle.loads(file.read_bytes())
        os.utime(file)
        host = jax.local_devices(backend="cpu")[0]
        results = outputs if tree is None else tree
        return serialize_executable.deserialize_and_load(payload, inputs, results, host.client, [host])
    except Exception:  # it is not there, or of no use: it is compiled
        return None


def can_keep(lowered) -> bool:
    """Whether what this is compiled to can be kept by name. XLA finds functions of others, such as LAPACK's, because JAX looks
    them up when it lowers a call of one; a program that was read back would call nothing."""
    return "custom_call" not in lowered.as_text()


def save(name, made) -> None:
    """Keep a program that was compiled just now: one that JAX has read back itself, XLA cannot write once more (it leaves out
    the code, in jaxlib 0.10 to 0.12)."""
    with contextlib.suppress(Exception):  # a full disk, a program that XLA cannot write
        written, file = pickle.dumps(serialize_executable.serialize(made)), _file(name)
        file.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=file.parent, delete=False) as whole:
            whole.write(written)
        os.replace(whole.name, file)  # another process sees all of it or nothing
        _tidy(file.parent)


@functools.cache  # once in a process
def _tidy(folder):
    """Let go of what nobody has read for a month: programs of sources as they were once, most of them."""
    for file in folder.iterdir():
        with contextlib.suppress(OSError):  # another process was quicker
            if file.stat().st_mtime < time.time() - _MONTH:
                file.unlink()


def _file(name):
    return config.cache_folder() / "programs" / name
