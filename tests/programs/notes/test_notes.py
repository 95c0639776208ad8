"""Every snippet of the five documents: what it prints with jtorch imported in place of torch is what PyTorch prints.

notebook.py runs the programs and compares what they print. `python -m tests.make notes` wrote expected/ under PyTorch 2.13;
if PyTorch is installed, the programs run under it again.
"""

import importlib.util
import re
import sys
from functools import cache
from pathlib import Path

import pytest

from tests.programs.notes import notebook

SNIPPETS = [(name, title) for name in notebook.NAMES for title, _ in notebook.snippets(name)]
OWN_WORDS = {"print(dir(torch.distributions))", "help(torch.ones)"}  # compared by tests below


@cache
def expected(name):
    """What PyTorch printed, {title: text}."""
    text = (Path(__file__).parent / "expected" / f"{name}.txt").read_text()
    parts = re.split(r"^# %% (.*)\n", text, flags=re.MULTILINE)[1:]
    return dict(zip(parts[::2], parts[1::2], strict=True))


@pytest.fixture(scope="module")
def ours(tmp_path_factory):
    """What jtorch prints for a program. Each program runs once."""
    pytest.importorskip("matplotlib")
    pytest.importorskip("PIL")
    from jtorch.vision import datasets

    @cache
    def run(name):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(datasets, "CIFAR10", notebook.stand_in(datasets.VisionDataset))
            return notebook.printed(name, tmp_path_factory.mktemp(name), notebook.with_jtorch)

    return run


@pytest.mark.parametrize("name, title", [s for s in SNIPPETS if s[1] not in OWN_WORDS])
def test_a_snippet_prints_what_pytorch_prints(name, title, ours):
    assert not (found := notebook.difference(ours(name)[title], expected(name)[title])), found


def test_dir_of_distributions_names_what_pytorch_names(ours):
    """jtorch has the distributions that people use most, under PyTorch's names, and no others."""
    title = "print(dir(torch.distributions))"
    mine, theirs = eval(ours("note_004")[title]), eval(expected("note_004")[title])
    public = {name for name in mine if name[0] != "_"}
    assert {"Bernoulli", "Categorical", "Distribution", "Normal", "Uniform", "kl_divergence", "constraints"} <= public
    assert public <= set(theirs)


def test_help_of_ones_explains_it(ours):
    text = ours("note_004")["help(torch.ones)"]
    assert text.startswith("Help on function ones in module torch:\n\nones(")
    assert all(word in text for word in ("size", "dtype", "device", "requires_grad", "out", ">>> torch.ones("))


def test_titles_are_unique_and_every_snippet_has_its_expected_output():
    assert len(set(SNIPPETS)) == len(SNIPPETS)
    recorded = {(name, title) for name in notebook.NAMES for title in expected(name)}
    assert recorded == {s for s in SNIPPETS if s[1] != "help(torch.ones)"}


@pytest.mark.parity
@pytest.mark.skipif(not importlib.util.find_spec("torch"), reason="needs PyTorch")
@pytest.mark.parametrize("name", notebook.NAMES)
def test_pytorch_still_prints_what_was_recorded(name, tmp_path, monkeypatch):
    import torch

    monkeypatch.setitem(sys.modules, "torchvision", notebook.torchvision(torch))
    printed = notebook.printed(name, tmp_path)
    assert not [d for title, text in expected(name).items() if (d := notebook.difference(printed[title], text))]


@pytest.mark.parametrize(
    "got, want, same",
    [
        ("tensor([1.0001, 2.])", "tensor([1.0000, 2.])", True),
        ("tensor([1.1])", "tensor([1.2])", True),
        ("tensor([1.0100])", "tensor([1.0000])", False),
        ("tensor([1., 2.])", "tensor([1., 2.])\n", False),
        ("Conv2d(1, 6)", "Conv2d(1, 7)", False),
        ("1.234e-05", "1.235e-05", True),
    ],
)
def test_texts_agree_to_the_letter_and_numbers_to_a_thousandth(got, want, same):
    assert (notebook.difference(got, want) is None) == same
