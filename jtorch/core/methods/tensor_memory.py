"""Methods about a tensor's memory and view, new tensors like it, and conversion to other types.

`t_`, `resize_` and `set_` change the view or the memory of a tensor without computing; `untyped_storage` and `data_ptr` say
which memory it is.
"""

from __future__ import annotations

import itertools
import math
import operator

import jax
import jax.numpy as jnp
import numpy as np

from jtorch.core import engine
from jtorch.core.facts import (
    channels_last,
    channels_last_3d,
    contiguous_format,
    devices,
    dtypes,
    preserve_format,
    strided,
    strided_bytes,
    warn_user,
)
from jtorch.core.facts import strides as geometry
from jtorch.core.grad import INFERENCE, Leaf, note_other_view, source
from jtorch.core.methods import typed_storage as storages
from jtorch.core.methods.python_functions import ELEMENTWISE
from jtorch.core.op import Array, op, overridable_on_failure
from jtorch.core.ops.make import create
from jtorch.core.ops.views.shape import sized_view, squeeze, t, transpose, unsqueeze
from jtorch.core.ops.views.slices import alias, as_ints, as_strided_of
from jtorch.core.tensor import (
    HostStorage,
    InferenceStorage,
    Storage,
    Tensor,
    attach,
    batched_like,
    cast,
    count_move,
    host_array,
    known,
    note_move,
    other_users,
    to_place,
    wrap,
)

# ---- facts


def _is_conj(self):
    """Whether its view conjugates: an odd number of conjugations."""
    at, odd = self._view, False
    while at is not None:
        odd ^= at.call.name == "conj"
        at = at.parent
    return odd


def _nbytes(self):
    """Bytes of the elements."""
    return self.numel() * self.dtype.itemsize


def _get_device(self):
    """The number of its accelerator, -1 on the CPU."""
    return -1 if self.is_cpu else self.device.index or 0


def _is_inference(self):
    """Whether it was made in inference mode."""
    storage = self._storage
    return isinstance(storage, InferenceStorage) or (isinstance(storage, HostStorage) and storage.mark is INFERENCE)


def _is_on(name):
    return lambda self: self.device.type == name


def _dim_order(self, ambiguity_check=False):
    """The dimensions from the slowest to the fastest in memory. Dimensions whose strides decide nothing keep their order.

    Args:
        ambiguity_check: raise RuntimeError if more than one order fits; a list of memory formats: unless one of them fits.
    """
    formats = ambiguity_check if isinstance(ambiguity_check, list) else []
    if not isinstance(ambiguity_check, bool | list) or any(type(f).__name__ != "memory_format" for f in formats):
        raise TypeError("The ambiguity_check argument must be a bool or a list of memory formats.")
    strides, shape = self.stride(), self.shape
    several = ambiguity_check is not False and (1 in shape or any(map(operator.eq, strides, strides[1:])))
    if several and sum(self.is_contiguous(memory_format=f) for f in formats) != 1:
        raise RuntimeError(
            "The tensor does not have unique dim order, or cannot map to exact one of the given memory formats."
        )
    in_rows = geometry.is_contiguous(shape, strides)
    if in_rows != (self.ndim == 4 and geometry.is_channels_last(shape, strides)):
        return tuple(range(self.ndim)) if in_rows else (0, 2, 3, 1)
    order = list(
        range(self.ndim)
    )  # sorted by insertion, from the back; a comparison that decides nothing looks further
    for last in range(self.ndim - 2, -1, -1):
        at = last
        for other in range(last + 1, self.ndim):
            slower = _slower(strides, shape, order[at], order[other])
            if slower:
                break
            if slower is False:
                order[at], order[other], at = order[other], order[at], other
    if ambiguity_check and not all(_slower(strides, shape, a, b) for a, b in itertools.pairwise(order)):
        raise RuntimeError("The tensor does not have unique dim order.")
    return tuple(order)


def _slower(strides, shape, a, b):
    """Whether dimension `a` is slower in memory than `b`, None if the strides do not decide."""
    if 0 in (strides[a], strides[b]):
        return None
    if strides[a] == strides[b]:
        return None if not shape[a] or (shape[b] and shape[a] >= shape[b]) else False
    return strides[a] > strides[b]


def _is_same_size(self, other):
    return tuple(self.shape) == tuple(other.shape)


def _is_set_to(self, tensor):
    """Whether both show the same cells in the same way."""
    same = self._storage is tensor._storage and self._offset == tensor._offset
    return same and self.shape == tensor.shape and self.stride() == tensor.stride()


# ---- another view of the memory, in place


