"""Norms of vectors and matrices: `torch.norm`, and the two ops that it uses."""

from __future__ import annotations

import math

import jax.numpy as jnp

from jtorch.core.facts import dtypes, warn_user
from jtorch.core.op import Array, function, letter, op, public
from jtorch.core.ops.matrix.matrix_checks import refuse_nan
from jtorch.core.ops.rules import largest_of, norm_of, reduced_dims, smallest_of
from jtorch.core.tensor import wrap_dim


def _floats_of(name, x, to):
    if letter(x) not in "fc":
        raise RuntimeError(
            f"linalg.{name}: Expected a floating point or complex tensor as input. Got {dtypes.of(x.dtype).scalar_name}"
        )
    return x if to is None else x.astype(to.np)


@op(name="linalg_vector_norm", autocast={"cuda": "float32"}, behind="norm")
def linalg_vector_norm(x: Array, ord: float, dim: tuple, keepdim: bool, dtype) -> Array:
    if dtype is not None and dtype.category < dtypes.FLOAT:
        raise RuntimeError(
            f"linalg.vector_norm: dtype should be floating point or complex, but got {dtype.scalar_name}"
        )
    if dtype is not None and dtype.is_complex and letter(x) != "c":
        raise RuntimeError(f"linalg.vector_norm: dtype should be real for real inputs, but got {dtype.scalar_name}")
    x = _floats_of("vector_norm", x, dtype)
    return norm_of(x, ord, reduced_dims(dim, x.ndim), keepdim).astype(x.real.dtype)


def _matrix_name(types, consts):
    named = {"fro": "LinalgVectorNormBackward0", "nuc": "SumBackward1"}.get(consts["ord"])
    return named or ("AmaxBackward0" if consts["ord"] > 0 else "AminBackward0")


def _singular_values(x):
    if x.dtype.itemsize == 2:
        raise RuntimeError(
            f"linalg.matrix_norm: Low precision dtypes not supported. Got {dtypes.of(x.dtype).scalar_name}"
        )
    return jnp.linalg.svd(x, compute_uv=False)


def _largest(x, axis, keepdims=False):
    return largest_of(x, axis, keepdims) if x.shape[axis] else jnp.sum(x, axis, keepdims=keepdims)


def _check_not_empty(size, dim):
    if not size:
        raise IndexError(f"amin(): Expected reduction dim {dim} to have non-zero size.")


@op(
    name="linalg_matrix_norm",
    grad_fn=_matrix_name,
    autocast={"cuda": "float32"},
    graph={
        "SumBackward1": "SumBackward1(LinalgSvd#1(Permute(A)))",
        "AmaxBackward0": "Amax(LinalgVectorNorm(A))",
        "AminBackward0": "Amin(LinalgVectorNorm(A))",
        "AmaxBackward0[ord=2]": "Amax(LinalgSvd#1(Permute(A)))",
        "AminBackward0[ord=-2]": "Amin(LinalgSvd#1(Permute(A)))",
    },
    behind="norm",
)
def linalg_matrix_norm(A: Array, ord: str, dim: tuple, keepdim: bool, dtype) -> Array:
    x = _floats_of("matrix_norm", A, dtype)
    if x.ndim < 2:
        raise RuntimeError("linalg.matrix_norm: The input tensor A must have at least 2 dimensions.")
    rows, columns = (wrap_dim(d, x.ndim) for d in dim)
    if rows == columns:
        raise RuntimeError(f"linalg.matrix_norm: dims must be different. Got ({dim[0]}, {dim[1]})")
    if ord == "fro":
        return norm_of(x, 2, tuple(sorted((rows, columns))), keepdim).astype(x.real.dtype)
    if ord in (1, -1, math.inf, -math.inf):
        first, second = (rows, columns) if abs(ord) == 1 else (columns, rows)
        sums = norm_of(x, 1, (first,), True)
        if ord < 0:
            _check_not_empty(x.shape[second], second - (not keepdim and second > first))
        out = (_largest if ord > 0 else smallest_of)(sums, axis=second, keepdims=True)
    elif ord in ("nuc", 2, -2):
        values = _singular_values(jnp.moveaxis(x, (rows, columns), (-2, -1)))
        if ord == -2:
            _check_not_empty(values.shape[-1], -1)
        reduce = {"nuc": jnp.sum, 2: _largest, -2: smallest_of}[ord]
        out = jnp.expand_dims(reduce(values, axis=-1), tuple(sorted((rows, columns))))
    else:
        raise RuntimeError(f"linalg.matrix_norm: Order {ord} not supported.")
    return out if keepdim else jnp.squeeze(out, (rows, columns))


def matrix_norm_of(A, ord, dim, keepdim, dtype, out=None):
    """The norm of matrices. Raises LinAlgError if it needs the singular values of a matrix with NaN."""
    result = linalg_matrix_norm(A, ord, tuple(dim), keepdim, dtype, out=out)
    if ord in ("nuc", 2, -2):
        refuse_nan(A.movedim(tuple(dim), (-2, -1)), result)
    return result


@public
def norm(input, p="fro", dim=None, keepdim=False, out=None, dtype=None):
    """The p-norm of all elements or over dims; "nuc" is the sum of a matrix's singular values.

    >>> torch.norm(torch.tensor([3., 4.]))
    tensor(5.)
    """
    if p == "nuc":
        dims = (-2, -1) if dim is None else (dim if isinstance(dim, tuple | list) else (dim,))
        return matrix_norm_of(input, "nuc", dims, keepdim, dtype, out)
    order = 2.0 if p is None or p == "fro" else p
    if isinstance(order, str):
        raise RuntimeError(f"only valid string values are 'fro' and 'nuc', found {p}")
    return linalg_vector_norm(input, float(order), dim, keepdim, dtype, out=out)


def _of_old_name(old, new):
    warn_user(
        f"at::{old} is deprecated and it is just left for JIT compatibility. It will be removed in a future PyTorch release."
        f" Please use `linalg.{new}` instead",
    )


@function
def frobenius_norm(input, dim, keepdim=False, *, out=None):
    """The 2-norm over one or two dims; over all where `dim` is empty. An old name of `torch.linalg.vector_norm`."""
    _of_old_name("frobenius_norm", "vector_norm(A, 2., dim, keepdim)")
    dims = tuple(dim) if isinstance(dim, tuple | list) else (dim,)
    if len(dims) > 2:
        raise RuntimeError(f"Expected at most 2 dimensions, but got {len(dims)} dimensions instead.")
    return linalg_vector_norm(input, 2.0, dims or None, keepdim, None, out=out)


@function
def nuclear_norm(input, dim=(-2, -1), keepdim=False, *, out=None):
    """The sum of a matrix's singular values. An old name of `torch.linalg.matrix_norm` with "nuc"."""
    if isinstance(dim, bool):  # the form without dims
        dim, keepdim = (-2, -1), dim
    _of_old_name("nuclear_norm", "matrix_norm(A, 'nuc', dim, keepdim)")
    return matrix_norm_of(input, "nuc", tuple(dim), keepdim, None, out)


@function
def norm_except_dim(v, pow=2, dim=0):
    """The `pow`-norm of all elements that share their place along `dim`, which stays; -1: of all elements.

    >>> torch.norm_except_dim(torch.ones(2, 4))
    tensor([[2.],
            [2.]])
    """
    if dim == -1:
        return linalg_vector_norm(v, float(pow), None, False, None)
    others = tuple([d for d in range(v.ndim) if d != wrap_dim(dim, v.ndim)])
    return linalg_vector_norm(v, float(pow), others, True, None) if others else v.abs()
