"""Saves that are killed, interrupted, or find no room: the folder then holds the whole old file or the whole new one."""

from __future__ import annotations

import os
import subprocess

import pytest

from tests.attack import attacked

pytestmark = pytest.mark.attack

KILLED = """
    # Each save runs in a fork of this process, which starts no JAX backend. It is killed at one of the calls that it makes.
    path, zipped = sys.argv[1], sys.argv[2] == "zipped"
    old, new = np.full(1000, 1, np.float32), np.full(1000, 2, np.float32)

    def save(array):
        torch.save({"weight": torch.from_numpy(array), "more": list(range(100))}, path, _use_new_zipfile_serialization=zipped)

    def in_a_fork(kill_at):
        "Save; None kills at the end. Returns the number of calls."
        r, w = os.pipe()
        if os.fork() == 0:
            calls = 0

            def count(frame, event, argument):
                nonlocal calls
                calls += event == "c_call"
                if calls == kill_at:
                    os.kill(os.getpid(), signal.SIGKILL)

            sys.setprofile(count)
            save(new)
            sys.setprofile(None)
            os.write(w, str(calls).encode())
            os._exit(0)
        os.close(w)
        os.wait()
        with open(r) as pipe:
            return int(pipe.read() or 0)

    save(old)
    total = in_a_fork(None)
    assert total > 50, total
    found = {1: 0, 2: 0}
    first = max(0, total - 60)  # the last calls write and rename
    points = [*range(1, first, max(1, first // 60)), *range(first, total + 1)]
    for point in points:
        save(old)
        in_a_fork(point)
        loaded = torch.load(path)
        kinds = set(loaded["weight"].tolist())
        assert len(kinds) == 1 and loaded["more"] == list(range(100)), (point, kinds)
        found[int(kinds.pop())] += 1
    save(old)
    assert os.listdir(os.path.dirname(path)) == [os.path.basename(path)]
    print(len(points), found)
    assert found[1] > 50 and found[2] > 0
"""


@pytest.mark.parametrize("form", ["zipped", "stream"])
def test_a_killed_save_leaves_a_whole_file(form, tmp_path):
    """Kills the save at more than 100 points; 60 of them are its last calls."""
    print(attacked(KILLED, tmp_path / "c.pt", form, seconds=600))


KILLED_AT_RANDOM = """
    path = sys.argv[1]
    import random

    pick = random.Random(0)
    big = [np.full(2_000_000, n, np.float32) for n in range(2)]
    torch.save(torch.from_numpy(big[0]), path)
    for _ in range(50):
        pid = os.fork()
        if pid == 0:
            while True:
                for array in big:
                    torch.save(torch.from_numpy(array), path)
        time.sleep(pick.random() * 0.1)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        loaded = torch.load(path)
        assert loaded.shape == (2_000_000,)
        assert len(set(loaded[::1000].tolist())) == 1
    torch.save(torch.from_numpy(big[0]), path)
    assert os.listdir(os.path.dirname(path)) == [os.path.basename(path)]
"""


def test_50_kills_at_random_leave_a_whole_file(tmp_path):
    attacked(KILLED_AT_RANDOM, tmp_path / "c.pt")


INTERRUPTED = """
    path = sys.argv[1]
    class Stop(Exception): pass
    saving = False
    def handler(*_):
        global saving
        if saving:
            saving = False
            raise Stop
    signal.signal(signal.SIGALRM, handler)
    torch.save({"n": torch.zeros(500_000)}, path)
    whole = [0, 0]
    for i in range(200):
        new = {"n": torch.full((500_000,), float(i))}
        new["n"].sum().item()
        start = time.perf_counter()
        torch.save(new, path)
        signal.setitimer(signal.ITIMER_REAL, (time.perf_counter() - start) * (i % 50 + 1) / 50)
        try:
            saving = True
            torch.save(new, path)
            saving = False
            whole[0] += 1
        except Stop:
            whole[1] += 1
        signal.setitimer(signal.ITIMER_REAL, 0)
        loaded = torch.load(path)["n"]
        assert loaded.shape == (500_000,) and len(set(loaded[::5000].tolist())) == 1
    torch.save({"n": torch.zeros(500_000)}, path)
    assert os.listdir(os.path.dirname(path)) == [os.path.basename(path)], os.listdir(os.path.dirname(path))
    assert whole[1] > 10, whole
"""


def test_timers_whose_handlers_raise_leave_a_whole_file(tmp_path):
    attacked(INTERRUPTED, tmp_path / "c.pt")


FULL = """
    path, limit = sys.argv[1], int(sys.argv[2])
    torch.save({"epoch": 9}, path)
    if limit:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    for zipped in (True, False):
        for _ in range(3):
            try:
                torch.save({"weight": torch.ones(1_000_000)}, path, _use_new_zipfile_serialization=zipped)
            except RuntimeError as error:
                assert "failed writing file" in str(error) and path in str(error), error
            else:
                raise AssertionError("there was room")
            assert torch.load(path) == {"epoch": 9}
            assert os.listdir(os.path.dirname(path)) == [os.path.basename(path)]
    torch.save({"epoch": 10}, path)
    assert torch.load(path) == {"epoch": 10}
"""


def test_a_limit_on_the_size_of_files_leaves_the_old_file(tmp_path):
    attacked(FULL, tmp_path / "c.pt", 1_000_000)


def test_a_full_disk_leaves_the_old_file(tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", disk], capture_output=True, text=True)
    if mounted.returncode:
        pytest.skip(f"this user may not mount a small disk: {mounted.stderr.strip()}")
    try:
        attacked(FULL, disk / "c.pt", 0)
        assert os.listdir(disk) == ["c.pt"]
    finally:
        subprocess.run(["umount", disk], check=True)
