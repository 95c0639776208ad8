"""Elementwise arithmetic, sign and rounding, as pure functions on JAX arrays.

`promote` has already converted the arrays to their common dtype, half types to float32. These functions refuse what
PyTorch's CPU kernels refuse, with the same message. Nothing here reduces, compares or moves elements.
"""

from __future__ import annotations

import builtins
import functools

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from jtorch.core.facts import devices, dtypes, limits
from jtorch.core.op import Array, Number, data_check, function, is_integer, kernel, letter, op, public, store
from jtorch.core.ops.rules import quotient, times
from jtorch.core.ops.slopes import magnitude, power, sign_of
from jtorch.core.tensor import Tensor, cast

ZERO_DIVISION = RuntimeError("ZeroDivisionError")


# Deprecated overloads that PyTorch still accepts, each with the one that it recommends.
_DEPRECATED_SCALED = ("Number alpha, Tensor other", "Tensor other, *, Number alpha = 1")
_DEPRECATED_WEIGHED = (
    "Number value, Tensor tensor1, Tensor tensor2",
    "Tensor tensor1, Tensor tensor2, *, Number value = 1",
)


def _is_number(types, i):
    return len(types) > i and types[i].number


# ---- arithmetic


def _check_alpha(alpha, x):
    if alpha is None or (hasattr(alpha, "dtype") and alpha.dtype == x.dtype):
        return
    kind = letter(alpha) if hasattr(alpha, "dtype") else "bifc"[(bool, int, float, complex).index(type(alpha))]
    if kind == "u" and letter(x) in "bi":
        raise RuntimeError(f"value cannot be converted to type {dtypes.of(x.dtype).name}_t without overflow")
    if kind == "b" and letter(x) != "b":
        raise RuntimeError("Boolean alpha only supported for Boolean results.")
    if letter(x) in "bi" and kind not in "bi":
        raise RuntimeError("For integral input tensors, argument alpha must not be a floating point number.")
    if kind == "c" and letter(x) != "c":
        raise RuntimeError("For non-complex input tensors, argument alpha must not be a complex number.")


def _times_alpha(x, alpha):
    """alpha * x, with alpha first rounded to x's dtype."""
    if isinstance(alpha, int) and alpha == 1:
        return x
    _check_alpha(alpha, x)
    return jnp.asarray(alpha).astype(x.dtype) * x


@op(inplace=True, promote=True, saves=(), numbers="tensor", deprecated=_DEPRECATED_SCALED)
def add(input: Array | Number, other: Array | Number, *, alpha: Number = 1) -> Array:
    """input + alpha * other.

    >>> torch.add(torch.tensor([1., 2.]), 10, alpha=2)
    tensor([21., 22.])
    """
    kernel("add_stub", input, "bifc")
    return input + _times_alpha(other, alpha)


_BOOL_SUB = (
    "Subtraction, the `-` operator, with two bool tensors is not supported. Use the `^` or `logical_xor()` operator instead.",
    "Subtraction, the `-` operator, with a bool tensor is not supported. "
    "If you are trying to invert a mask, use the `~` or `logical_not()` operator instead.",
)


def _no_bool(input, other, *_):
    bools = [input.dtype, other.dtype].count(dtypes.bool_)
    if bools:
        raise RuntimeError(_BOOL_SUB[2 - bools])


@op(
    inplace=True,
    promote=True,
    saves=(),
    check_types=_no_bool,
    numbers="tensor",
    aliases=("subtract",),
    deprecated=_DEPRECATED_SCALED,
)
def sub(input: Array | Number, other: Array | Number, *, alpha: Number = 1) -> Array:
    """input - alpha * other."""
    kernel("add_stub", input, "ifc")
    return input - _times_alpha(other, alpha)


def _rsub_name(types, consts):
    return "RsubBackward1" if _is_number(types, 1) else "RsubBackward0"


@op(promote=True, saves=(), grad_fn=_rsub_name, check_types=_no_bool)
def rsub(input: Array, other: Array | Number, *, alpha: Number = 1) -> Array:
    """other - alpha * input."""
    kernel("add_stub", input, "ifc")
    return other - _times_alpha(input, alpha)


@op(inplace=True, promote=True, numbers="tensor", aliases=("multiply",))
def mul(input: Array | Number, other: Array | Number) -> Array:
    """input * other."""
    return input & other if input.dtype == jnp.bool_ else input * other


def _zero(array):
    return (array == 0).any()


