"""The parts that an optimizer's optax transformation is made of, in PyTorch's arithmetic.

Knows arrays only. Numbers that change with the step are computed in float64, as PyTorch computes them on the host.
Half-precision parameters are updated in float32.
"""

from __future__ import annotations

from collections import namedtuple

import jax.numpy as jnp
import optax


def descent(*transformations, maximize, weight_decay=0, decoupled=False):
    """`transformations` in a row, with the gradient's sign and weight decay: the whole of an optimizer's arithmetic.

    Args:
        maximize: change the gradient's sign first.
        weight_decay: L2 penalty, added to the gradient before the transformations.
        decoupled: add the weight decay to the update instead, after the transformations.
    """
    first = [optax.scale(-1.0)] if maximize else []
    decay = [optax.add_decayed_weights(weight_decay)] if decoupled or weight_decay else []
    return optax.chain(*first, *transformations, *decay) if decoupled else optax.chain(*first, *decay, *transformations)


def step_counter():
    """A transformation that counts the steps and changes nothing: PyTorch's state has the count, optax's does not."""
    return optax.scale_by_schedule(lambda count: 1.0)


def per_parameter(states, rule, scalars=(), advance=None):
    """The transformation that updates each parameter by `rule` and counts the steps.

    Args:
        states: names of the states that each parameter has; a state has the parameter's shape.
        rule: (numbers, gradient, parameter, *states) -> (update, *states).
        scalars: names of the numbers that are kept for all parameters together, beside the count.
        advance: (count, rate, *scalars) -> (the numbers that the rule reads, new scalars); default: the count itself.
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
            _apply_rule(rule, numbers, *arrays)
            for arrays in zip(updates, params, *[getattr(state, n) for n in states], strict=True)
        ]
        out, *made = [list(column) for column in zip(*rows, strict=True)]
        return out, State(count, *new, *made)

    return optax.GradientTransformationExtraArgs(init, update)


def _apply_rule(rule, numbers, *arrays):
    work = jnp.promote_types(arrays[0].dtype, jnp.float32)
    arrays = [a.astype(work) for a in arrays]
    return rule([jnp.asarray(n, work) for n in numbers], *arrays)


def blend(start, end, weight):
    """start + weight * (end - start)"""
    return start + weight * (end - start)


def moments(betas, gradient, exp_avg, exp_avg_sq):
    """The running averages of the gradient and of its square, one step on."""
    b1, b2 = betas
    return blend(exp_avg, gradient, 1 - b1), b2 * exp_avg_sq + (1 - b2) * gradient * gradient
