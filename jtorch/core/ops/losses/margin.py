"""Losses with a margin: for rankings, similarities, triplets and labels."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jtorch.core.facts import dtypes
from jtorch.core.op import Array, common_shape, data_check, functional, kernel, letter, op, undifferentiable
from jtorch.core.ops.arithmetic.logic import minimum
from jtorch.core.ops.losses.basic import reduced_graph, reduced_loss, reduction_of
from jtorch.core.ops.matrix.distances import distance_of, pairwise_distance
from jtorch.core.ops.rules import at_least, larger
from jtorch.core.ops.slopes import with_slopes

_COSINE = (
    "Div(SumBackward1(Mul(input1, input2)), Sqrt(Mul(AddBackward1(SumBackward1(Mul(input1, input1))),"
    " AddBackward1(SumBackward1(Mul(input2, input2))))))"
)


def _ends_in(unreduced):
    """The node's name: the reduction's, or without a reduction that of the last step."""
    reductions = {"none": unreduced, "mean": "MeanBackward0", "sum": "SumBackward0"}
    return lambda types, consts: reductions[consts["reduction"]]


@op(
    promote=True,
    strides=None,
    grad_fn=_ends_in("AddBackward0"),
    autocast="float32",
    graph=reduced_graph("Add(Where(ClampMin(Sub(-, input)), -), Where(input, -))"),
)
def _hinge_embedding_loss(input: Array, target: Array, margin: float, reduction: str) -> Array:
    zero = jnp.zeros((), input.dtype)
    apart = jnp.where(target != 1, at_least(margin - input, zero), zero)
    return reduced_loss((apart + jnp.where(target != -1, input, zero)).astype(input.dtype), reduction)


@functional
def hinge_embedding_loss(input, target, margin=1.0, size_average=None, reduce=None, reduction="mean"):
    """x where the target is 1, max(0, margin - x) where it is -1, reduced."""
    common_shape(target.shape, input.shape)
    return _hinge_embedding_loss(input, target.detach(), margin, reduction_of(size_average, reduce, reduction))


@op(
    promote=True,
    strides=None,
    saves="own",
    grad_fn=_ends_in("ClampMinBackward0"),
    autocast="float32",
    graph=reduced_graph("ClampMin(AddBackward1(Mul(-, Sub(input1, input2))))"),
)
def _margin_ranking_loss(input1: Array, input2: Array, target: Array, margin: float, reduction: str) -> Array:
    apart = -target * (input1 - input2)
    apart = apart if letter(apart) in "fc" else apart.astype(dtypes.get_default_dtype().np)
    return reduced_loss(_clamped(apart + jnp.asarray(margin, apart.dtype)), reduction)


def _clamped(x):
    """max(x, 0). The gradient passes where x is 0, as in PyTorch, and not where x is NaN."""
    return jnp.where(x >= 0, x, jax.lax.stop_gradient(jnp.where(x < 0, jnp.zeros((), x.dtype), x)))


def _positive(x):
    """max(x, 0). The gradient does not pass where x is 0."""
    return jnp.where(x > 0, x, jnp.zeros((), x.dtype))


@functional
def margin_ranking_loss(input1, input2, target, margin=0, size_average=None, reduce=None, reduction="mean"):
    """max(0, -target * (x1 - x2) + margin), reduced: target 1 asks for a higher x1, -1 for a higher x2."""
    reduction = reduction_of(size_average, reduce, reduction)
    if not input1.dim() == input2.dim() == target.dim():
        raise RuntimeError(
            "margin_ranking_loss : All input tensors should have same dimension but got sizes: input1:"
            f" {input1.size()}, input2: {input2.size()}, target: {target.size()} "
        )
    return _margin_ranking_loss(input1, input2, target, float(margin), reduction)


@op(
    grad_fn=_ends_in("AddBackward0"),
    autocast="float32",
    graph=reduced_graph(f"Add(Where(Sub(-, {_COSINE}), -), Where(ClampMin(SubBackward1({_COSINE})), -))"),
)
def _cosine_embedding_loss(input1: Array, input2: Array, target: Array, margin: float, reduction: str) -> Array:
    if letter(input1) not in "fc":
        input1, input2 = [x.astype(dtypes.get_default_dtype().np) for x in (input1, input2)]
    axis = input1.ndim - 1
    product = jnp.sum(input1 * input2, axis=axis)
    lengths = jnp.sqrt((jnp.sum(input1**2, axis) + 1e-12) * (jnp.sum(input2**2, axis) + 1e-12))
    cosine = product / lengths
    zero = jnp.zeros((), cosine.dtype)
    loss = jnp.where(target == 1, 1 - cosine, zero) + jnp.where(target == -1, _clamped(cosine - margin), zero)
    return reduced_loss(loss.astype(cosine.dtype), reduction)


@functional
def cosine_embedding_loss(input1, input2, target, margin=0, size_average=None, reduce=None, reduction="mean"):
    """1 - cos(x1, x2) where the target is 1, max(0, cos - margin) where it is -1, reduced."""
    if target.dim() not in (0, 1):
        raise RuntimeError("0D or 1D target tensor expected, multi-target not supported")
    if target.dim() == 1 and (input1.dim() != 2 or input2.dim() != 2):
        raise RuntimeError(
            f"1D target tensor expects 2D input tensors, but found inputs with sizes {list(input1.shape)} and {list(input2.shape)}."
        )
    if target.dim() == 0 and (input1.dim() != 1 or input2.dim() != 1):
        raise RuntimeError(
            f"0D target tensor expects 1D input tensors, but found inputs with sizes {list(input1.shape)} and {list(input2.shape)}."
        )
    common_shape(tuple(input1.shape), tuple(input2.shape))
    return _cosine_embedding_loss(
        input1, input2, target.detach(), float(margin), reduction_of(size_average, reduce, reduction)
    )


@op(
    promote=True,
    strides=None,
    saves="own",
    grad_fn=_ends_in("ClampMinBackward0"),
    autocast="float32",
    graph=reduced_graph(
        "ClampMin(Sub(AddBackward1(NormBackward1(AddBackward1(Sub(anchor, positive)))),"
        " NormBackward1(AddBackward1(Sub(anchor, negative)))))"
    ),
)
def _triplet_margin_loss(
    anchor: Array, positive: Array, negative: Array, margin: float, p: float, eps: float, swap: bool, reduction: str
) -> Array:
    if letter(anchor) not in "fc":
        to = dtypes.get_default_dtype().np
        anchor, positive, negative = anchor.astype(to), positive.astype(to), negative.astype(to)
    near, far = distance_of(anchor, positive, p, eps), distance_of(anchor, negative, p, eps)
    if swap:
        far = -larger(-far, -distance_of(positive, negative, p, eps))
    return reduced_loss(_clamped(margin + near - far), reduction)


@functional
def triplet_margin_loss(
    anchor, positive, negative, margin=1.0, p=2, eps=1e-6, swap=False, size_average=None, reduce=None, reduction="mean"
):
    """max(0, ‖anchor - positive‖ - ‖anchor - negative‖ + margin), reduced.

    Args:
        swap: take ‖positive - negative‖ where it is the smaller of the two distances to the negative.
    """
    reduction = reduction_of(size_average, reduce, reduction)
    if margin <= 0:
        raise ValueError(f"margin must be greater than 0, got {margin}")
    _same_dims(anchor, positive, negative)
    return _triplet_margin_loss(anchor, positive, negative, float(margin), float(p), eps, swap, reduction)


def _same_dims(anchor, positive, negative):
    if not anchor.dim() == positive.dim() == negative.dim():
        raise RuntimeError(
            "The anchor, positive, and negative tensors are expected to have the same number of dimensions, but got:"
            f" anchor {anchor.dim()}D, positive {positive.dim()}D, and negative {negative.dim()}D inputs"
        )


@functional
def triplet_margin_with_distance_loss(
    anchor, positive, negative, *, distance_function=None, margin=1.0, swap=False, reduction="mean"
):
    """`triplet_margin_loss` with a distance function that the caller gives."""
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(f"{reduction} is not a valid value for reduction")
    if margin <= 0:
        raise ValueError(f"margin must be greater than 0, got {margin}")
    _same_dims(anchor, positive, negative)
    measure = pairwise_distance if distance_function is None else distance_function
    near, far = measure(anchor, positive), measure(anchor, negative)
    if swap:
        far = minimum(far, measure(positive, negative))
    loss = (margin + near - far).clamp_min(0)
    return loss if reduction == "none" else loss.mean() if reduction == "mean" else loss.sum()


# ---- labels


def _check_rows_of_classes(input):
    if input.dim() > 2 or (input.dim() and not input.shape[-1]):
        raise RuntimeError(
            "Expected non-empty vector or matrix with optional 0-dim batch size, but got: " + str(list(input.shape))
        )


def _outside_labels(target, classes):
    return ((target < 0) | (target >= classes)).any()


@op(
    grad_fn="MultiMarginLossBackward0", autocast="float32", graph={"MultiMarginLossBackward0": "MultiMarginLoss(input)"}
)
def _multi_margin_loss(
    input: Array, target: Array, weight: Array | None, p: int, margin: float, reduction: str
) -> Array:
    x = input.reshape(-1, input.shape[-1]) if input.ndim else input.reshape(1, 1)
    kernel("multi_margin_loss_cpu_kernel", input, "f")
    label = target.reshape(-1, 1)
    short = _positive(margin - jnp.take_along_axis(x, label, 1) + x)
    cost = short if p == 1 else short * short
    if weight is not None:
        cost = cost * weight[label]
    others = jnp.arange(x.shape[1]) != label
    loss = jnp.sum(jnp.where(others, cost, 0), axis=1) / x.shape[1]
    loss = reduced_loss(loss.astype(input.dtype), reduction)
    return loss.reshape(target.shape) if reduction == "none" else loss


@functional
def multi_margin_loss(input, target, p=1, margin=1.0, weight=None, size_average=None, reduce=None, reduction="mean"):
    """The mean over all wrong classes i of max(0, margin - x[target] + x[i])^p, reduced."""
    reduction = reduction_of(size_average, reduce, reduction)
    if reduction not in ("none", "mean", "sum"):
        raise ValueError(f"{reduction} is not a valid value for reduction")
    if p not in (1, 2):
        raise ValueError("only p == 1 and p == 2 supported")
    if weight is not None and weight.dim() != 1:
        raise ValueError("weight must be one-dimensional")
    samples = input.shape[0] if input.dim() == 2 else 1
    _check_rows_of_classes(input)
    if target.dim() > 1 or target.numel() != samples:
        raise RuntimeError(
            "multi_margin_loss: target tensor should be 1-D with size equal to the number of input samples (batch size). "
            f"Expected target size [{samples}], but got {list(target.shape)}. Input has shape {list(input.shape)}."
        )
    classes = input.shape[-1] if input.dim() else 1
    if weight is not None and weight.numel() != classes:
        raise RuntimeError(f"inconsistent weight size, expected {classes} but got {list(weight.shape)}")
    if target.dtype.name != "int64":
        raise RuntimeError(f"expected scalar type Long but found {target.dtype.scalar_name}")
    if weight is not None and weight.dtype is not input.dtype:
        wanted, found = input.dtype.scalar_name, weight.dtype.scalar_name
        raise RuntimeError(f"expected scalar type {wanted} but found {found}")
    undifferentiable("multi_margin_loss", "weight", weight)
    data_check(target, _outside_labels, RuntimeError("target out of range"), classes=classes)
    return _multi_margin_loss(input, target, weight, p, float(margin), reduction)


@op(grad_fn="MultilabelMarginLossBackward0", autocast="float32", undifferentiated=("target",))
def _multilabel_margin_loss(input: Array, target: Array, reduction: str) -> Array:
    x = input.reshape(-1, input.shape[-1]) if input.ndim else input.reshape(1, 1)
    kernel("multilabel_margin_loss_forward_out_frame", input, "f")
    labels = target.reshape(x.shape)
    counts = jnp.cumsum(labels < 0, axis=1) == 0  # labels end at the first -1
    label = jnp.where(counts, labels, 0)
    rows = jnp.arange(x.shape[0])[:, None]
    is_label = jnp.zeros(x.shape, jnp.int32).at[rows, label].add(counts.astype(jnp.int32)) > 0
    short = _positive(1 - jnp.take_along_axis(x, label, 1)[:, :, None] + x[:, None, :])
    met = counts[:, :, None] & ~is_label[:, None, :]
    loss = jnp.sum(jnp.where(met, short, 0), axis=(1, 2)) / x.shape[1]
    loss = reduced_loss(loss.astype(input.dtype), reduction)
    return loss.reshape(input.shape[:-1]) if reduction == "none" else loss


@functional
def multilabel_margin_loss(input, target, size_average=None, reduce=None, reduction="mean"):
    """The sum over labels j and other classes i of max(0, 1 - x[j] + x[i]), divided by the number of classes, reduced.

    Args:
        target: the labels of each sample, followed by -1 where there are fewer than classes.
    """
    reduction = reduction_of(size_average, reduce, reduction)
    if reduction not in ("none", "mean", "sum"):
        raise ValueError(f"{reduction} is not a valid value for reduction")
    _check_rows_of_classes(input)
    if input.shape != target.shape:
        raise RuntimeError(f"inconsistent target size: {list(target.shape)} for input of size: {list(input.shape)}")
    if target.dtype.name != "int64":
        raise RuntimeError(f"expected scalar type Long but found {target.dtype.scalar_name}")
    classes = input.shape[-1] if input.dim() else 1
    data_check(target, _no_label, RuntimeError("argument #2 'target' is out of range"), classes=classes)
    return _multilabel_margin_loss(input, target, reduction)


def _no_label(target, classes):
    return ((target < -1) | (target >= classes)).any()


@op(
    promote=True,
    strides=None,
    grad_fn=_ends_in("DivBackward0"),
    graph=reduced_graph("Div(SumBackward1(Neg(Add(Mul(-, LogSigmoid(input)), Mul(-, LogSigmoid(Neg(input)))))), -)"),
)
def _multilabel_soft_margin_loss(input: Array, target: Array, weight: Array | None, reduction: str) -> Array:
    kernel("log_sigmoid_cpu", input, "f")
    loss = -(target * jax.nn.log_sigmoid(input) + (1 - target) * jax.nn.log_sigmoid(-input))
    loss = loss if weight is None else loss * weight
    return reduced_loss(jnp.sum(loss, axis=input.ndim - 1) / input.shape[-1], reduction)


@functional
def multilabel_soft_margin_loss(input, target, weight=None, size_average=None, reduce=None, reduction="mean"):
    """The mean over classes of the two-class loss of each, reduced."""
    reduction = reduction_of(size_average, reduce, reduction)
    if reduction not in ("none", "mean", "sum"):
        raise ValueError(reduction + " is not valid")
    common_shape(target.shape, input.shape)
    return _multilabel_soft_margin_loss(input, target, weight, reduction)


# The slopes, too, are those of PyTorch's formula, which overflows as its results do; derived ones lose all digits of the second.
_share = with_slopes(lambda x: jnp.exp(x) / (1 + jnp.exp(x)), lambda x, share: share / (1 + jnp.exp(x)))
_log1p_exp = with_slopes(lambda x: jnp.log1p(jnp.exp(x)), lambda x, _: _share(x))


@op(promote=True, strides=None, grad_fn="SoftMarginLossBackward0", autocast="float32", undifferentiated=("target",))
def _soft_margin_loss(input: Array, target: Array, reduction: str) -> Array:
    return reduced_loss(_log1p_exp(-target * input), reduction)


@functional
def soft_margin_loss(input, target, size_average=None, reduce=None, reduction="mean"):
    """log(1 + exp(-target * x)), reduced; targets are 1 and -1."""
    reduction = reduction_of(size_average, reduce, reduction)
    undifferentiable("soft_margin_loss", "target", target)
    if input.dtype.category < dtypes.FLOAT:
        wanted = (target.dtype if target.is_floating_point() else dtypes.get_default_dtype()).scalar_name
        raise RuntimeError(f"result type {wanted} can't be cast to the desired output type {input.dtype.scalar_name}")
    return _soft_margin_loss(input, target, reduction)
