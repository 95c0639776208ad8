"""PyTorch's first constructors: `torch.Tensor(4, 3)`, `torch.FloatTensor([1, 2])`, `torch.LongTensor(2)`, ..."""

from __future__ import annotations

import jax
import numpy as np

from jtorch.core.engine import type_of
from jtorch.core.facts import devices, dtypes
from jtorch.core.tensor import Tensor, attach, known, tensor, to_place


def _zeros(size, d, place):
    type_of(size, d, place)  # raises where there is too little memory
    return known(np.zeros(size, d.np), place)


def _construct(d, args, place, name):
    """A new tensor. No arguments: empty. Integers or a Size: zeros of that size. A sequence or array: its values."""
    if not args:
        return known(np.zeros(0, d.np), place)
    first = args[0]
    if all(isinstance(a, int) and not isinstance(a, bool) for a in args):
        if any(a < 0 for a in args):
            raise RuntimeError(f"Trying to create tensor with negative dimension {min(args)}: {list(args)}")
        return _zeros(args, d, place)
    if len(args) > 1:
        raise TypeError(
            f"new() received an invalid combination of arguments - got ({', '.join(_class_name(a) for a in args)})"
        )
    if isinstance(first, Tensor):
        if first.dtype is not d:
            raise TypeError(f"expected {_options(d, place)} (got {_options(first.dtype, first._type.place)})")
        return first._alias()
    if hasattr(first, "numel") and isinstance(first, tuple):  # a Size
        return _zeros(tuple(first), d, place)
    if isinstance(first, list | tuple | np.ndarray | jax.Array | range):
        made = tensor(list(first) if isinstance(first, range) else first, dtype=d)
        return made if place is devices.CPU else to_place(made, place)
    if isinstance(first, str):
        raise TypeError("new(): invalid data type 'str'")
    raise TypeError(f"new(): data must be a sequence (got {_class_name(first)})")


def _options(d, place):
    return (
        f"TensorOptions(dtype={d.cname}, device={place.device.type}, layout=Strided,"
        " requires_grad=false (default), pinned_memory=false (default), memory_format=(nullopt))"
    )


def _class_name(a):
    return type(a).__name__


def _construct_default(cls, *args, device=None):
    d = dtypes.get_default_dtype()
    made = _construct(d, args, devices.place(device), f"torch.{d.scalar_name}Tensor")
    return made if cls is Tensor else made._alias(cls)


attach("__new__", _construct_default)


class _TypeMeta(type):
    """`isinstance(x, torch.FloatTensor)` looks at dtype and device."""

    def __instancecheck__(cls, x):
        return isinstance(x, Tensor) and x.dtype is cls.dtype and x.device.type == cls.where

    def __call__(cls, *args, device=None):
        place = devices.place(device if device is not None else cls.where)
        return _construct(cls.dtype, args, place, repr(cls)[8:-2])

    def __repr__(cls):
        return f"<class 'torch.{devices.KINDS[cls.where].prefix}{cls.__name__}'>"


def types(where="cpu") -> dict:
    """FloatTensor, LongTensor, ... of one kind of device, by name."""
    made = {}
    for name, d in dtypes.TENSOR_TYPES.items():
        body = {
            "dtype": d,
            "where": where,
            "__module__": f"torch.{devices.KINDS[where].prefix}".rstrip("."),
            "__doc__": f"`torch.tensor(..., dtype={d})` by its old name, and the type of such tensors.",
        }
        made[name] = _TypeMeta(name, (), body)
    return made


TYPES = types()
CUDA_TYPES = types("cuda")
