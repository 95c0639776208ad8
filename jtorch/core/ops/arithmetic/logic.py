"""Comparisons, logic, bits, and the functions that choose between values: where, maximum, clamp.

Comparisons return bools. The functions that choose follow PyTorch's rules for NaN and for the gradient where two values
are equal.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax import lax

from jtorch.core.facts import dtypes, limits
from jtorch.core.op import Array, Number, common_shape, function, kernel, letter, needs_data, op, public
from jtorch.core.ops.rules import larger
from jtorch.core.tensor import Tensor, cast

# ---- comparisons


@op(inplace=True, promote=True, saves=(), widen=False)
def eq(input: Array, other: Array | Number) -> Array:
    """input == other.

    >>> torch.tensor([1, 2]) == 2
    tensor([False,  True])
    """
    return input == other


@op(inplace=True, promote=True, saves=(), widen=False, aliases=("not_equal",))
def ne(input: Array, other: Array | Number) -> Array:
    """input != other."""
    return input != other


@op(inplace=True, promote=True, saves=(), widen=False, aliases=("less",))
def lt(input: Array, other: Array | Number) -> Array:
    """input < other."""
    kernel("lt_cpu", input, "bif")
    return input < other


@op(inplace=True, promote=True, saves=(), widen=False, aliases=("less_equal",))
def le(input: Array, other: Array | Number) -> Array:
    """input <= other."""
    kernel("le_cpu", input, "bif")
    return input <= other


@op(inplace=True, promote=True, saves=(), widen=False, aliases=("greater",))
def gt(input: Array, other: Array | Number) -> Array:
    """input > other."""
    kernel("gt_cpu", input, "bif")
    return input > other


@op(inplace=True, promote=True, saves=(), widen=False, aliases=("greater_equal",))
def ge(input: Array, other: Array | Number) -> Array:
    """input >= other."""
    kernel("ge_cpu", input, "bif")
    return input >= other


def _close_arguments(input, other, rtol, atol, **_):
    if isinstance(input, Tensor) and isinstance(other, Tensor) and input.dtype is not other.dtype:
        raise RuntimeError(f"{input.dtype.scalar_name} did not match {other.dtype.scalar_name}")
    for name, tolerance in (("rtol", rtol), ("atol", atol)):
        if tolerance < 0:
            raise RuntimeError(f"{name} must be greater than or equal to zero, but got {tolerance:g}")


@op(saves=(), promote=True, check=_close_arguments)
def isclose(input: Array, other: Array, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> Array:
    """|input - other| <= atol + rtol * |other|, elementwise; infinities are close to themselves only."""
    close = input == other
    if equal_nan and letter(input) in "fc":
        close |= jnp.isnan(input) & jnp.isnan(other)
    if letter(input) in "bi":
        wide = input.astype(jnp.float64), other.astype(jnp.float64)
        return close | (jnp.abs(wide[0] - wide[1]) <= atol + jnp.abs(rtol * wide[1]))
    gap = jnp.abs(input - other)
    return close | (jnp.isfinite(gap) & (gap <= atol + jnp.abs(rtol * other)))


@public
def allclose(input, other, rtol=1e-5, atol=1e-8, equal_nan=False):
    """Whether all elements are close, as a Python bool; see :func:`isclose`."""
    close = isclose(input, other, rtol, atol, equal_nan)
    return bool(close.all()) if close.is_meta else bool(close._to_numpy().all())


@public
def equal(input, other):
    """Whether size and all elements are the same, as a Python bool."""
    needs_data("equal", input, other)
    return input.shape == other.shape and bool((input == other)._to_numpy().all())


@op(saves=(), name="isin")
def _isin(elements: Array, test_elements: Array, *, invert: bool = False) -> Array:
    return jnp.isin(elements, test_elements, invert=invert)


@public(method=False)
def isin(elements, test_elements, *, assume_unique=False, invert=False, out=None):
    """Whether each of `elements` is among `test_elements`; with `invert`, whether it is not."""
    if not isinstance(test_elements, Tensor):
        made = elements == test_elements
        return logical_not(made) if invert else made
    if not isinstance(elements, Tensor):
        made = (test_elements == elements).any()
        return logical_not(made) if invert else made
    return _isin(elements, test_elements, invert=invert, out=out)


# ---- kinds of numbers


@op(promote=True, saves=(), widen=False)
def isnan(input: Array) -> Array:
    """Whether each element is not a number."""
    return jnp.isnan(input) if letter(input) in "fc" else jnp.zeros(input.shape, jnp.bool_)


@op(promote=True, saves=(), widen=False)
def isinf(input: Array) -> Array:
    """Whether each element is infinite."""
    return jnp.isinf(input) if letter(input) in "fc" else jnp.zeros(input.shape, jnp.bool_)


@op(promote=True, saves=(), widen=False)
def isfinite(input: Array) -> Array:
    """Whether each element is neither infinite nor NaN."""
    return jnp.isfinite(input) if letter(input) in "fc" else jnp.ones(input.shape, jnp.bool_)


def _infinite(name, sign, x):
    if letter(x) == "c":
        raise RuntimeError(f"{name} does not support complex inputs.")
    return x == sign * jnp.inf if letter(x) == "f" else jnp.zeros(x.shape, jnp.bool_)


@op(promote=True, saves=(), widen=False)
def isposinf(input: Array) -> Array:
    """Whether each element is +inf."""
    return _infinite("isposinf", 1, input)


@op(promote=True, saves=(), widen=False)
def isneginf(input: Array) -> Array:
    """Whether each element is -inf."""
    return _infinite("isneginf", -1, input)


@op(promote=True, saves=(), widen=False)
def isreal(input: Array) -> Array:
    """Whether the imaginary part of each element is 0."""
    return input.imag == 0 if letter(input) == "c" else jnp.ones(input.shape, jnp.bool_)


@public
def is_nonzero(input):
    """Whether the only element of a tensor is not 0, as a Python bool."""
    return bool(input)


# ---- logic and bits


def _truth(x):
    return x if x.dtype == jnp.bool_ else x != 0


@op(inplace=True, promote=True, saves=(), widen=False)
def logical_not(input: Array) -> Array:
    """Whether each element is 0."""
    kernel("logical_not_cpu", input, "bifc")
    return ~_truth(input)


@op(inplace=True, promote=True, saves=(), widen=False)
def logical_and(input: Array, other: Array) -> Array:
    """Whether both elements are nonzero."""
    return _truth(input) & _truth(other)


@op(inplace=True, promote=True, saves=(), widen=False)
def logical_or(input: Array, other: Array) -> Array:
    """Whether one of the elements is nonzero."""
    return _truth(input) | _truth(other)


@op(inplace=True, promote=True, saves=(), widen=False)
def logical_xor(input: Array, other: Array) -> Array:
    """Whether exactly one of the elements is nonzero."""
    return _truth(input) ^ _truth(other)


@op(inplace=True, promote=True, saves=(), widen=False)
def bitwise_not(input: Array) -> Array:
    """All bits flipped; of bools, the opposite."""
    kernel("bitwise_not_cpu", input, "bi")
    return ~input


@op(inplace=True, promote=True, saves=(), widen=False)
def bitwise_and(input: Array | Number, other: Array | Number) -> Array:
    """The bits set in both."""
    kernel("bitwise_and_cpu", input, "biu")
    return input & other


@op(inplace=True, promote=True, saves=(), widen=False)
def bitwise_or(input: Array | Number, other: Array | Number) -> Array:
    """The bits set in one or both."""
    kernel("bitwise_or_cpu", input, "biu")
    return input | other


@op(inplace=True, promote=True, saves=(), widen=False)
def bitwise_xor(input: Array | Number, other: Array | Number) -> Array:
    """The bits set in exactly one."""
    kernel("bitwise_xor_cpu", input, "biu")
    return input ^ other


@op(inplace=True, promote=True, saves=(), widen=False)
def bitwise_left_shift(input: Array | Number, other: Array | Number) -> Array:
    """input * 2**other; 0 where all bits are shifted out."""
    kernel("lshift_cpu", input, "i")
    bits = input.dtype.itemsize * 8
    return jnp.where((other < 0) | (other >= bits), 0, lax.shift_left(*jnp.broadcast_arrays(input, other)))


@op(inplace=True, promote=True, saves=(), widen=False)
def bitwise_right_shift(input: Array | Number, other: Array | Number) -> Array:
    """floor(input / 2**other)."""
    kernel("rshift_cpu", input, "i")
    bits = input.dtype.itemsize * 8
    shift = jnp.where((other < 0) | (other >= bits), bits - 1, other).astype(input.dtype)
    shifted = jnp.right_shift(input, shift)
    gone = (other < 0) | (other >= bits)
    return jnp.where(gone & (input >= 0), 0, shifted)


# ---- choosing


def _check_numbers_fit(input, *numbers):
    """Raise for a Python number that the tensor's dtype cannot hold. A number of a higher category, such as a float for
    an integer tensor, is not checked, because the result is promoted."""
    for n in numbers:
        if isinstance(n, int | float) and input.dtype.category >= (
            dtypes.FLOAT if isinstance(n, float) else dtypes.INT
        ):
            limits.must_hold(input.dtype, n)


def _check_where(condition, input, other):
    for x, n in ((input, other), (other, input)):
        if isinstance(x, Tensor):
            _check_numbers_fit(x, n)


@op(promote=("input", "other"), saves=(0,), name="where", widen=False, check=_check_where, numbers="tensor")
def _where(condition: Array, input: Array | Number, other: Array | Number) -> Array:
    if condition.dtype not in (jnp.bool_, jnp.uint8):
        raise RuntimeError(
            f"where expected condition to be a boolean tensor, but got a tensor with dtype {dtypes.of(condition.dtype).scalar_name}"
        )
    common_shape(common_shape(condition.shape, input.shape), other.shape)
    return jnp.where(condition != 0, input, other)


@public(method=False)
def where(condition, input=None, other=None, *, out=None):
    """input where the condition holds, else other; with the condition alone, the indices where it holds.

    >>> torch.where(torch.tensor([True, False]), torch.tensor([1., 2.]), 0.)
    tensor([1., 0.])
    """
    if input is None and other is None:
        return condition.nonzero(as_tuple=True)
    return _where(condition, input, other, out=out)


def _where_method(self, condition, other):
    return _where(condition, self, other)


def _no_complex(name):
    def check_types(input, other):
        if input.dtype.is_complex or other.dtype.is_complex:
            raise RuntimeError(f"{name} not implemented for complex tensors.")

    return check_types


@op(chooses=True, promote=True, check_types=_no_complex("maximum"))
def maximum(input: Array, other: Array) -> Array:
    """The larger element; NaN where either is NaN. Equal elements share the gradient."""
    kernel("maximum_cpu", input, "bif")
    return _greatest(input, other) if letter(input) == "f" else jnp.maximum(input, other)


@jax.custom_jvp
def _greatest(a, b):
    return larger(a, b)


@_greatest.defjvp
def _greatest_jvp(primals, tangents):
    (a, b), (da, db) = primals, tangents
    both = jnp.where(a < b, 0, da) + jnp.where(a > b, 0, db)  # where one is NaN, each gets the whole gradient
    return _greatest(a, b), jnp.where(a == b, both / 2, both)


@op(chooses=True, promote=True, check_types=_no_complex("minimum"))
def minimum(input: Array, other: Array) -> Array:
    """The smaller element; NaN where either is NaN. Equal elements share the gradient."""
    kernel("minimum_cpu", input, "bif")
    return -_greatest(-input, -other) if letter(input) == "f" else jnp.minimum(input, other)


@op(chooses=True, promote=True, check_types=_no_complex("fmax"))
def fmax(input: Array, other: Array) -> Array:
    """The larger element; NaN only where both are NaN."""
    kernel("fmax_cpu", input, "bif")
    return jnp.where((input >= other) | (other != other), input, other)


@op(chooses=True, promote=True, check_types=_no_complex("fmin"))
def fmin(input: Array, other: Array) -> Array:
    """The smaller element; NaN only where both are NaN."""
    kernel("fmin_cpu", input, "bif")
    return jnp.where((input <= other) | (other != other), input, other)


def _clamp_name(types, consts):
    numbers = [t.number for t in types[1:]]
    return "ClampBackward1" if any(numbers) else "ClampBackward0"


def _bounded(x, low, high):
    """x kept within the bounds; where x equals a bound, x gets the gradient."""
    if letter(x) == "c":
        raise NotImplementedError("clamp is not supported for complex types")
    x = jnp.where(x != x, lax.stop_gradient(x), x)  # NaN gets no gradient
    if low is not None:
        x = jnp.where((x < low) | (low != low), low, x)
    return x if high is None else jnp.where((x > high) | (high != high), high, x)


def _clamp_arguments(input, min, max):
    if min is None and max is None:
        raise RuntimeError("torch.clamp: At least one of 'min' or 'max' must not be None")
    _check_numbers_fit(input, min, max)


@op(
    chooses=True,
    promote=True,
    name="clamp",
    grad_fn=_clamp_name,
    check=_clamp_arguments,
    numbers="parameter",
    graph={"ClampBackward0": "Clamp(input, min, max)"},
)
def _clamp_both(input: Array, min: Array | Number | None = None, max: Array | Number | None = None) -> Array:
    return _bounded(input, min, max)


def _as_bound(bound, input):
    """A tensor that is given beside a number, which PyTorch takes for a number. Its value is not read here."""
    if not isinstance(bound, Tensor):
        return bound
    if bound.ndim or bound.requires_grad:
        raise TypeError("clamp() received an invalid combination of arguments: a number and a tensor")
    own = bound.dtype.category
    return cast(bound, dtypes.default_of(own)) if own > input.dtype.category else bound


@public(inplace=True, numbers="parameter", aliases=("clip",))
def clamp(input, min=None, max=None, *, out=None):
    """min(max(input, min), max): input kept within bounds, which may be numbers or tensors.

    >>> torch.clamp(torch.tensor([-1., 0.5, 2.]), 0, 1)
    tensor([0.0000, 0.5000, 1.0000])
    """
    if min is not None and max is not None and isinstance(min, Tensor) != isinstance(max, Tensor):
        min, max = _as_bound(min, input), _as_bound(max, input)
    return _clamp_both(input, min, max, out=out)


@op(
    chooses=True,
    inplace=True,
    promote=True,
    grad_fn=lambda types, consts: f"ClampMinBackward{int(not types[1].number)}",
    numbers="parameter",
)
def clamp_min(input: Array, min: Array | Number) -> Array:
    """max(input, min)."""
    return _bounded(input, min, None)


@op(
    chooses=True,
    inplace=True,
    promote=True,
    grad_fn=lambda types, consts: f"ClampMaxBackward{int(not types[1].number)}",
    numbers="parameter",
)
def clamp_max(input: Array, max: Array | Number) -> Array:
    """min(input, max)."""
    return _bounded(input, None, max)


clip = function(clamp, name="clip")
greater = function(gt, name="greater")
greater_equal = function(ge, name="greater_equal")
less = function(lt, name="less")
less_equal = function(le, name="less_equal")
not_equal = function(ne, name="not_equal")

Tensor.where = _where_method
