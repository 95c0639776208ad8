"""`torch.linalg`: products, norms, factorisations and solvers of matrices."""

from __future__ import annotations

import math

import jax.numpy as jnp
import numpy as np

from jtorch.core.facts import KINDS, dtypes
from jtorch.core.facts import named_results as returntypes
from jtorch.core.op import Array, function, letter, op, public_in, store
from jtorch.core.ops.matrix import decompose as _d
from jtorch.core.ops.matrix import matrix_checks as _c
from jtorch.core.ops.matrix.norms import linalg_vector_norm, matrix_norm_of
from jtorch.core.ops.matrix.products import linalg_cross, linalg_multi_dot, linalg_vecdot
from jtorch.core.tensor import known


def _out(name, result, out):
    if out is None:
        return result
    return store(out, result, name)


# ---- products


@public_in("jtorch.linalg")
def cross(input, other, *, dim=-1, out=None):
    """The vector product along a dim of size 3."""
    return linalg_cross(input, other, dim, out=out)


@public_in("jtorch.linalg")
def multi_dot(tensors, *, out=None):
    """The product of several matrices, multiplied in the order that costs least."""
    tensors = list(tensors)
    for i, t in enumerate(tensors):  # before autocast casts them
        if t.dtype != tensors[0].dtype:
            names = [x.dtype.cname for x in (tensors[0], t)]
            raise RuntimeError(
                f"multi_dot(): all tensors must have be the same dtype but tensor 0 is {names[0]} and tensor {i} {names[1]}"
            )
    return linalg_multi_dot(tensors, out=out)


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
    if x.dtype.itemsize == 2 and letter(x) == "f":
        raise RuntimeError(
            f"linalg.vander supports floating point, complex, and integer tensors, but got {dtypes.of(x.dtype).scalar_name}"
        )
    if (not x.ndim or x.shape[-1] <= 1) if N is None else N <= 1:
        raise RuntimeError("N must be greater than 1.")
    x = jnp.atleast_1d(x)
    return x[..., None] ** jnp.arange(x.shape[-1] if N is None else N)


@public_in("jtorch.linalg")
def householder_product(A, tau, *, out=None):
    """The first columns of (1 - tau[0] v₀ v₀ᴴ)(1 - tau[1] v₁ v₁ᴴ)..., with vᵢ below the diagonal of A and 1 on it."""
    return _out("linalg_householder_product", _d.linalg_householder_product(A, tau), out)


# ---- norms


@public_in("jtorch.linalg")
def vector_norm(x, ord=2, dim=None, keepdim=False, *, dtype=None, out=None):
    """The ord-norm of all elements, or over dims.

    >>> torch.linalg.vector_norm(torch.tensor([3., 4.]))
    tensor(5.)
    """
    return linalg_vector_norm(x, float(ord), dim, keepdim, dtype, out=out)


@public_in("jtorch.linalg")
def matrix_norm(A, ord: float | str = "fro", dim=(-2, -1), keepdim=False, *, dtype=None, out=None):
    """The norm of a matrix: "fro", "nuc", 1, -1, 2, -2, inf or -inf."""
    return matrix_norm_of(A, ord, dim, keepdim, dtype, out)


@public_in("jtorch.linalg")
def norm(A, ord=None, dim=None, keepdim=False, *, out=None, dtype=None):
    """The norm of vectors (one dim, or no `ord`) or of matrices (two dims)."""
    return _out("linalg_norm", _norm_by_order(A, ord, dim, keepdim, dtype), out)


def _norm_by_order(A, ord, dim, keepdim, dtype):
    if ord is None:
        return linalg_vector_norm(A, 2.0, dim, keepdim, dtype)
    dims = None if dim is None else (dim,) if isinstance(dim, int) else tuple(dim)
    if dims is None and A.ndim not in (1, 2):
        raise RuntimeError(
            f"linalg.norm: If dim is not specified but ord is, the input must be 1D or 2D. Got {A.ndim}D."
        )
    if isinstance(ord, str) or (dims and len(dims) == 2) or (dims is None and A.ndim == 2):
        return matrix_norm(A, ord, dims or (-2, -1), keepdim, dtype=dtype)
    return vector_norm(A, ord, dims, keepdim, dtype=dtype)


