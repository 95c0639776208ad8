"""A stable sort order of many elements, found several times as fast as by NumPy's stable sort."""

from __future__ import annotations

import numpy as np

_FEW = 1 << 12  # up to so many elements NumPy is as fast


def stable_order(keys, axis):
    """`np.argsort(keys, axis, "stable")` of numbers without NaN and -0.0.

    NumPy sorts 64-bit integers with vector instructions, but not pairs. So each key and its position become one
    integer, where both fit.
    """
    n = keys.shape[axis]
    ranked = _ranks(keys, n.bit_length()) if keys.size > _FEW else None
    if ranked is None:
        return np.argsort(keys, axis, "stable")
    ranked <<= n.bit_length()
    ranked |= np.arange(n).reshape([n if d == axis % keys.ndim else 1 for d in range(keys.ndim)])
    ranked.sort(axis)
    ranked &= (1 << n.bit_length()) - 1
    return ranked


def along(array, order, axis):
    """`np.take_along_axis` for an order of the same shape; twice as fast where the axis is the last."""
    if axis % array.ndim != array.ndim - 1 or array.size <= _FEW:
        return np.take_along_axis(array, order, axis)
    n = array.shape[-1]
    starts = np.arange(0, array.size, n).reshape(*array.shape[:-1], 1)
    return array.reshape(-1).take(order + starts)


def _ranks(keys, bits):
    """Integers in the order of the keys that leave this many of 64 bits free; None if there are none."""
    if keys.dtype == np.float32:
        made = keys.view(np.int32).astype(np.int64)
        made ^= (made >> 63) & 0x7FFFFFFF  # among negative floats, larger bits mean a smaller number
        return made if bits < 32 else None
    if keys.dtype.kind not in "iu" or keys.dtype == np.uint64:
        return None
    low, high = int(keys.min()), int(keys.max())
    return keys.astype(np.int64) - low if (high - low).bit_length() + bits < 63 else None
