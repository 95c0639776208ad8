"""Storages and views: who shares memory with whom.

A `Storage` is a cell with the newest value and a version count. A `View` is one step of looking at a storage (its
parent view, the call that reads it, its type and offset); reading it applies the step to the newest value, writing
through it writes into the base. While a NumPy array outside shares the memory, the storage lives on the host as a
`HostStorage`, and what a line uses is copied when the line is recorded.
"""

from __future__ import annotations

from sys import getrefcount

import jax.numpy as jnp
import numpy as np

from jtorch import dtypes, engine
from jtorch.devices import CPU
from jtorch.engine import Call, Value, record, type_of
from jtorch.layout import may_overlap


class Storage:
    """A cell with the newest value.

    Attributes:
        value: the newest `Value`, of the shape and strides of the tensor that made the storage.
        version: counts the writes that autograd must know of.
        writes: counts every write, so that views know when to read again.
    """

    __slots__ = ("__weakref__", "host", "value", "version", "writes")

    def __init__(self, value):
        self.value = value
        self.version = 0
        self.writes = 0

    def write(self, value, counter) -> None:
        """Move on to a newer value of the same type. `counter` is whose version goes up; None for an unseen write."""
        old = self.value
        if value.type is not old.type:
            value = _retyped(value, old.type)
        if counter is not None:
            mark = old.mark
            if mark is None:
                old.mark = [counter, counter.version]
            elif not mark:
                mark += (counter, counter.version)
            counter.version += 1
        trace = engine.local.trace
        if trace.backwards and old.epoch is not trace.epoch:
            trace.updated = True  # state of an earlier step moves on after a backward: the next step begins a trace
        self.writes += 1
        self.value = value

    def share(self) -> np.ndarray:
        """The memory as a writable NumPy array of the base's shape, shared with this storage from now on."""
        value = self.value
        if value.type.place is not CPU:
            raise TypeError(
                f"can't convert {value.type.place.device} device type tensor to numpy. "
                "Use Tensor.cpu() to copy the tensor to host memory first."
            )
        self.host = _copy(value.look(), value.type)
        self.__class__ = HostStorage
        return self.host


class HostStorage(Storage):
    """A storage whose memory a NumPy array outside can read and write: the array is the truth."""

    __slots__ = ()

    @property
    def value(self):
        host = self.host
        if getrefcount(host) <= _UNSHARED:  # nobody else is left: an ordinary storage again
            self.__class__ = Storage
            self.value = value = Value(type_of_array(host), host)
            self.host = None
            self.writes += 1
            return value
        return Value(type_of_array(host), _copy(host, type_of_array(host)))

    @value.setter
    def value(self, value):
        if value.type.shape != self.host.shape:
            raise RuntimeError("Trying to resize storage that is not resizable")
        self.host[...] = value.look()

    def share(self):
        return self.host


def host_storage(array: np.ndarray) -> HostStorage:
    """A storage that shares memory with a NumPy array."""
    made = HostStorage.__new__(HostStorage)
    made.host = array
    made.version = made.writes = 0
    return made


def _unshared():
    probe = host_storage(np.zeros(1))
    host = probe.host
    return getrefcount(host)


_UNSHARED = _unshared()


