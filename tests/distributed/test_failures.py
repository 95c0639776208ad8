"""If a process dies, ends early or runs other collectives, the others raise, and nothing hangs: each test has a time limit."""

import random
import re
import signal
import subprocess
import sys
import time

import pytest

from tests import ROOT
from tests.distributed import ranks

BEGIN = """
import os, signal, sys, time
from datetime import timedelta
import jtorch as torch, jtorch.nn as nn, jtorch.distributed as dist
from jtorch.nn.parallel import DistributedDataParallel
dist.init_process_group("gloo", timeout=timedelta(seconds=20))
rank = dist.get_rank()
"""
TRAIN = """
model = DistributedDataParallel(nn.Linear(4, 2))
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
def step(i):
    optimizer.zero_grad()
    loss = model(torch.ones(3, 4) * (rank + i)).pow(2).mean()
    loss.backward()
    optimizer.step()
    return loss
"""


def program(folder, *parts):
    path = folder / "program.py"
    path.write_text("\n".join(parts))
    return [path]


def line_of(folder, text):
    lines = (folder / "program.py").read_text().splitlines()
    return next(i for i, line in enumerate(lines, 1) if text in line)


DIVERGING = {
    "another collective": ("dist.all_reduce(x)", "dist.broadcast(x, 0)"),
    "another size": ("dist.all_reduce(x)", "dist.all_reduce(torch.ones(7))"),
    "another dtype": ("dist.all_reduce(x)", "dist.all_reduce(x.int())"),
    "another order": (
        "dist.broadcast(x, 1); print(x); dist.all_reduce(x)",
        "dist.all_reduce(x); print(x); dist.broadcast(x, 1)",
    ),
}


@pytest.mark.long
@pytest.mark.parametrize("kind", DIVERGING)
def test_processes_that_diverge_are_told_both_lines(kind, tmp_path):
    first, second = DIVERGING[kind]
    command = program(
        tmp_path,
        BEGIN,
        "x = torch.ones(4)",
        "for i in range(2):",
        "    dist.all_reduce(x)  # the same",
        "print(x)",
        "if rank == 0:",
        f"    {first}  # first",
        "else:",
        f"    {second}  # second",
        "print(x)",
    )
    start = time.monotonic()
    ended = ranks.run(command, seconds=90)
    assert time.monotonic() - start < 80
    for one in ended:
        assert one.code == 1, one
        assert "the processes do not run the same collectives: as number 3" in one.err
        assert f"program.py:{line_of(tmp_path, '# first')}" in one.err
        assert f"program.py:{line_of(tmp_path, '# second')}" in one.err


@pytest.mark.long
def test_a_process_that_ends_early_is_told(tmp_path):
    command = program(tmp_path, BEGIN, TRAIN, "for i in range(3 + 3 * (rank == 0)):", "    print(step(i).item())")
    first, second = ranks.run(command, seconds=90)
    assert first.code == 1
    assert "rank 1 has ended" in first.err
    assert second.code == 1


@pytest.mark.long
def test_an_error_in_one_process_ends_the_others(tmp_path):
    command = program(tmp_path, BEGIN, TRAIN, "for i in range(9):", "    print(step(i).item(), 1 / (5 - i * rank))")
    first, second = ranks.run(command, seconds=90)
    assert "ZeroDivisionError" in second.err
    assert first.code == 1
    assert re.search("rank 1 has (ended|failed)", first.err), first.err


@pytest.mark.long
@pytest.mark.parametrize("seed", range(3))
def test_a_process_that_is_killed_is_an_error_in_the_others(seed, tmp_path):
    """The kill comes from outside, at any time after the first step."""
    command = program(
        tmp_path, BEGIN, TRAIN, "for i in range(10**6):", "    step(i)", "    if i == 2: print('ready', flush=True)"
    )
    port = ranks.free_port()
    processes = [ranks.start(command, rank, 3, port) for rank in range(3)]
    try:
        while "ready" not in processes[0].stdout.readline():
            assert processes[0].poll() is None
        time.sleep(random.Random(seed).uniform(0, 1))
        victim = 1 + seed % 2
        processes[victim].send_signal(signal.SIGKILL)
    finally:
        ended = ranks.finish(processes, 60)
    assert ended[victim].code == -signal.SIGKILL
    for rank in {0, 1, 2} - {victim}:
        assert ended[rank].code == 1, ended[rank]
        assert re.search(r"DistBackendError: .*rank \d has (ended|failed)", ended[rank].err), ended[rank].err


