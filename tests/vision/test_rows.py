"""The rows of vision's tables against torchvision: what it gave is committed, and asked live where it is installed."""

import functools
import warnings

import pytest

from tests.rows import load

pytest.importorskip("PIL")

import jtorch
import jtorch.vision
from tests.vision import seen
from tests.vision.tables import SEEDS, TABLES, files

ROWS = [(table, code, seed) for table, rows in TABLES.items() for code in rows for seed in range(SEEDS.get(table, 1))]


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


@pytest.mark.parametrize("table, code, seed", ROWS)
def test_a_row_gives_what_torchvision_gives(table, code, seed, names):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = seen.run(names, code, seed)
    assert not seen.difference(found, recorded()[table][code][seed], TABLES[table][code])