def _divisor(input, other, rounding_mode=None, **_):
    """Raise where integers are divided by zero and the quotient is an integer."""
    if rounding_mode not in (None, "trunc", "floor"):
        raise RuntimeError(
            f"div expected rounding_mode to be one of None, 'trunc', or 'floor' but found '{rounding_mode}'"
        )
    if rounding_mode is not None and is_integer(other) and is_integer(input):
        data_check(other, _zero, ZERO_DIVISION)


def _integer_divisor(input, other, **_):
    _divisor(input, other, "trunc")


def _rounded_quotient(rounding, x, y, remainder):
    """rounding(x / y), given the remainder of the division.

    A GPU's float32 division may be off in the last bit: 6 / 3 rounded down could give 1. So there x minus the remainder,
    which is a multiple of y, is divided, and the quotient is rounded to the nearest integer.
    """
    found = rounding(x / y)
    if devices.traced_kind().divides_exactly:
        return found
    nearest = jnp.round((x - remainder) / y)
    return jnp.where(jnp.isfinite(found) & jnp.isfinite(nearest), nearest, found)


def _trunc_divide(x, y):
    if letter(x) == "f":
        return _rounded_quotient(jnp.trunc, x, y, lax.rem(*jnp.broadcast_arrays(x, y)))
    return lax.div(*jnp.broadcast_arrays(x, jnp.where(y == 0, jnp.ones_like(y), y)))


def _floor_divide(x, y):
    if letter(x) != "f":
        safe = jnp.where(y == 0, jnp.ones_like(y), y)
        return jnp.floor_divide(x, safe)
    mod = lax.rem(*jnp.broadcast_arrays(x, y))
    div = (x - mod) / y
    div = jnp.where((mod != 0) & ((y < 0) != (mod < 0)), div - 1, div)
    floor = jnp.floor(div)
    floor = jnp.where(div - floor > 0.5, floor + 1, floor)
    floor = jnp.where(div == 0, jnp.copysign(jnp.zeros_like(div), x / y), floor)
    return jnp.where(y == 0, x / y, floor)


@op(promote="float", name="div", numbers="tensor")
def _true_divide(input: Array | Number, other: Array | Number) -> Array:
    return quotient(input, other)


@op(promote=True, saves=(), name="div", grad_fn="DivBackward2", check=_divisor, numbers="tensor")
def _rounded_divide(input: Array | Number, other: Array | Number, *, rounding_mode: str) -> Array:
    kernel(f"div_{rounding_mode}_cpu", input, "if")
    return lax.stop_gradient((_trunc_divide if rounding_mode == "trunc" else _floor_divide)(input, other))


@public(inplace=True, numbers="tensor")
def div(input, other, *, rounding_mode=None, out=None):
    """input / other; integers are divided as floats.

    Args:
        rounding_mode: None, "trunc" (towards zero, as in C) or "floor" (as Python's `//`). With either,
            integers stay integers.

    Raises:
        RuntimeError: integers divided by zero, with a rounding mode.

    >>> torch.div(torch.tensor([7, -7]), 2, rounding_mode="trunc")
    tensor([ 3, -3])
    """
    if rounding_mode is None:
        return _true_divide(input, other, out=out)
    return _rounded_divide(input, other, rounding_mode=rounding_mode, out=out)


@op(inplace=True, promote=True, saves=(), grad_fn="NotImplemented", check=_integer_divisor, numbers="tensor")
def floor_divide(input: Array | Number, other: Array | Number) -> Array:
    """floor(input / other), as Python's `//`."""
    kernel("div_floor_cpu", input, "if")
    return _floor_divide(input, other)


def _remainder_name(types, consts):
    return "NotImplemented" if types[0].number else "RemainderBackward0" if types[1].number else "RemainderBackward1"


@op(inplace=True, promote=True, grad_fn=_remainder_name, check=_integer_divisor)
def remainder(input: Array | Number, other: Array | Number) -> Array:
    """input - other * floor(input / other): it has the sign of other, as Python's `%`."""
    kernel("remainder_cpu", input, "if")
    if letter(input) == "i":
        return jnp.remainder(input, jnp.where(other == 0, jnp.ones_like(other), other))
    return _modulo(_float_remainder, jnp.floor, input, other)


def _float_remainder(x, y):
    mod = lax.rem(*jnp.broadcast_arrays(x, y))
    return jnp.where((mod != 0) & ((y < 0) != (mod < 0)), mod + y, mod)


