"""Functions of real and complex numbers whose derivatives are PyTorch's also where a formula divides by zero, and at ties."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
import jax.scipy.special as jsp
import numpy as np
from jax import lax
from jax.custom_derivatives import SymbolicZero


def with_slopes(fn, *slopes):
    """`fn` with its derivatives given as formulas: a slope is a function (*arguments, result).

    The arguments must have one shape. A slope is computed only where the argument is differentiated by.
    """

    @jax.custom_jvp
    def sloped(*arguments):
        return fn(*arguments)

    def jvp(arguments, tangents):
        result = sloped(*arguments)
        moved = jnp.zeros_like(result)
        for slope, t in zip(slopes, tangents, strict=True):
            if t.__class__ is not SymbolicZero:
                moved = moved + (t * slope(*arguments, result)).astype(result.dtype)
        return result, moved

    sloped.defjvp(jvp, symbolic_zeros=True)
    return sloped


def sign_of(x):
    """-1, 0 or 1; 0 for NaN and -0.0."""
    return jnp.where((x != x) | (x == 0), 0, jnp.sign(x)).astype(x.dtype)


magnitude = with_slopes(jnp.abs, lambda x, size: sign_of(x))  # of real numbers; JAX's derivative at 0 is 1


def _reciprocal_square(y, x):
    """1 / (x² + y²), 0 at the origin."""
    squares = x * x + y * y
    return jnp.where(squares == 0, 0, 1 / jnp.where(squares == 0, 1, squares))


angle_of = with_slopes(
    jnp.arctan2,
    lambda y, x, angle: x * _reciprocal_square(y, x),
    lambda y, x, angle: y * -_reciprocal_square(y, x),
)
# The slope exp(x) keeps its digits at large negative x, where expm1(x) + 1, which is JAX's, is zero.
expm1_with_exp = with_slopes(jnp.expm1, lambda x, result: jnp.exp(x))
length_of = with_slopes(jnp.hypot, lambda x, y, length: x / length, lambda x, y, length: y / length)


def log_of_sum(x, y):
    """log(exp(x) + exp(y)). Of complex numbers the imaginary part is near that of the one with the larger real part: it may
    lie outside of -pi to pi.
    """
    if not jnp.iscomplexobj(x):
        return jnp.logaddexp(x, y)
    low, high = jnp.where(x.real < y.real, x, y), jnp.where(x.real < y.real, y, x)
    total = jnp.log1p(jnp.exp(low - high)) + high
    both_infinite = jnp.where(low.real < 0, low, jnp.log(jnp.exp(low) + jnp.exp(high)))
    total = jnp.where(jnp.isinf(low.real) & (low.real == high.real), both_infinite, total)
    return jnp.where(jnp.isnan(x) | jnp.isnan(y), complex(math.nan, math.nan), total).astype(x.dtype)


logaddexp = with_slopes(
    log_of_sum,
    lambda x, y, total: 1 / (1 + jnp.exp(y - x)),
    lambda x, y, total: 1 / (1 + jnp.exp(x - y)),
)
logaddexp2 = with_slopes(
    jnp.logaddexp2,
    lambda x, y, total: 1 / (1 + jnp.exp2(y - x)),
    lambda x, y, total: 1 / (1 + jnp.exp2(x - y)),
)


def _slope_of_base(x, exponent, raised):
    return jnp.where(exponent == 0, 0, exponent * power(x, exponent - 1))


def _slope_of_exponent(x, exponent, raised):
    at_zero = (x == 0) & (exponent.real >= 0) & (exponent.imag == 0)
    return jnp.where(at_zero, 0, raised * jnp.log(x))


power = with_slopes(lax.pow, _slope_of_base, _slope_of_exponent)

logit = with_slopes(
    lambda x: jnp.log(x / (1 - x)),
    lambda x, result: jnp.where((x < 0) | (x > 1), jnp.nan, 1 / (x * (1 - x))),
)
ndtri = with_slopes(jsp.ndtri, lambda x, result: math.sqrt(2 * math.pi) * jnp.exp(result * result / 2))


def _direction(z):
    size = jnp.abs(z)
    return jnp.where(size == 0, 0, z / jnp.where(size == 0, 1, size))


polar = with_slopes(
    lambda size, angle: lax.complex(size * jnp.cos(angle), size * jnp.sin(angle)),
    lambda size, angle, z: _direction(z),
    lambda size, angle, z: z * 1j,
)


_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(64)


def beta_slope(x, a, b):
    """-(dF/da) / (f (1 - x)) for F the distribution function of Beta(a, b) and f its density: how a number drawn from it moves
    with `a`, over 1 - x.

    dF/da is an integral over the part of [0, 1] on the shorter side of x; a power of the variable takes out the pole at its end.
    """
    dtype = x.dtype
    x, a, b = [v.astype(jnp.float64) for v in (x, a, b)]
    flip = x > a / (a + b)
    low = -_beta_integral(x, a, b, jsp.digamma(a) - jsp.digamma(a + b))
    high = _beta_integral(1 - x, b, a, None, jsp.digamma(a) - jsp.digamma(a + b))
    return (jnp.where(flip, high, low) / (1 - x)).astype(dtype)


def _beta_integral(x, a, b, mean_log, mean_log_of_rest=None):
    """The integral from 0 to x of t**(a - 1) (1 - t)**(b - 1) (log - its mean), over x**(a - 1) (1 - x)**(b - 1).

    `log` is that of t, or of 1 - t where `mean_log_of_rest` is given. The variable is u = (t / x)**a.
    """
    u = (_NODES + 1) / 2
    u, weights = u**3, _WEIGHTS / 2 * 3 * u**2  # closer together where the log is infinite
    a, b, x = a[..., None], b[..., None], x[..., None]
    t = x * u ** (1 / a)
    ratio = ((1 - t) / (1 - x)) ** (b - 1)
    log = jnp.log(t) - mean_log[..., None] if mean_log_of_rest is None else jnp.log1p(-t) - mean_log_of_rest[..., None]
    return jnp.sum(weights * ratio * log, -1) * x[..., 0] / a[..., 0]
