"""Adam and AdamW."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import lax

from jtorch.core.tensor import Tensor
from jtorch.optim._functional.transform_optimizer import ChainedOptimizer, check_settings, preconditioned


class Adam(ChainedOptimizer):
    """p -= lr * m / (sqrt(v) + eps), with m and v the bias-corrected averages of the gradient and its square.

    Args:
        params: what to optimize.
        lr: learning rate, >= 0.
        betas: fractions of m and of v kept per step, each in [0, 1).
        eps: added to sqrt(v), same unit as the gradient.
        weight_decay: L2 penalty, >= 0; AdamW takes it off the parameter instead of adding it to the gradient.
        amsgrad: divide by the largest v so far.
        maximize: go up instead of down.

    Raises:
        ValueError: a setting out of its range.
    """

    names = {"count": "step", "mu": "exp_avg", "nu": "exp_avg_sq", "nu_max": "max_exp_avg_sq"}

    def __init__(
        self,
        params,
        lr=1e-3,
        betas=(0.9, 0.999),
        eps=1e-8,
        weight_decay=0,
        amsgrad=False,
        *,
        foreach=None,
        maximize=False,
        capturable=False,
        differentiable=False,
        fused=None,
        decoupled_weight_decay=False,
    ):
        betas = _check_tensors(lr, betas, foreach and not capturable)
        check_settings(lr, betas, eps=eps, weight_decay=weight_decay)
        super().__init__(
            params,
            {
                "lr": lr,
                "betas": betas,
                "eps": eps,
                "weight_decay": weight_decay,
                "amsgrad": amsgrad,
                "maximize": maximize,
                "foreach": foreach,
                "capturable": capturable,
                "differentiable": differentiable,
                "fused": fused,
                "decoupled_weight_decay": decoupled_weight_decay,
            },
        )

    @staticmethod
    def chain(betas, eps, weight_decay, amsgrad, maximize, decoupled_weight_decay=False):
        adam = _scale_by_adam(*betas, eps, amsgrad)
        if decoupled_weight_decay:
            return optax.chain(*preconditioned(maximize, 0), adam, optax.add_decayed_weights(weight_decay))
        return optax.chain(*preconditioned(maximize, weight_decay), adam)


class AdamW(Adam):
    """Adam whose weight decay is taken off the parameter itself: p -= lr * weight_decay * p."""

    def __init__(
        self,
        params,
        lr=1e-3,
        betas=(0.9, 0.999),
        eps=1e-8,
        weight_decay=1e-2,
        amsgrad=False,
        *,
        maximize=False,
        foreach=None,
        capturable=False,
        differentiable=False,
        fused=None,
    ):
        super().__init__(
            params,
            lr,
            betas,
            eps,
            weight_decay,
            amsgrad,
            foreach=foreach,
            maximize=maximize,
            capturable=capturable,
            differentiable=differentiable,
            fused=fused,
            decoupled_weight_decay=True,
        )


def _check_tensors(lr, betas, plain_foreach):
    """betas as numbers. Raises PyTorch's errors for settings that are tensors."""
    if isinstance(lr, Tensor) and plain_foreach:
        raise ValueError("lr as a Tensor is not supported for capturable=False and foreach=True")
    tensors = [isinstance(beta, Tensor) for beta in betas]
    if any(tensors) and not all(tensors):
        raise ValueError("betas must be either both floats or both Tensors")
    for i, beta in enumerate(betas):
        if isinstance(beta, Tensor) and plain_foreach:
            raise ValueError(f"betas[{i}] as a Tensor is not supported for capturable=False and foreach=True")
        if isinstance(beta, Tensor) and beta.numel() != 1:
            raise ValueError(f"Tensor betas[{i}] must be 1-element")
    return tuple([beta.item() for beta in betas]) if any(tensors) else betas


class _Amsgrad(NamedTuple):
    count: jax.Array
    mu: list
    nu: list
    nu_max: list


def _scale_by_adam(b1, b2, eps, amsgrad):
    """optax.scale_by_adam in PyTorch's arithmetic: the corrections are worked out once, and the averages multiplied by
    them, where optax divides each element by them: a quarter of the time of a large update. AMSGrad takes the maximum
    of the raw averages (optax corrects them first).

    In lax's words, not in operators: JAX traces each operator apart for each new shape, which is 1 ms at a start.
    """

    def init(params):
        begin = optax.scale_by_adam().init(params)
        return _Amsgrad(*begin, jax.tree.map(jnp.zeros_like, params)) if amsgrad else begin

    def update(updates, state, params=None):
        count = state.count + 1
        scale, root = lax.div(1.0, _still_to_come(b1, count)), lax.div(1.0, lax.sqrt(_still_to_come(b2, count)))

        def corrected(m, v):
            return lax.div(_scaled(scale, m), lax.add(_scaled(root, lax.sqrt(v)), lax.full_like(v, eps)))

        mu = jax.tree.map(lambda g, m: lax.add(_scaled(b1, m), _scaled(1 - b1, g)), updates, state.mu)
        nu = jax.tree.map(lambda g, v: lax.add(_scaled(b2, v), lax.mul(_scaled(1 - b2, g), g)), updates, state.nu)
        new = state._replace(count=count, mu=mu, nu=nu)
        if amsgrad:
            nu = jax.tree.map(lax.max, state.nu_max, nu)
            new = new._replace(nu_max=nu)
        return jax.tree.map(corrected, mu, nu), new

    return optax.GradientTransformation(init, update)


def _still_to_come(beta, count):
    """1 - beta to the power of the count: the share of an average that has been seen."""
    count = lax.convert_element_type(count, jnp.result_type(float))
    return lax.sub(1.0, lax.pow(lax.full_like(count, beta), count))


def _scaled(factor, array):
    """factor * array, in the array's dtype"""
    return lax.mul(lax.full_like(array, factor), array)
