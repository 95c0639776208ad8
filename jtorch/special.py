"""`torch.special`: the special functions under the names SciPy gives them."""

from __future__ import annotations

from jtorch.ops.activation import log_softmax, softmax
from jtorch.ops.math import exp2, expm1, log1p, round, sigmoid
from jtorch.ops.reduce import logsumexp
from jtorch.ops.special import (
    digamma, entr, erf, erfc, erfinv, i0, i0e, i1, i1e, igamma, igammac, lgamma, log_ndtr, logit, mvlgamma, ndtr,
    ndtri, polygamma, sinc, xlog1py, xlogy, zeta,
)  # fmt: skip

expit = sigmoid
gammaln, psi, multigammaln = lgamma, digamma, mvlgamma
gammainc, gammaincc = igamma, igammac

__all__ = [
    "digamma", "entr", "erf", "erfc", "erfinv", "exp2", "expit", "expm1", "gammainc", "gammaincc", "gammaln", "i0",
    "i0e", "i1", "i1e", "log1p", "log_ndtr", "log_softmax", "logit", "logsumexp", "multigammaln", "ndtr", "ndtri",
    "polygamma", "psi", "round", "sinc", "softmax", "xlog1py", "xlogy", "zeta",
]  # fmt: skip
