"""`ContinuousBernoulli`."""

from __future__ import annotations

import math

from jtorch.core.grad import no_grad
from jtorch.core.ops.arithmetic.logic import where
from jtorch.core.ops.make.create import full_like
from jtorch.core.ops.make.random import rand
from jtorch.distributions import constraints
from jtorch.distributions.exp_family import ExponentialFamily
from jtorch.distributions.utils import (
    TwoClasses,
    broadcast_all,
    clamp_probs,
    lazy_property,
    logits_to_probs,
    probs_or_logits,
)
from jtorch.nn.functional import binary_cross_entropy_with_logits


class ContinuousBernoulli(TwoClasses, ExponentialFamily):
    """A number in [0, 1] with a density proportional to probs^x (1 - probs)^(1 - x).

    Args:
        probs: the parameter of the density, in (0, 1). Give either this or logits.
        logits: log(probs / (1 - probs)).
        lims: between these values of `probs` a Taylor series is used, since the formulas divide by 1 - 2 probs.
        validate_args: check the parameters and the values given to `log_prob` and `cdf`; None: the default, on.

    >>> torch.distributions.ContinuousBernoulli(0.5).log_prob(torch.tensor(0.3))
    tensor(0.)
    """

    arg_constraints = {"probs": constraints.unit_interval, "logits": constraints.real}
    support = constraints.unit_interval
    has_rsample = True
    _mean_carrier_measure = 0

    def __init__(self, probs=None, logits=None, lims=(0.499, 0.501), validate_args=None):
        name, given = probs_or_logits(probs, logits)
        (vars(self)[name],) = broadcast_all(given)
        if name == "probs":
            if validate_args is not None and not self.arg_constraints["probs"].check(self.probs).all():
                raise ValueError("The parameter probs has invalid values")
            self.probs = clamp_probs(self.probs)
        self._lims = lims
        super().__init__(vars(self)[name].shape, validate_args=validate_args)

    @lazy_property
    def probs(self):
        return clamp_probs(logits_to_probs(self.logits, is_binary=True))

    @property
    def param_shape(self):
        """The shape of the parameter that was given."""
        return self.probs.size()

    def _outside(self):
        return (self.probs <= self._lims[0]) | (self.probs > self._lims[1])

    def _cut_probs(self):
        return where(self._outside(), self.probs, self._lims[0] * full_like(self.probs, 1))

    def _cont_bern_log_norm(self):
        cut = self._cut_probs()
        below = where(cut <= 0.5, cut, full_like(cut, 0))
        above = where(cut >= 0.5, cut, full_like(cut, 1))
        log_norm = ((-cut).log1p() - cut.log()).abs().log() - where(
            cut <= 0.5, (-2.0 * below).log1p(), (2.0 * above - 1.0).log()
        )
        x = (self.probs - 0.5).pow(2)
        return where(self._outside(), log_norm, math.log(2.0) + (4.0 / 3.0 + 104.0 / 45.0 * x) * x)

    @property
    def mean(self):
        cut = self._cut_probs()
        means = cut / (2.0 * cut - 1.0) + 1.0 / ((-cut).log1p() - cut.log())
        x = self.probs - 0.5
        return where(self._outside(), means, 0.5 + (1.0 / 3.0 + 16.0 / 45.0 * x.pow(2)) * x)

    @property
    def stddev(self):
        return self.variance.sqrt()

    @property
    def variance(self):
        cut = self._cut_probs()
        found = cut * (cut - 1.0) / (1.0 - 2.0 * cut).pow(2) + 1.0 / ((-cut).log1p() - cut.log()).pow(2)
        x = (self.probs - 0.5).pow(2)
        return where(self._outside(), found, 1.0 / 12.0 - (1.0 / 15.0 - 128.0 / 945.0 * x) * x)

    def sample(self, sample_shape=()):
        with no_grad():
            return self.rsample(sample_shape)

    def rsample(self, sample_shape=()):
        shape = self._extended_shape(sample_shape)
        return self.icdf(rand(shape, dtype=self.probs.dtype, device=self.probs.device))

    def log_prob(self, value):
        if self._validate_args:
            self._validate_sample(value)
        logits, value = broadcast_all(self.logits, value)
        return -binary_cross_entropy_with_logits(logits, value, reduction="none") + self._cont_bern_log_norm()

    def cdf(self, value):
        if self._validate_args:
            self._validate_sample(value)
        cut = self._cut_probs()
        found = (cut.pow(value) * (1.0 - cut).pow(1.0 - value) + cut - 1.0) / (2.0 * cut - 1.0)
        inside = where(self._outside(), found, value)
        return where(value <= 0.0, full_like(inside, 0), where(value >= 1.0, full_like(inside, 1), inside))

    def icdf(self, value):
        cut = self._cut_probs()
        found = ((-cut + value * (2.0 * cut - 1.0)).log1p() - (-cut).log1p()) / (cut.log() - (-cut).log1p())
        return where(self._outside(), found, value)

    def entropy(self):
        rest, log_probs = (-self.probs).log1p(), self.probs.log()
        return self.mean * (rest - log_probs) - self._cont_bern_log_norm() - rest

    @property
    def _natural_params(self):
        return (self.logits,)

    def _log_normalizer(self, x):
        outside = (x <= self._lims[0] - 0.5) | (x > self._lims[1] - 0.5)
        cut = where(outside, x, (self._lims[0] - 0.5) * full_like(x, 1))
        return where(outside, cut.exp().sub(1).abs().log() - cut.abs().log(), 0.5 * x + x.pow(2) / 24.0)
