"""jtorch.utils.data against PyTorch: orders, batches, errors, warnings, and what workers see."""

import json
from pathlib import Path

import pytest

import jtorch
import loading

EXPECTED = json.loads((Path(__file__).parent / "fixtures" / "data.json").read_text())


@pytest.mark.parametrize("code", EXPECTED)
def test_outcome_is_pytorchs(code):
    assert json.loads(json.dumps(loading.outcome(jtorch, code))) == EXPECTED[code]
