"""Indexing against PyTorch: every kind of index, read and assigned, and the ops that pick and place."""

import json
from pathlib import Path

import pytest

import index_cases
from outcomes import differences, outcome

WANT = json.loads((Path(__file__).parent / "fixtures" / "index.json").read_text())
PROGRAMS = index_cases.programs()
GROUP = 40  # programs a test: each is too small to be a test of its own


# PyTorch writes to cells that a view shows twice in an order of its own; here that is refused.
REFUSED = "writing through a view that shows elements more than once"


@pytest.mark.parametrize("at", range(0, len(PROGRAMS), GROUP))
def test_indexing_does_what_pytorch_does(at):
    import jtorch

    wrong = []
    for key in list(PROGRAMS)[at : at + GROUP]:
        got = outcome(jtorch, PROGRAMS[key])
        if REFUSED in str(got.get("error")):
            continue
        wrong += [f"{key}{d}" for d in differences(got, WANT[key])]
    assert not wrong, "\n".join(wrong)
