"""Softmax, LogSoftmax, Softmin and Softmax2d. Users import them from activation.py, as in PyTorch."""

from __future__ import annotations

from jtorch.core.ops.arithmetic import activations
from jtorch.nn.modules.module import Module


class Softmax(Module):
    """exp(x) / sum(exp(x)) along dim. See :func:`softmax`.

    Args:
        dim: the dimension that sums to 1. None: warns and takes dimension 0 or 1 by the input's shape.

    Shape:
        any → the same

    >>> torch.nn.Softmax(dim=1)(torch.zeros(1, 2))
    tensor([[0.5000, 0.5000]])
    """

    __module__ = "jtorch.nn.modules.activation"  # where PyTorch has it: files name it
    __constants__ = ["dim"]

    def __init__(self, dim=None):
        super().__init__()
        self.dim = dim

    def forward(self, input):
        return activations.implicit_softmax("softmax", activations.softmax, input, self.dim)

    def extra_repr(self):
        return f"dim={self.dim}"


class LogSoftmax(Softmax):
    """log(softmax(x)) along dim, without overflow. See :func:`log_softmax`.

    Args:
        dim: the dimension of the softmax. None: warns and takes dimension 0 or 1 by the input's shape.

    Shape:
        any → the same

    >>> torch.nn.LogSoftmax(dim=1)(torch.zeros(1, 2))
    tensor([[-0.6931, -0.6931]])
    """

    __module__ = "jtorch.nn.modules.activation"  # where PyTorch has it: files name it

    def forward(self, input):
        return activations.implicit_softmax("log_softmax", activations.log_softmax, input, self.dim)


class Softmin(Softmax):
    """softmax(-x) along dim: the smallest number gets the largest share.

    Args:
        dim: the dimension that sums to 1. None: warns and takes dimension 0 or 1 by the input's shape.

    Shape:
        any → the same

    >>> torch.nn.Softmin(dim=0)(torch.tensor([0., 1.]))
    tensor([0.7311, 0.2689])
    """

    __module__ = "jtorch.nn.modules.activation"  # where PyTorch has it: files name it

    def forward(self, input):
        return activations.implicit_softmax("softmin", activations.softmax, -input, self.dim)


class Softmax2d(Module):
    """The softmax over the channels at each place of an image.

    Shape:
        (N, C, H, W) or (C, H, W) → the same

    Raises:
        ValueError: another number of dimensions.

    >>> torch.nn.Softmax2d()(torch.zeros(1, 2, 1, 1)).flatten()
    tensor([0.5000, 0.5000])
    """

    __module__ = "jtorch.nn.modules.activation"  # where PyTorch has it: files name it

    def forward(self, input):
        if input.dim() not in (3, 4):
            raise ValueError(f"Softmax2d: expected input to be 3D or 4D, got {input.dim()}D instead")
        return activations.softmax(input, -3)
