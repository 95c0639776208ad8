"""Matrix factorisations and solvers, as `torch` has them; `jtorch.core.ops.matrix.linalg` has the forms of `torch.linalg`.

An op whose data can make it fail also returns an info number, from which `checks.check_info` makes PyTorch's LinAlgError.
"""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
from jax import lax

from jtorch.core.facts import contiguous_strides, dtypes
from jtorch.core.facts import named_results as returntypes
from jtorch.core.op import Array, cast_first, letter, op, public, store
from jtorch.core.ops.matrix.matrix_checks import (
    INDEFINITE,
    SINGULAR,
    as_matrices,
    at_least_2d,
    bad_minor,
    check_dtypes,
    check_info,
    check_square,
    first_zero,
    for_kernel,
    refuse_nan,
    refuse_unconverged,
    with_nan,
    zero_pivot,
)


def column_major(types, shapes, consts):
    """Strides of results that LAPACK leaves in column order; in row order when it solves from the right."""
    if not consts.get("left", True):
        return [None] * len(shapes)
    strides = []
    for i, shape in enumerate(shapes):
        solution = i == 0 and "left" in consts  # of a batch of vectors, too
        if len(shape) < (2 if solution else max(2, types[0].ndim)):  # pivots and eigenvalues of a batch
            strides.append(None)
            continue
        *batch, n, m = shape
        turned = contiguous_strides((*batch, m, n))
        strides.append((*turned[:-2], turned[-1], turned[-2]))
    return strides


# ---- inverse and determinant


@op(name="linalg_inv_ex", saves="own", strides=column_major, autocast={"cpu": "float32"}, behind="inverse")
def linalg_inv_ex(A: Array):
    x = as_matrices("linalg.inv", A)
    return with_nan(jnp.linalg.inv(x), x), zero_pivot(x)


@public
def inverse(input, *, out=None):
    """The inverse of a square matrix, or of each in a batch.

    Raises:
        LinAlgError: a matrix is singular.
    """
    result, info = linalg_inv_ex(input)
    check_info(info, "linalg.inv", SINGULAR)
    return result if out is None else store(out, result, "linalg_inv")


@op(name="linalg_pinv", behind="pinverse")
def linalg_pinv(A: Array, atol: float, rtol: float, hermitian: bool) -> Array:
    if A.ndim < 2 or letter(A) not in "fc" or A.dtype.itemsize == 2:
        raise RuntimeError(
            f"linalg.pinv({dtypes.of(A.dtype).scalar_name}{{{list(A.shape)}}}): expected a tensor with 2 or more"
            " dimensions of float, double, cfloat or cdouble types"
        )
    x = A
    if hermitian:
        check_square("linalg.eigh: ", x)
    if atol is None and rtol is None:
        rtol = max(x.shape[-2:]) * jnp.finfo(x.dtype).eps
    if atol:
        largest = jnp.linalg.svd(lax.stop_gradient(x), compute_uv=False)[..., 0]
        rtol = jnp.maximum(atol, (rtol or 0) * largest) / largest
    return _hermitian_pinv(x, rtol) if hermitian else jnp.linalg.pinv(x, rtol=rtol)


@jax.custom_jvp
def _hermitian_pinv(x, rtol):
    return jnp.linalg.pinv(symmetric(x, True), rtol=rtol, hermitian=True)


@_hermitian_pinv.defjvp
def _hermitian_pinv_jvp(primals, tangents):
    """The derivative of the pseudo-inverse of any matrix: PyTorch's knows nothing of the symmetry."""
    (x, _), (t, _) = primals, tangents
    result = _hermitian_pinv(*primals)
    eye, turned = jnp.eye(x.shape[-1], dtype=x.dtype), _turned(result)
    moved = result @ turned @ _turned(t) @ (eye - x @ result) + (eye - result @ x) @ _turned(t) @ turned @ result
    return result, moved - result @ t @ result


@public
def pinverse(input, rcond=1e-15):
    """The Moore-Penrose inverse; singular values below rcond times the largest count as 0."""
    (input,) = cast_first(input, autocast={"cpu": "float32"})
    result = linalg_pinv(input, None, rcond, False)
    refuse_nan(input, result)
    return result


