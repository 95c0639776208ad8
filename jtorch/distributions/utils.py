"""What the distributions share: broadcasting of parameters, lazy properties, probabilities and logits.

Knows tensors. Does not know distributions.
"""

from __future__ import annotations

from jtorch.core.facts import finfo, get_default_dtype
from jtorch.core.ops.make.create import empty, zeros
from jtorch.core.ops.views.diagonal import tril_indices
from jtorch.core.ops.views.shape import broadcast_tensors
from jtorch.core.tensor import Tensor, tensor
from jtorch.nn.functional import softmax

euler_constant = 0.57721566490153286060  # Euler and Mascheroni's
__all__ = [
    "broadcast_all",
    "clamp_probs",
    "lazy_property",
    "logits_to_probs",
    "probs_to_logits",
    "tril_matrix_to_vec",
    "vec_to_tril_matrix",
]


def broadcast_all(*values):
    """Tensors and numbers as tensors of one shape; numbers take the tensors' dtype.

    Raises:
        ValueError: a value that is neither a tensor nor a number.
    """
    if not all(isinstance(v, Tensor | int | float) for v in values):
        raise ValueError(
            "Input arguments must all be instances of Number, torch.Tensor or objects implementing __torch_function__."
        )
    like = next((v for v in values if isinstance(v, Tensor)), None)
    settings = {"dtype": get_default_dtype()} if like is None else {"dtype": like.dtype, "device": like.device}
    return broadcast_tensors(*[v if isinstance(v, Tensor) else tensor(v, **settings) for v in values])


class lazy_property:
    """A property that is computed when it is first read, and then kept."""

    def __init__(self, fn):
        self.fn, self.__doc__ = fn, fn.__doc__

    def __get__(self, instance, owner=None):
        if instance is None:
            return self
        made = vars(instance)[self.fn.__name__] = self.fn(instance)
        return made


def vec_to_tril_matrix(vec, diag=0):
    """The lower triangle, up to the diagonal of this number, whose rows are one after the other in `vec`."""
    n = (-(1 + 2 * diag) + ((1 + 2 * diag) ** 2 + 8 * vec.shape[-1] + 4 * abs(diag) * (diag + 1)) ** 0.5) / 2
    if round(n) - n > finfo(vec.dtype).eps:
        raise ValueError(
            f"The size of last dimension is {vec.shape[-1]} which cannot be expressed as the lower"
            " triangular part of a square D x D matrix."
        )
    n = round(n)
    rows, columns = tril_indices(n, n, diag)
    matrix = zeros((*vec.shape[:-1], n, n), dtype=vec.dtype, device=vec.device)
    matrix[..., rows, columns] = vec
    return matrix


def tril_matrix_to_vec(mat, diag=0):
    """The rows of the lower triangle up to the diagonal of this number, one after the other."""
    n = mat.shape[-1]
    if diag < -n or diag >= n:
        raise ValueError(f"diag ({diag}) provided is outside [{-n}, {n - 1}].")
    rows, columns = tril_indices(n, n, diag)
    return mat[..., rows, columns]


def _standard_normal(shape, dtype, device):
    """Numbers of the standard normal distribution, without a gradient. Libraries call it in their `rsample`."""
    return empty(shape, dtype=dtype, device=device).normal_()


def half_log_det(scale_tril):
    """Half the log of the determinant of scale_tril @ scale_tril.mT."""
    return scale_tril.diagonal(dim1=-2, dim2=-1).log().sum(-1)


def sum_rightmost(x, count):
    """x summed over its last `count` dimensions."""
    return x.sum(tuple(range(-count, 0))) if count else x


_sum_rightmost = sum_rightmost  # PyTorch's name, which libraries import


def clamp_probs(probs):
    """Probabilities moved away from 0 and 1, so that their logs are finite."""
    eps = finfo(probs.dtype).eps
    return probs.clamp(min=eps, max=1 - eps)


def probs_to_logits(probs, is_binary=False):
    """log(p), or log(p / (1 - p)) for two classes."""
    clamped = clamp_probs(probs)
    return clamped.log() - (-clamped).log1p() if is_binary else clamped.log()


def logits_to_probs(logits, is_binary=False):
    """The probabilities of logits."""
    return logits.sigmoid() if is_binary else softmax(logits, dim=-1)


def probs_or_logits(probs, logits):
    """(name, value) of the one that was given.

    Raises:
        ValueError: both were given, or neither.
    """
    if (probs is None) == (logits is None):
        raise ValueError("Either `probs` or `logits` must be specified, but not both.")
    return ("logits", logits) if probs is None else ("probs", probs)


class TwoClasses:
    """A distribution by `probs` or `logits` of one class of two: the one that was not given is computed when it is first read."""

    @lazy_property
    def logits(self):
        return probs_to_logits(self.probs, is_binary=True)

    @lazy_property
    def probs(self):
        return logits_to_probs(self.logits, is_binary=True)
