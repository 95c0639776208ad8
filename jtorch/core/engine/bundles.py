"""Small arrays that enter and leave a program as one flat array: each argument or result costs about 3 µs.

`Call.packed` says which inputs and results of a call belong together. The values that were packed are then parts of a
`Bundle`; reading one gives a slice.
"""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from itertools import accumulate, repeat
from math import prod
from operator import itemgetter

import jax
import numpy as np

from jtorch.core.engine import opaque
from jtorch.core.engine.value_types import type_of

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
        return np.asarray(self.array.block_until_ready())[start : start + prod(shape)].reshape(shape)


class Group:
    """Slots of a program whose values are the parts of one bundle, in order.

    The `array` of such a value is a tuple (bundle, start). `flat` is the slot of the flat array inside the program, if one of
    its lines takes or makes the whole.
    """

    def __init__(self, slots, shapes, donated=False, flat=None):
        self.slots = tuple(slots)
        self.shapes = shapes
        self.donated = donated
        self.flat = flat
        self.sizes = tuple(map(prod, shapes))
        starts = tuple(accumulate(self.sizes[:-1], initial=0))
        self.starts = _layouts.setdefault(self.sizes, starts)
        self._held = itemgetter(*self.slots)

    def described(self):
        """What programs depend on, for `jtorch.core.engine.fingerprint`."""
        return self.slots, [tuple(shape) for shape in self.shapes], self.donated, self.flat

    def argument(self, values):
        """The flat array of the values in these slots."""
        held = self._held(values)
        parts = [v.array for v in held]
        bundle = parts[0][0] if {*map(type, parts)} == {tuple} else None
        if bundle is None or bundle.starts is not self.starts or parts != list(zip(repeat(bundle), self.starts)):
            flat = np.concatenate([np.asarray(v.materialize()).reshape(-1) for v in held])
            bundle = Bundle(jax.device_put(flat), self.starts)
            if not self.donated:  # the next program finds them joined
                self.hand_out(values, bundle.array)
        return bundle.array if bundle.owned or not self.donated else bundle.array.copy()

    def hand_out(self, values, array):
        """Make the values in these slots the parts of a new bundle."""
        bundle = Bundle(array, self.starts)
        deque(map(setattr, self._held(values), repeat("array"), zip(repeat(bundle), self.starts)), maxlen=0)

    def parts(self, flat):
        """The parts of the flat array, by slot, inside a program."""
        starts = opaque.integers(self.starts, flat[0].real)
        cuts = [opaque.cut(flat, *part) for part in zip(starts, self.sizes, strict=True)]
        return zip(self.slots, [cut.reshape(shape) for cut, shape in zip(cuts, self.shapes, strict=True)], strict=True)


def packed_line(line, new_slots, inner, read, alive, values):
    """A line with some inputs and results packed: (line, groups of leaves, groups of outputs). None where that cannot be.

    Args:
        line: a `lines.Line`.
        new_slots: numbers of slots for the flat arrays.
        inner: the slots that are not leaves.
        read: the slots that lines of the program read.
        alive: for each slot whether somebody but the trace holds its value.
        values: by slot.
    """
    found = line.call.packed()
    if found is None:
        return None
    call, groups = found
    taken, made = [], []
    for ins, outs in groups:
        shapes = [tuple(line.types[i].shape) for i in ins]
        taken.append(Group([line.slots[i] for i in ins], shapes, True, next(new_slots)))
        made.append(Group([line.outs[i] for i in outs], shapes, False, next(new_slots)))
    leaves = [s for group in taken for s in group.slots]
    results = [s for group in made for s in group.slots]
    if (
        len({*leaves} - inner) < len(leaves)
        or any(alive[s] for s in leaves)
        or not all(alive[s] and values[s] is not None and s not in read for s in results)
        or not all(sum(group.sizes) for group in taken)
    ):
        return None
    flats = [_flat_type(line.types[ins[0]], group) for (ins, _), group in zip(groups, taken, strict=True)]
    apart = [i for i in range(len(line.slots)) if not any(i in ins for ins, _ in groups)]
    left = [i for i in range(len(line.outs)) if not any(i in outs for _, outs in groups)]
    line = replace(
        line,
        call=call,
        types=(*flats, *[line.types[i] for i in apart]),
        slots=(*[group.flat for group in taken], *[line.slots[i] for i in apart]),
        outs=(*[group.flat for group in made], *[line.outs[i] for i in left]),
        out_types=(*flats, *[line.out_types[i] for i in left]),
        flats=len(groups),
    )
    return line, taken, made


def _flat_type(type, group):
    return type_of((sum(group.sizes),), type.dtype, type.place)


def whole_groups(slots, types, values):
    """Groups of those leaves that are all the parts of one bundle."""
    of = {}
    for s in slots:
        if values[s].is_part:
            bundle, start = values[s].array
            of.setdefault(bundle, {})[start] = s
    whole = [[parts[start] for start in b.starts] for b, parts in of.items() if len(parts) == len(b.starts)]
    return [Group(slots, [tuple(types[s].shape) for s in slots]) for slots in whole]
