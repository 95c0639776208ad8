"""A file that takes another's place in one step, when it is whole and on the disk.

A program that is killed, a disk that is full, an exception and Ctrl-C leave the old file or the new one. Does not know
what is in the files.
"""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import shutil
import stat

try:
    import fcntl
except ImportError:  # Windows: files that a killed program left are not recognized
    fcntl = None

_MARK = ".saving"  # how the names of unfinished files end
_numbers = itertools.count()
_NO_UNNAMED = (errno.EOPNOTSUPP, errno.EISDIR, errno.ENOENT, errno.EINVAL)  # what systems without unnamed files answer


@contextlib.contextmanager
def replacement_of(path: str):
    """A file to write, which gets the name `path` at the end of the block. Where the block raises, nothing has changed.

    The file is written in the folder of `path`, keeps the permissions of the file that it replaces, and is where a symbolic
    link points. It is written in place if `path` is a pipe or a device, or if no file can be made in its folder.

    Raises:
        OSError: the file cannot be opened, written or renamed.
    """
    target = os.path.realpath(path)
    old = _status(target)
    if old is not None and not (stat.S_ISREG(old.st_mode) and os.access(target, os.W_OK)):
        beside = None
    else:
        beside = _Beside.made(target)
    if beside is None:
        with open(path, "wb") as file:
            yield file
        return
    try:
        yield beside.file
        beside.finish(old)
    finally:
        beside.close()


def _status(path):
    try:
        return os.stat(path)
    except OSError:
        return None


class _Beside:
    """An unfinished file in the folder of `target`. It has no name while it is written, where the system has such files, so
    that it goes with a program that is killed."""

    def __init__(self, target, descriptor, name):
        self.target = target
        self.name = name  # None while it has none
        self.file = open(descriptor, "w+b")

    @classmethod
    def made(cls, target):
        """A new one; None where the folder does not permit it."""
        _sweep(target)
        try:
            return cls._unnamed(target) or cls._named(target)
        except PermissionError:
            return None
        except OSError as error:
            if error.errno == errno.EROFS:
                return None
            raise

    @classmethod
    def _unnamed(cls, target):
        if not hasattr(os, "O_TMPFILE") or not os.path.exists("/proc/self/fd"):
            return None
        try:
            descriptor = os.open(os.path.dirname(target), os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o666)
        except OSError as error:
            if error.errno in _NO_UNNAMED:
                return None
            raise
        _lock(descriptor)
        return cls(target, descriptor, None)

    @classmethod
    def _named(cls, target):
        while True:
            name = _new_name(target)
            with contextlib.suppress(FileExistsError):
                descriptor = os.open(name, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o666)
                if _lock(descriptor) and os.fstat(descriptor).st_nlink:  # else another program has just swept it away
                    return cls(target, descriptor, name)
                os.close(descriptor)

    def finish(self, old):
        """Put the file in its place."""
        descriptor = self.file.fileno()
        self.file.flush()
        if old is not None:
            _keep_permissions(descriptor, old)
        os.fsync(descriptor)
        if self.name is None:
            self._link(descriptor)
        try:
            os.replace(self.name, self.target)
        except OSError:  # a file that is a mount, or another user's in a folder like /tmp: only its content can change
            if old is None:
                raise
            shutil.copyfile(self.name, self.target)
        else:
            self.name = None
        _sync_folder(self.target)

    def _link(self, descriptor):
        """Give the file a name."""
        folder = os.open(os.path.dirname(self.target), os.O_RDONLY | os.O_CLOEXEC)
        try:
            while self.name is None:
                name = _new_name(self.target)
                with contextlib.suppress(FileExistsError):
                    # With a folder, so that it is the file that gets the name and not the link to it.
                    os.link(f"/proc/self/fd/{descriptor}", os.path.basename(name), dst_dir_fd=folder)
                    self.name = name
        finally:
            os.close(folder)

    def close(self):
        """Close the file. It goes if it has not taken its place."""
        if self.name is not None:
            with contextlib.suppress(OSError):
                os.unlink(self.name)
        with contextlib.suppress(OSError):  # what could not be written was said before
            self.file.close()


def _keep_permissions(descriptor, old):
    with contextlib.suppress(OSError, AttributeError):  # only an administrator may give files away; Windows has neither
        os.fchown(descriptor, old.st_uid, old.st_gid)
    with contextlib.suppress(AttributeError):
        os.fchmod(descriptor, stat.S_IMODE(old.st_mode))


def _new_name(target):
    folder, name = os.path.split(target)
    # Names may have 255 bytes.
    return os.path.join(folder, f".{name[:60]}.{os.getpid()}-{next(_numbers)}{_MARK}")


def _lock(descriptor) -> bool:
    """Lock a file until it is closed. The system does that too when the program is killed."""
    if fcntl is None:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks
        pass
    return True


def _sweep(target):
    """Delete the unfinished files of this target that killed programs have left: those that nobody has locked."""
    if fcntl is None:
        return
    folder, name = os.path.split(target)
    with contextlib.suppress(OSError):
        for entry in os.scandir(folder):
            if entry.name.startswith(f".{name[:60]}.") and entry.name.endswith(_MARK):
                _delete_if_left(entry.path)


def _delete_if_left(path):
    with contextlib.suppress(OSError):
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.unlink(path)
        finally:
            os.close(descriptor)


def _sync_folder(path):
    """Write the new name to the disk, too."""
    with contextlib.suppress(OSError):
        folder = os.open(os.path.dirname(path), os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
