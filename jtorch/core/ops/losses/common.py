"""Loss functions of `torch.nn.functional`: each a pure function with PyTorch's checks, then a reduction."""

from __future__ import annotations

import warnings
from functools import lru_cache

import jax
import jax.numpy as jnp
from jax import lax

from jtorch.core.facts import dtypes
from jtorch.core.op import (
    Array,
    cast_first,
    common_shape,
    data_check,
    data_checks,
    functional,
    kernel,
    letter,
    op,
    undifferentiable,
)
from jtorch.core.ops.arithmetic.activations import log_softmax_array
from jtorch.core.ops.arithmetic.special import xlogy
from jtorch.core.ops.rules import mean_of
from jtorch.core.ops.slopes import magnitude

_SOFT = "LogSoftmax(input)"
_KL = "Sub(Xlogy(target, target), Mul(target, input))"


def reduced_graph(inner):
    """The option `graph` of a loss with a reduction: the mean, the sum or none."""
    own = inner.partition("(")[0]
    own = own if own[-1].isdigit() else own + "Backward0"
    return {"MeanBackward0": f"Mean({inner})", "SumBackward0": f"Sum({inner})", own: inner}


def reduced_loss(loss, reduction):
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
    warnings.warn(
        f"size_average and reduce args will be deprecated, please use reduction='{made}' instead.", stacklevel=3
    )
    return made


def _warn_sizes(input, target):
    if target.size() != input.size():
        warnings.warn(
            f"Using a target size ({target.size()}) that is different to the input size ({input.size()}). "
            "This will likely lead to incorrect results due to broadcasting. Please ensure they have the same size.",
            stacklevel=3,
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
    """|input - target|, reduced."""
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
    saves=(1, 2),  # and the logarithms, which are results of its own
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
        return jnp.sum(loss) / (loss.size or 1)
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


# ---- binary cross entropy


def _not_probability(x):
    over = x * x - x  # positive where x is outside [0, 1], and nowhere else
    return ~((abs(over) + over).sum() == 0)  # no comparison in the sum: XLA would store its result first


@op(grad_fn="BinaryCrossEntropyBackward0", autocast={"cpu": "float32", "cuda": "banned"}, undifferentiated=("weight",))
def _binary_cross_entropy(input: Array, target: Array, weight: Array | None, reduction: str) -> Array:
    loss = _bce(input, target)
    return reduced_loss(loss if weight is None else loss * weight, reduction).astype(input.dtype)


@jax.custom_vjp
def _bce(x, y):
    # `maximum` may hide NaN (see `rules`), but `binary_cross_entropy` has already raised for NaN.
    return (y - 1) * jnp.maximum(jnp.log1p(-x), -100) - y * jnp.maximum(jnp.log(x), -100)


def _bce_forward(x, y):
    return _bce(x, y), (x, y)


def _bce_backward(saved, g):
    x, y = saved
    logs = jnp.log1p(-x) - jnp.log(x)
    return g * (x - y) / jnp.maximum((1 - x) * x, jnp.asarray(1e-12, x.dtype)), g * logs


_bce.defvjp(_bce_forward, _bce_backward)


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

    Raises:
        ValueError: target has another size.
        RuntimeError: an input outside [0, 1].
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
    """`binary_cross_entropy(sigmoid(input), target)` without overflow; `pos_weight` multiplies the loss of positive targets."""
    reduction = reduction_of(size_average, reduce, reduction)
    if input.shape != target.shape:
        raise ValueError(f"Target size ({target.size()}) must be the same as input size ({input.size()})")
    undifferentiable("binary_cross_entropy_with_logits", "weight", weight)
    undifferentiable("binary_cross_entropy_with_logits", "pos_weight", pos_weight)
    return _bce_with_logits(input, target, weight, pos_weight, reduction)


# ---- divergences


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
    """target * (log(target) - input), reduced: the divergence of log-probabilities from a target distribution."""
    if reduction == "mean":
        warnings.warn(
            "reduction: 'mean' divides the total loss by both the batch size and the support size.'batchmean' divides"
            " only by the batch size, and aligns with the KL div math definition.'mean' will be changed to behave the"
            " same as 'batchmean' in the next major release.",
            stacklevel=2,
        )
    if input.dtype.category < dtypes.FLOAT or target.dtype.category < dtypes.FLOAT:
        raise RuntimeError("kl_div: Integral inputs not supported.")
    common_shape(target.shape, input.shape)
    return _kl_div(input, target, reduction_of(size_average, reduce, reduction), log_target)
