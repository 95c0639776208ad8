"""Adam."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import lax

from jtorch.core.tensor import Tensor
from jtorch.optim._functional import TransformOptimizer, check_settings, descent, step_lists


class Adam(TransformOptimizer):
    """p -= lr * m / (sqrt(v) + eps), with m and v the bias-corrected averages of the gradient and its square.

    Args:
        params: the parameters to optimize.
        lr: learning rate, >= 0.
        betas: fractions of m and of v kept per step, each in [0, 1).
        eps: added to sqrt(v), same unit as the gradient.
        weight_decay: L2 penalty, >= 0, added to the gradient.
        amsgrad: divide by the largest v so far.
        maximize: maximize the objective instead of minimizing it.
        decoupled_weight_decay: subtract the weight decay from the parameter instead, as AdamW does.
        differentiable: record the step for autograd, so that a gradient can flow through it.
        foreach, capturable, fused: choose among PyTorch's implementations; without effect, since a step is one
            program.

    Raises:
        ValueError: a setting is out of its range.

    >>> w = torch.tensor([1.0], requires_grad=True)
    >>> optimizer = torch.optim.Adam([w], lr=0.1)
    >>> (w * 3).sum().backward()
    >>> optimizer.step()
    >>> w.detach()
    tensor([0.9000])
    """

    state_names = {"count": "step", "mu": "exp_avg", "nu": "exp_avg_sq", "nu_max": "max_exp_avg_sq"}

    def __init__(
        self,
        params,
        lr=1e-3,
        betas=(0.9, 0.999),
        eps=1e-8,
        weight_decay=0,
        amsgrad=False,
        *,
        foreach=None,
        maximize=False,
        capturable=False,
        differentiable=False,
        fused=None,
        decoupled_weight_decay=False,
    ):
        betas = _check_tensors(lr, betas, foreach and not capturable)
        check_settings(lr, betas, eps=eps, weight_decay=weight_decay)
        if not all(isinstance(beta, float) for beta in betas):
            raise ValueError("betas must be either both floats or both Tensors")
        super().__init__(
            params,
            {
                "lr": lr,
                "betas": betas,
                "eps": eps,
                "weight_decay": weight_decay,
                "amsgrad": amsgrad,
                "maximize": maximize,
                "foreach": foreach,
                "capturable": capturable,
                "differentiable": differentiable,
                "fused": fused,
                "decoupled_weight_decay": decoupled_weight_decay,
            },
        )

    @staticmethod
    def transformation(betas, eps, weight_decay, amsgrad, maximize, decoupled_weight_decay=False):
        adam = _scale_by_adam(*betas, eps, amsgrad)
        return descent(adam, maximize=maximize, weight_decay=weight_decay, decoupled=decoupled_weight_decay)


def adam(
    params,
    grads,
    exp_avgs,
    exp_avg_sqs,
    max_exp_avg_sqs,
    state_steps,
    foreach=None,
    capturable=False,
    differentiable=False,
    fused=None,
    grad_scale=None,
    found_inf=None,
    has_complex=False,
    decoupled_weight_decay=False,
    *,
    amsgrad,
    beta1,
    beta2,
    lr,
    weight_decay,
    eps,
    maximize,
):
    """One step of `Adam` on lists of tensors, in place. `foreach` and its like choose PyTorch's kernel and have no effect."""
    states = {"step": state_steps, "exp_avg": exp_avgs, "exp_avg_sq": exp_avg_sqs, "max_exp_avg_sq": max_exp_avg_sqs}
    betas = tuple([beta.item() if isinstance(beta, Tensor) else beta for beta in (beta1, beta2)])
    step_lists(
        Adam,
        params,
        grads,
        states,
        lr,
        grad_scale,
        found_inf,
        fused,
        betas=betas,
        eps=eps,
        weight_decay=weight_decay,
        amsgrad=amsgrad,
        maximize=maximize,
        decoupled_weight_decay=decoupled_weight_decay,
    )


def _check_tensors(lr, betas, plain_foreach):
    """betas as numbers. Raises PyTorch's errors for settings that are tensors."""
    if isinstance(lr, Tensor) and plain_foreach:
        raise ValueError("lr as a Tensor is not supported for capturable=False and foreach=True")
    tensors = [isinstance(beta, Tensor) for beta in betas]
    if any(tensors) and not all(tensors):
        raise ValueError("betas must be either both floats or both Tensors")
    for i, beta in enumerate(betas):
        if isinstance(beta, Tensor) and plain_foreach:
            raise ValueError(f"betas[{i}] as a Tensor is not supported for capturable=False and foreach=True")
        if isinstance(beta, Tensor) and beta.numel() != 1:
            raise ValueError(f"Tensor betas[{i}] must be 1-element")
    return tuple([beta.item() for beta in betas]) if any(tensors) else betas


class _AmsgradState(NamedTuple):
    count: jax.Array
    mu: list
    nu: list
    nu_max: list


def _scale_by_adam(b1, b2, eps, amsgrad):
    """optax.scale_by_adam in PyTorch's arithmetic.

    The corrections are computed once and the averages multiplied by them. optax divides each element by them, which
    is a quarter of the time of a large update. AMSGrad takes the maximum of the raw averages; optax corrects them
    first.

    Written with `lax` functions, not operators: JAX traces each operator separately for each new shape, which takes
    1 ms at a start.
    """

    def init(params):
        begin = optax.scale_by_adam().init(params)
        return _AmsgradState(*begin, jax.tree.map(jnp.zeros_like, params)) if amsgrad else begin

    def update(updates, state, params=None):
        count = state.count + 1
        scale, root = lax.div(1.0, _bias_correction(b1, count)), lax.div(1.0, lax.sqrt(_bias_correction(b2, count)))

        def corrected(m, v):
            return lax.div(_scaled_by(scale, m), lax.add(_scaled_by(root, lax.sqrt(v)), lax.full_like(v, eps)))

        mu = jax.tree.map(lambda g, m: lax.add(_scaled_by(b1, m), _scaled_by(1 - b1, g)), updates, state.mu)
        nu = jax.tree.map(lambda g, v: lax.add(_scaled_by(b2, v), lax.mul(_scaled_by(1 - b2, g), g)), updates, state.nu)
        new = state._replace(count=count, mu=mu, nu=nu)
        if amsgrad:
            nu = jax.tree.map(lax.max, state.nu_max, nu)
            new = new._replace(nu_max=nu)
        return jax.tree.map(corrected, mu, nu), new

    return optax.GradientTransformation(init, update)


def _bias_correction(beta, count):
    """1 - beta ** count: the sum of the weights of an average that began at zero."""
    count = lax.convert_element_type(count, jnp.result_type(float))
    return lax.sub(1.0, lax.pow(lax.full_like(count, beta), count))


def _scaled_by(factor, array):
    """factor * array, in the array's dtype"""
    return lax.mul(lax.full_like(array, factor), array)
