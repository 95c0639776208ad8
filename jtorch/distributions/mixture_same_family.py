"""`MixtureSameFamily`."""

from __future__ import annotations

from jtorch.core.grad import no_grad
from jtorch.core.ops.arithmetic.activations import log_softmax
from jtorch.distributions import constraints
from jtorch.distributions.categorical import Categorical
from jtorch.distributions.distribution import Distribution


class MixtureSameFamily(Distribution):
    """A sample of one of several distributions, chosen at random.

    Args:
        mixture_distribution: a `Categorical`, which chooses.
        component_distribution: the distributions to choose from, along the last dimension of its batch.
        validate_args: check the parameters and the values given to `log_prob` and `cdf`; None: the default, on.

    >>> coin = torch.distributions.Categorical(torch.ones(2))
    >>> normals = torch.distributions.Normal(torch.tensor([-1., 3.]), torch.ones(2))
    >>> torch.distributions.MixtureSameFamily(coin, normals).mean
    tensor(1.)
    """

    arg_constraints: dict = {}
    has_rsample = False

    def __init__(self, mixture_distribution, component_distribution, validate_args=None):
        if not isinstance(mixture_distribution, Categorical):
            raise ValueError(" The Mixture distribution needs to be an  instance of torch.distributions.Categorical")
        if not isinstance(component_distribution, Distribution):
            raise ValueError("The Component distribution need to be an instance of torch.distributions.Distribution")
        chosen, given = mixture_distribution.batch_shape, component_distribution.batch_shape[:-1]
        for a, b in zip(reversed(chosen), reversed(given), strict=False):
            if a != 1 and b != 1 and a != b:
                raise ValueError(
                    f"`mixture_distribution.batch_shape` ({chosen}) is not compatible with"
                    f" `component_distribution.batch_shape`({given})"
                )
        count, components = mixture_distribution.logits.shape[-1], component_distribution.batch_shape[-1]
        if count is not None and components is not None and count != components:
            raise ValueError(
                f"`mixture_distribution component` ({count}) does not equal `component_distribution.batch_shape[-1]`"
                f" ({components})"
            )
        self._mixture_distribution, self._component_distribution = mixture_distribution, component_distribution
        self._num_component, self._event_ndims = components, len(component_distribution.event_shape)
        super().__init__(given, component_distribution.event_shape, validate_args=validate_args)

    def expand(self, batch_shape, _instance=None):
        batch_shape = tuple(batch_shape)
        mixture = self._mixture_distribution.expand(batch_shape)
        components = self._component_distribution.expand((*batch_shape, self._num_component))
        return type(self)(mixture, components, validate_args=False)

    @constraints.dependent_property
    def support(self):
        return constraints.MixtureSameFamilyConstraint(self._component_distribution.support)

    @property
    def mixture_distribution(self):
        """What chooses."""
        return self._mixture_distribution

    @property
    def component_distribution(self):
        """What is chosen from."""
        return self._component_distribution

    def _padded(self, x):
        return x.reshape(x.shape + (1,) * self._event_ndims) if self._event_ndims else x

    @property
    def _weights(self):
        return self._padded(self.mixture_distribution.probs)

    def _over_components(self, x):
        return x.sum(-1 - self._event_ndims)

    @property
    def mean(self):
        return self._over_components(self._weights * self.component_distribution.mean)

    @property
    def variance(self):
        inside = self._over_components(self._weights * self.component_distribution.variance)
        off = self.component_distribution.mean - self._with_components(self.mean)
        return inside + self._over_components(self._weights * off.pow(2.0))

    def _with_components(self, x):
        return x.unsqueeze(-1 - self._event_ndims)

    def cdf(self, x):
        below = self.component_distribution.cdf(self._with_components(x))
        return (below * self.mixture_distribution.probs).sum(-1)

    def log_prob(self, x):
        if self._validate_args:
            self._validate_sample(x)
        each = self.component_distribution.log_prob(self._with_components(x))
        return (each + log_softmax(self.mixture_distribution.logits, -1)).logsumexp(-1)

    def sample(self, sample_shape=()):
        with no_grad():
            count, batch = len(tuple(sample_shape)), len(self._batch_shape)
            dim = count + batch
            chosen = self.mixture_distribution.sample(sample_shape)
            drawn = self.component_distribution.sample(sample_shape)
            ones = (1,) * (self._event_ndims + 1)
            index = chosen.reshape(chosen.shape + ones).repeat((1,) * (chosen.dim() + 1) + tuple(self._event_shape))
            return drawn.gather(dim, index).squeeze(dim)

    def __repr__(self):
        return f"MixtureSameFamily(\n  {self.mixture_distribution},\n  {self.component_distribution})"
