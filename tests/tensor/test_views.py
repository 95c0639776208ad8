"""Views and indexing against PyTorch: what views show, what writes through them do, every kind of index read and
assigned, and gradients through all of it."""

import json

import pytest

from tests import FIXTURES
from tests.outcomes import differences, outcome
from tests.tensor import index_cases, view_cases

TABLES = {
    name: (cases.programs(), json.loads((FIXTURES / f"{name}.json").read_text()))
    for name, cases in (("views", view_cases), ("index", index_cases))
}
GROUP = 40  # programs a test: each is too small to be a test of its own

# PyTorch writes to cells that a view shows twice in an order of its own; here that is refused.
REFUSED = "writing through a view that shows elements more than once"


@pytest.mark.parametrize(
    "table, at", [(name, at) for name, (programs, _) in TABLES.items() for at in range(0, len(programs), GROUP)]
)
def test_does_what_pytorch_does(table, at):
    import jtorch

    programs, want = TABLES[table]
    wrong = []
    for key in list(programs)[at : at + GROUP]:
        got = outcome(jtorch, programs[key])
        if REFUSED in str(got.get("error")):
            continue
        wrong += [f"{key}{d}" for d in differences(got, want[key])]
    assert not wrong, "\n".join(wrong)
