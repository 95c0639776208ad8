"""Muon."""

from __future__ import annotations

import math

import jax.numpy as jnp
import optax

from jtorch.optim._functional import TransformOptimizer, blend, check_lr, descent


class Muon(TransformOptimizer):
    """p -= lr * (orthogonal matrix nearest to the averaged gradient), for matrices.

    Args:
        params: matrices. Other parameters need another optimizer.
        lr: learning rate, >= 0.
        weight_decay: subtracted from the parameter, >= 0.
        momentum: fraction of the average kept per step, >= 0.
        nesterov: look ahead by one step of momentum.
        ns_coefficients: a, b, c of the iteration X <- aX + (bA + cA²)X with A = XXᵀ.
        eps: the smallest norm that the average is divided by.
        ns_steps: number of iterations, below 100.
        adjust_lr_fn: how lr follows the shape: "original" (default) or "match_rms_adamw".

    Raises:
        ValueError: a setting is out of its range, or a parameter that is not a matrix.

    >>> w = torch.eye(2, requires_grad=True)
    >>> optimizer = torch.optim.Muon([w], lr=0.1)
    >>> (w * 3).sum().backward()
    >>> optimizer.step()
    >>> w.shape
    torch.Size([2, 2])
    """

    __module__ = "jtorch.optim"  # PyTorch's files name it there
    state_names = {"trace": "momentum_buffer"}
    elementwise = False

    def __init__(
        self,
        params,
        lr=1e-3,
        weight_decay=0.1,
        momentum=0.95,
        nesterov=True,
        ns_coefficients=(3.4445, -4.7750, 2.0315),
        eps=1e-7,
        ns_steps=5,
        adjust_lr_fn=None,
    ):
        check_lr(lr, "Learning rate should be >= 0 but is: {}")
        if not 0.0 <= momentum:
            raise ValueError(f"momentum should be >= 0 but is: {momentum}")
        if not 0.0 <= weight_decay:
            raise ValueError(f"weight decay should be >= 0 but is: {weight_decay}")
        if adjust_lr_fn not in (None, "original", "match_rms_adamw"):
            raise ValueError(f"Adjust learning rate function {adjust_lr_fn} is not supported")
        super().__init__(
            params,
            dict(
                lr=lr,
                weight_decay=weight_decay,
                momentum=momentum,
                nesterov=nesterov,
                ns_coefficients=ns_coefficients,
                eps=eps,
                ns_steps=ns_steps,
                adjust_lr_fn=adjust_lr_fn,
            ),
        )
        for p in [p for group in self.param_groups for p in group["params"]]:
            if p.ndim != 2:
                raise ValueError(f"Muon only supports 2D parameters whereas we found a parameter with size: {p.size()}")

    def _check_parameter(self, p):
        if p.is_complex():
            raise RuntimeError("Muon does not support complex parameters")

    @staticmethod
    def transformation(weight_decay, momentum, nesterov, ns_coefficients, eps, ns_steps, adjust_lr_fn):
        if ns_steps >= 100:
            raise ValueError("Number of steps must be less than 100 for computational efficiency")
        if len(ns_coefficients) != 3:
            raise ValueError("Coefficients must be a tuple of exactly 3 values")

        def init(params):
            return optax.TraceState([jnp.zeros_like(p) for p in params])

        def update(updates, state, params=None):
            trace = [blend(v, g, 1 - momentum) for g, v in zip(updates, state.trace, strict=True)]
            ahead = [blend(g, v, momentum) for g, v in zip(updates, trace, strict=True)] if nesterov else trace
            out = [
                _ratio(g.shape, adjust_lr_fn) * _orthogonal(g, ns_coefficients, ns_steps, eps).astype(g.dtype)
                for g in ahead
            ]
            return out, optax.TraceState(trace)

        muon = optax.GradientTransformation(init, update)
        return descent(muon, maximize=False, weight_decay=weight_decay, decoupled=True)


def _ratio(shape, adjust):
    rows, columns = shape
    if adjust == "match_rms_adamw":
        return 0.2 * math.sqrt(max(rows, columns))
    return math.sqrt(max(1, rows / columns))


def _orthogonal(g, coefficients, steps, eps):
    """The Newton-Schulz iteration in bfloat16. Each product is summed in float32 and rounded once."""
    a, b, c = coefficients
    x = g.astype(jnp.bfloat16)
    tall = g.shape[0] > g.shape[1]
    x = x.T if tall else x
    norm = jnp.sqrt(jnp.sum(jnp.square(x.astype(jnp.float32)))).astype(jnp.bfloat16)
    x = x / jnp.maximum(norm, jnp.asarray(eps, jnp.bfloat16))
    for _ in range(steps):
        gram = jnp.matmul(x, x.T, preferred_element_type=jnp.float32).astype(jnp.bfloat16)
        x = _add_matmul(a, x, _add_matmul(b, gram, gram, gram, c), x)
    return x.T if tall else x


def _add_matmul(scale, start, left, right, factor=1):
    product = jnp.matmul(left, right, preferred_element_type=jnp.float32)
    return (scale * start.astype(jnp.float32) + factor * product).astype(jnp.bfloat16)
