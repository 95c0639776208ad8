"""Tensors that share memory: leaves that are views, `.data` between forward and backward, parameters over one memory."""

import pytest

import jtorch


def test_parameters_that_share_no_memory_are_updated_by_one_line():
    whole = jtorch.zeros(6)
    apart = [whole[:3].requires_grad_(), whole[3:].requires_grad_(), jtorch.zeros(2, requires_grad=True)]
    optimizer = jtorch.optim.Adam(apart)
    sum(p.sum() for p in apart).backward()
    optimizer.step()
    assert len(optimizer._prepared.updates) == 1


def test_optax_refuses_parameters_that_share_memory():
    import optax

    p = jtorch.nn.Parameter(jtorch.zeros(2))
    optimizer = jtorch.optim.Optax([p, jtorch.nn.Parameter(p.data)], optax.sgd(1.0))
    for q in optimizer.param_groups[0]["params"]:
        q.sum().backward()
    with pytest.raises(NotImplementedError, match="share memory"):
        optimizer.step()
