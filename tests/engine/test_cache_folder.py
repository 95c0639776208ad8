"""The folder of compiled programs: who may own it, what a valid entry is, how large it grows."""

from __future__ import annotations

import json
import os
import pickle
import stat
import time

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jtorch.core.engine import cache_folder, serialized
from jtorch.core.facts import config

NAME, OTHER = "ab" * 32, "cd" * 32


@pytest.fixture(autouse=True)
def kept(tmp_path, monkeypatch):
    monkeypatch.setenv("JTORCH_CACHE_DIR", str(tmp_path / "cache"))
    cache_folder.forget_folder()
    yield tmp_path / "cache" / "programs"
    cache_folder.forget_folder()


def written(name=NAME, content=b"content"):
    cache_folder.write_entry(name, content)
    return config.cache_folder() / "programs" / name


def test_an_entry_comes_back():
    for content in (b"", b"content", bytes(10_000)):
        written(content=content)
        assert cache_folder.read_entry(NAME) == content
    assert cache_folder.read_entry(OTHER) is None


def test_only_the_user_can_read_the_folder(kept):
    before = os.umask(0)
    try:
        path = written()
    finally:
        os.umask(before)
    kept.chmod(0o755)
    cache_folder.forget_folder()
    cache_folder.read_entry(NAME)
    modes = [stat.S_IMODE(p.stat().st_mode) for p in (kept.parent, kept, path)]
    assert modes == [0o700, 0o700, 0o600]


