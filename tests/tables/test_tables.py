"""Every row of the tables of expressions gives what PyTorch gives: nodes, strides, values, gradients, errors."""

import importlib.util

import pytest

import jtorch
from tests.tables.expressions import TABLES

# Rows that differ, each with its reason; one that comes right fails until it is taken off.
ONE_ELEMENT = "the stride of a dim of one element, which reaches nothing: see Differs from torch of einsum"
DIFFERENT = {
    "torch.einsum('abc,acd->bda',x.reshape(1,2,3),x.reshape(1,3,2))": ONE_ELEMENT,
    "torch.einsum('b,ab->ba',torch.rand([1]),torch.rand([3, 1],requires_grad=True))": ONE_ELEMENT,
}
ROWS = [(name, row) for name, table in TABLES.items() for row in table.programs]


@pytest.mark.parametrize("name, row", ROWS, ids=[f"{name}: {row}" for name, row in ROWS])
def test_a_row_gives_what_pytorch_gives(name, row):
    found = TABLES[name].differences(jtorch, row)
    if row in DIFFERENT:
        assert found, "comes right now: take it off the list"
        assert all(text.startswith(".value.result.stride") for text in found), found
    else:
        assert not found, found


@pytest.mark.parity
@pytest.mark.skipif(not importlib.util.find_spec("torch"), reason="needs PyTorch")
@pytest.mark.parametrize("name", TABLES)
def test_pytorch_still_gives_it(name):
    import torch

    found = {row: TABLES[name].differences(torch, row) for row in TABLES[name].programs}
    assert not {row: d for row, d in found.items() if d}
