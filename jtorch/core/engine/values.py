"""Values: the immutable arrays behind tensors. Knows of traces only that a promised value has one, which it flushes."""

from __future__ import annotations

import jax
import numpy as np

from jtorch.core.engine import deferred
from jtorch.core.engine.value_types import LARGE_NUMBER, META, NUMBER, TRACED, type_of
from jtorch.core.facts import devices

_new = object.__new__


class Value:
    """An immutable array, known or promised. What `array` holds tells which of eight kinds it is:

        kind             array            told by
        promised         None             `is_promised`: a line of the trace `epoch.trace` will compute it
        shape only       None             `type.place is META`: nothing will compute it
        on a device      jax.Array
        traced           a tracer         `type.place is TRACED`: JAX is tracing a function of the user's
        on the host      numpy.ndarray    its class: not sent to a device yet; it must not be written to
        Python number    int, float, ...  `type.number`
        part of a bundle (bundle, start)  `is_part`: see `jtorch.core.engine.bundles`
        lifted           None             `__class__ is Lifted`: it stands for several others

    Fields:
        owned: nobody outside the engine sees the array, once a program has computed it; it may be donated.
        mark: None: never shared or overwritten. []: shared by views. [counter, version]: overwritten; current at `version`.
        sent: the device's copy of a host array that several programs read.
        epoch, slot: where it stands in a trace; `slot` is valid only while `epoch is trace.epoch`.
    """

    __slots__ = ("__weakref__", "array", "epoch", "mark", "owned", "sent", "slot", "type")

    def __init__(self, type, array, epoch=None, slot=-1):
        self.type = type
        self.array = array
        self.epoch = epoch
        self.slot = slot
        self.owned = array is None
        self.mark = self.sent = None

    @property
    def is_promised(self):
        """Also true of the two kinds that never hold an array: shape only, and lifted."""
        return self.array is None

    @property
    def is_part(self):
        return self.array.__class__ is tuple

    def materialize(self):
        """The array, computed now if it was promised. May be a NumPy array that must not be written to."""
        if self.array is None:
            if self.type.place is META:
                raise NotImplementedError("Cannot copy out of meta tensor; no data!")
            self.epoch.trace.flush("read")
            if self.array is None:  # it cannot be computed
                self.epoch.trace.flush("read")
        if self.is_part:
            bundle, start = self.array
            return bundle.part(start, self.type.shape)
        return self.array

    def share(self):
        """Forbid donating the array: code outside the engine sees it from now on."""
        self.owned = False
        if self.is_part:
            self.array[0].owned = False

    def looked_at(self):
        """The array, for a reader. Raises the error of a failed data check that the value depends on."""
        array = self.materialize()
        if deferred.pending:
            deferred.failures.resolve()
            array = self.materialize()
        return array

    def read(self) -> np.ndarray:
        """The array of `looked_at` on the host, read-only."""
        array = self.looked_at()
        if array.__class__ is np.ndarray:
            return array
        if not isinstance(array, jax.core.Tracer):
            self.owned = False  # NumPy may share the buffer from now on
            deferred.failures.wait_for(array)
        return np.asarray(array)


class Lifted(Value):
    """A value that stands for several: a batch of them (`vmap`), or one and its tangent (`jvp`).

    `level` is the transformation that lifted it: its `record(call, inputs)` runs lines on the values in `parts`.
    A level opened later has a larger `number` and goes first.
    """

    __slots__ = ("level", "parts")

    def __init__(self, type, level, parts):
        super().__init__(type, None)
        self.level = level
        self.parts = parts

    def materialize(self):
        return self.level.materialize(self)


def lifted_by(inputs):
    """The innermost level that lifted one of the inputs, or None."""
    levels = [v.level for v in inputs if v.__class__ is Lifted]
    return max(levels, key=lambda level: level.number) if levels else None


def number(n) -> Value:
    """A Python number as a value: it may change between steps without a new program.

    Raises:
        OverflowError: an integer that neither an int64 nor a uint64 holds.
    """
    made = _new(Value)  # what `Value(NUMBER[n.__class__], n)` would make, in half the time
    made.type = NUMBER[n.__class__]
    if n.__class__ is int and not -(2**63) <= n < 2**63:
        made.type, n = LARGE_NUMBER, np.frombuffer(n.to_bytes(8, "little"), "<u8")[0]
    made.array = n
    made.slot = -1
    made.owned = False
    made.epoch = made.mark = made.sent = None
    return made


def move(v: Value, place) -> Value:
    """The same value on another place. A tracer is on no place, so it stays as it is."""
    if v.type.place is place or v.type.place is TRACED:
        return v
    array = v.materialize()
    target = type_of(v.type.shape, v.type.dtype, place, v.type.strides)
    if place is META:
        return Value(target, None)
    if place is devices.CPU:
        return Value(target, np.asarray(array))
    with jax.enable_x64(True):
        return Value(target, jax.device_put(array, place.jax))
