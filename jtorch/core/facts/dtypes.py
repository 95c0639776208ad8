"""PyTorch's element types and its promotion rules.

A dtype is one row of the table below: every fact about a single dtype is a field of its row, and everything else in
jtorch is derived from the fields. Promotion follows PyTorch's three classes of operands (tensors with dimensions, 0-dim
tensors, Python numbers) and never JAX's. Does not know arrays.
"""

from __future__ import annotations

from functools import cache

import ml_dtypes
import numpy as np

# Categories, in the order in which promotion goes up, and that of dtypes that are names only.
BOOL, INT, FLOAT, COMPLEX, OPAQUE = 0, 1, 2, 3, -1


class dtype:
    """An element type, e.g. `torch.float32`.

    Attributes:
        np: the NumPy (or ml_dtypes) type of the same layout. It raises for complex32, which neither NumPy nor XLA has, and for
            dtypes that are names only.
        itemsize: bytes of one element.

    >>> jtorch.float32, jtorch.int64.itemsize, jtorch.bfloat16.is_floating_point
    (torch.float32, 8, True)
    """

    __module__ = "jtorch"
    computed = True  # whether tensors can have it
    __slots__ = (
        "alias", "category", "cname", "digits", "itemsize", "limited", "method", "most", "name", "np", "overflow_name",
        "partner", "python", "scalar_name", "storage_name", "tolerance",
    )  # fmt: skip

    def __init__(self, name, np_type, scalar_name, cname, category, *, alias=None, method=None, overflow_name=None,
                 partner=None, python=None, tolerance=(0.0, 0.0), limited=False, itemsize=None):  # fmt: skip
        """
        Args:
            scalar_name: "Float": the name in PyTorch's messages, in `torch.FloatTensor` and in `torch.FloatStorage`.
            cname: "float": the C++ type, as the messages of PyTorch's kernels write it.
            category: BOOL, INT, FLOAT or COMPLEX.
            alias: "half": a second name under `torch`.
            method: the method of Tensor that casts to the dtype; by default the alias.
            overflow_name: the name in PyTorch's error about a number that does not fit; by default `cname`.
            partner: of a floating dtype, the name of the complex dtype with such parts; of a complex one, that of its parts.
            python: the Python class that PyTorch accepts in place of the dtype.
            tolerance: the (rtol, atol) of `torch.testing.assert_close`.
            limited: PyTorch has few kernels for the dtype, no tensor type and no storage class.
        """
        self.name = name
        if np_type is not None:
            self.np = np.dtype(np_type)
        self.scalar_name = scalar_name
        self.storage_name = scalar_name + "Storage"
        self.cname = cname
        self.category = category
        self.alias = alias
        self.method = (method or alias) if np_type is not None else None
        self.overflow_name = overflow_name or cname
        self.partner = partner
        self.python = python
        self.tolerance = tolerance
        self.limited = limited
        self.itemsize = itemsize or self.np.itemsize
        self.digits = self.most = None  # bits of the significand, the hidden one included; the largest finite number
        if category == INT:
            self.most = int(np.iinfo(self.np).max)
        elif category == FLOAT and np_type is not None:
            limits = ml_dtypes.finfo(self.np)
            self.digits, self.most = int(limits.nmant) + 1, float(limits.max)

    def __repr__(self):
        return f"torch.{self.name}"

    def __reduce__(self):
        return dtype_named, (self.name,)

    is_floating_point = property(lambda self: self.category == FLOAT)
    is_complex = property(lambda self: self.category == COMPLEX)
    is_signed = property(
        lambda self: not self.name.startswith("u") and self.name[-3:] != "fnu" and self.category != BOOL
    )
    is_half = property(lambda self: self.category == FLOAT and self.itemsize == 2)

    def to_complex(self) -> dtype:
        """The complex type whose parts have this type."""
        return NAMES[self.partner] if self.category == FLOAT and self.partner else self

    def to_real(self) -> dtype:
        """The type of the parts of a complex type; any other type itself."""
        return NAMES[self.partner] if self.category == COMPLEX else self


class Layoutless(dtype):
    """A dtype without tensors. Reading its NumPy type raises, so making a tensor or a result of it does."""

    __slots__ = ()
    computed = False

    @property
    def np(self):
        raise NotImplementedError(f"a result of dtype torch.{self.name}, which neither NumPy nor XLA has")


