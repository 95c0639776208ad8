"""DataLoader's workers: ordinary scripts, samples that cannot be pickled, workers that die, and no process left behind."""

import enum
import os
import pickle
import random
import re
import signal
import socket
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
import warnings
from pathlib import Path

import numpy as np
import pytest

import jtorch as torch
from jtorch.core import engine
from jtorch.utils.data import (
    DataLoader,
    Dataset,
    IterableDataset,
    Subset,
    TensorDataset,
    get_worker_info,
)
from jtorch.utils.data._utils import byvalue, messages, worker_pool


class Rows(Dataset):
    def __init__(self, array):
        self.array = array

    def __len__(self):
        return len(self.array)

    def __getitem__(self, i):
        return self.array[i]


def run(script):
    """Run a script in a fresh interpreter, as `python script.py` does, with this checkout of jtorch."""
    environment = os.environ | {"PYTHONPATH": str(Path(torch.__file__).parent.parent)}
    with tempfile.NamedTemporaryFile("w", suffix=".py") as file:
        file.write(textwrap.dedent(script))
        file.flush()
        command = [sys.executable, file.name]
        return subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment)


def is_alive(pid):
    """Whether a process exists and is no zombie."""
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().split(")")[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def gone(pids, seconds=10):
    end = time.monotonic() + seconds
    while any(map(is_alive, pids)) and time.monotonic() < end:
        time.sleep(0.05)
    return not any(map(is_alive, pids))


SCRIPT = """
    import collections, dataclasses, enum, os, random
    import numpy as np
    import jtorch as torch
    from jtorch.utils.data import DataLoader, Dataset

    print("once")
    scale = 10
    Point = collections.namedtuple("Point", "x y")

    @dataclasses.dataclass
    class Setting:
        offset: int = 1
        names: list = dataclasses.field(default_factory=list)

    class Compose:
        def __init__(self, *steps): self.steps = steps
        def __call__(self, x):
            for step in self.steps: x = step(x)
            return x

    class Data(Dataset):
        KINDS = ("even", "odd")
        def __init__(self, setting, transform): self.setting, self.transform = setting, transform
        def __len__(self): return 6
        @property
        def offset(self): return self.setting.offset
        @staticmethod
        def double(x): return 2 * x
        @classmethod
        def kind(cls, i): return cls.KINDS[i % 2]
        def __getitem__(self, i):
            assert dataclasses.replace(self.setting, offset=5).offset == 5
            x = self.double(self.transform(torch.tensor([i, i]))) + self.offset
            return Point(x, {"kind": self.kind(i), "pid": os.getpid() != parent})

    class More(Data):
        def __getitem__(self, i): return super().__getitem__(i)

    parent = os.getpid()
    (torch.ones(3) + 1).tolist()  # JAX runs in the main program
    transform = Compose(lambda x: x * scale, lambda x: x + len(str(scale)))
    for epoch in range(2):
        for batch in DataLoader(More(Setting(offset=100), transform), 3, shuffle=True, num_workers=2):
            print(type(batch).__name__, batch.x.tolist(), batch.y["kind"], batch.y["pid"].tolist())
"""


def test_a_script_needs_no_main_guard_and_runs_once():
    done = run(SCRIPT)
    assert done.stderr == ""
    lines = done.stdout.splitlines()
    assert len(lines) == 5
    assert lines[0] == "once"
    assert all(line.startswith("Point [[") and line.endswith("[True, True, True]") for line in lines[1:])
    rows = sorted(row for line in lines[1:3] for row in eval(line[6 : line.index("]]") + 2]))
    assert rows == [[2 * (10 * i + 2) + 100] * 2 for i in range(6)]


def test_no_process_outlives_the_program():
    script = """
        import os, signal, sys
        from jtorch.utils.data import DataLoader
        it = iter(DataLoader(range(100), num_workers=2, collate_fn=lambda x: os.getpid()))
        from jtorch.utils.data._utils.server import server
        print(server().process.pid, next(it), next(it), flush=True)
        {}
    """
    for ending in ("", "os.kill(os.getpid(), signal.SIGKILL)", "raise ValueError"):
        pids = [int(pid) for pid in run(script.format(ending)).stdout.split()]
        assert len(set(pids)) == 3
        assert gone(pids), ending


def test_workers_go_with_their_pass():
    loader = DataLoader(range(100), num_workers=2, collate_fn=lambda x: os.getpid())
    it = iter(loader)
    pids = {next(it) for _ in range(4)}
    assert len(pids) == 2
    assert os.getpid() not in pids
    del it
    assert gone(pids)
    pids = set(loader)
    assert gone(pids)


INTERRUPTED = """
    import os, signal, time
    from jtorch.utils.data import DataLoader
    from tests.data.test_workers import is_alive

    for seconds in (0.01, 0.5):
        def wait(rows):
            time.sleep(seconds)
            return os.getpid()

        for persistent in (False, True):
            loader, pids = DataLoader(range(99), num_workers=2, collate_fn=wait, persistent_workers=persistent), set()
            for _ in range(2):
                pids.clear()
                try:
                    for pid in loader:
                        pids.add(pid)
                        if len(pids) == 2:
                            os.kill(os.getpid(), signal.SIGINT)
                except KeyboardInterrupt:
                    pass
                print(persistent, len(pids), any(map(is_alive, pids)))
            del loader
            print(any(map(is_alive, pids)))
"""


def test_workers_are_gone_right_after_ctrl_c():
    """Also workers in the middle of a batch. Persistent workers live as long as their loader, as in PyTorch."""
    done = run(INTERRUPTED)
    expected = [*["False 2 False"] * 2, "False", *["True 2 True"] * 2, "False"]
    assert done.stdout.splitlines() == expected * 2, done.stderr


def test_a_worker_that_does_not_end_is_killed(monkeypatch):
    monkeypatch.setattr(worker_pool, "PATIENCE", 0.2)
    it = iter(DataLoader(range(8), num_workers=1, collate_fn=lambda x: time.sleep(60) if 2 in x else os.getpid()))
    pids = {next(it), next(it)}
    del it
    assert not any(map(is_alive, pids))


def test_persistent_workers_stay_from_pass_to_pass():
    loader = DataLoader(range(8), num_workers=2, collate_fn=lambda x: os.getpid(), persistent_workers=True)
    first = set(loader)
    assert [set(loader) for _ in range(2)] == [first, first]
    next(iter(loader))  # a pass that is not finished
    assert set(loader) == first
    del loader
    assert gone(first)


class Dies(Dataset):
    def __init__(self, action):
        self.action = action

    def __len__(self):
        return 4

    def __getitem__(self, i):
        return self.action() if i == 2 else i


@pytest.mark.parametrize("action", [lambda: os._exit(1), lambda: os.kill(os.getpid(), signal.SIGKILL)])
def test_a_dead_worker_is_an_error(action):
    with pytest.raises(RuntimeError, match=r"^DataLoader worker \(pid\(s\) \d+\) exited unexpectedly$"):
        list(DataLoader(Dies(action), num_workers=1))
    assert len(list(DataLoader(range(4), num_workers=1))) == 4


def test_a_batch_that_cannot_travel_is_an_error():
    with pytest.raises(TypeError, match="Caught TypeError in DataLoader worker process 0(.|\n)*pickle"):
        list(DataLoader(range(2), num_workers=1, collate_fn=lambda x: (i for i in x)))


def test_workers_compute_while_the_main_program_runs_jax():
    class Computes(Dataset):
        def __len__(self):
            return 6

        def __getitem__(self, i):
            return (torch.arange(4.0) * i).sum().sqrt()

    ours = (torch.ones(100, 100) @ torch.ones(100, 100)).sum()
    batches = list(DataLoader(Computes(), 3, num_workers=2))
    assert [b.dtype for b in batches] == [torch.float32] * 2
    np.testing.assert_allclose(torch.cat(batches).numpy(), np.sqrt(6 * np.arange(6)), rtol=1e-6)
    assert ours.item() == 1e6


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "bool", "int8", "complex64", "float64"])
def test_tensors_travel_bit_for_bit(dtype):
    rows = torch.arange(600).reshape(6, 100).to(getattr(torch, dtype))
    batches = list(DataLoader(Rows(rows), 2, num_workers=2))
    assert all(b.dtype is rows.dtype and b.shape == (2, 100) for b in batches)
    assert torch.equal(torch.cat(batches), rows)


