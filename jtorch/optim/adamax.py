"""Adamax."""

from __future__ import annotations

import optax

from jtorch.optim._functional import TransformOptimizer, check_settings, descent, step_lists


class Adamax(TransformOptimizer):
    """p -= lr * m / u, with m the bias-corrected average of the gradient and u the decaying maximum of its absolute value.

    Args:
        params: the parameters to optimize.
        lr: learning rate, >= 0.
        betas: fractions of m and of u kept per step, each in [0, 1).
        eps: added to the gradient's absolute value.
        weight_decay: L2 penalty, >= 0.
        maximize: maximize the objective instead of minimizing it.
        differentiable: record the step for autograd, so that a gradient can flow through it.
        foreach, capturable: choose among PyTorch's implementations; without effect, since a step is one program.

    Raises:
        ValueError: a setting is out of its range.

    >>> w = torch.tensor([1.0], requires_grad=True)
    >>> optimizer = torch.optim.Adamax([w], lr=0.1)
    >>> (w * 3).sum().backward()
    >>> optimizer.step()
    >>> w.detach()
    tensor([0.9000])
    """

    state_names = {"mu": "exp_avg", "nu": "exp_inf"}

    def __init__(
        self,
        params,
        lr=2e-3,
        betas=(0.9, 0.999),
        eps=1e-8,
        weight_decay=0,
        foreach=None,
        *,
        maximize=False,
        differentiable=False,
        capturable=False,
    ):
        check_settings(lr, betas, eps=eps, weight_decay=weight_decay)
        super().__init__(
            params,
            dict(
                lr=lr,
                betas=betas,
                eps=eps,
                weight_decay=weight_decay,
                foreach=foreach,
                maximize=maximize,
                differentiable=differentiable,
                capturable=capturable,
            ),
        )

    @staticmethod
    def transformation(betas, eps, weight_decay, maximize):
        return descent(optax.scale_by_adamax(*betas, eps), maximize=maximize, weight_decay=weight_decay)


def adamax(
    params,
    grads,
    exp_avgs,
    exp_infs,
    state_steps,
    foreach=None,
    maximize=False,
    differentiable=False,
    capturable=False,
    has_complex=False,
    *,
    eps,
    beta1,
    beta2,
    lr,
    weight_decay,
):
    """One step of `Adamax` on lists of tensors, in place. `foreach` and its like choose PyTorch's kernel and have no effect."""
    states = {"step": state_steps, "exp_avg": exp_avgs, "exp_inf": exp_infs}
    step_lists(
        Adamax, params, grads, states, lr, betas=(beta1, beta2), eps=eps, weight_decay=weight_decay, maximize=maximize
    )
