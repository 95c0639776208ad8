"""`torch.nn.utils.parametrizations`: weight norm, spectral norm, orthogonal weights."""

from __future__ import annotations

from jtorch import linalg
from jtorch.core.grad import no_grad
from jtorch.core.ops.arithmetic.logic import where
from jtorch.core.ops.gather.joining import cat
from jtorch.core.ops.make.create import eye
from jtorch.core.ops.matrix.decompose import geqrf
from jtorch.core.ops.matrix.distances import normalize
from jtorch.core.ops.matrix.norms import norm_except_dim
from jtorch.core.ops.matrix.products import dot, mv
from jtorch.core.ops.views.diagonal import tril, triu
from jtorch.nn.modules.conv import ConvTranspose1d, ConvTranspose2d, ConvTranspose3d
from jtorch.nn.modules.module import Module
from jtorch.nn.utils import parametrize
from jtorch.nn.utils.weight_norm import _weight_norm as _of_parts

__all__ = ["orthogonal", "spectral_norm", "weight_norm"]


class _WeightNorm(Module):
    def __init__(self, dim=0):
        super().__init__()
        self.dim = -1 if dim is None else dim

    def forward(self, weight_g, weight_v):
        return _of_parts(weight_v, weight_g, self.dim)

    def right_inverse(self, weight):
        return norm_except_dim(weight, 2, self.dim), weight


def weight_norm(module, name="weight", dim=0):
    """Make a weight the product of its length (original0) and the direction of original1.

    Args:
        dim: the dimension along which each slice has its own length; None: one length.
    """
    parametrize.register_parametrization(module, name, _WeightNorm(dim), unsafe=True)

    def old_names(state_dict, prefix, *rest):
        for i, part in enumerate("gv"):
            old, new = f"{prefix}{name}_{part}", f"{prefix}parametrizations.{name}.original{i}"
            if old in state_dict:
                state_dict[new] = state_dict.pop(old)

    module._register_load_state_dict_pre_hook(old_names)
    return module


class _SpectralNorm(Module):
    def __init__(self, weight, n_power_iterations=1, dim=0, eps=1e-12):
        super().__init__()
        ndim = weight.ndim
        if not -ndim <= dim < ndim:
            raise IndexError(f"Dimension out of range (expected to be in range of [-{ndim}, {ndim - 1}] but got {dim})")
        if n_power_iterations <= 0:
            raise ValueError(
                f"Expected n_power_iterations to be positive, but got n_power_iterations={n_power_iterations}"
            )
        self.dim = dim if dim >= 0 else dim + ndim
        self.eps = eps
        if ndim > 1:
            self.n_power_iterations = n_power_iterations
            matrix = self._reshape_weight_to_matrix(weight)
            rows, columns = matrix.size()
            u, v = matrix.new_empty(rows).normal_(0, 1), matrix.new_empty(columns).normal_(0, 1)
            self.register_buffer("_u", normalize(u, dim=0, eps=eps))
            self.register_buffer("_v", normalize(v, dim=0, eps=eps))
            self._power_method(matrix, 15)

    def _reshape_weight_to_matrix(self, weight):
        if self.dim != 0:
            weight = weight.permute(self.dim, *[d for d in range(weight.dim()) if d != self.dim])
        return weight.flatten(1)

    def _power_method(self, matrix, n_power_iterations):
        with no_grad():
            matrix = matrix.detach()
            for _ in range(n_power_iterations):
                self._u.copy_(normalize(mv(matrix, self._v), dim=0, eps=self.eps))
                self._v.copy_(normalize(mv(matrix.H, self._u), dim=0, eps=self.eps))

    def forward(self, weight):
        if weight.ndim == 1:
            return normalize(weight, dim=0, eps=self.eps)
        matrix = self._reshape_weight_to_matrix(weight)
        if self.training:
            self._power_method(matrix, self.n_power_iterations)
        u, v = self._u.clone(), self._v.clone()  # the next forward pass overwrites the buffers, maybe before backward
        return weight / dot(u.conj(), mv(matrix, v))

    def right_inverse(self, value):
        return value


def spectral_norm(module, name="weight", n_power_iterations=1, eps=1e-12, dim=None):
    """Divide a weight by its largest singular value, which a power iteration estimates in training."""
    weight = getattr(module, name, None)
    if not hasattr(weight, "requires_grad"):
        raise ValueError(f"Module '{module}' has no parameter or buffer with name '{name}'")
    if dim is None:
        dim = 1 if isinstance(module, ConvTranspose1d | ConvTranspose2d | ConvTranspose3d) else 0
    made = _SpectralNorm(weight, n_power_iterations, dim, eps)
    return parametrize.register_parametrization(module, name, made)


