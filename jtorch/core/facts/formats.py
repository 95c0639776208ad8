"""Memory formats and layouts: names that PyTorch programs pass around."""

from __future__ import annotations


class memory_format:
    """How the dimensions of a tensor lie in memory, e.g. `torch.channels_last`."""

    __module__ = "jtorch"
    __slots__ = ("name",)

    def __init__(self, name):
        self.name = name

    def __repr__(self):
        return f"torch.{self.name}"

    def __reduce__(self):
        return format_named, (self.name,)


class layout:
    """Whether a tensor is dense; here all are `torch.strided`."""

    __module__ = "jtorch"
    __slots__ = ("name",)

    def __init__(self, name):
        self.name = name

    def __repr__(self):
        return f"torch.{self.name}"

    def __reduce__(self):
        return format_named, (self.name,)


def format_named(name):
    """The layout or memory format of a plain pickle."""
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
