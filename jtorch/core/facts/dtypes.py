"""PyTorch's element types and its promotion rules.

A `dtype` is one of a fixed set of objects; `.np` is the NumPy (or ml_dtypes) type that holds its values.
Promotion follows PyTorch's three classes of operands (tensors with dimensions, 0-dim tensors, Python numbers)
and never JAX's. This file knows no arrays.
"""

from __future__ import annotations

import math
from functools import cache

import ml_dtypes
import numpy as np

BOOL, INT, FLOAT, COMPLEX = range(4)  # the categories that promotion climbs


class dtype:
    """An element type, e.g. `torch.float32`.

    Attributes:
        np: the NumPy type of the same layout (None for complex32, which neither NumPy nor XLA has).
        itemsize: bytes of one element.

    >>> jtorch.float32, jtorch.int64.itemsize, jtorch.bfloat16.is_floating_point
    (torch.float32, 8, True)
    """

    __module__ = "jtorch"
    __slots__ = ("category", "cname", "itemsize", "name", "np", "scalar_name", "storage_name")

    def __init__(self, name, np_type, scalar_name, cname, category, itemsize=None):
        self.name = name
        self.np = None if np_type is None else np.dtype(np_type)
        self.scalar_name = scalar_name  # 'Float': as PyTorch's messages write it
        self.cname = cname  # 'float': as its C++ kernels' messages write it
        self.storage_name = scalar_name + "Storage"
        self.category = category
        self.itemsize = itemsize or self.np.itemsize

    def __repr__(self):
        return f"torch.{self.name}"

    def __reduce__(self):
        return dtype_named, (self.name,)

    is_floating_point = property(lambda self: self.category == FLOAT)
    is_complex = property(lambda self: self.category == COMPLEX)
    is_signed = property(lambda self: not self.name.startswith("u") and self.category != BOOL)

    def to_complex(self) -> dtype:
        """The complex type whose parts have this type."""
        return _COMPLEX_OF.get(self, self)

    def to_real(self) -> dtype:
        """The type of the parts of a complex type; any other type is its own."""
        return _REAL_OF.get(self, self)


uint8 = dtype("uint8", "u1", "Byte", "unsigned char", INT)
int8 = dtype("int8", "i1", "Char", "signed char", INT)
int16 = dtype("int16", "i2", "Short", "short int", INT)
int32 = dtype("int32", "i4", "Int", "int", INT)
int64 = dtype("int64", "i8", "Long", "long int", INT)
uint16 = dtype("uint16", "u2", "UInt16", "short unsigned int", INT)
uint32 = dtype("uint32", "u4", "UInt32", "unsigned int", INT)
uint64 = dtype("uint64", "u8", "UInt64", "long unsigned int", INT)
float16 = dtype("float16", "f2", "Half", "c10::Half", FLOAT)
bfloat16 = dtype("bfloat16", ml_dtypes.bfloat16, "BFloat16", "c10::BFloat16", FLOAT)
float32 = dtype("float32", "f4", "Float", "float", FLOAT)
float64 = dtype("float64", "f8", "Double", "double", FLOAT)
complex32 = dtype("complex32", None, "ComplexHalf", "c10::complex<c10::Half>", COMPLEX, 4)
complex64 = dtype("complex64", "c8", "ComplexFloat", "c10::complex<float>", COMPLEX)
complex128 = dtype("complex128", "c16", "ComplexDouble", "c10::complex<double>", COMPLEX)
bool_ = dtype("bool", "?", "Bool", "bool", BOOL)
float8_e4m3fn = dtype("float8_e4m3fn", ml_dtypes.float8_e4m3fn, "Float8_e4m3fn", "c10::Float8_e4m3fn", FLOAT)
float8_e5m2 = dtype("float8_e5m2", ml_dtypes.float8_e5m2, "Float8_e5m2", "c10::Float8_e5m2", FLOAT)

ALL = tuple(d for d in list(globals().values()) if isinstance(d, dtype))
ALIASES = {"half": float16, "float": float32, "double": float64, "short": int16, "int": int32, "long": int64,
           "cfloat": complex64, "cdouble": complex128, "chalf": complex32}  # fmt: skip

_NAMES = {d.name: d for d in ALL}
_COMPLEX_OF = {float16: complex32, bfloat16: complex64, float32: complex64, float64: complex128}
_REAL_OF = {complex32: float16, complex64: float32, complex128: float64}
_BY_NP = {d.np: d for d in ALL if d.np is not None}
_UNSIGNED = (uint16, uint32, uint64)  # the late types: they promote with hardly anything


def dtype_named(name):
    """The dtype of a plain pickle."""
    return _NAMES[name]


dtype_named.__module__ = "jtorch._utils"  # the name in pickles


def of(np_type) -> dtype:
    """The dtype of a NumPy or JAX type. Raises TypeError (PyTorch's text) where there is none."""
    d = _BY_NP.get(np_type) or _BY_NP.get(np.dtype(np_type).newbyteorder("="))
    if d is None:
        raise TypeError(
            f"can't convert np.ndarray of type {np.dtype(np_type).type.__module__}.{np.dtype(np_type).type.__name__}."
            " The only supported types are: float64, float32, float16, complex64, complex128, int64, int32,"
            " int16, int8, uint64, uint32, uint16, uint8, and bool."
        )
    return d


