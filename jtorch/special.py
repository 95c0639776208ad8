"""`torch.special`: the special functions under the names SciPy gives them."""

from jtorch.core.ops.arithmetic.bessel import (
    airy_ai, bessel_j0, bessel_j1, bessel_y0, bessel_y1, modified_bessel_i0, modified_bessel_i1, modified_bessel_k0,
    modified_bessel_k1, scaled_modified_bessel_k0, scaled_modified_bessel_k1, spherical_bessel_j0,
)  # fmt: skip
from jtorch.core.ops.arithmetic.polynomials import (
    chebyshev_polynomial_t, chebyshev_polynomial_u, chebyshev_polynomial_v, chebyshev_polynomial_w,
    hermite_polynomial_h, hermite_polynomial_he, laguerre_polynomial_l, legendre_polynomial_p,
    shifted_chebyshev_polynomial_t, shifted_chebyshev_polynomial_u, shifted_chebyshev_polynomial_v,
    shifted_chebyshev_polynomial_w,
)  # fmt: skip
from jtorch.core.ops.arithmetic.special import (
    entr, erfcx, i0e, i1, i1e, log_ndtr, ndtr, ndtri, xlog1py, zeta,
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
