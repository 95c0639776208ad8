"""docs/where.md: it is up to date, its files exist, and one addition touches few places."""

import re

import pytest

import jtorch as torch
from tests import ROOT
from tests.make import names
from tests.make import where as MAKER

ADDITIONS = {addition.kind: addition for addition in MAKER.ADDITIONS}
# How many files of jtorch one addition may write in; 1 if not given here.
MOST = {
    "an op": 2, "a view op": 2, "a random op": 3, "a loss": 6, "a layer": 4, "a whole program in the tests": 0, "an optimizer": 3,
    "a scheduler": 3, "a distribution": 3, "a vision model": 2, "a dtype": 2, "a TypeError for arguments": 0,
}  # fmt: skip


def test_the_page_is_fresh():
    assert MAKER.PAGE.read_text() == MAKER.page(), "run: python -m tests.make where"


@pytest.mark.parametrize("kind", ADDITIONS)
def test_an_addition_touches_few_places(kind):
    """No other file's code names the example of the page."""
    places = MAKER.places(ADDITIONS[kind])
    assert len(places) <= MOST.get(kind, 1), places
    assert places or MOST[kind] == 0


@pytest.mark.parametrize("kind", ADDITIONS)
def test_every_table_of_the_tests_has_a_row_for_the_example(kind):
    makers = names()
    addition = ADDITIONS[kind]
    assert bool(MAKER.rows(addition)) is bool(addition.rows)
    for command in MAKER.commands(addition):
        assert command.removeprefix("python -m tests.make ") in makers


@pytest.mark.parametrize("kind", ADDITIONS)
def test_every_kind_of_addition_has_a_test(kind):
    files = MAKER.tested_by(ADDITIONS[kind])
    assert files
    assert not [file for file in files if "\ndef test_" not in (ROOT / file).read_text()]


def test_every_file_of_the_page_is_there():
    links = re.findall(r"\]\(\.\./([^)]+)\)", MAKER.page())
    assert len(links) > 500
    assert not [link for link in {*links} if not (ROOT / link).is_file()]


def test_every_attribute_of_a_tensor_is_on_the_page():
    found = MAKER.attributes()
    assert not {n for n in vars(torch.Tensor) if not n.startswith("_")} - found.keys()
    assert found["relu"] == found["relu_"] == "jtorch/core/ops/arithmetic/activations.py"
    assert found["backward"].startswith("jtorch/core/tensor/")
