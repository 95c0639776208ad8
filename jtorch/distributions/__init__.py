"""`torch.distributions`: the distributions that people use most, under PyTorch's names.

Not here: the families that PyTorch samples by methods of its own (Gamma, Beta, Dirichlet, Binomial and those made from
them), transformed distributions, and mixtures.

A new distribution is a file and a line below. `as` says that the name is public, to readers and to type checkers. Its
Kullback-Leibler divergence, if it has one, is a function in kl.py, as in PyTorch.
"""

from jtorch.distributions import constraints as constraints
from jtorch.distributions.bernoulli import Bernoulli as Bernoulli
from jtorch.distributions.categorical import Categorical as Categorical
from jtorch.distributions.distribution import Distribution as Distribution
from jtorch.distributions.exponential import Exponential as Exponential
from jtorch.distributions.independent import Independent as Independent
from jtorch.distributions.laplace import Laplace as Laplace
from jtorch.distributions.multivariate_normal import MultivariateNormal as MultivariateNormal
from jtorch.distributions.normal import Normal as Normal
from jtorch.distributions.one_hot_categorical import OneHotCategorical as OneHotCategorical
from jtorch.distributions.poisson import Poisson as Poisson
from jtorch.distributions.uniform import Uniform as Uniform
from jtorch.distributions.kl import kl_divergence as kl_divergence
from jtorch.distributions.kl import register_kl as register_kl

__all__ = [name for name, thing in vars().items() if isinstance(thing, type)]
__all__ += ["constraints", "kl_divergence", "register_kl"]
