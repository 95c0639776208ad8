"""The tutorials of torch.distributed, in our own words, print under `jtorch.distributed.run` what they print under torchrun.

tutorials/ has the programs; `python -m tests.make distributed` runs them under PyTorch. Numbers may differ by 1e-5 of themselves,
and by 1e-5.
"""

import json
import re

import pytest

from tests.distributed import launched, ranks

EXPECTED = json.loads((launched.FOLDER / "expected.json").read_text())
_NUMBER = re.compile(r"-?\d+\.\d+")


def hold_equal(mine, theirs):
    assert len(mine) == len(theirs) == 2
    for own, other in zip(mine, theirs, strict=True):
        assert [_NUMBER.sub("#", line) for line in own] == [_NUMBER.sub("#", line) for line in other]
        numbers = [[float(n) for line in lines for n in _NUMBER.findall(line)] for lines in (own, other)]
        assert numbers[0] == pytest.approx(numbers[1], rel=1e-5, abs=1.1e-5)  # the last digit is rounded


@pytest.mark.long
@pytest.mark.parametrize("name", launched.PROGRAMS)
def test_two_processes_print_what_those_of_torchrun_print(name, tmp_path):
    hold_equal(launched.printed(name, "jtorch", tmp_path), EXPECTED[name])


# When a process of ddp_trainer fails, torchrun's second start often waits for the port of the one that has ended.
LIVE = [name for name in launched.PROGRAMS if name != "ddp_trainer"]


@pytest.mark.long
@pytest.mark.parametrize("name", LIVE)
def test_expected_is_what_torchrun_prints_live(name, tmp_path):
    pytest.importorskip("torch", reason="parity: PyTorch is not installed")
    hold_equal(launched.printed(name, "torch", tmp_path), EXPECTED[name])


def test_every_tutorial_is_run():
    assert {path.stem for path in launched.FOLDER.glob("*.py")} == launched.PROGRAMS.keys() == EXPECTED.keys()


HOSTS = """
import os, sys
import jtorch as torch, jtorch.distributed as dist
from jtorch.distributed.elastic.multiprocessing.errors import record
@record
def main():
    dist.init_process_group("gloo")
    x = torch.full((1,), float(dist.get_rank() + 1))
    dist.all_reduce(x)
    names = "GROUP_RANK", "GROUP_WORLD_SIZE", "LOCAL_WORLD_SIZE", "WORLD_SIZE", "TORCHELASTIC_RUN_ID"
    print(dist.get_rank(), os.environ["LOCAL_RANK"], x.item(), *[os.environ[name] for name in names])
    if os.environ["TORCHELASTIC_RESTART_COUNT"] in sys.argv[1:] and dist.get_rank() == 3:
        raise ValueError("the last rank fails")
    dist.destroy_process_group()
main()
"""


def on_two_hosts(folder, *options, fails=(), seconds=150):
    """Two launchers on this machine, which meet by c10d. Returns an `Ended` for each, the first host's first."""
    path, port = folder / "hosts.py", ranks.free_port()
    path.write_text(HOSTS)
    meeting = ["--rdzv-backend", "c10d", "--rdzv-endpoint", f"127.0.0.1:{port}", "--rdzv-id", "a7"]
    words = ["--nnodes", "2", "--nproc-per-node", "2", *meeting, *options]
    ended = ranks.finish([launched.start("jtorch", path, words, fails) for _ in range(2)], seconds)
    return sorted(ended, key=lambda one: "[default0]:2" in one.out)


@pytest.mark.long
def test_two_launchers_meet_by_c10d(tmp_path):
    first, second = ranks.check(on_two_hosts(tmp_path))
    assert launched.of_ranks(first.out) == [["0 0 10.0 0 2 2 4 a7"], ["1 1 10.0 0 2 2 4 a7"]]
    assert launched.of_ranks(second.out) == [["2 0 10.0 1 2 2 4 a7"], ["3 1 10.0 1 2 2 4 a7"]]


@pytest.mark.long
def test_both_hosts_start_again_when_a_process_of_one_fails(tmp_path):
    first, second = ranks.check(on_two_hosts(tmp_path, "--max-restarts", "1", fails=["0"]))
    assert [lines.count("0 0 10.0 0 2 2 4 a7") for lines in launched.of_ranks(first.out)] == [2, 0]
    assert launched.of_ranks(second.out)[1].count("3 1 10.0 1 2 2 4 a7") == 2


@pytest.mark.long
def test_both_hosts_end_when_a_process_of_one_has_failed_too_often(tmp_path):
    """The report of its own host has the error that `record` has written, also in the file of the log folder."""
    ended = on_two_hosts(tmp_path, "--max-restarts", "1", "--log-dir", str(tmp_path / "logs"), fails=["0", "1"])
    first, second = ended
    assert [one.code for one in ended] == [1, 1], ended
    assert "ValueError: the last rank fails" in second.err.partition("Root Cause")[2]