OF_PYTHON = {bool: bool_, int: int64, float: float64, complex: complex128}  # PyTorch takes these classes for dtypes


def meant(name: str, d) -> dtype:
    """The dtype that a user gave a function of this name."""
    if isinstance(d, dtype):
        return d
    found = OF_PYTHON.get(d) if isinstance(d, type) else None
    if found is None:
        raise TypeError(f"{name}(): argument 'dtype' must be torch.dtype, not {type(d).__name__}")
    return found


_SCALARS = {uint8: "uint8_t", int8: "int8_t", int16: "int16_t", int64: "int64_t",
            uint16: "uint16_t", uint32: "uint32_t", uint64: "uint64_t"}  # fmt: skip
_MOST = {
    d: int(np.iinfo(d.np).max) if d.category == INT else float(ml_dtypes.finfo(d.np).max)
    for d in ALL
    if d.category in (INT, FLOAT)
}


def must_hold(d: dtype, number, name: str | None = None) -> None:
    """Raise PyTorch's error where a dtype cannot hold a Python number: out of range, or with an imaginary part.

    Args:
        name: what the error calls the dtype, if not by the name of its C++ type.
    """
    if d.category in (BOOL, COMPLEX):
        return
    if number.__class__ is complex:
        fits, number = not number.imag, number.real
    else:
        fits = True
    most = _MOST[d]
    if d.category == FLOAT:
        fits = fits and (-most <= number <= most or not math.isfinite(number))
    else:  # a negative number wraps around in an unsigned type
        fits = fits and (-most - d.is_signed <= number <= most)
    if not fits:
        raise RuntimeError(f"value cannot be converted to type {name or _SCALARS.get(d, d.cname)} without overflow")


class _Default:
    float = float32


def get_default_dtype() -> dtype:
    """The dtype of new floating-point tensors: float32 until `set_default_dtype` says otherwise."""
    return _Default.float


def set_default_float(d: dtype) -> None:
    if not isinstance(d, dtype):
        raise TypeError("invalid dtype object: only floating-point types are supported as the default type")
    if d.category != FLOAT:
        raise TypeError("only floating-point types are supported as the default type")
    _Default.float = d


def default_of(category: int) -> dtype:
    """The dtype a Python number of this category brings to a promotion."""
    return (bool_, int64, _Default.float, _Default.float.to_complex())[category]


@cache
def promote_types(type1: dtype, type2: dtype) -> dtype:
    """The smallest dtype that holds both, by PyTorch's table.

    Raises:
        RuntimeError: uint16/32/64 with another integer type or a complex one.

    >>> jtorch.promote_types(jtorch.uint8, jtorch.int8)
    torch.int16
    """
    if not (isinstance(type1, dtype) and isinstance(type2, dtype)):
        raise TypeError("promote_types(): arguments must be torch.dtype")
    if type1 is type2:
        return type1
    a, b = sorted((type1, type2), key=lambda d: d.category)
    if a in _UNSIGNED or b in _UNSIGNED:
        if b.category != FLOAT:
            raise RuntimeError(
                "Promotion for uint16, uint32, uint64 types is not supported, attempted to promote "
                f"{type1.scalar_name} and {type2.scalar_name}"
            )
        return b
    if a.category == BOOL:
        return b
    if b.category == INT:
        if uint8 in (a, b):
            other = b if a is uint8 else a
            return int16 if other is int8 else other
        return max(a, b, key=lambda d: d.itemsize)
    if a.category == INT:
        return b
    if b.category == FLOAT:
        if {a, b} == {float16, bfloat16}:
            return float32
        if a.itemsize == b.itemsize:
            return float32
        return max(a, b, key=lambda d: d.itemsize)
    return _promote_complex(a, b)


def _promote_complex(a: dtype, b: dtype) -> dtype:
    if a is bfloat16 and b is complex32:
        return complex64
    return max(a if a.is_complex else a.to_complex(), b, key=lambda d: d.itemsize)


def combine(high: dtype | None, low: dtype | None) -> dtype | None:
    """Join the result of a higher class of operands (tensors with dimensions first) with a lower one's."""
    if high is None or low is None:
        return high or low
    if low.category <= high.category:
        return high
    if low.category == COMPLEX and high.category == FLOAT:
        return high.to_complex()
    return promote_types(high, low) if high.category == BOOL else low  # low, or the refusal of uint16 to 64


def result_type_of(dims: list[dtype], zeros: list[dtype], numbers: list[dtype]) -> dtype:
    """Promotion over the three classes of operands: with dimensions, 0-dim, Python numbers."""
    joined = None
    for group in (dims, zeros, numbers):
        kind = None
        for d in group:
            kind = d if kind is None else promote_types(kind, d)
        joined = combine(joined, kind)
    return joined


def can_cast(from_: dtype, to: dtype) -> bool:
    """Whether an in-place result of type `from_` may be stored as `to`.

    >>> jtorch.can_cast(jtorch.float32, jtorch.int64)
    False
    """
    if from_.category == COMPLEX:
        return to.category == COMPLEX
    if from_.category == FLOAT:
        return to.category >= FLOAT
    return from_.category == BOOL or to.category != BOOL
