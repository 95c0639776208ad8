"""Transforms of numbers, vectors and matrices by one formula each, and of parts of a tensor by several."""

from __future__ import annotations

import math

from jtorch.core.facts import Size, finfo
from jtorch.core.ops.gather.joining import cat, stack
from jtorch.core.ops.make.create import eye, zeros_like
from jtorch.core.ops.matrix import linalg
from jtorch.core.ops.views.shape import broadcast_shapes
from jtorch.core.tensor import Tensor
from jtorch.distributions import constraints
from jtorch.distributions.transforms.chains import Transform, with_event_dims
from jtorch.distributions.utils import broadcast_all, sum_rightmost, tril_matrix_to_vec, vec_to_tril_matrix
from jtorch.nn.functional import pad, softmax, softplus


class _Elementwise(Transform):
    """A bijection of numbers without parameters: two of a kind are equal."""

    bijective = True
    sign = 1
    domain = codomain = constraints.real

    def __eq__(self, other):
        return type(other) is type(self)


class ExpTransform(_Elementwise):
    """exp(x)

    Args:
        cache_size: 1 keeps the last pair (x, y), so that inverting y gives that x; 0: no cache.

    >>> torch.distributions.transforms.ExpTransform()(torch.tensor(0.))
    tensor(1.)
    """

    codomain = constraints.positive

    def _call(self, x):
        return x.exp()

    def _inverse(self, y):
        return y.log()

    def log_abs_det_jacobian(self, x, y):
        return x


class PowerTransform(Transform):
    """x^exponent, for x > 0

    Args:
        exponent: the power, not 0.
        cache_size: 1 keeps the last pair (x, y), so that inverting y gives that x; 0: no cache.

    >>> torch.distributions.transforms.PowerTransform(torch.tensor(2.))(torch.tensor(3.))
    tensor(9.)
    """

    bijective = True
    domain = codomain = constraints.positive

    def __init__(self, exponent, cache_size=0):
        super().__init__(cache_size)
        (self.exponent,) = broadcast_all(exponent)

    def with_cache(self, cache_size=1):
        return self if self._cache_size == cache_size else PowerTransform(self.exponent, cache_size)

    @property
    def sign(self):
        return self.exponent.sign()

    def __eq__(self, other):
        return isinstance(other, PowerTransform) and self.exponent.eq(other.exponent).all().item()

    def _call(self, x):
        return x.pow(self.exponent)

    def _inverse(self, y):
        return y.pow(1 / self.exponent)

    def log_abs_det_jacobian(self, x, y):
        return (self.exponent * y / x).abs().log()

    def forward_shape(self, shape):
        return Size(_shape_with(shape, self.exponent))

    inverse_shape = forward_shape


def _shape_with(shape, *tensors):
    from_shapes = [tuple(t.shape) if isinstance(t, Tensor) else () for t in tensors]
    return broadcast_shapes(tuple(shape), *from_shapes)


class SigmoidTransform(_Elementwise):
    """1 / (1 + exp(-x))

    Args:
        cache_size: 1 keeps the last pair (x, y), so that inverting y gives that x; 0: no cache.

    >>> torch.distributions.transforms.SigmoidTransform()(torch.tensor(0.))
    tensor(0.5000)
    """

    codomain = constraints.unit_interval

    def _call(self, x):
        y, limits = x.sigmoid(), finfo(x.dtype)
        return y.clamp(min=limits.tiny, max=1.0 - limits.eps)

    def _inverse(self, y):
        limits = finfo(y.dtype)
        y = y.clamp(min=limits.tiny, max=1.0 - limits.eps)
        return y.log() - (-y).log1p()

    def log_abs_det_jacobian(self, x, y):
        return -softplus(-x) - softplus(x)


