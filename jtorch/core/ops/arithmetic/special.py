"""Special functions and the rarer elementwise ones: error functions, gamma, Bessel, bits of floats, gcd.

The functions that only `torch.special` has come last.
"""

from __future__ import annotations

import functools
import math

import jax
import jax.numpy as jnp
import jax.scipy.special as jsp
import numpy as np
from jax import lax

from jtorch.core.facts import dtypes
from jtorch.core.facts import named_results as returntypes
from jtorch.core.op import Array, Number, kernel, letter, op, public, public_in, store
from jtorch.core.ops import slopes
from jtorch.core.tensor import Tensor, overwrite

# ---- error functions and logits


@op(inplace=True, promote="float", keeps_zero=True)
def erf(input: Array) -> Array:
    """The error function: 2 / sqrt(pi) times the integral of exp(-t**2) from 0 to input."""
    kernel("erf_vml_cpu", input, "f")
    return lax.erf(input)


@op(inplace=True, promote="float")
def erfc(input: Array) -> Array:
    """1 - erf(input), accurate for large input."""
    kernel("erfc_vml_cpu", input, "f")
    return lax.erfc(input)


@op(inplace=True, promote="float", keeps_zero=True, autocast={"cuda": "float32"})
def erfinv(input: Array) -> Array:
    """The number whose error function is input."""
    kernel("erfinv_vml_cpu", input, "f")
    return lax.erf_inv(input)


@op(inplace=True, promote="float")
def logit(input: Array, eps: float | None = None) -> Array:
    """log(input / (1 - input)), the inverse of sigmoid; with `eps`, input is first kept in [eps, 1 - eps]."""
    kernel("logit_cpu", input, "f")
    if eps is not None:
        inside = (input >= eps) & (input <= 1 - eps)
        input = jnp.where(inside, input, lax.stop_gradient(jnp.clip(input, eps, 1 - eps)))
    return slopes.logit(input)


# ---- gamma


@op(inplace=True, promote="float")
def lgamma(input: Array) -> Array:
    """log(|gamma(input)|)."""
    kernel("lgamma_vml_cpu", input, "f")
    return _lgamma(input)


@op(inplace=True, promote="float")
def digamma(input: Array) -> Array:
    """The derivative of lgamma."""
    kernel("digamma", input, "f")
    return _polygamma_of(0)(input)


_lgamma = slopes.with_slopes(lax.lgamma, lambda x, result: _polygamma_of(0)(x))


@functools.cache
def _polygamma_of(n):
    """The function (x) -> the n-th derivative of digamma, whose derivative is the next of them."""
    values = _DIGAMMAS.get(n) or functools.partial(_polygamma_by_zeta, n)
    return slopes.with_slopes(values, lambda x, result: _polygamma_of(n + 1)(x))


def _polygamma_by_zeta(n, x):
    """By the zeta function, and below 0, where JAX's is far off, by reflection, whose terms nearly cancel out in float32."""
    if x.dtype == jnp.float32:
        return _polygamma_by_zeta(n, x.astype(jnp.float64)).astype(x.dtype)
    pole, below = (x <= 0) & (x == jnp.floor(x)), x < 0
    found = jsp.zeta(jnp.asarray(n + 1, x.dtype), jnp.where(pole, 1, jnp.where(below, 1 - x, x)))
    sign, size = (-1) ** (n + 1), math.factorial(n)
    cot = 1 / jnp.tan(math.pi * jnp.where(below & ~pole, x - jnp.round(x), 0.25))
    reflected = -size * found - math.pi ** (n + 1) * jnp.polyval(_cot_derivative(n).astype(x.dtype), cot)
    return jnp.where(pole, sign * jnp.inf, jnp.where(below, reflected, sign * size * found))


@functools.cache
def _cot_derivative(n):
    """The n-th derivative of cot as a polynomial in cot: that of cot itself is -(1 + cot²)."""
    made = np.poly1d([1, 0])
    for _ in range(n):
        made = -made.deriv() * np.poly1d([1, 0, 1])
    return made.coeffs