def test_odd_shapes_and_large_batches_travel():
    samples = [torch.zeros(0, 3), torch.tensor(5), torch.ones(300, 1000), torch.arange(6).reshape(2, 3).t()]
    for given, taken in zip(samples, DataLoader(samples, None, num_workers=2), strict=True):
        assert given.shape == taken.shape
        assert torch.equal(given, taken)


def test_the_data_set_of_a_worker_is_its_own():
    class Writes(Rows):
        def __getitem__(self, i):
            self.array[i] += 1
            return self.array[i].copy()

    array = np.arange(20.0).reshape(4, 5)
    batches = list(DataLoader(Writes(array), 2, num_workers=2))
    assert torch.cat(batches).tolist() == (np.arange(20.0).reshape(4, 5) + 1).tolist()
    assert array.tolist() == np.arange(20.0).reshape(4, 5).tolist()


def test_batches_can_be_written_to():
    (batch,) = DataLoader(Rows(np.ones((2, 100), np.float32)), 2, num_workers=1)
    batch.numpy()[0] = 3
    batch += 1
    assert batch[:, 0].tolist() == [4, 2]


class Shard(IterableDataset):
    def __init__(self, file):
        self.file, self.start, self.end = file, 0, 8

    def __iter__(self):
        return iter(range(self.start, self.end))


