"""PyTorch's objects as either library's: tensors with their strides, dtypes, functions, and what holds them."""

import contextlib
import functools
import types

import numpy as np
import torch

import jtorch

# dtypes that NumPy has no name for, and integers of their size
_BITS = {torch.bfloat16: (torch.int16, "bfloat16"), torch.complex32: (torch.int32, "complex32")}


class Converter:
    """Converts values for `T`, PyTorch or jtorch. A tensor that comes twice is made once.

    `shared`: tensors that share memory share it then, too; a gradient for them is lost.
    """

    def __init__(self, T, shared=False):
        self.T, self.made, self.shared, self.memory = T, {}, shared, {}

    def __call__(self, value):
        if isinstance(value, torch.Tensor):
            if id(value) not in self.made:
                self.made[id(value)] = self._tensor(value), value
            return self.made[id(value)][0]
        if isinstance(value, list | tuple):
            made = [self(v) for v in value]
            return type(value)(*made) if hasattr(value, "_fields") else type(value)(made)
        if isinstance(value, dict):
            return {k: self(v) for k, v in value.items()}
        if isinstance(value, torch.Generator):
            return self.T.Generator().manual_seed(value.initial_seed())
        return self._constant(value)

    def _constant(self, value):
        if self.T is torch or value is None or isinstance(value, bool | int | float | complex | str | torch.Size):
            return self.T.Size(value) if isinstance(value, torch.Size) else value
        if isinstance(value, torch.dtype | torch.layout | torch.memory_format):
            return getattr(self.T, str(value).removeprefix("torch."))
        if isinstance(value, torch.device):
            return self.T.device(str(value))
        if isinstance(value, torch.nn.Module):
            return getattr(self.T.nn, type(value).__name__)()
        if callable(value):
            return function(self.T, value)
        return value

    def _tensor(self, tensor):
        if tensor.is_conj():
            return self._tensor(tensor.conj()).conj()
        if self.shared and tensor.layout is torch.strided and tensor.device.type == "cpu" and not tensor.is_neg():
            return self._shown(tensor.detach()).requires_grad_(tensor.requires_grad)
        if tensor.device.type == "meta":
            return self.T.empty(tuple(tensor.shape), dtype=self(tensor.dtype), device="meta")
        made = self._values(tensor.detach())
        return made.requires_grad_() if tensor.requires_grad else made

    def _values(self, tensor):
        T, dtype = self.T, tensor.dtype
        if tensor.is_contiguous() and not tensor.is_neg():
            return self._flat(tensor.reshape(-1)).reshape(tensor.shape).detach()
        last = sum((n - 1) * s for n, s in zip(tensor.shape, tensor.stride(), strict=True)) if tensor.numel() else -1
        cells = torch.as_strided(tensor.resolve_neg(), (last + 1,), (1,), tensor.storage_offset())
        made = self._flat(cells.contiguous())
        assert made.dtype is T.__dict__[str(dtype).removeprefix("torch.")]
        return made.as_strided(tuple(tensor.shape), tensor.stride()).detach()

    def _shown(self, tensor):
        """A view of all the memory that the tensor's storage has."""
        key = tensor.untyped_storage().data_ptr(), tensor.dtype
        if key not in self.memory or not key[0]:
            cells = tensor.new_empty(0).set_(tensor.untyped_storage())
            self.memory[key] = self._flat(cells)
        return self.memory[key].as_strided(tuple(tensor.shape), tensor.stride(), tensor.storage_offset()).detach()

    def _flat(self, cells):
        if self.T is torch:
            return cells.clone()
        if cells.dtype in _BITS:
            bits, name = _BITS[cells.dtype]
            return self.T.from_numpy(cells.view(bits).numpy().copy()).view(getattr(self.T, name))
        return self.T.tensor(np.array(cells.numpy()))


def function(T, value):
    """A function of PyTorch, or of its tests, as `T`'s."""
    if T is torch:
        return value
    if isinstance(value, functools.partial):
        return functools.partial(function(T, value.func), *value.args, **value.keywords)
    if isinstance(value, types.FunctionType) and "testing" in (value.__module__ or "testing"):
        return _rewritten(T, value)
    if isinstance(value, types.FunctionType) and value.__name__ == "<lambda>":
        return _rewritten(T, value)
    return named(T, _path(value))


def _rewritten(T, value):
    """A function of PyTorch's tests, with `T` where it names PyTorch."""
    names = {n: _part(T, value.__globals__[n]) for n in _names(value.__code__) if n in value.__globals__}
    cells = tuple(types.CellType(_part(T, c.cell_contents)) for c in value.__closure__ or ())
    inner = {k: v for k, v in value.__globals__.items() if k not in names}
    made = types.FunctionType(value.__code__, inner | names, value.__name__, value.__defaults__, cells or None)
    made.__kwdefaults__ = value.__kwdefaults__
    return made


def _names(code):
    """The global names that a function reads, those of the functions in it too."""
    inner = [_names(c) for c in code.co_consts if isinstance(c, types.CodeType)]
    return {*code.co_names}.union(*inner)


def _part(T, value):
    if value is torch:
        return T
    if getattr(value, "__name__", "") == "freeze_rng_state":  # every case sets the seed itself
        return contextlib.nullcontext
    if isinstance(value, types.ModuleType):
        return named(T, value.__name__.partition(".")[2]) if value.__name__.startswith("torch.") else value
    if isinstance(value, types.FunctionType | types.BuiltinFunctionType | types.MethodDescriptorType):
        return function(T, value)
    return Converter(T)._constant(value) if isinstance(value, torch.dtype) else value


def named(T, path):
    """What `T` has at a dotted path."""
    at = T
    for part in path.split("."):
        at = getattr(at, part)
    return at


def _path(value):
    """Where PyTorch has a function."""
    if type(value).__name__ == "OpOverload":
        return f"ops.{str(value).replace('aten.', 'aten.')}"
    owner = getattr(value, "__objclass__", None)
    if owner is not None:
        return f"Tensor.{value.__name__}"
    module = (
        (getattr(value, "__module__", None) or "torch")
        .replace("torch._C._", "torch.")
        .replace("torch.nn.nn", "torch.nn")
    )
    for place in (module.partition(".")[2], "", "nn.functional", "linalg", "special", "fft", "_C._nn"):
        try:
            if named(torch, f"{place}.{value.__name__}".lstrip(".")) is value:
                return f"{place}.{value.__name__}".lstrip(".")
        except AttributeError:
            continue
    raise LookupError(f"PyTorch has no place for {value}")


OURS, THEIRS = jtorch, torch