def _trigamma(x):
    """As PyTorch computes it: by reflection below 1/2, six steps of the recurrence, and the asymptotic series."""
    below = x < 0.5
    y = jnp.where(below, 1 - x, x)
    total = jnp.zeros_like(x)
    for _ in range(6):
        total, y = total + 1 / (y * y), y + 1
    square = 1 / (y * y)
    total = total + (1 + 1 / (2 * y) + square * (1 / 6 - square * (1 / 30 - square / 42))) / y
    return jnp.where(below, (math.pi / jnp.sin(math.pi * jnp.where(below, x, 0.5))) ** 2 - total, total)


_DIGAMMAS = {
    0: lambda x: jnp.where(x == 0, jnp.copysign(jnp.inf, -x), lax.digamma(x)),
    1: _trigamma,
}


@op(promote=("input",), name="polygamma", inplace_grad_fn="PolygammaBackward1")
def _polygamma(n: int, input: Array) -> Array:
    x = input if letter(input) == "f" else input.astype(jnp.float32)
    return _polygamma_of(n)(x)


@public(method=False)
def polygamma(n, input, *, out=None):
    """The n-th derivative of digamma."""
    if n < 0:
        raise RuntimeError("polygamma(n, x) does not support negative n.")
    return _polygamma(n, input, out=out)


Tensor.polygamma = lambda self, n: polygamma(n, self)
Tensor.polygamma_ = lambda self, n: overwrite(self, polygamma(n, self))


@op(inplace=True, promote="float")
def mvlgamma(input: Array, p: int) -> Array:
    """log of the multivariate gamma function of dimension p."""
    kernel("mvlgamma", input, "f")
    terms = [lax.lgamma(input - j / 2) for j in range(p)]
    return sum(terms) + p * (p - 1) / 4 * math.log(math.pi)


@op(inplace=True, promote="float")
def igamma(input: Array, other: Array) -> Array:
    """The regularised lower incomplete gamma function P(input, other)."""
    kernel("igamma", input, "f")
    return lax.igamma(*jnp.broadcast_arrays(input, other))


@op(inplace=True, promote="float")
def igammac(input: Array, other: Array) -> Array:
    """The regularised upper incomplete gamma function Q(input, other)."""
    kernel("igammac", input, "f")
    return lax.igammac(*jnp.broadcast_arrays(input, other))


# ---- Bessel


@jax.custom_jvp
def _bessel(x):
    return jsp.i0(x)


@_bessel.defjvp
def _bessel_jvp(primals, tangents):  # JAX's own is 1 at 0
    return jsp.i0(primals[0]), tangents[0] * jsp.i1(primals[0])


@op(inplace=True, promote="float")
def i0(input: Array) -> Array:
    """The modified Bessel function of the first kind, of order 0."""
    kernel("i0_vml_cpu", input, "f")
    return _bessel(input)


# ---- products with logarithms


def _xlog_name(base):
    def named(types, consts):
        return f"{base}Backward{1 if types[0].number else 2 if types[1].number else 0}"

    return named


@op(inplace=True, promote="float", grad_fn=_xlog_name("Xlogy"))
def xlogy(input: Array | Number, other: Array | Number) -> Array:
    """input * log(other), 0 where input is 0 (NaN where other is)."""
    kernel("xlogy_cpu", input, "f")
    return _xlogy(input, other)


@jax.custom_jvp
def _xlogy(x, y):
    return jnp.where((x == 0) & (y == y), 0, x * jnp.log(y))


@_xlogy.defjvp
def _xlogy_jvp(primals, tangents):
    (x, y), (dx, dy) = primals, tangents
    return _xlogy(x, y), dx * jnp.where((x == 0) & (y <= 0), 0, jnp.log(y)) + dy * (x / y)


@op(inplace=True, promote="float")
def sinc(input: Array) -> Array:
    """sin(pi * input) / (pi * input), 1 at 0."""
    return jnp.sinc(input)


# ---- bits of floats


def _copysign_name(types, consts):
    return f"CopysignBackward{int(types[1].number)}"


@op(inplace=True, promote="float", grad_fn=_copysign_name)
def copysign(input: Array, other: Array | Number) -> Array:
    """|input| with the sign of other."""
    flip = jnp.signbit(input) != jnp.signbit(other)
    return jnp.where(
        lax.stop_gradient(input) == 0,
        lax.stop_gradient(jnp.copysign(input, other)),
        jnp.where(flip, -input, input),
    )