@op(grad_fn="LinalgDetBackward0")
def det(input: Array) -> Array:
    """The determinant of a square matrix, or of each in a batch."""
    return _determinant(as_matrices("linalg.det", input, kernel="lu_cpu"))


@jax.custom_jvp
def _determinant(x):
    factors, pivots, _ = lax.linalg.lu(x)
    exchanges = jnp.sum(pivots != jnp.arange(x.shape[-1]), axis=-1)
    product = jnp.prod(jnp.diagonal(factors, axis1=-2, axis2=-1), axis=-1)
    return jnp.where(exchanges % 2 == 1, -product, product)


@_determinant.defjvp
def _determinant_jvp(primals, tangents):
    """det · trace(x⁻¹ dx). A singular matrix is moved by as little as makes it regular, as in PyTorch."""
    (x,), (t,) = primals, tangents
    result = _determinant(x)
    factors, _, permutation = lax.linalg.lu(x)
    zero = (jnp.diagonal(factors, axis1=-2, axis2=-1) == 0)[..., None] & jnp.eye(x.shape[-1], dtype=bool)
    moved = jnp.where(zero, jnp.finfo(x.dtype).eps, factors)
    half = solve_triangular_array(factors, jnp.take_along_axis(t, permutation[..., None], -2), upper=False, unit=True)
    return result, result * jnp.trace(solve_triangular_array(moved, half, upper=True), axis1=-2, axis2=-1)


@op(grad_fn="LinalgSlogdetBackward0", returns=returntypes.slogdet)
def slogdet(input: Array):
    """(sign, log of the absolute value) of the determinant."""
    sign, size = jnp.linalg.slogdet(as_matrices("linalg.slogdet", input))
    return jnp.where(jnp.isnan(size), 0, sign), size


@op(grad_fn="WhereBackward0", graph={"WhereBackward0": "Where(-, LinalgSlogdet#1(input))"})
def logdet(input: Array) -> Array:
    """The log of the determinant; nan where it is negative."""
    sign, size = jnp.linalg.slogdet(as_matrices("logdet", input))
    return jnp.where(sign == -1, jnp.nan, size) if letter(input) == "f" else size + jnp.log(sign)


@public
def matrix_power(input, n, *, out=None):
    """The n-th power of a square matrix; of its inverse for negative n."""
    at_least_2d("linalg.matrix_power", input)
    check_square("linalg.matrix_power: ", input)
    base = input if n >= 0 else inverse(input)
    result = _matrix_power(base, abs(n)) if abs(n) != 1 else base if n < 0 else base.clone()
    return result if out is None else store(out, result, "linalg_matrix_power")


@op(
    name="matrix_power",
    grad_fn="MmBackward0",
    autocast={"cpu": "low"},
    graph={
        "MmBackward0": "Mm(Mm(A, A), A)",
        "MmBackward0[n=2]": "Mm(A, A)",
        "MmBackward0[n=4]": "Mm(Mm(A, A), Mm(A, A))",
    },
)
def _matrix_power(A: Array, n: int) -> Array:
    return jnp.linalg.matrix_power(A, n)


@op(grad_fn="LinalgMatrixExpBackward0")
def matrix_exp(input: Array) -> Array:
    """The exponential of a square matrix: the sum of its powers over factorials."""
    if letter(input) == "f" and input.dtype.itemsize == 2:
        return jax.scipy.linalg.expm(as_matrices("linalg.matrix_exp", input.astype(jnp.float32))).astype(input.dtype)
    return jax.scipy.linalg.expm(as_matrices("linalg.matrix_exp", input))


# ---- reflections


def _first_in_columns(types, shapes, consts):
    return [*column_major(types, shapes[:1], consts), None]


@op(grad_fn="NotImplemented", strides=_first_in_columns, autocast={"cpu": "float32"})
def geqrf(input: Array):
    """(R on and above the diagonal with the reflectors' vectors below it, their factors) of a QR decomposition."""
    if input.ndim < 2:
        raise RuntimeError("torch.geqrf: input must have at least 2 dimensions.")
    packed, factors = jnp.linalg.qr(for_kernel("geqrf", input, "geqrf_cpu", square=False), mode="raw")
    return jnp.swapaxes(packed, -1, -2), factors


