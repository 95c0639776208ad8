"""`torch.autograd.forward_ad`: forward-mode derivatives: each value carries its tangent.

A dual tensor is lifted to a level of `jtorch.core.tensor.levels`: each line on it also records its tangent. PyTorch allows one
level at a time, and so does jtorch.
"""

from __future__ import annotations

import threading
from collections import namedtuple

from jtorch.core.tensor import Dual, Tensor


class _OpenLevel(threading.local):
    def __init__(self):
        self.level = None
        self.tangents = {}  # by the id of its value: the tangents that `make_dual` was given


_state = _OpenLevel()

UnpackedDualTensor = namedtuple("UnpackedDualTensor", ["primal", "tangent"])
UnpackedDualTensor.__doc__ = """The two parts of a dual tensor, as `unpack_dual` returns them.

Args:
    primal: the value.
    tangent: its derivative; None: there is none.

>>> with torch.autograd.forward_ad.dual_level():
...     x = torch.autograd.forward_ad.make_dual(torch.tensor(1.), torch.tensor(2.))
...     torch.autograd.forward_ad.unpack_dual(x).tangent
tensor(2.)
"""


def enter_dual_level():
    """Open a level; returns its number."""
    if _state.level is not None:
        raise RuntimeError("Nested forward mode AD is not supported at the moment")
    _state.level, _state.tangents = Dual(), {}
    return 0


def exit_dual_level(*, level=None):
    """Close the level."""
    if _state.level is None:
        raise RuntimeError("Dual level must be a positive number.")
    _state.level.closed = True
    _state.level = None


class dual_level:
    """A level of forward-mode derivatives, as a `with` block.

    >>> import jtorch.autograd.forward_ad as fwAD
    >>> with fwAD.dual_level():
    ...     x = fwAD.make_dual(torch.tensor(3.), torch.tensor(1.))
    ...     fwAD.unpack_dual(x * x).tangent
    tensor(6.)
    """

    def __enter__(self):
        return enter_dual_level()

    def __exit__(self, *exc):
        exit_dual_level()


def make_dual(tensor, tangent, *, level=None):
    """The tensor with a tangent, for use inside this level."""
    if _state.level is None:
        raise RuntimeError(
            "Trying to create a dual Tensor for forward AD but no level exists, make sure to enter_dual_level() first."
        )
    for what, t in (("primal", tensor), ("tangent", tangent)):
        if not isinstance(t, Tensor) or not t._type.differentiable:
            dtype = t.dtype if isinstance(t, Tensor) else type(t)
            raise ValueError(f"Expected {what} to be floating point or complex, but got: {dtype}")
    if tensor.shape != tangent.shape:
        raise RuntimeError(
            "Trying to set a forward gradient that has a different size than that of the original Tensor, this is not supported. "
            f"Tensor is of size {list(tensor.shape)} while the given forward gradient is of size {list(tangent.shape)}."
        )
    if _state.level.owns(tensor._value):
        raise RuntimeError(
            "Making a dual Tensor based on a Tensor that already has a forward gradient at the same level 0 is not supported."
        )
    _state.tangents[id(tangent._value)] = tangent
    return _state.level.lift(tensor, tangent)


def unpack_dual(tensor, *, level=None):
    """(primal, tangent) of a dual tensor; the tangent is None where there is none."""
    if _state.level is None:
        return UnpackedDualTensor(tensor, None)
    primal, tangent = _state.level.lower(tensor)
    given = None if tangent is None else _state.tangents.get(id(tangent._value))
    if given is not None and given._value is tangent._value and given._edge is tangent._edge:
        tangent = given
    return UnpackedDualTensor(primal, tangent)
