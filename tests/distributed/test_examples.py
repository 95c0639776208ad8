"""examples/ddp.py and fsdp.py: two processes print the curve of one."""

import pytest

from tests import ROOT
from tests.distributed import ranks


def curve(program, size, *options):
    """The losses that the processes print."""
    ended = ranks.check(ranks.run([ROOT / "examples" / program, *options], size, seconds=180))
    return [float(line.split()[-1]) for line in ended[0].out.splitlines() if line.startswith("epoch")]


@pytest.mark.long
@pytest.mark.parametrize("program", ["ddp.py", "fsdp.py"])
def test_two_processes_print_the_curve_of_one(program):
    curves = [curve(program, size, "--epochs", 2) for size in (2, 1)]
    assert len(curves[0]) == 2
    assert curves[0] == pytest.approx(curves[1], abs=2e-4)


@pytest.mark.long
def test_one_process_goes_on_where_two_have_stopped(tmp_path):
    options = "--checkpoint", tmp_path, "--epochs"
    assert len(curve("fsdp.py", 2, *options, 1)) == 1
    assert curve("fsdp.py", 1, *options, 1) == pytest.approx([curve("fsdp.py", 1, "--epochs", 2)[1]], abs=2e-4)
