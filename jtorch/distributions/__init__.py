"""`torch.distributions`, under PyTorch's names.

A new distribution is a file and a line below. `as` says that the name is public, to readers and to type checkers. Its
Kullback-Leibler divergence, if it has one, is a function in kl.py, as in PyTorch.
"""

from jtorch.distributions import constraints as constraints
from jtorch.distributions import transforms as transforms
from jtorch.distributions.bernoulli import Bernoulli as Bernoulli
from jtorch.distributions.beta import Beta as Beta
from jtorch.distributions.binomial import Binomial as Binomial
from jtorch.distributions.categorical import Categorical as Categorical
from jtorch.distributions.cauchy import Cauchy as Cauchy
from jtorch.distributions.chi2 import Chi2 as Chi2
from jtorch.distributions.continuous_bernoulli import ContinuousBernoulli as ContinuousBernoulli
from jtorch.distributions.dirichlet import Dirichlet as Dirichlet
from jtorch.distributions.distribution import Distribution as Distribution
from jtorch.distributions.exp_family import ExponentialFamily as ExponentialFamily
from jtorch.distributions.exponential import Exponential as Exponential
from jtorch.distributions.fishersnedecor import FisherSnedecor as FisherSnedecor
from jtorch.distributions.gamma import Gamma as Gamma
from jtorch.distributions.generalized_pareto import GeneralizedPareto as GeneralizedPareto
from jtorch.distributions.geometric import Geometric as Geometric
from jtorch.distributions.gumbel import Gumbel as Gumbel
from jtorch.distributions.half_cauchy import HalfCauchy as HalfCauchy
from jtorch.distributions.half_normal import HalfNormal as HalfNormal
from jtorch.distributions.independent import Independent as Independent
from jtorch.distributions.inverse_gamma import InverseGamma as InverseGamma
from jtorch.distributions.kumaraswamy import Kumaraswamy as Kumaraswamy
from jtorch.distributions.laplace import Laplace as Laplace
from jtorch.distributions.lkj_cholesky import LKJCholesky as LKJCholesky
from jtorch.distributions.log_normal import LogNormal as LogNormal
from jtorch.distributions.logistic_normal import LogisticNormal as LogisticNormal
from jtorch.distributions.lowrank_multivariate_normal import LowRankMultivariateNormal as LowRankMultivariateNormal
from jtorch.distributions.mixture_same_family import MixtureSameFamily as MixtureSameFamily
from jtorch.distributions.multinomial import Multinomial as Multinomial
from jtorch.distributions.multivariate_normal import MultivariateNormal as MultivariateNormal
from jtorch.distributions.negative_binomial import NegativeBinomial as NegativeBinomial
from jtorch.distributions.normal import Normal as Normal
from jtorch.distributions.one_hot_categorical import OneHotCategorical as OneHotCategorical
from jtorch.distributions.one_hot_categorical import (
    OneHotCategoricalStraightThrough as OneHotCategoricalStraightThrough,
)
from jtorch.distributions.pareto import Pareto as Pareto
from jtorch.distributions.poisson import Poisson as Poisson
from jtorch.distributions.relaxed_bernoulli import RelaxedBernoulli as RelaxedBernoulli
from jtorch.distributions.relaxed_categorical import RelaxedOneHotCategorical as RelaxedOneHotCategorical
from jtorch.distributions.studentT import StudentT as StudentT
from jtorch.distributions.transformed_distribution import TransformedDistribution as TransformedDistribution
from jtorch.distributions.uniform import Uniform as Uniform
from jtorch.distributions.von_mises import VonMises as VonMises
from jtorch.distributions.weibull import Weibull as Weibull
from jtorch.distributions.wishart import Wishart as Wishart
from jtorch.distributions.constraint_registry import biject_to as biject_to
from jtorch.distributions.constraint_registry import transform_to as transform_to
from jtorch.distributions.kl import kl_divergence as kl_divergence
from jtorch.distributions.kl import register_kl as register_kl

from jtorch.distributions.transforms import *

__all__ = [name for name, thing in vars().items() if isinstance(thing, type)]
__all__ += [
    "biject_to",
    "constraints",
    "identity_transform",
    "kl_divergence",
    "register_kl",
    "transform_to",
    "transforms",
]
