"""The notes' CNN learns as under PyTorch: the loss of each of 50 steps from the same seed, to 1e-4 relative."""

import numpy as np
import pytest

import jtorch
from jtorch.compiler import stats
from tests.programs import training
from tests.rows import load

pytestmark = pytest.mark.optimized

LOSSES = load("training.json", "training")


@pytest.mark.parametrize("name", training.VARIANTS)
def test_losses_are_pytorchs(name):
    np.testing.assert_allclose(training.cnn(jtorch, **training.VARIANTS[name]), LOSSES[name], rtol=1e-4)


@pytest.mark.parametrize("name", training.VARIANTS)
def test_losses_are_pytorchs_live(name):
    torch = pytest.importorskip("torch", reason="parity: PyTorch is not installed")
    np.testing.assert_allclose(training.cnn(torch, **training.VARIANTS[name]), LOSSES[name], rtol=1e-4)


def test_a_step_is_one_program():
    """Fifty steps with dropout and batch norm: all run one program, which is compiled once."""
    before = stats()
    training.cnn(jtorch, dropout=0.5, batchnorm=True)
    after = stats()
    assert after.runs - before.runs <= 50 + 3
    assert after.programs - before.programs <= 3