def _keep_hook(old, new):
    """`new`, the new edge. A `retain_grad` hook stays on the old node, where the gradient has the old shape."""
    if new is not None and old is not None and not isinstance(old, Leaf):
        node, nr = source(old)
        if node.hooks is not None and nr in node.hooks.retains:
            after, at = source(new)
            after.made_hooks().retains[at] = lambda grad, carrier: None
    return new


def _replace_view(self, make, name, method):
    """Give this tensor the view that `make()` makes of it, and a node of this name. Returns self."""
    local = engine.local
    self._writable(twice=True, name=method)
    self._by_base()
    before, old = local.grad, self._history()
    leaf = old is not None and self.is_leaf
    local.grad = old is not None and not leaf  # the history of the view goes on even under `no_grad`
    try:
        made = make()
    finally:
        local.grad = before
    storage, view, edge = self._storage, made._view, made._edge
    del made, make  # so that the references to the storage can be counted
    view.note = None if self._view is None else self._view.note
    if leaf:
        edge = old
    elif edge is not None:
        edge.name_ = name
    same = view.type.shape.numel() == storage.value.type.shape.numel()
    if self._view is None and storage.__class__ is Storage and same and not other_users(storage):
        value = view.read(storage)
        value.mark = None  # it shared the old value's mark, which now says "overwritten"
        seen = storage.value
        storage.write(value, self._counter or storage, reshaped=True)
        self._edge = _keep_hook(old, edge)
        note_other_view(seen, self)
        return self
    counter = self._counter or storage
    seen = storage.value if self._view is None else self._view.value
    storage.touch(counter)
    # Without a history the view keeps its version, so that one is made if the base requires grad later on.
    view.at = self._view.at if edge is None and self._view is not None else counter.version
    self._view = view
    self._edge = _keep_hook(old, edge)
    if seen is not None:
        note_other_view(seen, self)
    return self


def _inplace_view(view, name):
    def method(self, *args, **kwargs):
        if name == "TBackward1" and self.ndim > 2:
            self._writable(twice=True)
            raise RuntimeError(f"t_() expects a tensor with <= 2 dimensions, but self is {self.ndim}D")
        node = name(args or kwargs) if callable(name) else name
        return _replace_view(self, lambda: view(self, *args, **kwargs), node, view.__name__ + "_")

    return method


def _as_strided_(self, size, stride, storage_offset=None):
    """Show the memory with these sizes and strides from now on. Returns self."""
    return _replace_view(
        self, lambda: as_strided_of(self, size, stride, storage_offset), "AsStridedBackward1", "as_strided_"
    )


def _resize_(self, *sizes, memory_format=None):
    """Take another shape, keeping the memory's first cells; grown memory holds zeros. Returns self.

    Differs from torch: memory that other tensors share cannot grow (NotImplementedError).
    """
    size = as_ints(sizes, "resize_", "size")
    if self.requires_grad:
        raise RuntimeError("cannot resize variables that require grad")
    if any(n < 0 for n in size):
        raise RuntimeError(f"Trying to create tensor with negative dimension {min(size)}: {list(size)}")
    return _resize_view(self, size, memory_format)


def _resize_view(self, size, memory_format=None, strides=None):
    if tuple(self.shape) == size:
        return self
    strided_bytes(size, [0] * len(size), self.element_size())  # raises where the number of elements overflows
    channels_last = memory_format is not None and memory_format.name.startswith("channels_last")
    rows = geometry.contiguous_strides(size)
    strides = strides or (geometry.channels_last_strides(size) if channels_last else rows)
    wanted = self._offset + math.prod(size)
    if wanted > self._storage.value.type.shape.numel():
        _grow(self, wanted)
    elif wanted == self._storage.value.type.shape.numel() == self.numel() and self.is_contiguous() and strides == rows:
        return _replace_view(self, lambda: sized_view(self, size), None, "resize_")
    return _replace_view(self, lambda: as_strided_of(self, size, strides, self._offset), None, "resize_")


def _grow(self, wanted):
    """Give this tensor memory of `wanted` cells that begins with what it had."""
    storage = self._storage
    storage.release()
    if isinstance(storage, HostStorage):
        raise RuntimeError("Trying to resize storage that is not resizable")
    old = storage.value.type
    if old.shape.numel() and other_users(storage):
        raise NotImplementedError("resize_ to more elements while other tensors share the memory")
    value = storage.value
    version = (self._counter or storage).version
    flat = as_strided_of(wrap(value), (old.shape.numel(),), (1,), 0)
    grown = (
        _padded_end(flat, wanted) if old.shape.numel() else create.zeros(wanted, dtype=old.dtype, device=self.device)
    )
    self._storage = grown._storage
    self._storage.version = version
    self._view = self._base = self._counter = None