DAMAGE = {
    "a bit": lambda data: data[:-1] + bytes([data[-1] ^ 1]),
    "the first bit": lambda data: bytes([data[0] ^ 1]) + data[1:],
    "a bit of the checksum": lambda data: data[:20] + bytes([data[20] ^ 1]) + data[21:],
    "cut": lambda data: data[: len(data) // 2],
    "cut by one": lambda data: data[:-1],
    "longer": lambda data: data + b"x",
    "zeros": lambda data: bytes(len(data)),
    "nothing": lambda data: b"",
}


@pytest.mark.parametrize("damaged", DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_entry_is_dropped(damaged):
    path = written()
    path.write_bytes(damaged(path.read_bytes()))
    assert cache_folder.read_entry(NAME) is None
    assert not path.exists()


def test_an_entry_under_another_name_is_dropped():
    path = written()
    os.replace(path, path.with_name(OTHER))
    assert cache_folder.read_entry(OTHER) is None
    assert not path.with_name(OTHER).exists()


OPEN = {
    "a folder that others may write to": (lambda path: path.parent.chmod(0o777), "programs: others may write to it"),
    "a folder that the group may write to": (lambda path: path.parent.chmod(0o770), "programs: others may write to it"),
    "the folder above": (lambda path: path.parent.parent.chmod(0o777), "cache: others may write to it"),
    "a folder that others may replace": (
        lambda path: path.parent.parent.parent.chmod(0o777),
        "others may replace it, because they may write to",
    ),
    "an entry that others may write to": (lambda path: path.chmod(0o666), f"{NAME}: others may write to it"),
}


@pytest.mark.parametrize("change, why", OPEN.values(), ids=OPEN)
def test_what_others_may_write_to_is_not_used_and_one_warning_says_why(change, why):
    path = written()
    change(path)
    cache_folder.forget_folder()
    with pytest.warns(UserWarning, match=why) as warned:
        assert [cache_folder.read_entry(NAME) for _ in range(3)] == [None] * 3
    assert len(warned) == 1
    assert path.exists()


def test_what_belongs_to_somebody_else_is_not_used(monkeypatch):
    path = written()
    owner = path.stat().st_uid
    monkeypatch.setattr(cache_folder.os, "geteuid", lambda: owner + 1)
    cache_folder.forget_folder()
    with pytest.warns(UserWarning, match=f"belongs to user {owner}, and this program runs as user {owner + 1}"):
        assert cache_folder.read_entry(NAME) is None
    cache_folder.write_entry(OTHER, b"")
    assert os.listdir(path.parent) == [NAME]
    assert cache_folder.cache_info().refused
    with pytest.raises(PermissionError, match="belongs to user"):
        cache_folder.clear_cache()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_an_entry_of_somebody_else_is_not_used():
    path = written()
    os.chown(path, 12345, -1)
    with pytest.warns(UserWarning, match="belongs to user 12345"):
        assert cache_folder.read_entry(NAME) is None


def test_a_symbolic_link_is_no_entry(tmp_path):
    path = written()
    os.replace(path, tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.warns(UserWarning, match="it is a symbolic link"):
        assert cache_folder.read_entry(NAME) is None


def names(count):
    return [f"{n:064x}" for n in range(count)]


def test_the_least_recently_used_go(kept, monkeypatch):
    monkeypatch.setattr(config, "cache_size", 100_000)
    for i, name in enumerate(names(30)):
        path = written(name, bytes(10_000))
        os.utime(path, (i, time.time() - 1000 + i))
        if i:
            assert cache_folder.read_entry(names(30)[0]) is not None  # in use
        assert cache_folder.cache_info().bytes <= 100_000
    left = sorted(os.listdir(kept))
    assert left[0] == names(30)[0]
    assert left[1:] == names(30)[31 - len(left) :]
    assert len(left) >= 8
    written(OTHER, bytes(200_000))
    assert OTHER not in os.listdir(kept)


@pytest.mark.parametrize("text, size", [("2000", 2000), ("1.5K", 1536), ("3m", 3 << 20), ("4G", 4 << 30)])
def test_sizes_as_they_are_written(text, size):
    assert cache_folder.bytes_of(text) == size


def test_a_size_that_is_none():
    with pytest.raises(ValueError, match="JTORCH_CACHE_SIZE=much is not a size"):
        cache_folder.bytes_of("much")


def test_a_write_that_fails_leaves_nothing(kept, monkeypatch):
    written()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(cache_folder.os, "replace", full)
    cache_folder.write_entry(OTHER, b"content")
    monkeypatch.undo()
    assert os.listdir(kept) == [NAME]


def test_what_a_killed_program_left_goes(kept):
    written()
    part = kept / f"{OTHER}.1-1.part"
    part.write_bytes(b"half")
    os.utime(part, (0, time.time() - 2 * 3600))
    cache_folder.forget_folder()
    written()
    assert os.listdir(kept) == [NAME]


def test_the_cache_tells_what_it_holds_and_is_cleared(kept):
    (kept.parent).mkdir(mode=0o700)
    (kept.parent / "mine").write_text("not the cache's")
    written()
    written(OTHER, bytes(500))
    (kept / "mine").write_text("not the cache's either")
    info = cache_folder.cache_info()
    assert (info.folder, info.files, info.limit, info.refused) == (str(kept), 2, cache_folder.limit(), None)
    assert cache_folder.clear_cache() == info.bytes > 500
    assert cache_folder.cache_info().files == 0
    assert (kept / "mine").exists()
    assert (kept.parent / "mine").exists()


# ---- a program as data


def program():
    fn = jax.jit(lambda a, b: [a * 2 + b, a.sum()], donate_argnums=0)
    return fn.lower(jnp.ones(3), np.float32(2)).compile()


def the_host():
    return jax.local_devices(backend="cpu")[0]


def test_a_program_is_written_as_data_and_comes_back():
    data = serialized.as_bytes(program())
    assert data[8:9] == b"{"
    made = serialized.from_bytes(data, the_host())
    first, second = made(jnp.arange(3.0), np.float32(1))
    assert (first.tolist(), second.tolist()) == ([1, 3, 5], 3)


class Evil:
    """An object that runs a function when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (self.path, "w")


PLANTED = {
    "a pickle": lambda path: pickle.dumps(Evil(path)),
    "a pickle in JAX's form": lambda path: pickle.dumps((pickle.dumps(Evil(path)), None, None)),
    "data that names a function": lambda path: _data(
        [["tuple", 2], ["dict"], ["plain", path], ["call", "builtins", "open", 0, 1]]
    ),
    "data that names one of JAX's": lambda path: _data([["tuple"], ["dict"], ["new", "jax", "jit", 0, 1]]),
    "dots": lambda path: _data([["tuple"], ["dict"], ["new", "jax._src.core", "ShapedArray.update", 0, 1]]),
    "lines in a name": lambda path: _data([["tuple"], ["dict"], ["new", "jax\nP\ncos", "P", 0, 1]]),
    "nodes that name themselves": lambda path: _data([["list", 0]]),
    "nodes that name later ones": lambda path: _data([["list", 1], ["list", 0]]),
    "a bomb": lambda path: _data([["list"], *[["list", n, n, n, n] for n in range(60)]]),
    "a deep one": lambda path: _data([["list"], *[["list", n] for n in range(10_000)]]),
    "no JSON": lambda path: b"\5\0\0\0\0\0\0\0{[{[{",
    "nothing": lambda path: b"",
    "zeros": lambda path: bytes(100),
}


def _data(nodes):
    text = json.dumps({"arguments": 0, "results": ["list", 0], "nodes": nodes, "top": len(nodes) - 1}).encode()
    return len(text).to_bytes(8, "little") + text + b"program"


@pytest.mark.parametrize("planted", PLANTED.values(), ids=PLANTED)
def test_nothing_of_an_entry_is_called(tmp_path, planted):
    with pytest.raises(serialized.Unreadable):
        serialized.from_bytes(planted(str(tmp_path / "ran")), the_host())
    assert not (tmp_path / "ran").exists()


def test_what_jax_writes_is_known():
    """Every kind of program that the host runs is written with JAX's classes that are listed."""
    kinds = {
        "no arguments": (lambda: jnp.ones(3), ()),
        "an argument that is not used": (lambda a, b: a, (jnp.ones(3), jnp.ones(2))),
        "numbers": (lambda a, b: (a + b,), (np.float64(1), np.int64(2))),
        "types": (
            lambda *a: list(a),
            tuple(jnp.zeros(2, t) for t in ("bool", "int8", "bfloat16", "complex64", "float8_e5m2")),
        ),
        "loops": (lambda a: jax.lax.fori_loop(0, 3, lambda i, x: x * 2, a), (jnp.ones(2),)),
    }
    for fn, args in kinds.values():
        data = serialized.as_bytes(jax.jit(fn).lower(*args).compile())
        made = serialized.from_bytes(data, the_host())
        assert jax.tree_util.tree_structure(made(*args)) == jax.tree_util.tree_structure(fn(*args))
