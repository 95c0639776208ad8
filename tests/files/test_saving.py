"""A path that `save` writes to holds the old file or the whole new one; nothing else of its folder changes."""

import errno
import io
import os
import signal
import stat
import subprocess
import sys
import threading

import pytest

import jtorch as torch
from jtorch.serialization import replacing

OLD, NEW = {"epoch": 9}, {"weight": torch.ones(1000)}
ZIPPED = pytest.mark.parametrize("zipped", [True, False])


class Unpicklable:
    def __reduce__(self):
        raise ValueError("no")


@pytest.fixture
def path(tmp_path):
    torch.save(OLD, tmp_path / "c.pt")
    return tmp_path / "c.pt"


def only_the_old_is_there(path):
    assert os.listdir(path.parent) == [path.name]
    assert torch.load(path) == OLD


def refused():
    """A tensor whose values cannot be computed."""
    return torch.nn.functional.nll_loss(torch.zeros(2, 3), torch.tensor([1, 1]) * 7)


FAILING = {
    "a value that cannot be computed": (lambda: {"a": torch.ones(2), "loss": refused()}, (IndexError, RuntimeError)),
    "an object that cannot be pickled": (lambda: [torch.ones(2), Unpicklable()], ValueError),
    "a local class": (lambda: [torch.ones(2), type("Local", (), {"__module__": "nowhere"})], Exception),
}


@ZIPPED
@pytest.mark.parametrize("make, error", FAILING.values(), ids=FAILING)
def test_what_cannot_be_saved_leaves_the_old_file(path, make, error, zipped):
    with pytest.raises(error):
        torch.save(make(), path, _use_new_zipfile_serialization=zipped)
    only_the_old_is_there(path)


@ZIPPED
@pytest.mark.parametrize("make, error", FAILING.values(), ids=FAILING)
def test_nothing_of_what_cannot_be_saved_is_written_to_a_file_object(make, error, zipped):
    file = io.BytesIO()
    with pytest.raises(error):
        torch.save(make(), file, _use_new_zipfile_serialization=zipped)
    assert file.getvalue() == b""


STEPS = ["os.fsync", "os.replace", "os.link", "os.fchown", "os.fchmod", "os.open"]


@pytest.mark.parametrize("unnamed", [True, False])
@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError(errno.ENOSPC, "No space left on device")])
def test_an_error_at_any_step_leaves_one_whole_file(path, monkeypatch, step, error, unnamed):
    module, name = step.split(".")
    before = getattr(os, name)

    def broken(*args, **options):
        if sys._getframe(1).f_globals.get("__name__") == replacing.__name__:
            raise error
        return before(*args, **options)

    monkeypatch.setattr(replacing.os, name, broken)
    if not unnamed:
        monkeypatch.delattr(replacing.os, "O_TMPFILE")
    try:
        torch.save(NEW, path)
    except (KeyboardInterrupt, RuntimeError):
        pass
    monkeypatch.undo()
    assert os.listdir(path.parent) == [path.name]
    loaded = torch.load(path)
    assert loaded == OLD or loaded["weight"].sum() == 1000


@ZIPPED
@pytest.mark.parametrize("unnamed", [True, False])
def test_a_new_file_is_whole_and_alone(path, monkeypatch, zipped, unnamed):
    if not unnamed:
        monkeypatch.delattr(replacing.os, "O_TMPFILE")
    torch.save(NEW, path, _use_new_zipfile_serialization=zipped)
    torch.save(NEW, path.parent / "n.pt", _use_new_zipfile_serialization=zipped)
    assert sorted(os.listdir(path.parent)) == ["c.pt", "n.pt"]
    assert torch.load(path)["weight"].sum() == torch.load(path.parent / "n.pt")["weight"].sum() == 1000


def test_permissions_stay(path):
    path.chmod(0o640)
    torch.save(NEW, path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    before = os.umask(0o027)
    try:
        torch.save(NEW, path.parent / "new.pt")
    finally:
        os.umask(before)
    assert stat.S_IMODE((path.parent / "new.pt").stat().st_mode) == 0o640


def test_a_symbolic_link_stays_one(path, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    links = tmp_path / "elsewhere" / "link.pt", tmp_path / "elsewhere" / "new.pt"
    links[0].symlink_to(path)
    links[1].symlink_to("there.pt")
    for link in links:
        torch.save(NEW, link)
        assert link.is_symlink()
        assert torch.load(link)["weight"].sum() == 1000
    assert torch.load(path)["weight"].sum() == 1000
    assert sorted(os.listdir(tmp_path / "elsewhere")) == ["link.pt", "new.pt", "there.pt"]


def test_a_pipe_is_written_to(tmp_path):
    pipe, got = tmp_path / "pipe.pt", []
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: got.append(pipe.read_bytes()))
    reader.start()
    torch.save(NEW, pipe)
    reader.join(20)
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    assert torch.load(io.BytesIO(got[0]))["weight"].sum() == 1000
    torch.save(NEW, "/dev/null")
    with pytest.raises(RuntimeError):
        torch.save(NEW, "/dev/full")


def test_a_file_is_written_in_place_where_its_folder_permits_no_other(path, monkeypatch):
    inode, before = path.stat().st_ino, os.open

    def refusing(name, flags, *mode, **options):
        if flags & (os.O_CREAT | os.O_TMPFILE):
            raise PermissionError(errno.EACCES, "Permission denied")
        return before(name, flags, *mode, **options)

    monkeypatch.setattr(replacing.os, "open", refusing)
    torch.save(NEW, path)
    assert path.stat().st_ino == inode
    assert torch.load(path)["weight"].sum() == 1000


def test_a_file_that_cannot_be_renamed_gets_the_content(path, monkeypatch):
    """A file that is mounted by itself, as in containers."""
    inode = path.stat().st_ino

    def busy(*_):
        raise OSError(errno.EBUSY, "Device or resource busy")

    monkeypatch.setattr(replacing.os, "replace", busy)
    torch.save(NEW, path)
    assert path.stat().st_ino == inode
    assert os.listdir(path.parent) == [path.name]
    assert torch.load(path)["weight"].sum() == 1000


def test_the_next_save_deletes_what_a_killed_program_left(path):
    left, others = path.parent / ".c.pt.1-0.saving", path.parent / ".d.pt.1-0.saving"
    for file in (left, others):
        file.write_bytes(b"half")
    script = (
        f"import fcntl, time; f = open({str(left)!r}); fcntl.flock(f, fcntl.LOCK_EX); print(flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as living:
        living.stdout.readline()
        torch.save(NEW, path)
        assert left.exists()  # another program is still writing it
        living.send_signal(signal.SIGKILL)
    torch.save(NEW, path)
    assert not left.exists()
    assert others.exists()


def test_threads_that_save_to_one_path(path):
    def save(n):
        for _ in range(5):
            torch.save({"n": torch.full((500,), n)}, path)

    threads = [threading.Thread(target=save, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert os.listdir(path.parent) == [path.name]
    assert len(torch.load(path)["n"].unique()) == 1


WRONG = {
    "a folder": lambda path: path.parent,
    "in no folder": lambda path: path.parent / "none" / "c.pt",
    "in a file": lambda path: path / "c.pt",
}


@pytest.mark.parametrize("where", WRONG.values(), ids=WRONG)
def test_wrong_places_are_refused(path, where):
    with pytest.raises(
        RuntimeError, match=r"Parent directory .* does not exist|open file failed with strerror: Is a dir"
    ):
        torch.save(NEW, where(path))
    only_the_old_is_there(path)
