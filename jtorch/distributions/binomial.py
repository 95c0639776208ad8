"""`Binomial`."""

from __future__ import annotations

from jtorch.core.grad import no_grad
from jtorch.core.ops.make.create import arange
from jtorch.core.ops.make.random import binomial
from jtorch.distributions import constraints
from jtorch.distributions.distribution import Distribution
from jtorch.distributions.utils import TwoClasses, broadcast_all, probs_or_logits


class Binomial(TwoClasses, Distribution):
    """How many of `total_count` trials succeed, each with probability `probs`.

    Args:
        total_count: the number of trials.
        probs: the probability of a success, in [0, 1]. Give either this or logits.
        logits: log(probs / (1 - probs)).
        validate_args: check the parameters and the values given to `log_prob` and `cdf`; None: the default, on.

    >>> torch.distributions.Binomial(10, torch.tensor(0.5)).mean
    tensor(5.)
    """

    arg_constraints = {
        "total_count": constraints.nonnegative_integer,
        "probs": constraints.unit_interval,
        "logits": constraints.real,
    }
    has_enumerate_support = True

    def __init__(self, total_count=1, probs=None, logits=None, validate_args=None):
        name, given = probs_or_logits(probs, logits)
        count, vars(self)[name] = broadcast_all(total_count, given)
        self.total_count = count.type_as(vars(self)[name])
        super().__init__(self.total_count.shape, validate_args=validate_args)

    @constraints.dependent_property(is_discrete=True, event_dim=0)
    def support(self):
        return constraints.integer_interval(0, self.total_count)

    @property
    def param_shape(self):
        """The shape of the parameter that was given."""
        return self.total_count.size()

    @property
    def mean(self):
        return self.total_count * self.probs

    @property
    def mode(self):
        return ((self.total_count + 1) * self.probs).floor().clamp(max=self.total_count)

    @property
    def variance(self):
        return self.total_count * self.probs * (1 - self.probs)

    def sample(self, sample_shape=()):
        shape = self._extended_shape(sample_shape)
        with no_grad():
            return binomial(self.total_count.expand(shape), self.probs.expand(shape))

    def log_prob(self, value):
        if self._validate_args:
            self._validate_sample(value)
        count, logits = self.total_count, self.logits
        ways = (count + 1).lgamma() - (value + 1).lgamma() - (count - value + 1).lgamma()
        positive = (logits.clamp(min=0) + logits - logits.clamp(max=0)) / 2  # max(logits, 0), of slope 1/2 at 0
        return value * logits + ways - count * (positive + (-logits.abs()).exp().log1p())

    def entropy(self):
        count = int(self.total_count.max())
        if self._validate_args and not self.total_count.min() == count:
            raise NotImplementedError("Inhomogeneous total count not supported by `entropy`.")
        log_prob = self.log_prob(self.enumerate_support(False))
        return -(log_prob.exp() * log_prob).sum(0)

    def enumerate_support(self, expand=True):
        count = int(self.total_count.max())
        if not self.total_count.min() == count:
            raise NotImplementedError("Inhomogeneous total count not supported by `enumerate_support`.")
        param = self.logits if "logits" in vars(self) else self.probs
        values = arange(1 + count, dtype=param.dtype, device=param.device).view((-1,) + (1,) * len(self._batch_shape))
        return values.expand((-1, *self._batch_shape)) if expand else values