@op(
    name="linalg_cond",
    grad_fn="SqueezeBackward1",
    autocast={"cpu": "float32"},
    graph={"SqueezeBackward1": "SqueezeBackward1(Div(Slice(LinalgSvd#1(A)), Slice(LinalgSvd#1(A))))"},
)
def _cond(A: Array, largest: bool) -> Array:
    values = jnp.linalg.svd(_c.as_matrices("linalg.svd", A, False, "linalg_svd_cpu"), compute_uv=False)
    return values[..., 0] / values[..., -1] if largest else values[..., -1] / values[..., 0]


def _cond_of_inverse(A, p):
    """The condition number by the norm of the inverse, as PyTorch has it: infinite where there is no inverse."""
    name = f"linalg.cond(ord={p})"
    _c.at_least_2d(name, A)
    _c.check_square(f"{name}: ", A)
    if p == "nuc":
        values = svdvals(A)
        return values.sum(-1) * (1 / values).sum(-1)
    inverse, info = _d.linalg_inv_ex(A)
    inverse = inverse.masked_fill((info > 0)[..., None, None], math.inf)
    return (matrix_norm(A, p) * matrix_norm(inverse, p)).nan_to_num(math.inf, math.inf, -math.inf)


@public_in("jtorch.linalg")
def cond(A, p=None, *, out=None):
    """How much solving with A can magnify errors: the norm of A times that of its inverse."""
    if A.ndim < 2 and not isinstance(p, str):
        raise RuntimeError("linalg.cond: The input tensor must have at least 2 dimensions.")
    if not A.numel() and A.ndim > 1 and (p in (None, 2, -2) or A.shape[-2] == A.shape[-1]):
        return _out("linalg_cond", A.new_zeros(A.shape[:-2], dtype=A.real.dtype), out)
    if p not in (None, 2, -2):
        return _out("linalg_cond", _cond_of_inverse(A, p), out)
    result = _cond(A, p != -2, out=out)
    _c.refuse_nan(A, result)
    return result


@op(name="linalg_matrix_rank", saves=(), autocast={"cpu": "float32"})
def _matrix_rank(A: Array, atol: float | None, rtol: float | None, hermitian: bool) -> Array:
    if A.ndim < 2:
        raise RuntimeError("torch.linalg.matrix_rank: The input tensor input must have at least 2 dimensions.")
    x = _known_type(A)
    if not min(x.shape[-2:]):
        return jnp.zeros(x.shape[:-2], jnp.int64)
    values = jnp.abs(jnp.linalg.eigvalsh(_d.symmetric(x, True))) if hermitian else jnp.linalg.svd(x, compute_uv=False)
    if rtol is None:
        rtol = 0.0 if atol else max(x.shape[-2:]) * jnp.finfo(x.dtype).eps
    limit = jnp.maximum(atol or 0.0, rtol * jnp.max(values, axis=-1, keepdims=True))
    return jnp.sum(values > limit, axis=-1, dtype=jnp.int64)


def _known_type(x):
    if letter(x) not in "fc" or x.dtype.itemsize == 2:
        raise RuntimeError("This function doesn't handle types other than float and double")
    return x


@public_in("jtorch.linalg")
def matrix_rank(A, *, atol=None, rtol=None, hermitian=False, out=None, tol=None):
    """How many singular values are larger than max(atol, rtol * the largest)."""
    result = _matrix_rank(A, tol if atol is None else atol, rtol, hermitian, out=out)
    if not hermitian:
        _c.refuse_nan(A, A)
    return result


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
        _c.check_info(info, "linalg.inv_ex", _c.SINGULAR)
    return _out("linalg_inv_ex", returntypes.linalg_inv_ex((result, info)), out)


@public_in("jtorch.linalg")
def pinv(A, *, atol=None, rtol=None, hermitian=False, out=None, rcond=None):
    """The Moore-Penrose inverse."""
    result = _d.linalg_pinv(A, atol, rcond if rtol is None else rtol, hermitian, out=out)
    if hermitian:
        _c.refuse_unconverged("linalg.eigh", "eigenvalues", result.diagonal(0, -2, -1), _eigh_code(A, 1))
    else:
        _c.refuse_nan(A, result)
    return result


