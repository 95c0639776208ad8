"""Modules of PyTorch that libraries import (pytrees, profiler, hub, ...) behave as PyTorch's."""

import importlib

import pytest

import jtorch


def test_a_profile_names_ops_pullbacks_and_ranges():
    x = jtorch.ones(4, 4, requires_grad=True)
    with jtorch.profiler.profile() as profile, jtorch.profiler.record_function("range"):
        (x @ x).relu().sum().backward()
    found = {event.key: event.count for event in profile.key_averages()}
    assert {"range", "aten::relu", "ReluBackward0"} <= found.keys()
    assert "aten::relu" in profile.key_averages().table(sort_by="cpu_time_total")


def test_every_module_that_comes_late_can_be_asked_for():
    for package in (jtorch, jtorch.utils, jtorch.cuda):
        for name in dir(package):
            getattr(package, name)


def test_a_function_becomes_an_op_with_a_gradient():
    triple = jtorch.library.custom_op("tests::triple", mutates_args=())(lambda x: 3 * x)
    x = jtorch.ones(2, requires_grad=True)
    with pytest.raises(RuntimeError, match="Trying to backward through tests.triple.default but no autograd formula"):
        triple(x).sum().backward()
    triple.register_autograd(lambda ctx, grad: 30 * grad)
    jtorch.ops.tests.triple(x).sum().backward()
    assert x.grad.tolist() == [30, 30]


def test_flex_attention_is_attention_with_a_changed_score_and_a_mask():
    from jtorch.nn.attention.flex_attention import create_block_mask, flex_attention

    q, k, v = (jtorch.randn(2, 3, 5, 4) for _ in range(3))
    causal = create_block_mask(lambda b, h, i, j: i >= j, None, None, 5, 5)
    found = flex_attention(q, k, v, lambda score, b, h, i, j: score + (i - j), block_mask=causal)
    i, j = jtorch.arange(5)[:, None], jtorch.arange(5)[None]
    bias = jtorch.where(i >= j, (i - j).float(), -float("inf"))
    wanted = jtorch.nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=bias)
    jtorch.testing.assert_close(found, wanted)


@pytest.mark.parametrize("module", ["tensor", "fsdp", "optim", "checkpoint", "algorithms.join"])
def test_what_is_spread_over_processes_is_there_by_name(module):
    importlib.import_module(f"jtorch.distributed.{module}")
