"""Losses of probabilities of two classes, and the Kullback-Leibler divergence: parts of `torch.nn.functional`."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jtorch.core.facts import dtypes, warn_user
from jtorch.core.op import (
    Array,
    cast_first,
    common_shape,
    data_checks,
    functional,
    kernel,
    letter,
    op,
    undifferentiable,
)
from jtorch.core.ops.arithmetic.special import xlogy
from jtorch.core.ops.losses.basic import reduced_graph, reduced_loss, reduction_of

_KL = "Sub(Xlogy(target, target), Mul(target, input))"


def _not_probability(x):
    over = x * x - x  # positive where x is outside [0, 1], and nowhere else
    return ~((abs(over) + over).sum() == 0)  # no comparison in the sum: XLA would store its result first


@op(grad_fn="BinaryCrossEntropyBackward0", autocast={"cpu": "float32", "cuda": "banned"}, undifferentiated=("weight",))
def _binary_cross_entropy(input: Array, target: Array, weight: Array | None, reduction: str) -> Array:
    loss = _bce(input, target)
    return reduced_loss(loss if weight is None else loss * weight, reduction).astype(input.dtype)


@jax.custom_jvp
def _bce(x, y):
    # `maximum` may hide NaN (see `rules`), but `binary_cross_entropy` has already raised for NaN.
    return (y - 1) * jnp.maximum(jnp.log1p(-x), -100) - y * jnp.maximum(jnp.log(x), -100)


@_bce.defjvp
def _bce_jvp(primals, tangents):
    (x, y), (dx, dy) = primals, tangents
    logs = jnp.log1p(-x) - jnp.log(x)
    return _bce(x, y), dx * (x - y) / jnp.maximum((1 - x) * x, jnp.asarray(1e-12, x.dtype)) + dy * logs


def _weights_shape(weight, target):
    """The target's shape. Raises unless the weights can be broadcast to it."""
    for i in range(-1, -1 - min(len(weight), len(target)), -1):
        if weight[i] not in (1, target[i]) and target[i] != 1:
            raise RuntimeError(
                f"Attempting to broadcast a dimension of length {weight[i]} at {i}! "
                f"Mismatching argument at index 1 had {weight}; but expected shape should be broadcastable to {list(target)}"
            )
    both = common_shape(tuple(weight), tuple(target))
    if both != tuple(target):
        raise RuntimeError(f"output with shape {list(target)} doesn't match the broadcast shape {list(both)}")
    return target


@functional
def binary_cross_entropy(input, target, weight=None, size_average=None, reduce=None, reduction="mean"):
    """-(y log(x) + (1 - y) log(1 - x)), reduced; a logarithm below -100 counts as -100.

    Args:
        input: probabilities x.
        target: probabilities y, of the input's shape and dtype.
        weight: a factor for each element, broadcast to the target's shape.

    Raises:
        ValueError: target has another size.
        RuntimeError: an input outside [0, 1].

    >>> torch.nn.functional.binary_cross_entropy(torch.tensor([0.5]), torch.tensor([1.]))
    tensor(0.6931)
    """
    reduction = reduction_of(size_average, reduce, reduction)
    if input.shape != target.shape:
        raise ValueError(
            f"Using a target size ({target.size()}) that is different to the input size ({input.size()}) is deprecated. "
            "Please ensure they have the same size."
        )
    input, target, weight = cast_first(input, target, weight, autocast={"cpu": "float32"})
    if target.dtype is not input.dtype:
        raise RuntimeError(f"Found dtype {target.dtype.scalar_name} but expected {input.dtype.scalar_name}")
    if weight is not None and weight.shape != input.shape:
        weight = weight.expand(_weights_shape(weight.shape, target.shape))
    undifferentiable("binary_cross_entropy", "weight", weight)
    if not input.is_floating_point():
        raise NotImplementedError(f"\"binary_cross_entropy\" not implemented for '{input.dtype.scalar_name}'")
    outside = [
        (x, RuntimeError(f"all elements of {n} should be between 0 and 1"))
        for n, x in (("input", input), ("target", target))
    ]
    data_checks(outside, _not_probability)
    return _binary_cross_entropy(input, target, weight, reduction)


