"""Tensors from and to `jax.Array`, or the tracer that stands for one inside JAX's transformations."""

from __future__ import annotations

import jax
import numpy as np

from jtorch.core.engine import TRACED, Value, flush, type_of
from jtorch.core.facts import devices, dtypes
from jtorch.core.tensor.tensor import Tensor, attach, wrap


def tensor_from_jax(array) -> Tensor:
    """A tensor of a jax.Array or of a tracer inside JAX's transformations. Its buffer is never donated."""
    where = TRACED if isinstance(array, jax.core.Tracer) else devices.of_jax(next(iter(array.devices())))
    if where is TRACED:
        jax.core.eval_context()(flush)("traced")  # what was recorded before is not part of what JAX traces
    return wrap(Value(type_of(array.shape, dtypes.of(array.dtype), where), array))


def jax_array_of(t: Tensor):
    """The tensor's value as a jax.Array (or the tracer it holds)."""
    value = t._value
    array = value.looked_at()
    if isinstance(array, np.ndarray):
        with jax.enable_x64(True):
            array = jax.device_put(array, value.type.place.jax)
    value.share()
    return array


attach("__jax_array__", jax_array_of)
