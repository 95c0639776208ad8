"""Tensors over memory that somebody else owns: `asarray`, `frombuffer`, DLPack both ways.

On the CPU the memory is shared through NumPy, which speaks both protocols; what NumPy has no dtype for, and what
lies on an accelerator, goes through JAX, whose arrays nobody may write to: that is a copy.
"""

from __future__ import annotations

import enum
import warnings

import jax
import numpy as np

from jtorch.core.facts import devices, dtypes, warn_user
from jtorch.core.methods.typed_storage import TypedStorage, UntypedStorage, map_file
from jtorch.core.tensor import Tensor, attach, cast, from_numpy, jax_array_of, tensor, tensor_from_jax, to_place


class DLDeviceType(enum.IntEnum):
    """The kinds of devices that DLPack knows, by number."""

    kDLCPU = 1
    kDLCUDA = 2
    kDLCUDAHost = 3
    kDLROCM = 10


def asarray(obj, *, dtype=None, device=None, copy=None, requires_grad=None):
    """A tensor of `obj`, sharing its memory if possible: a tensor, array, buffer, DLPack object or sequence.

    Args:
        copy: True: always copy; False: raise if a copy is needed; None: copy if it is needed.
        requires_grad: False detaches a tensor; None keeps what it has.

    >>> a = np.zeros(2); t = torch.asarray(a); a[0] = 1; t
    tensor([1., 0.], dtype=torch.float64)
    """
    made = _shared(obj, dtype, copy)
    if isinstance(obj, Tensor) and requires_grad is None and obj.requires_grad and obj.is_leaf:
        warn_user(
            "torch.asarray: unspecified requires_grad now defaults to obj.requires_grad instead of False. "
            "Pass requires_grad=False explicitly to get the old behavior and silence this warning.",
        )
    if requires_grad is False and made.requires_grad:
        made = made.detach()
    place = made._type.place if device is None else devices.place(device)
    if copy is False and dtype not in (None, made.dtype):
        raise ValueError(f"can't alias tensor with dtype '{made.dtype.scalar_name}' into dtype '{dtype.scalar_name}'.")
    if copy is False and place is not made._type.place:
        raise ValueError(f"can't alias tensor from device '{made.device}' to '{place.device}'.")
    moved = to_place(made if dtype is None else cast(made, dtype), place)
    if copy and moved is made:
        moved = made.clone()
    if requires_grad and not moved.requires_grad:
        return moved.detach().requires_grad_() if moved is obj and not moved.is_leaf else moved.requires_grad_()
    return moved


def _shared(obj, dtype, copy):
    """The tensor over the memory of `obj`, in its own dtype; a copy of a sequence or number."""
    if isinstance(obj, Tensor):
        return obj
    if isinstance(obj, np.ndarray):
        return from_numpy(obj)
    if isinstance(obj, UntypedStorage):
        return obj.as_elements(obj.dtype if isinstance(obj, TypedStorage) else dtype or dtypes.int64)
    if not isinstance(obj, np.generic):
        if hasattr(obj, "__dlpack__"):
            return from_dlpack(obj)
        if _is_buffer(obj):
            return frombuffer(obj, dtype=dtype or dtypes.get_default_dtype())
    if copy is False:
        raise ValueError("can't alias arbitrary sequence into a tensor.")
    return tensor(obj, dtype=dtype)


def _is_buffer(obj):
    try:
        memoryview(obj).release()
    except TypeError:
        return False
    return True


