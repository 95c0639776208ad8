"""Normalisation by the moments of a batch, a layer, a group or an instance: mean 0, variance 1.

The derivatives are written by hand, because those that JAX derives from mean and variance pass over the data several
times more. Nothing here knows of modules: running statistics are arguments.
"""

from __future__ import annotations

import math
from functools import partial

import jax
import jax.numpy as jnp
from jax import lax

from jtorch.core.facts import dtypes, finfo
from jtorch.core.facts import strides as geometry
from jtorch.core.grad import no_grad
from jtorch.core.op import Array, Number, functional, kernel, op, public, undifferentiable
from jtorch.core.ops.arithmetic.elementary import rsqrt
from jtorch.core.ops.arithmetic.elementwise import add, mul, pow, true_divide
from jtorch.core.ops.reduce.reductions import mean
from jtorch.core.ops.views.shape import squeeze, unsqueeze
from jtorch.core.ops.windows.pad import pad
from jtorch.core.ops.windows.pool import avg_pool2d, avg_pool3d
from jtorch.core.ops.windows.pooling import strides_by_format
from jtorch.core.tensor import Tensor, escapes_batch, write_result


@functional
@public(method=False)
def batch_norm(input, running_mean, running_var, weight=None, bias=None, training=False, momentum=0.1, eps=1e-05):
    """(x - mean) / sqrt(variance + eps) · weight + bias, with the moments of each channel.

    In training the moments are the batch's, and the running statistics are updated in place. Otherwise the running
    statistics are used as the moments.

    Args:
        input: channels in the second dimension.
        running_mean, running_var: one for each channel, or both None.
        weight, bias: one for each channel, or None.
        training: whether to use the batch's moments.
        momentum: how far the running statistics move.
        eps: added to the variance (same unit as input²) before the square root.

    Shape:
        input (N, C, *) → (N, C, *)

    Raises:
        ValueError: only one value for each channel in training; a negative eps.
        RuntimeError: sizes or types that do not fit.

    >>> torch.nn.functional.batch_norm(torch.tensor([[1.], [3.]]), None, None, training=True)
    tensor([[-1.0000],
            [ 1.0000]])
    """
    if training and eps <= 0 and math.prod(input.shape) // (input.shape[1] or 1 if input.ndim > 1 else 1) != 1:
        raise ValueError(f"batch_norm eps must be positive during training, but got {eps}")
    return batch_normalized(input, running_mean, running_var, weight, bias, training, momentum, eps)


def batch_normalized(input, running_mean, running_var, weight, bias, training, momentum, eps):
    """`batch_norm` for `native_batch_norm`, which takes an eps of 0 in training, too."""
    _check_batch_norm(input, running_mean, running_var, weight, bias, training, momentum, eps)
    if input.ndim < 2:
        if input.numel():
            raise IndexError("Dimension out of range (expected to be in range of [-1, 0], but got 1)")
        return input.clone()
    if not training:
        return _batch_norm_eval(input, weight, bias, running_mean, running_var, eps)
    out, mean, variance = _batch_norm_train(input, weight, bias, eps)
    if running_mean is not None and input.numel():
        if escapes_batch(running_mean, mean):
            raise RuntimeError(_NOT_BATCHED)
        with no_grad():
            share = (
                momentum if isinstance(momentum, Tensor) else float(momentum)
            )  # a whole number would round the moments
            moved = _updated_statistics(running_mean, running_var, mean, variance, share)
            write_result(running_mean, moved[0])
            write_result(running_var, moved[1])
    return out


_NOT_BATCHED = (
    "Batch norm got a batched tensor as input while the running_mean or running_var, which will be updated in place, "
    "were not batched.\n"
    "If you are using a module and do not need eval mode, please set `track_running_stats` to be False."
    "If you are using a prebuilt module and do not need eval mode, please see the functorch website for resources on how to "
    "patch your module to work with vmap"
)


def _batch_norm_name(types, consts):
    return "NativeBatchNormBackward0" if all(types[0].shape) else "CloneBackward0"


