"""Bessel and Airy functions that only `torch.special` has, in double precision whatever the dtype.

Where a function is small and smooth, its integral over a period is a sum over evenly spaced points that converges faster
than any power (DLMF 10.9). Elsewhere its asymptotic series is used (DLMF 10.17, 9.7), and near a logarithm its power series.
"""

from __future__ import annotations

import math

import jax.numpy as jnp
import jax.scipy.special as jsp
import numpy as np

from jtorch.core.op import Array, constant_in, kernel, op

_POINTS = (np.arange(64) + 0.5) * math.pi / 64  # in half a period
_SINES = np.sin(_POINTS)
_NEAR = 25.0  # up to here 64 points are exact, from here on the asymptotic series
_EULER = 0.5772156649015329


def _in_double(fn):
    """A function of a float64 array, for the floating dtypes."""
    return lambda x: fn(x.astype(jnp.float64)).astype(x.dtype)


# ---- J and Y


def _mean_over_points(fn, x):
    return jnp.mean(fn(x[..., None]), axis=-1)


def _j0_near(x):
    return _mean_over_points(lambda x: jnp.cos(x * _SINES), x)


def _j1_near(x):
    return _mean_over_points(lambda x: _SINES * jnp.sin(x * _SINES), x)


# Neumann's series of Y0 has the terms (-1)**k J_2k / k; J_2k is the mean of cos(2 k t) cos(x sin t) over the points.
_WEIGHTS = sum((-1) ** k / k * np.cos(2 * k * _POINTS) for k in range(1, 33))


def _y0_near(x):
    series = _mean_over_points(lambda x: _WEIGHTS * jnp.cos(x * _SINES), x)
    return 2 / math.pi * (jnp.log(x / 2) + _EULER) * _j0_near(x) - 4 / math.pi * series


def _y1_near(x):
    series = _mean_over_points(lambda x: _WEIGHTS * _SINES * jnp.sin(x * _SINES), x)
    logarithm = (jnp.log(x / 2) + _EULER) * _j1_near(x)
    return 2 / math.pi * (logarithm - _j0_near(x) / x) - 4 / math.pi * series