@op(saves=())
def _padded_end(input: Array, size: int) -> Array:
    return jnp.pad(input, (0, size - input.size))


def _reshaped_copy(self, *sizes):
    """The elements in another shape: `contiguous().view()` by its old name."""
    warn_user("non-inplace resize is deprecated", UserWarning)
    return _in_shape(self, as_ints(sizes, "resize", "size"))


def _in_shape(self, size):
    if math.prod(size) != self.numel():
        raise RuntimeError(
            f"requested resize to {'x'.join(map(str, size))} ({math.prod(size)} elements in total), but the given tensor"
            f" has a size of {'x'.join(map(str, self.shape))} ({self.numel()} elements). autograd's resize can only change"
            " the shape of a given tensor, while preserving the number of elements. "
        )
    return self.contiguous().view(size)


def _resize_as(self, the_template, *, memory_format=None):
    """Take the shape of another tensor: see `resize_`. Returns self."""
    if memory_format is preserve_format:
        formats = [f for f in (channels_last, channels_last_3d) if the_template.is_contiguous(memory_format=f)]
        memory_format = formats[0] if formats and not the_template.is_contiguous() else contiguous_format
    return _resize_(self, *the_template.shape, memory_format=memory_format)


def _resized_like(self, tensor):
    """The elements in another tensor's shape: `contiguous().view_as()` by its old name."""
    warn_user("non-inplace resize_as is deprecated", UserWarning)
    return _in_shape(self, tuple(tensor.shape))


def _slice_inverse(self, src, dim=0, start=None, end=None, step=1):
    """The tensor of the shape and strides of `src` that begins at the same place of this tensor's memory."""
    return self.as_strided(src.size(), src.stride(), src.storage_offset())


def _set_(self, source=None, storage_offset=0, size=None, stride=None):
    """Use the memory of another tensor (or storage) from now on. Returns self."""
    if engine.local.grad and self._history() is not None and self.is_leaf:
        raise RuntimeError("a leaf Variable that requires grad is being used in an in-place operation.")
    if source is None:
        source = create.empty(0, dtype=self.dtype, device=self.device)
    if isinstance(source, storages.TypedStorage) and source.dtype is not self.dtype:
        raise RuntimeError(
            f"Expected a Storage of type {self.dtype.cname} or an UntypedStorage, but got type"
            f" {source.dtype.scalar_name} for argument 1 'storage'"
        )
    if isinstance(source, storages.UntypedStorage):  # all of it, as elements of this dtype
        source = source.as_elements(self.dtype)
        size = (source._type.shape.numel(),) if size is None else size
    if source.dtype is not self.dtype:
        raise RuntimeError(f"Could not set tensor of type {source.dtype.cname} to a tensor of type {self.dtype.cname}")
    if size is not None:
        size = as_ints((size,), "set_", "size")
        source = as_strided_of(source, size, stride or geometry.contiguous_strides(size), storage_offset)
    count_move(self)
    self._storage, self._view, self._base = source._storage, source._view, None
    note_move()
    return self


# ---- other types


_TYPES = {
    f"torch.{kind.prefix}{d.scalar_name}Tensor": (d, kind.name)
    for d in dtypes.ALL
    for kind in devices.KINDS.values()
    if kind.tensor_types
}


def _type(self, dtype=None, non_blocking=False):
    """The tensor's type as text, or the tensor as another type.

    >>> torch.ones(1).type()
    'torch.FloatTensor'
    """
    if dtype is None:
        return f"torch.{devices.KINDS[self.device.type].prefix}{self.dtype.scalar_name}Tensor"
    if isinstance(dtype, dtypes.dtype):
        return cast(self, dtype)
    if not isinstance(dtype, str | type):
        raise TypeError("dtype must be a type, str, or dtype object")
    name = dtype if isinstance(dtype, str) else f"{dtype.__module__}.{dtype.__name__}"
    if dtype is Tensor:
        return cast(self, dtypes.get_default_dtype())
    if name not in _TYPES:
        raise ValueError(f"invalid type: '{name}'")
    d, where = _TYPES[name]
    return to_place(cast(self, d), devices.place(where))


def _type_as(self, other):
    """The tensor with the dtype and on the device of another."""
    return to_place(cast(self, other.dtype), other._type.place)


