"""optax transformations written out where optax's arithmetic is not PyTorch's: a rule for one parameter at a time.

Knows arrays only. Numbers that change with the step are worked out in float64, as PyTorch does on the host, and
half types in float32.
"""

from __future__ import annotations

from collections import namedtuple

import jax.numpy as jnp
import optax


def stateful(states, rule, scalars=(), advance=None):
    """The transformation that counts steps, and keeps `states` for each parameter and `scalars` for all of them.

    Args:
        states: names of the states that each parameter has, shaped like it.
        rule: (numbers, gradient, parameter, *states) -> (update, *states).
        scalars: names of further numbers kept besides the count.
        advance: (count, rate, *scalars) -> (the numbers the rule reads, new scalars); default: the count itself.
    """
    State = namedtuple("State", ["count", *scalars, *states])

    def init(params):
        blank = [[jnp.zeros_like(p) for p in params] for _ in states]
        return State(jnp.zeros((), jnp.int32), *[jnp.zeros((), jnp.float32) for _ in scalars], *blank)

    def update(updates, state, params=None, *, rate=None, **_):
        count = state.count + 1
        t = count.astype(jnp.float64)
        held = [getattr(state, n).astype(jnp.float64) for n in scalars]
        numbers, new = advance(t, rate, *held) if advance else ((t,), ())
        rows = [
            _ruled(rule, numbers, *arrays)
            for arrays in zip(updates, params, *[getattr(state, n) for n in states], strict=True)
        ]
        out, *made = [list(column) for column in zip(*rows, strict=True)]
        return out, State(count, *new, *made)

    return optax.GradientTransformationExtraArgs(init, update)


def _ruled(rule, numbers, *arrays):
    work = jnp.promote_types(arrays[0].dtype, jnp.float32)
    arrays = [a.astype(work) for a in arrays]
    return rule([jnp.asarray(n, work) for n in numbers], *arrays)


def lerp(start, end, weight):
    """start + weight * (end - start)"""
    return start + weight * (end - start)
