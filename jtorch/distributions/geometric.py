"""`Geometric`."""

from __future__ import annotations

from jtorch.core.facts import finfo
from jtorch.core.grad import no_grad
from jtorch.core.ops.make.create import empty
from jtorch.distributions import constraints
from jtorch.distributions.distribution import Distribution, require
from jtorch.distributions.utils import TwoClasses, broadcast_all, probs_or_logits
from jtorch.nn.functional import binary_cross_entropy_with_logits


class Geometric(TwoClasses, Distribution):
    """How many trials of probability `probs` fail before the first success.

    Args:
        probs: the probability of success, in (0, 1]. Give either this or logits.
        logits: log(probs / (1 - probs)).
        validate_args: check the parameters and the values given to `log_prob` and `cdf`; None: the default, on.

    >>> torch.distributions.Geometric(0.25).mean
    tensor(3.)
    """

    arg_constraints = {"probs": constraints.unit_interval, "logits": constraints.real}
    support = constraints.nonnegative_integer

    def __init__(self, probs=None, logits=None, validate_args=None):
        name, given = probs_or_logits(probs, logits)
        (vars(self)[name],) = broadcast_all(given)
        super().__init__(vars(self)[name].shape, validate_args=validate_args)
        if self._validate_args and probs is not None:
            value = self.probs
            require(
                value,
                constraints.positive,
                lambda: (
                    f"Expected parameter probs ({type(value).__name__} of shape {tuple(value.shape)}) of distribution {self!r} to be"
                    f" positive but found invalid values:\n{value}"
                ),
            )

    @property
    def mean(self):
        return 1.0 / self.probs - 1.0

    @property
    def mode(self):
        return self.probs * 0

    @property
    def variance(self):
        return (1.0 / self.probs - 1.0) / self.probs

    def sample(self, sample_shape=()):
        shape, tiny = self._extended_shape(sample_shape), finfo(self.probs.dtype).tiny
        with no_grad():
            u = empty(shape, dtype=self.probs.dtype, device=self.probs.device).uniform_(tiny, 1)
            return (u.log() / (-self.probs).log1p()).floor()

    def log_prob(self, value):
        if self._validate_args:
            self._validate_sample(value)
        value, probs = broadcast_all(value, self.probs)
        probs = probs.clone()
        probs[(probs == 1) & (value == 0)] = 0
        return value * (-probs).log1p() + self.probs.log()

    def entropy(self):
        return binary_cross_entropy_with_logits(self.logits, self.probs, reduction="none") / self.probs
