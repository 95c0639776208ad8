"""What libraries do with PyTorch's classes and functions: subclass them, wrap them, pass in classes of their own."""

import pytest

import jtorch
from tests import printed

TABLE = printed.table("library_uses")


@pytest.mark.parametrize("name", TABLE.programs)
def test_prints_what_pytorch_prints(name):
    assert not TABLE.differences(jtorch, name)


@pytest.mark.parity
@pytest.mark.parametrize("name", TABLE.programs)
def test_fixture_is_what_pytorch_prints(name):
    assert not TABLE.differences(pytest.importorskip("torch"), name)