class SoftplusTransform(_Elementwise):
    """log(1 + exp(x))

    Args:
        cache_size: 1 keeps the last pair (x, y), so that inverting y gives that x; 0: no cache.

    >>> torch.distributions.transforms.SoftplusTransform()(torch.tensor(0.))
    tensor(0.6931)
    """

    codomain = constraints.positive

    def _call(self, x):
        return softplus(x)

    def _inverse(self, y):
        return (-y).expm1().neg().log() + y

    def log_abs_det_jacobian(self, x, y):
        return -softplus(-x)


class TanhTransform(_Elementwise):
    """tanh(x)

    Args:
        cache_size: 1 keeps the last pair (x, y), so that inverting y gives that x; 0: no cache.

    >>> torch.distributions.transforms.TanhTransform().inv(torch.tensor(0.5))
    tensor(0.5493)
    """

    codomain = constraints.interval(-1.0, 1.0)

    def _call(self, x):
        return x.tanh()

    def _inverse(self, y):
        return y.atanh()

    def log_abs_det_jacobian(self, x, y):
        return 2.0 * (math.log(2.0) - x - softplus(-2.0 * x))


class AbsTransform(Transform):
    """|x|

    Args:
        cache_size: 1 keeps the last pair (x, y), so that inverting y gives that x; 0: no cache.

    >>> torch.distributions.transforms.AbsTransform()(torch.tensor(-2.))
    tensor(2.)
    """

    domain, codomain = constraints.real, constraints.positive

    def __eq__(self, other):
        return isinstance(other, AbsTransform)

    def _call(self, x):
        return x.abs()

    def _inverse(self, y):
        return y


class AffineTransform(Transform):
    """loc + scale x

    Args:
        loc: added.
        scale: the factor, not 0.
        event_dim: how many of the last dimensions make one value.
        cache_size: 1 keeps the last pair (x, y), so that inverting y gives that x; 0: no cache.

    >>> torch.distributions.transforms.AffineTransform(1., 2.)(torch.tensor(3.))
    tensor(7.)
    """

    bijective = True

    def __init__(self, loc, scale, event_dim=0, cache_size=0):
        super().__init__(cache_size)
        self.loc, self.scale, self._event_dim = loc, scale, event_dim

    event_dim = property(lambda self: self._event_dim)

    @property
    def domain(self):
        return with_event_dims(constraints.real, self.event_dim)

    codomain = domain

    def with_cache(self, cache_size=1):
        if self._cache_size == cache_size:
            return self
        return AffineTransform(self.loc, self.scale, self.event_dim, cache_size)

    def __eq__(self, other):
        if not isinstance(other, AffineTransform):
            return False
        pairs = ((self.loc, other.loc), (self.scale, other.scale))
        return all(bool((a == b).all()) if isinstance(a == b, Tensor) else a == b for a, b in pairs)

    @property
    def sign(self):
        if isinstance(self.scale, int | float):
            return int(self.scale > 0) - int(self.scale < 0)
        return self.scale.sign()

    def _call(self, x):
        return self.loc + self.scale * x

    def _inverse(self, y):
        return (y - self.loc) / self.scale

    def log_abs_det_jacobian(self, x, y):
        if isinstance(self.scale, int | float):
            whole = zeros_like(x) + math.log(abs(self.scale))
        else:
            whole = self.scale.abs().log()
        if self.event_dim:
            whole = whole.expand(x.shape) if isinstance(self.scale, int | float) else whole
            whole = whole.view(whole.size()[: -self.event_dim] + (-1,)).sum(-1)
            return whole.expand(x.shape[: -self.event_dim])
        return whole.expand(x.shape)

    def forward_shape(self, shape):
        return Size(_shape_with(shape, self.loc, self.scale))

    inverse_shape = forward_shape


