"""The floating-point arithmetic of PyTorch's CPU kernels, bit for bit, on NumPy arrays.

It knows how the compiled kernels round: the fused multiply-add, the single-precision logarithm and sine of
the AVX2 normal fill, the C library's double functions, C++'s casts. It draws no numbers; `RandomStream` calls it on
uniforms. The single-precision polynomials are those of Cephes (Stephen Moshier), in the order of evaluation
known from Julien Pommier's and Giovanni Garberoglio's zlib-licensed sse_mathfun and avx_mathfun.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction

import numpy as np

_F32, _F64 = np.float32, np.float64
_TINY32 = float(np.finfo(_F32).smallest_normal)


def libm(f: Callable[[float], float], x: np.ndarray) -> np.ndarray:
    """f(x) in float64, where f is a function of `math`: the C library's, because NumPy's differ in the last bit."""
    try:
        return np.fromiter(map(f, x.tolist()), _F64, x.size)
    except (OverflowError, ValueError):
        return np.array([_unraised(f, v) for v in x.tolist()], _F64)


def _unraised(f, x):
    try:
        return f(x)
    except OverflowError:  # exp of a large number
        return math.inf
    except ValueError:  # log(0)
        return -math.inf


def cast_as_cpp(x: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """x in dtype, as C++ casts on x86.

    A half type is rounded to float32 first. A number outside an integer type's range becomes its smallest value.
    """
    if dtype.kind in "iu" and x.dtype.kind == "f":
        bits = 64 if dtype.itemsize == 8 else 32
        limit = 2.0 ** (bits - 1)
        return np.where(np.abs(x) < limit, x, -limit).astype(f"i{bits // 8}").astype(dtype)
    if dtype.itemsize == 2 and dtype.kind not in "iu" and x.dtype.itemsize > 4:
        x = x.astype(_F32)
    return x.astype(dtype, copy=False)


# -- fused multiply-add --------------------------------------------------------------------------------------


def fma(x: np.ndarray, scale: float, shift: float) -> np.ndarray:
    """x * scale + shift rounded once, all three in x's dtype, float32 or float64."""
    scale, shift = x.dtype.type(scale), x.dtype.type(shift)
    if shift == 0 or scale == 0:
        return x * scale + shift  # either the sum or the product is exact
    if scale == 1:
        return x + shift
    flat = x.reshape(-1)
    made = _fma32(flat, scale, shift) if x.dtype == _F32 else _fma64(flat, scale, shift)
    return made.reshape(x.shape)


def _fma32(x, scale, shift):
    # A product of two float32 is exact in float64, but the sum may round, and rounds again to float32. Two roundings differ
    # from one only where the sum is the midpoint of two float32, or below float32's normal range.
    product = x.astype(_F64) * _F64(scale)
    total = product + _F64(shift)
    midpoint = (total.view(np.int64) & 0x1FFFFFFF) == 0x10000000
    doubtful = np.flatnonzero(midpoint | (np.abs(total) < _TINY32))
    if doubtful.size:
        total[doubtful] = _round_to_odd(*_two_sum(product[doubtful], _F64(shift)))
    return total.astype(_F32)


def _fma64(x, scale, shift):
    product = np.abs(x * scale)
    terms = [product.min(initial=1), product.max(initial=1), abs(scale), abs(shift)]
    if not (min(terms) > 1e-200 and max(terms) < 1e200):  # an error term might leave the range of doubles
        return np.array([_fma_slowly(v, float(scale), float(shift)) for v in x.tolist()], _F64)
    # Boldo and Melquiond (2008): if the sum of the errors is rounded to odd, the result is rounded only once.
    head, tail = _two_product(x, scale)
    middle, low = _two_sum(shift, tail)
    head, middle = _two_sum(head, middle)
    return head + _round_to_odd(*_two_sum(low, middle))


def _fma_slowly(x, scale, shift):
    try:
        return float(Fraction(x) * Fraction(scale) + Fraction(shift))
    except (OverflowError, ValueError):  # infinite or NaN, before or after
        return x * scale + shift


def _two_sum(a, b):
    """The rounded sum and its error."""
    total = a + b
    rest = total - a
    return total, (a - (total - rest)) + (b - rest)


def _two_product(a, b):
    """The rounded product and its error (Dekker)."""
    (a_head, a_tail), (b_head, b_tail), product = _dekker_split(a), _dekker_split(b), a * b
    return product, a_tail * b_tail - (((product - a_head * b_head) - a_tail * b_head) - a_head * b_tail)


def _dekker_split(a):
    c = a * _F64(2**27 + 1)
    head = c - (c - a)
    return head, a - head


def _round_to_odd(total, error):
    """total + error as the neighbour of total whose last bit is 1; total itself where that is exact."""
    move = (error != 0) & ((total.view(np.int64) & 1) == 0)
    return np.where(move, np.nextafter(total, np.copysign(np.inf, error)), total)


