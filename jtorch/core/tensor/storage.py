"""Storages: the memory that tensors share. A storage holds the newest value and counts the writes.

`jtorch.core.tensor.views` says how a view reads its storage and writes to it, `jtorch.core.tensor.host_storage` what changes
while a NumPy array shares the memory.
"""

from __future__ import annotations

from sys import getrefcount

import jax.numpy as jnp

from jtorch.core.engine import Call, local, record
from jtorch.core.grad import INFERENCE, UnseenVersion, link_marks

SAME = Call(lambda x: x, name="same", saves=(), strides=lambda types, shapes: [types[0].strides])


class Storage:
    """The newest value of some memory, and counts of the writes to it.

    Attributes:
        value: the newest `Value`, of the shape and strides of the tensor that made the storage.
        version: counts the writes that autograd must know of.
        writes: counts every write, so that views know when to read again.
        replacement: what made the tensor of the newest write that has a history, for the error of an overwritten value; set by
            `jtorch.core.grad.note_overwritten`, absent before the first.
    """

    __slots__ = ("__weakref__", "host", "mark", "replacement", "value", "version", "writes")

    def __init__(self, value):
        self.value = value
        self.version = 0
        self.writes = 0

    def write(self, value, counter, reshaped=False) -> None:
        """Replace the value by a newer one.

        Args:
            value: of the same shape and dtype; it is given the storage's strides. With `reshaped` it may have any shape, and then
                only the tensor that writes may use this storage.
            counter: the storage or Counter whose version goes up; None for a write that autograd must not see.
        """
        old = self.value
        if value.type is not old.type and not reshaped:
            if value.mark is None:
                value.mark = []
            made = retyped(value, old.type)
            made.mark = value.mark  # one mark for what was written and what is stored: the next write overwrites both
            value = made
        if counter is not None:
            mark = old.mark
            if mark is None:
                old.mark = [counter, counter.version]
            elif not mark:
                mark += (counter, counter.version)
            counter.version += 1
            if counter.__class__ is UnseenVersion:
                link_marks(old, self, value)
        trace = local.trace
        trace.overwritten += 1
        if trace.backwards and old.epoch is not trace.epoch:
            trace.updated = True  # state of an earlier step changes after a backward pass: the next step begins a trace
        if trace.checks and old.epoch is not trace.epoch:
            trace.held.append((old, self))
        self.writes += 1
        self.value = value

    def put_back(self, value) -> None:
        """Note that the value that the last write gave has the elements from before it again."""
        if self.value is value:
            self.writes += 1  # views read again

    def touch(self, counter) -> None:
        """Count a write that does not change the elements. Values that the gradient graph saved count as overwritten."""
        self.write(record(SAME, (self.value,))[1], counter)

    def release(self) -> None:
        """Give up an outside array that at most the reader of an address holds: see `HostStorage`."""


def write_all(tensors, values) -> None:
    """Write newer values of the same types to many tensors, as an optimizer step does.

    The loop repeats the marks and counts of `Storage.write`, because it takes a third of the time of as many calls.
    """
    trace = local.trace
    for t, value in zip(tensors, values, strict=True):
        storage = t._storage
        if t._view is not None or storage.__class__ is not Storage:
            storage.release()
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
        if trace.checks and old.epoch is not trace.epoch:
            trace.held.append((old, storage))
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


def other_users(storage) -> int:
    """How many references there are to a storage, beside those of one tensor and of one variable of the caller."""
    return getrefcount(storage) - _ONE_USER


def _references_of_one_user():
    tensor = [Storage(None)]  # refers to its storage as a tensor does
    storage = tensor[0]
    return other_users(storage)


_ONE_USER = 0
_ONE_USER = _references_of_one_user()

_retypes: dict = {}  # Type -> the call that gives a value its strides


def retyped(value, type):
    """The value with the strides of another type of the same shape."""
    call = _retypes.get(type)
    if call is None:
        call = _retypes[type] = Call(jnp.asarray, name="restride", strides=lambda types, shapes: [type.strides])
    return record(call, (value,))[1]
