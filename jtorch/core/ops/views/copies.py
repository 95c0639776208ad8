"""Copies of whole tensors and writes to all elements: `clone`, `contiguous`, `copy_`, `fill_`, `zero_`.

Values are immutable, so `copy_` shares the source's value unless dtype, shape or device differ or a gradient
is needed.
"""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np

from jtorch.core import engine
from jtorch.core.engine import Call, Value, number
from jtorch.core.facts import dtypes, limits
from jtorch.core.facts import strides as geometry
from jtorch.core.op import Array, Number, as_number, common_shape, function, op
from jtorch.core.tensor import SAME, Tensor, apply, cast_array, check_apart, known, warn_of_real

# ---- copies


def _strides_like_input(types, shapes):
    return [geometry.like_strides(types[0].shape, types[0].strides)]


def _channels_last(types, shapes):
    return [geometry.channels_last_strides(types[0].shape)]


_CLONES = {
    "preserve": Call(jnp.asarray, name="clone", strides=_strides_like_input, saves=()),
    "contiguous": Call(jnp.asarray, {}, name="clone", saves=()),
    "channels_last": Call(jnp.asarray, {}, name="clone", strides=_channels_last, saves=()),
}


def _format(memory_format, name):
    if memory_format is None or memory_format.name == "contiguous_format":
        return "contiguous"
    return "preserve" if memory_format.name == "preserve_format" else "channels_last"


@function
def clone(input, *, memory_format=None):
    """A copy with memory of its own; gradients flow through it.

    Args:
        memory_format: `torch.preserve_format` (the default) keeps dense strides; the others give packed strides in their own order.
    """
    return apply(_CLONES["preserve" if memory_format is None else _format(memory_format, "clone")], (input,))


def contiguous_copy(input):
    """A contiguous copy."""
    return apply(_CLONES["contiguous"], (input,))


def _contiguous(self, memory_format=None):
    """The tensor itself if it is contiguous in this memory format, else a contiguous copy."""
    if self._type.contiguous if memory_format is None else self.is_contiguous(memory_format):
        return self
    return apply(_CLONES[_format(memory_format, "contiguous")], (self,))


# ---- writes to all elements


class _Copy(Call):
    """copy_: (old, new) -> new, in the shape and dtype of old."""

    __slots__ = ()

    def grad_fn(self, types):
        return "CopyBackwards"

    def bind(self, types):
        shape, to = types[0].shape, dtypes.of(types[0].dtype.np)
        return lambda old, new: jnp.broadcast_to(cast_array(new, to), shape)


_COPY = _Copy(None, None, "copy_", strides=lambda types, shapes: [types[0].strides], saves=())


def _copy_(self, src, non_blocking=False):
    """Copy the elements of `src` into this tensor, broadcast, cast and moved to its device. Returns self."""
    if isinstance(src, bool | int | float | complex):
        src = known(np.array(src), self._type.place)
    self._writable(given=(src,))
    mine = self._type
    if not isinstance(src, Tensor):
        raise TypeError(f"copy_(): argument 'other' (position 1) must be Tensor, not {type(src).__name__}")
    if src._storage is self._storage:
        check_apart("same", self, (src,))
    theirs = src._type
    if theirs.shape != mine.shape:
        _check_expands(mine.shape, theirs.shape)
    if theirs.dtype is not mine.dtype:
        warn_of_real(theirs.dtype, mine.dtype)
    if theirs.place is not mine.place:
        src = src.to(self.device)
    self._by_base()
    edge = self._history() if engine.local.grad else None
    if theirs.shape == mine.shape and theirs.dtype is mine.dtype and edge is None and not src.requires_grad:
        self._assign(_value_sharing_array(src._value), None)
        return self
    made = apply(_COPY, (self, src))
    self._assign(*made._read())
    return self


def _value_sharing_array(value):
    """Another value with the same elements: values are immutable, but a storage marks its values when it overwrites them."""
    if value.is_promised or value.type.place is engine.TRACED:
        return engine.record(SAME, (value,))[1]
    value.share()  # two values hold the array now, so neither may donate it
    twin = Value(value.type, value.array)
    twin.owned = False
    return twin


def _check_expands(full, shape):
    common = common_shape(tuple(full), tuple(shape))
    if common != tuple(full):
        raise RuntimeError(f"output with shape {list(full)} doesn't match the broadcast shape {list(common)}")


class _Fill(Call):
    """fill_: (old, a number or 0-dim tensor) -> an array of old's shape and dtype, full of it."""

    __slots__ = ("named",)

    def __init__(self, named):
        super().__init__(None, None, "fill_", strides=lambda types, shapes: [types[0].strides], saves=())
        self.named = named

    # Whether a written number has an entry in `next_functions`, because PyTorch makes a tensor of it.
    number_slots = property(lambda self: self.named == "FillBackward3")

    def grad_fn(self, types):
        return self.named

    def bind(self, types):
        shape, to = types[0].shape, types[0].dtype
        return lambda old, value: jnp.full(shape, cast_array(jnp.asarray(value), to), to.np)


_FILL = {
    "number": _Fill("FillBackward2"),
    "tensor": _Fill("FillBackward3"),
    "zero": _Fill("ZeroBackward0"),
    "item": _Fill("FillBackward3"),
}


def _write_number(self, value, kind):
    name = {"item": "copy_", "zero": "zero_"}.get(kind, "fill_")
    self._writable(twice=kind != "item", name=name)
    t = self._type
    if (engine.local.grad and self._history() is not None) or t.place in (engine.TRACED, engine.META):
        made = apply(_FILL[kind], (self, value))
        self._assign(*made._read())
        return self
    call = _full_calls.get(t)
    if call is None:
        call = Call(_full_of(t), {"place": t.place}, "full", strides=lambda types, shapes: [t.strides], saves=())
        _full_calls[t] = call
    self._assign(engine.record(call, (value,), t.place)[1], None)
    return self


_full_calls: dict = {}


def _full_of(t):
    return lambda value, place: jnp.full(t.shape, cast_array(jnp.asarray(value), t.dtype), t.dtype.np)


def fill_with(self, value, kind):
    value = as_number("fill_", "value", value)
    limits.must_hold(self.dtype, value.array)
    return _write_number(self, value, kind)


def _fill_(self, value):
    """Every element becomes `value`, a number or a 0-dim tensor. Returns self."""
    if not isinstance(value, Tensor):
        return fill_with(self, value, "number")
    if value.ndim:
        raise RuntimeError(f"fill_ only supports 0-dimension value tensor but got tensor with {value.ndim} dimensions.")
    self._writable(given=(value,), name="fill_")
    if value.dtype is not self.dtype:
        warn_of_real(value.dtype, self.dtype)
    made = apply(_FILL["tensor"], (self, value))
    self._assign(*made._read())
    return self


def _zero_(self):
    """Every element becomes 0. Returns self."""
    return _write_number(self, number(0), "zero")


Tensor.clone = clone
for _made in (_contiguous, _copy_, _fill_, _zero_):
    setattr(Tensor, _made.__name__[1:], _made)


@op(
    method=False,
    saves=(),
    strides="elementwise",
    grad_fn=lambda types, consts: f"FillBackward{int(not types[1].number)}",
)
def fill(input: Array, value: Array | Number) -> Array:
    """A tensor like the input, full of one number or of the value of a 0-dim tensor."""
    if value.ndim:
        raise RuntimeError(f"fill only supports 0-dimension value tensor but got tensor with {value.ndim} dimensions.")
    return jnp.full_like(input, value.astype(input.dtype))
