"""Values: what a tensor is made of, known or promised. Knows no traces but that of a promise, which it flushes."""

from __future__ import annotations

import jax
import numpy as np

from jtorch.core.engine import deferred as flags
from jtorch.core.engine.calls import NUMBER

_new = object.__new__


class Value:
    """An immutable array: known (`array` is a jax or NumPy array, a Python number, or (bundle, where its part begins):
    see `jtorch.core.engine.bundles`) or promised by a trace.

    `owned` says that the array, once a program has computed it, is seen by nobody outside the engine: it may be donated. `mark` is the
    note left when a storage moved on to a newer value: [] shared by views, or [counter, version before]. `sent` is
    the device's copy of a host array that is read by more than one program.
    """

    __slots__ = ("array", "epoch", "mark", "owned", "sent", "slot", "type")

    def __init__(self, type, array, epoch=None, slot=-1):
        self.type = type
        self.array = array
        self.epoch = epoch
        self.slot = slot
        self.owned = array is None
        self.mark = self.sent = None

    def known(self):
        """The array, computed now if it was promised. May be a NumPy array that must not be written to."""
        if self.array is None:
            self.epoch.trace.flush("look")
        array = self.array
        return array[0].part(array[1], self.type.shape) if array.__class__ is tuple else array

    def share(self):
        """Let no program take the array: somebody else sees it from now on."""
        self.owned = False
        if self.array.__class__ is tuple:
            self.array[0].owned = False

    def look(self) -> np.ndarray:
        """The value on the host, read-only. Raises what a data check of an earlier line found."""
        array = self.known()
        flags.settle()
        if array.__class__ is np.ndarray:
            return array
        if not isinstance(array, jax.core.Tracer):
            self.owned = False  # NumPy may share the buffer from now on
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

    def known(self):
        return self.level.look(self)


def lifted_by(inputs):
    """The innermost level that lifted one of the inputs, or None."""
    levels = [v.level for v in inputs if v.__class__ is Lifted]
    return max(levels, key=lambda level: level.number) if levels else None


def number(n) -> Value:
    """A Python number as a value: it may change between steps without a new program."""
    made = _new(Value)  # what `Value(NUMBER[n.__class__], n)` would make, in half the time
    made.type = NUMBER[n.__class__]
    made.array = n
    made.slot = -1
    made.owned = False
    made.epoch = made.mark = made.sent = None
    return made
