"""`LKJCholesky`."""

from __future__ import annotations

import math

from jtorch.core.facts import finfo
from jtorch.core.grad import no_grad
from jtorch.core.ops.gather.joining import cat
from jtorch.core.ops.make.create import arange
from jtorch.core.ops.make.random import randn
from jtorch.distributions import constraints
from jtorch.distributions.beta import Beta
from jtorch.distributions.distribution import Distribution
from jtorch.distributions.utils import broadcast_all


class LKJCholesky(Distribution):
    """The Cholesky factor of a correlation matrix whose density is proportional to its determinant^(concentration - 1).

    Args:
        dim: the size of the matrix, at least 2.
        concentration: 1: all correlation matrices are equally likely; larger: smaller correlations. Positive.
        validate_args: check the parameters and the values given to `log_prob` and `cdf`; None: the default, on.

    >>> torch.distributions.LKJCholesky(3, 0.5).sample().shape
    torch.Size([3, 3])
    """

    arg_constraints = {"concentration": constraints.positive}
    support = constraints.corr_cholesky

    def __init__(self, dim, concentration=1.0, validate_args=None):
        if dim < 2:
            raise ValueError(f"Expected dim to be an integer greater than or equal to 2. Found dim={dim}.")
        self.dim = dim
        (self.concentration,) = broadcast_all(concentration)
        marginal = self.concentration + 0.5 * (dim - 2)
        steps = arange(dim - 1, dtype=self.concentration.dtype, device=self.concentration.device)
        steps = _cat_zero(steps)
        self._beta = Beta(steps + 0.5, marginal.unsqueeze(-1) - 0.5 * steps)
        super().__init__(self.concentration.size(), (dim, dim), validate_args)

    def expand(self, batch_shape, _instance=None):
        return LKJCholesky(self.dim, self.concentration.expand(batch_shape), validate_args=False)

    def sample(self, sample_shape=()):
        with no_grad():
            y = self._beta.sample(sample_shape).unsqueeze(-1)
            shape = self._extended_shape(sample_shape)
            normal = randn(shape, dtype=y.dtype, device=y.device).tril(-1)
            sphere = normal / normal.norm(dim=-1, keepdim=True)
            sphere[..., 0, :].fill_(0.0)
            w = y.sqrt() * sphere
            eps = finfo(w.dtype).tiny
            diagonal = (1 - (w**2).sum(dim=-1)).clamp(min=eps).sqrt()
            return w + diagonal.diag_embed()

    def log_prob(self, value):
        if self._validate_args:
            self._validate_sample(value)
        diagonal = value.diagonal(dim1=-1, dim2=-2)[..., 1:]
        order = arange(2, self.dim + 1, device=self.concentration.device)
        order = 2 * (self.concentration - 1).unsqueeze(-1) + self.dim - order
        unnormalized = (order * diagonal.log()).sum(dim=-1)
        m = self.dim - 1
        alpha = self.concentration + 0.5 * m
        below = alpha.lgamma() * m
        above = (alpha - 0.5).mvlgamma(m)
        return unnormalized - (0.5 * m * math.log(math.pi) + above - below)


def _cat_zero(steps):
    """[0, *steps]"""
    return cat((steps.new_zeros((1,)), steps))
