"""Data checks that fail inside programs: what keeps its old value, what raises, and what the checks cost."""

from __future__ import annotations

import pytest

import jtorch as torch
import jtorch.nn.functional as F
from jtorch.core import engine
from jtorch.core.engine import deferred, policy
from jtorch.core.engine import program as programs
from jtorch.core.facts import config
from jtorch.core.op import argument_checks

pytestmark = pytest.mark.optimized

NEVER = 10**9


@pytest.fixture(autouse=True)
def flags(monkeypatch):
    """No check is made at the call: each becomes a flag of a program. Every test starts from an empty tree."""
    engine.reset()
    monkeypatch.setattr(argument_checks, "_AT_ONCE", -1)
    yield
    deferred.failures.resolve()
    deferred.unraised.clear()
    engine.reset()


MODES = {
    "whole": {},
    "numpy": {(policy, "trusted_steps"): 0, (policy, "patience_with_light"): NEVER},
    "lines": {(policy, "trusted_steps"): 0, (policy, "patience_with_light"): NEVER, (config, "numpy_lines"): False},
    "segments": {(policy, "trusted_steps"): 0, (policy, "patience_with_light"): NEVER, (policy, "trusted_traces"): 0},
}


@pytest.fixture(params=MODES)
def mode(request, monkeypatch):
    for (module, name), value in MODES[request.param].items():
        monkeypatch.setattr(module, name, value)
    return request.param


def by_hand(params):
    """An update by hand, as tutorials write it."""
    params = list(params)

    class ByHand(torch.optim.Optimizer):
        def __init__(self):
            super().__init__(params, {})

        @torch.no_grad()
        def step(self):
            for p in params:
                p -= 0.1 * p.grad

    return ByHand()


OPTIMIZERS = {
    "Adam": lambda p: torch.optim.Adam(p, 0.1),
    "SGD with momentum": lambda p: torch.optim.SGD(p, 0.1, momentum=0.9),
    "by hand": by_hand,
}


def trained(optimizer, bad, skip):
    """(parameters and state after some steps, errors). In the steps `bad` a label is out of range; `skip` leaves these steps out."""
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.Linear(4, 2))
    opt, told, loss = OPTIMIZERS[optimizer](net.parameters()), [], None
    for i in range(6):
        x, y = torch.randn(4, 3), torch.tensor([0, 1, 1, 0]) * (5 if i in bad else 1)
        if skip and i in bad:
            continue
        try:
            opt.zero_grad()
            loss = F.cross_entropy(net(x), y)
            loss.backward()
            opt.step()
        except IndexError as error:
            told.append(error)
    try:
        loss is None or loss.item()
    except IndexError as error:
        told.append(error)
    state = [v for s in opt.state_dict()["state"].values() for v in s.values() if isinstance(v, torch.Tensor)]
    return [t.tolist() for t in [*net.parameters(), *state]], told


def near(found, want):
    """Whether nested lists of numbers are equal up to rounding."""
    if isinstance(want, list):
        return len(found) == len(want) and all(map(near, found, want))
    return found == pytest.approx(want, rel=1e-3, abs=1e-5)


@pytest.mark.parametrize("bad", [{0}, {3}, {5}, {1, 2}, {0, 2, 5}], ids=str)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_step_whose_check_fails_changes_nothing(mode, optimizer, bad):
    calm, _ = trained(optimizer, bad, skip=True)
    found, told = trained(optimizer, bad, skip=False)
    assert near(found, calm)
    assert len(told) == len(bad)
    assert all("Target 5 is out of bounds" in str(error) and "test_guards.py" in error.__notes__[0] for error in told)


def raises(look):
    with pytest.raises(IndexError) as caught:
        look()
    return str(caught.value)


def test_reading_what_depends_on_a_failed_check_raises(mode):
    index, labels = torch.tensor([1, 9]), torch.tensor([0, 7])
    rows = F.embedding(index, torch.ones(4, 3))
    loss = F.cross_entropy(torch.zeros(2, 3), labels)
    later, both = rows.sum() * 2, rows.sum() + loss
    fine = torch.ones(3) * 2
    assert fine.tolist() == [2.0] * 3
    for _ in range(3):
        assert raises(later.item) == raises(rows.tolist) == raises(both.item) == "index out of range in self"
        assert raises(loss.item) == "Target 7 is out of bounds."
        assert raises(lambda: str(loss + 1)) == "Target 7 is out of bounds."
    assert (fine * 2).tolist() == [4.0] * 3


WRITES = {
    "in place": lambda memory, wrong: memory.add_(wrong),
    "copied": lambda memory, wrong: memory.copy_(wrong.expand(4)),
    "through a view": lambda memory, wrong: memory[1:3].mul_(wrong),
    "at an index": lambda memory, wrong: memory.__setitem__(torch.tensor([0, 2]), wrong),
    "unseen": lambda memory, wrong: memory.data.sub_(wrong),
    "twice": lambda memory, wrong: memory.mul_(wrong).add_(1),
}


