"""Reductions and normalizations of the elements that a mask marks as valid (True); the others do not count.

A masked element is replaced by a value that does not change the result: 0 in a sum, 1 in a product, -inf in a maximum.
"""

from __future__ import annotations

import math

from jtorch.core.facts import dtypes
from jtorch.core.ops import functions as plain
from jtorch.core.ops.functional import log_softmax as _log_softmax
from jtorch.core.ops.functional import softmax as _softmax
from jtorch.core.tensor import Tensor
from jtorch.linalg import vector_norm

__all__ = [
    "amax", "amin", "argmax", "argmin", "cumprod", "cumsum", "log_softmax", "logaddexp", "logsumexp", "mean", "median", "norm",
    "normalize", "prod", "softmax", "softmin", "std", "sum", "var",
]  # fmt: skip


def _data_and_mask(input, mask):
    """A tensor and its mask. A MaskedTensor brings its own, and takes another only if it is the same."""
    if not hasattr(input, "get_mask"):
        return input, mask
    own = input.get_mask()
    return input.get_data(), own if mask is None else own & mask


def _filled(input, mask, value):
    """The tensor with a value in place of what is masked."""
    input, mask = _data_and_mask(input, mask)
    if mask is None:
        return input
    if mask.dim() > input.dim():
        raise IndexError("_input_mask expected broadcastable mask (got mask dimensionality higher than of the input)")
    return plain.where(mask, input, plain.full((), value, dtype=input.dtype, device=input.device))


def _reduced_dims(dim, ndim):
    if dim is None or (isinstance(dim, tuple | list) and not dim):
        return tuple(range(ndim))
    dims = tuple(d % max(ndim, 1) for d in ((dim,) if isinstance(dim, int) else dim))
    if len({*dims}) < len(dims):
        raise RuntimeError(f"dim={dims[-1]} appears multiple times in the list of dims")
    return dims


def _least_number(dtype):
    return -math.inf if dtype.is_floating_point else 0 if dtype is dtypes.bool_ else -dtype.most - dtype.is_signed


def _largest_number(dtype):
    return math.inf if dtype.is_floating_point else 1 if dtype is dtypes.bool_ else dtype.most


def _given_dtype(input, dtype):
    return input.dtype if dtype is None else dtype


def _sum_dtype(input, dtype):
    return dtype or (input.dtype if input.dtype.category >= dtypes.FLOAT else dtypes.int64)


def sum(input, dim=None, *, keepdim=False, dtype=None, mask=None) -> Tensor:
    """The sum of the valid elements; 0 where none is.

    >>> torch.masked.sum(torch.tensor([1., 2., 4.]), mask=torch.tensor([True, False, True]))
    tensor(5.)
    """
    return plain.sum(
        _filled(input, mask, 0), _reduced_dims(dim, input.dim()), bool(keepdim), dtype=_sum_dtype(input, dtype)
    )


def prod(input, dim=None, *, keepdim=False, dtype=None, mask=None) -> Tensor:
    """The product of the valid elements; 1 where none is."""
    found, dtype = _filled(input, mask, 1), _sum_dtype(input, dtype)
    for d in sorted(_reduced_dims(dim, input.dim()), reverse=True):
        found = plain.prod(found, d, bool(keepdim), dtype=dtype)
    return found.to(dtype)


def cumsum(input, dim, *, dtype=None, mask=None) -> Tensor:
    """The sums of the valid elements so far."""
    return plain.cumsum(_filled(input, mask, 0), dim, dtype=_sum_dtype(input, dtype))


def cumprod(input, dim, *, dtype=None, mask=None) -> Tensor:
    """The products of the valid elements so far."""
    return plain.cumprod(_filled(input, mask, 1), dim, dtype=_sum_dtype(input, dtype))


def amax(input, dim=None, *, keepdim=False, dtype=None, mask=None) -> Tensor:
    """The largest valid element; the least number of the dtype where none is."""
    found = _filled(input, mask, _least_number(input.dtype))
    return plain.amax(found, _reduced_dims(dim, input.dim()), bool(keepdim)).to(_given_dtype(input, dtype))


def amin(input, dim=None, *, keepdim=False, dtype=None, mask=None) -> Tensor:
    """The smallest valid element; the largest number of the dtype where none is."""
    found = _filled(input, mask, _largest_number(input.dtype))
    return plain.amin(found, _reduced_dims(dim, input.dim()), bool(keepdim)).to(_given_dtype(input, dtype))


def argmax(input, dim=None, *, keepdim=False, dtype=None, mask=None) -> Tensor:
    """The index of the largest valid element, in the dtype of the input, as PyTorch has it."""
    return plain.argmax(_filled(input, mask, _least_number(input.dtype)), dim, bool(keepdim)).to(
        _given_dtype(input, dtype)
    )


def argmin(input, dim=None, *, keepdim=False, dtype=None, mask=None) -> Tensor:
    """The index of the smallest valid element, in the dtype of the input, as PyTorch has it."""
    return plain.argmin(_filled(input, mask, _largest_number(input.dtype)), dim, bool(keepdim)).to(
        _given_dtype(input, dtype)
    )


