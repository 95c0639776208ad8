"""Factorisations by random projections, and what is done with stored factors: `lu_unpack`, `ormqr`, LDL."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax import lax

from jtorch.core.facts import dtypes, once, warn_user
from jtorch.core.facts import named_results as returntypes
from jtorch.core.op import Array, function, op, public
from jtorch.core.ops.make.random import randn
from jtorch.core.ops.matrix import decompose, linalg
from jtorch.core.ops.matrix.products import matmul
from jtorch.core.tensor import Tensor

# ---- of low rank


def _range_basis(A, q, niter, M):
    """An orthogonal basis of nearly the range of A - M, by powers of it applied to random vectors."""
    minus = lambda x, mean, y: x if mean is None else x - matmul(mean, y)
    start = randn(A.shape[-1], q, dtype=A.dtype, device=A.device)
    basis = linalg.qr(minus(matmul(A, start), M, start)).Q
    for _ in range(2 if niter is None else niter):
        basis = linalg.qr(minus(matmul(A.mH, basis), M if M is None else M.mH, basis)).Q
        basis = linalg.qr(minus(matmul(A, basis), M, basis)).Q
    return basis


@function
def svd_lowrank(A, q=6, niter=2, M=None):
    """(U, S, V) of a matrix of rank at most q that is near A, or near A - M.

    Args:
        q: how many singular values to look for; a little more than the rank.
        niter: how often the random vectors are multiplied with A and its transpose.
        M: a matrix that is subtracted first.
    """
    q = 6 if q is None else q
    M = None if M is None else M.broadcast_to(A.shape)
    wide = A.shape[-2] < A.shape[-1]
    if wide:
        A, M = A.mH, None if M is None else M.mH
    basis = _range_basis(A, q, niter, M)
    small = matmul(basis.mH, A)
    small = small if M is None else small - matmul(basis.mH, M)
    u, s, vh = linalg.svd(small, full_matrices=False)
    u, v = matmul(basis, u), vh.mH
    return (v, s, u) if wide else (u, s, v)


@function
def lobpcg(
    A, k=None, B=None, X=None, n=None, iK=None, niter=None, tol=None, largest=None, method=None, tracker=None,
    ortho_iparams=None, ortho_fparams=None, ortho_bparams=None,
):  # fmt: skip
    """(E, X): the k largest or smallest eigenvalues of a symmetric matrix, and their vectors as columns.

    Args:
        A: a symmetric matrix, or a batch of them.
        k: how many; the columns of X, or else 1.
        B: a positive definite matrix: the vectors solve A X = B X E.
        X, n: a start of the iteration, and its columns.
        largest: the largest first (the default), or the smallest first.

    Raises:
        ValueError: A has fewer than 3 n rows.

    Differs from torch: all eigenvalues are computed, and not iterated for, so `iK`, `niter`, `tol`, `method`, `tracker` and the
    settings of the iteration have no effect; a vector may have the other sign.

    >>> torch.lobpcg(torch.diag(torch.arange(1.0, 7.0)), k=2)[0]
    tensor([6., 5.])
    """
    k = (1 if X is None else X.shape[-1]) if k is None else k
    n = (k if X is None else X.shape[-1]) if n is None else n
    rows = A.shape[-1]
    if rows < 3 * n:
        raise ValueError(
            f"LOBPCG algorithm is not applicable when the number of A rows (={rows}) is smaller than 3 x the number of requested"
            f" eigenpairs (={n})"
        )
    A, B = (m.to_dense() if m is not None and m.is_sparse else m for m in (A, B))
    if B is None:
        values, vectors = linalg.eigh(A)
    else:  # B = L L^T: the vectors of L^-1 A L^-T, times L^-T
        low = linalg.cholesky(B)
        half = linalg.solve_triangular(low, A, upper=False)
        values, vectors = linalg.eigh(linalg.solve_triangular(low, half.mT, upper=False))
        vectors = linalg.solve_triangular(low.mT, vectors, upper=True)
    if largest is None or largest:
        values, vectors = values.flip(-1), vectors.flip(-1)
    return values[..., :k], vectors[..., :k]


@function
def pca_lowrank(A, q=None, center=True, niter=2):
    """(U, S, V): the q principal components of the rows of A, by `svd_lowrank`."""
    m, n = A.shape[-2:]
    if q is None:
        q = min(6, m, n)
    elif not 0 <= q <= min(m, n):
        raise ValueError(f"q(={q}) must be non-negative integer and not greater than min(m, n)={min(m, n)}")
    if niter < 0:
        raise ValueError(f"niter(={niter}) must be non-negative integer")
    return svd_lowrank(A - A.mean((-2,), True) if center else A, q, niter)


# ---- LU


@op(name="lu_unpack", undifferentiated=("pivots",), behind="lu_unpack")
def _lu_unpack(LU: Array, pivots: Array):
    m, n = LU.shape[-2:]
    k = min(m, n)
    low = jnp.tril(LU[..., :k], -1) + jnp.eye(m, k, dtype=LU.dtype)
    return low, jnp.triu(LU[..., :k, :])


@op(name="lu_unpack", saves=(), behind="lu_unpack")
def _permutation(LU: Array, pivots: Array) -> Array:
    m = LU.shape[-2]
    order = lax.linalg.lu_pivots_to_permutation(pivots.astype(jnp.int32) - 1, m)
    return jnp.swapaxes(jax.nn.one_hot(order, m, dtype=LU.dtype), -1, -2)


@function
def lu_unpack(LU_data, LU_pivots, unpack_data=True, unpack_pivots=True, *, out=None):
    """(P, L, U) of what `torch.linalg.lu_factor` returns: P @ L @ U is the matrix that was factored."""
    if unpack_pivots and LU_pivots.dtype is not dtypes.int32:
        raise RuntimeError(
            "torch.lu_unpack: LU_pivots is expected to be a contiguous tensor of torch.int32 dtype.\nNote: this function is"
            " intended to be used with the output produced by torch.linalg.lu_factor"
        )
    nothing = LU_data.new_empty(0)
    p = _permutation(LU_data.detach(), LU_pivots) if unpack_pivots else nothing
    low, up = _lu_unpack(LU_data, LU_pivots) if unpack_data else (nothing, nothing.clone())
    made = returntypes.lu_unpack((p, low, up))
    return made if out is None else _into(out, made)


def _into(out, made):
    return type(made)([o.resize_(m.shape).copy_(m) for o, m in zip(out, made, strict=True)])


_OLD_LU = (
    "torch.lu is deprecated in favor of torch.linalg.lu_factor / torch.linalg.lu_factor_ex and will be removed in a future"
    " PyTorch release.\nLU, pivots = torch.lu(A, compute_pivots)\nshould be replaced with\nLU, pivots ="
    " torch.linalg.lu_factor(A, compute_pivots)\nand\nLU, pivots, info = torch.lu(A, compute_pivots, get_infos=True)\nshould"
    " be replaced with\nLU, pivots, info = torch.linalg.lu_factor_ex(A, compute_pivots)"
)


@function
def lu(A, pivot=True, get_infos=False, out=None) -> tuple[Tensor, ...]:
    """(L and U in one matrix, pivots), and the info number with `get_infos`: the older `torch.linalg.lu_factor`."""
    if once.first_time("lu"):
        warn_user(_OLD_LU)
    made = tuple(linalg.lu_factor_ex(A, pivot=pivot))
    if not get_infos:
        linalg.lu_factor_ex(A, pivot=pivot, check_errors=True)
        made = made[:2]
    return made if out is None else tuple(_into(out, list(made)))


def _lu_method(self, pivot=True, get_infos=False) -> tuple[Tensor, ...]:
    return lu(self, pivot, get_infos)


Tensor.lu = _lu_method


# ---- reflectors


@op(
    name="ormqr",
    autocast={"cpu": "float32"},
    strides=lambda types, shapes, consts: decompose.column_major(types, shapes, {}),
)
def _ormqr(input: Array, tau: Array, other: Array, left: bool, transpose: bool) -> Array:
    n, k = input.shape[-2], tau.shape[-1]
    vectors = jnp.tril(input, -1) + jnp.eye(n, input.shape[-1], dtype=input.dtype)
    x = other if left else jnp.swapaxes(other, -1, -2).conj()
    turned = transpose if left else not transpose
    for i in range(k) if turned else reversed(range(k)):
        v, factor = vectors[..., :, i], tau[..., i, None, None]
        factor = factor.conj() if turned else factor
        x = x - factor * v[..., :, None] * jnp.einsum("...n,...nm->...m", v.conj(), x)[..., None, :]
    return x if left else jnp.swapaxes(x, -1, -2).conj()


@public
def ormqr(input, tau, other, left=True, transpose=False, *, out=None):
    """Q @ other, for the Q whose reflectors `geqrf` returned; or Qᴴ @ other, other @ Q, other @ Qᴴ.

    Args:
        left: multiply from the left.
        transpose: use Qᴴ.
    """
    for name, x in (("input", input), ("other", other)):
        if x.ndim < 2:
            raise RuntimeError(f"torch.ormqr: {name} must have at least 2 dimensions.")
    rows = other.shape[-2 if left else -1]
    if rows < tau.shape[-1]:
        raise RuntimeError(
            f"torch.ormqr: other.shape[{-2 if left else -1}] must be greater than or equal to tau.shape[-1]"
        )
    if tau.shape[-1] != min(rows, input.shape[-1]) and tau.shape[-1] > input.shape[-1]:
        raise RuntimeError(
            f"torch.ormqr: tau.shape[-1] must be equal to min(other.shape[{-2 if left else -1}], input.shape[-1])"
        )
    if rows != input.shape[-2]:
        raise RuntimeError(f"torch.ormqr: other.shape[{-2 if left else -1}] must be equal to input.shape[-2]")
    return _ormqr(input, tau, other, left, transpose, out=out)


Tensor.orgqr = lambda self, input2: linalg.householder_product(self, input2)


@function
def orgqr(input, input2, *, out=None):
    """Another name of `torch.linalg.householder_product`."""
    return linalg.householder_product(input, input2, out=out)
