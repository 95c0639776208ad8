"""SGD, with momentum, dampening, Nesterov's form and L2 weight decay."""

from __future__ import annotations

import jax
import optax

from jtorch.core.ops.make.create import zeros_like
from jtorch.optim._functional import TransformOptimizer, check_settings, descent, step_lists


class SGD(TransformOptimizer):
    """p -= lr * v, with v = momentum * v + (1 - dampening) * (grad + weight_decay * p).

    Args:
        params: the parameters to optimize.
        lr: learning rate, >= 0.
        momentum: fraction of v that is kept per step, >= 0; 0 keeps no state.
        dampening: fraction of the gradient left out of v (not in the first step).
        weight_decay: L2 penalty, >= 0.
        nesterov: look ahead by one step of momentum.
        maximize: maximize the objective instead of minimizing it.
        differentiable: record the step for autograd, so that a gradient can flow through it.
        foreach, fused: choose among PyTorch's implementations; without effect, since a step is one program.

    Raises:
        ValueError: a setting is out of its range.

    >>> w = torch.tensor([1.0], requires_grad=True)
    >>> optimizer = torch.optim.SGD([w], lr=0.1)
    >>> (w * 3).sum().backward()
    >>> optimizer.step()
    >>> w.detach()
    tensor([0.7000])
    """

    state_names = {"trace": "momentum_buffer"}

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
        check_settings(lr, momentum=momentum, weight_decay=weight_decay)
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
        return any(g["momentum"] and (g["dampening"] or _holds_twice(g["params"])) for g in self.param_groups)

    @staticmethod
    def transformation(momentum, dampening, weight_decay, nesterov, maximize, first=False):
        if not momentum:
            velocity = optax.identity()
        elif first:
            velocity = _first_trace(momentum, nesterov)
        elif dampening:
            velocity = _dampened_trace(momentum, dampening)
        else:
            velocity = optax.trace(momentum, nesterov)
        return descent(velocity, maximize=maximize, weight_decay=weight_decay)


def sgd(
    params,
    d_p_list,
    momentum_buffer_list,
    has_sparse_grad=False,
    foreach=None,
    fused=None,
    grad_scale=None,
    found_inf=None,
    *,
    weight_decay,
    momentum,
    lr,
    dampening,
    nesterov,
    maximize,
):
    """One step of `SGD` on lists of tensors, in place. A None in `momentum_buffer_list` is replaced by the first buffer."""
    first = [buffer is None for buffer in momentum_buffer_list] if momentum else [False] * len(params)
    for i, (p, is_first) in enumerate(zip(params, first, strict=True)):
        if is_first:
            momentum_buffer_list[i] = zeros_like(p)
    states = {"momentum_buffer": momentum_buffer_list}
    settings = {
        "momentum": momentum,
        "dampening": dampening,
        "weight_decay": weight_decay,
        "nesterov": nesterov,
        "maximize": maximize,
    }
    step_lists(SGD, params, d_p_list, states, lr, grad_scale, found_inf, fused, first, **settings)


def _holds_twice(params):
    return len(set(map(id, params))) < len(params)


def _first_trace(momentum, nesterov):
    """v = g, as PyTorch begins it for each entry of a group, even for a parameter that it holds twice."""

    def init(params):
        return optax.TraceState(jax.tree.map(lambda p: p * 0, params))

    def update(updates, state, params=None):
        ahead = jax.tree.map(lambda g: g + momentum * g, updates) if nesterov else updates
        return ahead, optax.TraceState(updates)

    return optax.GradientTransformation(init, update)


def _dampened_trace(momentum, dampening):
    """v = momentum * v + (1 - dampening) * g, which optax does not have."""

    def init(params):
        return optax.TraceState(jax.tree.map(lambda p: p * 0, params))

    def update(updates, state, params=None):
        trace = jax.tree.map(lambda g, v: momentum * v + (1 - dampening) * g, updates, state.trace)
        return trace, optax.TraceState(trace)

    return optax.GradientTransformation(init, update)
