"""Losses of differences and of classes, as in `torch.nn.functional`, and the reductions that all losses share.

Each loss is a pure function with PyTorch's checks, and then a reduction: "mean", "sum" or "none".
"""

from __future__ import annotations

from functools import lru_cache

import jax
import jax.numpy as jnp
from jax import lax

from jtorch.core.facts import dtypes, warn_user
from jtorch.core.op import (
    Array,
    data_check,
    functional,
    kernel,
    letter,
    op,
    undifferentiable,
)
from jtorch.core.ops.arithmetic.activations import log_softmax_array
from jtorch.core.ops.rules import mean_of
from jtorch.core.ops.slopes import magnitude

_SOFT = "LogSoftmax(input)"


def reduced_graph(inner):
    """The option `graph` of a loss with a reduction: the mean, the sum or none."""
    own = inner.partition("(")[0]
    own = own if own[-1].isdigit() else own + "Backward0"
    return {"MeanBackward0": f"Mean({inner})", "SumBackward0": f"Sum({inner})", own: inner}


def reduced_loss(loss, reduction):
    """The mean or the sum of an array, or the array itself. Raises PyTorch's error for any other reduction."""
    if reduction == "mean":
        if letter(loss) not in "fc":
            raise RuntimeError(
                "mean(): could not infer output dtype. Input dtype must be either a floating point or complex dtype. "
                f"Got: {dtypes.of(loss.dtype).scalar_name}"
            )
        return mean_of(loss, range(loss.ndim))
    if reduction == "sum":
        return jnp.sum(loss)
    if reduction == "none":
        return loss
    raise ValueError(f"{reduction} is not a valid value for reduction")


def _contiguous_strides(types, shapes, consts):
    return [None] * len(shapes)


def reduction_of(size_average, reduce, reduction):
    """PyTorch's old `size_average` and `reduce` as a `reduction`, with its warning."""
    if size_average is None and reduce is None:
        return reduction
    size_average, reduce = size_average is not False, reduce is not False
    made = "none" if not reduce else "mean" if size_average else "sum"
    warn_user(f"size_average and reduce args will be deprecated, please use reduction='{made}' instead.")
    return made


def _warn_sizes(input, target):
    if target.size() != input.size():
        warn_user(
            f"Using a target size ({target.size()}) that is different to the input size ({input.size()}). "
            "This will likely lead to incorrect results due to broadcasting. Please ensure they have the same size.",
        )


@op(promote=True, strides=None, grad_fn="MseLossBackward0", autocast="float32")
def _mse_loss(input: Array, target: Array, reduction: str) -> Array:
    d = lax.sub(input, target) if input.shape == target.shape else input - target  # lax, as in `linear`
    kernel("mse_cpu", d, "f")
    return reduced_loss(lax.mul(d, d), reduction)


@functional
def mse_loss(input, target, size_average=None, reduce=None, reduction="mean", weight=None):
    """(input - target)², reduced.

    >>> torch.nn.functional.mse_loss(torch.tensor([1., 2.]), torch.tensor([0., 0.]))
    tensor(2.5000)
    """
    _warn_sizes(input, target)
    reduction = reduction_of(size_average, reduce, reduction)
    if weight is None:
        return _mse_loss(input, target, reduction)
    return _weighted_loss(_mse_loss(input, target, "none"), weight, reduction)


def _weighted_loss(loss, weight, reduction):
    if weight.shape != loss.shape:
        raise ValueError("Weights and input must have the same size.")
    loss = loss * weight
    return loss if reduction == "none" else loss.sum() if reduction == "sum" else loss.sum() / weight.sum()


def _l1_name(types, consts):
    return {"none": "AbsBackward0", "sum": "SumBackward0", "mean": "MeanBackward0"}[consts["reduction"]]


@op(
    promote=True,
    strides=None,
    saves="own",
    grad_fn=_l1_name,
    autocast="float32",
    graph=reduced_graph("Abs(Sub(input, target))"),
)
def _l1_loss(input: Array, target: Array, reduction: str) -> Array:
    return reduced_loss(magnitude(input - target), reduction)


def _absolute(d):
    """|d|, whose gradient is NaN where d is."""
    return d * jnp.sign(d)


@functional
def l1_loss(input, target, size_average=None, reduce=None, reduction="mean", weight=None):
    """|input - target|, reduced.

    >>> torch.nn.functional.l1_loss(torch.tensor([1., -2.]), torch.zeros(2))
    tensor(1.5000)
    """
    _warn_sizes(input, target)
    reduction = reduction_of(size_average, reduce, reduction)
    if weight is None:
        return _l1_loss(input, target, reduction)
    return _weighted_loss(_l1_loss(input, target, "none"), weight, reduction)


