"""SGD, with momentum, dampening, Nesterov's form and L2 weight decay."""

from __future__ import annotations

from typing import NamedTuple

import jax
import optax

from jtorch.optim._functional.transform_optimizer import ChainedOptimizer, check_rate, preconditioned


class SGD(ChainedOptimizer):
    """p -= lr * v, with v = momentum * v + (1 - dampening) * (grad + weight_decay * p).

    Args:
        params: what to optimize.
        lr: learning rate, >= 0.
        momentum: fraction of v kept per step, >= 0; 0 keeps no state.
        dampening: fraction of the gradient left out of v (not in the first step).
        weight_decay: L2 penalty, >= 0.
        nesterov: look ahead by one step of momentum.
        maximize: go up instead of down.

    Raises:
        ValueError: a setting out of its range.
    """

    names = {"trace": "momentum_buffer"}

    def __init__(
        self,
        params,
        lr=1e-3,
        momentum=0,
        dampening=0,
        weight_decay=0,
        nesterov=False,
        *,
        maximize=False,
        foreach=None,
        differentiable=False,
        fused=None,
    ):
        check_rate(lr)
        if momentum < 0.0:
            raise ValueError(f"Invalid momentum value: {momentum}")
        if weight_decay < 0.0:
            raise ValueError(f"Invalid weight_decay value: {weight_decay}")
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "dampening": dampening,
            "weight_decay": weight_decay,
            "nesterov": nesterov,
            "maximize": maximize,
            "foreach": foreach,
            "differentiable": differentiable,
            "fused": fused,
        }
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ValueError("Nesterov momentum requires a momentum and zero dampening")
        super().__init__(params, defaults)

    @property
    def first_differs(self):
        return any(group["dampening"] and group["momentum"] for group in self.param_groups)

    @staticmethod
    def chain(momentum, dampening, weight_decay, nesterov, maximize, first=False):
        start = preconditioned(maximize, weight_decay)
        if not momentum:
            return optax.chain(*start, optax.identity())
        kept = 0.0 if first else dampening
        return optax.chain(*start, _dampened(momentum, kept) if kept else optax.trace(momentum, nesterov))


class _Trace(NamedTuple):
    trace: list


def _dampened(momentum, dampening):
    """v = momentum * v + (1 - dampening) * g, which optax has not."""

    def init(params):
        return _Trace(jax.tree.map(lambda p: p * 0, params))

    def update(updates, state, params=None):
        trace = jax.tree.map(lambda g, v: momentum * v + (1 - dampening) * g, updates, state.trace)
        return trace, _Trace(trace)

    return optax.GradientTransformation(init, update)
