"""Layers with their options, against PyTorch: programs whose printed text is compared, numbers up to rounding."""

import json
import math
import re

import pytest

import jtorch
from jtorch.core import engine
from tests import FIXTURES
from tests.printed import output, read

PROGRAMS = read(FIXTURES / "layer_cases.txt")
PRINTED = json.loads((FIXTURES / "layers.json").read_text())

# What programs print of results and gradients: shapes, a projection of all elements, and a few of them.
CHECK = """
import numpy as np
def weights(t):
    made = np.cos(np.arange(t.numel())).reshape(tuple(t.shape))
    return torch.from_numpy(made.astype(str(t.dtype)[6:]))
def tensors(value):
    if isinstance(value, torch.Tensor):
        return [value]
    if isinstance(value, (list, tuple)):
        return [t for v in value for t in tensors(v)]
    return []
def digest(t):
    if t is None:
        return None
    flat = np.array(t.detach().numpy(), "f8").reshape(-1)
    return tuple(t.shape), [(flat * np.cos(np.arange(flat.size))).sum(), *flat[:: max(1, flat.size // 3)][:3]]
def exact(label, t):
    print(label, tuple(t.shape), t.dtype, np.array(t.detach().numpy()).tobytes().hex())
def check(label, result, inputs=(), module=None):
    found = tensors(result)
    wanted = tensors(inputs) + ([] if module is None else list(module.parameters()))
    total = sum([(t * weights(t)).sum() for t in found if t.requires_grad])
    if wanted:
        total.backward(retain_graph=True)
    shown = [digest(t) for t in found], [digest(t.grad) for t in wanted]
    for t in wanted:
        t.grad = None
    for kind, digests in zip(("", "  grad"), shown):
        for d in digests:
            print(label + kind, d and (d[0], [round(float(n), 5) for n in d[1]]))
"""
NUMBER = re.compile(r"(-?\d+\.\d*(?:e[+-]?\d+)?)")


def difference(mine, theirs):
    """None where two texts are the same, numbers up to rounding; else the first lines that differ."""
    pairs = list(zip(mine.split("\n"), theirs.split("\n"), strict=False))
    for a, b in pairs:
        if not _same(NUMBER.split(a), NUMBER.split(b)):
            return f"{a}\n  expected\n{b}"
    return None if mine.count("\n") == theirs.count("\n") else f"{mine}\n  expected\n{theirs}"


def _same(mine, theirs):
    if len(mine) != len(theirs) or mine[::2] != theirs[::2]:
        return False
    numbers = zip(mine[1::2], theirs[1::2], strict=True)
    return all(math.isclose(float(a), float(b), rel_tol=1e-4, abs_tol=1e-4) for a, b in numbers)


def printed(name, torch):
    """What a program prints, without what PyTorch says of its own insides."""
    lines = output(CHECK + PROGRAMS[name], torch).replace("jtorch", "torch").split("\n")
    return "\n".join(line for line in lines if "(Triggered internally at" not in line)


@pytest.mark.parametrize("name", PROGRAMS)
def test_prints_what_pytorch_prints(name):
    assert difference(printed(name, jtorch), PRINTED[name]) is None


@pytest.mark.parity
@pytest.mark.parametrize("name", PROGRAMS)
def test_fixture_is_what_pytorch_prints(name):
    assert difference(printed(name, pytest.importorskip("torch")), PRINTED[name]) is None


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
