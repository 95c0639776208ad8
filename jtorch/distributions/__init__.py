"""`torch.distributions`: the distributions that people use most, under PyTorch's names.

Not here: the families that PyTorch samples by methods of its own (Gamma, Beta, Dirichlet, Binomial and what is made of
them), transformed distributions, and mixtures.
"""

from jtorch.distributions import constraints
from jtorch.distributions.bernoulli import Bernoulli
from jtorch.distributions.categorical import Categorical
from jtorch.distributions.distribution import Distribution
from jtorch.distributions.exponential import Exponential
from jtorch.distributions.independent import Independent
from jtorch.distributions.kl import kl_divergence, register_kl
from jtorch.distributions.laplace import Laplace
from jtorch.distributions.multivariate_normal import MultivariateNormal
from jtorch.distributions.normal import Normal
from jtorch.distributions.one_hot_categorical import OneHotCategorical
from jtorch.distributions.poisson import Poisson
from jtorch.distributions.uniform import Uniform

__all__ = ["Bernoulli", "Categorical", "Distribution", "Exponential", "Independent", "Laplace", "MultivariateNormal",
           "Normal", "OneHotCategorical", "Poisson", "Uniform", "constraints", "kl_divergence", "register_kl"]  # fmt: skip