@op(
    grad_fn="BinaryCrossEntropyWithLogitsBackward0",
    autocast="float32",
    undifferentiated=(
        "weight",
        "pos_weight",
    ),
)
def _bce_with_logits(
    input: Array, target: Array, weight: Array | None, pos_weight: Array | None, reduction: str
) -> Array:
    kernel("log_sigmoid_cpu", input, "f")
    if letter(target) != "f":
        wanted, found = (dtypes.of(x.dtype).scalar_name for x in (input, target))
        raise RuntimeError(f"result type {wanted} can't be cast to the desired output type {found}")
    at_least_float = jnp.promote_types(jnp.promote_types(input.dtype, target.dtype), jnp.float32)
    x, y = input.astype(at_least_float), target.astype(at_least_float)
    positive = 1 if pos_weight is None else (pos_weight.astype(at_least_float) - 1) * y + 1
    loss = (1 - y) * x - positive * jax.nn.log_sigmoid(x)
    loss = loss if weight is None else loss * weight.astype(at_least_float)
    return reduced_loss(loss, reduction).astype(target.dtype)


@functional
def binary_cross_entropy_with_logits(
    input, target, weight=None, size_average=None, reduce=None, reduction="mean", pos_weight=None
):
    """`binary_cross_entropy(sigmoid(input), target)` without overflow.

    Args:
        input: logits.
        target: probabilities, of the input's shape.
        weight: a factor for each element.
        pos_weight: a factor for the loss of positive targets.

    Raises:
        ValueError: target has another size.

    >>> torch.nn.functional.binary_cross_entropy_with_logits(torch.tensor([0.]), torch.tensor([1.]))
    tensor(0.6931)
    """
    reduction = reduction_of(size_average, reduce, reduction)
    if input.shape != target.shape:
        raise ValueError(f"Target size ({target.size()}) must be the same as input size ({input.size()})")
    undifferentiable("binary_cross_entropy_with_logits", "weight", weight)
    undifferentiable("binary_cross_entropy_with_logits", "pos_weight", pos_weight)
    return _bce_with_logits(input, target, weight, pos_weight, reduction)


def _kl_name(types, consts):
    if consts["reduction"] == "none":
        return "MulBackward0" if consts["log_target"] else "SubBackward0"
    batchmean = "DivBackward0" if types[0].ndim else "SumBackward0"
    return {"sum": "SumBackward0", "mean": "MeanBackward0", "batchmean": batchmean}[consts["reduction"]]


@op(
    promote=True,
    strides=None,
    grad_fn=_kl_name,
    autocast="float32",
    graph=reduced_graph(_KL)
    | {"DivBackward0": f"Div(Sum({_KL}), -)"}
    | {f"{k}[log_target=True]": v for k, v in reduced_graph("Mul(Exp(target), Sub(target, input))").items()},
)
def _kl_div(input: Array, target: Array, reduction: str, log_target: bool) -> Array:
    if log_target:
        loss = jnp.exp(target) * (target - input)
    else:
        loss = xlogy(target, target) - target * input
    if reduction == "batchmean":
        return jnp.sum(loss) / (input.shape[0] if input.ndim else 1)
    return reduced_loss(loss, reduction)


@functional
def kl_div(input, target, size_average=None, reduce=None, reduction="mean", log_target=False):
    """target * (log(target) - input), reduced: the divergence of log-probabilities from a target distribution.

    Args:
        input: log-probabilities.
        target: probabilities, or log-probabilities with `log_target`.
        reduction: "mean" divides by the number of elements; "batchmean" divides by the batch size, as the definition does.

    Raises:
        RuntimeError: integers.

    >>> torch.nn.functional.kl_div(torch.tensor([[0.5, 0.5]]).log(), torch.tensor([[1., 0.]]), reduction="batchmean")
    tensor(0.6931)
    """
    if reduction == "mean":
        warn_user(
            "reduction: 'mean' divides the total loss by both the batch size and the support size.'batchmean' divides"
            " only by the batch size, and aligns with the KL div math definition.'mean' will be changed to behave the"
            " same as 'batchmean' in the next major release.",
        )
    if input.dtype.category < dtypes.FLOAT or target.dtype.category < dtypes.FLOAT:
        raise RuntimeError("kl_div: Integral inputs not supported.")
    common_shape(target.shape, input.shape)
    return _kl_div(input, target, reduction_of(size_average, reduce, reduction), log_target)
