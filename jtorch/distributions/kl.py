"""`kl_divergence`: the Kullback-Leibler divergence of two distributions, from formulas registered for pairs of classes."""

from __future__ import annotations

import math

from jtorch.core.ops.arithmetic.special import xlogy
from jtorch.core.ops.matrix import linalg
from jtorch.distributions.bernoulli import Bernoulli
from jtorch.distributions.beta import Beta
from jtorch.distributions.binomial import Binomial
from jtorch.distributions.categorical import Categorical
from jtorch.distributions.cauchy import Cauchy
from jtorch.distributions.continuous_bernoulli import ContinuousBernoulli
from jtorch.distributions.dirichlet import Dirichlet
from jtorch.distributions.distribution import Distribution
from jtorch.distributions.exponential import Exponential
from jtorch.distributions.gamma import Gamma
from jtorch.distributions.geometric import Geometric
from jtorch.distributions.gumbel import Gumbel
from jtorch.distributions.half_normal import HalfNormal
from jtorch.distributions.independent import Independent
from jtorch.distributions.laplace import Laplace
from jtorch.distributions.lowrank_multivariate_normal import LowRankMultivariateNormal
from jtorch.distributions.multivariate_normal import MultivariateNormal
from jtorch.distributions.normal import Normal
from jtorch.distributions.one_hot_categorical import OneHotCategorical
from jtorch.distributions.pareto import Pareto
from jtorch.distributions.poisson import Poisson
from jtorch.distributions.transformed_distribution import TransformedDistribution
from jtorch.distributions.uniform import Uniform
from jtorch.distributions.utils import half_log_det, sum_rightmost
from jtorch.distributions.wishart import Wishart
from jtorch.nn.functional import softplus

_EULER_GAMMA = 0.57721566490153286060
_formulas: dict = {}


def register_kl(type_p, type_q):
    """Decorate a function of (p, q): it computes the divergence for these classes and their subclasses."""
    for given, name in ((type_p, "type_p"), (type_q, "type_q")):
        if not isinstance(given, type) and issubclass(given, Distribution):
            raise TypeError(f"Expected {name} to be a Distribution subclass but got {given}")

    def registered(fn):
        _formulas[type_p, type_q] = fn
        return fn

    return registered


def kl_divergence(p, q):
    """∫ p log(p / q), in closed form.

    Raises:
        NotImplementedError: no formula for this pair.

    >>> p, q = torch.distributions.Normal(0., 1.), torch.distributions.Normal(1., 2.)
    >>> torch.distributions.kl_divergence(p, q)
    tensor(0.4431)
    """
    for a in type(p).__mro__:
        for b in type(q).__mro__:
            if (a, b) in _formulas:
                return _formulas[a, b](p, q)
    raise NotImplementedError(
        f"No KL(p || q) is implemented for p type {p.__class__.__name__} and q type {q.__class__.__name__}"
    )


@register_kl(Normal, Normal)
def _kl_normal_normal(p, q):
    ratio = (p.scale / q.scale).pow(2)
    return 0.5 * (ratio + ((p.loc - q.loc) / q.scale).pow(2) - 1 - ratio.log())


@register_kl(Laplace, Laplace)
def _kl_laplace_laplace(p, q):
    ratio, off = p.scale / q.scale, (p.loc - q.loc).abs()
    return -ratio.log() + off / q.scale + ratio * (-off / p.scale).exp() - 1


@register_kl(Exponential, Exponential)
def _kl_exponential_exponential(p, q):
    ratio = q.rate / p.rate
    return ratio - 1 - ratio.log()


@register_kl(Poisson, Poisson)
def _kl_poisson_poisson(p, q):
    return p.rate * (p.rate.log() - q.rate.log()) - (p.rate - q.rate)


@register_kl(Uniform, Uniform)
def _kl_uniform_uniform(p, q):
    outside = (q.low > p.low) | (q.high < p.high)
    return ((q.high - q.low) / (p.high - p.low)).log().masked_fill(outside, math.inf)


@register_kl(Normal, Uniform)
@register_kl(Laplace, Uniform)
@register_kl(Exponential, Uniform)
def _kl_unbounded_uniform(p, q):
    return (p.mean + q.low) * 0 + math.inf


