"""Gradient clipping, by the norm of all gradients together or element by element.

`foreach` is accepted and has no effect: the clipping is part of the step's program.
"""

from __future__ import annotations

import types
import warnings

import jax.numpy as jnp

from jtorch.core.grad import no_grad
from jtorch.core.op import Array, op
from jtorch.core.ops.arithmetic.logic import clamp
from jtorch.core.ops.rules import norm_of
from jtorch.core.tensor import Tensor, tensor


@op
def _total_norm(tensors: list[Array], ord: float) -> Array:
    """The norm of the tensors' norms."""
    norms = [norm_of(x, ord, None, False) for x in tensors]
    widest = jnp.result_type(*norms)
    return norm_of(jnp.stack([n.astype(widest) for n in norms]), ord, None, False)


def _listed(tensors):
    return [tensors] if isinstance(tensors, Tensor) else list(tensors)


@no_grad()
def get_total_norm(tensors, norm_type=2.0, error_if_nonfinite=False, foreach=None):
    """The norm of all tensors together, as of one long vector.

    Raises:
        RuntimeError: with `error_if_nonfinite`, when the norm is nan or infinite (this check waits for the value).

    >>> torch.nn.utils.get_total_norm([torch.tensor([3.]), torch.tensor([[4.]])])
    tensor(5.)
    """
    tensors, norm_type = _listed(tensors), float(norm_type)
    if not tensors:
        return tensor(0.0)
    first = tensors[0].device
    total = _total_norm([t.to(first) for t in tensors], norm_type)
    if error_if_nonfinite and not total.isfinite():
        raise RuntimeError(
            f"The total norm of order {norm_type} for gradients from `parameters` is non-finite, so it cannot be clipped. "
            "To disable this error and scale the gradients by the non-finite norm anyway, set `error_if_nonfinite=False`"
        )
    return total


@no_grad()
def clip_grads_with_norm_(parameters, max_norm, total_norm, foreach=None):
    """grad · min(1, max_norm / (total_norm + 1e-6)), in place."""
    coefficient = clamp(float(max_norm) / (total_norm + 1e-6), max=1.0)
    for p in _listed(parameters):
        if p.grad is not None:
            p.grad.mul_(coefficient.to(p.grad.device))


def clip_grad_norm_(parameters, max_norm, norm_type=2.0, error_if_nonfinite=False, foreach=None):
    """Scale all gradients, in place, so that their common norm is at most max_norm.

    Returns:
        The norm before.

    >>> w = torch.ones(4, requires_grad=True)
    >>> w.sum().backward()
    >>> torch.nn.utils.clip_grad_norm_([w], 1.0), w.grad
    (tensor(2.), tensor([0.5000, 0.5000, 0.5000, 0.5000]))
    """
    empty = isinstance(parameters, types.GeneratorType)
    parameters = _listed(parameters)
    if empty and not parameters:
        warnings.warn("`parameters` is an empty generator, no gradient clipping will occur.", stacklevel=2)
    total = get_total_norm([p.grad for p in parameters if p.grad is not None], norm_type, error_if_nonfinite)
    clip_grads_with_norm_(parameters, max_norm, total)
    return total


def clip_grad_norm(parameters, max_norm, norm_type=2.0, error_if_nonfinite=False, foreach=None):
    """The old name of `clip_grad_norm_`."""
    warnings.warn(
        "`torch.nn.utils.clip_grad_norm` is now deprecated in favor of `torch.nn.utils.clip_grad_norm_`.",
        FutureWarning,
        stacklevel=2,
    )
    return clip_grad_norm_(parameters, max_norm, norm_type, error_if_nonfinite, foreach)


@no_grad()
def clip_grad_value_(parameters, clip_value, foreach=None):
    """Clamp each element of each gradient to [-clip_value, clip_value], in place.

    >>> w = torch.ones(2, requires_grad=True)
    >>> (w * torch.tensor([5., -0.5])).sum().backward()
    >>> torch.nn.utils.clip_grad_value_(w, 1.0); w.grad
    tensor([ 1.0000, -0.5000])
    """
    limit = float(clip_value)
    for p in _listed(parameters):
        if p.grad is not None:
            p.grad.clamp_(-limit, limit)
