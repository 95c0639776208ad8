"""SparseAdam."""

from __future__ import annotations

import jax.numpy as jnp
import optax

from jtorch.optim._functional.rules import lerp, stateful
from jtorch.optim._functional.transform_optimizer import ChainedOptimizer, check_rate, preconditioned


class SparseAdam(ChainedOptimizer):
    """Adam that leaves alone the rows whose gradient is zero: those that an embedding did not look up.

    Args:
        params: what to optimize.
        lr: learning rate, > 0.
        betas: fractions of the averages of the gradient and of its square kept per step, each in [0, 1).
        eps: added to the root of the averaged square, > 0.
        maximize: go up instead of down.

    Raises:
        ValueError: a setting out of its range, or a complex parameter.

    Differs from torch: gradients are dense here, also those of an embedding with sparse=True, so a row of zeros
    stands for one that is not in a sparse gradient, and a dense gradient is not refused.
    """

    elementwise = False

    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, maximize=False):
        check_rate(lr, least_is_valid=False)
        if not 0.0 < eps:
            raise ValueError(f"Invalid epsilon value: {eps}")
        for i, beta in enumerate(betas):
            if not 0.0 <= beta < 1.0:
                raise ValueError(f"Invalid beta parameter at index {i}: {beta}")
        super().__init__(params, dict(lr=lr, betas=betas, eps=eps, maximize=maximize))
        found = [
            [i, j] for i, group in enumerate(self.param_groups) for j, p in enumerate(group["params"]) if p.is_complex()
        ]
        if found:
            raise ValueError(f"Complex params at indices {found}: SparseAdam does not support complex parameters")

    @staticmethod
    def chain(betas, eps, maximize):
        b1, b2 = betas

        def advance(t, rate):
            return (jnp.sqrt(1 - b2**t) / (1 - b1**t),), ()

        def rule(numbers, g, p, exp_avg, exp_avg_sq):
            met = jnp.any(g != 0, axis=tuple(range(1, g.ndim)), keepdims=True)
            exp_avg = jnp.where(met, lerp(exp_avg, g, 1 - b1), exp_avg)
            exp_avg_sq = jnp.where(met, lerp(exp_avg_sq, g * g, 1 - b2), exp_avg_sq)
            update = numbers[0] * exp_avg / (jnp.sqrt(exp_avg_sq) + eps)
            return jnp.where(met, update, 0), exp_avg, exp_avg_sq

        return optax.chain(*preconditioned(maximize, 0), stateful(("exp_avg", "exp_avg_sq"), rule, advance=advance))
