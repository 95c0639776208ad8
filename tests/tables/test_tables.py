"""Every row of the tables of expressions has PyTorch's nodes, strides, values, gradients and errors."""

import importlib.util

import pytest

import jtorch
from tests.tables.expressions import TABLES

ROWS = [(name, row) for name, table in TABLES.items() for row in table.programs]


@pytest.mark.parametrize("name, row", ROWS, ids=[f"{name}: {row}" for name, row in ROWS])
def test_a_row_gives_what_pytorch_gives(name, row):
    assert not TABLES[name].differences(jtorch, row)


@pytest.mark.parity
@pytest.mark.skipif(not importlib.util.find_spec("torch"), reason="needs PyTorch")
@pytest.mark.parametrize("name", TABLES)
def test_pytorch_still_gives_it(name):
    import torch

    found = {row: TABLES[name].differences(torch, row) for row in TABLES[name].programs}
    assert not {row: d for row, d in found.items() if d}
