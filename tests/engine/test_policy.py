"""Compiling costs at most a fixed multiple of what it gains: loops that never repeat, held by counts of programs."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys

import pytest

import jtorch as torch
import jtorch.nn as nn
import jtorch.nn.functional as F
from jtorch.compiler import explain, stats
from jtorch.core import engine


@pytest.fixture(autouse=True)
def _new_limits():
    """Each test begins with the limits of a new process."""
    engine.reset()
    yield
    engine.reset()


def new_every_step(seed):
    """A function that runs a new training step each time: another size, another number of layers."""
    draw, seen = random.Random(seed), set()

    def step():
        while (form := (draw.randint(2, 400), draw.randint(1, 6))) in seen:
            pass
        seen.add(form)
        size, depth = form
        w = torch.ones(size, requires_grad=True)
        x = w
        for _ in range(depth):
            x = torch.tanh(x * 1.5)
        optimizer = torch.optim.SGD([w], lr=0.1)
        x.sum().backward()
        optimizer.step()
        assert w.isfinite().all()

    return step


@pytest.mark.parametrize("seed", range(3))
def test_steps_that_never_come_back_are_hardly_compiled(seed):
    step, count = new_every_step(seed), 150
    before = stats().programs
    for _ in range(count):
        step()
    engine.flush()
    assert stats().programs - before <= 4 + count // 50


def test_a_static_loop_is_compiled_at_sight_and_never_again():
    model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))
    optimizer = torch.optim.Adam(model.parameters())
    x, y = torch.randn(6, 4), torch.tensor([0, 1, 2, 0, 1, 2])

    def step():
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()

    before = stats().programs
    step()
    step()
    after_two = stats()
    assert after_two.programs - before >= 1
    for _ in range(30):
        step()
    engine.flush()
    after = stats()
    assert after.programs - after_two.programs <= 1
    assert after.runs - after_two.runs >= 29


def test_a_static_loop_is_compiled_although_others_never_repeat():
    """A static loop follows a phase that used up the limits: its step is compiled later than usual, and nothing after that."""
    step = new_every_step(7)
    for _ in range(60):
        step()
    w = torch.randn(64, 1024, requires_grad=True)  # many elements, so compiling pays
    x, optimizer = torch.randn(64, 64), torch.optim.SGD([w], lr=0.01)

    def static():
        optimizer.zero_grad()
        torch.tanh(x @ w).sum().backward()
        optimizer.step()

    for _ in range(40):
        static()
    engine.flush()
    before = stats()
    for _ in range(20):
        static()
    engine.flush()
    assert stats().programs - before.programs <= 1  # the last step, whose gradients are still held
    assert stats().runs - before.runs == 20


def recurrent():
    """A function that runs a cell a given number of times."""
    cell, head = nn.Linear(6, 4), nn.Linear(4, 3)

    def run(length):
        with torch.no_grad():
            h = torch.zeros(1, 4)
            for _ in range(length):
                h = torch.tanh(cell(torch.cat([torch.ones(1, 2), h], 1)) * 0.5 + 0.1).exp().log1p()
            return head(h).sum().item()

    return run


def test_a_body_that_comes_many_times_is_found_again():
    """Sequences of all lengths share the segments of their loop body, so the tree stops growing."""
    run, draw = recurrent(), random.Random(0)
    for _ in range(60):
        run(draw.randint(1, 60))
    grown = stats().positions
    for length in range(61, 160):  # none of these lengths was seen
        run(length)
    assert stats().positions - grown < 1500  # without segments there would be 60,000


def test_what_follows_an_array_that_grows_is_found_again():
    weight, text = torch.randn(8, 8), torch.ones(1, 8)

    def token():
        nonlocal text
        last = text[-4:] @ weight
        for _ in range(5):
            last = torch.tanh(last * 0.5) + 0.1
        text = torch.cat([text, last[-1:]])
        return text[-1, 0].item()

    for _ in range(40):
        token()
    before = stats().positions
    for _ in range(100):
        token()
    assert stats().positions - before < 100 * 6  # the sixteen lines of a fixed shape are found again


def test_explain_tells_of_segments():
    run = recurrent()
    for length in range(1, 40):
        run(length)
    told = explain()
    assert "segment of" in told
    assert "ran" in told
    assert "test_policy.py" in told


STEPS = """
import json, os, sys
sys.path.insert(0, os.getcwd())
from jtorch.compiler import stats
from jtorch.core import engine
from tests.engine.test_policy import new_every_step

def held():
    maps = len(open("/proc/self/maps").read().splitlines()) if os.path.exists("/proc/self/maps") else 0
    with open("/proc/self/statm") as f:
        return maps, int(f.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

step = new_every_step(0)
for _ in range(400):
    step()
before = held()
for _ in range(int(sys.argv[1])):
    step()
engine.flush()
after = held()
print(json.dumps([stats().positions, stats().programs, after[0] - before[0], after[1] - before[1]]))
"""


@pytest.mark.long
def test_the_tree_programs_and_memory_stay_bounded():
    steps = 1900  # there are 2,394 such steps
    done = subprocess.run(
        [sys.executable, "-c", STEPS, str(steps)], capture_output=True, text=True, timeout=600, env=os.environ
    )
    assert done.returncode == 0, done.stderr
    positions, programs, maps, memory = json.loads(done.stdout)
    assert positions <= 200_000
    assert programs <= 4 + (steps + 400) / 50
    assert maps < 2000
    assert memory < 300 << 20