@op(promote=True, strides=None, grad_fn="SmoothL1LossBackward0", autocast="float32")
def _smooth_l1_loss(input: Array, target: Array, reduction: str, beta: float) -> Array:
    d = input - target
    kernel("smooth_l1_cpu", d, "f")
    near = jnp.abs(d) < beta
    inner = jnp.where(near, d, 0)  # an infinite square would make the gradient of both branches NaN
    return reduced_loss(
        jnp.where(near, 0.5 * inner * inner / beta, _absolute(d) - 0.5 * beta).astype(d.dtype), reduction
    )


@functional
def smooth_l1_loss(input, target, size_average=None, reduce=None, reduction="mean", beta=1.0):
    """0.5 d² / beta where |d| < beta, else |d| - beta / 2, with d = input - target, reduced."""
    _warn_sizes(input, target)
    if beta < 0:
        raise RuntimeError("smooth_l1_loss does not support negative values for beta.")
    reduction = reduction_of(size_average, reduce, reduction)
    return _smooth_l1_loss(input, target, reduction, beta) if beta else _l1_loss(input, target, reduction)


@op(promote=True, strides=None, grad_fn="HuberLossBackward0", autocast="float32")
def _huber_loss(input: Array, target: Array, reduction: str, delta: float) -> Array:
    d = input - target
    kernel("huber_cpu", d, "f")
    near = jnp.abs(d) <= delta
    inner = jnp.where(near, d, 0)  # an infinite square would make the gradient of both branches NaN
    return reduced_loss(
        jnp.where(near, 0.5 * inner * inner, delta * (_absolute(d) - 0.5 * delta)).astype(d.dtype), reduction
    )


@functional
def huber_loss(input, target, reduction="mean", delta=1.0, weight=None):
    """0.5 d² where |d| <= delta, else delta * (|d| - delta / 2), with d = input - target, reduced."""
    _warn_sizes(input, target)
    if delta <= 0:
        raise RuntimeError("huber_loss does not support non-positive values for delta.")
    if weight is None:
        return _huber_loss(input, target, reduction, delta)
    if weight.shape != input.shape:
        raise ValueError("Weights and input must have the same size.")
    # the mean divides by the number of elements, not by the sum of the weights
    loss = _huber_loss(input, target, "none", delta) * weight
    return loss if reduction == "none" else loss.sum() if reduction == "sum" else loss.mean()


# ---- classification


def _outside_classes(target, classes, ignore):
    return ((target != ignore) & ((target < 0) | (target >= classes))).any()


def _out_of_bounds(target, classes, ignore):
    bad = target[(target != ignore) & ((target < 0) | (target >= classes))]
    return IndexError(f"Target {int(bad.reshape(-1)[0])} is out of bounds.")


def _picked_by_target(values, target, weight, ignore, above=0):
    """(`above` minus the value of the target class, weighted; the weights). The class dimension is 1, or 0 without a batch.

    With many classes, gathering the target's value costs next to nothing; comparing every class with the target would
    double the time.
    """
    axis = 1 if values.ndim > 1 else 0
    valid = target != ignore
    safe = jnp.where(valid, target, 0).astype(jnp.int32)
    picked = jnp.take_along_axis(values, jnp.expand_dims(safe, axis), axis, mode="clip").squeeze(axis)
    w = valid.astype(values.dtype)
    if weight is not None:
        w = w * weight[safe]
    return jnp.where(valid, (above - picked) * w, 0), w


def _averaged(loss, weight, reduction):
    if reduction == "mean":
        return jnp.sum(loss) / jnp.sum(weight)
    return reduced_loss(loss, reduction)


def _nll_name(types, consts):
    if consts["reduction"] == "none" and types[0].ndim not in (1, 2, 4):  # PyTorch reshapes it to an image and back
        return "ViewBackward0"
    return "NllLoss2DBackward0" if types[0].ndim > 2 else "NllLossBackward0"


@op(
    grad_fn=_nll_name,
    autocast="float32",
    graph={
        "NllLossBackward0": "NllLoss(input)",
        "NllLoss2DBackward0": "NllLoss2D(input)",
        "NllLoss2DBackward0:N2": "NllLoss2D(View(input))",
    },
)
def _nll_loss(input: Array, target: Array, weight: Array | None, ignore_index: int, reduction: str) -> Array:
    kernel("nll_loss2d_forward_out_frame" if input.ndim > 2 else "nll_loss_out_frame", input, "f")
    loss, w = _picked_by_target(input, target, weight, ignore_index)
    return _averaged(loss, w, reduction)


