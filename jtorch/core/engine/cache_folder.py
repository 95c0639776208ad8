"""The folder that keeps compiled programs between runs: who may own it, what a valid entry is, how large it may grow.

An entry is a file named by a hash, with a checksum over its name and content. The folder and its entries are used only if
nobody else can have written them. Does not know programs.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
import stat
import threading
import time
from pathlib import Path
from typing import NamedTuple

from jtorch.core.facts import config, warn_user

_MARK = b"jtorch program 1\n"
_SUM = hashlib.sha256
_MONTH = 30 * 24 * 3600
_HOUR = 3600
_UNFINISHED = ".part"
_OURS = re.compile(r"[0-9a-f]{64}(\..*\.part)?")


def bytes_of(text) -> int:
    """A number of bytes that is written as "2000", "500M" or "4G"."""
    text = str(text)
    factor = {"K": 2**10, "M": 2**20, "G": 2**30}.get(text[-1:].upper(), 1)
    try:
        return int(float(text[:-1] if factor > 1 else text) * factor)
    except ValueError:
        raise ValueError(
            f"JTORCH_CACHE_SIZE={text} is not a size: it must be a number, or one with K, M or G"
        ) from None


def limit() -> int:
    """How many bytes the folder may hold."""
    return bytes_of(config.cache_size)


limit()  # raises now where the environment says something else


class Info(NamedTuple):
    """What the folder of compiled programs holds."""

    folder: str
    files: int
    bytes: int
    limit: int
    refused: str | None  # why it is not used


class _State:
    """What this process knows of the folder."""

    path: Path | None = None  # the folder that was checked
    refused: str | None = None  # why it is not used
    warned = False
    used: int | None = None  # bytes in it, as far as known
    lock = threading.Lock()


# ---- whose it is


def folder() -> Path | None:
    """The folder, made if there is none; None where it may not be used. One warning says why."""
    path = _path()
    if _State.path != path:
        _State.path, _State.refused, _State.used = path, None, None
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.mkdir(mode=0o700, exist_ok=True)
            _State.refused = _folder_trouble(path.parent) or _folder_trouble(path)
            if _State.refused is None:
                path.chmod(0o700)  # one that was made before
        except OSError as error:
            _State.refused = f"it cannot be made: {error.strerror}"
        else:
            if _State.refused:
                _warn(f"jtorch does not use its cache of compiled programs: {_State.refused}")
    return None if _State.refused else path


def _path():
    return config.cache_folder() / "programs"


def _folder_trouble(path):
    """Why a folder may not be used; None where it may."""
    if not hasattr(os, "geteuid"):
        return None  # Windows: the folder is in the user's own
    trouble = _trouble(path.stat())
    if trouble:
        return f"{path}: {trouble}. Set JTORCH_CACHE_DIR to a folder that only you can write to"
    for above in path.resolve().parents:
        mode = above.stat().st_mode
        if mode & stat.S_IWOTH and not mode & stat.S_ISVTX:
            return f"{path}: others may replace it, because they may write to {above}"
    return None


def _trouble(found):
    """Why a file may not be trusted; None where it may."""
    if found.st_uid != os.geteuid():
        return f"it belongs to user {found.st_uid}, and this program runs as user {os.geteuid()}"
    if found.st_mode & 0o022:
        return "others may write to it"
    return None


def _warn(text):
    if not _State.warned:
        _State.warned = True
        warn_user(text)


# ---- entries


def read_entry(name: str) -> bytes | None:
    """The content of an entry; None where there is none. One that is damaged is deleted, another's is left and not used."""
    where = folder()
    if where is None:
        return None
    path = where / name
    try:
        with open(os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0)), "rb") as file:
            trouble = _trouble(os.fstat(file.fileno())) if hasattr(os, "geteuid") else None
            data = b"" if trouble else file.read()
            if not trouble:
                with contextlib.suppress(OSError):
                    os.utime(path)  # the least recently used go first
    except OSError as error:
        if error.errno == errno.ELOOP:
            _warn(f"jtorch does not use {path}: it is a symbolic link")
        return None
    if trouble:
        _warn(f"jtorch does not use {path}: {trouble}")
        return None
    content = data[len(_MARK) + _SUM().digest_size :]
    if data[: -len(content) or None] != _head(name, content):
        drop_entry(name)
        return None
    return content


def _head(name, content):
    summed = _SUM(name.encode() + b"\0")
    summed.update(content)
    return _MARK + summed.digest()


def write_entry(name: str, content: bytes) -> None:
    """Keep an entry. Another process sees all of it or nothing; where it cannot be written, nothing stays behind."""
    where = folder()
    size = len(_MARK) + _SUM().digest_size + len(content)
    if where is None or size > limit():
        return
    path = where / name
    part = where / f"{name}.{os.getpid()}-{threading.get_ident()}{_UNFINISHED}"
    try:
        with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(_head(name, content))
            file.write(content)
        os.replace(part, path)
    except BaseException as error:  # Ctrl-C, too
        with contextlib.suppress(OSError):
            part.unlink()
        if not isinstance(error, OSError):
            raise
        return
    _make_room(where, size)


def drop_entry(name: str) -> None:
    """Delete an entry."""
    with contextlib.suppress(OSError):
        (_path() / name).unlink()


def _make_room(where, size):
    """Count a new entry. If the folder is too large, delete the least recently used entries, those a month old, and unfinished ones."""
    with _State.lock:
        if _State.used is not None and _State.used + size <= limit():
            _State.used += size
            return
        now, kept = time.time(), []
        for path, found in _kept_files(where):
            too_old = _HOUR if path.name.endswith(_UNFINISHED) else _MONTH
            if found.st_mtime < now - too_old:
                _unlink(path)
            elif not path.name.endswith(_UNFINISHED):
                kept.append((found.st_mtime, found.st_size, path))
        kept.sort()
        used = sum(size for _, size, _ in kept)
        room = limit() if used <= limit() else limit() * 9 // 10  # not at each new one
        for _, size_of_old, path in kept:
            if used <= room:
                break
            _unlink(path)
            used -= size_of_old
        _State.used = used


def _unlink(path):
    with contextlib.suppress(OSError):  # another process was quicker
        path.unlink()


def _kept_files(where):
    """(path, status) of the files of ours in the folder: entries, and what JAX and XLA keep in a folder below."""
    with contextlib.suppress(OSError):
        for path in where.iterdir():
            with contextlib.suppress(OSError):
                found = path.lstat()
                if stat.S_ISREG(found.st_mode) and (_OURS.fullmatch(path.name) or where.name != "programs"):
                    yield path, found
                elif stat.S_ISDIR(found.st_mode) and (path.name == "jax" or where.name != "programs"):
                    yield from _kept_files(path)


def forget_folder() -> None:
    """Look at the folder anew when it is needed next."""
    _State.path, _State.refused, _State.warned, _State.used = None, None, False, None


# ---- for people


def cache_info() -> Info:
    """Where compiled programs are kept, how many files there are, how many bytes they take and may take."""
    folder()
    sizes = [found.st_size for _, found in _kept_files(_path())]
    return Info(str(_path()), len(sizes), sum(sizes), limit(), _State.refused)


def clear_cache() -> int:
    """Delete all compiled programs that are kept. Returns how many bytes that freed.

    Raises:
        OSError: the folder may not be used, or a file cannot be deleted.
    """
    if folder() is None:
        raise PermissionError(_State.refused)
    freed = 0
    for path, found in list(_kept_files(_path())):
        with contextlib.suppress(FileNotFoundError):
            path.unlink()
            freed += found.st_size
    _State.used = None
    return freed
