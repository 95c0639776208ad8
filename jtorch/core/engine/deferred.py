"""Data checks of programs. A program cannot raise, so it returns a flag for each check, and the flag is read later.

Where a check has failed, all that was computed from what it checks is wrong. Such a value gets the error in place of its array,
and a look at it raises. What was written to memory that lives on, as the update of a parameter, is undone: see
`jtorch.core.engine.guards`.

Flags on an accelerator are fetched together, and only when their programs have surely run.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from jtorch.core.engine.compiling import JaxFunction
from jtorch.core.facts import CPU, devices

pending: list = []  # the `Guard`s of programs that have run, oldest first
guards = None  # jtorch.core.engine.guards, which knows what a failed check means
untold: list = []  # errors that no look has raised yet


replaced = None


def replacements_by(finder) -> None:
    """Call `finder(values)` for the values of a trace that a storage has replaced since: [(slot, storage)], oldest first."""
    global replaced
    replaced = finder


class Epoch:
    """Identifies one recording: `value.slot` is valid only while `value.epoch is trace.epoch`."""

    __slots__ = ("trace",)

    def __init__(self, trace):
        self.trace = trace


class Broken:
    """Takes the place of the trace of a value that cannot be computed: a look at the value raises."""

    happened = False  # whether there has ever been one

    def __init__(self, error):
        Broken.happened = True
        self.error = error

    def flush(self, reason):
        untold[:] = [error for error in untold if error is not self.error]
        raise self.error.with_traceback(None)  # else each look would make it longer


def is_broken(value) -> bool:
    """Whether a value cannot be computed."""
    epoch = None if value is None or value.array is not None else value.epoch
    return epoch is not None and epoch.trace.__class__ is Broken


def resolve(newest=0) -> None:
    """Find out which checks have failed. The `newest` programs are left out: a device may not have run them yet."""
    while len(pending) > newest:
        due = pending[: min(len(pending) - newest, _TOGETHER)]
        flags = [flag for guard in due for flag, _ in guard.checks]
        arrays = iter(_fetched([flag.array for flag in flags], {flag.type.place for flag in flags} != {CPU}))
        del pending[: len(due)]
        for guard in due:
            guard.settle([next(arrays) for _ in guard.checks])


def report() -> None:
    """At the end of a step: raise an error of the steps before it that nobody has been told of."""
    if pending and all(guard.on_host for guard in pending):
        resolve()
    elif len(pending) > 2 * _TOGETHER:
        resolve(newest=_TOGETHER)
    if untold:
        raise untold.pop(0)


_TOGETHER = 32  # flags that are fetched as one array: a copy from an accelerator takes 60 us, however small it is


def _fetched(flags, far):
    """The flags as NumPy arrays; one that was not computed counts as False. `far`: some may be on an accelerator."""
    if far:
        held = [f for f in flags if isinstance(f, jax.Array)]
        places = {d for f in held for d in f.devices()}
        if (
            len(held) == _TOGETHER
            and len(places) == 1
            and not devices.kind_of_jax(places.pop()).host
            and not any(f.shape for f in held)
        ):
            return np.asarray(_stacked(*held))
        for f in held:
            f.copy_to_host_async()  # start all copies before waiting for the first; on the CPU this would waste 12 us
    return [np.asarray(f if f is not None else False) for f in flags]


_stacked = JaxFunction(lambda *flags: jnp.stack(flags), "flags").shared
