"""torch.testing: whether two results are close, with PyTorch's tolerances, and its message if they are not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from jtorch.core.facts import dtypes
from jtorch.core.op import public_in
from jtorch.core.tensor import Tensor, from_numpy, tensor


@public_in("jtorch.testing")
def assert_close(
    actual,
    expected,
    *,
    allow_subclasses=True,
    rtol=None,
    atol=None,
    equal_nan=False,
    check_device=True,
    check_dtype=True,
    check_layout=True,
    check_stride=False,
    msg=None,
):
    """Raise an AssertionError that says where `actual` is further from `expected` than atol + rtol * |expected|.

    Args:
        actual: a tensor, array, number, or sequence or mapping of them; `expected` is alike.
        rtol: relative tolerance; by default that of the dtype, e.g. 1.3e-6 for float32. Give both or none.
        msg: another text for the error, or a function that makes it of the usual text.

    >>> torch.testing.assert_close(torch.ones(2), torch.ones(2) + 1e-7)
    """
    if (rtol is None) != (atol is None):
        missing, _given = ("rtol", "atol") if rtol is None else ("atol", "rtol")
        raise ValueError(f"Both 'rtol' and 'atol' must be either specified or omitted, but got no {missing}.")
    checks = {"dtype": check_dtype, "device": check_device, "layout": check_layout, "stride": check_stride}
    for found, where in _pairs(actual, expected, ()):
        text = found if isinstance(found, str) else _why_unequal(*found, rtol, atol, equal_nan, checks)
        if text:
            at = f"\n\nThe failure occurred for item {''.join(f'[{i!r}]' for i in where)}" if where else ""
            raise AssertionError((msg(text + at) if callable(msg) else msg) if msg is not None else text + at)


def _pairs(a, b, where):
    """Yields (pair of values, their place), or (message, place) where the structures differ."""
    if isinstance(a, Mapping) and isinstance(b, Mapping):
        missing, extra = sorted(set(b) - set(a)), sorted(set(a) - set(b))
        if missing or extra:
            text = f"The keys of the mappings do not match:\nMissing keys in the actual mapping: {missing}\n"
            yield text + f"Additional keys in the actual mapping: {extra}", where
        for key in [] if missing or extra else sorted(b):
            yield from _pairs(a[key], b[key], (*where, key))
    elif _is_list_like(a) and _is_list_like(b):
        if len(a) != len(b):
            yield f"The length of the sequences mismatch: {len(a)} != {len(b)}", where
        for i, pair in enumerate(zip(a, b, strict=False) if len(a) == len(b) else ()):
            yield from _pairs(*pair, (*where, i))
    else:
        yield (a, b), where


def _is_list_like(x):
    return isinstance(x, Sequence) and not isinstance(x, str)


def _why_unequal(a, b, rtol, atol, equal_nan, checks):
    """The message if the values of a pair differ, else None."""
    if a is None or b is None:
        return None if a is b else f"None mismatch: {a} is not {b}" if b is None else f"{a} is not {b}"
    numbers = isinstance(a, int | float | complex) and isinstance(b, int | float | complex)
    both = all(isinstance(x, Tensor) for x in (a, b)) or all(isinstance(x, np.ndarray | np.generic) for x in (a, b))
    if not numbers and not both:
        raise TypeError(f"No comparison pair was able to handle inputs of type {type(a)} and {type(b)}.")
    if numbers:
        a, b = (tensor(x, dtype=_dtype_of_number(x)) for x in (a, b))
    elif not isinstance(a, Tensor):
        a, b = (from_numpy(np.array(x)) for x in (a, b))
    for name in ("shape", "layout", "dtype", "device", "stride"):
        mine, theirs = (x.stride() if name == "stride" else getattr(x, name) for x in (a, b))
        if mine != theirs and checks.get(name, True) and not (numbers and name == "dtype"):
            word = "`stride()`" if name == "stride" else f"'{name}'"
            return f"The values for attribute {word} do not match: {mine} != {theirs}."
    return _value_mismatch(a.detach(), b.detach(), rtol, atol, equal_nan, numbers)


def _dtype_of_number(number):
    return dtypes.OF_PYTHON.get(type(number), dtypes.complex128)


def _value_mismatch(a, b, rtol, atol, equal_nan, numbers):
    if rtol is None:
        found = [x.dtype.tolerance for x in (a, b)]
        rtol, atol = max(f[0] for f in found), max(f[1] for f in found)
    if a.dtype is dtypes.bfloat16 or b.dtype is dtypes.bfloat16:
        a, b = a.float(), b.float()
    x, y = np.asarray(a.cpu()._to_numpy()), np.asarray(b.cpu()._to_numpy())
    wide = np.result_type(x.dtype, y.dtype, np.int64 if x.dtype.kind in "biu" and y.dtype.kind in "biu" else np.float64)
    with np.errstate(all="ignore"):
        close = np.isclose(x.astype(wide), y.astype(wide), rtol=rtol, atol=atol, equal_nan=equal_nan)
        if close.all():
            return None
        own = np.result_type(x.dtype, y.dtype)  # the message's numbers are computed in the tensors' own precision
        own = own if own.kind in "fc" else wide
        apart = np.abs(x.astype(own) - y.astype(own))
        whole = own.kind not in "fc"
        ratio = np.divide(apart, np.abs(y.astype(own)), dtype=np.float32 if whole else apart.dtype)
    apart, ratio = np.where(close, 0, apart), np.where(close, 0, ratio)
    exact = rtol == 0 and atol == 0
    if numbers or x.ndim == 0:
        return (
            f"Scalars are not {'equal' if exact else 'close'}!\n\nExpected {y.item()} but got {x.item()}.\n"
            f"Absolute difference: {apart.item()}{'' if exact else f' (up to {atol} allowed)'}\n"
            f"Relative difference: {ratio.item()}{'' if exact else f' (up to {rtol} allowed)'}"
        )
    count = int((~close).sum())
    lines = [
        f"Tensor-likes are not {'equal' if exact else 'close'}!\n",
        f"Mismatched elements: {count} / {x.size} ({count / x.size:.1%})",
    ]
    for word, differ, bound in (("absolute", apart, atol), ("relative", ratio, rtol)):
        at = np.unravel_index(int(differ.argmax()), x.shape)
        allowed = "" if exact else f" (up to {bound} allowed)"
        lines.append(f"Greatest {word} difference: {differ[at].item()} at index {tuple(map(int, at))}{allowed}")
    return "\n".join(lines)
