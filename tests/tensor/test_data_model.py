"""Tensors as Python objects: the programs of data_model_cases.txt print and raise what they do under PyTorch."""

import pytest

import jtorch
from tests.tensor.data_model_cases import PROGRAMS, TABLE


@pytest.mark.parametrize("at", range(len(PROGRAMS)))
def test_prints_and_raises_what_pytorch_does(at):
    assert not TABLE.differences(jtorch, PROGRAMS[at])


@pytest.mark.parity
def test_the_fixture_is_what_pytorch_does():
    torch = pytest.importorskip("torch")
    assert not [d for program in PROGRAMS for d in TABLE.differences(torch, program)]