@op(
    name="linalg_householder_product",
    grad_fn="LinalgHouseholderProductBackward0",
    autocast={"cpu": "float32"},
    strides=column_major,
    behind="linalg.householder_product",
)
def linalg_householder_product(input: Array, tau: Array) -> Array:
    check_dtypes("torch.linalg.householder_product: tau dtype {1} does not match input dtype {0}", input, tau)
    n, k = input.shape[-2:]
    vectors = jnp.tril(input, -1) + jnp.eye(n, k, dtype=input.dtype)

    def reflected(made, reflection):
        v, factor = reflection
        along = jnp.einsum("...n,...nk->...k", v.conj(), made)
        return made - factor[..., None, None] * v[..., :, None] * along[..., None, :], None

    count = tau.shape[-1]
    each = jnp.moveaxis(vectors[..., :count], -1, 0), jnp.moveaxis(tau, -1, 0)
    start = jnp.broadcast_to(jnp.eye(n, k, dtype=input.dtype), input.shape)
    return lax.scan(reflected, start, each, reverse=True)[0]


# ---- Cholesky


@op(name="linalg_cholesky_ex", strides=column_major, autocast={"cpu": "float32"}, behind="cholesky")
def linalg_cholesky_ex(A: Array, upper: bool):
    x = symmetric(as_matrices("linalg.cholesky", A, kernel="cholesky_cpu"), not upper)
    factor = lax.linalg.cholesky(x, symmetrize_input=False)
    info = bad_minor(x, factor)
    return jnp.swapaxes(factor, -1, -2).conj() if upper else factor, info


@public
def cholesky(input, upper=False, *, out=None):
    """L with L @ Lᴴ = input, lower triangular (or its conjugate transpose).

    Raises:
        LinAlgError: not positive definite.
    """
    (input,) = cast_first(input, autocast={"cpu": "float32"})
    for_kernel("cholesky", input, "cholesky_cpu")
    factor, info = linalg_cholesky_ex(input, upper)
    check_info(info, "cholesky", INDEFINITE)
    if factor._edge is not None:
        factor._edge.name_ = "CholeskyBackward0"
    return factor if out is None else store(out, factor, "cholesky")


@op(name="cholesky_inverse", strides=column_major, autocast={"cpu": "float32"})
def _cholesky_inverse(A: Array, upper: bool):
    x = for_kernel("cholesky_inverse", A, "cholesky_inverse_out_cpu")
    eye = jnp.broadcast_to(jnp.eye(x.shape[-1], dtype=x.dtype), x.shape)
    return _solved_by_factor(eye, x, upper), first_zero(lax.stop_gradient(x))


@public
def cholesky_inverse(input, upper=False, *, out=None):
    """The inverse of the matrix whose Cholesky factor is given.

    Raises:
        LinAlgError: the factor has a zero on its diagonal.
    """
    result, info = _cholesky_inverse(input, upper)
    check_info(info, "cholesky_inverse", SINGULAR)
    return result if out is None else store(out, result, "cholesky_inverse")


@op(strides=column_major, autocast={"cpu": "float32"})
def cholesky_solve(input: Array, input2: Array, upper: bool = False) -> Array:
    """X with A @ X = input, for the Cholesky factor input2 of A."""
    if input.ndim < 2:
        raise RuntimeError(f"b should have at least 2 dimensions, but has {input.ndim} dimensions instead")
    if input2.ndim < 2:
        raise RuntimeError(f"u should have at least 2 dimensions, but has {input2.ndim} dimensions instead")
    check_square("", input2)
    for_kernel("cholesky_solve", input, "cholesky_solve_cpu", square=False)
    return _solved_by_factor(input, input2, upper)


