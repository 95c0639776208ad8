"""PyTorch's tools (benchmark, flop counter, overrides, ...) print what PyTorch's print."""

import pytest

import jtorch
from tests import printed

TABLE = printed.table("tools")


@pytest.mark.parametrize("name", TABLE.programs)
def test_prints_what_pytorch_prints(name):
    assert not TABLE.differences(jtorch, name)


@pytest.mark.parity
@pytest.mark.parametrize("name", TABLE.programs)
def test_fixture_is_what_pytorch_prints(name):
    assert not TABLE.differences(pytest.importorskip("torch"), name)
