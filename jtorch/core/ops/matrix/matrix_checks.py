"""Checks of matrices: of shape and dtype, and of their numbers, which are read at once as in PyTorch."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
from jax import lax

from jtorch.core.engine import META, TRACED, Lifted
from jtorch.core.facts import dtypes
from jtorch.core.op import kernel as has_kernel
from jtorch.core.op import letter


class LinAlgError(RuntimeError):
    """Raised where a matrix's numbers make a computation impossible: singular, not positive definite."""


LinAlgError.__name__ = LinAlgError.__qualname__ = "_LinAlgError"  # as PyTorch has it
LinAlgError.__module__ = "torch._C"


# ---- shapes and dtypes


def as_matrices(name, x, square=True, kernel=None):
    """`x`, if it holds matrices that the function `name` takes; otherwise raise PyTorch's error.

    Args:
        square: the matrices must be square.
        kernel: the CPU kernel that refuses half types; None: the function itself refuses them.
    """
    at_least_2d(name, x)
    if square:
        check_square(f"{name}: ", x)
    if letter(x) not in "fc":
        raise RuntimeError(
            f"{name}: Expected a floating point or complex tensor as input. Got {dtypes.of(x.dtype).scalar_name}"
        )
    if x.dtype.itemsize == 2:
        if kernel:
            has_kernel(kernel, x, "")
        raise RuntimeError(f"{name}: Low precision dtypes not supported. Got {dtypes.of(x.dtype).scalar_name}")
    return x


def for_kernel(name, x, kernel, square=True):
    """`x`, if it holds matrices of a dtype that LAPACK has, where only PyTorch's kernel checks the dtype."""
    at_least_2d(name, x)
    if square:
        check_square(f"{name}: ", x)
    has_kernel(kernel, x, "fc" if x.dtype.itemsize > 2 else "")
    return x


def at_least_2d(name, x):
    if x.ndim < 2:
        raise RuntimeError(f"{name}: The input tensor A must have at least 2 dimensions.")


def check_dtypes(text, a, b):
    """Raise the error, with the names of both dtypes, unless they are the same."""
    if a.dtype != b.dtype:
        raise RuntimeError(text.format(dtypes.of(a.dtype).scalar_name, dtypes.of(b.dtype).scalar_name))


def check_square(prefix, x):
    if x.shape[-1] != x.shape[-2]:
        raise RuntimeError(
            f"{prefix}A must be batches of square matrices, but they are {x.shape[-2]} by {x.shape[-1]} matrices"
        )


# ---- numbers


def zero_pivot(x):
    """The number, from 1, of the first zero on the diagonal of U in x = PLU; 0 where there is none."""
    return first_zero(lax.linalg.lu(lax.stop_gradient(x))[0])


def first_zero(x):
    """The number, from 1, of the first zero on the diagonal; 0 where there is none."""
    if not min(x.shape[-2:]):
        return jnp.zeros(x.shape[:-2], jnp.int32)
    zero = jnp.diagonal(x, axis1=-2, axis2=-1) == 0
    first = jnp.argmax(zero, axis=-1) + 1
    return jnp.where(jnp.any(zero, axis=-1), first, 0).astype(jnp.int32)


def with_nan(result, x):
    """`result`, or NaN where the matrix in `x` has one: LAPACK may pivot around it."""
    return jnp.where(jnp.isnan(x).any((-2, -1), keepdims=True), jnp.nan, result)


def bad_minor(x, factor):
    """The order of the first leading minor of `x` that is not positive; 0 where its Cholesky factor is finite."""
    good = jnp.isfinite(jnp.diagonal(factor, axis1=-2, axis2=-1).real).all(axis=-1)
    none = jnp.zeros(good.shape, jnp.int32)
    if not x.shape[-1]:
        return none
    found = lax.cond(good.all(), lambda x: none, _bad_pivot, lax.stop_gradient(x))
    return jnp.where(good, 0, jnp.where(found == 0, x.shape[-1], found))


def _bad_pivot(x):
    """The number, from 1, of the first pivot that is not positive when `x` is eliminated row by row; 0: none."""

    def eliminate(k, state):
        x, found = state
        column = x[..., :, k]
        pivot = column[..., k].real
        found = jnp.where((found == 0) & ~(pivot > 0), k + 1, found)
        safe = jnp.where(pivot > 0, pivot, 1)[..., None, None]
        return x - column[..., :, None] * column[..., None, :].conj() / safe, found

    start = x, jnp.zeros(x.shape[:-2], jnp.int32)
    return lax.fori_loop(0, x.shape[-1], eliminate, start)[1].astype(jnp.int32)


SINGULAR = "The diagonal element {} is zero, the inversion could not be completed because the input matrix is singular."
UNSOLVED = "The solver failed because the input matrix is singular."
INDEFINITE = (
    "The factorization could not be completed because the input is not positive-definite (the leading"
    " minor of order"
    " {} is not positive-definite)."
)
ZERO_IN_U = (
    "U[{0},{0}] is zero and using it on lu_solve would result in a division by zero. If you still want to perform the"
    " factorization, consider calling linalg.lu(A, pivot) or linalg.lu_factor_ex(A, pivot)"
)
RANK = "The least squares solution could not be computed because the input matrix does not have full rank (error code: {})."
NOT_FINITE = "The algorithm failed to converge because the input matrix contained non-finite values."
UNCONVERGED = "The algorithm failed to converge because the input matrix is ill-conditioned or has too many repeated {} (error code: {})."


def numbers(tensor):
    """The elements as a NumPy array, of all entries of a batch; None where there are none yet."""
    value = tensor._value
    while value.__class__ is Lifted:
        value = value.parts[0]
    return None if value.type.place in (META, TRACED) else value.read()


def check_info(info, name, text, kind=LinAlgError):
    """Raise PyTorch's error if an element of `info` is not 0. It is read at once: a program may go on by what it gets."""
    codes = numbers(info)
    if codes is not None and codes.any():
        raise _error(codes, name, text, kind)


def _error(codes, name, text, kind=LinAlgError):
    flat = codes.reshape(-1)
    at = int(np.flatnonzero(flat)[0])
    where = f"(Batch element {at}): " if codes.ndim else ""
    return kind(f"{name}: {where}{text.format(int(flat[at]))}")


def refuse_nan(A, result):
    """Raise PyTorch's error if `result` is NaN because singular values of a matrix with NaN were asked for."""
    if _has_nan(numbers(result)):
        unknown = np.isnan(numbers(A)).any((-2, -1))
        if unknown.any():
            raise _error(unknown, "linalg.svd", NOT_FINITE)


def refuse_unconverged(name, what, values, code):
    """Raise PyTorch's error if the values in the last dimension could not be computed, with LAPACK's error code."""
    found = numbers(values)
    if code > 0 and _has_nan(found):
        raise _error(np.isnan(found).any(-1) * code, name, UNCONVERGED.format(what, "{}"))


def _has_nan(array):
    return array is not None and np.isnan(array).any()


def refuse_not_finite(A):
    """Raise PyTorch's error of `eig` for an infinite element or NaN."""
    matrices = numbers(A)
    if matrices is not None and not np.isfinite(matrices).all():
        raise RuntimeError("torch.linalg.eig: input tensor should not contain infs or NaNs.")
