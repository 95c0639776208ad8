"""The rows of vision's tables against torchvision: its results are committed, and computed again if it is installed."""

import functools
import warnings

import pytest

from tests.rows import load

pytest.importorskip("PIL")

import jtorch
import jtorch.vision
from tests.vision import seen
from tests.vision.tables import TABLES, files

ROWS = [(table, code) for table, rows in TABLES.items() for code in rows]


@functools.cache
def recorded():
    """table -> code -> what torchvision gave, for each seed."""
    return load("vision_rows.json", "vision_rows")["tables"]


@pytest.fixture(scope="module")
def names(tmp_path_factory):
    """The names of a row, and a folder with small files."""
    folder = tmp_path_factory.mktemp("vision")
    files.write(folder)
    return seen.space(jtorch, jtorch.vision, folder)


def test_the_fixture_has_every_row():
    assert {name: list(rows) for name, rows in recorded().items()} == {n: list(rows) for n, rows in TABLES.items()}


@pytest.mark.parametrize("table, code", ROWS)
def test_a_row_gives_what_torchvision_gives(table, code, names):
    near, wrong = TABLES[table][code], {}
    for seed, expected in enumerate(recorded()[table][code]):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = seen.run(names, code, seed)
        if text := seen.difference(found, expected, near):
            wrong[seed] = text
    assert not wrong
