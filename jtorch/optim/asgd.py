"""ASGD: gradient descent whose result is an average."""

from __future__ import annotations

import jax.numpy as jnp

from jtorch.optim._functional import TransformOptimizer, blend, check_settings, descent, per_parameter, step_lists


class ASGD(TransformOptimizer):
    """p -= eta * (grad + lambd * p) with a falling eta, and the average of p in state["ax"].

    Args:
        params: the parameters to optimize.
        lr: eta at first, >= 0.
        lambd: decay of the parameter, and of eta.
        alpha: power by which eta falls.
        t0: the step at which averaging starts.
        weight_decay: L2 penalty, >= 0.
        maximize: maximize the objective instead of minimizing it.
        differentiable: record the step for autograd, so that a gradient can flow through it.
        foreach, capturable: choose among PyTorch's implementations; without effect, since a step is one program.

    Raises:
        ValueError: a setting is out of its range.

    >>> w = torch.tensor([1.0], requires_grad=True)
    >>> optimizer = torch.optim.ASGD([w], lr=0.1)
    >>> (w * 3).sum().backward()
    >>> optimizer.step()
    >>> w.detach()
    tensor([0.7000])
    """

    scalars = ("step", "eta", "mu")
    applies_lr = True

    def __init__(
        self,
        params,
        lr=1e-2,
        lambd=1e-4,
        alpha=0.75,
        t0=1e6,
        weight_decay=0,
        foreach=None,
        maximize=False,
        differentiable=False,
        capturable=False,
    ):
        check_settings(lr, weight_decay=weight_decay)
        super().__init__(
            params,
            dict(
                lr=lr,
                lambd=lambd,
                alpha=alpha,
                t0=t0,
                weight_decay=weight_decay,
                foreach=foreach,
                maximize=maximize,
                differentiable=differentiable,
                capturable=capturable,
            ),
        )

    @staticmethod
    def initial_value(name, settings):
        return 1 if name == "mu" else 0

    @staticmethod
    def transformation(lambd, alpha, t0, weight_decay, maximize):
        def advance(t, rate, eta, mu):
            rate = jnp.asarray(rate, t.dtype)
            eta = jnp.where(t == 1, rate, eta)
            return (eta, mu), (rate / (1 + lambd * rate * t) ** alpha, 1 / jnp.maximum(1, t - t0))

        def rule(numbers, g, p, ax):
            eta, mu = numbers
            update = eta * (lambd * p + g)
            return update, blend(ax, p - update, mu)

        average = per_parameter(("ax",), rule, ("eta", "mu"), advance)
        return descent(average, maximize=maximize, weight_decay=weight_decay)


def asgd(
    params,
    grads,
    axs,
    mus,
    etas,
    state_steps,
    foreach=None,
    maximize=False,
    differentiable=False,
    capturable=False,
    has_complex=False,
    *,
    lambd,
    lr,
    t0,
    alpha,
    weight_decay,
):
    """One step of `ASGD` on lists of tensors, in place. `foreach` and its like choose PyTorch's kernel and have no effect."""
    states = {"step": state_steps, "eta": etas, "mu": mus, "ax": axs}
    step_lists(
        ASGD, params, grads, states, lr, lambd=lambd, alpha=alpha, t0=t0, weight_decay=weight_decay, maximize=maximize
    )
