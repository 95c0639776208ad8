"""NaN, infinities and -0.0 go where PyTorch's go, but for the differences that tests/tables/deviations.json lists.

Elementwise operators, reductions, sorting, comparisons, pooling, normalization and running totals, run line by line and as a
compiled program.
"""

import importlib
import warnings

import pytest

import jtorch
from tests.tables.deviations import REASONS

PARTS = 6
KNOWN = {row.removeprefix("special values: ") for row in REASONS if row.startswith("special values: ")}

pytestmark = [pytest.mark.parity, pytest.mark.long]


@pytest.mark.parametrize("part", range(PARTS))
def test_special_values_go_where_pytorchs_go(part):
    pytest.importorskip("torch", reason="parity: PyTorch is not installed")
    special_values = importlib.import_module("tests.parity.special_values")  # it imports torch
    cases = list(special_values.special_cases().items())[part::PARTS]
    found = {}
    for name, case in cases:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if differences := special_values.ways_that_differ(jtorch, case):
                found[name] = differences
    known = KNOWN & {name for name, _ in cases}
    assert not {name: text for name, text in found.items() if name not in known}
    assert found.keys() == known, "comes right now: take it off deviations.json"