class CorrCholeskyTransform(Transform):
    """A vector as the Cholesky factor of a correlation matrix: its rows by stick breaking of tanh(x)².

    Args:
        cache_size: 1 keeps the last pair (x, y), so that inverting y gives that x; 0: no cache.

    >>> torch.distributions.transforms.CorrCholeskyTransform()(torch.zeros(3))
    tensor([[1., 0., 0.],
            [0., 1., 0.],
            [0., 0., 1.]])
    """

    domain, codomain = constraints.real_vector, constraints.corr_cholesky
    bijective = True

    def _call(self, x):
        eps = finfo(x.dtype).eps
        parts = vec_to_tril_matrix(x.tanh().clamp(min=-1 + eps, max=1 - eps), diag=-1)
        left = (1 - parts**2).sqrt().cumprod(-1)
        whole = parts + eye(parts.shape[-1], dtype=parts.dtype, device=parts.device)
        return whole * pad(left[..., :-1], [1, 0], value=1)

    def _inverse(self, y):
        left = 1 - (y * y).cumsum(dim=-1)
        before = pad(left[..., :-1], [1, 0], value=1)
        t = tril_matrix_to_vec(y, diag=-1) / tril_matrix_to_vec(before, diag=-1).sqrt()
        return (t.log1p() - t.neg().log1p()) / 2

    def log_abs_det_jacobian(self, x, y, intermediates=None):
        left = 1 - (y * y).cumsum(dim=-1)
        sticks = 0.5 * tril_matrix_to_vec(left, diag=-2).log().sum(-1)
        return sticks - 2 * (x + softplus(-2 * x) - math.log(2.0)).sum(dim=-1)

    def forward_shape(self, shape):
        if len(shape) < 1:
            raise ValueError("Too few dimensions on input")
        n = shape[-1]
        size = round((0.25 + 2 * n) ** 0.5 + 0.5)
        if size * (size - 1) // 2 != n:
            raise ValueError("Input is not a flattened lower-diagonal number")
        return shape[:-1] + (size, size)

    def inverse_shape(self, shape):
        if len(shape) < 2:
            raise ValueError("Too few dimensions on input")
        if shape[-2] != shape[-1]:
            raise ValueError("Input is not square")
        return shape[:-2] + (shape[-1] * (shape[-1] - 1) // 2,)


class SoftmaxTransform(Transform):
    """softmax(x), whose inverse is log(y): no bijection.

    Args:
        cache_size: 1 keeps the last pair (x, y), so that inverting y gives that x; 0: no cache.

    >>> torch.distributions.transforms.SoftmaxTransform()(torch.zeros(2))
    tensor([0.5000, 0.5000])
    """

    domain, codomain = constraints.real_vector, constraints.simplex

    def __eq__(self, other):
        return isinstance(other, SoftmaxTransform)

    def _call(self, x):
        return softmax(x, -1)

    def _inverse(self, y):
        return y.log()

    def forward_shape(self, shape):
        if len(shape) < 1:
            raise ValueError("Too few dimensions on input")
        return shape

    inverse_shape = forward_shape


class StickBreakingTransform(Transform):
    """A vector as a point of the simplex: each coordinate breaks a share off what is left.

    Args:
        cache_size: 1 keeps the last pair (x, y), so that inverting y gives that x; 0: no cache.

    >>> torch.distributions.transforms.StickBreakingTransform()(torch.zeros(1))
    tensor([0.5000, 0.5000])
    """

    domain, codomain = constraints.real_vector, constraints.simplex
    bijective = True

    def __eq__(self, other):
        return isinstance(other, StickBreakingTransform)

    def _offsets(self, x):
        count = x.shape[-1] + 1 - x.new_ones(x.shape[-1]).cumsum(-1)
        return x - count.log()

    def _call(self, x):
        share = _sigmoid(self._offsets(x))
        left = (1 - share).cumprod(-1)
        return pad(share, [0, 1], value=1) * pad(left, [1, 0], value=1)

    def _inverse(self, y):
        cropped = y[..., :-1]
        count = y.shape[-1] - cropped.new_ones(cropped.shape[-1]).cumsum(-1)
        left = (1 - cropped.cumsum(-1)).clamp(min=finfo(y.dtype).tiny)
        return cropped.log() - left.log() + count.log()

    def log_abs_det_jacobian(self, x, y):
        steps = self._offsets(x)
        return (-steps + -softplus(-steps) + y[..., :-1].log()).sum(-1)

    def forward_shape(self, shape):
        if len(shape) < 1:
            raise ValueError("Too few dimensions on input")
        return shape[:-1] + (shape[-1] + 1,)

    def inverse_shape(self, shape):
        if len(shape) < 1:
            raise ValueError("Too few dimensions on input")
        return shape[:-1] + (shape[-1] - 1,)


def _sigmoid(x):
    limits = finfo(x.dtype)
    return x.sigmoid().clamp(min=limits.tiny, max=1.0 - limits.eps)


class LowerCholeskyTransform(Transform):
    """A matrix as a lower triangle with a positive diagonal.

    Args:
        cache_size: 1 keeps the last pair (x, y), so that inverting y gives that x; 0: no cache.

    >>> torch.distributions.transforms.LowerCholeskyTransform()(torch.zeros(2, 2))
    tensor([[1., 0.],
            [0., 1.]])
    """

    domain, codomain = constraints.independent(constraints.real, 2), constraints.lower_cholesky

    def __eq__(self, other):
        return isinstance(other, LowerCholeskyTransform)

    def _call(self, x):
        return x.tril(-1) + x.diagonal(dim1=-2, dim2=-1).exp().diag_embed()

    def _inverse(self, y):
        return y.tril(-1) + y.diagonal(dim1=-2, dim2=-1).log().diag_embed()


class PositiveDefiniteTransform(Transform):
    """A matrix as a positive definite one: L Lᵀ for the L of `LowerCholeskyTransform`.

    Args:
        cache_size: 1 keeps the last pair (x, y), so that inverting y gives that x; 0: no cache.

    >>> torch.distributions.transforms.PositiveDefiniteTransform()(torch.zeros(2, 2))
    tensor([[1., 0.],
            [0., 1.]])
    """

    domain, codomain = constraints.independent(constraints.real, 2), constraints.positive_definite

    def __eq__(self, other):
        return isinstance(other, PositiveDefiniteTransform)

    def _call(self, x):
        low = LowerCholeskyTransform()(x)
        return low @ low.mT

    def _inverse(self, y):
        return LowerCholeskyTransform().inv(linalg.cholesky(y))


class _OfParts(Transform):
    """Transforms of parts of the argument along a dim."""

    def __init__(self, tseq, dim=0, cache_size=0):
        if not all(isinstance(t, Transform) for t in tseq):
            raise AssertionError("All elements of tseq must be Transform instances")
        super().__init__(cache_size)
        self.transforms = [t.with_cache(cache_size) for t in tseq] if cache_size else list(tseq)
        self.dim = dim

    @property
    def bijective(self):
        return all(t.bijective for t in self.transforms)

    def _mapped(self, fn, *tensors):
        return [fn(t, *parts) for t, *parts in zip(self.transforms, *map(self._parts, tensors), strict=True)]


class CatTransform(_OfParts):
    """Transforms of parts of given lengths, put together again.

    Args:
        tseq: the transforms.
        dim: the dimension along which the parts lie.
        lengths: the length of each part; None: 1 each.
        cache_size: 1 keeps the last pair (x, y), so that inverting y gives that x; 0: no cache.

    >>> exp, power = torch.distributions.ExpTransform(), torch.distributions.PowerTransform(torch.tensor(2.))
    >>> torch.distributions.transforms.CatTransform([exp, power])(torch.tensor([0., 3.]))
    tensor([1., 9.])
    """

    def __init__(self, tseq, dim=0, lengths=None, cache_size=0):
        super().__init__(tseq, dim, cache_size)
        self.lengths = [1] * len(self.transforms) if lengths is None else list(lengths)
        if len(self.lengths) != len(self.transforms):
            raise AssertionError(f"lengths ({len(self.lengths)}) must match transforms ({len(self.transforms)})")

    event_dim = property(lambda self: max(t.event_dim for t in self.transforms))
    length = property(lambda self: sum(self.lengths))
    domain = property(lambda self: constraints.cat([t.domain for t in self.transforms], self.dim, self.lengths))
    codomain = property(lambda self: constraints.cat([t.codomain for t in self.transforms], self.dim, self.lengths))

    def with_cache(self, cache_size=1):
        if self._cache_size == cache_size:
            return self
        return CatTransform(self.transforms, self.dim, self.lengths, cache_size)

    def _parts(self, x):
        if x.size(self.dim) != self.length:
            raise AssertionError(f"x.size({self.dim}) = {x.size(self.dim)} must equal length {self.length}")
        return x.split(self.lengths, self.dim)

    def _call(self, x):
        return cat(self._mapped(lambda t, x: t(x), x), self.dim)

    def _inverse(self, y):
        return cat(self._mapped(lambda t, y: t.inv(y), y), self.dim)

    def log_abs_det_jacobian(self, x, y):
        each = self._mapped(
            lambda t, x, y: sum_rightmost(t.log_abs_det_jacobian(x, y), self.event_dim - t.event_dim), x, y
        )
        dim = (self.dim - x.dim() if self.dim >= 0 else self.dim) + self.event_dim
        return cat(each, dim) if dim < 0 else sum(each)


class StackTransform(_OfParts):
    """A transform for each entry of a dim.

    Args:
        tseq: the transforms.
        dim: the dimension, of size len(tseq).
        cache_size: 1 keeps the last pair (x, y), so that inverting y gives that x; 0: no cache.

    >>> exp, power = torch.distributions.ExpTransform(), torch.distributions.PowerTransform(torch.tensor(2.))
    >>> torch.distributions.transforms.StackTransform([exp, power])(torch.tensor([0., 3.]))
    tensor([1., 9.])
    """

    domain = property(lambda self: constraints.stack([t.domain for t in self.transforms], self.dim))
    codomain = property(lambda self: constraints.stack([t.codomain for t in self.transforms], self.dim))

    def with_cache(self, cache_size=1):
        return self if self._cache_size == cache_size else StackTransform(self.transforms, self.dim, cache_size)

    def _parts(self, x):
        if x.size(self.dim) != len(self.transforms):
            raise AssertionError(
                f"x.size({self.dim}) = {x.size(self.dim)} must equal len(transforms) {len(self.transforms)}"
            )
        return x.unbind(self.dim)

    def _call(self, x):
        return stack(self._mapped(lambda t, x: t(x), x), self.dim)

    def _inverse(self, y):
        return stack(self._mapped(lambda t, y: t.inv(y), y), self.dim)

    def log_abs_det_jacobian(self, x, y):
        return stack(self._mapped(lambda t, x, y: t.log_abs_det_jacobian(x, y), x, y), self.dim)


class CumulativeDistributionTransform(Transform):
    """The distribution function of a distribution of numbers.

    Args:
        distribution: the distribution.
        cache_size: 1 keeps the last pair (x, y), so that inverting y gives that x; 0: no cache.

    >>> normal = torch.distributions.Normal(0., 1.)
    >>> torch.distributions.CumulativeDistributionTransform(normal)(torch.tensor(0.))
    tensor(0.5000)
    """

    bijective = True
    codomain = constraints.unit_interval
    sign = 1

    def __init__(self, distribution, cache_size=0):
        super().__init__(cache_size)
        self.distribution = distribution

    domain = property(lambda self: self.distribution.support)

    def with_cache(self, cache_size=1):
        if self._cache_size == cache_size:
            return self
        return CumulativeDistributionTransform(self.distribution, cache_size)

    def _call(self, x):
        return self.distribution.cdf(x)

    def _inverse(self, y):
        return self.distribution.icdf(y)

    def log_abs_det_jacobian(self, x, y):
        return self.distribution.log_prob(x)