# -- Box and Muller's normals --------------------------------------------------------------------------------
#
# In single precision each fused multiply-add is computed in float64 and rounded to float32. That may round
# twice, but over the 2**24 values of a float32 uniform it gives the fused bits everywhere;
# tests/streams/test_streams.py tries them all. A product of two float32 is exact in float64, so that it makes no difference
# whether XLA fuses it with the sum.

_LN = (
    7.0376836292e-2, -1.1514610310e-1, 1.1676998740e-1, -1.2420140846e-1, 1.4249322787e-1, -1.6668057665e-1,
    2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1,
)  # fmt: skip
_LN2_HIGH, _LN2_LOW = _F32(0.693359375), _F32(-2.12194440e-4)
_COS = (2.443315711809948e-5, -1.388731625493765e-3, 4.166664568298827e-2)
_SIN = (-1.9515295891e-4, 8.3321608736e-3, -1.6666654611e-1)
_PI4_HIGH, _PI4_MID, _PI4_LOW = map(_F32, (0.78515625, 2.4187564849853515625e-4, 3.77489497744594108e-8))


def box_muller64(log_u1: np.ndarray, u2: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """r cos t and r sin t in double, where r = sqrt(-2 log_u1) and t = 2 pi u2."""
    radius, angle = np.sqrt(-2.0 * log_u1), (2 * math.pi) * u2
    return radius * libm(math.cos, angle), radius * libm(math.sin, angle)


def normals32(u, xp=np):
    """The normals of as many float32 uniforms: blocks of 16, in which the first 8 and the last 8 are pairs.

    `xp` is NumPy, or jax.numpy (with 64 bits) where this is a part of a program; both give the same bits.
    """
    u = u.reshape(-1, 2, 8)
    radius = xp.sqrt(_ln(_F32(1) - u[:, 0], xp) * _F32(-2))
    sin, cos = _sincos(u[:, 1] * _F32(2 * math.pi), xp)
    return xp.stack([cos * radius, sin * radius], 1).reshape(-1)


def _ln(x, xp=np):
    bits = x.view(np.int32)
    mantissa = ((bits & 0x7FFFFF) | 0x3F000000).view(_F32)  # in [0.5, 1)
    low = mantissa < _F32(0.707106781186547524)
    exponent = ((bits >> 23) - 126 - low).astype(_F32)
    x = mantissa - _F32(1)
    x = xp.where(low, x + mantissa, x)
    square = x * x
    y = _horner(x.astype(_F64), _LN) * x
    y = _multiply_add(y, square, exponent * _LN2_LOW) - square * _F32(0.5)
    return x + y + exponent * _LN2_HIGH


def _sincos(t, xp=np):
    octant = (t * _F32(1.27323954473516)).astype(np.int32)
    octant = (octant + 1) & ~1
    turns = octant.astype(_F64)
    x = (t.astype(_F64) - turns * _F64(_PI4_HIGH) - turns * _F64(_PI4_MID)).astype(_F32)
    x = _multiply_add(turns, -_F64(_PI4_LOW), x)
    square = x * x
    wide = square.astype(_F64)
    cos = _multiply_add(_horner(wide, _COS) * square, square, square * _F32(-0.5)) + _F32(1)
    sin = _multiply_add(_horner(wide, _SIN) * square, x, x)
    swapped = (octant & 2) != 0
    sin, cos = xp.where(swapped, cos, sin), xp.where(swapped, sin, cos)
    sin = (sin.view(np.int32) ^ ((octant & 4) << 29)).view(_F32)
    cos = (cos.view(np.int32) ^ ((~(octant - 2) & 4) << 29)).view(_F32)
    return sin, cos


def _horner(x, coefficients):
    """The polynomial at x (float64), rounded to float32 after each step."""
    y = x * _F64(_F32(coefficients[0]))
    for c in coefficients[1:-1]:
        y = (y + _F64(_F32(c))).astype(_F32) * x
    return (y + _F64(_F32(coefficients[-1]))).astype(_F32)


def _multiply_add(a, b, c):
    return (a.astype(_F64) * b + c).astype(_F32)


def scaled_log1p32(scale: float, x: np.ndarray) -> np.ndarray:
    """float32 of scale * log1p(x), computed in double.

    NumPy's log1p differs from the C library's by a few units in the last place. After rounding to float32 this matters only
    next to the midpoint of two float32 numbers, or below float32's normal range; there the C library computes it.
    """
    value = scale * np.log1p(x)
    midpoint = ((value.view(np.int64) - 0x10000000 + 64) & 0x1FFFFFFF) < 128
    doubtful = np.flatnonzero(midpoint | (np.abs(value) < _TINY32))
    if doubtful.size:
        value[doubtful] = scale * libm(math.log1p, x[doubtful])
    return value.astype(_F32)