@register_kl(Uniform, Normal)
def _kl_uniform_normal(p, q):
    width, middle = p.high - p.low, (p.high + p.low - 2 * q.loc) / 2
    return (math.sqrt(2 * math.pi) * q.scale / width).log() + (width.pow(2) / 12 + middle.pow(2)) / (2 * q.scale.pow(2))


@register_kl(Bernoulli, Bernoulli)
def _kl_bernoulli_bernoulli(p, q):
    one = p.probs * (softplus(-q.logits) - softplus(-p.logits))
    one = one.masked_fill(q.probs == 0, math.inf).masked_fill(p.probs == 0, 0)
    none = (1 - p.probs) * (softplus(q.logits) - softplus(p.logits))
    return one + none.masked_fill(q.probs == 1, math.inf).masked_fill(p.probs == 1, 0)


@register_kl(Categorical, Categorical)
@register_kl(OneHotCategorical, OneHotCategorical)
def _kl_categorical_categorical(p, q):
    each = p.probs * (p.logits - q.logits)
    each = each.masked_fill((q.probs == 0).expand_as(each), math.inf).masked_fill((p.probs == 0).expand_as(each), 0)
    return each.sum(-1)


@register_kl(MultivariateNormal, MultivariateNormal)
def _kl_multivariate_normal_multivariate_normal(p, q):
    if p.event_shape != q.event_shape:
        raise ValueError(
            "KL-divergence between two Multivariate Normals with                          different event shapes cannot be computed"
        )
    volumes = half_log_det(q.scale_tril) - half_log_det(p.scale_tril)
    spread = linalg.solve_triangular(q.scale_tril, p.scale_tril, upper=False).pow(2).sum((-2, -1))
    off = linalg.solve_triangular(q.scale_tril, (q.loc - p.loc).unsqueeze(-1), upper=False).pow(2).sum((-2, -1))
    return volumes + 0.5 * (spread + off - p.event_shape[0])


@register_kl(Independent, Independent)
def _kl_independent_independent(p, q):
    if p.reinterpreted_batch_ndims != q.reinterpreted_batch_ndims:
        raise NotImplementedError
    return sum_rightmost(kl_divergence(p.base_dist, q.base_dist), p.reinterpreted_batch_ndims)


@register_kl(Beta, Beta)
def _kl_beta_beta(p, q):
    total_p, total_q = p.concentration1 + p.concentration0, q.concentration1 + q.concentration0
    of_q = q.concentration1.lgamma() + q.concentration0.lgamma() + total_p.lgamma()
    of_p = p.concentration1.lgamma() + p.concentration0.lgamma() + total_q.lgamma()
    one = (p.concentration1 - q.concentration1) * p.concentration1.digamma()
    none = (p.concentration0 - q.concentration0) * p.concentration0.digamma()
    return of_q - of_p + one + none + (total_q - total_p) * total_p.digamma()


@register_kl(Dirichlet, Dirichlet)
def _kl_dirichlet_dirichlet(p, q):
    total_p, total_q = p.concentration.sum(-1), q.concentration.sum(-1)
    norms = total_p.lgamma() - total_q.lgamma() - (p.concentration.lgamma() - q.concentration.lgamma()).sum(-1)
    logs = p.concentration.digamma() - total_p.digamma().unsqueeze(-1)
    return norms + ((p.concentration - q.concentration) * logs).sum(-1)


@register_kl(Gamma, Gamma)
def _kl_gamma_gamma(p, q):
    rates = q.concentration * (p.rate / q.rate).log() + q.concentration.lgamma() - p.concentration.lgamma()
    shapes = (p.concentration - q.concentration) * p.concentration.digamma()
    return rates + shapes + (q.rate - p.rate) * (p.concentration / p.rate)


@register_kl(Binomial, Binomial)
def _kl_binomial_binomial(p, q):
    if (p.total_count < q.total_count).any():
        raise NotImplementedError("KL between Binomials where q.total_count > p.total_count is not implemented")
    kl = p.total_count * (p.probs * (p.logits - q.logits) + (-p.probs).log1p() - (-q.probs).log1p())
    return kl.masked_fill(p.total_count > q.total_count, math.inf)


