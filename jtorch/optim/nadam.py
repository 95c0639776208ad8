"""NAdam."""

from __future__ import annotations

import jax.numpy as jnp

from jtorch.optim._functional import TransformOptimizer, check_settings, descent, moments, per_parameter, step_lists


class NAdam(TransformOptimizer):
    """Adam with Nesterov's momentum: the average is corrected with the momentum of the next step.

    Args:
        params: the parameters to optimize.
        lr: learning rate, >= 0.
        betas: fractions of the averages of the gradient and of its square kept per step, each in [0, 1).
        eps: added to the root of the averaged square, same unit as the gradient.
        weight_decay: L2 penalty, >= 0.
        momentum_decay: how fast the momentum grows towards betas[0], per step, >= 0.
        decoupled_weight_decay: subtract the weight decay from the parameter instead of adding it to the gradient.
        maximize: maximize the objective instead of minimizing it.
        differentiable: record the step for autograd, so that a gradient can flow through it.
        foreach, capturable: choose among PyTorch's implementations; without effect, since a step is one program.

    Raises:
        ValueError: a setting is out of its range.

    >>> w = torch.tensor([1.0], requires_grad=True)
    >>> optimizer = torch.optim.NAdam([w], lr=0.1)
    >>> (w * 3).sum().backward()
    >>> optimizer.step()
    >>> w.detach()
    tensor([0.8944])
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
    def initial_value(name, settings):
        return 1 if name == "mu_product" else 0

    @staticmethod
    def transformation(betas, eps, weight_decay, momentum_decay, decoupled_weight_decay, maximize):
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
            exp_avg, exp_avg_sq = moments(betas, g, exp_avg, exp_avg_sq)
            update = (now * g + ahead * exp_avg) / (jnp.sqrt(exp_avg_sq / correction) + eps)
            return update, exp_avg, exp_avg_sq

        nadam = per_parameter(("exp_avg", "exp_avg_sq"), rule, ("mu_product",), advance)
        return descent(nadam, maximize=maximize, weight_decay=weight_decay, decoupled=decoupled_weight_decay)


def nadam(
    params,
    grads,
    exp_avgs,
    exp_avg_sqs,
    mu_products,
    state_steps,
    decoupled_weight_decay=False,
    foreach=None,
    capturable=False,
    differentiable=False,
    has_complex=False,
    maximize=False,
    *,
    beta1,
    beta2,
    lr,
    weight_decay,
    momentum_decay,
    eps,
):
    """One step of `NAdam` on lists of tensors, in place. `foreach` and its like choose PyTorch's kernel and have no effect."""
    states = {"step": state_steps, "mu_product": mu_products, "exp_avg": exp_avgs, "exp_avg_sq": exp_avg_sqs}
    step_lists(
        NAdam,
        params,
        grads,
        states,
        lr,
        betas=(beta1, beta2),
        eps=eps,
        weight_decay=weight_decay,
        momentum_decay=momentum_decay,
        decoupled_weight_decay=decoupled_weight_decay,
        maximize=maximize,
    )
