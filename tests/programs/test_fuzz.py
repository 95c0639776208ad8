"""Random programs of views, in-place writes and gradients against PyTorch, and the programs for which jtorch once differed.

JTORCH_FUZZ=1000 runs more of the random ones; `python -m tests.programs.fuzzing` many more, without hypothesis.
"""

import os

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import jtorch
from tests.programs import fuzzing
from tests.rows import load

FOUND = fuzzing.found()
WANT = load("fuzz.json", "fuzz")


@pytest.mark.parametrize("look", [True, False], ids=["looked at", "not looked at"])
@pytest.mark.parametrize("at", range(len(FOUND)))
def test_what_once_differed(at, look):
    lines = FOUND[at].split("\n")
    want = WANT[FOUND[at]]["looked at" if look else "not looked at"]
    for _ in range(1 if look else 3):  # a trace that comes again is compiled
        assert fuzzing.first(lines, fuzzing.plain(fuzzing.replay(jtorch, lines, look)), want, look) is None


EXPLAINED = fuzzing.explained()


@pytest.mark.parametrize("kind", EXPLAINED)
def test_a_kind_that_is_explained_still_differs(kind):
    program = EXPLAINED[kind]
    lines = program.split("\n")
    want = WANT[program]["looked at"]
    assert fuzzing.first(lines, fuzzing.plain(fuzzing.replay(jtorch, lines, True)), want, True) == kind


def test_every_kind_has_a_reason_and_a_program():
    assert EXPLAINED.keys() == set(fuzzing.EXPLAINED) >= set(fuzzing.REFUSED.values())


@pytest.mark.parity
@settings(
    max_examples=int(os.environ.get("JTORCH_FUZZ", 60)),
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
@given(st.data())
def test_random_programs_do_what_pytorch_does(data):
    torch = pytest.importorskip("torch")
    lines = fuzzing.write(
        lambda options: data.draw(st.sampled_from(list(options))), torch, data.draw(st.integers(2, 8))
    )
    found = fuzzing.difference(torch, jtorch, lines, whole=data.draw(st.integers(0, 9)) == 0)
    assert found in (None, *fuzzing.EXPLAINED), "\n".join([*lines, found])
