"""`torch.linalg`: decompositions, solutions and norms."""

from jtorch.core.ops.matrix.decompose import det, matrix_exp, matrix_power
from jtorch.core.ops.matrix.matrix_checks import LinAlgError
from jtorch.core.ops.matrix.indefinite import (
    ldl_factor, ldl_factor_ex, ldl_solve,
)  # fmt: skip
from jtorch.core.ops.matrix.linalg import (
    cholesky, cholesky_ex, cond, cross, diagonal, eig, eigh, eigvals, eigvalsh, householder_product, inv, inv_ex, lstsq,
    lu, lu_factor, lu_factor_ex, lu_solve, matrix_norm, matrix_rank, multi_dot, norm, pinv, qr, slogdet, solve,
    solve_ex, solve_triangular, svd, svdvals, tensorinv, tensorsolve, vander, vecdot, vector_norm,
)  # fmt: skip
from jtorch.core.ops.matrix.products import matmul
