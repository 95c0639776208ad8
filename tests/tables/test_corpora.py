"""The tables of fixtures/facts, one test for each row: jtorch must do with a piece of code what PyTorch 2.13 did.

Rows that differ are listed with their reasons in deviations.json. A listed row that no longer differs fails, too, so the
list stays true.
"""

import importlib
import importlib.util
import os

import pytest

import jtorch
from jtorch.core.facts import once
from tests.tables.corpora import cases, difference, key
from tests.tables.deviations import ELSEWHERE, PAGE, REASONS, page


@pytest.fixture(autouse=True)
def two_cores(monkeypatch):
    """As on the machine that wrote the tables: DataLoader's warning gives the number of cores."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1}, raising=False)


CASES = {key(name, row): (name, row) for name, row in cases()}


@pytest.mark.parametrize("row", CASES)
def test_a_row_of_the_tables(row):
    once.let_come_again("cycle of create_graph")  # this warning comes once in a process
    found = difference(jtorch, *CASES[row])
    if row in REASONS:
        assert found, "comes right now: take it off deviations.json"
        pytest.skip(REASONS[row])
    assert not found, found


def test_every_deviation_is_a_row_and_has_a_reason():
    assert not {row for row in REASONS if not row.startswith(ELSEWHERE)} - CASES.keys()
    assert all(REASONS.values())


def test_the_page_of_differences_is_fresh():
    assert PAGE.read_text() == page(), "run: python -m tests.make differences"


@pytest.mark.parity
@pytest.mark.skipif(not importlib.util.find_spec("torch"), reason="needs PyTorch")
@pytest.mark.parametrize(
    "table", ["warning_cases", "repr_cases", "module_repr_cases", "gradfn", "views", "rng_vectors"]
)
def test_pytorch_itself_passes_its_tables(table):
    """Runs the rows in the order in which the tables were written: warnings first, because some come once in a process."""
    import torch

    assert not {key(name, row): d for name, row in cases() if name == table and (d := difference(torch, name, row))}