@pytest.mark.long
def test_the_end_of_rank_0_ends_the_others(tmp_path):
    """JAX itself ends them with its own message: rank 0 hosts JAX's coordination service."""
    ending = "    if i == 4 and rank == 0: os.kill(os.getpid(), signal.SIGKILL)"
    first, second = ranks.run(
        program(tmp_path, BEGIN, TRAIN, "for i in range(10**6):", "    step(i)", ending), seconds=90
    )
    assert first.code == -signal.SIGKILL
    assert second.code not in (0, -signal.SIGKILL)


@pytest.mark.long
def test_a_training_step_is_one_program(tmp_path):
    """One program holds forward, backward, the mean of the gradients and the update, also where ranks read different values."""
    command = program(
        tmp_path,
        BEGIN,
        TRAIN,
        "for i in range(5): step(i)",
        "model.module.weight.tolist()",
        "before = torch.compiler.stats()",
        "for i in range(5): step(i)",
        "model.module.weight.tolist()",
        "after = torch.compiler.stats()",
        "print('runs', after.runs - before.runs, 'compiles', after.compiles - before.compiles)",
        "for i in range(4):",
        "    loss = step(i)",
        "    if rank == 0 and i % 2: loss.item()",
        "print(model.module.weight.tolist())",
    )
    first, second = ranks.check(ranks.run(command, seconds=90))
    assert "runs 5 compiles 0" in first.out, first.out
    assert first.out.splitlines()[-1] == second.out.splitlines()[-1]


RUN = [sys.executable, "-m", "jtorch.distributed.run"]


def launched(*words, seconds=90):
    made = subprocess.Popen(
        [*RUN, *map(str, words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        cwd=ROOT,
    )
    return ranks.finish([made], seconds)[0]


def test_the_launcher_ends_all_when_one_fails(tmp_path):
    path = tmp_path / "program.py"
    path.write_text(
        "import os, sys, time\n"
        "rank = os.environ['RANK']\n"
        "print('process', os.getpid(), os.environ['WORLD_SIZE'], sys.argv[1:], flush=True)\n"
        "time.sleep(0.5)\n"
        "if rank == '1': raise SystemExit(3)\n"
        "time.sleep(600)\n"
    )
    ended = launched("--nproc-per-node", 3, path, "--epochs", 2)
    assert ended.code == 1
    lines = dict(line.split(":", 1) for line in ended.out.splitlines())
    assert lines.keys() == {"[default0]", "[default1]", "[default2]"}
    for line in lines.values():
        assert line.endswith("3 ['--epochs', '2']")
        pid = int(line.split()[1])
        assert subprocess.run(["ps", "-p", str(pid)], capture_output=True, check=False).returncode == 1
    assert "exitcode  : 3" in ended.err


@pytest.mark.long
def test_the_launcher_starts_again(tmp_path):
    path = tmp_path / "program.py"
    path.write_text(
        "import os\nn = os.environ['TORCHELASTIC_RESTART_COUNT']\nprint('try', n)\nraise SystemExit(n != '1')\n"
    )
    ended = launched("--nproc-per-node", 1, "--max-restarts", 2, path)
    assert ended.code == 0
    assert ended.out == "[default0]:try 0\n[default0]:try 1\n"


def test_the_launcher_waits_for_the_other_hosts_as_long_as_it_is_told(tmp_path):
    alone = "--nnodes", 2, "--node-rank", 1, "--master-port", ranks.free_port(), "--rdzv-conf", "timeout=1"
    ended = launched(*alone, tmp_path / "train.py", seconds=60)
    assert ended.code == 1
    assert "DistNetworkError" in ended.err, ended.err
    assert "must have a value specified" in launched("--rdzv-conf", "timeout", tmp_path / "train.py").err


@pytest.mark.long
def test_the_launcher_trains(tmp_path):
    """And its report has the error of a process whose function `record` decorates."""
    command = program(
        tmp_path, BEGIN, TRAIN, "for i in range(3): print(rank, step(i).item())", "dist.destroy_process_group()"
    )
    ended = launched("--standalone", "--nproc-per-node", 2, *command)
    assert ended.code == 0, ended.err
    assert "[default1]:1 " in ended.out
    recorded = tmp_path / "recorded.py"
    recorded.write_text(
        "from jtorch.distributed.elastic.multiprocessing.errors import record\n@record\ndef main(): raise ValueError('a reason')\nmain()\n"
    )
    ended = launched("--nproc-per-node", 1, recorded)
    assert ended.code == 1
    assert "ValueError: a reason" in ended.err.partition("Root Cause")[2]