def _solved_by_factor(b, factor, upper):
    """The solution, differentiated as PyTorch does it: by the product of the whole factor, so that also the triangle that the
    solution does not read has a gradient."""
    batch = jnp.broadcast_shapes(b.shape[:-2], factor.shape[:-2])
    b = jnp.broadcast_to(b, (*batch, *b.shape[-2:]))
    left, right = (_turned(factor), factor) if upper else (factor, _turned(factor))
    fixed = lax.stop_gradient(factor)
    solve = lambda _, x: _solve_by_factor(x, fixed, upper)
    return lax.custom_linear_solve(
        lambda x: left @ (right @ x), b, solve, lambda _, x: _solve_by_factor(x.conj(), fixed, upper).conj()
    )


def _solve_by_factor(b, factor, upper):
    lower = _turned(factor) if upper else factor
    half = solve_triangular_array(lower, b, upper=False)
    return solve_triangular_array(_turned(lower), half, upper=True)


def _turned(x):
    return jnp.swapaxes(x, -1, -2).conj()


def solve_triangular_array(a, b, upper, transpose=False, unit=False):
    batch = jnp.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    a, b = jnp.broadcast_to(a, (*batch, *a.shape[-2:])), jnp.broadcast_to(b, (*batch, *b.shape[-2:]))
    return lax.linalg.triangular_solve(a, b, left_side=True, lower=not upper, transpose_a=transpose, unit_diagonal=unit)


@op(strides=column_major, returns=returntypes.triangular_solve, autocast={"cpu": "float32"})
def triangular_solve(input: Array, A: Array, upper: bool = True, transpose: bool = False, unitriangular: bool = False):
    """(X with A @ X = input, A) for a triangular A."""
    for name, x in (("b", input), ("A", A)):
        if x.ndim < 2:
            raise RuntimeError(
                f"torch.triangular_solve: Expected {name} to have at least 2 dimensions, but it has {x.ndim} dimensions instead"
            )
    check_square("", A)
    check_dtypes(
        "Expected b and A to have the same dtype, but found b of type {0} and A of type {1} instead.", input, A
    )
    for_kernel("triangular_solve", A, "triangular_solve_cpu")
    return solve_triangular_array(A, input, upper, transpose, unitriangular), A


# ---- QR, SVD and eigenvalues


@op(name="linalg_qr", strides=column_major, autocast={"cpu": "float32"}, behind="qr")
def linalg_qr(A: Array, mode: str):
    x = as_matrices("linalg.qr", A, False, "geqrf_cpu")
    if mode not in ("reduced", "complete", "r"):
        raise RuntimeError(
            f"qr received unrecognized mode '{mode}' but expected one of 'reduced' (default), 'r', or 'complete'"
        )
    if mode == "r":
        return jnp.zeros((0,), x.dtype), jnp.linalg.qr(x, mode="r")
    return tuple(jnp.linalg.qr(x, mode=mode))


@public
def qr(input, some=True, *, out=None):
    """(Q, R) with Q @ R = input, Q orthogonal and R upper triangular."""
    made = returntypes.qr(linalg_qr(input, "reduced" if some else "complete"))
    return made if out is None else store(out, made, "qr")


@op(name="linalg_svd", strides=column_major, autocast={"cpu": "float32"}, behind="svd")
def linalg_svd(A: Array, full_matrices: bool):
    x = as_matrices("linalg.svd", A, False, "linalg_svd_cpu")
    n, m = x.shape[-2:]
    u, s, vh = jnp.linalg.svd(x, full_matrices=False)
    if full_matrices and n != m:  # the rest of the basis has no gradient: complete it outside
        whole_u, _, whole_v = jnp.linalg.svd(lax.stop_gradient(x), full_matrices=True)
        u = jnp.concatenate([u, whole_u[..., :, min(n, m) :]], axis=-1)
        vh = jnp.concatenate([vh, whole_v[..., min(n, m) :, :]], axis=-2)
    return u, s, vh


@op(name="linalg_svd", saves="own", autocast={"cpu": "float32"}, behind="linalg.svdvals")
def linalg_svdvals(A: Array) -> Array:
    return jnp.linalg.svd(as_matrices("linalg.svd", A, False, "linalg_svd_cpu"), compute_uv=False)


def svd_of(A, full_matrices):
    """(U, S, Vh). Raises PyTorch's LinAlgError where they cannot be computed."""
    found = linalg_svd(A, full_matrices)
    refuse_nan(A, found[1])
    k = min(A.shape[-2:])
    refuse_unconverged("linalg.svd", "singular values", found[1], k - 1 if k > 2 else 0)
    return found