def _caster(name, d):
    def method(self, *, memory_format=None):
        made = cast(self, d)
        return made if memory_format is None else made.contiguous(memory_format=memory_format)

    method.__name__ = method.__qualname__ = name
    method.__doc__ = f"The tensor as torch.{d.name}; itself if it has that dtype."
    return method


def _cuda(self, device=None, non_blocking=False, memory_format=None):
    """The tensor on an accelerator."""
    where = "cuda" if device is None else f"cuda:{device}" if isinstance(device, int) else device
    return to_place(self, devices.place(where))


# ---- new tensors like this one


def _like(self, dtype, device):
    return {"dtype": dtype or self.dtype, "device": device or self.device}


def _new_filled(name):
    make = getattr(create, name)

    def method(self, *size, dtype=None, device=None, requires_grad=False, layout=None, pin_memory=False, **named):
        size = (named["size"],) if named else size
        try:
            made = make(*size, **_like(self, dtype, device), requires_grad=requires_grad)
        except TypeError as error:
            raise TypeError(str(error).replace(f"{name}()", f"new_{name}()", 1)) from None
        return batched_like(made, self._storage.value)

    method.__name__ = method.__qualname__ = "new_" + name
    method.__doc__ = f"`torch.{name}` with this tensor's dtype and device."
    return method


def _new_full(self, size, fill_value, *, dtype=None, device=None, requires_grad=False, layout=None, pin_memory=False):
    """`torch.full` with this tensor's dtype and device."""
    if not isinstance(size, tuple | list):
        raise TypeError(f"new_full(): argument 'size' (position 1) must be tuple of ints, not {type(size).__name__}")
    made = create.full(size, fill_value, **_like(self, dtype, device), requires_grad=requires_grad)
    return batched_like(made, self._storage.value)


def _new_empty_strided(self, size, stride, dtype=None, layout=None, device=None, pin_memory=False, requires_grad=False):
    """`torch.empty_strided` with this tensor's dtype and device."""
    return create.empty_strided(size, stride, **_like(self, dtype, device), requires_grad=requires_grad)


def _new_tensor(self, data, *, dtype=None, device=None, requires_grad=False, layout=None, pin_memory=False):
    """A copy of `data` with this tensor's dtype (unless `data` brings its own) and device."""
    if isinstance(data, Tensor):
        warn_user(
            "To copy construct from a tensor, it is recommended to use sourceTensor.detach().clone() or "
            "sourceTensor.detach().clone().requires_grad_(True), rather than tensor.new_tensor(sourceTensor).",
        )
        made = cast(data.detach().clone(), dtype or data.dtype)
    elif isinstance(data, np.ndarray | np.generic | jax.Array):
        made = known(host_array(data))
        made = cast(made, dtype or made.dtype)
    else:
        d = dtype or self.dtype
        made = cast(known(host_array(data, d)), d)
    made = to_place(made, devices.place(device) if device is not None else self._type.place)
    return made.requires_grad_() if requires_grad else made


def _alias_of_this_type(self, other):
    if other.dtype is not self.dtype:
        options = [
            f"TensorOptions(dtype={d.cname}, device=cpu, layout=Strided, requires_grad=false (default), "
            "pinned_memory=false (default), memory_format=(nullopt))"
            for d in (self.dtype, other.dtype)
        ]
        raise TypeError(f"expected {options[0]} (got {options[1]})")
    return alias(other)


def _new_of_this_type(self, *args, size=None):
    """An empty tensor of this dtype and device, or one of the given data; of a tensor of this type, its alias."""
    if len(args) == 1 and isinstance(args[0], Tensor):
        return _alias_of_this_type(self, args[0])
    if len(args) == 1 and isinstance(args[0], str):
        raise TypeError("new(): invalid data type 'str'")
    size = args if size is None else tuple(size)
    if len(size) == 1 and isinstance(size[0], np.ndarray | jax.Array):
        size = (size[0].tolist(),)
    if len(size) == 1 and isinstance(size[0], list | tuple) and not isinstance(size[0], geometry.Size):
        return _new_tensor(self, size[0])
    return create.empty(*size or (0,), **_like(self, None, None))


# ---- small things


def _sum_to_size(self, *size):
    """The sum down to a shape that broadcasts to this one."""
    size = as_ints(size, "sum_to_size", "size")
    lead = self.ndim - len(size)
    if lead < 0 or any(n != 1 and n != m for n, m in zip(size, self.shape[lead:], strict=True)):
        raise RuntimeError(f"size {{{list(size)}}} is not expandable to size {{{list(self.shape)}}}.")
    dims = [*range(lead), *[d + lead for d, n in enumerate(size) if n == 1 and self.shape[d + lead] != 1]]
    made = self.sum(dims, keepdim=True) if dims else self
    return made.view(size) if lead else made


