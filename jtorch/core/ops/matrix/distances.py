"""Distances and similarities of vectors, and scaling to unit length."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np

from jtorch.core.facts import devices, dtypes
from jtorch.core.op import Array, common_shape, functional, op, store
from jtorch.core.ops.rules import gap_norm, norm_of, root
from jtorch.core.tensor import wrap_dim


@op(
    method=False,
    promote="float",
    strides=None,
    grad_fn="SumBackward1",
    autocast={"cuda": "float32"},
    graph={
        "SumBackward1": "SumBackward1(Mul(Div(x1, Clone(LinalgVectorNorm(x1))), Div(x2, Clone(LinalgVectorNorm(x2)))))"
    },
)
def cosine_similarity(x1: Array, x2: Array, dim: int = 1, eps: float = 1e-8) -> Array:
    """x1 · x2 / (max(‖x1‖, eps) max(‖x2‖, eps)) along dim.

    Shape:
        two shapes that broadcast → their common shape without dim

    >>> torch.nn.functional.cosine_similarity(torch.tensor([[3., 0.]]), torch.tensor([[1., 1.]]))
    tensor([0.7071])
    """
    shape = common_shape(x1.shape, x2.shape)
    dim = wrap_dim(dim, len(shape))
    if not shape:
        return cosine_of(x1[None], x2[None], 0, eps)
    return cosine_of(x1, x2, dim, eps)


def cosine_of(x1, x2, dim, eps):
    shape = jnp.broadcast_shapes(x1.shape, x2.shape)
    a, b = [jnp.broadcast_to(x, shape) for x in (x1, x2)]
    lengths = [jnp.maximum(norm_of(x, 2, (dim,), True), jnp.asarray(eps, x.dtype)) for x in (a, b)]
    return jnp.sum((a / lengths[0]) * (b / lengths[1]), axis=dim)


@op(
    method=False,
    promote=True,
    strides=None,
    saves="own",
    grad_fn="NormBackward1",
    graph={"NormBackward1": "NormBackward1(AddBackward1(Sub(x1, x2)))"},
)
def pairwise_distance(x1: Array, x2: Array, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> Array:
    """‖x1 - x2 + eps‖ₚ along the last dimension.

    >>> torch.nn.functional.pairwise_distance(torch.tensor([[3., 4.]]), torch.zeros(1, 2))
    tensor([5.0000])
    """
    return distance_of(x1, x2, p, eps, keepdim)


def distance_of(x1, x2, p, eps, keepdim=False):
    apart = x1 - x2 + jnp.asarray(eps, x1.dtype)
    return norm_of(apart, p, (apart.ndim - 1,), keepdim)


@op(method=False, grad_fn="PdistBackward0", autocast={"cuda": "float32"})
def pdist(input: Array, p: float = 2.0) -> Array:
    """The p-norm distance of every pair of rows, those of the first row first.

    Shape:
        (N, M) → (N (N - 1) / 2)

    >>> torch.nn.functional.pdist(torch.tensor([[0.], [1.], [3.]]))
    tensor([1., 3., 2.])
    """
    if input.dtype.itemsize < 4 and devices.traced_kind().host:
        raise NotImplementedError(f"\"pdist\" not implemented for '{dtypes.of(input.dtype).scalar_name}'")
    if input.ndim != 2:
        raise RuntimeError(f"pdist only supports 2D tensors, got: {input.ndim}D")
    if p < 0:
        raise RuntimeError("pdist only supports non-negative p values")
    first, second = np.triu_indices(input.shape[0], 1)
    return gap_norm(input[first] - input[second], p)


def _distances(x1, x2, p):
    if p == 2:
        gap = x1[..., :, None, :] - x2[..., None, :, :]
        return root(jnp.sum(gap * gap, axis=-1))
    return gap_norm(x1[..., :, None, :] - x2[..., None, :, :], p)


@op(method=False, saves="inputs", autocast="float32")
def cdist(x1: Array, x2: Array, p: float = 2.0, compute_mode: str = "use_mm_for_euclid_dist_if_necessary") -> Array:
    """The p-norm distance of every row of x1 from every row of x2: (*, n, d), (*, m, d) → (*, n, m)."""
    for name, x in (("X1", x1), ("X2", x2)):
        if x.ndim < 2:
            raise RuntimeError(f"cdist only supports at least 2D tensors, {name} got: {x.ndim}D")
    if x1.shape[-1] != x2.shape[-1]:
        raise RuntimeError(f"X1 and X2 must have the same number of columns. X1: {x1.shape[-1]} X2: {x2.shape[-1]}")
    if p < 0:
        raise RuntimeError("cdist only supports non-negative p values")
    return _distances(x1, x2, p)


@functional
def normalize(input, p=2.0, dim=1, eps=1e-12, out=None):
    """x / max(‖x‖ₚ, eps) along dim.

    >>> torch.nn.functional.normalize(torch.tensor([[3., 4.]]))
    tensor([[0.6000, 0.8000]])
    """
    length = input.norm(p, dim, keepdim=True).clamp_min(eps).expand_as(input)
    made = input / length
    return made if out is None else store(out, made, "normalize")
