"""Lines whose sizes are always new: JAX traces a few of them, and each gives the result of JAX's own trace."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest

import jtorch as torch
import jtorch.nn.functional as F
from jtorch.core import engine
from jtorch.core.engine import numpy_lines, symbolic_traces
from jtorch.core.engine.compiling import JaxFunction
from jtorch.core.op.op import Array, op

SIZES = [*range(1, 20), 33, 64, 65]


def drawn(*shape):
    return torch.from_numpy(np.random.default_rng(sum(shape)).standard_normal(shape).astype(np.float32))


def indices(n, below=5):
    return torch.from_numpy(np.random.default_rng(n).integers(0, below, n))


WEIGHT = drawn(64, 8)

# Functions of a size. The changing size also takes the values of the fixed sizes `8` and `64`.
FUNCTIONS = {
    "elementwise": lambda n: torch.exp(drawn(n, 8)) * 2 - drawn(n, 1) / drawn(1, 8),
    "reductions": lambda n: [drawn(n, 8).sum(0), drawn(n, 8).mean(), drawn(8, n).mean(1), drawn(n, 8).amax(0), drawn(n + 1).std()],
    "variance": lambda n: [drawn(8, n + 1).var(1), torch.logsumexp(drawn(8, n), 1), drawn(n, 8).norm()],
    "products": lambda n: [drawn(n, 8) @ drawn(8, n), drawn(2, n, 8) @ drawn(2, 8, n), F.linear(drawn(n, 8), WEIGHT)],
    "two sizes": lambda n: drawn(n, 2 * n + 1) @ drawn(2 * n + 1, 8),
    "a sum of sizes": lambda n: torch.cat([drawn(n, 8), drawn(3, 8), drawn(n, 8)]),
    "layers": lambda n: [F.layer_norm(drawn(n, 8), (8,)), F.softmax(drawn(n, n), -1), F.gelu(drawn(n, 8)), F.log_softmax(drawn(8, n), 1)],
    "a mask": lambda n: drawn(n, n).masked_fill(torch.tril(torch.ones(n, n)) == 0, float("-inf")),
    "gathering": lambda n: [F.embedding(indices(n), WEIGHT), drawn(8, 3)[indices(n)], drawn(8, n).gather(0, indices(n)[None])],
    "scattering": lambda n: torch.zeros(8, 4).index_add(0, indices(n), drawn(n, 4)),
    "order": lambda n: [drawn(8, n).sort(1)[0], drawn(8, n).argmax(1), drawn(n).flip(0), drawn(n, 8).cumsum(0)],
    "a determinant": lambda n: torch.linalg.det(drawn(n, n)) if n < 9 else drawn(1),
    "views": lambda n: [drawn(n, 8).t().contiguous(), drawn(n, 8)[-1], drawn(n, 8)[:, ::2].clone()],
    "views of sizes": lambda n: [drawn(n, 8).view(n, 2, 4).transpose(0, 1) + 1, drawn(3, n, 8)[1].t()[2:4].view(2, 1, n) * 2,
                                 drawn(n, 24).split(8, 1)[1].view(n, 4, 2).sum(2), drawn(n, 1).expand(n, 8)[:, 1:5].sum(1),
                                 drawn(n, n).diagonal() * 2, drawn(n + 8).unfold(0, 3, 2).sum(1), drawn(4, n).permute(1, 0)[-1:] + 0],
    "views copied": lambda n: drawn(2, n, 8).transpose(0, 1).reshape(n, 16),
    "numbers": lambda n: [drawn(n) * n, drawn(n) + 1.5, torch.where(drawn(n) > 0, drawn(n), 0.0)],
}  # fmt: skip
GRADIENTS = {
    "a layer": lambda x: torch.tanh(F.linear(x, WEIGHT)),
    "a mean": lambda x: x.mean(0),
    "sums": lambda x: x.sum(1) + x.sum(),
    "attention": lambda x: F.softmax(x @ x.t(), -1) @ x,
    "an embedding": lambda x: F.embedding(indices(x.shape[0], x.shape[0]), x),
    "relu and norm": lambda x: F.layer_norm(F.relu(x), (8,)),
    "a loss": lambda x: F.cross_entropy(x, indices(x.shape[0])),
}  # fmt: skip


@pytest.fixture
def traced(monkeypatch):
    """The names of the functions that JAX traces."""
    names = []
    trace = JaxFunction.traced_for
    monkeypatch.setattr(JaxFunction, "traced_for", lambda self, avals: names.append(self.name) or trace(self, avals))
    engine.forget()
    return names


def results(fn, sizes=SIZES):
    made = []
    for n in sizes:
        out = fn(n)
        made += [t.detach().numpy().copy() for t in (out if isinstance(out, list) else [out])]
    return made


def check_same(fn, monkeypatch):
    """The results are, to the last bit, those of a run in which JAX traces each line."""
    mine = results(fn)
    engine.forget()
    with monkeypatch.context() as patch:
        patch.setattr(symbolic_traces._LineFamily, "instance", lambda *a: None)
        patch.setattr(numpy_lines, "_view_steps", lambda *a: None)
        theirs = results(fn)
    for a, b in zip(mine, theirs, strict=True):
        assert (a.shape, a.dtype) == (b.shape, b.dtype)
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_same_results(name, traced, monkeypatch):
    with torch.no_grad():
        check_same(FUNCTIONS[name], monkeypatch)


@pytest.mark.parametrize("name", GRADIENTS)
def test_the_same_gradients(name, traced, monkeypatch):
    def gradient(n):
        x = drawn(n, 8).requires_grad_()
        y = GRADIENTS[name](x)
        return [y, *torch.autograd.grad((y * y).sum(), x)]

    check_same(gradient, monkeypatch)


def test_a_growing_loop_is_traced_a_few_times(traced):
    """JAX traces few of 60 sizes: the first three, one with symbols, two to compare with, those that equal a fixed size."""
    keys = drawn(0, 8)
    with torch.no_grad():
        for _ in range(60):
            keys = torch.cat([keys, drawn(1, 8)])
            F.softmax(drawn(1, 8) @ keys.t(), -1).sum().item()
    often = {name: traced.count(name) for name in set(traced)}
    assert max(often.values()) <= 12, often


TRACED_ALWAYS = {"views copied"}  # the size is a constant of the call that `reshape` records where it copies


@pytest.mark.parametrize("name", [name for name in FUNCTIONS if name not in TRACED_ALWAYS])
def test_few_sizes_of_a_function_are_traced(name, traced):
    """Of 40 sizes JAX traces about 7 of each line, and a function has at most three lines of a name."""
    with torch.no_grad():
        results(FUNCTIONS[name], range(10, 50))
    often = {call: traced.count(call) for call in set(traced)}
    assert all(n <= 24 for n in often.values()), often


def test_a_users_op_is_always_traced_with_its_sizes(traced):
    """It may treat one size differently, which a comparison at other sizes would not find."""

    @op(method=False)
    def odd_at_twelve(input: Array) -> Array:
        return input * (2 if input.shape[0] == 12 else 1)

    assert [odd_at_twelve(torch.ones(n)).sum().item() for n in range(5, 15)] == [5, 6, 7, 8, 9, 10, 11, 24, 13, 14]


def fails(*arguments):
    raise ValueError("sizes that do not fit")


BROKEN = {
    "differs": (symbolic_traces, "_is_equal", lambda *a: False),
    "does not run": (symbolic_traces, "numpy_steps", fails),
    "has no instance": (symbolic_traces._SymbolicTrace, "instance", fails),
}


@pytest.mark.parametrize("broken", BROKEN)
def test_a_trace_that_gives_something_else_is_dropped(broken, traced, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(*BROKEN[broken])
        assert [torch.relu(torch.ones(n)).sum().item() for n in range(2, 30)] == list(range(2, 30))
    assert traced.count("relu") >= 28


def test_tracing_with_symbols_keeps_no_values_alive(traced):
    """A value that somebody seems to hold is computed, and its memory not used again: a program of its own."""
    gc.collect()
    gc.disable()
    try:
        values = []
        for n in range(5, 15):
            y = torch.exp(torch.sin(drawn(n, 8)))
            values.append(weakref.ref(y._value))
            y.sum().item()
            del y
            assert values[-1]() is None, n
    finally:
        gc.enable()
