"""Normalisation layers without running statistics."""

from __future__ import annotations

import numbers

from jtorch.core.ops.layers import normalization
from jtorch.core.ops.losses.fused import cross_map_lrn
from jtorch.core.ops.make.create import empty
from jtorch.nn import init
from jtorch.nn.modules.module import Module
from jtorch.nn.parameter import Parameter

__all__ = ["CrossMapLRN2d", "GroupNorm", "LayerNorm", "LocalResponseNorm", "RMSNorm"]


def _shape_tuple(shape):
    return (shape,) if isinstance(shape, numbers.Integral) else tuple(shape)


class _ScaledAndShifted(Module):
    """The base of LayerNorm and GroupNorm: a learned weight and bias, each of which may be None."""

    def _make_parameters(self, shape, weight, bias, device, dtype):
        for name, wanted in (("weight", weight), ("bias", bias)):
            made = Parameter(empty(shape, device=device, dtype=dtype)) if wanted else None
            self.register_parameter(name, made)
        self.reset_parameters()

    def reset_parameters(self):
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)


class LayerNorm(_ScaledAndShifted):
    """The last dimensions of each sample brought to mean 0 and variance 1, then scaled and shifted. See :func:`layer_norm`.

    Args:
        normalized_shape: the sizes of those dimensions: an int or a tuple.
        eps: added to the variance before the square root; it has the unit of input².
        elementwise_affine: learn a scale and a shift for each element.
        bias: with elementwise_affine=True, whether there is a shift.
        device, dtype: of the parameters; None: the defaults.

    Shape:
        (*, *normalized_shape) → the same

    Attributes:
        weight, bias: of shape normalized_shape, 1 and 0 at first, or None.

    Raises:
        RuntimeError: an input whose last dimensions are not normalized_shape.

    >>> torch.nn.LayerNorm(2)(torch.tensor([[1., 3.]])).detach()
    tensor([[-1.0000,  1.0000]])
    """

    __constants__ = ["normalized_shape", "eps", "elementwise_affine"]

    def __init__(self, normalized_shape, eps=1e-5, elementwise_affine=True, bias=True, device=None, dtype=None):
        super().__init__()
        self.normalized_shape = _shape_tuple(normalized_shape)
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        self._make_parameters(self.normalized_shape, elementwise_affine, elementwise_affine and bias, device, dtype)

    def forward(self, input):
        return normalization.layer_norm(input, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self):
        return f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}, bias={self.bias is not None}"


class RMSNorm(Module):
    """The last dimensions of each sample divided by their root mean square, then scaled. See :func:`rms_norm`.

    Args:
        normalized_shape: the sizes of those dimensions: an int or a tuple.
        eps: added to the mean square before the root; None: the machine epsilon of the input's dtype.
        elementwise_affine: learn a scale for each element.
        device, dtype: of the scale; None: the defaults.

    Shape:
        (*, *normalized_shape) → the same

    Attributes:
        weight: of shape normalized_shape, 1 at first, or None.

    >>> torch.nn.RMSNorm(2)(torch.tensor([[1., 7.]])).detach()
    tensor([[0.2000, 1.4000]])
    """

    __constants__ = ["normalized_shape", "eps", "elementwise_affine"]

    def __init__(self, normalized_shape, eps=None, elementwise_affine=True, device=None, dtype=None):
        super().__init__()
        self.normalized_shape = _shape_tuple(normalized_shape)
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        made = Parameter(empty(self.normalized_shape, device=device, dtype=dtype)) if elementwise_affine else None
        self.register_parameter("weight", made)
        self.reset_parameters()

    def reset_parameters(self):
        if self.elementwise_affine:
            init.ones_(self.weight)

    def forward(self, input):
        return normalization.rms_norm(input, self.normalized_shape, self.weight, self.eps)

    def extra_repr(self):
        return f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"


class GroupNorm(_ScaledAndShifted):
    """Groups of channels of each sample brought to mean 0 and variance 1, then scaled and shifted. See :func:`group_norm`.

    Args:
        num_groups: number of groups; it must divide num_channels.
        num_channels: C.
        eps: added to the variance before the square root; it has the unit of input².
        affine: learn a scale and a shift for each channel.
        bias: with affine=True, whether there is a shift.
        device, dtype: of the parameters; None: the defaults.

    Shape:
        (N, num_channels, *) → the same

    Attributes:
        weight, bias: (num_channels), 1 and 0 at first, or None.

    Raises:
        ValueError: num_groups does not divide num_channels.

    >>> torch.nn.GroupNorm(2, 4)(torch.zeros(1, 4, 8, 8)).shape
    torch.Size([1, 4, 8, 8])
    """

    __constants__ = ["num_groups", "num_channels", "eps", "affine"]

    def __init__(self, num_groups, num_channels, eps=1e-5, affine=True, device=None, dtype=None, *, bias=True):
        super().__init__()
        if num_channels % num_groups != 0:
            raise ValueError(f"num_channels ({num_channels}) must be divisible by num_groups ({num_groups})")
        self.num_groups = num_groups
        self.num_channels = num_channels
        self.eps = eps
        self.affine = affine
        self._make_parameters(num_channels, affine, affine and bias, device, dtype)

    def forward(self, input):
        return normalization.group_norm(input, self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self):
        return f"{self.num_groups}, {self.num_channels}, eps={self.eps}, affine={self.affine}, bias={self.bias is not None}"


class LocalResponseNorm(Module):
    """x / (k + alpha * mean of x² over neighbouring channels)^beta. See :func:`local_response_norm`.

    Args:
        size: how many channels count as neighbours.
        alpha, beta, k: the numbers of the formula.

    Shape:
        (N, C, *) → the same

    >>> torch.nn.LocalResponseNorm(2)(torch.zeros(1, 4, 8, 8)).shape
    torch.Size([1, 4, 8, 8])
    """

    __constants__ = ["size", "alpha", "beta", "k"]

    def __init__(self, size, alpha=1e-4, beta=0.75, k=1.0):
        super().__init__()
        self.size = size
        self.alpha = alpha
        self.beta = beta
        self.k = k

    def forward(self, input):
        return normalization.local_response_norm(input, self.size, self.alpha, self.beta, self.k)

    def extra_repr(self):
        return f"{self.size}, alpha={self.alpha}, beta={self.beta}, k={self.k}"


class CrossMapLRN2d(Module):
    """`LocalResponseNorm` as Lua Torch had it. Channels beyond the edge count as zeros.

    Args:
        size: how many channels count as neighbours.
        alpha, beta, k: the numbers of the formula.

    Shape:
        (N, C, H, W) → the same

    >>> torch.nn.CrossMapLRN2d(2)(torch.zeros(1, 4, 8, 8)).shape
    torch.Size([1, 4, 8, 8])
    """

    def __init__(self, size, alpha=1e-4, beta=0.75, k=1):
        super().__init__()
        self.size = size
        self.alpha = alpha
        self.beta = beta
        self.k = k

    def forward(self, input):
        return cross_map_lrn(input, self.size, self.alpha, self.beta, self.k)

    def extra_repr(self):
        return f"{self.size}, alpha={self.alpha}, beta={self.beta}, k={self.k}"