def shard(number):
    info = get_worker_info()
    info.dataset.start, info.dataset.end = 4 * number, 4 * number + 4
    np.random.seed(info.seed % 2**32)
    random.seed(info.seed)


@pytest.mark.parametrize("persistent", [False, True])
def test_what_cannot_leave_is_read_by_threads(persistent):
    with open(os.devnull) as file:
        loader = DataLoader(Shard(file), 2, num_workers=2, worker_init_fn=shard, persistent_workers=persistent)
        states = random.getstate(), np.random.get_state()[1].tolist()
        with pytest.warns(UserWarning, match=r"sent to another process \(TypeError: .*TextIOWrapper"):
            assert [b.tolist() for b in loader] == [[0, 1], [4, 5], [2, 3], [6, 7]]
        assert (random.getstate(), np.random.get_state()[1].tolist()) == states
        assert (loader.dataset.start, loader.dataset.end) == (0, 8)
        if persistent:
            assert [b.tolist() for b in loader] == [[0, 1], [4, 5], [2, 3], [6, 7]]


def test_threads_wrap_errors_and_keep_order():
    class Slow(Dataset):
        lock = threading.Lock()

        def __len__(self):
            return 8

        def __getitem__(self, i):
            time.sleep(0.02 * (i % 2 == 0))
            return i

    with pytest.warns(UserWarning, match="are threads"):
        assert list(DataLoader(Slow(), None, num_workers=2)) == list(range(8))
    with pytest.warns(UserWarning, match="are threads"):
        assert sorted(DataLoader(Slow(), None, num_workers=2, in_order=False)) == list(range(8))
    Slow.__getitem__ = lambda self, i: 1 / 0
    with pytest.warns(UserWarning, match="are threads"):
        with pytest.raises(ZeroDivisionError, match="Caught ZeroDivisionError in DataLoader worker thread 0"):
            list(DataLoader(Slow(), num_workers=2))
    Slow.__getitem__ = lambda self, i: time.sleep(1)
    with pytest.warns(UserWarning, match="are threads"):
        with pytest.raises(RuntimeError, match=r"^DataLoader timed out after 0\.1 seconds$"):
            list(DataLoader(Slow(), num_workers=2, timeout=0.1))


def test_out_of_order_gives_the_fast_ones_first():
    class Uneven(Dataset):
        def __len__(self):
            return 6

        def __getitem__(self, i):
            time.sleep(0.5 if i == 0 else 0)
            return i

    order = list(DataLoader(Uneven(), None, num_workers=2, in_order=False))
    assert sorted(order) == list(range(6))
    assert order[0] != 0


def test_nothing_is_left_open():
    list(DataLoader(range(4), num_workers=2))
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(10):
        list(DataLoader(Rows(np.ones((8, 1000))), 2, num_workers=2))
    assert len(os.listdir("/proc/self/fd")) <= before


