"""Factors of symmetric matrices that need not be positive definite: A = L D Lᵀ, by LAPACK on the host."""

from __future__ import annotations

import numpy as np

from jtorch.core.facts import dtypes
from jtorch.core.facts import named_results as returntypes
from jtorch.core.op import letter, public_in, store
from jtorch.core.ops.matrix.matrix_checks import check_info
from jtorch.core.tensor import known


def _check_symmetric(name, A):
    if A.ndim < 2:
        raise RuntimeError(f"{name}: The input tensor A must have at least 2 dimensions.")
    n, m = A.shape[-2:]
    if n != m:
        raise RuntimeError(f"{name}: A must be batches of square matrices, but they are {n} by {m} matrices")
    if letter(A) not in "fc":
        raise RuntimeError(f"{name}: Expected a floating point or complex tensor as input. Got {A.dtype.scalar_name}")
    if A.dtype.is_half:
        raise NotImplementedError(f"\"ldl_factor_kernel_cpu\" not implemented for '{A.dtype.scalar_name}'")


def _lapack(routine, hermitian, dtype):
    """LAPACK's routine for symmetric or, if complex, Hermitian matrices."""
    from scipy.linalg.lapack import get_lapack_funcs  # 80 ms of a start

    kind = "he" if hermitian and dtype.kind == "c" else "sy"
    return get_lapack_funcs(kind + routine, dtype=dtype)


def _factored(name, A, hermitian):
    """(LD, pivots, info) as NumPy arrays."""
    _check_symmetric(name, A)
    matrices = A.detach()._to_numpy()
    batch, n = matrices.shape[:-2], matrices.shape[-1]
    made, pivots, info = np.tril(matrices), np.zeros((*batch, n), np.int32), np.zeros(batch, np.int32)
    run = _lapack("trf", hermitian, matrices.dtype)
    for at in np.ndindex(batch):
        if n:
            found, pivots[at], info[at] = run(matrices[at], lower=1)
            made[at] = np.tril(found)
    return made, pivots, info


def _in_columns(array):
    """A tensor of matrices that lie in memory column by column, as LAPACK leaves them."""
    return known(np.ascontiguousarray(np.swapaxes(array, -1, -2))).mT.detach()


def _outs(name, made, out):
    return made if out is None else store(out, made, name)


@public_in("jtorch.linalg")
def ldl_factor_ex(A, *, hermitian=False, check_errors=False, out=None):
    """(LD, pivots, info) of symmetric matrices: `ldl_factor`, with info > 0 where D is singular. Reads the elements.

    Args:
        A: (..., n, n); its lower triangle is read.
        hermitian: whether a complex A is Hermitian; else it is symmetric.
        check_errors: raise where D is singular.

    >>> torch.linalg.ldl_factor_ex(torch.eye(2)).info
    tensor(0, dtype=torch.int32)
    """
    made, pivots, info = _factored("torch.linalg.ldl_factor_ex", A, hermitian)
    if check_errors:
        check_info(known(info), "torch.linalg.ldl_factor_ex", "the matrix D has a zero on its diagonal")
    return _outs(
        "linalg_ldl_factor_ex", returntypes.linalg_ldl_factor_ex((_in_columns(made), known(pivots), known(info))), out
    )


@public_in("jtorch.linalg")
def ldl_factor(A, *, hermitian=False, out=None):
    """(LD, pivots): A = L D Lᵀ (Lᴴ if hermitian) with L unit lower triangular and D of blocks of one and two.

    Args:
        A: (..., n, n), symmetric; its lower triangle is read.
        hermitian: whether a complex A is Hermitian; else it is symmetric.

    Returns:
        LD: L below the diagonal and D on it, in one matrix.
        pivots: which rows LAPACK has exchanged, (..., n), int32, for `ldl_solve`.

    >>> torch.linalg.ldl_factor(torch.tensor([[2.0, 1.0], [1.0, 2.0]])).LD
    tensor([[2.0000, 0.0000],
            [0.5000, 1.5000]])
    """
    made, pivots, info = _factored("torch.linalg.ldl_factor", A, hermitian)
    check_info(known(info), "torch.linalg.ldl_factor", "the matrix D has a zero on its diagonal")
    return _outs("linalg_ldl_factor", returntypes.linalg_ldl_factor((_in_columns(made), known(pivots))), out)


@public_in("jtorch.linalg")
def ldl_solve(LD, pivots, B, *, hermitian=False, out=None):
    """X with A @ X = B, for the factors of A that `ldl_factor` gives. Reads the elements.

    Args:
        B: (..., n, k).

    >>> torch.linalg.ldl_solve(*torch.linalg.ldl_factor(2 * torch.eye(2)), torch.ones(2, 1))
    tensor([[0.5000],
            [0.5000]])
    """
    name = "torch.linalg.ldl_solve"
    _check_symmetric(name, LD)
    if B.ndim < 2:
        raise RuntimeError(f"{name}: Expected B to have at least 2 dimensions, but it has {B.ndim} dimensions instead")
    if pivots.shape != LD.shape[:-1]:
        raise RuntimeError(
            f"{name}: Expected LD.shape[:-1] and pivots.shape to be the same, but got pivots with shape"
            f" {list(pivots.shape)} instead"
        )
    if pivots.dtype.category != dtypes.INT:
        raise RuntimeError(f"{name}: Expected pivots to be integers. Got {pivots.dtype.scalar_name}")
    n = LD.shape[-1]
    if B.shape[-2] != n:
        raise RuntimeError(
            f"Incompatible matrix sizes for {name}: each A matrix is {n} by {n} but each b matrix is {B.shape[-2]} by"
            f" {B.shape[-1]}"
        )
    if B.dtype is not LD.dtype:
        raise RuntimeError(
            f"Expected b and A to have the same dtype, but found b of type {B.dtype.scalar_name} and A of type"
            f" {LD.dtype.scalar_name} instead."
        )
    factors, exchanged, right = (t.detach()._to_numpy() for t in (LD, pivots, B))
    for wrong, bound in ((np.abs(exchanged) < 1, "|pivot| >= 1"), (np.abs(exchanged) > n, "|pivot| <= LD.size(-2)")):
        if wrong.any():  # LAPACK would read elsewhere in memory
            text = (
                f"Pivots given to ldl_solve must all satisfy {bound}. Did you properly pass the result of ldl_factor?"
            )
            raise RuntimeError(text)
    batch = np.broadcast_shapes(factors.shape[:-2], right.shape[:-2])
    factors, right = (np.broadcast_to(x, (*batch, *x.shape[-2:])) for x in (factors, right))
    exchanged = np.broadcast_to(exchanged, (*batch, n))
    run, made = _lapack("trs", hermitian, factors.dtype), np.empty(right.shape, right.dtype)
    for at in np.ndindex(batch):
        if right[at].size:
            made[at] = run(factors[at], exchanged[at], right[at], lower=1)[0]
    return _outs("linalg_ldl_solve", _in_columns(made), out)