@op(inplace=True, promote=True)
def nextafter(input: Array, other: Array) -> Array:
    """The next number after input towards other."""
    kernel("nextafter_cpu", input, "f")
    return _nextafter(*jnp.broadcast_arrays(input, other))


_nextafter = slopes.with_slopes(
    jnp.nextafter,
    lambda x, y, result: (x != y).astype(result.dtype),
    lambda x, y, result: jnp.zeros_like(result),
)


@op(chooses=True, returns=returntypes.frexp, strides="elementwise", saves="own")
def frexp(input: Array):
    """(mantissa, exponent) with input = mantissa * 2**exponent and mantissa in [0.5, 1)."""
    if letter(input) != "f":
        raise RuntimeError("torch.frexp() only supports floating-point dtypes")
    mantissa, exponent = jnp.frexp(input)
    return mantissa, exponent.astype(jnp.int32)


@op(inplace=True, promote="float")
def ldexp(input: Array, other: Array) -> Array:
    """input * 2**other.

    Differs from torch: the gradient is right for negative integers too, where PyTorch's is 0.
    """
    return input * jnp.exp2(other)


def _same_real_dtype(input, values):
    if input.dtype.is_complex or values.dtype.is_complex:
        raise RuntimeError("heaviside is not yet implemented for complex tensors.")
    if input.dtype is not values.dtype:
        raise RuntimeError("heaviside is not yet implemented for tensors with different dtypes.")


@op(inplace=True, promote=True, check_types=_same_real_dtype, grad_fn="NotImplemented")
def heaviside(input: Array, values: Array) -> Array:
    """0 where input is negative or NaN, `values` where it is 0, 1 where it is positive."""
    return jnp.where(input == 0, values, (input > 0).astype(input.dtype))


@op(chooses=True, inplace=True, promote=True)
def nan_to_num(
    input: Array, nan: float | None = None, posinf: float | None = None, neginf: float | None = None
) -> Array:
    """NaN replaced by `nan` (default 0), infinities by `posinf` and `neginf` (default: the largest finite numbers)."""
    if letter(input) not in "fc":
        return input
    nan, posinf, neginf = (n if n is None else float(n) for n in (nan or 0.0, posinf, neginf))
    return jnp.nan_to_num(input, nan=nan, posinf=posinf, neginf=neginf)


# ---- integers


@op(inplace=True, promote=True, saves=())
def gcd(input: Array, other: Array) -> Array:
    """The greatest common divisor."""
    kernel("gcd_cpu", input, "i")
    return jnp.gcd(input, other)


@op(inplace=True, promote=True, saves=())
def lcm(input: Array, other: Array) -> Array:
    """The least common multiple."""
    kernel("lcm_cpu", input, "i")
    return jnp.lcm(input, other)


# ---- complex numbers


@op(promote=True)
def angle(input: Array) -> Array:
    """The angle of a complex number in radians; of a real one 0, or pi if it is negative, or NaN."""
    if letter(input) == "c":
        real = jnp.where(input == 0, lax.stop_gradient(input.real), input.real)  # else the gradient at 0 is -0
        return slopes.angle_of(input.imag, real)
    x = input if letter(input) == "f" else input.astype(dtypes.get_default_dtype().np)
    return jnp.where(x != x, lax.stop_gradient(x), jnp.where(x < 0, math.pi, 0).astype(x.dtype))


@op(promote=True, saves=(), name="conj_physical")
def _conj_physical(input: Array) -> Array:
    return jnp.conj(input)


@public(inplace=True)
def conj_physical(input, *, out=None):
    """The complex conjugate as a new tensor, not a view; a real tensor is returned as it is."""
    if letter(input._type.aval) == "c":
        return _conj_physical(input, out=out)
    return input if out is None else store(out, input, "conj_physical")


@op(method=False, saves=(), strides="elementwise")
def complex(real: Array, imag: Array) -> Array:
    """real + imag * 1j."""
    first, second = [dtypes.of(x.dtype).scalar_name for x in (real, imag)]
    if not {first, second} <= {"Half", "Float", "Double"}:
        raise RuntimeError(f"Expected both inputs to be Half, Float or Double tensors but got {first} and {second}")
    if first != second:
        raise RuntimeError(f"Expected object of scalar type {first} but got scalar type {second} for second argument")
    if first == "Half":
        raise NotImplementedError("JAX has no complex numbers of two halves; convert to float32 first")
    return lax.complex(*jnp.broadcast_arrays(real, imag))


