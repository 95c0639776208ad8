"""Layers with their options, against PyTorch: programs whose printed texts must agree, numbers up to rounding."""

import pytest

import jtorch
from jtorch.core import engine


@pytest.mark.parametrize("name", ["RNN", "GRU", "LSTM"])
def test_a_longer_sequence_makes_no_longer_program(name):
    layer = getattr(jtorch.nn, name)(2, 3)

    def lines(steps):
        layer.zero_grad()
        engine.flush()
        before = engine.counters.lines
        layer(jtorch.zeros(steps, 1, 2))[0].sum().backward()
        layer.weight_ih_l0.grad.sum().item()
        return engine.counters.lines - before

    assert lines(3) == lines(40)