@public
def svd(input, some=True, compute_uv=True, *, out=None):
    """(U, S, V) with U @ diag(S) @ Vᴴ = input."""
    if input.ndim < 2:
        raise RuntimeError(
            f"linalg.svd: input should have at least 2 dimensions, but has {input.ndim} dimensions instead"
        )
    u, s, vh = svd_of(input, not some)
    v = vh.transpose(-2, -1)
    made = returntypes.svd((u, s, v.conj() if input.dtype.is_complex else v))
    return made if out is None else store(out, made, "svd")


@functools.partial(jax.custom_jvp, nondiff_argnums=(1,))
def symmetric(x, lower):
    """The full symmetric matrix of one triangle; its gradient is that of a symmetric matrix, as PyTorch's."""
    kept = jnp.tril(x) if lower else jnp.triu(x)
    strict = jnp.tril(x, -1) if lower else jnp.triu(x, 1)
    return kept + jnp.swapaxes(strict, -1, -2).conj()


@symmetric.defjvp
def _symmetric_jvp(lower, primals, tangents):
    return symmetric(primals[0], lower), (tangents[0] + jnp.swapaxes(tangents[0], -1, -2).conj()) / 2


@op(name="linalg_eigh", strides=column_major, autocast={"cpu": "float32"}, behind="linalg.eigh")
def linalg_eigh(A: Array, UPLO: str):
    x = for_kernel("linalg.eigh", A, "linalg_eigh_cpu")
    if UPLO.upper() not in ("L", "U"):
        raise RuntimeError(f"Expected UPLO argument to be 'L' or 'U', but got {UPLO}")
    return tuple(jnp.linalg.eigh(symmetric(x, UPLO.upper() == "L"), symmetrize_input=False))


@op(name="linalg_eigh", autocast={"cpu": "float32"}, behind="linalg.eigvalsh")
def linalg_eigvalsh(A: Array, UPLO: str) -> Array:
    x = for_kernel("linalg.eigh", A, "linalg_eigh_cpu")
    return jnp.linalg.eigvalsh(symmetric(x, UPLO.upper() == "L"), symmetrize_input=False)


@op(name="linalg_eig", strides=column_major, autocast={"cpu": "float32"}, behind="linalg.eig")
def linalg_eig(A: Array):
    x = _for_eig(A)
    if not A.size:
        x = x.astype(jnp.result_type(x, jnp.complex64))
        return x.sum(-1), x
    values, vectors = lax.linalg.eig(x, compute_left_eigenvectors=False, enable_eigvec_derivs=True)
    length = jnp.linalg.norm(vectors, axis=-2, keepdims=True)  # 1, and so is that of every vector near by
    return values, vectors / length


@op(name="linalg_eig", autocast={"cpu": "float32"}, behind="linalg.eigvals")
def linalg_eigvals(A: Array) -> Array:
    x = _for_eig(A)
    return _eigenvalues(x) if A.size else x.astype(jnp.result_type(x, jnp.complex64)).sum(-1)


@jax.custom_jvp
def _eigenvalues(x):
    return jnp.linalg.eigvals(x)


@_eigenvalues.defjvp
def _eigenvalues_jvp(primals, tangents):
    (x,), (dx,) = primals, tangents
    values, vectors = lax.linalg.eig(x, compute_left_eigenvectors=False, enable_eigvec_derivs=True)
    return values, jnp.diagonal(jnp.linalg.solve(vectors, dx @ vectors), axis1=-2, axis2=-1)


def _for_eig(A):
    at_least_2d("linalg.eig", A)
    check_square("linalg.eig: ", A)
    if letter(A) not in "fc":
        raise RuntimeError(f"Unknown Complex ScalarType for {dtypes.of(A.dtype).scalar_name}")
    return for_kernel("linalg.eig", A, "linalg_eig_out_cpu")


# ---- LU and solving


