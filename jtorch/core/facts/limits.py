"""`torch.finfo` and `torch.iinfo`: the range and precision of a dtype, as Python numbers.

>>> jtorch.finfo(jtorch.bfloat16).eps, jtorch.iinfo(jtorch.int8).max
(0.0078125, 127)
"""

from __future__ import annotations

import math

import ml_dtypes
import numpy as np

from jtorch.core.facts.dtypes import BOOL, COMPLEX, FLOAT, INT, OF_PYTHON, dtype, float8_e5m2fnuz, get_default_dtype

_MISSING = object()


class _Limits:
    """Read-only numbers. Equal if the dtypes are equal; not hashable, as in PyTorch."""

    __slots__ = ()

    def _set(self, **numbers):
        for name, number in numbers.items():
            object.__setattr__(self, name, number)

    def __setattr__(self, name, value=None):
        kind = type(self).__name__
        if name in self.__slots__:
            raise AttributeError(f"attribute '{name}' of 'torch.{kind}' objects is not writable")
        raise AttributeError(f"'torch.{kind}' object has no attribute '{name}'")

    __delattr__ = __setattr__

    def __eq__(self, other):
        return self.dtype == other.dtype if type(self) is type(other) else NotImplemented

    __hash__ = None

    def __reduce_ex__(self, protocol):
        raise TypeError(f"cannot pickle 'torch.{type(self).__name__}' object")


class finfo(_Limits):
    """The limits of a floating-point dtype; of a complex one, those of its parts.

    Args:
        type: the dtype; the default dtype if left out.

    Attributes:
        bits: the bits of one number.
        eps: the distance from 1 to the next number.
        max, min: the largest and the lowest finite number.
        tiny, smallest_normal: the smallest positive number of full precision.
        resolution: one unit of the last decimal digit that numbers near 1 always keep.
        dtype: its name.

    Raises:
        TypeError: not a floating-point or complex dtype.
    """

    __module__ = "torch"
    __slots__ = ("bits", "dtype", "eps", "max", "min", "resolution", "smallest_normal", "tiny")
    bits: int
    dtype: str
    eps: float
    max: float
    min: float
    resolution: float
    smallest_normal: float
    tiny: float

    def __init__(self, type=_MISSING):
        type = get_default_dtype() if type is _MISSING else _dtype_argument("finfo", type)
        if type.category < FLOAT:
            raise TypeError(
                "torch.finfo() requires a floating point input type. Use torch.iinfo to handle 'torch.finfo'"
            )
        type = type.to_real()
        limits = ml_dtypes.finfo(type.np)
        digits = int(limits.nmant * math.log10(2))
        self._set(
            bits=limits.bits,
            dtype=type.name,
            eps=0.125 if type is float8_e5m2fnuz else float(limits.eps),  # of 2 bits, as PyTorch has it
            resolution=float(f"1e-{digits}"),
            max=float(limits.max),
            min=float(limits.min),
            tiny=float(limits.tiny),
            smallest_normal=float(limits.tiny),
        )

    def __repr__(self):
        names = ("resolution", "min", "max", "eps", "smallest_normal", "tiny")
        numbers = ", ".join(f"{name}={getattr(self, name):g}" for name in names)
        return f"finfo({numbers}, dtype={self.dtype})"


class iinfo(_Limits):
    """The limits of an integer dtype: bits, min, max, and the dtype's name.

    Raises:
        TypeError: not an integer dtype.
    """

    __module__ = "torch"
    __slots__ = ("bits", "dtype", "max", "min")
    bits: int
    dtype: str
    max: int
    min: int

    def __init__(self, type=_MISSING):
        type = _dtype_argument("iinfo", type)
        if type.category == BOOL:
            raise TypeError("torch.bool is not supported by torch.iinfo")
        if type.category != INT:
            raise TypeError("torch.iinfo() requires an integer input type. Use torch.finfo to handle 'torch.iinfo'")
        limits = np.iinfo(type.np)
        self._set(bits=limits.bits, dtype=type.name, max=int(limits.max), min=int(limits.min))

    def __repr__(self):
        return f"iinfo(min={self.min:g}, max={self.max:g}, dtype={self.dtype})"


def _dtype_argument(kind: str, given) -> dtype:
    if given is _MISSING:
        raise TypeError(f'{kind}() missing 1 required positional arguments: "type"')
    if isinstance(given, dtype):
        return given
    found = OF_PYTHON.get(given) if isinstance(given, type) else None
    if found is None:
        name = type(given).__name__
        raise TypeError(f"{kind}(): argument 'type' (position 1) must be torch.dtype, not {name}")
    return found


def must_hold(d: dtype, number, name: str | None = None) -> None:
    """Raise PyTorch's error where a dtype cannot hold a Python number: out of range, or with an imaginary part.

    Args:
        name: what the error calls the dtype; by default its `overflow_name`.
    """
    if d.category in (BOOL, COMPLEX):
        return
    if number.__class__ is complex:
        fits, number = not number.imag, number.real
    else:
        fits = True
    if d.category == FLOAT:
        fits = fits and (-d.most <= number <= d.most or not math.isfinite(number))
    else:  # a negative integer wraps around in an unsigned type
        least = 0 if number.__class__ is float and not d.is_signed else -d.most - d.is_signed
        fits = fits and (least <= number <= d.most)
    if not fits:
        raise RuntimeError(f"value cannot be converted to type {name or d.overflow_name} without overflow")