@op(method=False, strides="elementwise", grad_fn="PolarBackward0", autocast={"cpu": "float32"})
def polar(abs: Array, angle: Array) -> Array:
    """abs * exp(1j * angle)."""
    return slopes.polar(*jnp.broadcast_arrays(abs, angle))


# ---- only in torch.special


_erfcx = slopes.with_slopes(jsp.erfcx, lambda x, result: 2 * x * result - 2 / math.sqrt(math.pi))


@public_in("jtorch.special")
@op(name="special_erfcx", method=False, promote="float")
def erfcx(input: Array) -> Array:
    """exp(input**2) * erfc(input), which does not underflow."""
    return _erfcx(input)


def _zeta_name(types, consts):
    return f"SpecialZetaBackward{1 if types[0].number else 2 if types[1].number else 0}"


@public_in("jtorch.special")
@op(method=False, promote="float", grad_fn=_zeta_name)
def zeta(input: Array | Number, other: Array | Number) -> Array:
    """The Hurwitz zeta function: the sum of (k + other)**-input over k = 0, 1, ..."""
    return lax.zeta(*jnp.broadcast_arrays(input, other))


@public_in("jtorch.special")
@op(method=False, promote="float", grad_fn="SpecialI0EBackward0")
def i0e(input: Array) -> Array:
    """exp(-|input|) * i0(input)."""
    return jsp.i0e(input)


@public_in("jtorch.special")
@op(method=False, promote="float", grad_fn="SpecialI1Backward0")
def i1(input: Array) -> Array:
    """The modified Bessel function of the first kind, of order 1."""
    return _bessel_i1(input)


@jax.custom_jvp
def _bessel_i1(x):
    return jsp.i1(x)


@_bessel_i1.defjvp
def _bessel_i1_jvp(primals, tangents):
    (x,), (dx,) = primals, tangents
    near = jnp.where(x == 0, 1, x)
    slope = jnp.where(
        x == 0, 0.5 + 3 * x * x / 16, jsp.i0(near) - _bessel_i1(near) / near
    )  # at 0 the first terms of its series
    return _bessel_i1(x), dx * slope


@public_in("jtorch.special")
@op(method=False, promote="float", grad_fn="SpecialI1EBackward0")
def i1e(input: Array) -> Array:
    """exp(-|input|) * i1(input)."""
    return jsp.i1e(input)


@public_in("jtorch.special")
@op(
    method=False,
    promote="float",
    grad_fn="MulBackward1",
    graph={"MulBackward1": "MulBackward1(AddBackward1(Erf(MulBackward1(input))))"},
)
def ndtr(input: Array) -> Array:
    """The area under the standard normal density up to input."""
    return jsp.ndtr(input)


@public_in("jtorch.special")
@op(method=False, promote="float", grad_fn="SpecialNdtriBackward0")
def ndtri(input: Array) -> Array:
    """The inverse of ndtr."""
    return slopes.ndtri(input)


@public_in("jtorch.special")
@op(method=False, promote="float", grad_fn="SpecialLogNdtrBackward0")
def log_ndtr(input: Array) -> Array:
    """log(ndtr(input)), accurate far below 0."""
    return jsp.log_ndtr(input)


@public_in("jtorch.special")
@op(method=False, promote="float", grad_fn="SpecialEntrBackward0")
def entr(input: Array) -> Array:
    """-input * log(input); 0 at 0, -inf below."""
    return jsp.entr(input)


@public_in("jtorch.special")
@op(method=False, promote="float", grad_fn=_xlog_name("SpecialXlog1Py"))
def xlog1py(input: Array | Number, other: Array | Number) -> Array:
    """input * log1p(other), 0 where input is 0 (NaN where other is)."""
    zero = (input == 0) & ((other <= -1) | jnp.isinf(other))
    return jnp.where(zero, 0, input * jnp.log1p(jnp.where(zero, 0, other)))