def frombuffer(buffer, *, dtype, count=-1, offset=0, requires_grad=False):
    """A vector over the memory of a `bytes`, `bytearray`, `array` or another object with the buffer protocol.

    Args:
        count: how many elements; -1 for all from `offset` (in bytes) on.
    """
    if not _is_buffer(buffer):
        raise ValueError("object does not implement Python buffer protocol.")
    view, size = memoryview(buffer).cast("B"), dtype.itemsize
    length = view.nbytes
    if length == 0 or count == 0:
        raise ValueError(f"both buffer length ({length}) and count ({count}) must not be 0")
    if not 0 <= offset < length:
        raise ValueError(
            f"offset ({offset} bytes) must be non-negative and no greater than buffer length ({length} bytes) minus 1"
        )
    if count > 0 and offset + count * size > length:
        raise ValueError(
            f"requested buffer length ({count} * {size} bytes) after offset ({offset} bytes) must not be greater than"
            f" actual buffer length ({length} bytes)"
        )
    if count < 0 and (length - offset) % size:
        raise ValueError(
            f"buffer length ({length - offset} bytes) after offset ({offset} bytes) must be a multiple of element size ({size})"
        )
    if view.readonly:
        warn_user(
            "The given buffer is not writable, and PyTorch does not support non-writable tensors. "
            "This means you can write to the underlying (supposedly non-writable) buffer using the tensor. "
            "You may want to copy the buffer to protect its data or make it writable before converting it to a tensor. "
            "This type of warning will be suppressed for the rest of this program.",
        )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = from_numpy(np.frombuffer(view, dtype.np, count, offset))
    if requires_grad and not made._type.differentiable:
        raise RuntimeError("Only Tensors of floating point and complex dtype can require gradients")
    return made.requires_grad_() if requires_grad else made


def from_file(filename, shared=None, size=0, *, dtype=None, requires_grad=False, pin_memory=False):
    """A vector of a file's first elements.

    Args:
        shared: what is written goes to the file, which is mapped into memory and grows if it is shorter. Who cuts the file ends
            this process. False: the file is read.
        size: how many elements.

    Raises:
        RuntimeError: the file cannot be opened, or is too short.
    """
    dtype = dtype or dtypes.get_default_dtype()
    made = from_numpy(map_file(filename, bool(shared), size * dtype.itemsize).view(dtype.np))
    return made.requires_grad_() if requires_grad else made


class _Capsule:
    """A bare DLPack capsule as an object that can be asked for it."""

    def __init__(self, capsule):
        self.capsule = capsule

    def __dlpack__(self, **options):
        return self.capsule

    def __dlpack_device__(self):
        return DLDeviceType.kDLCPU, 0


def from_dlpack(ext_tensor, *, device=None, copy=None):
    """A tensor over the memory of an object with `__dlpack__`, or of a capsule.

    >>> torch.from_dlpack(np.arange(2.))
    tensor([0., 1.], dtype=torch.float64)
    """
    if isinstance(ext_tensor, Tensor):
        made = _check_exportable(ext_tensor)._alias()
        made = made if not made.is_cpu or made.dtype is dtypes.bfloat16 else from_numpy(made.numpy())
    else:
        made = _import_dlpack(ext_tensor)
    made = made if device is None else to_place(made, devices.place(device))
    return made.clone() if copy else made


def _import_dlpack(obj):
    if type(obj).__name__ == "PyCapsule":
        obj = _Capsule(obj)
    if not hasattr(obj, "__dlpack__"):
        raise RuntimeError(
            "from_dlpack received an invalid capsule. "
            "Note that DLTensor capsules can be consumed only once, so you might have already constructed a tensor from it once."
        )
    if isinstance(obj, jax.Array):
        return tensor_from_jax(obj)
    if int(obj.__dlpack_device__()[0]) != DLDeviceType.kDLCPU:
        return tensor_from_jax(jax.dlpack.from_dlpack(obj))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return from_numpy(obj if isinstance(obj, np.ndarray) else np.from_dlpack(obj))


def to_dlpack(tensor):
    """The tensor's memory as a DLPack capsule."""
    return tensor.__dlpack__(max_version=(1, 0))  # older capsules cannot say that they may be written to


def _check_exportable(self):
    """The tensor, if others may have its memory. Raises PyTorch's BufferError."""
    if self.requires_grad:
        raise BufferError("Can't export tensors that require gradient, use tensor.detach()")
    if self.is_conj():
        raise BufferError("Can't export tensors with the conjugate bit set")
    return self


def _dlpack(self, *, stream=-1, max_version=None, dl_device=None, copy=None):
    """The memory as a DLPack capsule, for `np.from_dlpack` and other libraries."""
    _check_exportable(self)
    if self.is_cpu and self.dtype.np.isbuiltin == 1:
        return self.numpy().__dlpack__(max_version=max_version)
    return jax_array_of(self).__dlpack__(max_version=max_version)


def _dlpack_device(self):
    return DLDeviceType(devices.KINDS[self.device.type].dlpack), self.device.index or 0


attach("__dlpack__", _dlpack)
attach("__dlpack_device__", _dlpack_device)
