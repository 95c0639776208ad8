"""Distributions against PyTorch's: samples, densities, texts and errors, in fixtures/distributions.json."""

import json
import math

import pytest

import jtorch
from tests import FIXTURES
from tests.public.distribution_cases import CASES, outcome

WANT = json.loads((FIXTURES / "distributions.json").read_text())


def same(got, want):
    if isinstance(want, list) and isinstance(got, list):
        return len(got) == len(want) and all(map(same, got, want))
    if isinstance(want, float) and isinstance(got, float):
        return math.isclose(got, want, rel_tol=1e-5, abs_tol=1e-6)
    return got == want


@pytest.mark.parametrize("case", CASES)
def test_a_program_with_distributions_does_what_it_does_in_pytorch(case):
    got = outcome(jtorch, case)
    assert same(got.replace("jtorch", "torch") if isinstance(got, str) else got, WANT[case])


@pytest.mark.parity
@pytest.mark.parametrize("case", CASES)
def test_pytorch_still_does_what_was_recorded(case):
    torch = pytest.importorskip("torch")
    torch.distributions.Distribution.set_default_validate_args(True)  # torch._dynamo turns it off
    assert same(outcome(torch, case), WANT[case])


def test_a_check_does_not_stop_a_training_step():
    """A wrong scale that is still to be computed is refused at the next look."""
    scale = jtorch.ones(2).neg()
    made = jtorch.distributions.Normal(0.0, scale)
    with pytest.raises(ValueError, match="Expected parameter scale"):
        made.scale.tolist()


def test_a_policy_gradient_flows_through_log_prob():
    logits = jtorch.zeros(3, requires_grad=True)
    jtorch.distributions.Categorical(logits=logits).log_prob(jtorch.tensor(1)).backward()
    assert logits.grad.tolist() == pytest.approx([-1 / 3, 2 / 3, -1 / 3])