@register_kl(Cauchy, Cauchy)
def _kl_cauchy_cauchy(p, q):
    apart = ((p.scale + q.scale).pow(2) + (p.loc - q.loc).pow(2)).log()
    return apart - (4 * p.scale * q.scale).log()


@register_kl(ContinuousBernoulli, ContinuousBernoulli)
def _kl_continuous_bernoulli_continuous_bernoulli(p, q):
    shape = p.mean * (p.logits - q.logits)
    norms = p._cont_bern_log_norm() + (-p.probs).log1p() - q._cont_bern_log_norm() - (-q.probs).log1p()
    return shape + norms


@register_kl(Geometric, Geometric)
def _kl_geometric_geometric(p, q):
    return -p.entropy() - (-q.probs).log1p() / p.probs - q.logits


@register_kl(Gumbel, Gumbel)
def _kl_gumbel_gumbel(p, q):
    ratio, of_p, of_q = p.scale / q.scale, q.loc / q.scale, p.loc / q.scale
    moved = (of_p + (1 + ratio).lgamma() - of_q).exp()
    return -ratio.log() + of_q - of_p + ratio * _EULER_GAMMA + moved - (1 + _EULER_GAMMA)


@register_kl(HalfNormal, HalfNormal)
def _kl_half_normal_half_normal(p, q):
    return kl_divergence(p.base_dist, q.base_dist)


@register_kl(Pareto, Pareto)
def _kl_pareto_pareto(p, q):
    ratio, shapes = p.scale / q.scale, q.alpha / p.alpha
    return (q.alpha * ratio.log() - shapes.log() + shapes - 1).masked_fill(q.scale > p.scale, math.inf)


@register_kl(TransformedDistribution, TransformedDistribution)
def _kl_transformed_transformed(p, q):
    if p.transforms != q.transforms or p.event_shape != q.event_shape:
        raise NotImplementedError
    return kl_divergence(p.base_dist, q.base_dist)


# ---- between families


@register_kl(Exponential, Gamma)
def _kl_exponential_gamma(p, q):
    ratio = q.rate / p.rate
    shape = q.concentration.lgamma() - q.concentration * ratio.log()
    return shape + ratio + q.concentration * _EULER_GAMMA - (1 + _EULER_GAMMA)


@register_kl(Gamma, Exponential)
def _kl_gamma_exponential(p, q):
    return -p.entropy() - q.rate.log() + q.rate * p.concentration / p.rate


@register_kl(Exponential, Gumbel)
def _kl_exponential_gumbel(p, q):
    scaled, off = p.rate * q.scale, q.loc / q.scale
    return scaled.log() - 1 + off.exp() * scaled / (scaled + 1) - off + scaled.reciprocal()


@register_kl(Exponential, Normal)
def _kl_exponential_normal(p, q):
    variance, mean = q.scale.pow(2), p.rate.reciprocal()
    spread = 0.5 * (p.rate.pow(2) * variance * 2 * math.pi).log()
    return spread - 1 + (mean.pow(2) - q.loc * mean + q.loc.pow(2) / 2) / variance


@register_kl(Gamma, Gumbel)
def _kl_gamma_gumbel(p, q):
    scaled, off = p.rate * q.scale, q.loc / q.scale
    shape = (p.concentration - 1) * p.concentration.digamma() - p.concentration.lgamma() - p.concentration
    moved = off.exp() * (1 + scaled.reciprocal()).pow(-p.concentration)
    return shape + scaled.log() + p.concentration / scaled + moved - off


@register_kl(Gamma, Normal)
def _kl_gamma_normal(p, q):
    variance, mean = q.scale.pow(2), p.concentration / p.rate
    shape = 0.5 * (p.rate.pow(2) * variance * 2 * math.pi).log() - p.concentration - p.concentration.lgamma()
    logs = (p.concentration - 1) * p.concentration.digamma()
    square = 0.5 * (p.concentration + p.concentration.pow(2)) / p.rate.pow(2)
    return shape + logs + (square - q.loc * mean + 0.5 * q.loc.pow(2)) / variance


