"""Elementary functions: exponentials, logarithms, roots, trigonometric and hyperbolic functions.

Integers become the default float type; half types are computed in float32.
"""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
from jax import lax

from jtorch.core.op import Array, function, kernel, letter, op
from jtorch.core.ops import slopes
from jtorch.core.ops.rules import times

# ---- exponentials and logarithms


@op(inplace=True, promote="float", saves="result", by_result=times(lambda y: y), autocast={"cuda": "float32"})
def exp(input: Array) -> Array:
    """e ** input."""
    return jnp.exp(input)


@op(inplace=True, promote="float", saves="result", by_result=times(lambda y: y * math.log(2)))
def exp2(input: Array) -> Array:
    """2 ** input."""
    return jnp.exp2(input)


@op(
    inplace=True,
    promote="float",
    saves="result",
    by_result=times(lambda y: y + 1),
    keeps_zero=True,
    autocast={"cuda": "float32"},
)
def expm1(input: Array) -> Array:
    """e ** input - 1, accurate near 0."""
    return jnp.expm1(input)


@op(inplace=True, promote="float", autocast={"cuda": "float32"})
def log(input: Array) -> Array:
    """The natural logarithm."""
    return jnp.log(input)


@op(inplace=True, promote="float", autocast={"cuda": "float32"})
def log2(input: Array) -> Array:
    """The logarithm to base 2."""
    return jnp.log2(input)


@op(inplace=True, promote="float", autocast={"cuda": "float32"})
def log10(input: Array) -> Array:
    """The logarithm to base 10."""
    return jnp.log10(input)


@op(inplace=True, promote="float", grad_fn="Log1PBackward0", keeps_zero=True, autocast={"cuda": "float32"})
def log1p(input: Array) -> Array:
    """log(1 + input), accurate near 0."""
    return jnp.log1p(input)


@op(inplace=True, promote="float", saves="result", by_result=times(lambda y: 1 / (2 * y)), keeps_zero=True)
def sqrt(input: Array) -> Array:
    """The square root; nan below 0."""
    return jnp.sqrt(input)


@op(inplace=True, promote="float", saves="result", by_result=times(lambda y: -0.5 * y**3), autocast={"cuda": "float32"})
def rsqrt(input: Array) -> Array:
    """1 / sqrt(input)."""
    return lax.rsqrt(input)


@op(promote=True)
def logaddexp(input: Array, other: Array) -> Array:
    """log(exp(input) + exp(other)), without overflow."""
    kernel("logaddexp_cpu", input, "fc")
    return slopes.logaddexp(*jnp.broadcast_arrays(input, other))


@op(promote=True)
def logaddexp2(input: Array, other: Array) -> Array:
    """log2(2**input + 2**other), without overflow."""
    kernel("logaddexp2_cpu", input, "f")
    return slopes.logaddexp2(*jnp.broadcast_arrays(input, other))


# ---- trigonometric and hyperbolic


@op(inplace=True, promote="float", keeps_zero=True)
def sin(input: Array) -> Array:
    """The sine of an angle in radians."""
    return jnp.sin(input)


@op(inplace=True, promote="float")
def cos(input: Array) -> Array:
    """The cosine of an angle in radians."""
    return jnp.cos(input)


@op(
    inplace=True,
    promote="float",
    saves="result",
    by_result=times(lambda y: 1 + y**2),
    keeps_zero=True,
    autocast={"cuda": "float32"},
)
def tan(input: Array) -> Array:
    """The tangent of an angle in radians."""
    return jnp.tan(input)


@op(inplace=True, promote="float", keeps_zero=True, aliases=("arcsin",), autocast={"cuda": "float32"})
def asin(input: Array) -> Array:
    """The angle whose sine is input; nan outside [-1, 1]."""
    return jnp.arcsin(input)


@op(inplace=True, promote="float", aliases=("arccos",), autocast={"cuda": "float32"})
def acos(input: Array) -> Array:
    """The angle whose cosine is input; nan outside [-1, 1]."""
    return jnp.arccos(input)


