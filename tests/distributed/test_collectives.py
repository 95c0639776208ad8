"""Collectives between two processes print what PyTorch's print over gloo: fixtures/distributed.json."""

import json

import pytest

from tests import FIXTURES
from tests.distributed import snippets
from tests.make import distributed

PYTORCHS = json.loads((FIXTURES / "distributed.json").read_text())


@pytest.fixture(scope="module")
def ours():
    return distributed.results("jtorch", seconds=150)


@pytest.mark.parametrize("name", PYTORCHS)
def test_two_processes_print_what_pytorchs_print(name, ours):
    assert [one[name] for one in ours] == PYTORCHS[name]


def test_the_fixture_is_of_these_snippets():
    assert PYTORCHS.keys() == snippets.snippets().keys(), "run: python -m tests.make distributed"
