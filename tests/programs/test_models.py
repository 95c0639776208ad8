"""Whole programs learn as under PyTorch: 50 steps from one seed, each loss to 1e-3. Each library loads the other's checkpoints.

models.py has the programs; `python -m tests.make models` ran them under PyTorch and kept losses, predictions
and state_dicts. The U-Net's Adam has a large eps: with a small one, PyTorch's own curve changes when the weights change
in the seventh digit.
"""

from functools import cache

import numpy as np
import pytest

import jtorch
from tests.programs import models
from tests.rows import fixture

KNOWN = np.load(fixture("models.npz", "models"))


USERS = ("resnet", "transformer_classifier")  # compiled with users' options; the others more quickly


@pytest.fixture(
    scope="module",
    params=[pytest.param(name, marks=pytest.mark.optimized(name in USERS)) for name in models.PROGRAMS],
)
def name(request):
    """The name of a program. A fixture of the module: pytest then runs all tests of a program together and trains it once."""
    return request.param


@cache
def trained(name):
    """The program after 50 steps under jtorch, and its losses."""
    program = models.PROGRAMS[name](jtorch)
    return program, models.curve(program)


def checkpoint(name):
    return fixture(f"models/{name}.pth", "models")


def test_losses_are_pytorchs(name):
    np.testing.assert_allclose(trained(name)[1], KNOWN[f"{name}: losses"], rtol=1e-3)


def test_a_checkpoint_of_pytorchs_predicts_the_same(name):
    program = models.PROGRAMS[name](jtorch)
    program.model.load_state_dict(jtorch.load(checkpoint(name)))
    np.testing.assert_allclose(program.predict().numpy(), KNOWN[f"{name}: prediction"], rtol=1e-5, atol=1e-5)


def test_a_checkpoint_has_pytorchs_names_and_shapes(name, tmp_path):
    jtorch.save(trained(name)[0].model.state_dict(), tmp_path / "model.pth")
    ours, theirs = jtorch.load(tmp_path / "model.pth"), jtorch.load(checkpoint(name))
    assert [(k, v.shape, v.dtype) for k, v in ours.items()] == [(k, v.shape, v.dtype) for k, v in theirs.items()]


def test_pytorch_predicts_the_same_from_our_checkpoint_live(name, tmp_path):
    torch = pytest.importorskip("torch", reason="parity: PyTorch is not installed")
    program, _ = trained(name)
    jtorch.save(program.model.state_dict(), tmp_path / "model.pth")
    other = models.PROGRAMS[name](torch)
    other.model.load_state_dict(torch.load(tmp_path / "model.pth"))
    np.testing.assert_allclose(program.predict().numpy(), other.predict().numpy(), rtol=1e-5, atol=1e-5)


def test_losses_are_pytorchs_live(name):
    torch = pytest.importorskip("torch", reason="parity: PyTorch is not installed")
    np.testing.assert_allclose(models.curve(models.PROGRAMS[name](torch)), KNOWN[f"{name}: losses"], rtol=1e-3)
