"""`Wishart`."""

from __future__ import annotations

import math
import warnings

from jtorch.core.facts import Size, finfo
from jtorch.core.op import common_shape
from jtorch.core.ops.make.create import arange
from jtorch.core.ops.make.random import randn
from jtorch.core.ops.matrix import linalg
from jtorch.core.ops.views.diagonal import tril_indices
from jtorch.core.tensor import Tensor, tensor
from jtorch.distributions import constraints
from jtorch.distributions.chi2 import Chi2
from jtorch.distributions.exp_family import ExponentialFamily
from jtorch.distributions.utils import half_log_det, lazy_property

_GIVEN = ("covariance_matrix", "precision_matrix", "scale_tril")


class Wishart(ExponentialFamily):
    """The sum of x xᵀ over df normal vectors x of this covariance.

    Args:
        df: more than D - 1.
        covariance_matrix: (*, D, D), positive definite. Give one of the three.
        precision_matrix: its inverse.
        scale_tril: its Cholesky factor.
        validate_args: check the parameters and the values given to `log_prob` and `cdf`; None: the default, on.

    >>> torch.distributions.Wishart(torch.tensor(3.), torch.eye(2)).mean
    tensor([[3., 0.],
            [0., 3.]])
    """

    arg_constraints = {
        "covariance_matrix": constraints.positive_definite,
        "precision_matrix": constraints.positive_definite,
        "scale_tril": constraints.lower_cholesky,
        "df": constraints.greater_than(0),
    }
    support = constraints.positive_definite
    has_rsample = True
    _mean_carrier_measure = 0

    def __init__(self, df, covariance_matrix=None, precision_matrix=None, scale_tril=None, validate_args=None):
        matrices = (covariance_matrix, precision_matrix, scale_tril)
        if sum(m is not None for m in matrices) != 1:
            raise ValueError("Exactly one of covariance_matrix or precision_matrix or scale_tril may be specified.")
        name, matrix = next((n, m) for n, m in zip(_GIVEN, matrices, strict=True) if m is not None)
        if matrix.dim() < 2:
            raise ValueError("scale_tril must be at least two-dimensional, with optional leading batch dimensions")
        df = df if isinstance(df, Tensor) else tensor(df, dtype=matrix.dtype, device=matrix.device)
        batch, event = Size(common_shape(tuple(matrix.shape[:-2]), tuple(df.shape))), matrix.shape[-2:]
        self.df = df.expand(batch)
        vars(self)[name] = matrix.expand(batch + event)
        if (self.df <= event[-1] - 1).any():
            raise ValueError(f"Value of df={df} expected to be greater than ndim - 1 = {event[-1] - 1}.")
        super().__init__(batch, event, validate_args=validate_args)
        if (self.df < event[-1]).any():
            warnings.warn(
                "Low df values detected. Singular samples are highly likely to occur for ndim - 1 < df < ndim.",
                stacklevel=2,
            )
        steps = arange(event[-1], dtype=matrix.dtype, device=matrix.device)
        self._dist_chi2 = Chi2(self.df.unsqueeze(-1) - steps.expand((*batch, -1)))

    def expand(self, batch_shape, _instance=None):
        batch = Size(batch_shape)
        return Wishart(
            self.df.expand(batch), scale_tril=self.scale_tril.expand(batch + self._event_shape), validate_args=False
        )

    @lazy_property
    def scale_tril(self):
        if "covariance_matrix" in vars(self):
            return linalg.cholesky(self.covariance_matrix)
        upper = linalg.cholesky(self.precision_matrix.flip(-2, -1)).flip(-2, -1).mT
        one = self.precision_matrix.new_ones(self._event_shape[-1]).diag()
        return linalg.solve_triangular(upper, one.expand_as(upper), upper=False)

    @lazy_property
    def covariance_matrix(self):
        return self.scale_tril @ self.scale_tril.mT

    @lazy_property
    def precision_matrix(self):
        return linalg.inv(self.covariance_matrix)

    @property
    def mean(self):
        return self.df.unsqueeze(-1).unsqueeze(-1) * self.covariance_matrix

    @property
    def mode(self):
        factor = self.df - self.covariance_matrix.shape[-1] - 1
        factor = factor.masked_fill(factor <= 0, math.nan)
        return factor.unsqueeze(-1).unsqueeze(-1) * self.covariance_matrix

    @property
    def variance(self):
        v = self.covariance_matrix
        diagonal = v.diagonal(dim1=-2, dim2=-1)
        squares = diagonal.unsqueeze(-1) * diagonal.unsqueeze(-2)
        return self.df.unsqueeze(-1).unsqueeze(-1) * (v.pow(2) + squares)

    def _bartlett(self, sample_shape):
        """L A (L A)ᵀ for a lower triangle A with the roots of chi-squares on its diagonal."""
        p = self._event_shape[-1]
        noise = (
            self._dist_chi2.rsample(sample_shape)
            .clamp(min=finfo(self.scale_tril.dtype).tiny)
            .sqrt()
            .diag_embed(dim1=-2, dim2=-1)
        )
        rows, columns = tril_indices(p, p, -1)
        noise[..., rows, columns] = randn(
            (*tuple(sample_shape), *self._batch_shape, p * (p - 1) // 2), dtype=noise.dtype, device=noise.device
        )
        chol = self.scale_tril @ noise
        return chol @ chol.mT

    def rsample(self, sample_shape=(), max_try_correction=None):
        sample_shape = Size(sample_shape)
        sample = self._bartlett(sample_shape)
        # PyTorch means to draw singular samples again, but draws those again that are regular.
        again = self._all_of_batch(self.support.check(sample))
        if again.any():
            warnings.warn("Singular sample detected.", stacklevel=2)
            for _ in range(10 if max_try_correction is None else max_try_correction):
                fresh = self._bartlett(again[again].shape)
                sample[again] = fresh
                again[again.clone()] = self._all_of_batch(~self.support.check(fresh))
                if not again.any():
                    break
        return sample

    def _all_of_batch(self, marks):
        return marks.amax(tuple(range(-len(self._batch_shape), 0))) if self._batch_shape else marks

    def log_prob(self, value):
        if self._validate_args:
            self._validate_sample(value)
        nu, p = self.df, self._event_shape[-1]
        log_det = linalg.slogdet(value).logabsdet
        solved = _solved(self.scale_tril, value)
        trace = solved.diagonal(dim1=-2, dim2=-1).sum(dim=-1)
        norm = nu * (half_log_det(self.scale_tril) + p * math.log(2) / 2) + (nu / 2).mvlgamma(p)
        return -norm + (nu - p - 1) / 2 * log_det - trace / 2

    def entropy(self):
        nu, p = self.df, self._event_shape[-1]
        digammas = sum((nu / 2 - j / 2).digamma() for j in range(p))
        return (
            (p + 1) * (half_log_det(self.scale_tril) + p * math.log(2) / 2)
            + (nu / 2).mvlgamma(p)
            - (nu - p - 1) / 2 * digammas
            + nu * p / 2
        )


def _solved(scale_tril, value):
    """The inverse of scale_tril @ scale_trilᵀ times the value."""
    half = linalg.solve_triangular(scale_tril, value, upper=False)
    return linalg.solve_triangular(scale_tril.mT, half, upper=True)
