"""The errors of PyTorch's CPU random functions: its checks in its order, with its exception types and messages.

It knows which kernel takes which dtype, and draws no numbers. Numbers in messages are printed as C++ prints a double, with
six digits.
"""

from __future__ import annotations

import math

import numpy as np

from jtorch.core.facts import dtypes, warn_user

MIN64, MAX64 = -(1 << 63), (1 << 63) - 1

# The NumPy names of the dtypes that PyTorch's kernels of random numbers take.
FLOATS = tuple(d.name for d in dtypes.ALL if d.is_floating_point and not d.limited)
INTEGERS = tuple(d.name for d in dtypes.ALL if d.category == dtypes.INT and not d.limited)
NUMBERS = (*FLOATS, *INTEGERS, "bool")


def check_implemented(kernel: str, dtype: np.dtype, names: tuple[str, ...]) -> None:
    """Raise NotImplementedError unless dtype is among the names that PyTorch's kernel takes."""
    if dtype.name not in names:
        raise NotImplementedError(f"\"{kernel}\" not implemented for '{dtypes.of(dtype).scalar_name}'")


def part_dtype(dtype: np.dtype) -> np.dtype:
    """The dtype of a complex number's parts; any other dtype itself."""
    return np.dtype(f"f{dtype.itemsize // 2}") if dtype.kind == "c" else dtype


def significand_bits(dtype: np.dtype) -> int:
    """Bits of a float's significand, the hidden one included."""
    return dtypes.of(dtype).digits


def check_continuous(name: str, dtype: np.dtype, spelling: int) -> None:
    """Raise unless dtype is a float; `spelling` picks which of PyTorch's two names the message has."""
    if not _is_float(dtype):
        names = dtypes.of(dtype).scalar_name, dtypes.of(dtype).cname
        raise RuntimeError(
            f"{name} distribution is a continuous probability distribution. "
            f"dtype must be a floating point but you specified {names[spelling]}"
        )


def check_uniform_bounds(dtype: np.dtype, low: float, high: float) -> None:
    """The checks of `uniform_`."""
    check_implemented("check_uniform_bounds", dtype, FLOATS)
    d = dtypes.of(dtype)
    for bound, value in (("from", low), ("to", high)):
        if not -d.most <= value <= d.most:
            raise RuntimeError(f"{bound} is out of bounds for {d.cname}")
    if low > high:
        raise RuntimeError(f"uniform_ expects to return a [from, to) range, but found from={low:g} > to={high:g}")
    if high - low > d.most:
        raise RuntimeError(
            f"uniform_ expects to-from <= std::numeric_limits<{d.scalar_name}>::max(), but found to={high:g} and "
            f"from={low:g} which result in to-from to exceed the limit"
        )


def checked_range(dtype: np.dtype, low: int, high: int | None) -> tuple[int, int]:
    """(first value, how many) of `random_(low, high)`; 2**64 values mean all of int64."""
    for value in (low, high):
        if value is not None and not MIN64 <= value <= MAX64:
            raise ValueError("Overflow when unpacking long long")
    if high is not None:
        return _closed_range(dtype, low, high)
    if low == MIN64:
        return low, 1 << 64
    return _open_range(dtype, low)


def _closed_range(dtype, low, high):
    if low >= high:
        raise RuntimeError(f"random_ expects 'from' to be less than 'to', but got from={low} >= to={high}")
    if _is_float(dtype):
        check_implemented("random_update_from_to", dtype, FLOATS)
        low, high = _first_in(dtype, low), _last_in(dtype, high)
        if low >= high:
            raise RuntimeError(
                f"random_ expects 'from' casted to dtype to be less than 'to' casted to dtype, but got from={low} >= to={high}"
            )
    _check_in_range(dtype, low, _wrapped_int64(high - 1))
    return low, high - low


def _open_range(dtype, low):
    if _is_float(dtype):
        check_implemented("random_from_to_range_calc", dtype, FLOATS)
        last = 1 << significand_bits(dtype)
        low = _first_in(dtype, low)
        if low >= last:
            raise RuntimeError(
                "random_ expects 'from' casted to dtype to be less than or equal to 'to_inc' casted to "
                f"dtype, but got from={low} > to_inc={last}"
            )
    elif dtype.kind == "c":
        raise RuntimeError("random_from_to_impl handles only integral, floating-point and boolean types")
    else:
        last = 1 if dtype.kind == "b" else _wrapped_int64(int(np.iinfo(dtype).max))
    _check_in_range(dtype, low, last)
    return low, last - low + 1


