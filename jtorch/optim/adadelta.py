"""Adadelta."""

from __future__ import annotations

import optax

from jtorch.optim._functional import TransformOptimizer, check_settings, descent, step_counter, step_lists


class Adadelta(TransformOptimizer):
    """p -= lr * d, with d = grad * sqrt(average of d²) / sqrt(average of grad²).

    Args:
        params: the parameters to optimize.
        lr: scales the step, >= 0; 1 as the method was published.
        rho: fraction of the averages kept per step, in [0, 1].
        eps: added to both averages, in units of the square.
        weight_decay: L2 penalty, >= 0.
        maximize: maximize the objective instead of minimizing it.
        differentiable: record the step for autograd, so that a gradient can flow through it.
        foreach, capturable: choose among PyTorch's implementations; without effect, since a step is one program.

    Raises:
        ValueError: a setting is out of its range.

    >>> w = torch.tensor([1.0], requires_grad=True)
    >>> optimizer = torch.optim.Adadelta([w], lr=1.0)
    >>> (w * 3).sum().backward()
    >>> optimizer.step()
    >>> w.detach()
    tensor([0.9968])
    """

    state_names = {"e_g": "square_avg", "e_x": "acc_delta"}

    def __init__(
        self,
        params,
        lr=1.0,
        rho=0.9,
        eps=1e-6,
        weight_decay=0,
        foreach=None,
        *,
        capturable=False,
        maximize=False,
        differentiable=False,
    ):
        check_settings(lr)
        if not 0.0 <= rho <= 1.0:
            raise ValueError(f"Invalid rho value: {rho}")
        check_settings(eps=eps, weight_decay=weight_decay)
        super().__init__(
            params,
            dict(
                lr=lr,
                rho=rho,
                eps=eps,
                weight_decay=weight_decay,
                maximize=maximize,
                capturable=capturable,
                foreach=foreach,
                differentiable=differentiable,
            ),
        )

    @staticmethod
    def transformation(rho, eps, weight_decay, maximize):
        scale = optax.scale_by_adadelta(rho, eps)
        return descent(step_counter(), scale, maximize=maximize, weight_decay=weight_decay)


def adadelta(
    params,
    grads,
    square_avgs,
    acc_deltas,
    state_steps,
    capturable=False,
    foreach=None,
    differentiable=False,
    has_complex=False,
    *,
    lr,
    rho,
    eps,
    weight_decay,
    maximize,
):
    """One step of `Adadelta` on lists of tensors, in place. `foreach` and its like choose PyTorch's kernel and have no effect."""
    states = {"step": state_steps, "square_avg": square_avgs, "acc_delta": acc_deltas}
    step_lists(Adadelta, params, grads, states, lr, rho=rho, eps=eps, weight_decay=weight_decay, maximize=maximize)
