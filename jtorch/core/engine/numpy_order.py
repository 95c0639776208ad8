"""The order of many elements, several times as fast as NumPy's stable sort finds it."""

from __future__ import annotations

import numpy as np

_FEW = 1 << 12  # elements that NumPy sorts as fast


def stable_order(keys, axis):
    """`np.argsort(keys, axis, "stable")` of numbers without NaN and -0.0.

    NumPy sorts whole numbers of 64 bits with vector instructions, but no pairs. So where they fit, each key and its position
    become one number.
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
    """`np.take_along_axis` for an order of the same shape, which it finds in half the time where the axis is the last."""
    if axis % array.ndim != array.ndim - 1 or array.size <= _FEW:
        return np.take_along_axis(array, order, axis)
    n = array.shape[-1]
    starts = np.arange(0, array.size, n).reshape(*array.shape[:-1], 1)
    return array.reshape(-1).take(order + starts)


def _ranks(keys, bits):
    """New integers in the order of the keys that leave this many bits of 64 free; None where there are none."""
    if keys.dtype == np.float32:
        made = keys.view(np.int32).astype(np.int64)
        made ^= (made >> 63) & 0x7FFFFFFF  # the more negative a number, the larger its other bits
        return made if bits < 32 else None
    if keys.dtype.kind not in "iu" or keys.dtype == np.uint64:
        return None
    low, high = int(keys.min()), int(keys.max())
    return keys.astype(np.int64) - low if (high - low).bit_length() + bits < 63 else None
