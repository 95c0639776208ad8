"""SparseAdam."""

from __future__ import annotations

import jax.numpy as jnp

from jtorch.optim._functional import TransformOptimizer, blend, check_betas, check_lr, descent, per_parameter


class SparseAdam(TransformOptimizer):
    """Adam that does not change the rows whose gradient is zero: those that an embedding did not look up.

    Args:
        params: the parameters to optimize.
        lr: learning rate, > 0.
        betas: fractions of the averages of the gradient and of its square kept per step, each in [0, 1).
        eps: added to the root of the averaged square, > 0.
        maximize: maximize the objective instead of minimizing it.

    Raises:
        ValueError: a setting is out of its range, or a complex parameter.

    Differs from torch: gradients are dense here, also those of an embedding with sparse=True. A row of zeros means a
    row that is not in a sparse gradient, and a dense gradient is accepted.

    >>> w = torch.tensor([1.0], requires_grad=True)
    >>> optimizer = torch.optim.SparseAdam([w], lr=0.1)
    >>> (w * 3).sum().backward()
    >>> optimizer.step()
    >>> w.detach()
    tensor([0.9000])
    """

    elementwise = False

    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, maximize=False):
        check_lr(lr, allow_zero=False)
        if not 0.0 < eps:
            raise ValueError(f"Invalid epsilon value: {eps}")
        check_betas(betas)
        super().__init__(params, dict(lr=lr, betas=betas, eps=eps, maximize=maximize))
        found = [
            [i, j] for i, group in enumerate(self.param_groups) for j, p in enumerate(group["params"]) if p.is_complex()
        ]
        if found:
            raise ValueError(f"Complex params at indices {found}: SparseAdam does not support complex parameters")

    @staticmethod
    def transformation(betas, eps, maximize):
        b1, b2 = betas

        def advance(t, rate):
            return (jnp.sqrt(1 - b2**t) / (1 - b1**t),), ()

        def rule(numbers, g, p, exp_avg, exp_avg_sq):
            looked_up = jnp.any(g != 0, axis=tuple(range(1, g.ndim)), keepdims=True)
            exp_avg = jnp.where(looked_up, blend(exp_avg, g, 1 - b1), exp_avg)
            exp_avg_sq = jnp.where(looked_up, blend(exp_avg_sq, g * g, 1 - b2), exp_avg_sq)
            update = numbers[0] * exp_avg / (jnp.sqrt(exp_avg_sq) + eps)
            return jnp.where(looked_up, update, 0), exp_avg, exp_avg_sq

        return descent(per_parameter(("exp_avg", "exp_avg_sq"), rule, advance=advance), maximize=maximize)