def type_of_array(array: np.ndarray):
    """The Type of a host array, with its strides counted in elements."""
    strides = tuple([s // array.itemsize for s in array.strides]) if array.size else None
    return type_of(array.shape, dtypes.of(array.dtype), CPU, strides)


def _copy(array, type):
    """A private copy laid out in memory by the type's strides."""
    copy = np.empty_like(np.lib.stride_tricks.as_strided(array, array.shape, [s * array.itemsize for s in type.strides])) \
        if not array.flags.c_contiguous or type.ndim > 1 else np.empty(array.shape, array.dtype)  # fmt: skip
    copy[...] = array
    return copy


_retypes: dict = {}


def _retyped(value, type):
    """The value with another type's strides (and, for an unseen write, its shape is already right)."""
    call = _retypes.get(type)
    if call is None:
        call = _retypes[type] = Call(jnp.asarray, name="restride", strides=lambda types, shapes: [type.strides])
    return record(call, (value,))[1]


class ViewCall(Call):
    """How one view is read and written.

    `geometry(shape, strides, offset, **numbers, **consts)` gives the (shape, strides, offset) PyTorch would show
    and raises its errors; `writer(base, new, **numbers, **consts)` gives the base with the viewed cells replaced,
    found by reading the base's positions through the view where none is given. `numbers` names the parameters
    that are values.
    """

    __slots__ = ("geometry", "layouts", "named", "numbers", "retype", "writer")

    def __init__(self, fn, consts, name, geometry, writer, named, numbers=(), retype=None):
        super().__init__(fn, consts, name, saves=())
        self.numbers = numbers
        self.geometry = geometry
        self.writer = writer
        self.named = named
        self.retype = retype
        self.layouts = {}

    def grad_fn(self, types):
        return self.named

    def layout(self, type, offset, numbers):
        """(Type, offset) of the view of a tensor of this type at this offset."""
        if not numbers:
            found = self.layouts.get(type)
            if found is None:
                found = self.layouts[type] = self._layout(type, 0, ())
            return (found[0], found[1] + offset) if found[1] or offset else found
        return self._layout(type, offset, [n.array for n in numbers])

    def _layout(self, type, offset, numbers):
        shape, strides, offset = self.geometry(type.shape, type.strides, offset, **self._arguments(numbers))
        d = self.retype(type.dtype, **self.consts) if self.retype else type.dtype
        return type_of(tuple(shape), d, type.place, tuple(strides)), offset

    def _arguments(self, numbers):
        return {**dict(zip(self.numbers, numbers, strict=True)), **self.consts}

    def bind(self, types):
        return self.show

    def show(self, base, *numbers):
        """What the view shows of a base array."""
        return self.fn(base, **self._arguments(numbers))

    def _infer(self, types):
        numbers = [_SMALLEST[t.dtype] for t in types[1:]]
        return True, (self._layout(types[0], 0, numbers)[0],)

    def write(self, base, new, numbers):
        if self.writer is not None:
            return self.writer(base, new, **self._arguments(numbers))
        spots = self.show(jnp.arange(base.size).reshape(base.shape), *numbers)
        return base.reshape(-1).at[spots.reshape(-1)].set(new.reshape(-1)).reshape(base.shape)


_SMALLEST = {dtypes.int64: 0, dtypes.bool_: False, dtypes.float64: 0.0}


class Chain(ViewCall):
    """Several views one after the other, as one call: base -> what the last one shows."""

    __slots__ = ("counts", "steps")

    def __init__(self, steps, counts):
        Call.__init__(self, None, None, "chain", saves=())
        self.steps = steps
        self.counts = counts
        self.layouts = {}

    def grad_fn(self, types):
        return "AsStridedBackward0"

    def _split(self, numbers):
        at = 0
        for step, n in zip(self.steps, self.counts, strict=True):
            yield step, numbers[at : at + n]
            at += n

    def bind(self, types):
        def read(base, *numbers):
            for step, own in self._split(numbers):
                base = step.show(base, *own)
            return base

        return read

    def _layout(self, type, offset, numbers):
        for step, own in self._split(numbers):
            type, offset = step._layout(type, offset, own)
        return type, offset

    def write(self, base, new, numbers):
        levels = [(None, None, base)]
        for step, own in self._split(numbers):
            levels.append((step, own, step.show(levels[-1][2], *own)))
        for (step, own, _), (_, _, parent) in zip(levels[:0:-1], levels[-2::-1], strict=True):
            new = step.write(parent, new, own)
        return new


class Write(Call):
    """Write through a chain of views: (base, new, numbers...) -> the base with the viewed cells replaced."""

    __slots__ = ("chain",)

    def __init__(self, chain):
        super().__init__(None, None, "write", saves=())
        self.chain = chain

    def grad_fn(self, types):
        return "CopySlices"

    def bind(self, types):
        return lambda base, new, *numbers: self.chain.write(base, new, numbers)

    def _infer(self, types):
        return True, (types[0],)


_chains: dict = {}


def chain_of(steps, counts) -> Chain:
    key = (steps, counts)
    found = _chains.get(key)
    if found is None:
        found = _chains[key] = Chain(steps, counts)
    return found


_writes: dict = {}


def write_of(chain) -> Write:
    found = _writes.get(chain)
    if found is None:
        found = _writes[chain] = Write(chain)
    return found


class View:
    """One step of looking at a storage: parent view (None for the base), call, numbers, type and offset.

    `base_edge` is the base's place in the gradient graph when this view's was last worked out: where it differs
    from the base's own, somebody wrote into the base and the view's history must be worked out again.
    """

    __slots__ = ("base_edge", "call", "note", "numbers", "offset", "parent", "type", "value", "writes")

    def __init__(self, parent, call, numbers, type, offset):
        self.parent = parent
        self.call = call
        self.numbers = numbers
        self.type = type
        self.offset = offset
        self.writes = -1
        self.value = None
        self.base_edge = None
        self.note = None

    def read(self, storage) -> Value:
        """What the view shows now."""
        if self.writes == storage.writes and storage.__class__ is Storage:
            return self.value
        base = storage.value if self.parent is None else self.parent.read(storage)
        if base.array.__class__ is np.ndarray and self.call.retype is None:
            value = Value(self.type, _strided(storage.value.array, storage.value.type, self.type, self.offset))
        else:
            value = record(self.call, (base, *self.numbers))[1]
        if base.mark is None:
            base.mark = []
        value.mark = base.mark  # a write into the base is a write into what was read of it
        self.value = value
        self.writes = storage.writes
        return value

    def chain(self):
        """(Chain from the base to here, its numbers)."""
        steps, numbers, at = [], [], self
        while at is not None:
            steps.append(at)
            at = at.parent
        steps.reverse()
        for s in steps:
            numbers += s.numbers
        return chain_of(tuple([s.call for s in steps]), tuple([len(s.numbers) for s in steps])), numbers

    def refuses_write(self):
        return may_overlap(self.type.shape, self.type.strides)


def host_view(storage, type, offset) -> np.ndarray:
    """The cells that a tensor shows, of a storage shared with the host, as a writable NumPy view."""
    host = storage.share()
    return _strided(host, type_of_array(host), type, offset)


def _strided(array, base, type, offset):
    """A NumPy view of a base array by element strides and offset."""
    if base.strides != tuple([s // array.itemsize for s in array.strides]) and array.size:
        array = _copy(array, base)
    if not array.size or not all(type.shape):
        return np.empty(type.shape, array.dtype)
    flat = np.lib.stride_tricks.as_strided(array, (1,), (array.itemsize,))
    span = 1 + sum((n - 1) * s for n, s in zip(base.shape, base.strides, strict=True))
    flat = np.lib.stride_tricks.as_strided(flat, (span,), (array.itemsize,))[offset:]
    return np.lib.stride_tricks.as_strided(
        flat, type.shape, [s * array.itemsize for s in type.strides], writeable=array.flags.writeable
    )
