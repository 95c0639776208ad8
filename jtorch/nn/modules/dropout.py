"""Dropout layers."""

from __future__ import annotations

from jtorch.core.ops.arithmetic import activations
from jtorch.nn.modules.module import Module

__all__ = ["AlphaDropout", "Dropout", "Dropout1d", "Dropout2d", "Dropout3d", "FeatureAlphaDropout"]


class _DropoutNd(Module):
    __constants__ = ["p", "inplace"]

    def __init__(self, p=0.5, inplace=False):
        super().__init__()
        if p < 0 or p > 1:
            raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")
        self.p = p
        self.inplace = inplace

    def extra_repr(self):
        return f"p={self.p}, inplace={self.inplace}"


class Dropout(_DropoutNd):
    """In training, each element becomes 0 with probability p, and the others are multiplied by 1 / (1 - p).

    See :func:`dropout`.

    >>> torch.nn.Dropout(0.5).eval()(torch.ones(2))
    tensor([1., 1.])
    """

    def forward(self, input):
        return activations.dropout(input, self.p, self.training, self.inplace)


class Dropout1d(_DropoutNd):
    """In training, each channel of (N, C, L) is 0 with probability p. See :func:`dropout1d`."""

    def forward(self, input):
        return activations.dropout1d(input, self.p, self.training, self.inplace)


class Dropout2d(_DropoutNd):
    """In training, each channel of (N, C, H, W) is 0 with probability p. See :func:`dropout2d`."""

    def forward(self, input):
        return activations.dropout2d(input, self.p, self.training, self.inplace)


class Dropout3d(_DropoutNd):
    """In training, each channel of (N, C, D, H, W) is 0 with probability p. See :func:`dropout3d`."""

    def forward(self, input):
        return activations.dropout3d(input, self.p, self.training, self.inplace)


class AlphaDropout(_DropoutNd):
    """Dropout that keeps mean and deviation after SELU. See :func:`alpha_dropout`."""

    def forward(self, input):
        return activations.alpha_dropout(input, self.p, self.training, self.inplace)


class FeatureAlphaDropout(_DropoutNd):
    """Alpha dropout of whole channels. See :func:`feature_alpha_dropout`."""

    def forward(self, input):
        return activations.feature_alpha_dropout(input, self.p, self.training, self.inplace)
