"""Views against PyTorch: what they show, what writes through them do, and gradients through such writes."""

import json
from pathlib import Path

import pytest

import view_cases
from outcomes import differences, outcome

WANT = json.loads((Path(__file__).parent / "fixtures" / "views.json").read_text())
PROGRAMS = view_cases.programs()
GROUP = 40  # programs a test: each is too small to be a test of its own


# PyTorch writes to cells that a view shows twice in an order of its own; here that is refused.
REFUSED = "writing through a view that shows elements more than once"


@pytest.mark.parametrize("at", range(0, len(PROGRAMS), GROUP))
def test_views_do_what_pytorch_does(at):
    import jtorch

    wrong = []
    for key in list(PROGRAMS)[at : at + GROUP]:
        got = outcome(jtorch, PROGRAMS[key])
        if REFUSED in str(got.get("error")):
            continue
        wrong += [f"{key}{d}" for d in differences(got, WANT[key])]
    assert not wrong, "\n".join(wrong)
