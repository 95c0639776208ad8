"""Small arrays that go from step to step as one: what an optimizer joins anyway is handed out and taken in whole.

Each argument and each output of a program costs its share of a short step (3 us an output). Which belong together is
said by the line that makes them (`Call.bundles`); whoever looks at one of them alone sees its part of the whole.
"""

from __future__ import annotations

from collections import deque
from itertools import accumulate, repeat
from math import prod
from operator import itemgetter

import jax
import numpy as np

_layouts: dict = {}  # sizes -> starts: layouts are compared by identity


class Bundle:
    """One flat array on the host. `starts` says where its parts begin; `owned` that it may be donated, as a Value's."""

    __slots__ = ("array", "owned", "starts")

    def __init__(self, array, starts):
        self.array = array
        self.starts = starts
        self.owned = True

    def part(self, start, shape) -> np.ndarray:
        """One part, read-only."""
        self.owned = False  # NumPy shares the buffer from now on
        return np.asarray(self.array)[start : start + prod(shape)].reshape(shape)


class Group:
    """Slots of a program whose values are the parts of one bundle, in order.

    A value that is a part has (bundle, where it begins) for an array.
    """

    def __init__(self, slots, shapes, donated=False):
        self.slots = tuple(slots)
        self.shapes = shapes
        self.donated = donated
        self.sizes = tuple(map(prod, shapes))
        starts = tuple(accumulate(self.sizes[:-1], initial=0))
        self.starts = _layouts.setdefault(self.sizes, starts)
        self._held = itemgetter(*self.slots)

    def described(self):
        """What decides what a program makes of it: see `jtorch.core.engine.fingerprint`."""
        return self.slots, [tuple(shape) for shape in self.shapes], self.donated

    def argument(self, values):
        """The flat array of the values in these slots."""
        held = self._held(values)
        parts = [v.array for v in held]
        bundle = parts[0][0] if {*map(type, parts)} == {tuple} else None
        if bundle is None or bundle.starts is not self.starts or parts != list(zip(repeat(bundle), self.starts)):
            bundle = Bundle(
                jax.device_put(np.concatenate([np.asarray(v.known()).reshape(-1) for v in held])), self.starts
            )
            if not self.donated:  # the next program finds them joined
                self.hand_out(values, bundle.array)
        return bundle.array if bundle.owned or not self.donated else bundle.array.copy()

    def hand_out(self, values, array):
        """Make the values in these slots the parts of a new bundle."""
        bundle = Bundle(array, self.starts)
        deque(map(setattr, self._held(values), repeat("array"), zip(repeat(bundle), self.starts)), maxlen=0)

    def parts(self, flat, starts):
        """The parts of the flat array inside a program, `starts` being as it knows them."""
        return [cut(flat, *where).reshape(shape) for *where, shape in zip(starts, self.sizes, self.shapes, strict=True)]


def cut(flat, start, size):
    """A part of a flat array that begins at a place which XLA does not know, and is not negative."""
    return jax.lax.dynamic_slice_in_dim(flat, start, size, allow_negative_indices=False)


def hidden(numbers, near):
    """Small integers as XLA cannot know them: what a branch gives that is always taken.

    XLA's CPU compiler makes one kernel of all that differ by nothing but what they are given, and spends 20 ms on each
    other: of parts of a flat array at places that are constants it makes one kernel each. `near` is a number that
    exists when these are wanted: a branch that may be taken at any time costs a step 5 us.
    """
    return jax.lax.cond(
        _never(near), lambda: tuple([np.int32(0) for _ in numbers]), lambda: tuple([np.int32(n) for n in numbers])
    )


def _never(near):
    """False, as XLA cannot know it. `near` is a number that exists when this is wanted."""
    return jax.lax.gt(near.astype(np.float64), np.inf)


def after(near, array):
    """The array, to be overwritten when `near`, a number, exists and not before: does XLA find no order between what
    overwrites an array and what else reads it, it copies the whole array first."""
    return jax.lax.select(_never(near), jax.lax.full_like(array, 0), array)


def bundled(line, inner, read, alive, values):
    """(groups of leaves, groups of outputs) of what a line takes and makes as bundles; none where one of them is not free.

    Args:
        line: a `programs.Line`.
        inner: the slots that are no leaves.
        read: the slots that lines of the program read.
        alive: for each slot whether somebody but the trace holds its value.
        values: by slot.
    """
    taken, made = [], []
    for ins, outs in line.call.bundles():
        leaves, slots = [line.slots[i] for i in ins], [line.outs[i] for i in outs]
        if len({*leaves} - inner) < len(leaves) or any(alive[s] for s in leaves):
            return [], []
        if not all(alive[s] and values[s] is not None and s not in read for s in slots):
            return [], []
        shapes = [tuple(line.types[i].shape) for i in ins]
        if not sum(map(prod, shapes)):
            return [], []
        taken.append(Group(leaves, shapes, donated=True))
        made.append(Group(slots, shapes))
    if len({s for group in taken for s in group.slots}) < sum(len(group.slots) for group in taken):
        return [], []
    return taken, made


def found(slots, types, values):
    """Groups of those leaves that are all the parts of one bundle."""
    of = {}
    for s in slots:
        if values[s].array.__class__ is tuple:
            bundle, start = values[s].array
            of.setdefault(bundle, {})[start] = s
    whole = [[parts[start] for start in b.starts] for b, parts in of.items() if len(parts) == len(b.starts)]
    return [Group(slots, [tuple(types[s].shape) for s in slots]) for slots in whole]
