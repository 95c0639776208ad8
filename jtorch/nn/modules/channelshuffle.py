"""ChannelShuffle."""

from __future__ import annotations

from jtorch.core.ops.windows.fold import channel_shuffle
from jtorch.nn.modules.module import Module

__all__ = ["ChannelShuffle"]


class ChannelShuffle(Module):
    """The channels, arranged in `groups` rows and read column by column. See :func:`channel_shuffle`.

    Args:
        groups: number of rows; it must divide the number of channels.

    Shape:
        (N, C, *) → the same

    >>> torch.nn.ChannelShuffle(2)(torch.arange(4.).view(1, 4, 1, 1)).flatten()
    tensor([0., 2., 1., 3.])
    """

    __constants__ = ["groups"]

    def __init__(self, groups):
        super().__init__()
        self.groups = groups

    def forward(self, input):
        return channel_shuffle(input, self.groups)

    def extra_repr(self):
        return f"groups={self.groups}"
