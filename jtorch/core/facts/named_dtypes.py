"""Dtypes that can be named and compared, and not computed with: quantized numbers, bits, and integers of 1 to 7 bits."""

from __future__ import annotations

from jtorch.core.facts.dtypes import FLOAT, NAMES, OPAQUE, Layoutless, dtype


class _NamedDtype(Layoutless):
    """A dtype that is a name only."""

    __module__ = "jtorch"
    __slots__ = ()

    @property
    def np(self):
        raise NotImplementedError(f"torch.{self.name} is a name only: jtorch has no tensors of this dtype")

    @property
    def is_signed(self) -> bool:
        """Whether it has negative numbers. Raises RuntimeError for bits and quantized numbers."""
        if self.name.startswith("bits"):
            raise RuntimeError("Bits types are undefined")
        if self.name.startswith("q"):
            raise RuntimeError("isSignedType not supported for quantized types")
        return not self.name.startswith("u")


# (name, name in messages, bytes)
_BY_NAME_ONLY = [
    *[(f"int{n}", f"Int{n}", 1) for n in range(1, 8)],
    *[(f"uint{n}", f"UInt{n}", 1) for n in range(1, 8)],
    *[("qint8", "QInt8", 1), ("qint32", "QInt32", 4), ("quint8", "QUInt8", 1), ("quint4x2", "QUInt4x2", 1)],
    *[("quint2x4", "QUInt2x4", 1), ("bits1x8", "Bits1x8", 1), ("bits2x4", "Bits2x4", 1), ("bits4x2", "Bits4x2", 1)],
    *[("bits8", "Bits8", 1), ("bits16", "Bits16", 2), ("float4_e2m1fn_x2", "Float4_e2m1fn_x2", 1)],
]
NAMED: dict[str, dtype] = {
    name: _NamedDtype(name, None, shown, shown, FLOAT if name[0] == "f" else OPAQUE, itemsize=size, limited=True)
    for name, shown, size in _BY_NAME_ONLY
}
NAMED["bit"] = NAMED["uint1"]
NAMES |= {d.name: d for d in NAMED.values()}
