"""`torch.autograd.Variable`: the old name for a tensor."""

from __future__ import annotations

import warnings

from jtorch.core.tensor import Tensor


class _AnyTensor(type):
    def __instancecheck__(cls, obj):
        return isinstance(obj, Tensor)


class Variable(metaclass=_AnyTensor):
    """PyTorch's old name for a tensor that wants a gradient: the tensor's memory, as a leaf.

    Args:
        data: the tensor whose memory it shares.
        requires_grad: whether backward collects a gradient.
        volatile: ignored; it ended in PyTorch 0.4.

    >>> torch.autograd.Variable(torch.ones(2), requires_grad=True).requires_grad
    True
    """

    def __new__(cls, data, requires_grad=False, volatile=None):
        if volatile:
            warnings.warn(
                "volatile was removed and now has no effect. Use `with torch.no_grad():` instead.", stacklevel=2
            )
        made = data.detach()
        return made.requires_grad_() if requires_grad else made