def _check_classes(input, target, weight, ignore_index):
    classes = _class_count(input._type, target._type)
    if weight is not None:
        _check_weights(input, weight, classes)
    data_check(target, _outside_classes, _out_of_bounds, fine_below=classes, classes=classes, ignore=ignore_index)


@lru_cache(maxsize=4096)
def _class_count(input, target):
    """The number of classes, from the types of scores and class numbers. Raises the errors that these types alone decide."""
    if input.ndim < 1:
        raise ValueError(f"Expected 1 or more dimensions (got {input.ndim})")
    if input.ndim == target.ndim == 1 and target.shape[0] != 1:
        raise ValueError(f"For 1D input, 1D target must have size 1, but got target size: {target.shape[0]}")
    if input.ndim != 1 and target.ndim and input.shape[0] != target.shape[0]:
        raise ValueError(
            f"Expected input batch_size ({input.shape[0]}) to match target batch_size ({target.shape[0]})."
        )
    classes = input.shape[1 if input.ndim > 1 else 0]
    if input.ndim > 2:
        _check_places(input, target)
    if input.ndim <= 2 and target.ndim > 1:
        raise RuntimeError("0D or 1D target tensor expected, multi-target not supported")
    if target.dtype.name not in ("int64", "uint8"):
        raise RuntimeError(f"expected target dtype to be Long or Byte, but got {target.dtype.scalar_name}")
    if target.dtype.name == "uint8" and input.ndim > 2:
        raise RuntimeError("expected scalar type Long but found Byte")
    return classes


def _check_places(input, target):
    """Raise unless there is a target for each position of an image (or a signal, or a volume)."""
    wanted = [input.shape[0], *input.shape[2:]]
    if list(target.shape) == wanted:
        return
    if input.ndim != 4:
        raise RuntimeError(f"Expected target size {wanted}, got {list(target.shape)}")
    if target.ndim != 3:
        raise RuntimeError(
            f"only batches of spatial targets supported (3D tensors) but got targets of dimension: {target.ndim}"
        )
    raise RuntimeError(f"size mismatch (got input: {list(input.shape)} , target: {list(target.shape)}")


def _check_weights(input, weight, classes):
    undifferentiable("nll_loss2d_forward" if input.ndim > 2 else "nll_loss_forward", "weight", weight)
    if input.ndim > 2 and weight.numel() != classes:
        raise RuntimeError("weight tensor should be defined either for all or no classes")
    if weight.ndim != 1 or weight.numel() != classes:
        raise RuntimeError(
            f"weight tensor should be defined either for all {classes} classes or no classes but got weight tensor of"
            f" shape: {list(weight.shape)}"
        )
    if weight.dtype is not input.dtype:
        wanted, found = input.dtype.scalar_name, weight.dtype.scalar_name
        raise RuntimeError(f"expected scalar type {wanted} but found {found}")


@functional
def nll_loss(input, target, weight=None, size_average=None, ignore_index=-100, reduce=None, reduction="mean"):
    """-input[n, target[n]], reduced: the loss of log-probabilities.

    Args:
        input: log-probabilities.
        target: class numbers, int64.
        weight: one weight for each class; the mean divides by the sum of the targets' weights.
        ignore_index: targets equal to this number are ignored.

    Shape:
        input (C,), (N, C) or (N, C, d1, ...); target the same without C

    Raises:
        IndexError: a class number out of range.
    """
    reduction = reduction_of(size_average, reduce, reduction)
    _check_classes(input, target, weight, ignore_index)
    return _nll_loss(input, target, weight, ignore_index, reduction)


def _smoothed_name(types, consts):
    return "AddBackward0" if consts["label_smoothing"] else _nll_name(types, consts)


