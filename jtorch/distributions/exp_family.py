"""`ExponentialFamily`: distributions whose density is exp(<natural parameters, statistics> - log normalizer)."""

from __future__ import annotations

from jtorch.core.methods import grad
from jtorch.distributions.distribution import Distribution


class ExponentialFamily(Distribution):
    """A family with natural parameters; its entropy follows from the gradient of the log normalizer.

    Args:
        batch_shape: the shape of the parameters.
        event_shape: the shape of one sample.
        validate_args: check the parameters and the values given to `log_prob` and `cdf`; None: the default, on.

    >>> isinstance(torch.distributions.Gamma(2., 1.), torch.distributions.ExponentialFamily)
    True
    """

    @property
    def _natural_params(self):
        raise NotImplementedError

    def _log_normalizer(self, *natural_params):
        raise NotImplementedError

    @property
    def _mean_carrier_measure(self):
        raise NotImplementedError

    def entropy(self):
        parameters = [p.detach().requires_grad_() for p in self._natural_params]
        normalizer = self._log_normalizer(*parameters)
        total = -self._mean_carrier_measure + normalizer
        for p, slope in zip(parameters, grad(normalizer.sum(), parameters, create_graph=True), strict=True):
            total = total - (p * slope).reshape(self._batch_shape + (-1,)).sum(-1)
        return total
