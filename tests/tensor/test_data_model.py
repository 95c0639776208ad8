"""What a tensor is to Python: the programs of data_model_cases.txt print and raise what they do under PyTorch."""

import json

import pytest

import jtorch
from tests import FIXTURES
from tests.tensor import data_model_cases

WANT = json.loads((FIXTURES / "data_model.json").read_text())


@pytest.mark.parametrize("at", range(len(data_model_cases.PROGRAMS)))
def test_prints_and_raises_what_pytorch_does(at):
    program = data_model_cases.PROGRAMS[at]
    assert data_model_cases.outcome(jtorch, program) == WANT[program]


@pytest.mark.parity
def test_the_fixture_is_what_pytorch_does():
    torch = pytest.importorskip("torch")
    changed = [p for p in data_model_cases.PROGRAMS if data_model_cases.outcome(torch, p) != WANT[p]]
    assert not changed
