"""`torch.types`: names for annotations."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import IO, TypeAlias, Union

from jtorch.core.facts import Size, SymBool, SymFloat, SymInt, dtype, layout
from jtorch.core.facts import device as _device
from jtorch.core.methods import TypedStorage, UntypedStorage
from jtorch.core.tensor import Tensor

__all__ = ["Device", "FileLike", "Number", "Storage"]

_dtype, _layout, _dispatchkey = dtype, layout, str
_symsize: TypeAlias = Size | Sequence[int | SymInt]
_int, _float, _bool, _str, _bytes, _complex = int, float, bool, str, bytes, complex
_size: TypeAlias = Size | list[int] | tuple[int, ...]
_TensorOrTensors: TypeAlias = Tensor | Sequence[Tensor]
_TensorOrOptionalTensors: TypeAlias = Tensor | Sequence[Tensor | None]
Device: TypeAlias = _device | str | int | None
FileLike: TypeAlias = Union[str, "os.PathLike[str]", IO[bytes]]
Number: TypeAlias = int | float | bool
_Number = (int, float, bool)
IntLikeType: TypeAlias = int | SymInt
FloatLikeType: TypeAlias = float | SymFloat
BoolLikeType: TypeAlias = bool | SymBool
PySymType: TypeAlias = SymInt | SymFloat | SymBool
py_sym_types = (SymInt, SymFloat, SymBool)
Storage: TypeAlias = TypedStorage | UntypedStorage