def _hankel(order, x):
    """(modulus, modulus times P, modulus times Q, phase) of the asymptotic series for large x."""
    p, q, term = jnp.zeros_like(x), jnp.zeros_like(x), jnp.ones_like(x)
    for k in range(20):
        sign = (-1) ** (k // 2)
        p, q = (p + sign * term, q) if k % 2 == 0 else (p, q + sign * term)
        term = term * ((4 * order**2 - (2 * k + 1) ** 2) / (8 * (k + 1))) / x
    size = jnp.sqrt(2 / (math.pi * x))
    phase = x - (order / 2 + 0.25) * math.pi
    return size * p, size * q, phase


def _j_far(order, x):
    p, q, phase = _hankel(order, x)
    return p * jnp.cos(phase) - q * jnp.sin(phase)


def _y_far(order, x):
    p, q, phase = _hankel(order, x)
    return p * jnp.sin(phase) + q * jnp.cos(phase)


def _near_and_far(x, near, far):
    """near(x) up to the bound, far(x) beyond, each computed at arguments that it takes."""
    return jnp.where(x <= _NEAR, near(jnp.minimum(x, _NEAR)), far(jnp.maximum(x, _NEAR)))


def _j0(x):
    return _near_and_far(jnp.abs(x), _j0_near, lambda x: _j_far(0, x))


def _j1(x):
    return jnp.sign(x) * _near_and_far(jnp.abs(x), _j1_near, lambda x: _j_far(1, x))


def _for_positive(fn):
    """A function with a pole at 0, where it is -inf (or inf), and NaN below."""

    def whole(x, pole):
        found = fn(jnp.where(x > 0, x, 1))
        return jnp.where(x > 0, found, jnp.where(x == 0, pole, jnp.nan))

    return whole


_y0 = _for_positive(lambda x: _near_and_far(x, _y0_near, lambda x: _y_far(0, x)))
_y1 = _for_positive(lambda x: _near_and_far(x, _y1_near, lambda x: _y_far(1, x)))


@constant_in("jtorch.special")
@op(name="special_bessel_j0", method=False, promote="float")
def bessel_j0(input: Array) -> Array:
    """The Bessel function of the first kind, of order 0."""
    return _in_double(_j0)(input)


@constant_in("jtorch.special")
@op(name="special_bessel_j1", method=False, promote="float")
def bessel_j1(input: Array) -> Array:
    """The Bessel function of the first kind, of order 1."""
    return _in_double(_j1)(input)


@constant_in("jtorch.special")
@op(name="special_bessel_y0", method=False, promote="float")
def bessel_y0(input: Array) -> Array:
    """The Bessel function of the second kind, of order 0; -inf at 0 and NaN below."""
    return _in_double(lambda x: _y0(x, -jnp.inf))(input)


@constant_in("jtorch.special")
@op(name="special_bessel_y1", method=False, promote="float")
def bessel_y1(input: Array) -> Array:
    """The Bessel function of the second kind, of order 1; -inf at 0 and NaN below."""
    return _in_double(lambda x: _y1(x, -jnp.inf))(input)


# ---- I and K

_ROOTS = np.arange(26) * 0.25  # points u of the integral over exp(-u**2), where u**2 = x (cosh t - 1)
_WIDTHS = np.where(_ROOTS == 0, 0.5, 1.0) * 0.25 * np.exp(-(_ROOTS**2))


def _k_far(order, x):
    """exp(x) K(x) for x >= 2: the integral of exp(-x (cosh t - 1)) cosh(order t)."""
    x = x[..., None]
    t = 2 * jnp.arcsinh(_ROOTS / jnp.sqrt(2 * x))
    return jnp.sum(_WIDTHS * jnp.cosh(order * t) * 2 / jnp.sqrt(2 * x + _ROOTS**2), axis=-1)


_HARMONIC = np.cumsum([0.0, *(1 / np.arange(1, 20))])
_SERIES = [_HARMONIC[k] / math.factorial(k) ** 2 for k in range(20)]


def _k0_near(x):
    """K0(x) for x <= 2."""
    square = x * x / 4
    series = sum(c * square**k for k, c in enumerate(_SERIES[1:], 1))
    return -(jnp.log(x / 2) + _EULER) * jsp.i0(x) + series


def _k1_near(x):
    square = x * x / 4
    series = sum(c * k * square ** (k - 1) for k, c in enumerate(_SERIES[1:], 1))
    return jsp.i0(x) / x + (jnp.log(x / 2) + _EULER) * jsp.i1(x) - x / 2 * series


def _k_scaled(order, near):
    """exp(x) K(x)"""

    def scaled(x):
        low, high = jnp.minimum(x, 2), jnp.maximum(x, 2)
        return jnp.where(x <= 2, jnp.exp(low) * near(low), _k_far(order, high))

    return _for_positive(scaled)


_k0_scaled, _k1_scaled = _k_scaled(0, _k0_near), _k_scaled(1, _k1_near)


@constant_in("jtorch.special")
@op(name="special_modified_bessel_i0", method=False, promote="float")
def modified_bessel_i0(input: Array) -> Array:
    """The modified Bessel function of the first kind, of order 0."""
    return jsp.i0(input)


@constant_in("jtorch.special")
@op(name="special_modified_bessel_i1", method=False, promote="float")
def modified_bessel_i1(input: Array) -> Array:
    """The modified Bessel function of the first kind, of order 1."""
    return jsp.i1(input)


@constant_in("jtorch.special")
@op(name="special_modified_bessel_k0", method=False, promote="float")
def modified_bessel_k0(input: Array) -> Array:
    """The modified Bessel function of the second kind, of order 0; inf at 0 and NaN below."""
    return _in_double(lambda x: jnp.exp(-x) * _k0_scaled(x, jnp.inf))(input)


@constant_in("jtorch.special")
@op(name="special_modified_bessel_k1", method=False, promote="float")
def modified_bessel_k1(input: Array) -> Array:
    """The modified Bessel function of the second kind, of order 1; inf at 0 and NaN below."""
    return _in_double(lambda x: jnp.exp(-x) * _k1_scaled(x, jnp.inf))(input)


@constant_in("jtorch.special")
@op(name="special_scaled_modified_bessel_k0", method=False, promote="float")
def scaled_modified_bessel_k0(x: Array) -> Array:
    """exp(x) * modified_bessel_k0(x)."""
    return _in_double(lambda x: _k0_scaled(x, jnp.inf))(x)


@constant_in("jtorch.special")
@op(name="special_scaled_modified_bessel_k1", method=False, promote="float")
def scaled_modified_bessel_k1(x: Array) -> Array:
    """exp(x) * modified_bessel_k1(x)."""
    return _in_double(lambda x: _k1_scaled(x, jnp.inf))(x)


@constant_in("jtorch.special")
@op(name="special_spherical_bessel_j0", method=False, promote="float")
def spherical_bessel_j0(x: Array) -> Array:
    """sin(x) / x, 1 at 0 and 0 at infinity."""
    safe = jnp.where((x == 0) | jnp.isinf(x), 1, x)
    return jnp.where(x == 0, 1, jnp.where(jnp.isinf(x), 0, jnp.sin(safe) / safe)).astype(x.dtype)


# ---- Airy


def _airy_near(x):
    """The power series: c1 f(x) - c2 g(x)."""
    f = term_f = jnp.ones_like(x)
    g = term_g = x
    cube = x * x * x
    for k in range(1, 50):
        term_f = term_f * cube / ((3 * k - 1) * (3 * k))
        term_g = term_g * cube / ((3 * k) * (3 * k + 1))
        f, g = f + term_f, g + term_g
    return f / (3 ** (2 / 3) * math.gamma(2 / 3)) - g / (3 ** (1 / 3) * math.gamma(1 / 3))


def _airy_right(x):
    """By the modified Bessel function of order 1 / 3, for x >= 2.1."""
    z = 2 / 3 * x * jnp.sqrt(x)
    return jnp.sqrt(x / 3) / math.pi * jnp.exp(-z) * _k_far(1 / 3, jnp.maximum(z, 2))


def _airy_left(x):
    """The asymptotic series, for x <= -8."""
    x = -x
    z = 2 / 3 * x * jnp.sqrt(x)
    even, odd, term = jnp.zeros_like(x), jnp.zeros_like(x), jnp.ones_like(x)
    for k in range(20):
        sign = (-1) ** (k // 2)
        even, odd = (even + sign * term, odd) if k % 2 == 0 else (even, odd + sign * term)
        term = term * ((6 * k + 5) * (6 * k + 3) * (6 * k + 1) / (216 * (k + 1) * (2 * k + 1))) / z
    phase = z - math.pi / 4
    return (jnp.cos(phase) * even + jnp.sin(phase) * odd) / (math.sqrt(math.pi) * jnp.sqrt(jnp.sqrt(x)))


def _airy(x):
    middle = _airy_near(jnp.clip(x, -8, 2.1))
    left, right = _airy_left(jnp.minimum(x, -8)), _airy_right(jnp.maximum(x, 2.1))
    return jnp.where(jnp.isinf(x), jnp.nan, jnp.where(x < -8, left, jnp.where(x > 2.1, right, middle)))


@constant_in("jtorch.special")
@op(name="special_airy_ai", method=False, promote="float")
def airy_ai(x: Array) -> Array:
    """The Airy function Ai."""
    kernel("airy_ai_cpu", x, "f")
    return _in_double(_airy)(x)
