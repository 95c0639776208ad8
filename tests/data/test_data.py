"""jtorch.utils.data against PyTorch: orders, batches, errors, warnings, and what workers see."""

import json

import pytest

import jtorch
from tests import FIXTURES
from tests.data import loading

EXPECTED = json.loads((FIXTURES / "data.json").read_text())


@pytest.mark.parametrize("code", EXPECTED)
def test_outcome_is_pytorchs(code):
    assert json.loads(json.dumps(loading.outcome(jtorch, code))) == EXPECTED[code]
