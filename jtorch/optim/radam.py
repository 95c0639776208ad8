"""RAdam."""

from __future__ import annotations

import jax.numpy as jnp

from jtorch.optim._functional import TransformOptimizer, check_settings, descent, moments, per_parameter, step_lists


class RAdam(TransformOptimizer):
    """Adam that divides by the averaged square only when its variance is known well enough, and corrects for the variance.

    Args:
        params: the parameters to optimize.
        lr: learning rate, >= 0.
        betas: fractions of the averages of the gradient and of its square kept per step, each in [0, 1).
        eps: added to the root of the averaged square, same unit as the gradient.
        weight_decay: L2 penalty, >= 0.
        decoupled_weight_decay: subtract the weight decay from the parameter instead of adding it to the gradient.
        maximize: maximize the objective instead of minimizing it.
        differentiable: record the step for autograd, so that a gradient can flow through it.
        foreach, capturable: choose among PyTorch's implementations; without effect, since a step is one program.

    Raises:
        ValueError: a setting is out of its range.

    >>> w = torch.tensor([1.0], requires_grad=True)
    >>> optimizer = torch.optim.RAdam([w], lr=0.1)
    >>> (w * 3).sum().backward()
    >>> optimizer.step()
    >>> w.detach()
    tensor([0.7000])
    """

    def __init__(
        self,
        params,
        lr=1e-3,
        betas=(0.9, 0.999),
        eps=1e-8,
        weight_decay=0,
        decoupled_weight_decay=False,
        *,
        foreach=None,
        maximize=False,
        capturable=False,
        differentiable=False,
    ):
        check_settings(lr, betas, eps=eps, weight_decay=weight_decay)
        super().__init__(
            params,
            dict(
                lr=lr,
                betas=betas,
                eps=eps,
                weight_decay=weight_decay,
                maximize=maximize,
                foreach=foreach,
                capturable=capturable,
                decoupled_weight_decay=decoupled_weight_decay,
                differentiable=differentiable,
            ),
        )

    @staticmethod
    def transformation(betas, eps, weight_decay, decoupled_weight_decay, maximize):
        b1, b2 = betas
        longest = 2 / (1 - b2) - 1  # steps: the length of the average in the limit

        def advance(t, rate):
            correction = 1 - b2**t
            length = longest - 2 * t * b2**t / correction
            grown = (length - 4) * (length - 2) * longest / ((longest - 4) * (longest - 2) * length)
            rectified = length > 5
            scale = jnp.sqrt(jnp.where(rectified, grown, 1.0)) * jnp.sqrt(correction)
            return (1 / (1 - b1**t), rectified, scale), ()

        def rule(numbers, g, p, exp_avg, exp_avg_sq):
            corrected, rectified, scale = numbers
            exp_avg, exp_avg_sq = moments(betas, g, exp_avg, exp_avg_sq)
            adapted = jnp.where(rectified != 0, scale / (jnp.sqrt(exp_avg_sq) + eps), 1)
            return exp_avg * corrected * adapted, exp_avg, exp_avg_sq

        radam = per_parameter(("exp_avg", "exp_avg_sq"), rule, advance=advance)
        return descent(radam, maximize=maximize, weight_decay=weight_decay, decoupled=decoupled_weight_decay)


def radam(
    params,
    grads,
    exp_avgs,
    exp_avg_sqs,
    state_steps,
    decoupled_weight_decay=False,
    foreach=None,
    differentiable=False,
    capturable=False,
    has_complex=False,
    maximize=False,
    *,
    beta1,
    beta2,
    lr,
    weight_decay,
    eps,
):
    """One step of `RAdam` on lists of tensors, in place. `foreach` and its like choose PyTorch's kernel and have no effect."""
    states = {"step": state_steps, "exp_avg": exp_avgs, "exp_avg_sq": exp_avg_sqs}
    step_lists(
        RAdam,
        params,
        grads,
        states,
        lr,
        betas=(beta1, beta2),
        eps=eps,
        weight_decay=weight_decay,
        decoupled_weight_decay=decoupled_weight_decay,
        maximize=maximize,
    )
