"""What a failed data check means for a trace: which values are wrong, and which memory keeps its old value.

A check is a line that takes the values it checks and gives a flag. It guards the later lines that take the same values;
what is computed from their results is wrong if the flag is true. PyTorch would have raised before it wrote any of that
to a parameter, a buffer or the state of an optimizer. So if the trace writes to such memory, the program chooses
between the old and the new value by the flags. It has both at that point, so the choice costs no further memory access.
"""

from __future__ import annotations

import weakref
from math import prod

import jax
import numpy as np

from jtorch.core.engine import deferred
from jtorch.core.engine.compiling import running_on
from jtorch.core.engine.deferred import Broken, Epoch
from jtorch.core.engine.lines import lines_of
from jtorch.core.facts import config, devices

_replaced = None


def replacements_by(finder) -> None:
    """Call `finder(values)` for the values of a trace that a storage has replaced since: [(slot, storage)], oldest first."""
    global _replaced
    _replaced = finder


class Guard:
    """The checks of one trace.

    Attributes:
        checks: pairs (flag, error): the error is a function of the flag's array.
        flags: the slots of the flags.
        wrong: for each check, the slots of the values that are wrong if it fails.
        maybe_wrong: {slot: weak reference to its value}, for the values that may be wrong and still exist.
        choices: (old slot, new slot, flags) of each storage that keeps its old value if one of these flags is true.
    """

    def __init__(self, checks, position, values, on_host):
        self.checks = checks
        self.position = position
        self.on_host = on_host
        self.flags = tuple([flag.slot for flag, _ in checks])
        self.wrong = _wrong_by_flag(position, self.flags)
        self.storages = _keeping(values, self._every())
        self.choices = tuple([(old, s.value.slot, self._flags_of(s.value.slot)) for old, s in self.storages])

    def _every(self):
        return self.wrong[0].union(*self.wrong[1:])

    def _flags_of(self, slot):
        return tuple([flag for flag, wrong in zip(self.flags, self.wrong, strict=True) if slot in wrong])

    def with_old(self, alive) -> bytes:
        """`alive` and the old values: the program must compute these, so that they can be put back."""
        made = bytearray(alive)
        for old, *_ in self.choices:
            made[old] = 1
        return bytes(made)

    def ran(self, values, held, chosen) -> None:
        """Note which values may be wrong. Called when the trace has run.

        Args:
            held: pairs (old value, storage) of memory whose old value the trace does not have.
            chosen: the choices that the program has made.
        """
        every, inside = self._every(), {new for _, new, _ in chosen}
        kept = [(values[old], storage) for old, storage in self.storages]
        kept += [(old, s) for old, s in held if s.value.slot in every and values[s.value.slot] is s.value]
        self.storages = [
            (None if s.value.slot in inside else old, weakref.ref(s.value), s.value.slot, s)
            for old, s in kept
            if s.value.slot in inside or old.array is not None
        ]
        right = {slot for *_, slot, _ in self.storages}
        self.maybe_wrong = {s: weakref.ref(values[s]) for s in every - right if values[s] is not None}

    def concerns(self, epoch) -> bool:
        """Whether a trace uses a value that may be wrong."""
        self.maybe_wrong = {s: ref for s, ref in self.maybe_wrong.items() if ref() is not None}
        return any(v is not None and v.epoch is epoch for v in [ref() for ref in self.maybe_wrong.values()])

    def settle(self, flags) -> None:
        """If a flag is true, give the wrong values its error, and put back the old values of memory."""
        for i, flag in enumerate(flags):
            if flag.any():
                error = self._error(i, flag)
                deferred.unraised.append(error)
                make_broken([self.maybe_wrong[s]() for s in self.wrong[i] if s in self.maybe_wrong], error)
                for old, new, slot, storage in self.storages:
                    if slot in self.wrong[i]:
                        keep_old(storage, old, new())

    def _error(self, i, flag):
        slot, error = self.flags[i], self.checks[i][1]
        try:
            made = error(flag)
        except Exception as other:  # the checked value itself could not be computed
            made = other
        where = next((line.where for line in self.position.path() if _makes(line, slot)), None)
        if where is not None and not getattr(made, "__notes__", None):
            made.add_note(f"The check belongs to this line: {where[0]}:{where[1]}")
        return made