@functools.partial(jax.custom_jvp, nondiff_argnums=(0, 1))
def _modulo(remainder, rounding, x, y):
    """remainder(x, y), with the gradient of x - y * rounding(x / y), where the rounded quotient is a constant."""
    return remainder(x, y)


@_modulo.defjvp
def _modulo_jvp(remainder, rounding, primals, tangents):
    x, y = primals
    left = remainder(x, y)
    return left, tangents[0] - tangents[1] * _rounded_quotient(rounding, x, y, left)


def _fmod_name(types, consts):
    return "FmodBackward0" if _is_number(types, 1) else "FmodBackward1"


@op(inplace=True, promote=True, grad_fn=_fmod_name, check=_integer_divisor)
def fmod(input: Array, other: Array | Number) -> Array:
    """input - other * trunc(input / other): it has the sign of input, as C's `fmod`."""
    kernel("fmod_cpu", input, "if")
    if letter(input) == "i":
        return lax.rem(*jnp.broadcast_arrays(input, jnp.where(other == 0, jnp.ones_like(other), other)))
    return _modulo(lambda x, y: lax.rem(*jnp.broadcast_arrays(x, y)), jnp.trunc, input, other)


@op(
    promote=True,
    name="pow",
    grad_fn=lambda types, consts: f"PowBackward{int(not types[1].number)}",
    numbers="parameter",
    autocast={"cuda": "float32"},
)
def _power(input: Array, exponent: Array | Number) -> Array:
    kernel("pow", input, "ifc")
    if letter(input) != "i":
        return power(*jnp.broadcast_arrays(input, exponent))
    raised = jnp.power(input, jnp.maximum(exponent, 0))
    if dtypes.of(input.dtype) is dtypes.uint8:
        return raised
    odd = (exponent % 2) != 0
    flipped = jnp.where(input == 1, 1, jnp.where(input == -1, jnp.where(odd, -1, 1), 0)).astype(input.dtype)
    return jnp.where(exponent < 0, flipped, raised)


@op(
    promote=True,
    name="pow",
    grad_fn="PowBackward2",
    saves="both",
    strides=lambda types, shapes, consts: [None],
    numbers="parameter",
    autocast={"cuda": "float32"},
)
def _power_of_number(input: Array | Number, exponent: Array) -> Array:
    return _power(input, exponent)


@op(promote=True, name="pow", grad_fn="PowBackward0", saves="inputs", numbers="parameter", autocast={"cuda": "float32"})
def _constant_power(input: Array, exponent: float) -> Array:
    if exponent in (0, 1):
        return input if exponent else jnp.ones_like(input)
    kernel("pow", input, "ifc")
    if exponent in (0.5, -0.5):
        return jnp.sqrt(input) if exponent > 0 else lax.rsqrt(input)
    return lax.integer_pow(input, int(exponent))


_SPECIAL_POWERS = {0, 1, 2, 3, 4, -1, -2, 0.5, -0.5}


@public(inplace=True, keeps_zero=True)
def pow(input, exponent, *, out=None):
    """input ** exponent, elementwise.

    A small integer or half-integer exponent is a constant of the compiled program. Any other number is a value: changing
    it compiles nothing.

    Raises:
        RuntimeError: an integer tensor to the power of a negative integer.

    >>> torch.pow(torch.tensor([1., 2., 3.]), 2)
    tensor([1., 4., 9.])
    """
    if isinstance(input, int | float | complex):
        return _power_of_number(input, exponent, out=out)
    if not isinstance(exponent, int | float | complex):
        return _power(input, exponent, out=out)
    integers = isinstance(input, Tensor) and input.dtype.category <= dtypes.INT
    if integers and input.dtype is not dtypes.bool_ and isinstance(exponent, int):
        limits.must_hold(input.dtype, exponent)
    if integers and not isinstance(exponent, float | complex) and exponent < 0:
        raise RuntimeError("Integers to negative integer powers are not allowed.")
    if isinstance(input, Tensor) and input.dtype is dtypes.bool_ and not isinstance(exponent, bool):
        input = cast(input, dtypes.default_of(2 if isinstance(exponent, float) else 1))
    if isinstance(exponent, complex) or exponent not in _SPECIAL_POWERS:
        return _power(input, exponent, out=out)
    if integers and isinstance(exponent, float):
        input = cast(input, dtypes.get_default_dtype())
    return _constant_power(input, exponent, out=out)


@public(inplace=True)
def float_power(input, exponent, *, out=None):
    """input ** exponent in double precision."""
    made = pow(_double(input), _double(exponent))
    return made if out is None else store(out, made, "float_power")


