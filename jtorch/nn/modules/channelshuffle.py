"""ChannelShuffle."""

from __future__ import annotations

from jtorch.core.ops.windows.fold import channel_shuffle
from jtorch.nn.modules.module import Module

__all__ = ["ChannelShuffle"]


class ChannelShuffle(Module):
    """The channels, arranged in `groups` rows and read column by column. See :func:`channel_shuffle`."""

    __constants__ = ["groups"]

    def __init__(self, groups):
        super().__init__()
        self.groups = groups

    def forward(self, input):
        return channel_shuffle(input, self.groups)

    def extra_repr(self):
        return f"groups={self.groups}"
