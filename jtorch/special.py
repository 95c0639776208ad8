"""`torch.special`: the special functions under the names SciPy gives them."""

from jtorch.core.ops.arithmetic.activations import log_softmax, softmax
from jtorch.core.ops.arithmetic.elementary import exp2, expm1, log1p
from jtorch.core.ops.arithmetic.elementary import sigmoid as expit
from jtorch.core.ops.arithmetic.elementwise import round
from jtorch.core.ops.arithmetic.special import (
    digamma, entr, erf, erfc, erfinv, i0, i0e, i1, i1e, log_ndtr, logit, ndtr, ndtri, polygamma, sinc, xlog1py, xlogy,
    zeta,
)  # fmt: skip
from jtorch.core.ops.arithmetic.special import digamma as psi
from jtorch.core.ops.arithmetic.special import igamma as gammainc
from jtorch.core.ops.arithmetic.special import igammac as gammaincc
from jtorch.core.ops.arithmetic.special import lgamma as gammaln
from jtorch.core.ops.arithmetic.special import mvlgamma as multigammaln
from jtorch.core.ops.reduce.reductions import logsumexp