@op(
    grad_fn=_smoothed_name,
    autocast="float32",
    graph={
        "NllLossBackward0": f"NllLoss({_SOFT})",
        "NllLoss2DBackward0": f"NllLoss2D({_SOFT})",
        "NllLoss2DBackward0:N2": f"NllLoss2D(View({_SOFT}))",
        "AddBackward0": f"Add(MulBackward1(NllLoss({_SOFT})), MulBackward1(Div(Sum(MaskedFill(Neg(SumBackward1({_SOFT})))), -)))",
    },
    saves=(-1, 1, 2),  # the logarithms, which are results of its own, and the target and the weights
)
def _cross_entropy(
    input: Array, target: Array, weight: Array | None, ignore_index: int, reduction: str, label_smoothing: float
) -> Array:
    axis = 1 if input.ndim > 1 else 0
    if not label_smoothing:
        total = jax.nn.logsumexp(input, axis)
        return _averaged(*_picked_by_target(input, target, weight, ignore_index, total), reduction)
    logs = log_softmax_array(input, axis)
    loss, w = _picked_by_target(logs, target, weight, ignore_index)
    valid = jnp.expand_dims(target != ignore_index, axis)
    shape = tuple(-1 if i == axis else 1 for i in range(input.ndim))
    spread = logs if weight is None else logs * weight.reshape(shape)
    smooth = -jnp.sum(jnp.where(valid, spread, 0), axis=axis)
    if reduction == "mean":
        smooth = jnp.sum(smooth) / (jnp.sum(w) if weight is not None else jnp.sum(valid.astype(logs.dtype)))
    else:
        smooth = reduced_loss(smooth, reduction)
    share = label_smoothing / input.shape[axis]
    return ((1 - label_smoothing) * _averaged(loss, w, reduction) + share * smooth).astype(input.dtype)


@op(
    promote=True,
    strides=_contiguous_strides,
    grad_fn=lambda types, consts: {"mean": "DivBackward1", "sum": "NegBackward0", "none": "NegBackward0"}[
        consts["reduction"]
    ],
    autocast="float32",
    graph={
        "DivBackward1": f"DivBackward1(Neg(Sum(Mul({_SOFT}, target))))",
        "NegBackward0": f"Neg(SumBackward1(Mul({_SOFT}, target)))",
        "NegBackward0[reduction=sum]": f"Neg(Sum(Mul({_SOFT}, target)))",
    },
)
def _soft_cross_entropy(
    input: Array, target: Array, weight: Array | None, reduction: str, label_smoothing: float
) -> Array:
    axis = 1 if input.ndim > 1 else 0
    logs = log_softmax_array(input, axis)
    if label_smoothing:
        target = target * (1 - label_smoothing) + label_smoothing / input.shape[axis]
    if weight is not None:
        logs = logs * weight.reshape(tuple(-1 if i == axis else 1 for i in range(input.ndim)))
    loss = -jnp.sum(logs * target, axis=axis)
    if reduction == "mean":
        return jnp.sum(loss) / loss.size
    return reduced_loss(loss, reduction)


@functional
def cross_entropy(
    input, target, weight=None, size_average=None, ignore_index=-100, reduce=None, reduction="mean", label_smoothing=0.0
):
    """-log(softmax(input)) at the target, reduced: the loss of class scores.

    Args:
        input: scores, not probabilities.
        target: class numbers (int64), or class probabilities of the input's own shape.
        weight: one weight for each class; with class numbers, the mean divides by the sum of the targets' weights.
        ignore_index: class numbers equal to this are ignored.
        label_smoothing: share of the target spread evenly over all classes, in [0, 1].

    Shape:
        input (C,), (N, C) or (N, C, d1, ...); target the same without C, or the same

    Raises:
        IndexError: a class number out of range.

    >>> torch.nn.functional.cross_entropy(torch.zeros(2, 4), torch.tensor([0, 3]))
    tensor(1.3863)
    """
    reduction = reduction_of(size_average, reduce, reduction)
    if not 0.0 <= label_smoothing <= 1.0:
        raise RuntimeError(f"label_smoothing must be between 0.0 and 1.0. Got: {label_smoothing:g}")
    t = input._type
    if t.dtype.category != dtypes.FLOAT:
        last = "lastdim_" if t.ndim < 3 else ""
        raise NotImplementedError(f"\"log_softmax_{last}kernel_impl\" not implemented for '{t.dtype.scalar_name}'")
    if t.shape == target._type.shape:
        if not target.is_floating_point():
            raise RuntimeError(
                f"Expected floating point type for target with class probabilities, got {target.dtype.scalar_name}"
            )
        if ignore_index >= 0:
            raise RuntimeError("ignore_index is not supported for floating point target")
        classes = input.shape[min(1, input.ndim - 1)]
        if weight is not None and tuple(weight.shape) != (classes,):
            raise RuntimeError(
                f"cross_entropy: weight tensor should be defined either for all {classes} classes or no classes but got"
                f" weight tensor of shape: {list(weight.shape)}"
            )
        return _soft_cross_entropy(input, target, weight, reduction, label_smoothing)
    _check_classes(input, target, weight, ignore_index)
    return _cross_entropy(input, target, weight, ignore_index, reduction, label_smoothing)
