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

from jtorch.core import engine
from jtorch.core.engine import Call, Value, record, type_of
from jtorch.core.facts import CPU, dtypes, may_overlap, overlaps
from jtorch.core.grad import INFERENCE

SAME = Call(lambda x: x, name="same", saves=(), strides=lambda types, shapes: [types[0].strides])


class Storage:
    """A cell with the newest value.

    Attributes:
        value: the newest `Value`, of the shape and strides of the tensor that made the storage.
        version: counts the writes that autograd must know of.
        writes: counts every write, so that views know when to read again.
        writer: what the newest write with a history came from, see `tensor._sign`; not there before the first.
    """

    __slots__ = ("__weakref__", "host", "mark", "value", "version", "writer", "writes")

    def __init__(self, value):
        self.value = value
        self.version = 0
        self.writes = 0

    def write(self, value, counter) -> None:
        """Move on to a newer value of the same type. `counter` is whose version goes up; None for an unseen write."""
        old = self.value
        if value.type is not old.type:
            if value.mark is None:
                value.mark = []
            made = _retyped(value, old.type)
            made.mark = value.mark  # where backward needs what was written, it is what the tensor shows
            value = made
        self.replace(value, counter)

    def replace(self, value, counter) -> None:
        """Move on to a value of any shape, which nobody but the writing tensor may look at."""
        old = self.value
        if counter is not None:
            mark = old.mark
            if mark is None:
                old.mark = [counter, counter.version]
            elif not mark:
                mark += (counter, counter.version)
            counter.version += 1
        trace = engine.local.trace
        trace.overwritten += 1
        if trace.backwards and old.epoch is not trace.epoch:
            trace.updated = True  # state of an earlier step moves on after a backward: the next step begins a trace
        self.writes += 1
        self.value = value

    def touch(self, counter) -> None:
        """Count a write that leaves the cells as they are: what a graph has saved of them is overwritten all the same."""
        self.write(record(SAME, (self.value,))[1], counter)

    def share(self) -> np.ndarray:
        """The memory as a writable NumPy array of the base's shape, shared with this storage from now on."""
        value = self.value
        if value.type.place is not CPU:
            raise TypeError(
                f"can't convert {value.type.place.device} device type tensor to numpy. "
                "Use Tensor.cpu() to copy the tensor to host memory first."
            )
        self.host = _copy(value.look(), value.type)
        if value.mark is None:
            value.mark = []
        self.mark = value.mark
        self.__class__ = HostStorage
        return self.host


def write_all(tensors, values) -> None:
    """Move many tensors on to newer values of their own types: what `Storage.write` does, at a third of its cost."""
    for t, value in zip(tensors, values, strict=True):
        storage = t._storage
        if t._view is not None or storage.__class__ is not Storage:
            t._assign(value, t._edge)
            continue
        counter = t._counter or storage
        old = storage.value
        mark = old.mark
        if mark is None:
            old.mark = [counter, counter.version]
        elif not mark:
            mark += (counter, counter.version)
        counter.version += 1
        storage.writes += 1
        storage.value = value


class InferenceStorage(Storage):
    """The storage of a tensor made in inference mode: autograd must never follow what is done to it."""

    __slots__ = ()

    def __init__(self, value):
        super().__init__(value)
        value.mark = INFERENCE

    type = property(lambda self: self.value.type)

    def touch(self, counter):
        counter.version += 1


class HostStorage(Storage):
    """A storage whose memory a NumPy array outside can read and write: the array is the truth.

    Each reading of the value is a copy; `mark` is the mark of all copies made since the last write.
    """

    __slots__ = ()

    @property
    def value(self):
        if _alone(self):  # nobody else is left: an ordinary storage again
            host = self.host
            self.__class__ = Storage
            self.value = value = Value(type_of_array(host), host)
            value.mark = self.mark
            self.host = None
            self.writes += 1
            return value
        host = self.host
        value = Value(type_of_array(host), _copy(host, type_of_array(host)))
        value.mark = self.mark
        return value

    @property
    def type(self):
        """The type of the value, without the copy that reading it is."""
        return type_of_array(self.host)

    @value.setter
    def value(self, value):
        if value.type.shape != self.host.shape:
            raise RuntimeError("Trying to resize storage that is not resizable")
        self.host[...] = value.look()
        self.mark = []

    def touch(self, counter):
        self.mark += (counter, counter.version)
        self.mark = []
        counter.version += 1

    def share(self):
        return self.host