def _trained_strides(types, shapes, consts):
    """channels_last also where both layouts fit, as for a single image."""
    odd = geometry.is_channels_last(types[0].shape, types[0].strides) and not types[0].contiguous
    return [geometry.channels_last_strides(shapes[0]), None, None] if odd else strides_by_format(types, shapes, consts)


@op(saves=(0, 1), grad_fn=_batch_norm_name, strides=_trained_strides)
def _batch_norm_train(input: Array, weight: Array | None, bias: Array | None, eps: float) -> Array:
    """The normalised input, and the batch's mean and unbiased variance, which carry no gradient."""
    kernel("batch_norm", input, "f")
    wide = wide_dtype(input)
    shape = (input.shape[1],)
    scale = jnp.ones(shape, wide) if weight is None else weight.astype(wide)
    shift = jnp.zeros(shape, wide) if bias is None else bias.astype(wide)
    y, mean, variance = _batch_normed(input.astype(wide), scale, shift, eps)
    count = input.size // max(1, input.shape[1])
    unbiased = variance * (count / max(1, count - 1))
    return y.astype(input.dtype), lax.stop_gradient(mean), lax.stop_gradient(unbiased)


@op(saves=(0, 1), grad_fn=_batch_norm_name, strides=strides_by_format)
def _batch_norm_eval(
    input: Array,
    weight: Array | None,
    bias: Array | None,
    running_mean: Array,
    running_var: Array,
    eps: float,
) -> Array:
    kernel("batch_norm", input, "f")
    wide = wide_dtype(input)
    scale = lax.rsqrt(running_var.astype(wide) + jnp.asarray(eps, wide))
    scale = scale if weight is None else scale * weight.astype(wide)
    shift = -running_mean.astype(wide) * scale
    shift = shift if bias is None else shift + bias.astype(wide)
    return (input.astype(wide) * per_channel(scale, input) + per_channel(shift, input)).astype(input.dtype)


@op
def _updated_statistics(
    running_mean: Array, running_var: Array, mean: Array, variance: Array, momentum: Number
) -> Array:
    """The running statistics after one batch."""

    def move(running, batch):
        moved = (1 - momentum) * running.astype(momentum.dtype) + momentum * batch.astype(momentum.dtype)
        return moved.astype(running.dtype)

    return move(running_mean, mean), move(running_var, variance)


def per_channel(values, x):
    """One value for each channel, reshaped to broadcast against x."""
    return values.reshape(-1, *[1] * (x.ndim - 2))


def _channel_mean(x):
    if not x.size:
        return jnp.zeros(x.shape[1], x.dtype)
    return x.mean((0, *range(2, x.ndim)))


@partial(jax.custom_jvp, nondiff_argnums=(3,))
def _batch_normed(x, scale, shift, eps):
    """(x normalised over all but the second dimension and scaled, mean, variance)."""
    mean, variance, factor, offset, _ = _affine(x, scale, shift, eps)
    return x * per_channel(factor, x) + per_channel(offset, x), mean, variance


def _affine(x, scale, shift, eps):
    """(mean, variance, factor, offset, 1 / deviation): the normalised x is x * factor + offset."""
    mean = _channel_mean(x)
    variance = _channel_mean(lax.square(x - per_channel(mean, x)))
    inverse = lax.rsqrt(variance + jnp.asarray(eps, x.dtype))
    factor = scale * inverse
    return mean, variance, factor, shift - mean * factor, inverse


@_batch_normed.defjvp
def _batch_normed_jvp(eps, primals, tangents):
    x, scale, shift = primals
    dx, dscale, dshift = tangents
    mean, variance, factor, offset, inverse = _affine(x, scale, shift, eps)
    y = x * per_channel(factor, x) + per_channel(offset, x)
    centred = x - per_channel(mean, x)
    dmean = _channel_mean(dx)
    half = _channel_mean(centred * dx)  # half the change of the variance
    dfactor = dscale * inverse - scale * inverse**3 * half
    dy = dx * per_channel(factor, x) + centred * per_channel(dfactor, x) + per_channel(dshift - factor * dmean, x)
    return (y, mean, variance), (dy, dmean, 2 * half)


