"""Data checks of programs. A program cannot raise, so it returns a flag for each check, and the flag is read later.

Flags on an accelerator are fetched together, and only when their programs have surely run.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from jtorch.core.engine.compiling import JaxFunction
from jtorch.core.facts import CPU, devices

pending: list = []  # (flag, a function of its array that makes the error) of finished programs, oldest first


def raise_failed(newest=0) -> None:
    """Raise the error of the first check that failed. The `newest` ones are left out: a device may not have run them yet."""
    due = len(pending) - newest
    if newest:
        due -= due % _TOGETHER
    while due > 0:
        flags = [flag for flag, _ in pending[: min(due, _TOGETHER)]]
        due -= len(flags)
        for array in _fetched([flag.array for flag in flags], {flag.type.place for flag in flags} != {CPU}):
            _, error = pending.pop(0)
            if array.any():
                pending.clear()
                raise error(array)


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