def host_storage(array: np.ndarray) -> HostStorage:
    """A storage that shares memory with a NumPy array."""
    made = HostStorage.__new__(HostStorage)
    made.host = array
    made.version = made.writes = 0
    made.mark = []
    return made


def _unshared():
    probe = host_storage(np.zeros(1))
    host = probe.host
    return getrefcount(host)


_UNSHARED = _unshared()


def _alone(storage):
    """Whether nobody else holds the array, nor an array whose memory it shows."""
    at = storage.host
    while at.__class__ is np.ndarray and getrefcount(at) <= _UNSHARED:
        at = at.base
        if at is None:
            return True
    return False


def type_of_array(array: np.ndarray):
    """The Type of a host array, with its strides counted in elements."""
    strides = tuple([s // array.itemsize for s in array.strides]) if array.size else None
    return type_of(array.shape, dtypes.of(array.dtype), CPU, strides)


def _copy(array, type):
    """A private copy laid out in memory by the type's strides."""
    copy = (
        np.empty_like(np.lib.stride_tricks.as_strided(array, array.shape, [s * array.itemsize for s in type.strides]))
        if not array.flags.c_contiguous or type.ndim > 1
        else np.empty(array.shape, array.dtype)
    )
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
        if self.retype and offset:  # counted in elements of another size from here on
            return self._layout(type, offset, [n.array for n in numbers])
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
        """The base with the viewed cells replaced."""
        return self.writer(base, new, **self._arguments(numbers))


_SMALLEST = {d: kind() for kind, d in dtypes.OF_PYTHON.items()}


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
        split = list(self._split(numbers))
        plain = next((i for i, (step, _) in enumerate(split) if step.writer is None), len(split))
        levels = [base]
        for step, own in split[:plain]:
            levels.append(step.show(levels[-1], *own))
        if plain < len(split):  # a cell may be shown several times: only positions tell which cells are written
            last = levels[-1]
            spots = jnp.arange(last.size).reshape(last.shape)
            for step, own in split[plain:]:
                spots = step.show(spots, *own)
            new = last.reshape(-1).at[spots.reshape(-1)].set(new.reshape(-1)).reshape(last.shape)
        for (step, own), parent in zip(split[:plain][::-1], levels[:plain][::-1], strict=True):
            new = step.write(parent, new, own)
        return new


class Write(Call):
    """Write through a chain of views: (base, new, numbers...) -> the base with the viewed cells replaced."""

    __slots__ = ("chain",)
    once = True

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


# Why autograd cannot follow a write through a view, as the end of PyTorch's message.
_BOTH = (
    " Given that this use case is ambiguous and error-prone, it is forbidden. You can clarify your code by moving both the"
    " view and the inplace either both inside the {} block (if you don't want the inplace to be tracked) or both outside"
    " (if you want the inplace to be tracked)."
)
NO_GRAD = _BOTH.format("no_grad")
IN_INFERENCE = _BOTH.format("inference_mode")
SEVERAL = (
    " This view is the output of a function that returns multiple views. Such functions do not allow the output views to be "
    "modified inplace. You should replace the inplace operation by an out-of-place one."
)


class View:
    """One step of looking at a storage: parent view (None for the base), call, numbers, type and offset.

    `at` is the version at which this view's place in the gradient graph was last worked out: where the version has
    moved on, somebody wrote into the memory and it must be worked out again. `note` says why autograd could not follow
    a write through it: NO_GRAD, SEVERAL, ...
    """

    __slots__ = ("at", "call", "note", "numbers", "offset", "parent", "type", "value", "writes")

    def __init__(self, parent, call, numbers, type, offset):
        self.parent = parent
        self.call = call
        self.numbers = numbers
        self.type = type
        self.offset = offset
        self.writes = -1
        self.value = None
        self.at = self.note = None

    def read(self, storage) -> Value:
        """What the view shows now."""
        if self.writes == storage.writes and storage.__class__ is Storage:
            return self.value
        base = storage.value if self.parent is None else self.parent.read(storage)
        root = storage.value
        if root.array.__class__ is base.array.__class__ is np.ndarray and self.call.retype is None:
            value = Value(self.type, strided(root.array, root.type, self.type, self.offset))
        else:
            value = record(self.call, (base, *self.numbers))[1]
        if base.mark is None:
            base.mark = []
        value.mark = base.mark  # a write into the base is a write into what was read of it
        self.value = value
        self.writes = storage.writes
        return value

    def again(self):
        """The same way of looking, for another storage."""
        return View(self.parent and self.parent.again(), self.call, self.numbers, self.type, self.offset)

    def chain(self, until=None):
        """(Chain from the base to here, its numbers). `until` is how the base itself looks at the storage."""
        steps, numbers, at = [], [], self
        while at is not None and at is not until:
            steps.append(at)
            at = at.parent
        if at is not until:
            raise NotImplementedError(
                "gradients through a view that was made before its base was reshaped in place (t_, unsqueeze_, resize_, ...)"
            )
        steps.reverse()
        for s in steps:
            numbers += s.numbers
        return chain_of(tuple([s.call for s in steps]), tuple([len(s.numbers) for s in steps])), numbers

    def refusal(self, source, base=False) -> str:
        """PyTorch's message for a write (into the base, or here) that autograd cannot follow.

        `source`: (name of the node that made the view, output number), or None.
        """
        done = "its base or another view of its base has been" if base else "is being"
        if source is not None and self.note not in (NO_GRAD, IN_INFERENCE):
            text = f"Output {source[1]} of {source[0]} is a view and {done} modified inplace."
        else:
            text = (
                "A view was created in"
                if source is None
                else f"Output {source[1]} of {source[0]} is a view of a view which was created in"
            )
            text += (
                f" inference mode and {done} modified inplace in normal mode."
                if self.note is IN_INFERENCE
                else f" no_grad mode and {done} modified inplace with grad mode enabled."
            )
        return text + self.note

    def strays(self):
        """Whether it may show cells that the tensor it was made of does not show: gradients of a write go by the base."""
        at = self
        while at is not None:
            if at.call.name == "as_strided":
                return True
            at = at.parent
        return False

    def refuses_write(self):
        """Whether cells are shown twice. Raises for those where PyTorch writes in an order of its own."""
        if may_overlap(self.type.shape, self.type.strides):
            return True
        at = self
        while at is not None:
            if at.call.writer is None and overlaps(self.type.shape, self.type.strides):
                raise NotImplementedError("writing through a view that shows elements more than once; clone() it first")
            at = at.parent
        return False


def host_view(storage, type, offset) -> np.ndarray:
    """The cells that a tensor shows, of a storage shared with the host, as a writable NumPy view."""
    host = storage.share()
    return strided(host, type_of_array(host), type, offset)


def strided(array, base, type, offset):
    """A NumPy view of a base array by element strides and offset."""
    if base.strides != tuple([s // array.itemsize for s in array.strides]) and array.size:
        array = _copy(array, base)
    if not array.size or not all(type.shape):
        return np.empty(type.shape, array.dtype)
    flat = np.lib.stride_tricks.as_strided(array, (1,), (array.itemsize,))
    span = 1 + sum((n - 1) * s for n, s in zip(base.shape, base.strides, strict=True))
    flat = np.lib.stride_tricks.as_strided(flat, (span,), (array.itemsize,))
    if type.dtype is not base.dtype:  # the same bytes, as `view(dtype)` and `view_as_real` show them
        flat = flat.view(type.dtype.np)
    flat = flat[offset:]
    return np.lib.stride_tricks.as_strided(
        flat, type.shape, [s * flat.itemsize for s in type.strides], writeable=array.flags.writeable
    )
