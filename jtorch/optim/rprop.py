"""Rprop."""

from __future__ import annotations

import jax.numpy as jnp

from jtorch.optim._functional import TransformOptimizer, check_settings, descent, per_parameter, step_lists


class Rprop(TransformOptimizer):
    """p -= s * sign(grad), with a step size s for each element that grows while its gradient keeps its sign.

    Args:
        params: the parameters to optimize.
        lr: the first step size, >= 0.
        etas: the factors of s where the sign changed (< 1), and where it did not (> 1).
        step_sizes: the smallest and the largest s.
        maximize: maximize the objective instead of minimizing it.
        differentiable: record the step for autograd, so that a gradient can flow through it.
        foreach, capturable: choose among PyTorch's implementations; without effect, since a step is one program.

    Raises:
        ValueError: a setting is out of its range.

    >>> w = torch.tensor([1.0], requires_grad=True)
    >>> optimizer = torch.optim.Rprop([w], lr=0.1)
    >>> (w * 3).sum().backward()
    >>> optimizer.step()
    >>> w.detach()
    tensor([0.9000])
    """

    applies_lr = True

    def __init__(
        self,
        params,
        lr=1e-2,
        etas=(0.5, 1.2),
        step_sizes=(1e-6, 50),
        *,
        capturable=False,
        foreach=None,
        maximize=False,
        differentiable=False,
    ):
        check_settings(lr)
        if not 0.0 < etas[0] < 1.0 < etas[1]:
            raise ValueError(f"Invalid eta values: {etas[0]}, {etas[1]}")
        super().__init__(
            params,
            dict(
                lr=lr,
                etas=etas,
                step_sizes=step_sizes,
                foreach=foreach,
                maximize=maximize,
                differentiable=differentiable,
                capturable=capturable,
            ),
        )

    @staticmethod
    def transformation(etas, step_sizes, maximize):
        return _with_step_sizes(etas, step_sizes, maximize, begins_with_rate=True)


class _Begun(Rprop):
    """Rprop whose step sizes are given before the first step."""

    @staticmethod
    def transformation(etas, step_sizes, maximize):
        return _with_step_sizes(etas, step_sizes, maximize, begins_with_rate=False)


def _with_step_sizes(etas, step_sizes, maximize, begins_with_rate):
    def advance(t, rate):
        return (t, rate), ()

    def rule(numbers, g, p, prev, step_size):
        t, rate = numbers
        if begins_with_rate:
            step_size = jnp.where(t == 1, rate, step_size)
        turned = jnp.sign(g * prev)
        step_size = jnp.clip(step_size * jnp.where(turned > 0, etas[1], jnp.where(turned < 0, etas[0], 1)), *step_sizes)
        g = jnp.where(turned < 0, 0, g)
        return step_size * jnp.sign(g), g, step_size

    return descent(per_parameter(("prev", "step_size"), rule, advance=advance), maximize=maximize)


def rprop(
    params,
    grads,
    prevs,
    step_sizes,
    state_steps,
    foreach=None,
    capturable=False,
    maximize=False,
    differentiable=False,
    has_complex=False,
    *,
    step_size_min,
    step_size_max,
    etaminus,
    etaplus,
):
    """One step of `Rprop` on lists of tensors, in place. `foreach` and its like choose PyTorch's kernel and have no effect."""
    states = {"step": state_steps, "prev": prevs, "step_size": step_sizes}
    step_lists(
        _Begun,
        params,
        grads,
        states,
        0.0,
        etas=(etaminus, etaplus),
        step_sizes=(step_size_min, step_size_max),
        maximize=maximize,
    )
