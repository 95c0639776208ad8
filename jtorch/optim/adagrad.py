"""Adagrad."""

from __future__ import annotations

import jax.numpy as jnp

from jtorch.optim._functional import TransformOptimizer, check_settings, descent, per_parameter, step_lists


class Adagrad(TransformOptimizer):
    """p -= lr / (1 + t * lr_decay) * grad / (sqrt(s) + eps), with s the sum of all squared gradients.

    Args:
        params: the parameters to optimize.
        lr: learning rate, >= 0.
        lr_decay: how fast the learning rate falls, per step, >= 0.
        weight_decay: L2 penalty, >= 0.
        initial_accumulator_value: the initial value of s, >= 0.
        eps: added to sqrt(s), same unit as the gradient.
        maximize: maximize the objective instead of minimizing it.
        differentiable: record the step for autograd, so that a gradient can flow through it.
        foreach, fused: choose among PyTorch's implementations; without effect, since a step is one program.

    Raises:
        ValueError: a setting is out of its range.

    >>> w = torch.tensor([1.0], requires_grad=True)
    >>> optimizer = torch.optim.Adagrad([w], lr=0.1)
    >>> (w * 3).sum().backward()
    >>> optimizer.step()
    >>> w.detach()
    tensor([0.9000])
    """

    def __init__(
        self,
        params,
        lr=1e-2,
        lr_decay=0,
        weight_decay=0,
        initial_accumulator_value=0,
        eps=1e-10,
        foreach=None,
        *,
        maximize=False,
        differentiable=False,
        fused=None,
    ):
        check_settings(
            lr,
            lr_decay=lr_decay,
            weight_decay=weight_decay,
            initial_accumulator_value=initial_accumulator_value,
            eps=eps,
        )
        super().__init__(
            params,
            dict(
                lr=lr,
                lr_decay=lr_decay,
                eps=eps,
                weight_decay=weight_decay,
                initial_accumulator_value=initial_accumulator_value,
                foreach=foreach,
                maximize=maximize,
                differentiable=differentiable,
                fused=fused,
            ),
        )
        if fused and differentiable:
            raise RuntimeError("`fused` does not support `differentiable`")
        if fused and foreach:
            raise RuntimeError("`fused` and `foreach` cannot be `True` together.")
        self.make_states()

    @staticmethod
    def initial_value(name, settings):
        return settings["initial_accumulator_value"] if name == "sum" else 0

    @staticmethod
    def transformation(lr_decay, eps, weight_decay, initial_accumulator_value, maximize):
        def advance(t, rate):
            return (1 / (1 + (t - 1) * lr_decay),), ()

        def rule(numbers, g, p, sum):
            sum = sum + g * g
            return numbers[0] * g / (jnp.sqrt(sum) + eps), sum

        return descent(per_parameter(("sum",), rule, advance=advance), maximize=maximize, weight_decay=weight_decay)


def adagrad(
    params,
    grads,
    state_sums,
    state_steps,
    fused=None,
    grad_scale=None,
    found_inf=None,
    has_sparse_grad=False,
    foreach=None,
    differentiable=False,
    has_complex=False,
    *,
    lr,
    weight_decay,
    lr_decay,
    eps,
    maximize,
):
    """One step of `Adagrad` on lists of tensors, in place. `foreach` and its like choose PyTorch's kernel and have no effect."""
    states = {"step": state_steps, "sum": state_sums}
    step_lists(
        Adagrad,
        params,
        grads,
        states,
        lr,
        grad_scale,
        found_inf,
        fused,
        lr_decay=lr_decay,
        eps=eps,
        weight_decay=weight_decay,
        initial_accumulator_value=0,
        maximize=maximize,
    )
