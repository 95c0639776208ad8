"""Losses that are negative log-likelihoods of a distribution: Poisson, Gaussian, and CTC's over alignments."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
from jax import lax

from jtorch.core.facts import devices, dtypes
from jtorch.core.op import Array, common_shape, data_check, functional, kernel, op
from jtorch.core.ops.losses.basic import reduced_graph, reduced_loss, reduction_of
from jtorch.core.ops.rules import at_least
from jtorch.core.ops.slopes import with_slopes
from jtorch.core.tensor import Tensor, tensor

_GAUSSIAN = "Mul(Add(Log(ClampMin(var)), Div(Pow(Sub(input, target)), var)), -)"
_STIRLING = "MaskedFill(Add(Sub(Mul(target, Log(target)), target), MulBackward1(Log(MulBackward1(target)))))"
_POISSON, _RATES = "Sub(Exp(input), Mul(target, input))", "Sub(input, Mul(target, Log(AddBackward1(input))))"


def _poisson_name(types, consts):
    if consts["reduction"] != "none":
        return {"mean": "MeanBackward0", "sum": "SumBackward0"}[consts["reduction"]]
    return "AddBackward0" if consts["full"] else "SubBackward0"


@op(
    promote="float",
    strides=None,
    grad_fn=_poisson_name,
    autocast="float32",
    graph=reduced_graph(_POISSON)
    | {f"{k}[log_input=False]": v for k, v in reduced_graph(_RATES).items()}
    | {f"{k}[full=True]": v for k, v in reduced_graph(f"Add({_POISSON}, {_STIRLING})").items()}
    | {f"{k}[full=True][log_input=False]": v for k, v in reduced_graph(f"Add({_RATES}, {_STIRLING})").items()},
)
def _poisson_nll_loss(input: Array, target: Array, log_input: bool, full: bool, eps: float, reduction: str) -> Array:
    if log_input:
        loss = jnp.exp(input) - target * input
    else:
        loss = input - target * jnp.log(input + jnp.asarray(eps, input.dtype))
    if full:
        stirling = target * jnp.log(target) - target + 0.5 * jnp.log(2 * math.pi * target)
        loss = loss + jnp.where(target > 1, stirling, 0)
    return reduced_loss(loss.astype(input.dtype), reduction)


@functional
def poisson_nll_loss(
    input, target, log_input=True, full=False, size_average=None, eps=1e-8, reduce=None, reduction="mean"
):
    """exp(x) - target * x, or x - target * log(x + eps) with log_input=False, reduced.

    Args:
        full: add Stirling's approximation of log(target!).
    """
    reduction = reduction_of(size_average, reduce, reduction)
    if reduction not in ("none", "mean", "sum"):
        raise ValueError(reduction + " is not a valid value for reduction")
    common_shape(target.shape, input.shape)
    return _poisson_nll_loss(input, target, log_input, full, eps, reduction)


def _gaussian_name(types, consts):
    if consts["reduction"] != "none":
        return {"mean": "MeanBackward0", "sum": "SumBackward0"}[consts["reduction"]]
    return "AddBackward0" if consts["full"] else "MulBackward0"


@op(
    promote=True,
    strides=None,
    grad_fn=_gaussian_name,
    graph=reduced_graph(_GAUSSIAN) | {f"{k}[full=True]": v for k, v in reduced_graph(f"Add({_GAUSSIAN}, -)").items()},
)
def _gaussian_nll_loss(input: Array, target: Array, var: Array, full: bool, eps: float, reduction: str) -> Array:
    # The variance is at least eps. Its gradient ignores that bound, as PyTorch's does.
    var = var + lax.stop_gradient(at_least(var, jnp.asarray(eps, var.dtype)) - var)
    loss = 0.5 * (jnp.log(var) + (input - target) ** 2 / var)
    return reduced_loss((loss + 0.5 * math.log(2 * math.pi) if full else loss).astype(input.dtype), reduction)


def _negative_variance(x):
    return (x < 0).any()


@functional
def gaussian_nll_loss(input, target, var, full=False, eps=1e-6, reduction="mean"):
    """(log(var) + (input - target)² / var) / 2, reduced.

    Args:
        var: the variance: a number, or a tensor of the input's shape, where one dimension may be 1 or the last be missing.
        full: add log(2π) / 2.
        eps: smaller variances count as this.
    """
    if isinstance(var, int | float):
        if var < 0:
            raise ValueError("var has negative entry/entries")
        var = tensor(float(var), dtype=input.dtype).expand(input.size())
    else:
        data_check(var, _negative_variance, ValueError("var has negative entry/entries"))
        if var.size() != input.size():
            var = _broadcast_variance(var, input)
    if reduction not in ("none", "mean", "sum"):
        raise ValueError(reduction + " is not valid")
    return _gaussian_nll_loss(input, target, var, full, eps, reduction)


def _broadcast_variance(var, input):
    if tuple(input.shape[:-1]) == tuple(var.shape):
        return var.unsqueeze(-1)
    short = sum(n for m, n in zip(input.shape, var.shape, strict=False) if m != n)
    if input.dim() == var.dim() and short == 1:
        return var
    raise ValueError("var is of incorrect size")


# ---- connectionist temporal classification


@op(
    grad_fn=lambda types, consts: {"none": "CtcLossBackward0", "mean": "MeanBackward0", "sum": "SumBackward0"}[
        consts["reduction"]
    ],
    autocast={"cpu": "float32"},
    graph=reduced_graph("CtcLoss(log_probs)") | {"MeanBackward0": "Mean(Div(CtcLoss(log_probs), -))"},
)
def _ctc_loss(
    log_probs: Array,
    targets: Array,
    input_lengths: Array,
    target_lengths: Array,
    starts: Array,
    most: int,
    blank: int,
    reduction: str,
    zero_infinity: bool,
) -> Array:
    if log_probs.dtype.itemsize < 4 and devices.traced_kind().host:  # here, because autocast converts before
        raise NotImplementedError(f"\"ctc_loss_cpu\" not implemented for '{dtypes.of(log_probs.dtype).scalar_name}'")
    batch = log_probs.shape[1]
    flat = targets.reshape(-1).astype(jnp.int64)
    # (N, most): the labels of each sample, with blanks after its end
    place = starts[:, None] + jnp.arange(most)
    inside = jnp.arange(most) < target_lengths[:, None]
    labels = jnp.where(inside, flat[jnp.clip(place, 0, max(flat.shape[0] - 1, 0))] if flat.size else 0, blank)
    states = 2 * most + 1
    extended = jnp.full((batch, states), blank, labels.dtype).at[:, 1::2].set(labels)
    before = jnp.pad(extended, ((0, 0), (2, 0)), constant_values=blank)[:, :states]
    skips = (extended != blank) & (extended != before)
    ninf = jnp.asarray(-jnp.inf, log_probs.dtype)
    first = jnp.arange(states) < 2
    emitted = jnp.take_along_axis(log_probs, jnp.broadcast_to(extended, (log_probs.shape[0], batch, states)), 2)
    alive = jnp.arange(states) < 2 * target_lengths[:, None] + 1
    alpha = jnp.where(first & alive, emitted[0], ninf)

    def step(alpha, now):
        t, emit = now
        one = jnp.pad(alpha, ((0, 0), (1, 0)), constant_values=-jnp.inf)[:, :states]
        two = jnp.pad(alpha, ((0, 0), (2, 0)), constant_values=-jnp.inf)[:, :states]
        arrived = _log_sum(jnp.stack([alpha, one, jnp.where(skips, two, ninf)]))
        moved = jnp.where(alive, arrived + emit, ninf)
        return jnp.where((t < input_lengths)[:, None], moved, alpha), None

    alpha, _ = lax.scan(step, alpha, (jnp.arange(1, log_probs.shape[0]), emitted[1:]))
    last = jnp.take_along_axis(alpha, 2 * target_lengths[:, None], 1)[:, 0]
    second = jnp.take_along_axis(alpha, jnp.maximum(2 * target_lengths[:, None] - 1, 0), 1)[:, 0]
    loss = -_log_sum(jnp.stack([last, jnp.where(target_lengths > 0, second, ninf)]))
    loss = jnp.where(input_lengths > 0, loss, jnp.where(target_lengths > 0, jnp.inf, 0))
    # PyTorch's gradient is that of scores whose log-softmax the inputs are. The sum below is 0 and adds the difference.
    read = (jnp.arange(log_probs.shape[0])[:, None] < input_lengths)[..., None]
    shares = jnp.where(read, jnp.exp(log_probs), 0)
    loss = loss + jnp.sum(shares - lax.stop_gradient(shares), (0, 2))
    if zero_infinity:
        loss = jnp.where(loss == jnp.inf, 0, loss)
    else:
        endless = jnp.broadcast_to(read & (loss == jnp.inf)[:, None], log_probs.shape)
        loss = loss + jnp.sum(_without_gradient(log_probs, endless.astype(log_probs.dtype)), (0, 2))
    loss = loss.astype(log_probs.dtype)
    if reduction == "mean":
        return jnp.mean(loss / jnp.maximum(target_lengths, 1).astype(loss.dtype))
    return reduced_loss(loss, reduction)


_without_gradient = with_slopes(  # 0; where the second argument is not 0, the derivative by the first is NaN
    lambda x, endless: jnp.zeros_like(x),
    lambda x, endless, zero: jnp.where(endless != 0, jnp.nan, 0),
    lambda x, endless, zero: jnp.zeros_like(x),
)


@jax.custom_jvp
def _log_sum(x):
    """log(sum(exp(x))) over the first axis; where all are -inf, -inf with no gradient."""
    return jnp.where(jnp.max(x, 0) == -jnp.inf, -jnp.inf, jax.nn.logsumexp(x, 0))


@_log_sum.defjvp
def _log_sum_jvp(primals, tangents):
    (x,), (dx,) = primals, tangents
    y = _log_sum(x)
    share = jnp.where(x == -jnp.inf, 0, jnp.exp(x - jnp.where(y == -jnp.inf, 0, y)))
    return y, jnp.sum(_undifferentiated(share) * dx, 0)


@jax.custom_jvp
def _undifferentiated(share):
    return share


@_undifferentiated.defjvp
def _undifferentiated_jvp(primals, tangents):
    raise RuntimeError("derivative for aten::_ctc_loss_backward is not implemented")


@functional
def ctc_loss(log_probs, targets, input_lengths, target_lengths, blank=0, reduction="mean", zero_infinity=False):
    """-log of the probability of all alignments of the targets with the inputs, reduced.

    Args:
        log_probs: log-probabilities of each class at each time.
        targets: labels, padded (N, S) or one after the other.
        input_lengths, target_lengths: one for each sample.
        blank: the class that stands for no label.
        reduction: "mean" divides each loss by its target length first.
        zero_infinity: samples that cannot be aligned count as 0.

    Shape:
        log_probs (T, N, C) or (T, C); targets (N, S) or (sum of lengths) → () or (N)
    """
    batched = log_probs.dim() == 3
    if not batched:
        log_probs = log_probs.unsqueeze(1)
        targets = targets.unsqueeze(0) if targets.dim() == 1 else targets
    samples = log_probs.shape[1]
    lengths = [
        _lengths(given, samples, name)
        for given, name in ((input_lengths, "input_lengths"), (target_lengths, "target_lengths"))
    ]
    if not 0 <= blank < log_probs.shape[2]:
        raise RuntimeError("blank must be in label range")
    _check_ctc(log_probs, targets, *lengths)
    starts, total = [], 0
    for i, n in enumerate(lengths[1]):
        starts.append(i * targets.shape[1] if targets.dim() == 2 else total)
        total += n
    loss = _ctc_loss(
        log_probs,
        targets,
        tensor(lengths[0]),
        tensor(lengths[1]),
        tensor(starts),
        max(lengths[1], default=0),
        blank,
        reduction,
        bool(zero_infinity),
    )
    return loss.squeeze(0) if reduction == "none" and not batched else loss


def _lengths(given, samples, name):
    if isinstance(given, Tensor) and given.dtype.category != dtypes.INT:
        raise RuntimeError(f"{name} must be integral")
    found = given.reshape(-1).tolist() if isinstance(given, Tensor) else [int(n) for n in given]
    if len(found) != samples:
        raise RuntimeError(f"{name} must be of size batch_size")
    return found


def _check_ctc(log_probs, targets, input_lengths, target_lengths):
    if not log_probs.is_floating_point():
        if not log_probs.numel():
            raise RuntimeError("log_probs tensor must not be empty")
        kernel("ctc_loss_cpu", log_probs, "f")
    if min(target_lengths, default=0) < 0:
        raise RuntimeError(
            f"Expected target_lengths to have value at least 0, but got value {min(target_lengths)} (while checking"
            " arguments for ctc_loss_allocate_outputs)"
        )
    steps = log_probs.shape[0]
    for n in input_lengths:
        if n < 0:
            raise RuntimeError(
                f"Expected input_lengths to have value at least 0, but got value {n} (while checking"
                " arguments for ctc_loss_allocate_outputs)"
            )
        if n > steps:
            raise RuntimeError(
                f"Expected input_lengths to have value at most {steps}, but got value {n} (while checking"
                " arguments for ctc_loss_allocate_outputs)"
            )
    if targets.dim() == 1 and sum(target_lengths) != targets.shape[0]:
        raise RuntimeError(
            f"Expected tensor to have size {sum(target_lengths)} at dimension 0, but got size {targets.shape[0]} for"
            " argument #2 'targets' (while checking arguments for ctc_loss_allocate_outputs)"
        )
    if targets.dim() == 2 and max(target_lengths, default=0) > targets.shape[1]:
        raise RuntimeError(
            f"Expected tensor to have size at least {max(target_lengths)} at dimension 1, but got size"
            f" {targets.shape[1]} for argument #2 'targets' (while checking arguments for ctc_loss_allocate_outputs)"
        )
