"""Hides numbers and dependences from XLA while it compiles, so that it makes less code and copies less."""

from __future__ import annotations

import jax
import numpy as np


def integers(numbers, near):
    """Integers hidden from XLA behind a conditional that always takes one branch.

    Slices of a flat array at known offsets compile to one kernel each (20 ms); at unknown offsets they share one. `near`: any
    scalar that is computed before; it tells XLA when to run the conditional, which would else cost a step 5 us.
    """
    return jax.lax.cond(
        _never(near), lambda: tuple([np.int32(0) for _ in numbers]), lambda: tuple([np.int32(n) for n in numbers])
    )


def after(near, array):
    """`array`, made to depend on `near`, so that it is overwritten only after `near` is computed; without that order XLA
    copies it."""
    return jax.lax.select(_never(near), jax.lax.full_like(array, 0), array)


def cut(flat, start, size):
    """A part of a flat array from a `start` that XLA does not know, which is not negative."""
    return jax.lax.dynamic_slice_in_dim(flat, start, size, allow_negative_indices=False)


def scalars(vector):
    """The elements of a vector, each as an array of no dimensions."""
    if vector.size < 4 or vector.dtype == np.complex128:
        return list(vector)
    indices = integers(range(vector.size), vector[0])
    return [jax.lax.dynamic_index_in_dim(vector, i, keepdims=False, allow_negative_indices=False) for i in indices]


def _never(near):
    """False, computed so that XLA cannot know it."""
    return jax.lax.gt(near.astype(np.float64), np.inf)
