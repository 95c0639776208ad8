"""`Multinomial`."""

from __future__ import annotations

from jtorch.core.facts import Size
from jtorch.core.grad import no_grad
from jtorch.core.ops.make.create import zeros
from jtorch.distributions import constraints
from jtorch.distributions.binomial import Binomial
from jtorch.distributions.categorical import Categorical
from jtorch.distributions.distribution import Distribution
from jtorch.distributions.utils import broadcast_all


class Multinomial(Distribution):
    """How often each of K classes occurs among `total_count` draws.

    Args:
        total_count: the number of draws.
        probs: (*, K), not negative; they need not add up to 1. Give either this or logits.
        logits: (*, K), logarithms of probabilities, which need not add up to 1.
        validate_args: check the parameters and the values given to `log_prob` and `cdf`; None: the default, on.

    >>> torch.distributions.Multinomial(4, torch.tensor([1., 3.])).mean
    tensor([1., 3.])
    """

    arg_constraints = {"probs": constraints.simplex, "logits": constraints.real_vector}

    def __init__(self, total_count=1, probs=None, logits=None, validate_args=None):
        if not isinstance(total_count, int):
            raise NotImplementedError("inhomogeneous total_count is not supported")
        self.total_count = total_count
        self._categorical = Categorical(probs=probs, logits=logits)
        self._binomial = Binomial(total_count=total_count, probs=self.probs)
        super().__init__(self._categorical.batch_shape, self._categorical.param_shape[-1:], validate_args)

    def expand(self, batch_shape, _instance=None):
        made = type(self).__new__(type(self))
        vars(made).update(vars(self))
        made._categorical = self._categorical.expand(batch_shape)
        made._batch_shape = made._categorical.batch_shape
        return made

    @constraints.dependent_property(is_discrete=True, event_dim=1)
    def support(self):
        return constraints.multinomial(self.total_count)

    @property
    def logits(self):
        return self._categorical.logits

    @property
    def probs(self):
        return self._categorical.probs

    @property
    def param_shape(self):
        """The shape of `probs`."""
        return self._categorical.param_shape

    @property
    def mean(self):
        return self.probs * self.total_count

    @property
    def variance(self):
        return self.total_count * self.probs * (1 - self.probs)

    def sample(self, sample_shape=()):
        sample_shape = Size(sample_shape)
        with no_grad():
            drawn = self._categorical.sample(Size((self.total_count,)) + sample_shape)
            drawn = drawn.permute(*range(1, drawn.dim()), 0)
            counts = zeros(self._extended_shape(sample_shape), dtype=drawn.dtype, device=drawn.device)
            counts.scatter_add_(-1, drawn, drawn.new_ones(drawn.shape))
            return counts.type_as(self.probs)

    def entropy(self):
        n = self.total_count
        each = self._binomial.enumerate_support(expand=False)[1:]
        weights = self._binomial.log_prob(each).exp()
        log_factorial = _log_factorial(n, self.probs)
        return n * self._categorical.entropy() - log_factorial + (weights * (each + 1).lgamma()).sum((0, -1))

    def log_prob(self, value):
        if self._validate_args:
            self._validate_sample(value)
        logits, value = broadcast_all(self.logits, value)
        logits = logits.clone()
        logits[(value == 0) & (logits == float("-inf"))] = 0
        return (value.sum(-1) + 1).lgamma() - (value + 1).lgamma().sum(-1) + (logits * value).sum(-1)


def _log_factorial(n, like):
    return zeros((), dtype=like.dtype, device=like.device).add(n + 1).lgamma()
