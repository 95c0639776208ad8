"""`torch.linalg`: products, norms, factorisations and solvers of matrices."""

from __future__ import annotations

import math

import jax.numpy as jnp
import numpy as np

from jtorch.core.facts import named_results as returntypes
from jtorch.core.op import Array, op, public_in
from jtorch.core.ops.matrix import decompose as _d
from jtorch.core.ops.matrix.norms import linalg_matrix_norm, linalg_vector_norm
from jtorch.core.ops.matrix.products import linalg_cross, linalg_multi_dot, linalg_vecdot
from jtorch.core.tensor import known


def _out(result, out):
    if out is None:
        return result
    if isinstance(result, tuple):
        return type(result)([_out(r, o) for r, o in zip(result, out, strict=True)])
    return out.copy_(result)


# ---- products


@public_in("jtorch.linalg")
def cross(input, other, *, dim=-1, out=None):
    """The vector product along a dim of size 3."""
    return linalg_cross(input, other, dim, out=out)


@public_in("jtorch.linalg")
def multi_dot(tensors, *, out=None):
    """The product of several matrices, multiplied in the order that costs least."""
    return linalg_multi_dot(list(tensors), out=out)


@public_in("jtorch.linalg")
def vecdot(x, y, *, dim=-1, out=None):
    """The sum of conj(x) * y along a dim."""
    return linalg_vecdot(x, y, dim, out=out)


@public_in("jtorch.linalg")
def diagonal(A, *, offset=0, dim1=-2, dim2=-1):
    """The diagonal of the last two dims, as a view."""
    return A.diagonal(offset, dim1, dim2)


@public_in("jtorch.linalg")
@op(method=False, grad_fn="CatBackward0", graph={"CatBackward0": "Cat(-, Cumprod(Expand(Unsqueeze(x))))"})
def vander(x: Array, N: int | None = None) -> Array:
    """The powers of each element in a row: 1, x, x**2, ..."""
    return x[..., None] ** jnp.arange(x.shape[-1] if N is None else N)


@public_in("jtorch.linalg")
def householder_product(A, tau, *, out=None):
    """The first columns of (1 - tau[0] v₀ v₀ᴴ)(1 - tau[1] v₁ v₁ᴴ)..., with vᵢ below the diagonal of A and 1 on it."""
    return _out(_d.linalg_householder_product(A, tau), out)


# ---- norms


@public_in("jtorch.linalg")
def vector_norm(x, ord=2, dim=None, keepdim=False, *, dtype=None, out=None):
    """The ord-norm of all elements, or over dims.

    >>> torch.linalg.vector_norm(torch.tensor([3., 4.]))
    tensor(5.)
    """
    return linalg_vector_norm(x, float(ord), dim, keepdim, dtype, out=out)


@public_in("jtorch.linalg")
def matrix_norm(A, ord="fro", dim=(-2, -1), keepdim=False, *, dtype=None, out=None):
    """The norm of a matrix: "fro", "nuc", 1, -1, 2, -2, inf or -inf."""
    return linalg_matrix_norm(A, ord, tuple(dim), keepdim, dtype, out=out)


@public_in("jtorch.linalg")
def norm(A, ord=None, dim=None, keepdim=False, *, out=None, dtype=None):
    """The norm of vectors (one dim, or no `ord`) or of matrices (two dims)."""
    if ord is None:
        return linalg_vector_norm(A, 2.0, dim, keepdim, dtype, out=out)
    dims = None if dim is None else (dim,) if isinstance(dim, int) else tuple(dim)
    if dims is None and A.ndim not in (1, 2):
        raise RuntimeError(
            f"linalg.norm: If dim is not specified but ord is, the input must be 1D or 2D. Got {A.ndim}D."
        )
    if isinstance(ord, str) or (dims and len(dims) == 2) or (dims is None and A.ndim == 2):
        return matrix_norm(A, ord, dims or (-2, -1), keepdim, dtype=dtype, out=out)
    return vector_norm(A, ord, dims, keepdim, dtype=dtype, out=out)


@op(
    name="linalg_cond",
    grad_fn="SqueezeBackward1",
    autocast={"cpu": "float32"},
    graph={"SqueezeBackward1": "SqueezeBackward1(Div(Slice(LinalgSvd#1(A)), Slice(LinalgSvd#1(A))))"},
)
def _cond(A: Array, largest: bool) -> Array:
    values = jnp.linalg.svd(_d.as_matrices("linalg.cond", A, False), compute_uv=False)
    return values[..., 0] / values[..., -1] if largest else values[..., -1] / values[..., 0]


@public_in("jtorch.linalg")
def cond(A, p=None, *, out=None):
    """How much solving with A can magnify errors: the norm of A times that of its inverse."""
    if p in (None, 2, -2):
        return _cond(A, p != -2, out=out)
    return _out(matrix_norm(A, p) * matrix_norm(inv(A), p), out)


