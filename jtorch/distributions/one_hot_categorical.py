"""`OneHotCategorical`."""

from __future__ import annotations

from jtorch.core.ops.make.create import eye, zeros
from jtorch.distributions import constraints
from jtorch.distributions.categorical import Categorical
from jtorch.distributions.distribution import Distribution


class OneHotCategorical(Distribution):
    """A `Categorical` whose samples are rows of zeros, with a one at the index drawn.

    Args:
        probs: (*, K), not negative; they need not add up to 1. Give either this or logits.
        logits: (*, K), logarithms of probabilities, which need not add up to 1.
        validate_args: check the parameters and the values given to `log_prob` and `cdf`; None: the default, on.

    >>> torch.distributions.OneHotCategorical(torch.tensor([0., 1.])).sample()
    tensor([0., 1.])
    """

    arg_constraints = {"probs": constraints.simplex, "logits": constraints.real_vector}
    support = constraints.one_hot
    has_enumerate_support = True

    def __init__(self, probs=None, logits=None, validate_args=None):
        self._categorical = Categorical(probs, logits, validate_args)
        super().__init__(self._categorical.batch_shape, self._categorical.param_shape[-1:], validate_args)

    @property
    def probs(self):
        """The probabilities."""
        return self._categorical.probs

    @property
    def logits(self):
        """Their logs."""
        return self._categorical.logits

    @property
    def mean(self):
        return self.probs

    @property
    def mode(self):
        return self._hot(self.probs.argmax(-1))

    @property
    def variance(self):
        return self.probs * (1 - self.probs)

    def _hot(self, numbers):
        blank = zeros((*numbers.shape, *self._event_shape), dtype=self.probs.dtype, device=self.probs.device)
        return blank.scatter_(-1, numbers.unsqueeze(-1), 1)

    def sample(self, sample_shape=()):
        return self._hot(self._categorical.sample(sample_shape))

    def log_prob(self, value):
        if self._validate_args:
            self._validate_sample(value)
        return self._categorical.log_prob(value.max(-1)[1])

    def entropy(self):
        return self._categorical.entropy()

    def enumerate_support(self, expand=True):
        n = self._event_shape[0]
        values = eye(n, dtype=self.probs.dtype, device=self.probs.device).view(
            (n,) + (1,) * len(self._batch_shape) + (n,)
        )
        return values.expand((n, *self._batch_shape, n)) if expand else values


class OneHotCategoricalStraightThrough(OneHotCategorical):
    """`OneHotCategorical` whose samples pass their gradient on to `probs`.

    Args:
        probs, logits: as for `OneHotCategorical`.
        validate_args: check the parameters and the values given to `log_prob` and `cdf`; None: the default, on.

    >>> probs = torch.tensor([0.5, 0.5], requires_grad=True)
    >>> torch.distributions.OneHotCategoricalStraightThrough(probs).rsample().requires_grad
    True
    """

    has_rsample = True

    def rsample(self, sample_shape=()):
        return self.sample(sample_shape) + (self.probs - self.probs.detach())
