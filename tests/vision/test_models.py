"""Vision's models against torchvision's: texts, names and shapes of parameters, initial values, outputs and gradients."""

import functools
import json
import lzma
import warnings

import numpy as np
import pytest

from tests.rows import fixture

pytest.importorskip("PIL")

import jtorch as torch
from jtorch.vision import models
from tests.vision import model_cases


@functools.cache
def recorded():
    """What torchvision gave."""
    return json.loads(lzma.decompress(fixture("vision_models.json.xz", "vision_models").read_bytes()))


def test_the_models_are_torchvisions():
    assert models.list_models() == sorted(recorded()["models"])


@pytest.mark.parametrize("name", models.list_models())
def test_a_model_has_torchvisions_text_and_parameters(name):
    ours, theirs = model_cases.text_and_state(torch, models, name, "meta"), recorded()["models"][name]
    assert ours["state"] == theirs["state"]
    assert ours["print"].splitlines() == theirs["print"].splitlines()


def test_the_weights_are_torchvisions():
    ours = {name: model_cases.weights(models, name) for name in models.list_models()}
    assert ours == recorded()["weights"]


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=() if name in model_cases.QUICK else pytest.mark.long) for name in model_cases.SEEN],
)
def test_a_seeded_model_gives_what_torchvisions_gives(name):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ours = model_cases.outputs(torch, models, name)
    theirs = recorded()["outputs"][name]
    assert ours["init"] == theirs["init"]
    for key in ("eval", "train", "buffers", "gradients"):
        ones, others = np.array(ours[key]), np.array(theirs[key])
        # Some gradients are zero by symmetry, so that only rounding errors remain.
        np.testing.assert_allclose(ones, others, rtol=1e-6, atol=1e-9 * max(1, np.abs(others).max(initial=0)))
