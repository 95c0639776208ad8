"""Dropout layers."""

from __future__ import annotations

from jtorch.core.ops.arithmetic import dropout
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

    In evaluation it is the identity. See :func:`dropout`.

    Args:
        p: probability that an element becomes 0.
        inplace: write the result into the input.

    Shape:
        any → the same

    Raises:
        ValueError: p outside [0, 1].

    >>> torch.nn.Dropout(0.5).eval()(torch.ones(2))
    tensor([1., 1.])
    """

    def forward(self, input):
        return dropout.dropout(input, self.p, self.training, self.inplace)


class Dropout1d(_DropoutNd):
    """In training, each channel becomes 0 with probability p, and the others are multiplied by 1 / (1 - p).

    See :func:`dropout1d`.

    Args:
        p: probability that a channel becomes 0.
        inplace: write the result into the input.

    Shape:
        (N, C, L) or (C, L) → the same

    Raises:
        ValueError: p outside [0, 1].

    >>> kept = torch.nn.Dropout1d()(torch.ones(2, 3, 4))
    >>> bool((kept == kept[:, :, :1]).all())  # a channel is 0 or 2 as a whole
    True
    """

    def forward(self, input):
        return dropout.dropout1d(input, self.p, self.training, self.inplace)


class Dropout2d(_DropoutNd):
    """In training, each channel becomes 0 with probability p, and the others are multiplied by 1 / (1 - p).

    See :func:`dropout2d`.

    Args:
        p: probability that a channel becomes 0.
        inplace: write the result into the input.

    Shape:
        (N, C, H, W) → the same. As in PyTorch, three dimensions are taken as (N, C, L).

    Raises:
        ValueError: p outside [0, 1].

    >>> kept = torch.nn.Dropout2d()(torch.ones(2, 3, 4, 4))
    >>> bool((kept == kept[:, :, :1, :1]).all())  # a channel is 0 or 2 as a whole
    True
    """

    def forward(self, input):
        return dropout.dropout2d(input, self.p, self.training, self.inplace)


class Dropout3d(_DropoutNd):
    """In training, each channel becomes 0 with probability p, and the others are multiplied by 1 / (1 - p).

    See :func:`dropout3d`.

    Args:
        p: probability that a channel becomes 0.
        inplace: write the result into the input.

    Shape:
        (N, C, D, H, W) or (C, D, H, W) → the same

    Raises:
        ValueError: p outside [0, 1].

    >>> kept = torch.nn.Dropout3d()(torch.ones(2, 3, 2, 2, 2))
    >>> bool((kept == kept[:, :, :1, :1, :1]).all())  # a channel is 0 or 2 as a whole
    True
    """

    def forward(self, input):
        return dropout.dropout3d(input, self.p, self.training, self.inplace)


class AlphaDropout(_DropoutNd):
    """Dropout after `SELU`: it keeps the mean and the standard deviation. See :func:`alpha_dropout`.

    In training, each element takes SELU's most negative value with probability p; a scale and a shift then bring mean
    and deviation back to 0 and 1.

    Args:
        p: probability that an element is dropped.
        inplace: write the result into the input.

    Shape:
        any → the same

    Raises:
        ValueError: p outside [0, 1].

    >>> torch.nn.AlphaDropout(0.2).eval()(torch.ones(2))
    tensor([1., 1.])
    """

    def forward(self, input):
        return dropout.alpha_dropout(input, self.p, self.training, self.inplace)


class FeatureAlphaDropout(_DropoutNd):
    """`AlphaDropout` of whole channels. See :func:`feature_alpha_dropout`.

    Args:
        p: probability that a channel is dropped.
        inplace: write the result into the input.

    Shape:
        (N, C, *) → the same

    Raises:
        ValueError: p outside [0, 1].

    >>> torch.nn.FeatureAlphaDropout(0.2).eval()(torch.ones(1, 2, 1))
    tensor([[[1.],
             [1.]]])
    """

    def forward(self, input):
        return dropout.feature_alpha_dropout(input, self.p, self.training, self.inplace)