@op(name="linalg_matrix_rank", saves=(), autocast={"cpu": "float32"})
def _matrix_rank(A: Array, atol: float | None, rtol: float | None, hermitian: bool) -> Array:
    x = _d.as_matrices("linalg.matrix_rank", A, False)
    values = jnp.abs(jnp.linalg.eigvalsh(x)) if hermitian else jnp.linalg.svd(x, compute_uv=False)
    if rtol is None:
        rtol = 0.0 if atol else max(x.shape[-2:]) * jnp.finfo(x.dtype).eps
    limit = jnp.maximum(atol or 0.0, rtol * jnp.max(values, axis=-1, keepdims=True))
    return jnp.sum(values > limit, axis=-1, dtype=jnp.int64)


@public_in("jtorch.linalg")
def matrix_rank(A, *, atol=None, rtol=None, hermitian=False, out=None, tol=None):
    """How many singular values are larger than max(atol, rtol * the largest)."""
    return _matrix_rank(A, tol if atol is None else atol, rtol, hermitian, out=out)


# ---- inverse and solving


@public_in("jtorch.linalg")
def inv(A, *, out=None):
    """The inverse of a square matrix, or of each in a batch.

    Raises:
        LinAlgError: a matrix is singular.
    """
    return _d.inverse(A, out=out)


@public_in("jtorch.linalg")
def inv_ex(A, *, check_errors=False, out=None):
    """(inverse, info): info is 0, or the number of the zero pivot that makes the matrix singular."""
    result, info = _d.linalg_inv_ex(A)
    if check_errors:
        _d.check_info(info, "linalg.inv", _d.SINGULAR)
    return _out(returntypes.linalg_inv_ex((result, info)), out)


@public_in("jtorch.linalg")
def pinv(A, *, atol=None, rtol=None, hermitian=False, out=None, rcond=None):
    """The Moore-Penrose inverse."""
    return _d.linalg_pinv(A, atol, rcond if rtol is None else rtol, hermitian, out=out)


@public_in("jtorch.linalg")
def solve(A, B, *, left=True, out=None):
    """X with A @ X = B (X @ A = B with left=False).

    Raises:
        LinAlgError: A is singular.

    >>> torch.linalg.solve(torch.tensor([[2., 0.], [0., 4.]]), torch.tensor([2., 2.]))
    tensor([1.0000, 0.5000])
    """
    result, info = _d.linalg_solve_ex(A, B, left)
    _d.check_info(info, "torch.linalg.solve", "The solver failed because the input matrix is singular.")
    return _out(result, out)


@public_in("jtorch.linalg")
def solve_ex(A, B, *, left=True, check_errors=False, out=None):
    """(solution, info): info is not 0 where A is singular."""
    result, info = _d.linalg_solve_ex(A, B, left)
    if check_errors:
        _d.check_info(info, "torch.linalg.solve", "The solver failed because the input matrix is singular.")
    return _out(returntypes.linalg_solve_ex((result, info)), out)


def _column_strides(types, shapes, consts):
    return _d.column_major(types, shapes, {})


@op(name="linalg_solve_triangular", strides=_column_strides, autocast={"cpu": "float32"})
def _solve_triangular(A: Array, B: Array, upper: bool, left: bool, unitriangular: bool) -> Array:
    if left:
        return _d.solve_triangular_array(A, B, upper, unit=unitriangular)
    turned = _d.solve_triangular_array(jnp.swapaxes(A, -1, -2), jnp.swapaxes(B, -1, -2), not upper, unit=unitriangular)
    return jnp.swapaxes(turned, -1, -2)


@public_in("jtorch.linalg")
def solve_triangular(A, B, *, upper, left=True, unitriangular=False, out=None):
    """X with A @ X = B for a triangular A (X @ A = B with left=False)."""
    return _solve_triangular(A, B, upper, left, unitriangular, out=out)


@op(name="linalg_lstsq", strides=_d.column_major, autocast={"cpu": "float32"})
def _lstsq(A: Array, B: Array, rcond: float | None):
    x = _d.as_matrices("linalg.lstsq", A, False)
    b = B[..., None] if B.ndim == x.ndim - 1 else B
    rcond = max(x.shape[-2:]) * float(jnp.finfo(x.dtype).eps) if rcond is None else rcond
    solution = jnp.linalg.pinv(x, rtol=rcond) @ b
    m, n = x.shape[-2:]
    residuals = jnp.sum(jnp.abs(b - x @ solution) ** 2, axis=-2) if m > n else jnp.zeros((0,), x.real.dtype)
    return (solution[..., 0] if B.ndim == x.ndim - 1 else solution), residuals


@public_in("jtorch.linalg")
def lstsq(A, B, rcond=None, *, driver=None):
    """The X with the smallest Frobenius norm of A @ X - B.

    Differs from torch: solved through the pseudo-inverse whatever the driver; singular values are not given.
    """
    solution, residuals = _lstsq(A, B, rcond)
    rank = matrix_rank(A, rtol=rcond)
    return returntypes.linalg_lstsq((solution, residuals, rank, known(np.empty(0, residuals.dtype.np))))