@partial(jax.custom_jvp, nondiff_argnums=(1, 2))
def _standardized(x, axes, eps):
    """(x - mean) / sqrt(variance + eps) over the axes."""
    centred = x - x.mean(axes, keepdims=True)
    variance = lax.square(centred).mean(axes, keepdims=True)
    return centred * lax.rsqrt(variance + jnp.asarray(eps, x.dtype))


@_standardized.defjvp
def _standardized_jvp(axes, eps, primals, tangents):
    (x,), (dx,) = primals, tangents
    centred = x - x.mean(axes, keepdims=True)
    inverse = lax.rsqrt(lax.square(centred).mean(axes, keepdims=True) + jnp.asarray(eps, x.dtype))
    y = centred * inverse
    change = dx - dx.mean(axes, keepdims=True) - y * (y * dx).mean(axes, keepdims=True)
    return y, inverse * change


@op(method=False, saves=(0, 1, 2), grad_fn="NativeLayerNormBackward0", autocast={"cuda": "float32"})
def layer_norm(
    input: Array,
    normalized_shape: tuple,
    weight: Array | None = None,
    bias: Array | None = None,
    eps: float = 1e-05,
) -> Array:
    """(x - mean) / sqrt(variance + eps) · weight + bias, with the moments over the last dimensions.

    Args:
        normalized_shape: the sizes of the last dimensions, over which the moments are taken.
        weight, bias: of that shape, or None.
        eps: added to the variance (same unit as input²) before the square root.

    Shape:
        input (*, *normalized_shape) → the same

    Raises:
        RuntimeError: sizes or types that do not fit.

    >>> torch.nn.functional.layer_norm(torch.tensor([[1., 3.]]), (2,))
    tensor([[-1.0000,  1.0000]])
    """
    sizes = _check_layer("layer_norm", input, normalized_shape, weight, bias)
    _check_mixed(input, weight, bias)
    kernel("LayerNormKernelImpl", input, "f")
    wide = wide_dtype(input)
    y = _standardized(input.astype(wide), tuple(range(input.ndim - len(sizes), input.ndim)), eps)
    y = y if weight is None else y * weight.astype(wide)
    y = y if bias is None else y + bias.astype(wide)
    return y.astype(input.dtype)


@op(
    method=False,
    saves=(0, 1),
    grad_fn="NativeGroupNormBackward0",
    autocast={"cuda": "float32"},
    strides=strides_by_format,
)
def group_norm(
    input: Array,
    num_groups: int,
    weight: Array | None = None,
    bias: Array | None = None,
    eps: float = 1e-05,
) -> Array:
    """(x - mean) / sqrt(variance + eps) · weight + bias, with the moments of each group of channels.

    Args:
        num_groups: into how many groups the channels are divided.
        weight, bias: one for each channel, or None.
        eps: added to the variance (same unit as input²) before the square root.

    Shape:
        input (N, C, *) → (N, C, *)

    Raises:
        RuntimeError: sizes or types that do not fit.
        ValueError: only one value for each group.

    >>> torch.nn.functional.group_norm(torch.tensor([[1., 3., 5., 5.]]), 2)
    tensor([[-1.0000,  1.0000,  0.0000,  0.0000]])
    """
    _check_group(input, num_groups, weight, bias)
    kernel("GroupNormKernelImpl", input, "f")
    wide = wide_dtype(input)
    if not input.size:
        return input
    groups = input.astype(wide).reshape(input.shape[0], num_groups, -1)
    y = _standardized(groups, (2,), eps).reshape(input.shape)
    y = y if weight is None else y * per_channel(weight.astype(wide), y)
    y = y if bias is None else y + per_channel(bias.astype(wide), y)
    return y.astype(input.dtype)


