"""`torch.special`: the special functions under the names SciPy gives them."""

from __future__ import annotations

import jax.numpy as jnp
import jax.scipy.special as jsp
from jax import lax

from jtorch.core.op import Array, Number, op
from jtorch.core.ops.arithmetic.activations import log_softmax, softmax
from jtorch.core.ops.arithmetic.elementary import exp2, expm1, log1p, sigmoid
from jtorch.core.ops.arithmetic.elementwise import round
from jtorch.core.ops.arithmetic.special import (
    digamma,
    erf,
    erfc,
    erfinv,
    i0,
    igamma,
    igammac,
    lgamma,
    logit,
    mvlgamma,
    polygamma,
    sinc,
    xlog_name,
    xlogy,
)
from jtorch.core.ops.reduce.reductions import logsumexp

expit = sigmoid
gammaln, psi, multigammaln = lgamma, digamma, mvlgamma
gammainc, gammaincc = igamma, igammac


def _zeta_name(types, consts):
    return f"SpecialZetaBackward{1 if types[0].number else 2 if types[1].number else 0}"


@op(method=False, promote="float", grad_fn=_zeta_name)
def zeta(input: Array | Number, other: Array | Number) -> Array:
    """The Hurwitz zeta function: the sum of (k + other)**-input over k = 0, 1, ..."""
    return lax.zeta(*jnp.broadcast_arrays(input, other))


@op(method=False, promote="float", grad_fn="SpecialI0EBackward0")
def i0e(input: Array) -> Array:
    """exp(-|input|) * i0(input)."""
    return jsp.i0e(input)


@op(method=False, promote="float", grad_fn="SpecialI1Backward0")
def i1(input: Array) -> Array:
    """The modified Bessel function of the first kind, of order 1."""
    return jsp.i1(input)


@op(method=False, promote="float", grad_fn="SpecialI1EBackward0")
def i1e(input: Array) -> Array:
    """exp(-|input|) * i1(input)."""
    return jsp.i1e(input)


@op(
    method=False,
    promote="float",
    grad_fn="MulBackward1",
    graph={"MulBackward1": "MulBackward1(AddBackward1(Erf(MulBackward1(input))))"},
)
def ndtr(input: Array) -> Array:
    """The area under the standard normal density up to input."""
    return jsp.ndtr(input)


@op(method=False, promote="float", grad_fn="SpecialNdtriBackward0")
def ndtri(input: Array) -> Array:
    """The inverse of ndtr."""
    return jsp.ndtri(input)


@op(method=False, promote="float", grad_fn="SpecialLogNdtrBackward0")
def log_ndtr(input: Array) -> Array:
    """log(ndtr(input)), exact far to the left."""
    return jsp.log_ndtr(input)


@op(method=False, promote="float", grad_fn="SpecialEntrBackward0")
def entr(input: Array) -> Array:
    """-input * log(input); 0 at 0, -inf below."""
    return jsp.entr(input)


@op(method=False, promote="float", grad_fn=xlog_name("SpecialXlog1Py"))
def xlog1py(input: Array | Number, other: Array | Number) -> Array:
    """input * log1p(other), 0 where input is 0 (NaN where other is)."""
    zero = (input == 0) & ((other <= -1) | jnp.isinf(other))
    return jnp.where(zero, 0, input * jnp.log1p(jnp.where(zero, 0, other)))


__all__ = [
    "digamma", "entr", "erf", "erfc", "erfinv", "exp2", "expit", "expm1", "gammainc", "gammaincc", "gammaln",
    "i0", "i0e", "i1", "i1e", "log1p", "log_ndtr", "log_softmax", "logit", "logsumexp", "multigammaln",
    "ndtr", "ndtri", "polygamma", "psi", "round", "sinc", "softmax", "xlog1py", "xlogy", "zeta",
]  # fmt: skip