@pytest.mark.parametrize("write", WRITES)
def test_memory_keeps_its_old_value(mode, write):
    memory = torch.arange(4.0)
    view = memory[1:]
    for _ in range(3):
        memory.add_(1)  # before the check, so it stays
        wrong = F.embedding(torch.tensor([9]), torch.ones(4, 1)).sum()
        WRITES[write](memory, wrong)
        other = memory * 1 if mode != "whole" else None
        raises(wrong.item)
        if other is not None:
            raises(other.tolist)
    assert memory.tolist() == [3.0, 4.0, 5.0, 6.0]
    assert view.tolist() == [4.0, 5.0, 6.0]
    memory.add_(1)
    assert view.sum().item() == 18


def test_a_value_that_goes_on_into_the_next_program(mode):
    total, memory = torch.zeros(()), torch.ones(2)
    for i in range(4):
        rows = F.embedding(torch.tensor([9 if i == 1 else 0]), torch.ones(4, 1)).sum()
        memory.add_(rows)
        try:
            total = total + rows
        except IndexError:  # the program has run, so the check is known to have failed
            assert i > 1
        engine.local.trace.flush("step")
        memory.mul_(1)
    assert raises(total.item) == "index out of range in self"
    assert memory.tolist() == [4.0, 4.0]


def test_the_next_step_raises_at_the_latest():
    weight = torch.ones(3, requires_grad=True)
    optimizer = torch.optim.SGD([weight], lr=0.5)
    F.embedding(torch.tensor([9]), weight[:, None]).sum().backward()
    optimizer.step()
    optimizer.zero_grad()
    weight.sum().backward()
    assert raises(optimizer.step) == "index out of range in self"
    assert weight.tolist() == [0.5] * 3
    optimizer.step()


def test_few_known_elements_are_checked_at_the_call(monkeypatch):
    """As labels that a few lines compute from the data's."""
    monkeypatch.setattr(argument_checks, "_AT_ONCE", 1 << 14)
    labels = (torch.tensor([0, 1, 2]) * 3 + 1).long()
    assert raises(lambda: F.cross_entropy(torch.zeros(3, 5), labels)) == "Target 7 is out of bounds."
    assert raises(lambda: torch.ones(3)[torch.tensor([1]) * 9]).startswith("index 9 is out of bounds")
    with pytest.raises(RuntimeError, match="ZeroDivisionError"):
        torch.tensor([4, 5]) // (torch.tensor([1, 2]) - 1)


def test_a_choice_between_old_and_new_costs_no_access_to_memory(monkeypatch):
    """The update reads the old value and writes the new one in any case."""

    def accesses():
        engine.reset()
        made = []
        monkeypatch.setattr(
            programs, "compiled", lambda jit, arguments, *rest: made.append(jit.lower(*arguments).compile()) or made[-1]
        )
        net = torch.nn.Linear(64, 512)
        optimizer = torch.optim.Adam(net.parameters())
        for _ in range(2):
            optimizer.zero_grad()
            F.cross_entropy(net(torch.ones(8, 64)), torch.arange(8) + 1).backward()
            optimizer.step()
        engine.flush()
        analysis = made[-1].cost_analysis()
        return (analysis[0] if isinstance(analysis, list) else analysis)["bytes accessed"]

    chosen = accesses()
    monkeypatch.setattr("jtorch.core.engine.guards._keeping", lambda values, wrong: [])
    assert chosen < 1.01 * accesses()


def test_what_cannot_be_computed_leaves_the_rest(mode, monkeypatch):
    """A line gets no memory: only what depends on it raises, and a tensor that its result was to be written to keeps its value."""
    from jtorch.core.engine import lines

    run = lines.line_class.run

    def short(self, arrays):
        if self.decided_by[0].name == "exp":
            raise MemoryError
        return run(self, arrays)

    monkeypatch.setattr(lines.line_class, "run", short)
    monkeypatch.setattr(programs.Program, "prepare", lambda *_: (_ for _ in ()).throw(MemoryError))
    monkeypatch.setattr("jtorch.core.engine.segments.NumpyProgram", lambda *_: None)
    memory = torch.ones(2)
    large, fine = torch.ones(2).exp(), torch.ones(2) * 3
    memory.mul_(large)
    assert fine.tolist() == [3.0, 3.0]
    for _ in range(2):
        with pytest.raises(RuntimeError, match="can't allocate memory"):
            large.sum().item()
    assert memory.tolist() == [1.0, 1.0]
    assert (fine + memory).tolist() == [4.0, 4.0]
