"""RMSprop."""

from __future__ import annotations

import optax

from jtorch.optim._functional import TransformOptimizer, check_settings, descent, step_counter, step_lists


class RMSprop(TransformOptimizer):
    """p -= lr * grad / (sqrt(v) + eps), with v a running average of the squared gradient.

    Args:
        params: the parameters to optimize.
        lr: learning rate, >= 0.
        alpha: fraction of v that is kept per step, >= 0.
        eps: added to sqrt(v), same unit as the gradient.
        weight_decay: L2 penalty, >= 0.
        momentum: fraction of the last update kept per step, >= 0.
        centered: divide by the estimated deviation instead of the root mean square.
        maximize: maximize the objective instead of minimizing it.
        differentiable: record the step for autograd, so that a gradient can flow through it.
        foreach, capturable: choose among PyTorch's implementations; without effect, since a step is one program.

    Raises:
        ValueError: a setting is out of its range.

    >>> w = torch.tensor([1.0], requires_grad=True)
    >>> optimizer = torch.optim.RMSprop([w], lr=0.1)
    >>> (w * 3).sum().backward()
    >>> optimizer.step()
    >>> w.detach()
    tensor([0.])
    """

    state_names = {"count": "step", "nu": "square_avg", "trace": "momentum_buffer", "mu": "grad_avg"}

    def __init__(
        self,
        params,
        lr=1e-2,
        alpha=0.99,
        eps=1e-8,
        weight_decay=0,
        momentum=0,
        centered=False,
        capturable=False,
        foreach=None,
        maximize=False,
        differentiable=False,
    ):
        check_settings(lr, eps=eps, momentum=momentum, weight_decay=weight_decay, alpha=alpha)
        super().__init__(
            params,
            {
                "lr": lr,
                "momentum": momentum,
                "alpha": alpha,
                "eps": eps,
                "centered": centered,
                "weight_decay": weight_decay,
                "capturable": capturable,
                "foreach": foreach,
                "maximize": maximize,
                "differentiable": differentiable,
            },
        )

    @staticmethod
    def transformation(momentum, alpha, eps, centered, weight_decay, maximize):
        scale = optax.scale_by_stddev if centered else optax.scale_by_rms
        parts = [step_counter(), scale(alpha, eps, eps_in_sqrt=False), *([optax.trace(momentum)] if momentum else [])]
        return descent(*parts, maximize=maximize, weight_decay=weight_decay)


def rmsprop(
    params,
    grads,
    square_avgs,
    grad_avgs,
    momentum_buffer_list,
    state_steps,
    foreach=None,
    maximize=False,
    differentiable=False,
    capturable=False,
    has_complex=False,
    *,
    lr,
    alpha,
    eps,
    weight_decay,
    momentum,
    centered,
):
    """One step of `RMSprop` on lists of tensors, in place. `foreach` and its like choose PyTorch's kernel and have no effect."""
    states = {
        "step": state_steps,
        "square_avg": square_avgs,
        "grad_avg": grad_avgs,
        "momentum_buffer": momentum_buffer_list,
    }
    step_lists(
        RMSprop,
        params,
        grads,
        states,
        lr,
        momentum=momentum,
        alpha=alpha,
        eps=eps,
        centered=centered,
        weight_decay=weight_decay,
        maximize=maximize,
    )
