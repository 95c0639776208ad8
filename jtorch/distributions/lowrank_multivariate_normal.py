"""`LowRankMultivariateNormal`."""

from __future__ import annotations

import math

from jtorch.core.op import common_shape
from jtorch.core.ops.make.random import randn
from jtorch.core.ops.matrix import linalg
from jtorch.core.ops.views.shape import broadcast_shapes
from jtorch.distributions import constraints
from jtorch.distributions.distribution import Distribution
from jtorch.distributions.utils import half_log_det, lazy_property


class LowRankMultivariateNormal(Distribution):
    """The normal distribution of vectors whose covariance is cov_factor @ cov_factorᵀ + diag(cov_diag).

    Args:
        loc: the mean, (*, D).
        cov_factor: (*, D, R).
        cov_diag: (*, D), positive.
        validate_args: check the parameters and the values given to `log_prob` and `cdf`; None: the default, on.

    >>> normal = torch.distributions.LowRankMultivariateNormal(torch.zeros(2), torch.eye(2)[:, :1], torch.ones(2))
    >>> normal.covariance_matrix
    tensor([[2., 0.],
            [0., 1.]])
    """

    arg_constraints = {
        "loc": constraints.real_vector,
        "cov_factor": constraints.independent(constraints.real, 2),
        "cov_diag": constraints.independent(constraints.positive, 1),
    }
    support = constraints.real_vector
    has_rsample = True

    def __init__(self, loc, cov_factor, cov_diag, validate_args=None):
        if loc.dim() < 1:
            raise ValueError("loc must be at least one-dimensional.")
        event = loc.shape[-1:]
        if cov_factor.dim() < 2:
            raise ValueError("cov_factor must be at least two-dimensional, with optional leading batch dimensions")
        if cov_factor.shape[-2:-1] != event:
            raise ValueError(f"cov_factor must be a batch of matrices with shape {event[0]} x m")
        if cov_diag.shape[-1:] != event:
            raise ValueError(f"cov_diag must be a batch of vectors with shape {event}")
        shapes = [tuple(loc.shape[:-1]), tuple(cov_factor.shape[:-2]), tuple(cov_diag.shape[:-1])]
        batch = broadcast_shapes(*shapes)
        self.loc, self.cov_diag = loc.expand((*batch, -1)), cov_diag.expand((*batch, -1))
        self.cov_factor = cov_factor.expand((*batch, *cov_factor.shape[-2:]))
        self._unbroadcasted_cov_factor, self._unbroadcasted_cov_diag = cov_factor, cov_diag
        self._capacitance_tril = _capacitance_tril(cov_factor, cov_diag)
        super().__init__(batch, event, validate_args=validate_args)

    def expand(self, batch_shape, _instance=None):
        batch = tuple(batch_shape)
        factor = self.cov_factor.expand((*batch, *self.cov_factor.shape[-2:]))
        return LowRankMultivariateNormal(
            self.loc.expand((*batch, -1)), factor, self.cov_diag.expand((*batch, -1)), validate_args=False
        )

    @property
    def mean(self):
        return self.loc

    mode = mean

    @lazy_property
    def variance(self):
        found = self._unbroadcasted_cov_factor.pow(2).sum(-1) + self._unbroadcasted_cov_diag
        return found.expand(self._batch_shape + self._event_shape)

    def _whole(self, matrix):
        return matrix.expand(self._batch_shape + self._event_shape + self._event_shape)

    @lazy_property
    def scale_tril(self):
        root = self._unbroadcasted_cov_diag.sqrt().unsqueeze(-1)
        scaled = self._unbroadcasted_cov_factor / root
        k = (scaled @ scaled.mT).contiguous()
        k = k + k.new_ones(k.shape[-1]).diag()
        return self._whole(root * linalg.cholesky(k))

    @lazy_property
    def covariance_matrix(self):
        factor = self._unbroadcasted_cov_factor
        return self._whole(factor @ factor.mT + self._unbroadcasted_cov_diag.diag_embed())

    @lazy_property
    def precision_matrix(self):
        scaled = self._unbroadcasted_cov_factor.mT / self._unbroadcasted_cov_diag.unsqueeze(-2)
        half = linalg.solve_triangular(self._capacitance_tril, scaled, upper=False)
        return self._whole(self._unbroadcasted_cov_diag.reciprocal().diag_embed() - half.mT @ half)

    def rsample(self, sample_shape=()):
        shape = self._extended_shape(sample_shape)
        settings = dict(dtype=self.loc.dtype, device=self.loc.device)
        along = randn(shape[:-1] + self.cov_factor.shape[-1:], **settings)
        across = randn(shape, **settings)
        moved = (self._unbroadcasted_cov_factor @ along.unsqueeze(-1)).squeeze(-1)
        return self.loc + moved + self._unbroadcasted_cov_diag.sqrt() * across

    def _log_det(self):
        return 2 * half_log_det(self._capacitance_tril) + self._unbroadcasted_cov_diag.log().sum(-1)

    def log_prob(self, value):
        if self._validate_args:
            self._validate_sample(value)
        distance = mahalanobis(
            self._unbroadcasted_cov_factor, self._unbroadcasted_cov_diag, value - self.loc, self._capacitance_tril
        )
        return -0.5 * (self._event_shape[0] * math.log(2 * math.pi) + self._log_det() + distance)

    def entropy(self):
        found = 0.5 * (self._event_shape[0] * (1.0 + math.log(2 * math.pi)) + self._log_det())
        return found if not self._batch_shape else found.expand(self._batch_shape)


def _capacitance_tril(factor, diag):
    """The Cholesky factor of 1 + Wᵀ D⁻¹ W."""
    scaled = factor.mT / diag.unsqueeze(-2)
    k = (scaled @ factor).contiguous()
    return linalg.cholesky(k + k.new_ones(k.shape[-1]).diag())


def mahalanobis(factor, diag, off, capacitance_tril):
    """offᵀ (W Wᵀ + D)⁻¹ off, by Woodbury's identity."""
    along = ((factor.mT / diag.unsqueeze(-2)) @ off.unsqueeze(-1)).squeeze(-1)
    batch = common_shape(tuple(capacitance_tril.shape[:-2]), tuple(along.shape[:-1]))
    low = capacitance_tril.expand((*batch, *capacitance_tril.shape[-2:]))
    half = linalg.solve_triangular(low, along.expand((*batch, along.shape[-1])).unsqueeze(-1), upper=False)
    return (off.pow(2) / diag).sum(-1) - half.pow(2).sum((-2, -1))