@op(name="linalg_lu_factor_ex", strides=column_major, behind="linalg.lu_factor")
def linalg_lu_factor_ex(A: Array):
    x = _for_lu("torch.lu_factor", A)
    factors, pivots, _ = lax.linalg.lu(x)
    return factors, pivots + 1, zero_pivot(x)


@op(name="linalg_lu", behind="linalg.lu")
def linalg_lu(A: Array):
    m, n = _for_lu("linalg.lu", A).shape[-2:]
    factors, _, permutation = lax.linalg.lu(A)
    p = jnp.swapaxes(jnp.eye(m, dtype=A.real.dtype)[permutation], -1, -2)
    low = jnp.tril(factors[..., : min(m, n)], -1) + jnp.eye(m, min(m, n), dtype=A.dtype)
    return p.astype(A.dtype), low, jnp.triu(factors[..., : min(m, n), :])


def _for_lu(name, x):
    if x.ndim < 2:
        raise RuntimeError(f"{name}: Expected tensor with 2 or more dimensions. Got size: {list(x.shape)} instead")
    return for_kernel(name, x, "lu_cpu", square=False)


@op(
    name="linalg_lu_solve",
    strides=column_major,
    autocast={"cpu": "float32"},
    undifferentiated=("pivots",),
    behind="lu_solve",
)
def linalg_lu_solve(LU: Array, pivots: Array, B: Array, left: bool, adjoint: bool) -> Array:
    at_least_2d("torch.linalg.lu_solve", LU)
    check_square("torch.linalg.lu_solve: ", LU)
    check_dtypes(
        "linalg.lu_solve: Expected LU and B to have the same dtype, but found LU of type {0} and B of type {1} instead",
        LU,
        B,
    )
    perm = lax.linalg.lu_pivots_to_permutation(pivots - 1, LU.shape[-2])
    b = B if left else jnp.swapaxes(B, -1, -2).conj()
    turned = adjoint if left else not adjoint
    if turned:
        half = solve_triangular_array(jnp.swapaxes(LU, -1, -2).conj(), b, upper=False)
        half = solve_triangular_array(jnp.swapaxes(LU, -1, -2).conj(), half, upper=True, unit=True)
        x = jnp.take_along_axis(half, jnp.argsort(perm, axis=-1)[..., None], axis=-2)
    else:
        half = solve_triangular_array(LU, jnp.take_along_axis(b, perm[..., None], axis=-2), upper=False, unit=True)
        x = solve_triangular_array(LU, half, upper=True)
    return x if left else jnp.swapaxes(x, -1, -2).conj()


@public
def lu_solve(input, LU_data, LU_pivots, *, out=None):
    """X with A @ X = input, for A's LU factors."""
    return linalg_lu_solve(LU_data, LU_pivots, input, True, False, out=out)


@op(name="linalg_solve_ex", strides=column_major, autocast={"cpu": "float32"}, behind="linalg.solve")
def linalg_solve_ex(A: Array, B: Array, left: bool):
    x = as_matrices("linalg.solve", A, kernel="lu_cpu")
    check_dtypes(
        "linalg.solve: Expected A and B to have the same dtype, but found A of type {0} and B of type {1} instead", x, B
    )
    vector = B.ndim == 1 or (B.ndim == x.ndim - 1 and B.shape == x.shape[:-1])
    b = B[..., None] if vector else B
    if not left:
        found = jnp.linalg.solve(jnp.swapaxes(x, -1, -2), jnp.swapaxes(b, -1, -2))
        return with_nan(jnp.swapaxes(found, -1, -2), x), zero_pivot(x)
    if b.shape[-2] != x.shape[-1]:
        raise RuntimeError(
            f"linalg.solve: Incompatible shapes of A and B for the equation AX = B"
            f" ({x.shape[-2]}x{x.shape[-1]} and"
            f" {b.shape[-2]}x{b.shape[-1]})"
        )
    batch = jnp.broadcast_shapes(x.shape[:-2], b.shape[:-2])
    found = jnp.linalg.solve(jnp.broadcast_to(x, (*batch, *x.shape[-2:])), jnp.broadcast_to(b, (*batch, *b.shape[-2:])))
    found = with_nan(found, x)
    return found[..., 0] if vector else found, zero_pivot(x)