@public_in("jtorch.linalg")
def solve(A, B, *, left=True, out=None):
    """X with A @ X = B (X @ A = B with left=False).

    Raises:
        LinAlgError: A is singular.

    >>> torch.linalg.solve(torch.tensor([[2., 0.], [0., 4.]]), torch.tensor([2., 2.]))
    tensor([1.0000, 0.5000])
    """
    result, info = _d.linalg_solve_ex(A, B, left)
    _c.check_info(info, "torch.linalg.solve", _c.UNSOLVED)
    return _out("linalg_solve", result, out)


@public_in("jtorch.linalg")
def solve_ex(A, B, *, left=True, check_errors=False, out=None):
    """(solution, info): info is not 0 where A is singular."""
    result, info = _d.linalg_solve_ex(A, B, left)
    if check_errors:
        _c.check_info(info, "torch.linalg.solve_ex", _c.UNSOLVED)
    return _out("linalg_solve_ex", returntypes.linalg_solve_ex((result, info)), out)


def _column_strides(types, shapes, consts):
    return _d.column_major(types, shapes, {})


@op(name="linalg_solve_triangular", strides=_column_strides)
def _solve_triangular(A: Array, B: Array, upper: bool, left: bool, unitriangular: bool) -> Array:
    _c.for_kernel("linalg.solve_triangular", A, "triangular_solve_cpu")
    if left:
        return _d.solve_triangular_array(A, B, upper, unit=unitriangular)
    turned = _d.solve_triangular_array(jnp.swapaxes(A, -1, -2), jnp.swapaxes(B, -1, -2), not upper, unit=unitriangular)
    return jnp.swapaxes(turned, -1, -2)


@public_in("jtorch.linalg")
def solve_triangular(A, B, *, upper, left=True, unitriangular=False, out=None):
    """X with A @ X = B for a triangular A (X @ A = B with left=False)."""
    return _solve_triangular(A, B, upper, left, unitriangular, out=out)


def _lstsq_strides(types, shapes, consts):
    if len(types[1].shape) == len(types[0].shape) - 1:
        return [None, None]
    return [_d.column_major(types, shapes, {})[0], None]


@op(name="linalg_lstsq", strides=_lstsq_strides, autocast={"cpu": "float32"})
def _lstsq(A: Array, B: Array, rcond: float | None):
    x = _known_type(A)
    _c.check_dtypes(
        "torch.linalg.lstsq: Expected input and other to have the same dtype, but got input's dtype {0} and other's dtype {1}",
        A,
        B,
    )
    b = B[..., None] if B.ndim == x.ndim - 1 else B
    rcond = max(x.shape[-2:]) * float(jnp.finfo(x.dtype).eps) if rcond is None else rcond
    solution = jnp.linalg.pinv(x, rtol=rcond) @ b
    m, n = x.shape[-2:]
    residuals = jnp.sum(jnp.abs(b - x @ solution) ** 2, axis=-2) if m > n else jnp.zeros((0,), x.real.dtype)
    return (solution[..., 0] if B.ndim == x.ndim - 1 else solution), residuals


@public_in("jtorch.linalg")
def lstsq(A, B, rcond=None, *, driver=None, out=None):
    """The X with the smallest Frobenius norm of A @ X - B.

    Raises:
        LinAlgError: the driver is "gels", and A does not have full rank.

    Differs from torch: solved through the pseudo-inverse whatever the driver; the solution of a tall system has no gaps
    between its columns.
    """
    if A.ndim < 2:
        raise RuntimeError("torch.linalg.lstsq: input must have at least 2 dimensions.")
    if driver not in (None, "gels", "gelsy", "gelsd", "gelss"):
        raise RuntimeError("torch.linalg.lstsq: parameter `driver` should be one of (gels, gelsy, gelsd, gelss)")
    solution, residuals = _lstsq(A, B, rcond)
    rank = matrix_rank(A, rtol=rcond)
    values = known(np.empty(0, residuals.dtype.np))
    if driver == "gels":
        lost = (rank < min(A.shape[-2:])) & (A != 0).any(-1).any(-1)  # LAPACK solves with a matrix of zeros
        _c.check_info((rank + 1) * lost, "torch.linalg.lstsq", _c.RANK)
        rank = known(np.empty(0, np.int64))
    elif driver in (None, "gelsy"):  # which gives no residuals
        residuals = residuals.new_empty(0)
    else:
        values = svdvals(A).detach()
        if residuals.numel() and (ranks := _c.numbers(rank)) is not None and (ranks < A.shape[-1]).any():
            residuals = residuals.new_empty(0)  # PyTorch gives none if a matrix does not have full rank
    return _out("linalg_lstsq", returntypes.linalg_lstsq((solution, residuals, rank, values)), out)


