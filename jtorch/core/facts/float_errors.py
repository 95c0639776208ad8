"""NumPy's warnings of division by zero, overflow and the like, which PyTorch does not give."""

from __future__ import annotations

import contextvars

import numpy as np

_free: list = []  # contexts in which NumPy says nothing, and which no thread is in


def without_warnings(fn, *args):
    """`fn(*args)`, where NumPy warns of no division by zero, overflow, underflow or invalid value.

    NumPy keeps what it warns of in a context variable. To enter a context made before takes a tenth of the time of
    `np.errstate`, which is as much as two small operations. What `fn` itself sets in context variables is not kept.
    """
    try:
        context = _free.pop()
    except IndexError:
        context = contextvars.copy_context()
        context.run(np.seterr, all="ignore")
    try:
        return context.run(fn, *args)
    finally:
        _free.append(context)
