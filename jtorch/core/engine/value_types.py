"""Types: shape, dtype, place and strides of a value, known before it is computed. Does not know values, calls or traces."""

from __future__ import annotations

import jax

from jtorch.core.engine import program_memory
from jtorch.core.facts import Size, contiguous_strides, devices, dtypes, is_contiguous

META = devices.place("meta")
TRACED = devices.Place(devices.device("cpu"), None)  # the place of a tracer: inside jax.jit, jax.grad, jax.vmap


class Type:
    """Size, dtype, place and the strides that PyTorch would show.

    Interned: equal types are the same object. `number` marks a Python number that is a value.
    """

    __slots__ = (
        "aval",
        "bytes",
        "contiguous",
        "differentiable",
        "dtype",
        "ndim",
        "number",
        "place",
        "shape",
        "strides",
    )

    def __init__(self, shape, dtype, place, strides, bytes, number=False):
        self.shape = shape
        self.dtype = dtype
        self.place = place
        self.strides = strides
        self.bytes = bytes  # from the first element to the last
        self.ndim = len(shape)
        self.number = number
        self.contiguous = is_contiguous(shape, strides)
        self.differentiable = dtype.category >= 2
        self.aval = jax.ShapeDtypeStruct(shape, dtype.np) if dtype.computed else None

    def described(self):
        """What programs depend on, for `jtorch.core.engine.fingerprint`: all but the strides."""
        return tuple(self.shape), self.dtype, self.place, self.number

    def __repr__(self):
        return f"{self.dtype.name}{list(self.shape)}" if not self.number else f"number({self.dtype.name})"


_types: dict[tuple, Type] = {}


def type_of(shape, dtype_, place, strides=None) -> Type:
    """The interned Type; `strides` None means contiguous, so that it may be memory that is not there yet.

    Raises:
        RuntimeError: PyTorch's, for a size that overflows, and for more memory than the host can have.
    """
    key = (shape, dtype_, place, strides)
    found = _types.get(key)
    if found is None:
        size = Size(shape)
        needed = program_memory.sizes.size_in_memory(size, strides, dtype_.itemsize)
        if strides is None and place is devices.CPU:
            program_memory.sizes.check_memory(needed)
        full = strides if strides is not None else contiguous_strides(size)
        canonical = (tuple(size), dtype_, place, full)
        found = _types.get(canonical) or Type(size, dtype_, place, full, needed)
        _types[key] = _types[canonical] = found
    return found


NUMBER = {
    kind: Type(Size(), d, None, (), d.itemsize, number=True)
    for kind, d in ((bool, dtypes.bool_), (int, dtypes.int64), (float, dtypes.float64), (complex, dtypes.complex128))
}
LARGE_NUMBER = Type(Size(), dtypes.uint64, None, (), 8, number=True)  # for integers that no int64 holds


def without_strides(types):
    """What tells programs apart: types without their strides, which change no program."""
    return tuple([(t.shape, t.dtype, t.place, t.number) for t in types])


def all_on_host(types) -> bool:
    """Whether arrays of these types are computed on the host. A tensor of the host may meet those of a device."""
    return {t.place for t in types} - {None} == {devices.CPU}
