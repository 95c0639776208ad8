"""`VonMises`."""

from __future__ import annotations

import math

import jax.numpy as jnp
import jax.scipy.special as jsp

from jtorch.core.facts import dtypes
from jtorch.core.grad import no_grad
from jtorch.core.op import Array, op
from jtorch.core.ops.arithmetic.logic import where
from jtorch.core.ops.make.create import empty
from jtorch.core.ops.make.random import rand
from jtorch.distributions import constraints
from jtorch.distributions.distribution import Distribution
from jtorch.distributions.utils import broadcast_all, lazy_property


@op(name="log_modified_bessel", behind="distributions.VonMises", promote=True)
def _log_bessel(input: Array, order: int) -> Array:
    """log(I(input)), which does not overflow."""
    return input + jnp.log(jsp.i0e(input) if order == 0 else jsp.i1e(input))


class VonMises(Distribution):
    """An angle, with a density proportional to exp(concentration cos(x - loc)).

    Args:
        loc: the mean, in radians.
        concentration: 1 / variance for large values; positive.
        validate_args: check the parameters and the values given to `log_prob` and `cdf`; None: the default, on.

    >>> torch.distributions.VonMises(torch.tensor(1.), torch.tensor(2.)).mean
    tensor(1.)
    """

    arg_constraints = {"loc": constraints.real, "concentration": constraints.positive}
    support = constraints.real
    has_rsample = False

    def __init__(self, loc, concentration, validate_args=None):
        self.loc, self.concentration = broadcast_all(loc, concentration)
        super().__init__(self.loc.shape, validate_args=validate_args)

    @property
    def mean(self):
        return self.loc

    mode = mean

    @lazy_property
    def variance(self):
        return 1 - (_log_bessel(self.concentration, 1) - _log_bessel(self.concentration, 0)).exp()

    def log_prob(self, value):
        if self._validate_args:
            self._validate_sample(value)
        around = self.concentration * (value - self.loc).cos()
        return around - math.log(2 * math.pi) - _log_bessel(self.concentration, 0)

    @lazy_property
    def _concentration(self):
        return self.concentration.to(dtypes.float64)

    @lazy_property
    def _proposal_r(self):
        """The parameter of the wrapped Cauchy distribution that samples are proposed from (Best and Fisher, 1979)."""
        k = self._concentration
        tau = 1 + (1 + 4 * k**2).sqrt()
        rho = (tau - (2 * tau).sqrt()) / (2 * k)
        return where(k < 1e-5, 1 / k + k, (1 + rho**2) / (2 * rho))

    def sample(self, sample_shape=()):
        shape = self._extended_shape(sample_shape)
        with no_grad():
            loc, k, r = [x.expand(shape) for x in (self.loc.to(dtypes.float64), self._concentration, self._proposal_r)]
            x = empty(shape, dtype=dtypes.float64, device=self.loc.device)
            done = x.new_zeros(shape, dtype=dtypes.bool_)
            while not done.all():
                u1, u2, u3 = rand((3, *shape), dtype=dtypes.float64, device=self.loc.device).unbind()
                z = (math.pi * u1).cos()
                f = (1 + r * z) / (r + z)
                c = k * (r - f)
                accept = ((c * (2 - c) - u2) > 0) | ((c / u2).log() + 1 - c >= 0)
                x = where(accept, (u3 - 0.5).sign() * f.acos(), x)
                done = done | accept
            return ((x + math.pi + loc) % (2 * math.pi) - math.pi).to(self.loc.dtype)

    def expand(self, batch_shape, _instance=None):
        loc, concentration = self.loc.expand(batch_shape), self.concentration.expand(batch_shape)
        return type(self)(loc, concentration, validate_args=False)
