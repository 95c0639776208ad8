"""Adafactor."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

from jtorch.optim._functional import TransformOptimizer, blend, check_lr, descent


class Adafactor(TransformOptimizer):
    """Adam without momentum. Of the averaged squares of a matrix only one row and one column are kept.

    Args:
        params: the parameters to optimize.
        lr: largest relative step, >= 0.
        beta2_decay: power of the step count by which new squares count, <= 0.
        eps: least size of the averaged squares' root (None: the dtype's eps), least size of the parameters.
        d: largest root mean square of an update, >= 1.
        weight_decay: subtracted from the parameter, >= 0.
        maximize: maximize the objective instead of minimizing it.
        foreach: chooses among PyTorch's implementations; without effect, since a step is one program.

    Raises:
        ValueError: a setting is out of its range.

    >>> w = torch.tensor([1.0], requires_grad=True)
    >>> optimizer = torch.optim.Adafactor([w], lr=0.1)
    >>> (w * 3).sum().backward()
    >>> optimizer.step()
    >>> w.detach()
    tensor([0.9000])
    """

    __module__ = "jtorch.optim"  # PyTorch's files name it there
    elementwise = False
    applies_lr = True

    def __init__(
        self,
        params,
        lr=1e-2,
        beta2_decay=-0.8,
        eps=(None, 1e-3),
        d=1.0,
        weight_decay=0.0,
        *,
        foreach=None,
        maximize=False,
    ):
        check_lr(lr, "Learning rate should be >= 0 but is: {}")
        if not 0.0 >= beta2_decay:
            raise ValueError(f"beta2_decay should be <= 0 but is: {beta2_decay}")
        if eps[0] is not None and not 0.0 <= eps[0]:
            raise ValueError(f"epsilon1 should be >= 0 but is: {eps[0]}")
        if not 0.0 <= eps[1]:
            raise ValueError(f"epsilon2 should be >= 0 but is: {eps[1]}")
        if not 1.0 <= d:
            raise ValueError(f"Clipping threshold d should be >= 1 but is: {d}")
        if not 0.0 <= weight_decay:
            raise ValueError(f"weight_decay should be >= 0 but is: {weight_decay}")
        super().__init__(
            params,
            dict(
                lr=lr,
                beta2_decay=beta2_decay,
                eps=eps,
                d=d,
                weight_decay=weight_decay,
                foreach=foreach,
                maximize=maximize,
            ),
        )

    def _check_parameter(self, p):
        if p.is_complex():
            raise RuntimeError("Adafactor does not support complex parameters")

    @staticmethod
    def transformation(beta2_decay, eps, d, weight_decay, maximize):
        return descent(_scale_by_adafactor(beta2_decay, eps, d, weight_decay), maximize=maximize)


class _AdafactorState(NamedTuple):
    count: jax.Array
    row_var: list
    col_var: list
    variance: list


def _scale_by_adafactor(beta2_decay, eps, d, weight_decay):
    def init(params):
        matrices = [p for p in params if p.ndim > 1]
        return _AdafactorState(
            jnp.zeros((), jnp.int32),
            [jnp.zeros((*p.shape[:-1], 1), p.dtype) for p in matrices],
            [jnp.zeros((*p.shape[:-2], 1, p.shape[-1]), p.dtype) for p in matrices],
            [jnp.zeros_like(p) for p in params if p.ndim <= 1],
        )

    def update(updates, state, params=None, *, rate=None, **_):
        t = (state.count + 1).astype(jnp.float64)
        rows, columns, vectors = iter(state.row_var), iter(state.col_var), iter(state.variance)
        new = _AdafactorState(state.count + 1, [], [], [])
        out = []
        for g, p in zip(updates, params, strict=True):
            weight = (t**beta2_decay).astype(g.dtype)
            least = jnp.finfo(p.dtype).eps if eps[0] is None else eps[0]
            if g.ndim > 1:
                new.row_var.append(blend(next(rows), jnp.mean(g * g, axis=-1, keepdims=True), weight))
                new.col_var.append(blend(next(columns), jnp.mean(g * g, axis=-2, keepdims=True), weight))
                row, column = new.row_var[-1], new.col_var[-1]
                square = row * column / jnp.maximum(jnp.mean(row, axis=-2, keepdims=True), least)
            else:
                new.variance.append(blend(next(vectors), g * g, weight))
                square = new.variance[-1]
            step = g / jnp.sqrt(jnp.maximum(square, least * least))
            size = jnp.maximum(eps[1], _root_mean_square(p)) * jnp.minimum(rate, 1 / jnp.sqrt(t)).astype(p.dtype)
            size = size / jnp.maximum(1, _root_mean_square(step) / d)
            out.append(size * step + jnp.asarray(rate, p.dtype) * weight_decay * p)
        return out, new

    return optax.GradientTransformationExtraArgs(init, update)


def _root_mean_square(x):
    return jnp.sqrt(jnp.mean(x * x))