@register_kl(Gumbel, Normal)
def _kl_gumbel_normal(p, q):
    ratio = p.scale / q.scale
    off = (p.loc + p.scale * _EULER_GAMMA - q.loc) / q.scale
    return -(ratio / math.sqrt(2 * math.pi)).log() + (ratio * math.pi).pow(2) / 12 + off.pow(2) / 2 - (_EULER_GAMMA + 1)


@register_kl(Laplace, Normal)
def _kl_laplace_normal(p, q):
    variance = q.scale.pow(2)
    ratio = p.scale.pow(2) / variance
    off = 0.5 * p.loc.pow(2) - p.loc * q.loc + 0.5 * q.loc.pow(2)
    return -0.5 * (2 * ratio / math.pi).log() + ratio + off / variance - 1


@register_kl(Normal, Gumbel)
def _kl_normal_gumbel(p, q):
    mean, ratio, off = p.loc / q.scale, (p.scale / q.scale).pow(2), q.loc / q.scale
    return -0.5 * ratio.log() - 0.5 * (1 + math.log(2 * math.pi)) + mean - off + (-mean + 0.5 * ratio + off).exp()


@register_kl(Normal, Laplace)
def _kl_normal_laplace(p, q):
    off = p.loc - q.loc
    ratio, scaled = p.scale / q.scale, off / p.scale
    folded = math.sqrt(2 / math.pi) * p.scale * (-0.5 * scaled.pow(2)).exp()
    inside = off * (math.sqrt(0.5) * scaled).erf()
    return -ratio.log() + (folded + inside) / q.scale - (0.5 + 0.5 * math.log(0.5 * math.pi))


@register_kl(Uniform, Gumbel)
def _kl_uniform_gumbel(p, q):
    width, high, low = q.scale / (p.high - p.low), (p.high - q.loc) / q.scale, (p.low - q.loc) / q.scale
    return width.log() + 0.5 * (high + low) - width * ((-high).exp() - (-low).exp())


@register_kl(Beta, Normal)
def _kl_beta_normal(p, q):
    mean, variance = p.mean, q.scale.pow(2)
    square = p.variance + mean.pow(2)
    spread = 0.5 * (variance * 2 * math.pi).log()
    return -p.entropy() + spread + (square * 0.5 - mean * q.loc + 0.5 * q.loc.pow(2)) / variance


@register_kl(Beta, Exponential)
def _kl_beta_exponential(p, q):
    return -p.entropy() - q.rate.log() + q.rate * p.mean


@register_kl(Beta, Gamma)
def _kl_beta_gamma(p, q):
    total = p.concentration1 + p.concentration0
    norm = q.concentration.lgamma() - q.concentration * q.rate.log()
    logs = (q.concentration - 1) * (p.concentration1.digamma() - total.digamma())
    return -p.entropy() + norm - logs + q.rate * p.mean


@register_kl(Beta, Uniform)
def _kl_beta_uniform(p, q):
    return (-p.entropy() + (q.high - q.low).log()).masked_fill((q.low > p.support.lower_bound) | (q.high < 1), math.inf)


def _xlogx_over(p):
    """The mean of log x under a uniform distribution."""
    width = p.high - p.low
    return (xlogy(p.high, p.high) - xlogy(p.low, p.low) - width) / width


@register_kl(Uniform, Beta)
def _kl_uniform_beta(p, q):
    width, c1, c0 = p.high - p.low, q.concentration1, q.concentration0
    rest = (xlogy(1 - p.high, 1 - p.high) - xlogy(1 - p.low, 1 - p.low) + width) / width
    norm = c1.lgamma() + c0.lgamma() - (c1 + c0).lgamma()
    found = (c0 - 1) * rest + norm - width.log() - (c1 - 1) * _xlogx_over(p)
    return found.masked_fill((p.high > 1) | (p.low < 0), math.inf)


@register_kl(Uniform, Exponential)
def _kl_uniform_exponential(p, q):
    found = q.rate * (p.high + p.low) / 2 - ((p.high - p.low) * q.rate).log()
    return found.masked_fill(p.low < 0, math.inf)


