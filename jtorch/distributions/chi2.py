"""`Chi2`."""

from __future__ import annotations

from jtorch.distributions import constraints
from jtorch.distributions.gamma import Gamma


class Chi2(Gamma):
    """The sum of the squares of `df` standard normals: Gamma(df / 2, 1 / 2).

    Args:
        df: the degrees of freedom; positive.
        validate_args: check the parameters and the values given to `log_prob` and `cdf`; None: the default, on.

    >>> torch.distributions.Chi2(3.).mean
    tensor(3.)
    """

    arg_constraints = {"df": constraints.positive}

    def __init__(self, df, validate_args=None):
        super().__init__(0.5 * df, 0.5, validate_args=validate_args)

    @property
    def df(self):
        return self.concentration * 2
