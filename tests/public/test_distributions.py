"""Distributions against PyTorch's: samples, densities, texts and errors, in fixtures/distributions.json."""

import pytest

import jtorch
from tests.public.distribution_cases import TABLE


@pytest.mark.parametrize("case", TABLE.programs)
def test_a_program_with_distributions_does_what_it_does_in_pytorch(case):
    assert not TABLE.differences(jtorch, case)


@pytest.mark.parity
@pytest.mark.parametrize("case", TABLE.programs)
def test_pytorch_still_does_what_was_recorded(case):
    torch = pytest.importorskip("torch")
    torch.distributions.Distribution.set_default_validate_args(True)  # torch._dynamo turns it off
    assert not TABLE.differences(torch, case)


def test_a_value_that_is_still_to_be_computed_is_checked_at_once():
    scale = jtorch.ones(100, 100).exp().neg()
    with pytest.raises(ValueError, match="Expected parameter scale"):
        jtorch.distributions.Normal(0.0, scale)
    with pytest.raises(ValueError, match="to be within the support"):
        jtorch.distributions.Exponential(1.0).log_prob(scale)
    jtorch.distributions.Normal(0.0, scale, validate_args=False)


def test_a_policy_gradient_flows_through_log_prob():
    logits = jtorch.zeros(3, requires_grad=True)
    jtorch.distributions.Categorical(logits=logits).log_prob(jtorch.tensor(1)).backward()
    assert logits.grad.tolist() == pytest.approx([-1 / 3, 2 / 3, -1 / 3])
