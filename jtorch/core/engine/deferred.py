"""Data checks of programs. A program cannot raise, so it returns a flag for each check, and the flag is read later.

If a check has failed, all that was computed from the checked values is wrong. Such a value gets the error in place of its
array, and reading it raises. Writes to memory that lives on, such as a parameter's update, are undone: see
`jtorch.core.engine.guards`.

`jtorch.core.engine.failures` reads the flags.
"""

from __future__ import annotations

pending: list = []  # the `Guard`s of programs that have run, oldest first
unraised: list = []  # errors that nothing has raised yet
guards = None  # jtorch.core.engine.guards, which knows what a failed check means
failures = None  # jtorch.core.engine.failures, which finds out what has failed


class Epoch:
    """Identifies one recording: `value.slot` is valid only while `value.epoch is trace.epoch`."""

    __slots__ = ("trace",)

    def __init__(self, trace):
        self.trace = trace


class Broken:
    """Takes the place of the trace of a value that cannot be computed: reading the value raises."""

    happened = False  # whether there has ever been one

    def __init__(self, error):
        Broken.happened = True
        self.error = error

    def flush(self, reason):
        unraised[:] = [error for error in unraised if error is not self.error]
        raise self.error.with_traceback(None)  # else each read would make it longer


def is_broken(value) -> bool:
    """Whether a value cannot be computed."""
    epoch = None if value is None or value.array is not None else value.epoch
    return epoch is not None and epoch.trace.__class__ is Broken