def test_a_plain_tensor_data_set_starts_no_worker():
    script = """
        import jtorch as torch
        from jtorch.utils.data import DataLoader, TensorDataset
        from jtorch.utils.data._utils import server
        data = TensorDataset(torch.arange(6), torch.ones(6, 2))
        print([x.tolist() for x, _ in DataLoader(data, 4, num_workers=2)], server._servers)
    """
    assert run(script).stdout == "[[0, 1, 2, 3], [4, 5]] []\n"


def test_an_epoch_of_input_compiles_and_records_nothing():
    class Own(Dataset):
        def __init__(self):
            self.x, self.y = torch.arange(40).reshape(20, 2), np.arange(20)

        def __len__(self):
            return 20

        def __getitem__(self, i):
            return self.x[i], self.y[i], {"number": i, "name": str(i)}

    whole = TensorDataset(torch.ones(20, 3), torch.arange(20))
    engine.flush()
    before = engine.counters.compiles, engine.counters.runs, engine.counters.lines, engine.counters.misses
    for data in (Own(), whole, Subset(whole, [3, 1, 4, 1, 5]), Rows(np.ones((20, 3)))):
        list(DataLoader(data, 3, shuffle=True))
    engine.flush()
    assert before == (engine.counters.compiles, engine.counters.runs, engine.counters.lines, engine.counters.misses)


def test_data_on_its_way_is_gathered_by_one_line():
    """A batch of rows of a tensor that is not computed yet is recorded as one indexing line."""
    promised = torch.arange(20.0) * 2
    (batch,) = next(iter(DataLoader(TensorDataset(promised), 4, sampler=[3, 1, 4, 1, 5])))
    assert batch.tolist() == [6, 2, 8, 2]


def test_gradients_reach_the_data():
    x = torch.arange(6.0, requires_grad=True)
    for (batch,) in DataLoader(TensorDataset(x), 4):
        (batch * batch).sum().backward()
    assert x.grad.tolist() == [0, 2, 4, 6, 8, 10]


def test_too_many_workers_are_warned_of():
    message = (
        "This DataLoader will create 9999 worker processes in total. Our suggested max number of worker in "
        f"current system is {len(os.sched_getaffinity(0))}, which is smaller than what this DataLoader is "
        "going to create. Please be aware that excessive worker creation might get DataLoader running slow "
        "or even freeze, lower the worker number to avoid potential slowness/freeze if necessary."
    )
    with pytest.warns(UserWarning, match=f"^{re.escape(message)}$"):
        DataLoader(TensorDataset(torch.ones(2)), num_workers=9999)


def test_starting_workers_warns_of_nothing():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(list(DataLoader(range(4), num_workers=1))) == 4


def test_a_parcel_holds_anything_that_pickles():
    things = [None, 1, "x" * 10_000, [np.arange(5)] * 3, {"a": np.ones((100, 100)).T}, np.zeros((0, 3)), b""]
    ours, theirs = socket.socketpair()
    with ours, theirs:
        for thing in things:
            messages.send(thing, ours)
            taken = messages.receive(theirs)
            assert str(taken) == str(thing)
        large = np.random.rand(200, 500)
        messages.send([large, large], ours)
        first, second = messages.receive(theirs)
        assert first is second
        assert first.flags.writeable
        assert np.array_equal(first, large)
        ours.close()
        with pytest.raises(EOFError):
            messages.receive(theirs)


def test_code_travels_by_value():
    """Pickled and unpickled in one process: the functions come back as new objects that work."""

    def counter(start):
        total = [start]

        def add(n=1):
            total[0] += n
            return total[0]

        def fresh():
            return counter(0)

        return add, fresh

    add, fresh = counter(5)
    add(2)
    copied_add, copied_fresh = pickle.loads(byvalue.dumps((add, fresh), [], by_value=True))
    assert copied_add() == 8
    assert add() == 8
    assert copied_fresh()[0]() == 1

    class Local(enum.Enum):
        A = 1

    with pytest.raises(pickle.PicklingError, match="of <class 'enum.EnumType'> cannot be sent"):
        byvalue.dumps(Local.A, [], by_value=True)
