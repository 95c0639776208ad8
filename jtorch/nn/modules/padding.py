"""Padding layers: how much, with what, and no state."""

from __future__ import annotations

from jtorch.core.ops.windows.pad import pad
from jtorch.nn.modules.module import Module


def _sides(padding, dims):
    """(before, after) of each dimension, last first."""
    return (padding,) * (2 * dims) if isinstance(padding, int) else tuple(padding)


class _ConstantPadNd(Module):
    __constants__ = ["padding", "value"]
    _dims = 0

    def __init__(self, padding, value):
        super().__init__()
        self.padding = _sides(padding, self._dims)
        self.value = value

    def forward(self, input):
        return pad(input, self.padding, "constant", self.value)

    def extra_repr(self):
        return f"padding={self.padding}, value={self.value}"


class _ModePad(Module):
    __constants__ = ["padding"]
    _dims = 0
    _mode = ""

    def __init__(self, padding):
        super().__init__()
        self.padding = _sides(padding, self._dims)

    def forward(self, input):
        return pad(input, self.padding, self._mode)

    def extra_repr(self):
        return f"{self.padding}"


class _ReflectionPadNd(_ModePad):
    _mode = "reflect"


class _ReplicationPadNd(_ModePad):
    _mode = "replicate"


class _CircularPadNd(_ModePad):
    _mode = "circular"

    def forward(self, input):
        if input.dim() not in (self._dims + 1, self._dims + 2):
            raise ValueError(f"expected {self._dims + 1}D or {self._dims + 2}D input (got {input.dim()}D input)")
        return super().forward(input)


_KINDS = {
    "ConstantPad": (_ConstantPadNd, "Cells of one value"),
    "ReflectionPad": (_ReflectionPadNd, "The input mirrored at its edge"),
    "ReplicationPad": (_ReplicationPadNd, "The input's edge, repeated,"),
    "CircularPad": (_CircularPadNd, "The input's other end"),
}


def _layer(kind, dims):
    base, what = _KINDS[kind]
    doc = f"{what} put around the last {dims} dimension{'s' * (dims > 1)}. See :func:`pad`."
    return type(f"{kind}{dims}d", (base,), {"_dims": dims, "__doc__": doc, "__module__": __name__})


ConstantPad1d, ConstantPad2d, ConstantPad3d = (_layer("ConstantPad", d) for d in (1, 2, 3))
ReflectionPad1d, ReflectionPad2d, ReflectionPad3d = (_layer("ReflectionPad", d) for d in (1, 2, 3))
ReplicationPad1d, ReplicationPad2d, ReplicationPad3d = (_layer("ReplicationPad", d) for d in (1, 2, 3))
CircularPad1d, CircularPad2d, CircularPad3d = (_layer("CircularPad", d) for d in (1, 2, 3))


def _zero(dims):
    """PyTorch's ZeroPad are ConstantPads, which programs ask about."""
    base = globals()[f"ConstantPad{dims}d"]
    made = {
        "__init__": lambda self, padding: base.__init__(self, padding, 0.0),
        "extra_repr": lambda self: f"{self.padding}",
    }
    doc = f"Zeros put around the last {dims} dimension{'s' * (dims > 1)}. See :func:`pad`."
    return type(f"ZeroPad{dims}d", (base,), {**made, "__doc__": doc, "__module__": __name__})


ZeroPad1d, ZeroPad2d, ZeroPad3d = (_zero(d) for d in (1, 2, 3))