uint8 = dtype("uint8", "u1", "Byte", "unsigned char", INT, method="byte", overflow_name="uint8_t")
int8 = dtype("int8", "i1", "Char", "signed char", INT, method="char", overflow_name="int8_t")
int16 = dtype("int16", "i2", "Short", "short int", INT, alias="short", overflow_name="int16_t")
int32 = dtype("int32", "i4", "Int", "int", INT, alias="int")
int64 = dtype("int64", "i8", "Long", "long int", INT, alias="long", overflow_name="int64_t", python=int)
uint16 = dtype("uint16", "u2", "UInt16", "short unsigned int", INT, overflow_name="uint16_t", limited=True)
uint32 = dtype("uint32", "u4", "UInt32", "unsigned int", INT, overflow_name="uint32_t", limited=True)
uint64 = dtype("uint64", "u8", "UInt64", "long unsigned int", INT, overflow_name="uint64_t", limited=True)
float16 = dtype("float16", "f2", "Half", "c10::Half", FLOAT, alias="half", partner="complex32", tolerance=(1e-3, 1e-5))
bfloat16 = dtype("bfloat16", ml_dtypes.bfloat16, "BFloat16", "c10::BFloat16", FLOAT,
                 method="bfloat16", partner="complex64", tolerance=(1.6e-2, 1e-5))  # fmt: skip
float32 = dtype("float32", "f4", "Float", "float", FLOAT,
                alias="float", partner="complex64", tolerance=(1.3e-6, 1e-5))  # fmt: skip
float64 = dtype("float64", "f8", "Double", "double", FLOAT,
                alias="double", partner="complex128", python=float, tolerance=(1e-7, 1e-7))  # fmt: skip
complex32 = Layoutless("complex32", None, "ComplexHalf", "c10::complex<c10::Half>", COMPLEX,
                  alias="chalf", partner="float16", limited=True, itemsize=4)  # fmt: skip
complex64 = dtype("complex64", "c8", "ComplexFloat", "c10::complex<float>", COMPLEX,
                  alias="cfloat", partner="float32", tolerance=(1.3e-6, 1e-5))  # fmt: skip
complex128 = dtype("complex128", "c16", "ComplexDouble", "c10::complex<double>", COMPLEX,
                   alias="cdouble", partner="float64", python=complex, tolerance=(1e-7, 1e-7))  # fmt: skip
bool_ = dtype("bool", "?", "Bool", "bool", BOOL, method="bool", python=bool)
float8_e4m3fn, float8_e5m2, float8_e4m3fnuz, float8_e5m2fnuz, float8_e8m0fnu = (
    dtype(name, getattr(ml_dtypes, name), name.capitalize(), f"c10::{name.capitalize()}", FLOAT, limited=True)
    for name in "float8_e4m3fn float8_e5m2 float8_e4m3fnuz float8_e5m2fnuz float8_e8m0fnu".split()
)

ALL = tuple(d for d in list(globals().values()) if isinstance(d, dtype))
ALIASES = {d.alias: d for d in ALL if d.alias}
OF_PYTHON = {d.python: d for d in ALL if d.python}
CASTS = {d.method: d for d in ALL if d.method}  # Tensor's methods that cast: float, long, byte, ...
TENSOR_TYPES = {f"{d.scalar_name}Tensor": d for d in ALL if not d.limited and not d.is_complex}  # FloatTensor, ...
HALF = tuple(d.np for d in ALL if d.is_half)  # NumPy's float16 and bfloat16: most ops compute them in float32

NAMES = {d.name: d for d in ALL}
_BY_NP = {d.np: d for d in ALL if d.computed}


def dtype_named(name):
    """The dtype of this name, for Python's pickle."""
    return NAMES[name]


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


def meant(name: str, d) -> dtype:
    """The dtype that a user passed to the function `name`: a dtype or a Python class."""
    if isinstance(d, dtype):
        return d
    found = OF_PYTHON.get(d) if isinstance(d, type) else None
    if found is None:
        raise TypeError(f"{name}(): argument 'dtype' must be torch.dtype, not {type(d).__name__}")
    return found


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
    """The dtype that a Python number of this category counts as in a promotion."""
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
    if a.category == OPAQUE or any(d.limited and d.category == FLOAT for d in (a, b)):
        names = f"{type1.scalar_name} and {type2.scalar_name}"
        raise RuntimeError(f"Promotion for Float8 Types is not supported, attempted to promote {names}")
    if any(d.limited and d.category == INT for d in (a, b)):
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
    """The common dtype of two classes of operands; tensors with dimensions are the highest class, numbers the lowest."""
    if high is None or low is None:
        return high or low
    if low.category <= high.category:
        return high
    if low.category == COMPLEX and high.category == FLOAT:
        return high.to_complex()
    return promote_types(high, low) if high.category == BOOL else low  # low, or the error for uint16, uint32 and uint64


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