# ---- factorisations


@public_in("jtorch.linalg")
def cholesky(A, *, upper=False, out=None):
    """L with L @ Lᴴ = A, lower triangular (or its conjugate transpose).

    Raises:
        LinAlgError: A is not positive definite.
    """
    factor, info = _d.linalg_cholesky_ex(A, upper)
    _c.check_info(info, "linalg.cholesky", _c.INDEFINITE)
    return _out("linalg_cholesky", factor, out)


@public_in("jtorch.linalg")
def cholesky_ex(A, *, upper=False, check_errors=False, out=None):
    """(L, info): info is 0, or the order of the first leading minor that is not positive.

    Differs from torch: where info is not 0, L is NaN; PyTorch gives what it had computed by then.
    """
    factor, info = _d.linalg_cholesky_ex(A, upper)
    if check_errors:
        _c.check_info(info, "linalg.cholesky_ex", _c.INDEFINITE)
    return _out("linalg_cholesky_ex", returntypes.linalg_cholesky_ex((factor, info)), out)


@public_in("jtorch.linalg")
def slogdet(A, *, out=None):
    """(sign, log of the absolute value) of the determinant."""
    return _out("linalg_slogdet", returntypes.linalg_slogdet(tuple(_d.slogdet(A))), out)


@public_in("jtorch.linalg")
def qr(A, mode="reduced", *, out=None):
    """(Q, R) with Q @ R = A; mode "reduced", "complete" or "r" (R only)."""
    return _out("linalg_qr", returntypes.linalg_qr(_d.linalg_qr(A, mode)), out)


@public_in("jtorch.linalg")
def svd(A, full_matrices=True, *, driver=None, out=None):
    """(U, S, Vh) with U @ diag(S) @ Vh = A, the singular values in descending order."""
    return _out("linalg_svd", returntypes.linalg_svd(_d.svd_of(A, full_matrices)), out)


@public_in("jtorch.linalg")
def svdvals(A, *, driver=None, out=None):
    """The singular values, in descending order."""
    result = _d.linalg_svdvals(A)
    _c.refuse_nan(A, result)
    return _out("linalg_svdvals", result, out)


@public_in("jtorch.linalg")
def eigh(A, UPLO="L", *, out=None):
    """(eigenvalues ascending, eigenvectors in columns) of a symmetric or Hermitian matrix."""
    found = _d.linalg_eigh(A, UPLO)
    _c.refuse_unconverged("linalg.eigh", "eigenvalues", found[0], _eigh_code(A, 1))
    return _out("linalg_eigh", returntypes.linalg_eigh(found), out)


def _eigh_code(A, steps):
    """LAPACK's error code where it has not found the last eigenvalues; it always finds those of a 2 by 2 matrix."""
    return A.shape[-1] - steps if A.shape[-1] > 2 else 0


@public_in("jtorch.linalg")
def eigvalsh(A, UPLO="L", *, out=None):
    """The eigenvalues of a symmetric or Hermitian matrix, ascending."""
    result = _d.linalg_eigvalsh(A, UPLO)
    _c.refuse_unconverged("linalg.eigh", "eigenvalues", result, _eigh_code(A, 2))
    return _out("linalg_eigvalsh", result, out)


@public_in("jtorch.linalg")
def eig(A, *, out=None):
    """(eigenvalues, eigenvectors in columns) of a square matrix, complex. On the CPU only."""
    found = _d.linalg_eig(A)
    _c.refuse_not_finite(A)
    return _out("linalg_eig", returntypes.linalg_eig(found), out)


@public_in("jtorch.linalg")
def eigvals(A, *, out=None):
    """The eigenvalues of a square matrix, complex. On the CPU only."""
    _c.at_least_2d("linalg.eigvals", A)
    _c.check_square("linalg.eigvals: ", A)
    result = _d.linalg_eigvals(A)
    _c.refuse_not_finite(A)
    return _out("linalg_eigvals", result, out)


