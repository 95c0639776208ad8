"""The tutorials of torch.distributed, in our own words, print under `jtorch.distributed.run` what they print under torchrun.

tutorials/ has the programs; `python -m tests.make distributed` runs them under PyTorch. Numbers may differ by 1e-5 of themselves,
and by 1e-5.
"""

import json
import re

import pytest

from tests.distributed import launched

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


@pytest.mark.long
@pytest.mark.parametrize("name", launched.PROGRAMS)
def test_expected_is_what_torchrun_prints_live(name, tmp_path):
    pytest.importorskip("torch", reason="parity: PyTorch is not installed")
    hold_equal(launched.printed(name, "torch", tmp_path), EXPECTED[name])


def test_every_tutorial_is_run():
    assert {path.stem for path in launched.FOLDER.glob("*.py")} == launched.PROGRAMS.keys() == EXPECTED.keys()
