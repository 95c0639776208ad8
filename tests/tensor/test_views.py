"""Views and indexing against PyTorch: reading and writing through views, every kind of index, and their gradients."""

import pytest

import jtorch
from tests.tensor.results import INDEX, VIEWS

TABLES = {"views": VIEWS, "index": INDEX}
GROUP = 40  # programs in one test: each is too small for a test of its own

# If a view has a cell twice, PyTorch writes in an order of its own; jtorch refuses.
REFUSED = "writing through a view that shows elements more than once"


@pytest.mark.parametrize(
    "name, at", [(name, at) for name, table in TABLES.items() for at in range(0, len(table.programs), GROUP)]
)
def test_does_what_pytorch_does(name, at):
    table, wrong = TABLES[name], []
    for key in list(table.programs)[at : at + GROUP]:
        got = table.seen(jtorch, key)
        if REFUSED not in str(got.get("raises")):
            wrong += [f"{key}{d}" for d in table.compare(key, got)]
    assert not wrong, "\n".join(wrong)
