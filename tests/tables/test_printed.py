"""Programs print what they print under PyTorch: those of the tables in tests/printed.py."""

import pytest

import jtorch
from tests.printed import TABLES

# JAX passes no compiler options to what runs inside its own jit.
MARKS = {"func": pytest.mark.optimized}
PROGRAMS = [
    pytest.param(name, program, id=f"{name}: {program}", marks=MARKS.get(name, ()))
    for name, table in TABLES.items()
    for program in table.programs
]


@pytest.mark.parametrize("name, program", PROGRAMS)
def test_prints_what_pytorch_prints(name, program):
    different = TABLES[name].differences(jtorch, program)
    assert not different, "\n".join(different)


@pytest.mark.parity
@pytest.mark.parametrize("name, program", PROGRAMS)
def test_fixture_is_what_pytorch_prints(name, program):
    torch = pytest.importorskip("torch")
    if name == "tools" and ("flops" in program or "table" in program):
        pytest.importorskip("tabulate", reason="PyTorch prints its tables by tabulate")
    different = TABLES[name].differences(torch, program)
    assert not different, "\n".join(different)
