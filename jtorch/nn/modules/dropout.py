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

    def forward(self, input):
        return self._function(input, self.p, self.training, self.inplace)

    def extra_repr(self):
        return f"p={self.p}, inplace={self.inplace}"


class Dropout(_DropoutNd):
    """In training, each element is 0 with probability p. See :func:`dropout`."""

    _function = staticmethod(activations.dropout)


class Dropout1d(_DropoutNd):
    """In training, each channel of (N, C, L) is 0 with probability p. See :func:`dropout1d`."""

    _function = staticmethod(activations.dropout1d)


class Dropout2d(_DropoutNd):
    """In training, each channel of (N, C, H, W) is 0 with probability p. See :func:`dropout2d`."""

    _function = staticmethod(activations.dropout2d)


class Dropout3d(_DropoutNd):
    """In training, each channel of (N, C, D, H, W) is 0 with probability p. See :func:`dropout3d`."""

    _function = staticmethod(activations.dropout3d)


class AlphaDropout(_DropoutNd):
    """Dropout that keeps mean and deviation after SELU. See :func:`alpha_dropout`."""

    _function = staticmethod(activations.alpha_dropout)


class FeatureAlphaDropout(_DropoutNd):
    """Alpha dropout of whole channels. See :func:`feature_alpha_dropout`."""

    _function = staticmethod(activations.feature_alpha_dropout)
