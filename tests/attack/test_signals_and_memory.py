"""Signals and memory: a loop that is interrupted again and again, and one that runs out of memory."""

from __future__ import annotations

import pytest

from tests.attack import attacked

pytestmark = pytest.mark.attack

TIMERS = """
    class Stop(Exception): pass
    working = False
    def handler(*_):
        global working
        if working:
            working = False
            raise Stop
    signal.signal(signal.SIGALRM, handler)

    def train(period):
        "1000 steps. One whose gradients a timer stops is begun again; the update itself is not interrupted."
        global working
        torch.manual_seed(0)
        model = torch.nn.Sequential(torch.nn.Linear(4, 16), torch.nn.Tanh(), torch.nn.Linear(16, 1))
        optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
        x, stops, steps = torch.linspace(-1, 1, 32).reshape(8, 4), 0, 0
        signal.setitimer(signal.ITIMER_REAL, period, period)
        while steps < 1000:
            try:
                working = True
                optimizer.zero_grad()
                loss = (model(x) ** 2).mean()
                loss.backward()
                loss.item()
                working = False
            except Stop:
                stops += 1
                continue
            optimizer.step()
            steps += 1
        signal.setitimer(signal.ITIMER_REAL, 0)
        return [p.detach().tolist() for p in model.parameters()], stops

    calm, _ = train(0)
    wild, stops = train(0.01)
    for one, other in zip(wild, calm):  # a step that is begun again may run as other programs
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)
    assert stops > 5, stops
"""


def test_a_loop_that_timers_interrupt_ends_where_the_calm_one_does():
    attacked(TIMERS)


FIRST_COMPILE = """
    class Stop(Exception): pass
    working = False
    def handler(*_):
        global working
        if working:
            working = False
            raise Stop
    signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, 0.05, 0.05)
    stops = 0
    for attempt in range(2000):
        try:
            working = True
            w = torch.ones(3, 3, requires_grad=True)
            ((w @ w).exp().sum() * 2).backward()
            found = w.grad.tolist()
            working = False
            break
        except Stop:
            stops += 1
    signal.setitimer(signal.ITIMER_REAL, 0)
    v = torch.ones(3, 3, requires_grad=True)
    ((v @ v).exp().sum() * 2).backward()
    assert v.grad.tolist() == found
    assert torch.linalg.inv(torch.eye(2) * 2).tolist() == [[0.5, 0.0], [0.0, 0.5]]
"""


def test_a_first_compile_that_timers_interrupt_breaks_nothing():
    attacked(FIRST_COMPILE)


MEMORY = """
    x = torch.ones(1_000_000)
    (x[:10] * 2).tolist()
    for ask in (lambda: torch.zeros(2**62, 4), lambda: torch.ones(3_000_000_000) * 2, lambda: x[:, None] * x):
        try:
            ask().sum(0).reshape(-1)[0].item()
            assert False, "there is no memory for it"
        except RuntimeError as error:
            assert "memory" in str(error) or "overflow" in str(error), error
        assert (x[:10] * 3).tolist() == [3.0] * 10
"""


def test_too_little_memory_is_an_error_that_a_program_survives():
    """With 8 GB of address space, as under `ulimit -v`."""
    attacked(MEMORY, megabytes=8000)
