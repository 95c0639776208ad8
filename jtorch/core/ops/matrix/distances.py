"""Distances and similarities of vectors, scaling to unit length, and one-hot vectors."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np

from jtorch.core.op import Array, common_shape, data_check, functional, op
from jtorch.core.ops.rules import gap_norm, norm_of
from jtorch.core.tensor import Tensor, wrap_dim, write_result


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
    if input.ndim != 2:
        raise RuntimeError(f"pdist only supports 2D tensors, got: {input.ndim}D")
    if p < 0:
        raise RuntimeError("pdist only supports non-negative p values")
    first, second = np.triu_indices(input.shape[0], 1)
    return gap_norm(input[first] - input[second], p)


@functional
def normalize(input, p=2.0, dim=1, eps=1e-12, out=None):
    """x / max(‖x‖ₚ, eps) along dim.

    >>> torch.nn.functional.normalize(torch.tensor([[3., 4.]]))
    tensor([[0.6000, 0.8000]])
    """
    length = input.norm(p, dim, keepdim=True).clamp_min(eps).expand_as(input)
    made = input / length
    return made if out is None else write_result(out, made)


def _negative_class(x):
    return (x < 0).any()


def _beyond_classes(x, classes):
    return (x >= classes).any()


@op
def _one_hot(input: Array, classes: int) -> Array:
    return (input[..., None] == jnp.arange(classes)).astype(jnp.int64)


@functional
def one_hot(input: Tensor, num_classes: int = -1) -> Tensor:
    """1 at the class, 0 elsewhere, in a new last dimension.

    Args:
        input: class numbers, int64.
        num_classes: the number of classes; -1 means one more than the largest class, for which the data are looked at.

    Shape:
        (*) → (*, num_classes)

    Raises:
        RuntimeError: a class that is negative or too large.

    >>> torch.nn.functional.one_hot(torch.tensor([1, 0]), 3)
    tensor([[0, 1, 0],
            [1, 0, 0]])
    """
    if input.dtype.name != "int64":
        raise RuntimeError("one_hot is only applicable to index tensor of type LongTensor.")
    if not input.numel():
        if num_classes <= 0:
            raise RuntimeError("Can not infer total number of classes from empty tensor.")
        return _one_hot(input, num_classes)
    data_check(input, _negative_class, RuntimeError("Class values must be non-negative."))
    if num_classes == -1:
        num_classes = int(input.max()) + 1
    else:
        data_check(
            input, _beyond_classes, RuntimeError("Class values must be smaller than num_classes."), classes=num_classes
        )
    return _one_hot(input, num_classes)