def guard_of(trace, position) -> Guard:
    """The guard of a trace that ends at this position and has checks."""
    return Guard(trace.checks, position, trace.values, trace.place is devices.CPU)


def ran(trace, program) -> None:
    """Remember the checks of a trace that has run. `program`: what ran it, a `Program` or anything else."""
    guard, held = trace.guard, trace.held
    trace.guard, trace.checks, trace.held = None, [], []
    guard.ran(trace.values, held, getattr(program, "chosen", ()))
    deferred.pending.append(guard)


_FEW_LINES, _FEW_ELEMENTS = 4, 1 << 12


def computed_ahead(value):
    """The array of a value on the host that few lines compute from few known elements; None for any other value.

    Computing it twice costs some microseconds, but then an error comes at the call at which PyTorch raises it.
    """
    trace = None if value.epoch is None else value.epoch.trace
    if trace is None or trace.__class__ is Broken or trace.place is not devices.CPU or not config.numpy_lines:
        return None
    try:
        with jax.enable_x64(True), running_on(trace.place):
            return np.asarray(_computed(trace, trace.submitted or trace.position, value.slot, {}, [_FEW_LINES]))
    except _TooExpensive:
        return None


class _TooExpensive(Exception):
    """Raised if a value takes too many lines or elements, or depends on one that is not known on the host."""


def _computed(trace, at, slot, known, left):
    """The array in a slot. `at`: a position at or after its line. `left`: [how many lines may still run]."""
    if slot in known:
        return known[slot]
    leaf = trace.values[slot]
    if leaf is not None and leaf.array is not None:
        if not leaf.type.number and leaf.array.__class__ is not np.ndarray:
            raise _TooExpensive
        return leaf.array
    while at.parent is not None and not _makes(at, slot):
        at = at.parent
    left[0] -= 1
    if at.parent is None or left[0] < 0 or sum([prod(t.shape) for t in (*at.in_types, *at.types)]) > _FEW_ELEMENTS:
        raise _TooExpensive
    first = at.slots - len(at.types)
    leaves = iter(range(first - sum([k.__class__ is not int for k in at.key[1:]]), first))
    slots = [k if k.__class__ is int else next(leaves) for k in at.key[1:]]
    out = at.call.line(at.in_types, trace.place).run([_computed(trace, at.parent, s, known, left) for s in slots])
    known.update(zip(range(first, at.slots), [out] if at.single else out, strict=True))
    return known[slot]


def _makes(position, slot):
    return position.slots - len(position.types) <= slot < position.slots


def make_broken(values, error) -> None:
    """Give values an error in place of their arrays."""
    epoch = Epoch(Broken(error))
    for v in values:
        if v is not None and not deferred.is_broken(v):
            v.array = None
            v.epoch = epoch


def keep_old(storage, old, new) -> None:
    """Give a storage's new value the array of its old one. `old` is None if the program has done so."""
    if old is not None and new is not None:
        new.array = old.array
        new.owned = old.owned = False
    storage.put_back(new)


def kept_after(values, broken):
    """[(old slot, new slot, storage)] of memory that keeps its old value, in a trace with these broken slots."""
    return [(old, storage.value.slot, storage) for old, storage in _keeping(values, broken)]


def replaced_slots(values):
    """The slots of the values of a trace that a storage has replaced since."""
    return [slot for slot, _ in _replaced(values)]


def _keeping(values, wrong):
    """[(slot, storage)] for each storage whose newest value is wrong: the slot of its last value that is right."""
    found = {}
    for slot, storage in _replaced(values):
        new = storage.value
        if slot not in wrong and new.slot in wrong and values[new.slot] is new:
            found[storage] = slot
    return [(slot, storage) for storage, slot in found.items()]


def _wrong_by_flag(position, flags):
    """For each flag, the slots that later lines compute from the values that the flag's line checks."""
    found = (position.guarded or {}).get(flags)
    if found is None:
        lines = lines_of(position.path())
        found = [_wrong_after(lines, flag) - {*flags} for flag in flags]
        position.guarded = {flags: found}
    return found


def _wrong_after(lines, flag):
    """The slots that depend on the inputs of the line with this flag, through lines after it."""
    given, wrong = None, set()
    for line in lines:
        if flag in line.outs:
            given = set(line.slots)
        elif given is not None and not (given.isdisjoint(line.slots) and wrong.isdisjoint(line.slots)):
            wrong.update(line.outs)
    return frozenset(wrong)