@op(inplace=True, promote="float", keeps_zero=True, aliases=("arctan",))
def atan(input: Array) -> Array:
    """The angle whose tangent is input."""
    return jnp.arctan(input)


@op(inplace=True, promote="float", keeps_zero=True, autocast={"cuda": "float32"})
def sinh(input: Array) -> Array:
    """(exp(input) - exp(-input)) / 2."""
    return jnp.sinh(input)


@op(inplace=True, promote="float", autocast={"cuda": "float32"})
def cosh(input: Array) -> Array:
    """(exp(input) + exp(-input)) / 2."""
    return jnp.cosh(input)


@op(inplace=True, promote="float", saves="result", by_result=times(lambda y: 1 - y**2), keeps_zero=True)
def tanh(input: Array) -> Array:
    """sinh(input) / cosh(input): squashes to (-1, 1).

    >>> torch.tanh(torch.tensor([0., 1.]))
    tensor([0.0000, 0.7616])
    """
    return jnp.tanh(input)


@op(inplace=True, promote="float", keeps_zero=True, aliases=("arcsinh",))
def asinh(input: Array) -> Array:
    """The number whose hyperbolic sine is input."""
    return jnp.arcsinh(input)


@op(inplace=True, promote="float", aliases=("arccosh",))
def acosh(input: Array) -> Array:
    """The number >= 0 whose hyperbolic cosine is input; nan below 1."""
    return _complex_acosh(input) if letter(input) == "c" else jnp.arccosh(input)


@jax.custom_jvp
def _complex_acosh(x):
    return jnp.arccosh(x)


@_complex_acosh.defjvp
def _complex_acosh_jvp(primals, tangents):
    x = primals[0]  # two roots, not the root of the product, which takes another branch
    return _complex_acosh(x), tangents[0] * lax.rsqrt(x + 1) * lax.rsqrt(x - 1)


@op(inplace=True, promote="float", keeps_zero=True, aliases=("arctanh",))
def atanh(input: Array) -> Array:
    """The number whose hyperbolic tangent is input."""
    return jnp.arctanh(input)


@op(inplace=True, promote="float", saves="inputs", aliases=("arctan2",), autocast={"cuda": "widest"})
def atan2(input: Array, other: Array) -> Array:
    """The angle of the point (other, input), in (-pi, pi]."""
    kernel("atan2_cpu", input, "f")
    return slopes.angle_of(*jnp.broadcast_arrays(input, other))


@op(inplace=True, promote="float", saves="result", by_result=times(lambda y: y * (1 - y)))
def sigmoid(input: Array) -> Array:
    """1 / (1 + exp(-input)): squashes to (0, 1).

    >>> torch.sigmoid(torch.tensor([0., 2.]))
    tensor([0.5000, 0.8808])
    """
    return jax.nn.sigmoid(input) if letter(input) == "f" else 1 / (1 + jnp.exp(-input))


@op(inplace=True, promote=True)
def hypot(input: Array, other: Array) -> Array:
    """sqrt(input**2 + other**2)."""
    kernel("hypot_cpu", input, "f")
    return slopes.length_of(*jnp.broadcast_arrays(input, other))


@op(inplace=True, promote="float", saves=(), grad_fn="Deg2RadBackward0", keeps_zero=True)
def deg2rad(input: Array) -> Array:
    """Degrees as radians."""
    if letter(input) == "c":
        raise RuntimeError("deg2rad is not supported for complex tensors.")
    return input * (math.pi / 180)


@op(inplace=True, promote="float", saves=(), grad_fn="Rad2DegBackward0", keeps_zero=True)
def rad2deg(input: Array) -> Array:
    """Radians as degrees."""
    if letter(input) == "c":
        raise RuntimeError("rad2deg is not supported for complex tensors.")
    return input * (180 / math.pi)


# ---- one function under several names

arcsin = function(asin, name="arcsin")
arccos = function(acos, name="arccos")
arctan = function(atan, name="arctan")
arcsinh = function(asinh, name="arcsinh")
arccosh = function(acosh, name="arccosh")
arctanh = function(atanh, name="arctanh")
arctan2 = function(atan2, name="arctan2")