@functional
@public(method=False)
def instance_norm(
    input,
    running_mean=None,
    running_var=None,
    weight=None,
    bias=None,
    use_input_stats=True,
    momentum=0.1,
    eps=1e-05,
):
    """(x - mean) / sqrt(variance + eps) · weight + bias, with the moments of each channel of each sample.

    Args: as `batch_norm`; `use_input_stats` is its `training`.

    Shape:
        input (N, C, *) → (N, C, *)

    Raises:
        ValueError: only one value for each channel.
        RuntimeError: sizes or types that do not fit.
    """
    sizes = tuple(input.shape)
    if use_input_stats and math.prod(sizes[2:]) == 1:
        shown = input.shape
        raise ValueError(f"Expected more than 1 spatial element when training, got input size {shown}")
    if not use_input_stats and (running_mean is None or running_var is None):
        raise RuntimeError("Expected running_mean and running_var to be defined when use_input_stats is false")
    samples, channels = sizes[:2]
    of_sample = [t if t is None else t.repeat(samples) for t in (running_mean, running_var, weight, bias)]
    as_channels = input.contiguous().view((1, samples * channels, *sizes[2:]))
    out = batch_norm(as_channels, *of_sample, use_input_stats, momentum, eps)
    for running, moved in zip((running_mean, running_var), of_sample, strict=False):
        if running is not None and use_input_stats:
            with no_grad():
                write_result(running, mean(moved.view((samples, channels)), 0))
    return out.view(sizes)


@functional
@public(method=False)
def rms_norm(input, normalized_shape, weight=None, eps=None):
    """x / sqrt(mean of squares + eps) · weight, over the last dimensions: `layer_norm` without the mean.

    Args:
        normalized_shape: the sizes of the last dimensions, over which the mean is taken.
        weight: of that shape, or None.
        eps: added to the mean of squares before the root; None: the type's machine epsilon.

    Shape:
        input (*, *normalized_shape) → the same

    Raises:
        RuntimeError: sizes that do not fit.

    >>> torch.nn.functional.rms_norm(torch.tensor([[1., 7.]]), (2,))
    tensor([[0.2000, 1.4000]])
    """
    sizes = _check_layer("rms_norm", input, normalized_shape, weight, None)
    if not input.dtype.is_floating_point:
        raise NotImplementedError(f"\"rms_norm\" not implemented for '{input.dtype.scalar_name}'")
    wide = dtypes.float64 if input.dtype is dtypes.float64 else dtypes.float32
    x = input.to(wide)
    squares = mean(pow(x, 2), tuple(range(-len(sizes), 0)), True)
    out = mul(x, rsqrt(add(squares, finfo(wide).eps if eps is None else eps))).to(input.dtype)
    return out if weight is None else mul(out, weight).to(input.dtype)


@functional
@public(method=False)
def local_response_norm(input, size, alpha=0.0001, beta=0.75, k=1.0):
    """x / (k + alpha · mean of squares over `size` neighbouring channels)^beta

    Shape:
        input (N, C, *) → (N, C, *)

    Raises:
        ValueError: fewer than three dimensions.
    """
    if input.ndim < 3:
        raise ValueError(
            f"Expected 3D or higher dimensionality                          input (got {input.ndim} dimensions)"
        )
    if not input.numel():
        return input
    squares = mul(input, input)
    before, after = size // 2, (size - 1) // 2
    if input.ndim == 3:
        rows = pad(unsqueeze(squares, 1), (0, 0, before, after))
        means = squeeze(avg_pool2d(rows, (size, 1), 1), 1)
    else:
        samples, channels, first = tuple(input.shape)[:3]
        rows = pad(squares.view((samples, 1, channels, first, -1)), (0, 0, 0, 0, before, after))
        means = squeeze(avg_pool3d(rows, (size, 1, 1), 1), 1).view(tuple(input.shape))
    return true_divide(input, pow(add(mul(means, alpha), k), beta))


def wide_dtype(x):
    """Half types are normalised in float32, as PyTorch does."""
    return jnp.float32 if x.dtype in dtypes.HALF else x.dtype