_MAPS = ("matrix_exp", "cayley", "householder")


class _Orthogonal(Module):
    """The exponential or Cayley map of a skew-symmetric matrix, or a product of reflections; times a fixed orthogonal matrix."""

    def __init__(self, weight, orthogonal_map, use_trivialization):
        super().__init__()
        if weight.is_complex() and orthogonal_map == "householder":
            raise ValueError("The householder parametrization does not support complex tensors.")
        self.shape = weight.shape
        self.orthogonal_map = orthogonal_map
        if use_trivialization:
            self.register_buffer("base", None)

    def forward(self, X):
        n, k = X.size(-2), X.size(-1)
        wide = n < k
        if wide:
            X, n, k = X.mT, k, n
        Q = self._reflected(X) if self.orthogonal_map == "householder" else self._mapped(X)[..., :k]
        if self._buffers.get("base") is not None:
            Q = self.base @ Q
        return Q.mT if wide else Q

    def _mapped(self, X):
        A = tril(X)
        n, k = X.size(-2), X.size(-1)
        if n != k:
            A = cat([A, A.new_zeros((*A.shape[:-1], n - k))], -1)
        A = A - A.mH
        if self.orthogonal_map == "matrix_exp":
            return linalg.matrix_exp(A)
        one = eye(n, dtype=A.dtype, device=A.device)
        return linalg.solve(one - A / 2, one + A / 2)

    def _reflected(self, X):
        A = tril(X, -1)
        Q = linalg.householder_product(A, 2 / (1 + (A * A).sum(-2)))
        signs = X.detach().diagonal(dim1=-2, dim2=-1).int()  # these are not learned
        return Q * signs.unsqueeze(-2)

    def right_inverse(self, Q):
        if Q.shape != self.shape:
            raise ValueError(
                f"Expected a matrix or batch of matrices of shape {self.shape}. Got a tensor of shape {Q.shape}."
            )
        wide = Q.size(-2) < Q.size(-1)
        tall = Q.mT if wide else Q
        if "base" not in self._buffers:
            if self.orthogonal_map == "householder":
                A, tau = geqrf(tall)
                signs = A.diagonal(dim1=-2, dim2=-1).sign() * where(tau == 0, -1, 1)
                A = tril(A, -1) + triu(A, 1) + _eye_like(A) * signs.unsqueeze(-2)
                return A.mT if wide else A
            raise NotImplementedError(
                "It is not possible to assign to the matrix exponential or the Cayley parametrizations when use_trivialization=False."
            )
        n, k = tall.size(-2), tall.size(-1)
        q, r = linalg.qr(tall if n == k else cat([tall, tall.new_empty((*tall.shape[:-1], n - k)).normal_()], -1))
        self.base = (q * r.diagonal(dim1=-2, dim2=-1).sign().unsqueeze(-2)).contiguous()
        # `base` holds the current matrix. The learned tensor starts at -1, which every map takes to the identity.
        return -_eye_like(Q)


def _eye_like(A):
    return eye(A.size(-2), A.size(-1), dtype=A.dtype, device=A.device).expand(A.shape)


def orthogonal(module, name="weight", orthogonal_map=None, *, use_trivialization=True):
    """Keep a matrix orthogonal: its rows, or its columns if there are fewer, stay orthonormal.

    Args:
        orthogonal_map: "matrix_exp", "cayley" or "householder"; None: the first for square matrices, else the last.
        use_trivialization: start from the current matrix.
    """
    weight = getattr(module, name, None)
    if not hasattr(weight, "requires_grad"):
        raise ValueError(f"Module '{module}' has no parameter or buffer with name '{name}'")
    if weight.ndim < 2:
        raise ValueError(f"Expected a matrix or batch of matrices. Got a tensor of {weight.ndim} dimensions.")
    if orthogonal_map is None:
        square = weight.size(-2) == weight.size(-1)
        orthogonal_map = "matrix_exp" if square or weight.is_complex() else "householder"
    if orthogonal_map not in _MAPS:
        raise ValueError(
            f'orthogonal_map has to be one of "matrix_exp", "cayley", "householder". Got: {orthogonal_map}'
        )
    made = _Orthogonal(weight, orthogonal_map, use_trivialization)
    return parametrize.register_parametrization(module, name, made, unsafe=True)
