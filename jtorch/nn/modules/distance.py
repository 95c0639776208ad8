"""Distances as modules."""

from __future__ import annotations

from jtorch.core.ops.matrix import distances as distance
from jtorch.nn.modules.module import Module

__all__ = ["CosineSimilarity", "PairwiseDistance"]


class CosineSimilarity(Module):
    """x1 · x2 / (‖x1‖ ‖x2‖) along dim. See :func:`cosine_similarity`.

    Args:
        dim: the dimension of the vectors.
        eps: smaller norms count as this, so that nothing is divided by zero.

    Shape:
        two tensors that broadcast → their shape without dim

    >>> torch.nn.CosineSimilarity()(torch.tensor([[3., 4.]]), torch.tensor([[4., 3.]]))
    tensor([0.9600])
    """

    __constants__ = ["dim", "eps"]

    def __init__(self, dim=1, eps=1e-8):
        super().__init__()
        self.dim = dim
        self.eps = eps

    def forward(self, x1, x2):
        return distance.cosine_similarity(x1, x2, self.dim, self.eps)


class PairwiseDistance(Module):
    """‖x1 - x2 + eps‖ₚ along the last dimension. See :func:`pairwise_distance`.

    Args:
        p: the p of the norm.
        eps: added to each difference, so that the gradient is finite where x1 equals x2.
        keepdim: keep the last dimension, with size 1.

    Shape:
        (N, D) or (D), twice → (N) or (); (N, 1) or (1) with keepdim

    >>> torch.nn.PairwiseDistance(eps=0.0)(torch.tensor([[0., 0.]]), torch.tensor([[3., 4.]]))
    tensor([5.])
    """

    __constants__ = ["norm", "eps", "keepdim"]

    def __init__(self, p=2.0, eps=1e-6, keepdim=False):
        super().__init__()
        self.norm = p
        self.eps = eps
        self.keepdim = keepdim

    def forward(self, x1, x2):
        return distance.pairwise_distance(x1, x2, self.norm, self.eps, self.keepdim)
