"""`make_tensor`: a tensor of random values in an interval, of any dtype."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence

from jtorch.core.facts import bool as bool_
from jtorch.core.facts import finfo, float32, iinfo, int64
from jtorch.core.ops.functions import empty, randint, view_as_real

__all__ = ["make_tensor"]


def _interval(dtype, low, high):
    """The interval as numbers that the dtype can hold."""
    is_int = not (dtype.is_floating_point or dtype.is_complex)
    if dtype is bool_:
        least, most, default = 0, 2, (0, 2)
    elif is_int:
        # `randint` cannot draw the largest int64.
        least, most, default = iinfo(dtype).min, iinfo(dtype).max + (dtype is not int64), (-9, 10)
    else:
        least, most, default = finfo(dtype).min, finfo(dtype).max, (-9, 9)
    low, high = default[0] if low is None else low, default[1] if high is None else high
    if any(isinstance(bound, float) and math.isnan(bound) for bound in (low, high)):
        raise ValueError(f"`low` and `high` cannot be NaN, but got {low=} and {high=}")
    if low == high and not is_int and dtype.itemsize > 1:
        warnings.warn(
            "Passing `low==high` to `torch.testing.make_tensor` for floating or complex types is deprecated since 2.1 and will "
            "be removed in 2.3. Use `torch.full(...)` instead.",
            FutureWarning,
            stacklevel=3,
        )
    elif low >= high:
        raise ValueError(f"`low` must be less than `high`, but got {low} >= {high}")
    elif high < least or low >= most:
        raise ValueError(
            f"The value interval specified by `low` and `high` is [{low}, {high}), but {dtype} only supports [{least}, {most})"
        )
    low, high = min(max(low, least), most), min(max(high, least), most)
    return (math.ceil(low), math.ceil(high)) if is_int else (low, high)


def _uniform(shape, dtype, device, low, high):
    drawn = empty(shape, dtype=float32 if dtype.itemsize == 1 else dtype, device=device)
    parts = view_as_real(drawn) if dtype.is_complex else drawn
    if high - low >= finfo(parts.dtype).max:  # too wide for `uniform_`: PyTorch draws from half of it
        parts.uniform_(low / 2, high / 2).mul_(2)
    else:
        parts.uniform_(low, high)
    return drawn.to(dtype)


def make_tensor(
    *shape,
    dtype,
    device,
    low=None,
    high=None,
    requires_grad=False,
    noncontiguous=False,
    exclude_zero=False,
    memory_format=None,
):
    """A tensor of values drawn uniformly from [low, high).

    Args:
        shape: as numbers or as one sequence.
        low, high: the interval; by default -9 and 9, of integers -9 and 10 (0 and 10 if they have no sign), of bools 0 and 2.
        noncontiguous: every second element of a larger tensor.
        exclude_zero: replace zeros by 1, or by the smallest normal number.
        memory_format: of the result; not together with `noncontiguous`.

    Raises:
        ValueError: `requires_grad` for integers, a NaN or an empty interval, or both layouts.

    >>> _ = torch.manual_seed(0)
    >>> torch.testing.make_tensor(3, dtype=torch.int64, device="cpu", low=0, high=5)
    tensor([4, 4, 3])
    """
    if len(shape) == 1 and isinstance(shape[0], Sequence):
        shape = shape[0]
    shape, is_float = tuple(shape), dtype.is_floating_point or dtype.is_complex
    if noncontiguous and memory_format is not None:
        raise ValueError(
            "The parameters `noncontiguous` and `memory_format` are mutually exclusive, "
            f"but got {noncontiguous=} and {memory_format=}"
        )
    if requires_grad and not is_float:
        raise ValueError(f"`requires_grad=True` is not supported for boolean and integral dtypes, but got {dtype=}")
    noncontiguous = noncontiguous and math.prod(shape) > 1
    drawn = (*shape[:-1], 2 * shape[-1]) if noncontiguous else shape
    low, high = _interval(dtype, low, high)
    made = (
        _uniform(drawn, dtype, device, low, high) if is_float else randint(low, high, drawn, device=device, dtype=dtype)
    )
    if noncontiguous:
        made = made[..., 1::2]
    elif memory_format is not None:
        made = made.clone(memory_format=memory_format)
    if exclude_zero:
        made[made == 0] = finfo(dtype).tiny if is_float else 1
    return made.requires_grad_(requires_grad) if is_float else made