def _check_batch_norm(input, running_mean, running_var, weight, bias, training, momentum, eps):
    if training and math.prod(input.shape) // (input.shape[1] or 1 if input.ndim > 1 else 1) == 1:
        _refuse_single(input.shape)
    if eps < 0:
        raise ValueError(f"batch_norm eps must be non-negative, but got {eps}")
    if not isinstance(momentum, int | float):
        odd = type(momentum).__name__
        raise TypeError(f"batch_norm(): argument 'momentum' (position 7) must be float, not {odd}")
    if not training:
        for name, running in (("running_mean", running_mean), ("running_var", running_var)):
            if running is None:
                raise RuntimeError(f"{name} must be defined in evaluation mode")
    if (running_mean is None) != (running_var is None):
        raise ValueError("running_mean and running_var must either both be None or neither be None")
    features = input.shape[1] if input.ndim > 1 else 0
    named = {"running_mean": running_mean, "running_var": running_var, "weight": weight, "bias": bias}
    for name, values in named.items():
        if values is not None and values.numel() != features:
            raise RuntimeError(f"{name} should contain {features} elements not {values.numel()}")
    for name, values in list(named.items())[:2]:
        undifferentiable("native_batch_norm", name, values)
    if input.dtype.is_floating_point and input.numel():
        _check_mixed(input, *named.values())


def _refuse_single(size):
    raise ValueError(f"Expected more than 1 value per channel when training, got input size {size}")


def _check_mixed(x, *parameters):
    """A half-precision input may go with float32 parameters; nothing else is mixed."""
    mine = x.dtype if isinstance(x.dtype, dtypes.dtype) else dtypes.of(x.dtype)
    for values in parameters:
        if values is None:
            continue
        theirs = values.dtype if isinstance(values.dtype, dtypes.dtype) else dtypes.of(values.dtype)
        if theirs is mine or (mine.is_half and theirs is dtypes.float32):
            continue
        if mine is dtypes.float64:
            raise RuntimeError("mixed dtype (CPU): all inputs must share same datatype.")
        raise RuntimeError("mixed dtype (CPU): expect parameter to have scalar type of Float")


def _check_layer(name, x, normalized_shape, weight, bias):
    """The sizes that are normalised over. Raises for sizes or dtypes that do not fit."""
    if not isinstance(normalized_shape, tuple | list):
        odd = f"must be tuple of ints, not {type(normalized_shape).__name__}"
        raise TypeError(f"{name}(): argument 'normalized_shape' (position 2) {odd}")
    sizes = list(normalized_shape)
    if not sizes:
        raise RuntimeError(
            "Expected normalized_shape to be at least 1-dimensional, i.e., containing at least one element, but got normalized_shape = []"
        )
    for what, values in (("weight", weight), ("bias", bias)):
        if values is not None and list(values.shape) != sizes:
            raise RuntimeError(
                f"Expected {what} to be of same shape as normalized_shape, but got {what} of shape"
                f" {list(values.shape)} and normalized_shape = {sizes}"
            )
    if list(x.shape)[-len(sizes) :] != sizes:
        shown = ("*, " if name == "layer_norm" else "*") + ", ".join(map(str, sizes))
        raise RuntimeError(
            f"Given normalized_shape={sizes}, expected input with shape [{shown}], but got input of size{list(x.shape)}"
        )
    return sizes


def _check_group(x, num_groups, weight, bias):
    if x.ndim < 2:
        raise RuntimeError(f"Expected at least 2 dimensions for input tensor but received {x.ndim}")
    samples, channels, *spatial = x.shape
    each = [samples * channels // num_groups, num_groups, *spatial]
    if math.prod(spatial) * each[0] == 1:
        _refuse_single(each)
    if num_groups < 0:
        raise RuntimeError(f"Expected num groups to be greater than 0, got {num_groups}")
    if channels % num_groups:
        raise RuntimeError(
            "Expected number of channels in input to be divisible by num_groups, but got input of shape"
            f" {list(x.shape)} and num_groups={num_groups}"
        )
    for what, values in (("weight", weight), ("bias", bias)):
        if values is not None and values.shape != (channels,):
            shown = list((values if weight is None else weight).shape)  # PyTorch shows the weight's for both
            raise RuntimeError(
                f"Expected {what} to be a vector of size equal to the number of channels in input, but got"
                f" {what} of shape {shown} and input of shape {list(x.shape)}"
            )
    _check_mixed(x, weight, bias)
