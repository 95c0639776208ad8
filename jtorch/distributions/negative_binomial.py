"""`NegativeBinomial`."""

from __future__ import annotations

from jtorch.core.grad import no_grad
from jtorch.core.ops.make.random import poisson
from jtorch.distributions import constraints
from jtorch.distributions.distribution import Distribution
from jtorch.distributions.gamma import Gamma
from jtorch.distributions.utils import TwoClasses, broadcast_all, lazy_property, probs_or_logits
from jtorch.nn.functional import logsigmoid


class NegativeBinomial(TwoClasses, Distribution):
    """How many trials of probability `probs` succeed before `total_count` have failed.

    Args:
        total_count: the number of failures, not negative.
        probs: the probability of a success, in [0, 1). Give either this or logits.
        logits: log(probs / (1 - probs)).
        validate_args: check the parameters and the values given to `log_prob` and `cdf`; None: the default, on.

    >>> torch.distributions.NegativeBinomial(3., torch.tensor(0.5)).mean
    tensor(3.)
    """

    arg_constraints = {
        "total_count": constraints.greater_than_eq(0),
        "probs": constraints.half_open_interval(0.0, 1.0),
        "logits": constraints.real,
    }
    support = constraints.nonnegative_integer

    def __init__(self, total_count, probs=None, logits=None, validate_args=None):
        name, given = probs_or_logits(probs, logits)
        count, vars(self)[name] = broadcast_all(total_count, given)
        self.total_count = count.type_as(vars(self)[name])
        super().__init__(self.total_count.shape, validate_args=validate_args)

    @property
    def mean(self):
        return self.total_count * self.logits.exp()

    @property
    def mode(self):
        return ((self.total_count - 1) * self.logits.exp()).floor().clamp(min=0.0)

    @property
    def variance(self):
        return self.mean / (-self.logits).sigmoid()

    @lazy_property
    def _gamma(self):
        return Gamma(self.total_count, (-self.logits).exp(), validate_args=False)

    def sample(self, sample_shape=()):
        with no_grad():
            return poisson(self._gamma.sample(sample_shape))

    def log_prob(self, value):
        if self._validate_args:
            self._validate_sample(value)
        count = self.total_count
        weight = count * logsigmoid(-self.logits) + value * logsigmoid(self.logits)
        ways = -(count + value).lgamma() + (1.0 + value).lgamma() + count.lgamma()
        return weight - ways.masked_fill(count + value == 0.0, 0.0)
