"""Casts to another dtype, by PyTorch's rules for values that do not fit."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jtorch.core.engine import Call
from jtorch.core.facts import dtypes, warn_user
from jtorch.core.facts import strides as geometry
from jtorch.core.tensor.tensor import apply

_casts: dict = {}


class Cast(Call):
    """The call that casts an array."""

    __slots__ = ()

    def grad_fn(self, types):
        return "ToCopyBackward0"


def cast_call(d):
    call = _casts.get(d)
    if call is None:

        def strides(types, shapes):
            return [geometry.like_strides(types[0].shape, types[0].strides)]

        call = _casts[d] = Cast(cast_array, {"to": d}, "to_copy", strides=strides, saves=())
    return call


def cast_array(x, to):
    """x as another dtype: floats to integers truncate, NaN and what does not fit become the least integer."""
    if x.dtype == to.np:
        return x
    if to.category <= dtypes.FLOAT and jnp.iscomplexobj(x):
        if to.category == dtypes.BOOL:
            return x != 0
        x = x.real
    if to.category == dtypes.INT and jnp.issubdtype(x.dtype, jnp.floating):
        if to.itemsize < 4:
            return x.astype(jnp.int32).astype(to.np)
        info = jnp.iinfo(to.np)
        wide = x.astype(jnp.float64)
        least = jnp.asarray(info.min if info.min < 0 else 0, to.np)
        fits = (wide >= float(info.min)) & (wide < float(info.max) + 1)
        return jnp.where(fits, jnp.where(fits, wide, 0).astype(to.np), least)
    if to is dtypes.float8_e8m0fnu:  # it holds powers of two only: no sign and no zero
        size = jnp.abs(x.astype(jnp.float32))
        code = jax.lax.bitcast_convert_type(size.astype(to.np), jnp.uint8)
        return jax.lax.bitcast_convert_type(jnp.where(size < 2.0**-126, jnp.uint8(0), code), to.np)
    return x.astype(to.np)


def cast(tensor, d):
    """The tensor as dtype `d`; the same tensor if it has that dtype already."""
    mine = tensor._type.dtype
    if mine is d:
        return tensor
    warn_of_real(mine, d)
    return apply(cast_call(d), (tensor,))


def warn_of_real(mine, d):
    """Warn if a cast from dtype `mine` to `d` discards imaginary parts."""
    if mine.category == dtypes.COMPLEX and dtypes.BOOL < d.category < dtypes.COMPLEX:
        warn_user("Casting complex values to real discards the imaginary part")
