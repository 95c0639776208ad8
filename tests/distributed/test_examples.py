"""examples/ddp.py: two processes print the curve of one."""

import pytest

from tests import ROOT
from tests.distributed import ranks


@pytest.mark.long
def test_two_processes_print_the_curve_of_one():
    command = [ROOT / "examples/ddp.py", "--epochs", 2]
    two, one = (ranks.check(ranks.run(command, size, seconds=120)) for size in (2, 1))
    curves = [
        [float(line.split()[-1]) for line in ended[0].out.splitlines() if line.startswith("epoch")]
        for ended in (two, one)
    ]
    assert len(curves[0]) == 2
    assert curves[0] == pytest.approx(curves[1], abs=2e-4)
