"""Memory formats and layouts: PyTorch's constants such as `torch.channels_last` and `torch.strided`."""

from __future__ import annotations


class memory_format:
    """The order of a tensor's dimensions in memory, e.g. `torch.channels_last`."""

    __module__ = "jtorch"
    __slots__ = ("name",)

    def __init__(self, name):
        self.name = name

    def __repr__(self):
        return f"torch.{self.name}"

    def __reduce__(self):
        return format_named, (self.name,)


class layout:
    """How a tensor stores its elements: `torch.strided` (dense) or `torch.sparse_coo`."""

    __module__ = "jtorch"
    __slots__ = ("name",)

    def __init__(self, name):
        self.name = name

    def __repr__(self):
        return f"torch.{self.name}"

    def __reduce__(self):
        return format_named, (self.name,)


def format_named(name):
    """The layout or memory format of this name, for Python's pickle."""
    return _NAMED[name]


format_named.__module__ = "jtorch._utils"  # the name in pickles


contiguous_format = memory_format("contiguous_format")
preserve_format = memory_format("preserve_format")
channels_last = memory_format("channels_last")
channels_last_3d = memory_format("channels_last_3d")
strided = layout("strided")
sparse_coo = layout("sparse_coo")
sparse_csr = layout("sparse_csr")
jagged = layout("jagged")

_NAMED = {
    made.name: made
    for made in (
        contiguous_format,
        preserve_format,
        channels_last,
        channels_last_3d,
        strided,
        sparse_coo,
        sparse_csr,
        jagged,
    )
}
