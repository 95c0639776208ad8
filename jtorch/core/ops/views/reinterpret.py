"""Views that read the same memory as other numbers: conjugates, real and imaginary parts, another dtype."""

from __future__ import annotations

import jax.numpy as jnp
from jax import lax

from jtorch.core.facts import dtype as Dtype
from jtorch.core.facts import dtypes
from jtorch.core.op import Array, cast_first, function, op
from jtorch.core.ops.views.slices import alias, select
from jtorch.core.tensor import Tensor


def _keep(d, **_):
    return d


def _same_geometry(shape, strides, offset):
    return shape, strides, offset


# `retype` is there only to say that a NumPy view of the same memory would not show these values.
@op(name="conj", view=_same_geometry, write=lambda base, new: jnp.conj(new), retype=_keep)
def _conj(input: Array) -> Array:
    return jnp.conj(input)


@function
def conj(input):
    """The complex conjugate, as a view; a real tensor is returned as it is."""
    return _conj(input) if input.dtype.is_complex else input


def _real_geometry(shape, strides, offset):
    return [*shape, 2], [*[s * 2 for s in strides], 1], offset * 2


def _real_parts(d, **_):
    return d.to_real()


def _as_complex(x):
    return lax.complex(x[..., 0], x[..., 1])


@op(name="view_as_real", view=_real_geometry, write=lambda base, new: _as_complex(new), retype=_real_parts)
def _view_as_real(input: Array) -> Array:
    return jnp.stack([input.real, input.imag], -1)


@function
def view_as_real(input):
    """A complex tensor as a real one with a last dimension of real and imaginary parts: a view."""
    if not input.dtype.is_complex:
        raise RuntimeError("view_as_real is only supported for complex tensors")
    return _view_as_real(input)


def _complex_geometry(shape, strides, offset):
    if not shape:
        raise RuntimeError("Input tensor must have one or more dimensions")
    if shape[-1] != 2:
        raise RuntimeError("Tensor must have a last dimension of size 2")
    if strides[-1] != 1:
        raise RuntimeError("Tensor must have a last dimension with stride 1")
    for s in strides[:-1]:
        if s % 2:
            raise RuntimeError("Tensor must have a stride divisible by 2 for all but last dimension")
    if offset % 2:
        raise RuntimeError("Tensor must have a storage_offset divisible by 2")
    return shape[:-1], [s // 2 for s in strides[:-1]], offset // 2


def _complex_of(d, **_):
    return d.to_complex()


@op(
    name="view_as_complex",
    view=_complex_geometry,
    retype=_complex_of,
    write=lambda base, new: jnp.stack([new.real, new.imag], -1),
    autocast={"cpu": "float32"},
)
def _view_as_complex(input: Array) -> Array:
    return _as_complex(input)


@function
def view_as_complex(input):
    """A real tensor with a last dimension of size 2 as a complex one: a view."""
    (input,) = cast_first(input, autocast={"cpu": "float32"})
    if input.dtype not in (dtypes.float32, dtypes.float64):
        raise RuntimeError(
            "view_as_complex is only supported for half, float and double tensors, but got a tensor of "
            "scalar type:"
            f" {input.dtype.scalar_name}"
        )
    return _view_as_complex(input)


@function
def real(input):
    """The real part, as a view; a real tensor is returned as it is."""
    return select(_view_as_real(input), -1, 0) if input.dtype.is_complex else input


@function
def imag(input):
    """The imaginary part of a complex tensor, as a view."""
    if not input.dtype.is_complex:
        raise RuntimeError("imag is not implemented for tensors with non-complex dtypes.")
    return select(_view_as_real(input), -1, 1)


def _bytes_geometry(shape, strides, offset, to, old):
    names = f"to view {old.scalar_name} as {to.scalar_name} (different element sizes)"
    if to.itemsize == old.itemsize:
        return shape, strides, offset
    if not shape:
        raise RuntimeError(f"self.dim() cannot be 0 {names}")
    if strides[-1] != 1:
        raise RuntimeError(f"self.stride(-1) must be 1 {names}, but got {strides[-1]}")
    if old.itemsize > to.itemsize:
        more = old.itemsize // to.itemsize
        return [*shape[:-1], shape[-1] * more], [*[s * more for s in strides[:-1]], 1], offset * more
    less = to.itemsize // old.itemsize
    if shape[-1] % less:
        raise RuntimeError(f"self.size(-1) must be divisible by {less} {names}, but got {shape[-1]}")
    if offset % less:
        raise RuntimeError(f"self.storage_offset() must be divisible by {less} {names}, but got {offset}")
    for d, s in enumerate(strides[:-1]):
        if s % less:
            raise RuntimeError(f"self.stride({d}) must be divisible by {less} {names}, but got {s}")
    return [*shape[:-1], shape[-1] // less], [*[s // less for s in strides[:-1]], 1], offset // less


def _as_type(x, to):
    """The bytes of x as another dtype; by way of pairs for complex numbers, and of bytes for bools."""
    if x.dtype == to.np:
        return x
    if jnp.iscomplexobj(x):
        parts = jnp.stack([x.real, x.imag], -1)
        return _as_type(parts.reshape(*x.shape[:-1], 2 * x.shape[-1]) if x.ndim else parts, to)
    if x.dtype == jnp.bool_:
        return _as_type(x.astype(jnp.uint8), to)
    if to.is_complex:
        half = _as_type(x, _real_parts(to))
        return _as_complex(half.reshape(*half.shape[:-1], half.shape[-1] // 2, 2))
    if to is dtypes.bool_:
        return _as_type(x, dtypes.uint8) != 0
    old, new = x.dtype.itemsize, to.itemsize
    if old < new:
        x = x.reshape(*x.shape[:-1], x.shape[-1] // (new // old), new // old)
    out = lax.bitcast_convert_type(x, to.np)
    return out.reshape(*out.shape[:-2], out.shape[-2] * out.shape[-1]) if old > new else out


def _bytes_write(base, new, to, old):
    return _as_type(new, old)


@op(name="view_dtype", view=_bytes_geometry, write=_bytes_write, retype=lambda d, to, old: to)
def _view_dtype(input: Array, to: Dtype, old: Dtype) -> Array:
    return _as_type(input, to)


def reinterpret(input, to):
    """The same bytes as another dtype: a view that no gradient passes."""
    if input.dtype is to:
        return alias(input)
    made = _view_dtype(input.detach(), to, input.dtype)
    made._base = None
    return made


Tensor.conj = conj
Tensor.real = property(real)
Tensor.imag = property(imag)
