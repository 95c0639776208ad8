"""jtorch.utils.data against PyTorch: orders, batches, errors, warnings, and what workers see."""

import pytest

import jtorch
from tests.data.loading import TABLE


@pytest.mark.parametrize("code", TABLE.programs)
def test_outcome_is_pytorchs(code):
    assert not TABLE.differences(jtorch, code)