@public_in("jtorch.linalg")
def lu(A, *, pivot=True, out=None):
    """(P, L, U) with P @ L @ U = A."""
    p, low, up = _d.linalg_lu(A)
    _check_pivot(A, pivot)
    return _out("linalg_lu", returntypes.linalg_lu((p.detach(), low, up)), out)


@public_in("jtorch.linalg")
def lu_factor(A, *, pivot=True, out=None):
    """(L and U in one matrix, pivots counted from 1).

    Raises:
        RuntimeError: U has a zero on its diagonal.
    """
    *found, info = _d.linalg_lu_factor_ex(A)
    _check_pivot(A, pivot)
    _c.check_info(info, "torch.linalg.lu_factor", _c.ZERO_IN_U, RuntimeError)
    return _out("linalg_lu_factor", returntypes.linalg_lu_factor(found), out)


@public_in("jtorch.linalg")
def lu_factor_ex(A, *, pivot=True, check_errors=False, out=None):
    """(L and U in one matrix, pivots counted from 1, info): info is 0, or the number of the first zero in U's diagonal."""
    found = _d.linalg_lu_factor_ex(A)
    _check_pivot(A, pivot)
    if check_errors:
        _c.check_info(found[2], "torch.linalg.lu_factor_ex", _c.ZERO_IN_U, RuntimeError)
    return _out("linalg_lu_factor_ex", returntypes.linalg_lu_factor_ex(found), out)


def _check_pivot(A, pivot):
    if pivot or not A.numel():
        return
    if KINDS[A.device.type].host:
        raise RuntimeError("linalg.lu_factor: LU without pivoting is not implemented on the CPU")
    raise NotImplementedError("linalg.lu without pivoting")


@public_in("jtorch.linalg")
def lu_solve(LU, pivots, B, *, left=True, adjoint=False, out=None):
    """X with A @ X = B, for A's LU factors."""
    return _d.linalg_lu_solve(LU, pivots, B, left, adjoint, out=out)


# ---- tensors as matrices


@public_in("jtorch.linalg")
def tensorinv(A, ind=2, *, out=None):
    """The inverse of A as a matrix: its first `ind` dims are the rows, the others the columns."""
    if ind <= 0:
        raise RuntimeError(f"Expected a strictly positive integer for 'ind', but got {ind}")
    rows, columns = A.shape[:ind], A.shape[ind:]
    if math.prod(rows) != math.prod(columns):
        raise RuntimeError(
            "Expected self to satisfy the requirement prod(self.shape[ind:]) == prod(self.shape[:ind]), but got"
            f" {math.prod(columns)} != {math.prod(rows)}"
        )
    result, info = _d.linalg_inv_ex(A.reshape(math.prod(rows), math.prod(columns)))
    _c.check_info(info, "inv", _c.SINGULAR)
    return _out("linalg_tensorinv", result.reshape(*columns, *rows), out)


@public_in("jtorch.linalg")
def tensorsolve(A, B, dims=None, *, out=None):
    """X with tensordot(A, X, X.ndim) = B."""
    if dims is not None:
        A = A.movedim(tuple(dims), tuple(range(A.ndim - len(dims), A.ndim)))
    rows, columns = math.prod(A.shape[: B.ndim]), math.prod(A.shape[B.ndim :])
    if rows != columns:
        raise RuntimeError(
            "Expected self to satisfy the requirement prod(self.shape[other.ndim:]) == prod(self.shape[:other.ndim]), but"
            f" got {columns} != {rows}"
        )
    return _out("linalg_tensorsolve", solve(A.reshape(rows, columns), B.reshape(-1)).reshape(*A.shape[B.ndim :]), out)


@function(name="vander")
def _older_vander(x, N=None, increasing=False):
    """The powers of each element of a vector in a row, the highest first; with `increasing`, the lowest.

    >>> torch.vander(torch.tensor([2, 3]))
    tensor([[2, 1],
            [3, 1]])
    """
    if x.ndim != 1:
        raise RuntimeError("x must be a one-dimensional tensor.")
    n = x.shape[0] if N is None else N
    powers = x.new_zeros((x.shape[0], 0), dtype=None) if not n else _powers(x, n)
    return powers if increasing else powers.flip(1)


def _powers(x, n):
    whole = x if x.dtype.category >= dtypes.FLOAT else x.to(dtypes.int64)
    return vander(whole, n) if n > 1 else whole.new_ones((x.shape[0], 1))
