"""`LogisticNormal`."""

from __future__ import annotations

from jtorch.distributions import constraints
from jtorch.distributions.normal import Normal
from jtorch.distributions.transformed_distribution import TransformedDistribution
from jtorch.distributions.transforms import StickBreakingTransform


class LogisticNormal(TransformedDistribution):
    """A point of the simplex: `StickBreakingTransform` of normal numbers.

    Args:
        loc, scale: those of the normal numbers, (*, K - 1); a sample is (*, K).
        validate_args: check the parameters and the values given to `log_prob` and `cdf`; None: the default, on.

    >>> torch.distributions.LogisticNormal(torch.zeros(2), torch.ones(2)).sample().sum()
    tensor(1.)
    """

    arg_constraints = {"loc": constraints.real, "scale": constraints.positive}
    support = constraints.simplex
    has_rsample = True

    def __init__(self, loc, scale, validate_args=None):
        base = Normal(loc, scale, validate_args=validate_args)
        if not base.batch_shape:
            base = base.expand([1])
        super().__init__(base, StickBreakingTransform(), validate_args=validate_args)

    @property
    def loc(self):
        return self.base_dist.base_dist.loc

    @property
    def scale(self):
        return self.base_dist.base_dist.scale