def _check_in_range(dtype, low, last):
    if dtype.kind == "c":
        raise RuntimeError("check_random_bounds handles only integral, floating-point and boolean types")
    cpp, bounds = dtypes.of(dtype).cname, _limits(dtype)
    for name, value in (("from", low), ("to - 1", last)):
        if not bounds[0] <= value <= bounds[1]:
            raise RuntimeError(f"{name} is out of bounds for {cpp}")
    if not _is_float(dtype):
        return
    power = significand_bits(dtype)
    for name, value in (("from", low), ("to - 1", last)):
        if abs(value) > 1 << power:
            warn_user(
                f"{name} is out of bounds [-(2^{power}), 2^{power}]. "
                f"Due to precision limitations {cpp} can support discrete uniform distribution only within this range. "
                "This warning will become an error in version 1.7 release, please fix the code in advance",
                UserWarning,
            )


def _limits(dtype):
    if _is_float(dtype):
        return -dtypes.of(dtype).most, dtypes.of(dtype).most
    if dtype.kind == "b":
        return 0, 1
    info = np.iinfo(dtype)
    return int(info.min), min(int(info.max), MAX64)


def _is_float(dtype):
    return dtypes.of(dtype).is_floating_point


def _first_in(dtype, low):
    """The first integer >= low that does not round below low in dtype, as PyTorch computes it."""
    after = _through_dtype(dtype, _wrapped_int64(low + 1))
    return low if after >= low else _wrapped_int64(after + _spacing(dtype, low + 1))


def _last_in(dtype, high):
    """The bound <= high below which nothing rounds up to high in dtype, as PyTorch computes it."""
    before = _through_dtype(dtype, _wrapped_int64(high - 1))
    return high if before < high else _wrapped_int64(before - _spacing(dtype, high - 1))


def _spacing(dtype, value):
    # C++ shifts by the exponent modulo 64.
    return 1 << ((max(abs(value), 1).bit_length() - significand_bits(dtype)) % 64)


def _through_dtype(dtype, value):
    wide = np.float64 if dtype.name == "float64" else np.float32
    with np.errstate(over="ignore"):
        x = float(wide(value).astype(dtype))
    # Out of int64's range, x86 gives its smallest value.
    return int(x) if math.isfinite(x) and MIN64 <= x <= MAX64 else MIN64


def _wrapped_int64(value):
    return (value - MIN64) % (1 << 64) + MIN64


def check_randperm(n: int, dtype: np.dtype) -> None:
    """The checks of `randperm`."""
    if n < 0:
        raise RuntimeError(f"Trying to create tensor with negative dimension {n}: [{n}]")
    if dtype.kind in "iu" and n > int(np.iinfo(dtype).max) + 1:
        raise RuntimeError(f"value cannot be converted to type {dtype.name}_t without overflow")
    check_implemented("randperm", dtype, (*FLOATS, *INTEGERS))
    most = {"float16": "2049", "float32": "2^24+1", "float64": "2^53+1"}.get(dtype.name)
    if most and n > (1 << significand_bits(dtype)) + 1:
        raise RuntimeError(f"n cannot be greater than {most} for {dtypes.of(dtype).scalar_name} type.")


def check_multinomial(p: np.ndarray, num_samples: int, replacement: bool) -> None:
    """The checks of `multinomial` that look at shapes and dtypes."""
    if not 1 <= p.ndim <= 2:
        raise RuntimeError("prob_dist must be 1 or 2 dim")
    categories = p.shape[-1]
    if not _is_float(p.dtype):
        raise RuntimeError(
            f"multinomial only supports floating-point dtypes for input, got: {dtypes.of(p.dtype).scalar_name}"
        )
    if num_samples <= 0:
        raise RuntimeError("cannot sample n_sample <= 0 samples")
    if not replacement and num_samples > categories:
        raise RuntimeError("cannot sample n_sample > prob_dist.size(-1) samples without replacement")
    if categories > 1 << 24:
        raise RuntimeError("number of categories cannot exceed 2^24")


def broadcast_probabilities(p: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """p broadcast to shape, as `Tensor.expand` does it."""
    lead = len(shape) - p.ndim
    if lead < 0:
        name = dtypes.of(p.dtype).scalar_name
        kind = "CPUBFloat16Type" if name == "BFloat16" else f"torch.{name}Tensor"
        raise RuntimeError(
            f"expand({kind}{{{list(p.shape)}}}, size={list(shape)}): the number of sizes provided "
            f"({len(shape)}) must be greater or equal to the number of dimensions in the tensor ({p.ndim})"
        )
    for d in range(p.ndim - 1, -1, -1):
        if p.shape[d] not in (1, shape[lead + d]):
            raise RuntimeError(
                f"The expanded size of the tensor ({shape[lead + d]}) must match the existing size "
                f"({p.shape[d]}) at non-singleton dimension {lead + d}.  Target sizes: {list(shape)}.  Tensor sizes: {list(p.shape)}"
            )
    return np.broadcast_to(p, shape)