@register_kl(Uniform, Gamma)
def _kl_uniform_gamma(p, q):
    norm = q.concentration.lgamma() - q.concentration * q.rate.log()
    found = norm + (1 - q.concentration) * _xlogx_over(p) + q.rate * (p.high + p.low) / 2 - (p.high - p.low).log()
    return found.masked_fill(p.low < 0, math.inf)


@register_kl(Uniform, Pareto)
def _kl_uniform_pareto(p, q):
    norm = (q.alpha * q.scale.pow(q.alpha) * (p.high - p.low)).log()
    return (_xlogx_over(p) * (q.alpha + 1) - norm).masked_fill(p.low < q.scale, math.inf)


@register_kl(Pareto, Exponential)
def _kl_pareto_exponential(p, q):
    scaled = p.scale * q.rate
    found = (p.alpha / scaled).log() - p.alpha.reciprocal() + p.alpha * scaled / (p.alpha - 1) - 1
    return found.masked_fill(p.alpha <= 1, math.inf)


@register_kl(Pareto, Gamma)
def _kl_pareto_gamma(p, q):
    mean_log = p.scale.log() + p.alpha.reciprocal()
    norm = q.concentration.lgamma() - q.concentration * q.rate.log()
    mean = q.rate * p.alpha * p.scale / (p.alpha - 1)
    found = p.alpha.log() - mean_log + norm + (1 - q.concentration) * mean_log + mean - 1
    return found.masked_fill(p.alpha <= 1, math.inf)


@register_kl(Pareto, Normal)
def _kl_pareto_normal(p, q):
    share = p.scale / (p.alpha - 1)
    spread = (math.sqrt(2 * math.pi) * q.scale * p.alpha / p.scale).log()
    squares = p.alpha * share.pow(2) / (p.alpha - 2) + (p.alpha * share - q.loc).pow(2)
    found = spread - p.alpha.reciprocal() + squares / (2 * q.scale.pow(2)) - 1
    return found.masked_fill(p.alpha <= 2, math.inf)


@register_kl(LowRankMultivariateNormal, LowRankMultivariateNormal)
@register_kl(LowRankMultivariateNormal, MultivariateNormal)
@register_kl(MultivariateNormal, LowRankMultivariateNormal)
def _kl_of_normal_vectors(p, q):
    if p.event_shape != q.event_shape:
        raise ValueError(
            "KL-divergence between two Low Rank Multivariate Normals with different event shapes cannot be computed"
        )
    off = (q.loc - p.loc).unsqueeze(-1)
    distance = (off.mT @ q.precision_matrix @ off).squeeze(-1).squeeze(-1)
    trace = (q.precision_matrix * p.covariance_matrix).sum((-2, -1))
    volumes = half_log_det(q.scale_tril) - half_log_det(p.scale_tril)
    return volumes + 0.5 * (trace + distance - p.event_shape[0])


@register_kl(Wishart, Wishart)
def _kl_wishart_wishart(p, q):
    n = p.event_shape[-1]
    volumes = q.df * (half_log_det(q.scale_tril) - half_log_det(p.scale_tril))
    digammas = sum(((p.df - j) / 2).digamma() for j in range(n))
    trace = (q.precision_matrix * p.covariance_matrix).sum((-2, -1))
    norms = (q.df / 2).mvlgamma(n) - (p.df / 2).mvlgamma(n)
    return volumes + norms + 0.5 * (p.df - q.df) * digammas + 0.5 * p.df * (trace - n)


def _outside_support(p, q):
    """The divergence where q is zero on a part of the support of p."""
    first = p.entropy() if isinstance(p, Pareto) else p.mean
    return first * 0 + math.inf


for _p, _q in [
    (Beta, Pareto), (Exponential, Beta), (Exponential, Pareto), (Gamma, Beta), (Gamma, Pareto), (Gamma, Uniform),
    (Gumbel, Beta), (Gumbel, Exponential), (Gumbel, Gamma), (Gumbel, Pareto), (Gumbel, Uniform), (Laplace, Beta),
    (Laplace, Exponential), (Laplace, Gamma), (Laplace, Pareto), (Normal, Beta), (Normal, Exponential), (Normal, Gamma),
    (Normal, Pareto), (Pareto, Beta), (Pareto, Uniform),
]:  # fmt: skip
    register_kl(_p, _q)(_outside_support)