def _count(input, dim, keepdim, mask):
    """How many valid elements a reduction has."""
    input, mask = _data_and_mask(input, mask)
    valid = plain.ones(input.shape, dtype=dtypes.bool_, device=input.device)
    return plain.sum(valid if mask is None else valid & mask, _reduced_dims(dim, input.dim()), keepdim)


def mean(input, dim=None, *, keepdim=False, dtype=None, mask=None) -> Tensor:
    """The mean of the valid elements; NaN where none is.

    Raises:
        ValueError: a dtype of integers or booleans.
    """
    whose, dtype = "Input" if dtype is None else "Optional", _given_dtype(input, dtype)
    if dtype.category < dtypes.FLOAT:
        raise ValueError(
            f"mean(): Could not infer output dtype. {whose} dtype must be either a floating point or complex dtype. Got: {dtype}"
        )
    total = sum(input, dim, keepdim=keepdim, dtype=dtype, mask=mask)
    return total / _count(input, dim, bool(keepdim), mask)


def median(input, dim=-1, *, keepdim=False, dtype=None, mask=None) -> Tensor:
    """The median of the valid elements; NaN where none is.

    Raises:
        ValueError: there is none and the dtype has no NaN.
    """
    dtype, floats = _given_dtype(input, dtype), input.dtype.is_floating_point
    given, mask = _data_and_mask(input, mask)
    found = plain.nanmedian(_filled(given if floats else given.to(dtypes.float32), mask, math.nan), dim, keepdim).values
    if floats:
        return found
    if bool(found.isnan().any()):
        raise ValueError("masked median expects no fully masked out rows if dtype is not floating point")
    return found.to(dtype)


def logsumexp(input, dim=None, *, keepdim=False, dtype=None, mask=None) -> Tensor:
    """The logarithm of the sum of the exponentials of the valid elements."""
    found = _filled(input, mask, _least_number(input.dtype))
    return plain.logsumexp(found, _reduced_dims(dim, input.dim()), keepdim).to(_given_dtype(input, dtype))


def logaddexp(input, other, *, dtype=None, input_mask=None, other_mask=None) -> Tensor:
    """log(exp(input) + exp(other)), where a masked element adds nothing."""
    least = _least_number(input.dtype)
    found = plain.logaddexp(_filled(input, input_mask, least), _filled(other, other_mask, least))
    return found.to(_given_dtype(input, dtype))


def norm(input, ord=2.0, dim=None, *, keepdim=False, dtype=None, mask=None) -> Tensor:
    """The vector norm of the valid elements."""
    found = _filled(input, mask, math.inf if ord == -math.inf else 0)
    return vector_norm(found, ord, _reduced_dims(dim, input.dim()), bool(keepdim), dtype=dtype)


def _variance_of_valid(input, dim, unbiased, correction, keepdim, dtype, mask):
    if unbiased is not None and correction is not None:
        raise AssertionError("Only one of unbiased and correction may be given")
    if correction is None:
        correction = 0 if unbiased is False else 1
    dtype = dtype or (input.dtype if input.dtype.category >= dtypes.FLOAT else dtypes.float32)
    data, mask = _data_and_mask(input, mask)
    center = sum(data, dim, keepdim=True, dtype=dtype, mask=mask) / _count(data, dim, True, mask)
    apart = data - center
    total = sum(apart * apart.conj(), dim, keepdim=keepdim, dtype=dtype, mask=mask)
    count = (_count(data, dim, bool(keepdim), mask).to(dtype.to_real()) - correction).clamp(min=0)
    return (total / count).to(dtype)


def var(input, dim=None, unbiased=None, *, correction=None, keepdim=False, dtype=None, mask=None) -> Tensor:
    """The variance of the valid elements; NaN where none is."""
    return _variance_of_valid(input, dim, unbiased, correction, keepdim, dtype, mask)


def std(input, dim=None, unbiased=None, *, correction=None, keepdim=False, dtype=None, mask=None) -> Tensor:
    """The standard deviation of the valid elements; NaN where none is."""
    return _variance_of_valid(input, dim, unbiased, correction, keepdim, dtype, mask).sqrt()


def softmax(input, dim, *, dtype=None, mask=None) -> Tensor:
    """The softmax of the valid elements; 0 where masked, and NaN where all are.

    >>> torch.masked.softmax(torch.zeros(3), 0, mask=torch.tensor([True, False, True]))
    tensor([0.5000, 0.0000, 0.5000])
    """
    return _softmax(_filled(input, mask, _least_number(input.dtype)), dim, dtype=_given_dtype(input, dtype))


def log_softmax(input, dim, *, dtype=None, mask=None) -> Tensor:
    """The logarithm of the softmax of the valid elements; -inf where masked, and NaN where all are."""
    return _log_softmax(_filled(input, mask, _least_number(input.dtype)), dim, dtype=_given_dtype(input, dtype))


def softmin(input, dim, *, dtype=None, mask=None) -> Tensor:
    """The softmax of the negative of the valid elements."""
    return _softmax(-_filled(input, mask, _largest_number(input.dtype)), dim, dtype=_given_dtype(input, dtype))


def normalize(input, ord, dim, *, eps=1e-12, dtype=None, mask=None) -> Tensor:
    """The valid elements divided by their norm; 0 where masked."""
    size = norm(input, ord, dim, keepdim=True, dtype=_given_dtype(input, dtype), mask=mask)
    return _filled(input, mask, 0) / size.clamp(min=eps)
