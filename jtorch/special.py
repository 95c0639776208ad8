"""`torch.special`: the special functions under the names SciPy gives them."""

from jtorch.core.ops.arithmetic.special import (
    entr, i0e, i1, i1e, log_ndtr, ndtr, ndtri, xlog1py, zeta,
)  # fmt: skip
from jtorch.core.ops.functions import (
    digamma, erf, erfc, erfinv, exp2, expm1, i0, log1p, log_softmax, logit, logsumexp, polygamma, round, sinc, softmax,
    xlogy,
)  # fmt: skip
from jtorch.core.ops.functions import digamma as psi
from jtorch.core.ops.functions import igamma as gammainc
from jtorch.core.ops.functions import igammac as gammaincc
from jtorch.core.ops.functions import lgamma as gammaln
from jtorch.core.ops.functions import mvlgamma as multigammaln
from jtorch.core.ops.functions import sigmoid as expit
