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
from jtorch.vision.models import feature_extraction
from tests.vision import model_cases


@functools.cache
def recorded():
    """What torchvision gave."""
    return json.loads(lzma.decompress(fixture("vision_models.json.xz", "vision_models").read_bytes()))


def test_the_models_are_torchvisions():
    assert models.list_models() == sorted(recorded()["models"])


@pytest.mark.parametrize("name", models.list_models())
def test_a_model_has_torchvisions_text_and_parameters(name):
    ours, theirs = (
        model_cases.text_and_state(model_cases.undrawn(torch, models, name, "meta")),
        recorded()["models"][name],
    )
    assert ours["state"] == theirs["state"]
    assert ours["print"].splitlines() == theirs["print"].splitlines()


def test_the_weights_are_torchvisions():
    ours = {name: model_cases.weights(models, name) for name in models.list_models()}
    assert ours == recorded()["weights"]


def once_a_family():
    """The models, of which one of each module is seen by default."""
    seen = set()
    for name in models.list_models():
        module = models.get_model_builder(name).__module__
        yield pytest.param(name, marks=pytest.mark.long if module in seen else ())
        seen.add(module)


@pytest.mark.parametrize("name", list(once_a_family()))
def test_the_nodes_of_a_model_have_torchvisions_names(name):
    model = model_cases.undrawn(torch, models, name, "meta")
    ours = model_cases.nodes(model, feature_extraction.get_graph_node_names)
    theirs = recorded()["models"][name]["nodes"]
    if isinstance(theirs, str):  # it looks at values
        assert ours.startswith("TraceError")
    else:
        assert ours == theirs


def seen_models():
    """Those whose numbers are seen, the quick ones by default."""
    for name in model_cases.SEEN:
        yield pytest.param(name, marks=() if name in model_cases.QUICK else pytest.mark.long)


@pytest.mark.parametrize("name", list(seen_models()))
def test_a_seeded_model_gives_what_torchvisions_gives(name):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ours = model_cases.outputs(torch, models, name)
    theirs = recorded()["outputs"][name]
    assert ours["init"] == theirs["init"]
    near = 1e-3 if name in model_cases.SINGLE else 1e-6
    for key in ("eval", "train"):
        assert {k: shape for k, (shape, _) in ours[key].items()} == {k: shape for k, (shape, _) in theirs[key].items()}
        for part, (_, numbers) in theirs[key].items():
            close(ours[key][part][1], numbers, near)
    for key in ("buffers", "gradients", "inputs"):
        close(ours[key], theirs[key], 3e-2 if name == "s3d" else near)  # its many batch norms of one clip, in float32


def close(ours, theirs, near):
    """Some gradients are zero by symmetry, so that only rounding errors remain."""
    largest = np.abs(np.array(theirs)).max(initial=0)
    np.testing.assert_allclose(ours, theirs, rtol=near, atol=near * 1e-3 * max(1, largest))
