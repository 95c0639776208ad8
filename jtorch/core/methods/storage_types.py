"""`torch.FloatStorage`, `torch.LongStorage`, ...: TypedStorage of one dtype, by its old names."""

from __future__ import annotations

from jtorch.core.facts import devices, dtypes
from jtorch.core.methods.typed_storage import TypedStorage, UntypedStorage


class _OfOneDtype(type):
    """A call makes a TypedStorage; `isinstance(storage, torch.FloatStorage)` looks at its dtype and device."""

    def __instancecheck__(cls, x):
        return type(x) is TypedStorage and x.dtype is cls.dtype and devices.KINDS[x.device.type].host

    def __call__(cls, *args, wrap_storage=None):
        return TypedStorage(*args, wrap_storage=wrap_storage, dtype=cls.dtype)

    def from_buffer(cls, *args, **kwargs):
        """A TypedStorage with the bytes of a buffer."""
        return TypedStorage(wrap_storage=UntypedStorage.from_buffer(*args, dtype=cls.dtype, **kwargs), dtype=cls.dtype)

    def from_file(cls, filename, shared=False, size=0):
        """A TypedStorage with the elements of a file."""
        storage = UntypedStorage.from_file(filename, shared, size * cls.dtype.itemsize)
        return TypedStorage(wrap_storage=storage, dtype=cls.dtype)


STORAGE_TYPES = {
    d.storage_name: _OfOneDtype(
        d.storage_name,
        (),
        {"dtype": d, "__module__": "torch", "__doc__": f"`torch.TypedStorage(..., dtype={d})` by its old name."},
    )
    for d in dtypes.ALL
    if not d.limited
}