def _double(x):
    if isinstance(x, Tensor):
        return cast(x, dtypes.complex128 if x.dtype.is_complex else dtypes.float64)
    return x if isinstance(x, int | float | complex) else x.astype(jnp.float64)


def _no_negative_bool(input):
    if input.dtype is dtypes.bool_:
        raise RuntimeError(
            "Negation, the `-` operator, on a bool tensor is not supported. "
            "If you are trying to invert a mask, use the `~` or `logical_not()` operator instead."
        )


@op(inplace=True, promote=True, saves=(), keeps_zero=True, aliases=("negative",), check_types=_no_negative_bool)
def neg(input: Array) -> Array:
    """-input."""
    kernel("neg_cpu", input, "ifc")
    return -input


@public
def positive(input):
    """input itself.

    Raises:
        RuntimeError: input is bool.
    """
    if input.dtype in (dtypes.bool_, np.dtype(bool)):
        raise RuntimeError("The `+` operator, on a bool tensor is not supported.")
    return input


@op(inplace=True, promote="float", saves="result", by_result=times(lambda y: -(y**2)), autocast={"cuda": "float32"})
def reciprocal(input: Array) -> Array:
    """1 / input."""
    return 1 / input


@op(inplace=True, promote=True, grad_fn="PowBackward0", keeps_zero=True)
def square(input: Array) -> Array:
    """input ** 2."""
    if input.dtype == jnp.bool_:
        input = input.astype(jnp.int64)
    kernel("pow", input, "ifc")
    return input * input


@op(inplace=True, promote=True, numbers="parameter", deprecated=_DEPRECATED_WEIGHED, autocast={"cuda": "widest"})
def addcmul(input: Array, tensor1: Array, tensor2: Array | Number, *, value: Number = 1) -> Array:
    """input + value * tensor1 * tensor2."""
    kernel("addcmul_cpu_out", input, "ifc")
    if isinstance(value, int) and value == 1:
        return input + tensor1 * tensor2
    return input + jnp.asarray(value).astype(input.dtype) * tensor1 * tensor2


@op(inplace=True, promote=True, deprecated=_DEPRECATED_WEIGHED, autocast={"cuda": "widest"})
def addcdiv(input: Array, tensor1: Array, tensor2: Array, *, value: Number = 1) -> Array:
    """input + value * tensor1 / tensor2."""
    if letter(input) in "bi":
        raise RuntimeError(
            "Integer division with addcdiv is no longer supported, and in a future  release addcdiv will"
            " perform a "
            "true division of tensor1 and tensor2. The historic addcdiv behavior can be implemented as "
            "(input + value * torch.trunc(tensor1 / tensor2)).to(input.dtype) for integer inputs and as "
            "(input + value * tensor1 / tensor2) for float inputs. The future addcdiv behavior is just"
            " the latter "
            "implementation: (input + value * tensor1 / tensor2), for all dtypes."
        )
    return input + _times_alpha(tensor1, value) / tensor2


def _same_dtype(input, end, weight):
    for name, x in (("end", end), ("weight", weight)):
        if x.dtype is not input.dtype and (name == "end" or x.ndim):
            raise RuntimeError(f"expected dtype {input.dtype.cname} for `{name}` but got dtype {x.dtype.cname}")
    if weight.number and input.dtype.category < dtypes.FLOAT:
        raise NotImplementedError(f"\"lerp_kernel_scalar\" not implemented for '{input.dtype.scalar_name}'")


def _lerp(input, end, weight):
    kernel("lerp_kernel_tensor", input, "fc")
    near = jnp.abs(weight) < 0.5
    return jnp.where(near, input + weight * (end - input), end - (end - input) * (1 - weight))


@op(name="lerp", promote=True, grad_fn="LerpBackward0", saves=(), check_types=_same_dtype, numbers="parameter")
def _lerp_by_number(input: Array, end: Array, weight: Array | Number) -> Array:
    return _lerp(input, end, weight)


@op(name="lerp", promote=True, grad_fn="LerpBackward1", check_types=_same_dtype, numbers="parameter")
def _lerp_by_tensor(input: Array, end: Array, weight: Array | Number) -> Array:
    return _lerp(input, end, weight)


@public(inplace=True)
def lerp(input, end, weight, *, out=None):
    """input + weight * (end - input), computed from the nearer end."""
    if isinstance(weight, Tensor):
        return _lerp_by_tensor(input, end, weight, out=out)
    made = _lerp_by_number(input, end, weight)
    return made if out is None else store(out, made, "lerp", rule="add")


