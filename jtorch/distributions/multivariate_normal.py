"""`MultivariateNormal`."""

from __future__ import annotations

import math

from jtorch.core.facts import Size
from jtorch.core.op import common_shape
from jtorch.core.ops.make.random import randn
from jtorch.core.ops.matrix import linalg
from jtorch.distributions import constraints
from jtorch.distributions.distribution import Distribution
from jtorch.distributions.utils import half_log_det, lazy_property

_GIVEN = ("covariance_matrix", "precision_matrix", "scale_tril")


class MultivariateNormal(Distribution):
    """The normal distribution of vectors. Give the covariance, its inverse, or its Cholesky factor.

    Args:
        loc: the mean, (*, D).
        covariance_matrix: (*, D, D), positive definite.
        precision_matrix: the inverse of the covariance.
        scale_tril: the Cholesky factor of the covariance.
        validate_args: check the parameters and the values given to `log_prob` and `cdf`; None: the default, on.

    >>> normal = torch.distributions.MultivariateNormal(torch.zeros(2), torch.eye(2))
    >>> normal.log_prob(torch.zeros(2))
    tensor(-1.8379)
    """

    arg_constraints = {
        "loc": constraints.real_vector,
        "covariance_matrix": constraints.positive_definite,
        "precision_matrix": constraints.positive_definite,
        "scale_tril": constraints.lower_cholesky,
    }
    support = constraints.real_vector
    has_rsample = True

    def __init__(self, loc, covariance_matrix=None, precision_matrix=None, scale_tril=None, validate_args=None):
        if loc.dim() < 1:
            raise ValueError("loc must be at least one-dimensional.")
        matrices = (covariance_matrix, precision_matrix, scale_tril)
        if sum(m is not None for m in matrices) != 1:
            raise ValueError("Exactly one of covariance_matrix or precision_matrix or scale_tril may be specified.")
        name, matrix = next((n, m) for n, m in zip(_GIVEN, matrices, strict=True) if m is not None)
        if matrix.dim() < 2:
            raise ValueError(f"{name} must be at least two-dimensional, with optional leading batch dimensions")
        batch = common_shape(tuple(matrix.shape[:-2]), tuple(loc.shape[:-1]))
        vars(self)[name] = matrix.expand((*batch, -1, -1))
        self.loc = loc.expand((*batch, -1))
        super().__init__(batch, self.loc.shape[-1:], validate_args)

    @lazy_property
    def scale_tril(self):
        if "covariance_matrix" in vars(self):
            return linalg.cholesky(self.covariance_matrix)
        # The factor of the inverse, from the factor of the precision matrix with rows and columns in reverse order.
        upper = linalg.cholesky(self.precision_matrix.flip(-2, -1)).flip(-2, -1).mT
        one = self.precision_matrix.new_ones(self.loc.shape[-1]).diag()
        return linalg.solve_triangular(upper, one.expand_as(upper), upper=False)

    @lazy_property
    def covariance_matrix(self):
        return self.scale_tril @ self.scale_tril.mT

    @lazy_property
    def precision_matrix(self):
        return linalg.inv(self.covariance_matrix)

    @property
    def mean(self):
        return self.loc

    mode = mean

    @property
    def variance(self):
        return self.scale_tril.pow(2).sum(-1).expand(self._batch_shape + self._event_shape)

    def rsample(self, sample_shape=()):
        shape = self._extended_shape(sample_shape)
        steps = randn(shape, dtype=self.loc.dtype, device=self.loc.device)
        return self.loc + (self.scale_tril @ steps.unsqueeze(-1)).squeeze(-1)

    def log_prob(self, value):
        if self._validate_args:
            self._validate_sample(value)
        off = (value - self.loc).unsqueeze(-1)
        shape = Size(common_shape(tuple(self.scale_tril.shape[:-2]), tuple(off.shape[:-2])))
        factor = self.scale_tril.expand(shape + self.scale_tril.shape[-2:])
        distance = linalg.solve_triangular(factor, off.expand(shape + off.shape[-2:]), upper=False).pow(2).sum((-2, -1))
        return -0.5 * (self._event_shape[0] * math.log(2 * math.pi) + distance) - half_log_det(self.scale_tril)

    def entropy(self):
        return 0.5 * self._event_shape[0] * (1 + math.log(2 * math.pi)) + half_log_det(self.scale_tril)
