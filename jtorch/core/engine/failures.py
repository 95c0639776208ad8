"""Finds out what has failed: which data checks of programs that ran, and which line of a trace that did not.

Flags on an accelerator are fetched together, and only when their programs have certainly run.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from jtorch.core.engine import guards
from jtorch.core.engine.calls import DistError
from jtorch.core.engine.compiling import JaxFunction
from jtorch.core.engine.deferred import is_broken, pending, unraised
from jtorch.core.engine.lines import run_lines
from jtorch.core.engine.stats import counters
from jtorch.core.engine.trace import held_by_others
from jtorch.core.facts import CPU, devices, memory_error


def found(trace, error) -> bool:
    """Run each line by itself after a program failed with `error`. Returns whether that explains the failure: a line raised, or the
    lines had enough memory one by one.

    If not, the caller raises `error`: it is the device's or a collective's, or the program failed although each line ran.
    """
    no_memory = memory_error(error) is not None
    if isinstance(error, DistError) or (isinstance(error, jax.errors.JaxRuntimeError) and not no_memory):
        return False
    try:
        return isolate(trace) or no_memory
    except MemoryError as other:  # raised outside of a line: everything is still promised
        raise memory_error(other) from None


def isolate(trace) -> bool:
    """Run each line by itself. What depends on a line that raises is broken, and memory that was to take such a value
    keeps its old one. Returns whether a line raised."""
    position, values, broken = trace.submitted or trace.position, trace.values, {}
    wanted = bytearray(held_by_others(values))
    for slot in guards.replaced_slots(values):
        wanted[slot] = 1
    run_lines(position, wanted, values, trace.place, broken)
    raised = bool(broken)
    kept = guards.kept_after(values, broken)
    for old, new, storage in kept:
        del broken[new]
        guards.keep_old(storage, values[old], values[new])
    for error in dict.fromkeys(broken.values()):
        told = memory_error(error) or error
        if error not in [v.epoch.trace.error for v in values if is_broken(v)]:
            unraised.append(told)
        guards.make_broken([values[slot] for slot, cause in broken.items() if cause is error], told)
    if checks := [(flag, error) for flag, error in trace.checks if flag.array is not None]:
        trace.checks = checks
        trace.guard = guards.guard_of(trace, position)
        guards.ran(trace, None)
    trace.checks, trace.held = [], []
    counters.lines += position.depth
    trace.restart()
    resolve()
    return raised


def wait_for(array) -> None:
    """Wait until a program has computed an array. Without memory the array does not exist, and NumPy would end the process."""
    try:
        array.block_until_ready()
    except jax.errors.JaxRuntimeError as error:
        raise memory_error(error) or error from None


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
    """At the end of a step: raise an error of an earlier step that nothing has raised yet."""
    if pending and all(guard.on_host for guard in pending):
        resolve()
    elif len(pending) > 2 * _TOGETHER:
        resolve(newest=_TOGETHER)
    if unraised:
        raise unraised.pop(0)


_TOGETHER = 32  # flags that are fetched as one array: a copy from an accelerator takes 60 us, even a small one


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