# ---- sign and rounding


def _refuse_complex(input):
    if input.dtype.is_complex:
        raise RuntimeError("In-place abs is not supported for complex tensors.")


@op(aliases=("absolute",), inplace=True, check_inplace=_refuse_complex, promote=True, keeps_zero=True)
def abs(input: Array) -> Array:
    """|input|; the gradient at 0 is 0."""
    kernel("abs_cpu", input, "ifc")
    return magnitude(input) if letter(input) == "f" else jnp.abs(input)


@op(inplace=True, promote=True, saves=(), keeps_zero=True)
def sign(input: Array) -> Array:
    """The sign: -1, 0 or 1."""
    if letter(input) == "c":
        raise NotImplementedError(
            "Unlike NumPy, torch.sign is not intended to support complex numbers. Please use torch.sgn instead."
        )
    kernel("sign_cpu", input, "bif")
    return input if input.dtype == jnp.bool_ else jnp.where(input == 0, 0, sign_of(input))  # 0 of -0, too


@op(inplace=True, promote=True, keeps_zero=True)
def sgn(input: Array) -> Array:
    """input / |input|, 0 at 0: the sign, also of complex numbers."""
    if letter(input) == "c":
        safe = jnp.where(input == 0, 1, input)
        return jnp.where(input == 0, 0, safe / jnp.abs(safe))  # jnp.sign's gradient ignores the angle
    return input if input.dtype == jnp.bool_ else jnp.where(input == 0, 0, sign_of(input))  # 0 of -0, too


@op(promote=True, saves=())
def signbit(input: Array) -> Array:
    """Whether the sign bit is set (also of -0.)."""
    if letter(input) == "c":
        raise NotImplementedError("signbit is not implemented for complex tensors.")
    if letter(input) == "f":
        return jnp.signbit(input)
    return jnp.zeros(input.shape, jnp.bool_) if input.dtype == jnp.bool_ else input < 0


def _rounded(name, f, x):
    if letter(x) == "c":
        raise NotImplementedError(f"{name} is not supported for complex inputs")
    kernel(f"{name}_vml_cpu", x, "iuf")
    return f(x) if letter(x) == "f" else x


@op(inplace=True, promote=True, saves=(), keeps_zero=True)
def floor(input: Array) -> Array:
    """The largest integer not above input."""
    return _rounded("floor", jnp.floor, input)


@op(inplace=True, promote=True, saves=(), keeps_zero=True)
def ceil(input: Array) -> Array:
    """The smallest integer not below input."""
    return _rounded("ceil", jnp.ceil, input)


@op(inplace=True, promote=True, saves=(), keeps_zero=True, aliases=("fix",))
def trunc(input: Array) -> Array:
    """input without its fraction."""
    return _rounded("trunc", jnp.trunc, input)


def _round_name(types, consts):
    return "RoundBackward1" if consts.get("decimals") else "RoundBackward0"


@op(inplace=True, promote=True, saves=(), grad_fn=_round_name, keeps_zero=True)
def round(input: Array, *, decimals: int = 0) -> Array:
    """The nearest integer, halves to even; with `decimals`, the nearest multiple of 10**-decimals."""
    kernel("round_vml_cpu", input, "iuf")
    if letter(input) != "f":
        return input
    if decimals == 0:
        return jnp.round(input)
    ten = 10.0 ** builtins.abs(decimals)
    return lax.stop_gradient(jnp.round(input * ten) / ten if decimals > 0 else jnp.round(input / ten) * ten)


@op(inplace=True, promote=True, saves=(), keeps_zero=True)
def frac(input: Array) -> Array:
    """The fraction: input - trunc(input)."""
    kernel("frac_cpu", input, "f")
    return input - lax.stop_gradient(jnp.trunc(input))


# ---- one function under several names

absolute = function(abs, name="absolute")
negative = function(neg, name="negative")
multiply = function(mul, name="multiply")
subtract = function(sub, name="subtract")
fix = function(trunc, name="fix")


@public(inplace=True, numbers="tensor")
def true_divide(input, other, *, out=None):
    """input / other; integers are divided as floats."""
    return _true_divide(input, other, out=out)


@public(inplace=True, numbers="tensor")
def divide(input, other, *, rounding_mode=None, out=None):
    """The same as :func:`div`."""
    return div(input, other, rounding_mode=rounding_mode, out=out)
