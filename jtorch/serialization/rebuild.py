"""The functions that PyTorch's pickles call to build tensors, under PyTorch's names.

Their arguments are those in the files. `reduce_as_pytorch` returns the call that a tensor is written as.
"""

from __future__ import annotations

import warnings
from collections import OrderedDict

from jtorch.core.facts import device, dtype
from jtorch.core.methods import TypedStorage, UntypedStorage
from jtorch.core.tensor import Tensor, from_numpy
from jtorch.nn.parameter import Parameter, _rebuild_parameter, _rebuild_parameter_with_state, set_attributes
from jtorch.serialization import global_names
from jtorch.serialization.tensors import LoadedStorage, Parts, memory, nbytes, parts, place_of


class SavedStorage:
    """A storage as one tensor uses it: the bytes of the storage, the element type of the tensor."""

    def __init__(self, cell, dtype: dtype | None):
        untyped = dtype is None or dtype.limited  # no storage class: the file has bytes, and the dtype beside them
        self.cell = cell
        self.storage_type = (
            global_names.UntypedStorageType if untyped else global_names.storage_type(dtype.storage_name)
        )
        self.dtype = self.storage_type.dtype
        self.device = place_of(cell)
        self.nbytes = nbytes(cell)

    @property
    def numel(self) -> int:
        return self.nbytes // self.dtype.itemsize

    def memory(self):
        """The bytes. Computes them if they are only promised."""
        return memory(self.cell)


def saved_storage(obj) -> SavedStorage | None:
    """What is saved of an object that is a storage; None for any other object."""
    if isinstance(obj, UntypedStorage):
        return SavedStorage(obj._cell, obj.dtype if isinstance(obj, TypedStorage) else None)
    return obj if isinstance(obj, SavedStorage) else None


def reduce_as_pytorch(tensor: Tensor):
    """(function, arguments), as PyTorch's files write this tensor; NotImplemented if its class has its own way."""
    kind, state = type(tensor), tensor.__dict__
    if kind.__reduce_ex__ is Parameter.__reduce_ex__:
        args = (tensor.data, tensor.requires_grad, OrderedDict())
        return (_rebuild_parameter_with_state, (*args, dict(state))) if state else (_rebuild_parameter, args)
    if kind.__reduce_ex__ is not Tensor.__reduce_ex__:
        return NotImplemented
    _warn_of_hooks(tensor)
    function, args = _reduce_plain(tensor)
    if kind is Tensor and not state:
        return function, args
    return _rebuild_from_type_v2, (function, kind, args, dict(state))


def _reduce_plain(tensor):
    p: Parts = parts(tensor)
    if tensor.is_meta:
        return _rebuild_meta_tensor_no_storage, (tensor.dtype, p.size, p.stride, p.requires_grad)
    storage = SavedStorage(p.storage, tensor.dtype)
    args = (storage, p.offset, p.size, p.stride, p.requires_grad, OrderedDict())
    marks = {"conj": True} if p.conjugate else None
    late = storage.storage_type is global_names.UntypedStorageType
    function = _rebuild_tensor_v3 if late else _rebuild_tensor_v2
    return function, args + ((tensor.dtype,) if late else ()) + ((marks,) if marks else ())


def _warn_of_hooks(tensor):
    for hook in (getattr(tensor._edge, "hooks", None) or {}).values():
        if not getattr(hook, "__torch_unserializable__", False):
            warnings.warn(
                f"backward hook {hook!r} on tensor will not be serialized. "
                " If this is expected, you can decorate the function with @torch.utils.hooks.unserializable_hook to suppress this warning",
                stacklevel=2,
            )


def _file_name(module):
    """Register a function under its name in files. Their argument `backward_hooks` is always empty."""

    def register(function):
        global_names.register(module, function.__name__, function)
        return function

    return register


@_file_name("torch._utils")
def _rebuild_tensor(storage: LoadedStorage, storage_offset, size, stride):
    return storage.tensor(storage.dtype, storage_offset, size, stride)


@_file_name("torch._utils")
def _rebuild_tensor_v2(storage, storage_offset, size, stride, requires_grad, backward_hooks, metadata=None):
    made = storage.tensor(storage.dtype, storage_offset, size, stride)
    made = _conjugated_or_negated(made, metadata)
    made.requires_grad = requires_grad
    return made


@_file_name("torch._utils")
def _rebuild_tensor_v3(storage, storage_offset, size, stride, requires_grad, backward_hooks, dtype, metadata=None):
    made = storage.tensor(dtype, storage_offset, size, stride)
    made = _conjugated_or_negated(made, metadata)
    made.requires_grad = requires_grad
    return made


def _conjugated_or_negated(tensor, metadata):
    """The tensor, conjugated or negated where the file says that its bytes are not yet."""
    if not metadata:
        return tensor
    if metadata.get("conj"):
        tensor = tensor.conj()
    return (tensor.neg() if metadata.get("neg") else tensor)._alias()


@_file_name("torch._utils")
def _rebuild_meta_tensor_no_storage(dtype, size, stride, requires_grad):
    span = 1 + sum((n - 1) * s for n, s in zip(size, stride, strict=True)) if all(size) else 0
    storage = LoadedStorage(None, span * dtype.itemsize, dtype, device("meta"))
    return storage.tensor(dtype, 0, size, stride).requires_grad_(requires_grad)


for _function in (_rebuild_parameter, _rebuild_parameter_with_state):
    _file_name("torch._utils")(_function)


@_file_name("torch._utils")
def _rebuild_device_tensor_from_cpu_tensor(data, dtype, device, requires_grad):
    return data.to(dtype=dtype, device=device).requires_grad_(requires_grad)


@_file_name("torch._utils")
def _rebuild_device_tensor_from_numpy(data, dtype, device, requires_grad):
    return _rebuild_device_tensor_from_cpu_tensor(from_numpy(data), dtype, device, requires_grad)


@_file_name("torch._tensor")
def _rebuild_from_type_v2(func, new_type, args, state):
    made = func(*args)
    if type(made) is not new_type:
        made = made._alias(new_type).requires_grad_(made.requires_grad)
    if getattr(new_type, "__setstate__", None) is not getattr(Tensor, "__setstate__", None):
        made.__setstate__(state)
        return made
    return set_attributes(made, state)


_LAYOUTS = "strided sparse_coo sparse_csr sparse_csc sparse_bsr sparse_bsc _mkldnn jagged".split()


@_file_name("torch.serialization")
def _get_layout(name):
    known = {f"torch.{layout}": layout for layout in _LAYOUTS}  # a file may name nothing else here
    return global_names.find("torch", known[name])


for _kind in ("qtensor", "sparse_tensor", "nested_tensor", "wrapper_subclass"):
    global_names.register("torch._utils", f"_rebuild_{_kind}", global_names.Missing(f"torch._utils._rebuild_{_kind}"))
