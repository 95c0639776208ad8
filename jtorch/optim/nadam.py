"""NAdam."""

from __future__ import annotations

import jax.numpy as jnp
import optax

from jtorch.optim._functional.rules import lerp, stateful
from jtorch.optim._functional.transform_optimizer import ChainedOptimizer, check_settings, preconditioned


class NAdam(ChainedOptimizer):
    """Adam with Nesterov's momentum: the average is corrected as it will be in the next step.

    Args:
        params: what to optimize.
        lr: learning rate, >= 0.
        betas: fractions of the averages of the gradient and of its square kept per step, each in [0, 1).
        eps: added to the root of the averaged square, same unit as the gradient.
        weight_decay: L2 penalty, >= 0.
        momentum_decay: how fast the momentum grows towards betas[0], per step, >= 0.
        decoupled_weight_decay: take weight decay off the parameter instead of adding it to the gradient.
        maximize: go up instead of down.

    Raises:
        ValueError: a setting out of its range.
    """

    scalars = ("step", "mu_product")

    def __init__(
        self,
        params,
        lr=2e-3,
        betas=(0.9, 0.999),
        eps=1e-8,
        weight_decay=0,
        momentum_decay=4e-3,
        decoupled_weight_decay=False,
        *,
        foreach=None,
        maximize=False,
        capturable=False,
        differentiable=False,
    ):
        check_settings(lr, betas, eps=eps, weight_decay=weight_decay, momentum_decay=momentum_decay)
        super().__init__(
            params,
            dict(
                lr=lr,
                betas=betas,
                eps=eps,
                weight_decay=weight_decay,
                momentum_decay=momentum_decay,
                decoupled_weight_decay=decoupled_weight_decay,
                maximize=maximize,
                foreach=foreach,
                capturable=capturable,
                differentiable=differentiable,
            ),
        )

    @staticmethod
    def first_value(name, settings):
        return 1 if name == "mu_product" else 0

    @staticmethod
    def chain(betas, eps, weight_decay, momentum_decay, decoupled_weight_decay, maximize):
        b1, b2 = betas

        def momentum(t):
            return b1 * (1 - 0.5 * 0.96 ** (t * momentum_decay))

        def advance(t, rate, mu_product):
            product = mu_product * momentum(t)
            now = (1 - momentum(t)) / (1 - product)
            ahead = momentum(t + 1) / (1 - product * momentum(t + 1))
            return (now, ahead, 1 - b2**t), (product,)

        def rule(numbers, g, p, exp_avg, exp_avg_sq):
            now, ahead, correction = numbers
            exp_avg = lerp(exp_avg, g, 1 - b1)
            exp_avg_sq = b2 * exp_avg_sq + (1 - b2) * g * g
            update = (now * g + ahead * exp_avg) / (jnp.sqrt(exp_avg_sq / correction) + eps)
            return update, exp_avg, exp_avg_sq

        nadam = stateful(("exp_avg", "exp_avg_sq"), rule, ("mu_product",), advance)
        if decoupled_weight_decay:
            return optax.chain(*preconditioned(maximize, 0), nadam, optax.add_decayed_weights(weight_decay))
        return optax.chain(*preconditioned(maximize, weight_decay), nadam)
