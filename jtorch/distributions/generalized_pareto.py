"""`GeneralizedPareto`."""

from __future__ import annotations

import math

from jtorch.core.ops.arithmetic.logic import isclose, where
from jtorch.core.ops.make.create import full_like
from jtorch.core.ops.make.random import rand
from jtorch.distributions import constraints
from jtorch.distributions.distribution import Distribution
from jtorch.distributions.utils import broadcast_all


class GeneralizedPareto(Distribution):
    """(1 + concentration (x - loc) / scale)^(-1 / concentration - 1) / scale; exponential where the concentration is 0.

    Args:
        loc: the least x.
        scale: positive.
        concentration: how heavy the tail is; negative: x has an upper bound.
        validate_args: check the parameters and the values given to `log_prob` and `cdf`; None: the default, on.

    >>> torch.distributions.GeneralizedPareto(0., 1., 0.).log_prob(torch.tensor(2.))
    tensor(-2.)
    """

    arg_constraints = {"loc": constraints.real, "scale": constraints.positive, "concentration": constraints.real}
    has_rsample = True

    def __init__(self, loc, scale, concentration, validate_args=None):
        self.loc, self.scale, self.concentration = broadcast_all(loc, scale, concentration)
        super().__init__(self.loc.size(), validate_args=validate_args)

    def rsample(self, sample_shape=()):
        shape = self._extended_shape(sample_shape)
        return self.icdf(rand(shape, dtype=self.loc.dtype, device=self.loc.device))

    def _is_exponential(self):
        return isclose(self.concentration, full_like(self.concentration, 0))

    def _safe_concentration(self):
        return where(self._is_exponential(), full_like(self.concentration, 1), self.concentration)

    def log_prob(self, value):
        if self._validate_args:
            self._validate_sample(value)
        y = (value - self.loc) / self.scale
        c = self._safe_concentration()
        power = 1 / c + full_like(self.loc, 1)
        return where(self._is_exponential(), -y, -power * (c * y).log1p()) - self.scale.log()

    def log_survival_function(self, value):
        """The log of the probability of a sample above `value`."""
        if self._validate_args:
            self._validate_sample(value)
        y = (value - self.loc) / self.scale
        c = self._safe_concentration()
        return where(self._is_exponential(), -y, -(c * y).log1p() / c)

    def log_cdf(self, value):
        """log(cdf(value))"""
        return (-self.log_survival_function(value).exp()).log1p()

    def cdf(self, value):
        return self.log_cdf(value).exp()

    def icdf(self, value):
        c, rest = self._safe_concentration(), (-value).log1p()
        return where(
            self._is_exponential(), self.loc - self.scale * rest, self.loc + self.scale * (-c * rest).expm1() / c
        )

    @property
    def mean(self):
        c = self.concentration
        below = c < 1
        return where(below, self.loc + self.scale / (1 - where(below, c, full_like(c, 0.5))), full_like(c, math.inf))

    @property
    def variance(self):
        c = self.concentration
        below = c < 0.5
        c = where(below, c, full_like(c, 0.25))
        return where(below, self.scale**2 / ((1 - c) ** 2 * (1 - 2 * c)), full_like(c, math.inf))

    def entropy(self):
        return self.scale.log() + self.concentration + 1

    @property
    def mode(self):
        return self.loc

    @constraints.dependent_property(is_discrete=False, event_dim=0)
    def support(self):
        upper = where(self.concentration < 0, self.loc - self.scale / self.concentration, full_like(self.loc, math.inf))
        return constraints.interval(self.loc, upper)
