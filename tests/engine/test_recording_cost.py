"""The cost of recording a line, counted in calls of Python functions, which a busy machine does not change."""

from __future__ import annotations

import sys

import pytest

import jtorch as torch
from bench.decoder import decoder
from bench.record import ROWS, repeated
from jtorch.compiler import stats
from jtorch.core import engine
from jtorch.core.engine import policy
from jtorch.core.facts import config
from jtorch.core.tensor import OVERRIDERS, apply


@pytest.fixture(autouse=True)
def plain_process(monkeypatch):
    """A process in which no class overrides functions and no tensor of inference mode lives. What earlier tests did would cost
    each line a call or two: such classes are asked from then on, and such tensors are looked for as long as they live.
    """
    monkeypatch.setitem(apply.__globals__, "_check_inputs", None)
    before = set(OVERRIDERS)
    OVERRIDERS.clear()
    yield
    OVERRIDERS.update(before)


def python_calls(run) -> int:
    """How many Python functions `run` calls."""
    calls = 0

    def count(frame, event, argument):
        nonlocal calls
        calls += event == "call"

    sys.setprofile(count)
    try:
        run()
    finally:
        sys.setprofile(None)
    return calls - 1


def test_inference_mode_costs_nothing_once_its_tensors_are_gone():
    with torch.inference_mode():
        made = torch.ones(2) * 2
    assert apply.__globals__["_check_inputs"] is not None
    with pytest.raises(RuntimeError, match="Inference tensors cannot be saved"):
        torch.ones(2, requires_grad=True) * made
    del made
    assert apply.__globals__["_check_inputs"] is None


MOST = {  # calls of Python functions, that of the statement's own among them
    "x * y": 4,
    "x + 1.5": 5,
    "torch.relu(x)": 4,
    "x @ y": 4,
    "F.linear(x, w, b)": 4,
    "layer(x)": 6,
    "x.view(2, 8)": 8,
    "x.reshape(2, 8)": 10,
    "x.transpose(0, 1).reshape(2, 8)": 25,
    "x.flatten()": 12,
    "x[0]": 10,
    "x[:, 1:3]": 10,
    "x[:, :, None]": 8,
    "x.unsqueeze(0)": 5,
    "x.squeeze(0)": 5,
    "x.transpose(0, 1)": 5,
    "x.permute(1, 0)": 9,
    "x.expand(2, 4, 4)": 11,
    "x.t().contiguous()": 19,
    "x.chunk(2, 1)": 22,
    "torch.cat([x, y])": 12,
    "torch.stack([x, y])": 12,
    "x.sum()": 4,
    "x.mean(1)": 4,
    "x.max(1)": 12,
    "x.argmax(1)": 4,
    "x.exp()": 4,
    "torch.tanh(x)": 4,
    "x.clone()": 5,
    "x.detach()": 2,
    "x.float()": 4,
    "x.to(torch.float64)": 11,
    "x.size(0)": 4,
    "F.softmax(x, dim=1)": 8,
    "F.log_softmax(x, dim=1)": 8,
    "F.cross_entropy(x, labels)": 14,
    "F.mse_loss(x, y)": 12,
    "F.embedding(labels, w)": 11,
    "F.layer_norm(x, (4,), b, b)": 4,
    "F.conv2d(image, kernel)": 5,
    "F.max_pool2d(image, 2)": 4,
    "x.masked_fill(mask, 0.0)": 17,
    "torch.einsum('ij,jk->ik', x, y)": 7,
    "z.add_(1.0)": 17,
    "z.zero_()": 12,
    "z.copy_(plain)": 18,
    "torch.zeros(4, 4)": 10,
    "torch.ones(4, 4)": 10,
    "torch.zeros_like(x)": 7,
    "torch.arange(8)": 8,
    "torch.tensor([1.0, 2.0])": 13,
    "torch.rand(2, 8)": 15,
    "torch.randn(2, 8)": 14,
    "F.dropout(x, 0.5)": 27,
}


def test_every_row_of_the_benchmark_has_a_bound():
    assert MOST.keys() == set(ROWS)


@pytest.mark.parametrize("statement", ROWS)
def test_a_line_is_recorded_in_few_calls(statement):
    run = repeated(statement, torch)
    for _ in range(3):  # the first time, the line's type is worked out
        run(range(20))
        engine.flush()
    calls = python_calls(lambda: run(range(20)))
    engine.flush()
    assert (calls - 1) / 20 <= MOST[statement] + 0.5  # now and then the generator draws new words


def test_a_decoders_step_is_one_program_of_few_calls(monkeypatch):
    for limit in ("long_trace", "trusted_lines"):  # its lines are many and have few elements
        monkeypatch.setattr(policy, limit, 10**9)
    engine.reset()
    train = decoder(torch, layers=2)
    for _ in range(3):
        train().item()
    before = stats()
    calls = python_calls(train)
    engine.flush()
    lines = stats().lines - before.lines
    assert stats().runs - before.runs == 1
    assert calls <= 8 * lines


def test_the_step_of_a_decoder_of_a_hundred_layers_is_not_cut():
    lines = [lines_of(decoder(torch, layers)) for layers in (1, 2)]
    assert lines[0] + 99 * (lines[1] - lines[0]) < config.max_lines


def lines_of(train) -> int:
    """How many lines the third of three training steps records."""
    for _ in range(2):
        train().item()
    before = stats()
    train().item()
    return stats().lines - before.lines