def _reversed(self):
    """The first dimension in reverse order, for `reversed(x)`."""
    return self.flip(0) if self.ndim else self


def _itself(self, *args, **kwargs):
    return self


def is_tensor(obj):
    """Whether `obj` is a Tensor."""
    return isinstance(obj, Tensor)


def _question_of_dtype(rule):
    """The function that answers a question about the dtype of a tensor."""

    def ask(input):
        return rule(input.dtype)

    return overridable_on_failure(ask)


is_complex = _question_of_dtype(lambda d: d.is_complex)
is_floating_point = _question_of_dtype(lambda d: d.is_floating_point)
is_signed = _question_of_dtype(lambda d: d.is_signed)

_METHODS = {
    "element_size": lambda self: self.dtype.itemsize,
    "ndimension": lambda self: self.ndim,
    "get_device": _get_device,
    "dim_order": _dim_order,
    "is_same_size": _is_same_size,
    "is_set_to": _is_set_to,
    "is_complex": is_complex,
    "is_floating_point": is_floating_point,
    "is_signed": is_signed,
    "is_conj": _is_conj,
    "is_neg": lambda self: False,
    "is_inference": _is_inference,
    "is_pinned": lambda self, device=None: False,
    "is_shared": lambda self: False,
    "is_coalesced": lambda self: False,
    "is_distributed": lambda self: False,
    "resolve_conj": lambda self: self.clone() if self.is_conj() else self,
    "resolve_neg": _itself,
    "pin_memory": _itself,
    "share_memory_": _itself,
    "data_ptr": storages.data_ptr,
    "const_data_ptr": storages.data_ptr,
    "untyped_storage": storages.storage_of,
    "storage": storages.storage,
    "storage_type": lambda self: storages.TypedStorage,
    "t_": _inplace_view(t, "TBackward1"),
    "transpose_": _inplace_view(transpose, "TransposeBackward1"),
    "swapaxes_": _inplace_view(transpose, "TransposeBackward1"),
    "swapdims_": _inplace_view(transpose, "TransposeBackward1"),
    "unsqueeze_": _inplace_view(unsqueeze, "UnsqueezeBackward1"),
    "squeeze_": _inplace_view(squeeze, lambda args: "SqueezeBackward4" if args else "SqueezeBackward3"),
    "as_strided_": _as_strided_,
    "resize": _reshaped_copy,
    "resize_": _resize_,
    "_resize_view": _resize_view,
    "resize_as": _resized_like,
    "resize_as_": _resize_as,
    "slice_inverse": _slice_inverse,
    "set_": _set_,
    "type": _type,
    "type_as": _type_as,
    "cuda": _cuda,
    "new_empty": _new_filled("empty"),
    "new_zeros": _new_filled("zeros"),
    "new_ones": _new_filled("ones"),
    "new_full": _new_full,
    "new_empty_strided": _new_empty_strided,
    "new_tensor": _new_tensor,
    "new": _new_of_this_type,
    **ELEMENTWISE,
    "sum_to_size": _sum_to_size,
    "__reversed__": _reversed,
    **{name: _caster(name, d) for name, d in {**dtypes.CASTS, "chalf": dtypes.complex32}.items()},
}
_FACTS = {
    "nbytes": _nbytes,
    "itemsize": lambda self: self.dtype.itemsize,
    "layout": lambda self: strided,
    "name": lambda self: None,
    **{f"is_{kind.name}": _is_on(kind.name) for kind in devices.KINDS.values() if kind.has_property},
    **dict.fromkeys("is_sparse is_sparse_csr is_quantized is_mkldnn is_nested".split(), lambda self: False),
}
for _name, _made in _METHODS.items():
    attach(_name, _made)
for _name, _made in _FACTS.items():
    attach(_name, property(_made))


def _refuse_writes(name):
    def refuse(self, *value):
        raise AttributeError(f"attribute '{name}' of 'torch._C.TensorBase' objects is not writable")

    return refuse


def _write_part(name):
    def write(self, value):
        getattr(self, name)[...] = value

    return write


for _name, _fact in list(vars(Tensor).items()):
    if isinstance(_fact, property) and _fact.fset is None:
        _refused = _refuse_writes(_name)
        _setter = _write_part(_name) if _name in ("real", "imag") else _refused
        attach(_name, _fact.setter(_setter).deleter(_refused if _fact.fdel is None else _fact.fdel))
