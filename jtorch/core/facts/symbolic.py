"""`torch.SymInt` and its like: sizes that PyTorch's compiler does not know yet. Here every size is a number.

So no value is one of these classes, and the functions on such sizes compute with plain numbers.
"""

from __future__ import annotations

import builtins
import math


class SymInt:
    """A size that is not known yet. There are none: `isinstance(x, torch.SymInt)` is False."""

    def __init__(self, node):
        raise TypeError("jtorch knows every size as a number: there is no SymInt")


class SymFloat(SymInt):
    """A float that is not known yet. There are none."""


class SymBool(SymInt):
    """A condition that is not known yet. There are none."""


def sym_int(a):
    """The number as an int, towards zero.

    >>> torch.sym_int(2.7), torch.sym_float(2), torch.sym_max(1, 2.0), torch.sym_not(True)
    (2, 2.0, 2.0, False)
    """
    return math.trunc(a)


def sym_float(a):
    """The number as a float."""
    return float(a)


def sym_max(a, b):
    """The larger number; a float if one is a float."""
    return _chosen(builtins.max, a, b)


def sym_min(a, b):
    """The smaller number; a float if one is a float."""
    return _chosen(builtins.min, a, b)


def _chosen(choose, a, b):
    assert all(isinstance(number, int | float) for number in (a, b)), (type(a), type(b))
    found = choose(a, b)
    return float(found) if float in (type(a), type(b)) else found


def sym_not(a):
    """Not `a`."""
    return not a


def sym_ite(b, t, f):
    """`t` if `b`, else `f`."""
    return t if b else f


def sym_sum(args):
    """The sum."""
    return sum(args)
