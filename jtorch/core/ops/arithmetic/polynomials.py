"""Orthogonal polynomials of `torch.special`, by their recurrences in the degree n, which is a value."""

from __future__ import annotations

import jax.numpy as jnp
from jax import lax

from jtorch.core.op import Array, Number, constant_in, op


def _by_recurrence(x, n, first, second, following):
    """p[n](x) from p[0] = first, p[1] = second and p[k + 1] = following(k, x, p[k], p[k - 1]); 0 for negative n."""

    def step(k, state):
        before, last = state
        return last, jnp.where(k < n, following(k.astype(x.dtype), x, last, before), last)

    first, second = jnp.broadcast_to(first, x.shape).astype(x.dtype), second.astype(x.dtype)
    start = first, jnp.where(n >= 1, second, first)
    highest = jnp.max(n, initial=0).astype(jnp.int64)
    _, found = lax.fori_loop(1, highest, step, start)
    return jnp.where(n < 0, 0, found).astype(x.dtype)


def _degrees(x, n):
    """(x, n) of one shape, n rounded towards zero."""
    x, n = jnp.broadcast_arrays(x, n)
    return x, jnp.trunc(n)


def _chebyshev(x, n, second, by_angle, at_one):
    """A Chebyshev polynomial: by the angle inside (-1, 1) where the degree is high, by values at -1 and 1."""
    inside, end = (n > 8) & (jnp.abs(x) < 1), jnp.abs(x) == 1
    low = jnp.where(inside | end, 0, n)
    found = _by_recurrence(x, low, jnp.ones_like(x), second, lambda k, x, last, before: 2 * x * last - before)
    found = jnp.where(inside, by_angle(jnp.arccos(jnp.where(inside, x, 0.5)), n), found)
    signs = jnp.where(n % 2 == 0, 1, -1)
    right, left = at_one(n)
    found = jnp.where(end, jnp.where(x > 0, right, signs * left), found)
    return jnp.where(n < 0, 0, found).astype(x.dtype)


def _t(x, n):
    return _chebyshev(x, n, x, lambda angle, n: jnp.cos(n * angle), lambda n: (1, 1))


def _u(x, n):
    by_angle = lambda angle, n: jnp.sin((n + 1) * angle) / jnp.sin(angle)
    return _chebyshev(x, n, 2 * x, by_angle, lambda n: (n + 1, n + 1))


def _v(x, n):
    by_angle = lambda angle, n: jnp.cos((n + 0.5) * angle) / jnp.cos(angle / 2)
    return _chebyshev(x, n, 2 * x - 1, by_angle, lambda n: (1, 2 * n + 1))


def _w(x, n):
    by_angle = lambda angle, n: jnp.sin((n + 0.5) * angle) / jnp.sin(angle / 2)
    return _chebyshev(x, n, 2 * x + 1, by_angle, lambda n: (2 * n + 1, 1))


def _hermite_h(x, n):
    highest = 128 if x.dtype == jnp.float32 else 512  # beyond, PyTorch gives NaN
    low = jnp.minimum(n, highest)
    found = _by_recurrence(x, low, jnp.ones_like(x), 2 * x, lambda k, x, last, before: 2 * x * last - 2 * k * before)
    return jnp.where(n > highest, jnp.nan, found)


def _hermite_he(x, n):
    highest = 128 if x.dtype == jnp.float32 else 512
    low = jnp.minimum(n, highest)
    found = _by_recurrence(x, low, jnp.ones_like(x), x, lambda k, x, last, before: x * last - k * before)
    return jnp.where(n > highest, jnp.nan, found)


def _laguerre(x, n):
    following = lambda k, x, last, before: ((2 * k + 1 - x) * last - k * before) / (k + 1)
    return _by_recurrence(x, n, jnp.ones_like(x), 1 - x, following)


def _legendre(x, n):
    following = lambda k, x, last, before: ((2 * k + 1) * x * last - k * before) / (k + 1)
    return _by_recurrence(x, n, jnp.ones_like(x), x, following)


def _polynomial(name, doc, formula, shifted=False):
    def polynomial(x: Array | Number, n: Array | Number) -> Array:
        x, n = _degrees(x, n)
        return formula(2 * x - 1 if shifted else x, n)

    polynomial.__name__ = polynomial.__qualname__ = name
    polynomial.__doc__ = doc
    made = op(name="special_" + name, method=False, promote="float")(polynomial)
    return constant_in("jtorch.special")(made)


chebyshev_polynomial_t = _polynomial(
    "chebyshev_polynomial_t", "The Chebyshev polynomial of the first kind, of degree n.", _t
)
chebyshev_polynomial_u = _polynomial(
    "chebyshev_polynomial_u", "The Chebyshev polynomial of the second kind, of degree n.", _u
)
chebyshev_polynomial_v = _polynomial(
    "chebyshev_polynomial_v", "The Chebyshev polynomial of the third kind, of degree n.", _v
)
chebyshev_polynomial_w = _polynomial(
    "chebyshev_polynomial_w", "The Chebyshev polynomial of the fourth kind, of degree n.", _w
)
shifted_chebyshev_polynomial_t = _polynomial(
    "shifted_chebyshev_polynomial_t", "The Chebyshev polynomial of the first kind of 2 x - 1, of degree n.", _t, True
)
shifted_chebyshev_polynomial_u = _polynomial(
    "shifted_chebyshev_polynomial_u", "The Chebyshev polynomial of the second kind of 2 x - 1, of degree n.", _u, True
)
shifted_chebyshev_polynomial_v = _polynomial(
    "shifted_chebyshev_polynomial_v", "The Chebyshev polynomial of the third kind of 2 x - 1, of degree n.", _v, True
)
shifted_chebyshev_polynomial_w = _polynomial(
    "shifted_chebyshev_polynomial_w", "The Chebyshev polynomial of the fourth kind of 2 x - 1, of degree n.", _w, True
)
hermite_polynomial_h = _polynomial(
    "hermite_polynomial_h", "The physicist's Hermite polynomial of degree n.", _hermite_h
)
hermite_polynomial_he = _polynomial(
    "hermite_polynomial_he", "The probabilist's Hermite polynomial of degree n.", _hermite_he
)
laguerre_polynomial_l = _polynomial("laguerre_polynomial_l", "The Laguerre polynomial of degree n.", _laguerre)
legendre_polynomial_p = _polynomial("legendre_polynomial_p", "The Legendre polynomial of degree n.", _legendre)
