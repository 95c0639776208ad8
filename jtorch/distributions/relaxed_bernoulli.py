"""`RelaxedBernoulli`."""

from __future__ import annotations

from jtorch.core.ops.make.random import rand
from jtorch.distributions import constraints
from jtorch.distributions.distribution import Distribution
from jtorch.distributions.transformed_distribution import TransformedDistribution
from jtorch.distributions.transforms import SigmoidTransform
from jtorch.distributions.utils import TwoClasses, broadcast_all, clamp_probs, probs_or_logits


class LogitRelaxedBernoulli(TwoClasses, Distribution):
    """The logit of `RelaxedBernoulli`: (logits + the logit of a uniform number) / temperature."""

    arg_constraints = {"probs": constraints.unit_interval, "logits": constraints.real}
    support = constraints.real

    def __init__(self, temperature, probs=None, logits=None, validate_args=None):
        self.temperature = temperature
        name, given = probs_or_logits(probs, logits)
        (vars(self)[name],) = broadcast_all(given)
        super().__init__(vars(self)[name].shape, validate_args=validate_args)

    def expand(self, batch_shape, _instance=None):
        given = {name: vars(self)[name].expand(batch_shape) for name in ("probs", "logits") if name in vars(self)}
        name = "probs" if "probs" in given else "logits"
        return LogitRelaxedBernoulli(self.temperature, validate_args=self._validate_args, **{name: given[name]})

    @property
    def param_shape(self):
        """The shape of the parameter that was given."""
        return self.probs.size()

    def rsample(self, sample_shape=()):
        shape = self._extended_shape(sample_shape)
        probs = clamp_probs(self.probs.expand(shape))
        uniforms = clamp_probs(rand(shape, dtype=probs.dtype, device=probs.device))
        noise = uniforms.log() - (-uniforms).log1p()
        return (noise + probs.log() - (-probs).log1p()) / self.temperature

    def log_prob(self, value):
        if self._validate_args:
            self._validate_sample(value)
        logits, value = broadcast_all(self.logits, value)
        off = logits - value.mul(self.temperature)
        temperature, off = broadcast_all(self.temperature, off)
        return temperature.log() + off - 2 * off.exp().log1p()


class RelaxedBernoulli(TransformedDistribution):
    """A number in [0, 1] that is nearly 0 or 1 at a low temperature, with a gradient by `probs` or `logits`.

    Args:
        temperature: positive.
        probs: the probability of 1 at temperature 0, in [0, 1]. Give either this or logits.
        logits: log(probs / (1 - probs)).
        validate_args: check the parameters and the values given to `log_prob` and `cdf`; None: the default, on.

    >>> torch.distributions.RelaxedBernoulli(torch.tensor(0.5), torch.tensor([0.2, 0.8])).rsample().shape
    torch.Size([2])
    """

    arg_constraints = {"probs": constraints.unit_interval, "logits": constraints.real}
    support = constraints.unit_interval
    has_rsample = True

    def __init__(self, temperature, probs=None, logits=None, validate_args=None):
        base = LogitRelaxedBernoulli(temperature, probs, logits)
        super().__init__(base, SigmoidTransform(), validate_args=validate_args)

    @property
    def temperature(self):
        return self.base_dist.temperature

    @property
    def logits(self):
        return self.base_dist.logits

    @property
    def probs(self):
        return self.base_dist.probs