# ---- factorisations


@public_in("jtorch.linalg")
def cholesky(A, *, upper=False, out=None):
    """L with L @ Lᴴ = A, lower triangular (or its conjugate transpose).

    Raises:
        LinAlgError: A is not positive definite.
    """
    factor, info = _d.linalg_cholesky_ex(A, upper)
    _d.check_info(info, "linalg.cholesky", _d.INDEFINITE)
    return _out(factor, out)


@public_in("jtorch.linalg")
def cholesky_ex(A, *, upper=False, check_errors=False, out=None):
    """(L, info): info is 0, or the order of the first leading minor that is not positive."""
    factor, info = _d.linalg_cholesky_ex(A, upper)
    if check_errors:
        _d.check_info(info, "linalg.cholesky", _d.INDEFINITE)
    return _out(returntypes.linalg_cholesky_ex((factor, info)), out)


@public_in("jtorch.linalg")
def slogdet(A, *, out=None):
    """(sign, log of the absolute value) of the determinant."""
    return _out(returntypes.linalg_slogdet(tuple(_d.slogdet(A))), out)


@public_in("jtorch.linalg")
def qr(A, mode="reduced", *, out=None):
    """(Q, R) with Q @ R = A; mode "reduced", "complete" or "r" (R only)."""
    return _out(returntypes.linalg_qr(_d.linalg_qr(A, mode)), out)


@public_in("jtorch.linalg")
def svd(A, full_matrices=True, *, driver=None, out=None):
    """(U, S, Vh) with U @ diag(S) @ Vh = A, the singular values in descending order."""
    return _out(returntypes.linalg_svd(_d.linalg_svd(A, full_matrices)), out)


@public_in("jtorch.linalg")
def svdvals(A, *, driver=None, out=None):
    """The singular values, in descending order."""
    return _d.linalg_svdvals(A, out=out)


@public_in("jtorch.linalg")
def eigh(A, UPLO="L", *, out=None):
    """(eigenvalues ascending, eigenvectors in columns) of a symmetric or Hermitian matrix."""
    return _out(returntypes.linalg_eigh(_d.linalg_eigh(A, UPLO)), out)


@public_in("jtorch.linalg")
def eigvalsh(A, UPLO="L", *, out=None):
    """The eigenvalues of a symmetric or Hermitian matrix, ascending."""
    return _d.linalg_eigvalsh(A, UPLO, out=out)


@public_in("jtorch.linalg")
def eig(A, *, out=None):
    """(eigenvalues, eigenvectors in columns) of a square matrix, complex. On the CPU only."""
    return _out(returntypes.linalg_eig(_d.linalg_eig(A)), out)


@public_in("jtorch.linalg")
def eigvals(A, *, out=None):
    """The eigenvalues of a square matrix, complex. On the CPU only."""
    return _d.linalg_eigvals(A, out=out)


@public_in("jtorch.linalg")
def lu(A, *, pivot=True, out=None):
    """(P, L, U) with P @ L @ U = A."""
    _pivoted(pivot)
    p, low, up = _d.linalg_lu(A)
    return _out(returntypes.linalg_lu((p.detach(), low, up)), out)


@public_in("jtorch.linalg")
def lu_factor(A, *, pivot=True, out=None):
    """(L and U in one matrix, pivots counted from 1)."""
    _pivoted(pivot)
    return _out(returntypes.linalg_lu_factor(_d.linalg_lu_factor_ex(A)[:2]), out)


@public_in("jtorch.linalg")
def lu_factor_ex(A, *, pivot=True, check_errors=False, out=None):
    """(L and U in one matrix, pivots counted from 1, info)."""
    _pivoted(pivot)
    return _out(returntypes.linalg_lu_factor_ex(_d.linalg_lu_factor_ex(A)), out)


def _pivoted(pivot):
    if not pivot:
        raise NotImplementedError("linalg.lu without pivoting")


@public_in("jtorch.linalg")
def lu_solve(LU, pivots, B, *, left=True, adjoint=False, out=None):
    """X with A @ X = B, for A's LU factors."""
    return _d.linalg_lu_solve(LU, pivots, B, left, adjoint, out=out)


# ---- tensors as matrices


@public_in("jtorch.linalg")
def tensorinv(A, ind=2, *, out=None):
    """The inverse of A as a matrix: its first `ind` dims are the rows, the others the columns."""
    rows, columns = A.shape[:ind], A.shape[ind:]
    return _out(inv(A.reshape(math.prod(rows), -1)).reshape(*columns, *rows), out)


@public_in("jtorch.linalg")
def tensorsolve(A, B, dims=None, *, out=None):
    """X with tensordot(A, X, X.ndim) = B."""
    if dims is not None:
        A = A.movedim(tuple(dims), tuple(range(A.ndim - len(dims), A.ndim)))
    shape = A.shape[B.ndim :]
    return _out(solve(A.reshape(B.numel(), -1), B.reshape(-1)).reshape(*shape), out)
