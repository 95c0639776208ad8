"""docs/programs.md is what was found; what draws programs and gives them data does what it says."""

import pytest

from tests.programs.drawing import drawn, is_program
from tests.programs.public import PROGRAMS
from tests.programs.running import PAGE, Runner, page, recorded
from tests.programs.stand_ins import stand_ins


def test_the_page_is_what_was_found():
    assert page(recorded()) == PAGE.read_text(), "run: python -m tests.make programs CHECKOUTS"


def test_each_program_has_a_name_of_its_own():
    assert len({program.name for program in PROGRAMS}) == len(PROGRAMS)


IS_PROGRAM = {
    "import torch\nprint(torch.ones(1))": True,
    "import numpy\nprint(numpy.ones(1))": False,
    "import torch\nclass A: pass": False,
    "import torch, no_such_module\nprint(1)": False,
    "import torch\nfrom .own import a\nprint(1)": False,
    "print(": False,
}


@pytest.mark.parametrize("code", IS_PROGRAM, ids=repr)
def test_what_is_a_program_by_itself(code, tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a/program.py").write_text(code)
    assert is_program((tmp_path / "a/program.py").relative_to(tmp_path), tmp_path) is IS_PROGRAM[code]


@pytest.mark.long
@pytest.mark.parity
def test_a_drawn_program_is_compared(tmp_path):
    pytest.importorskip("torch", reason="parity: PyTorch is not installed")
    pytest.importorskip("torchvision", reason="parity: torchvision is not installed")
    home = tmp_path / "drawn/owner+repository"
    home.mkdir(parents=True)
    program = (
        "import torch\nfrom torchvision.datasets import MNIST\nprint(len(MNIST('x', download=True)), torch.rand(2))\n"
    )
    (home / "equal.py").write_text(program)
    (home / "differs.py").write_text("import torch\nprint('jtorch' in torch.__file__)\n")
    stand_ins(tmp_path / "data")
    runner = Runner(tmp_path / "data")
    found = {p.commands[0][0]: runner.compared(p, tmp_path / p.checkout) for p in drawn(tmp_path / "drawn")}
    assert found["equal.py"]["verdict"] == "equal"
    assert found["equal.py"]["numbers"] == 3
    assert found["differs.py"]["verdict"] == "differs"
