"""PyTorch's functions under the layers: `native_layer_norm` and its like give the statistics, too."""

from __future__ import annotations

import math

import jax.numpy as jnp
from jax import lax

from jtorch.core.facts import dtypes
from jtorch.core.op import Array, function, letter, op, with_out
from jtorch.core.ops.arithmetic.dropout import check_probability, mask_like
from jtorch.core.ops.layers.normalization import batch_normalized, layer_norm, per_channel, wide_dtype
from jtorch.core.ops.make.create import ones_like
from jtorch.core.ops.windows.pooling import strides_by_format


def like_input(types, shapes, consts):
    """channels_last where the input of the pooling is."""
    return strides_by_format(types[1:], shapes, consts)


@op(name="native_layer_norm", behind="native_layer_norm", saves=())
def _moments(input: Array, axes: tuple, eps: float, keep: bool) -> Array:
    """(mean, 1 / deviation) over the axes."""
    x = input.astype(wide_dtype(input))
    mean, variance = x.mean(axes, keepdims=keep), x.var(axes, keepdims=keep)
    inverse = lax.rsqrt(variance + jnp.asarray(eps, x.dtype))
    return mean.astype(input.dtype), inverse.astype(input.dtype)


@function
@with_out
def native_layer_norm(input, normalized_shape, weight, bias, eps):
    """(`layer_norm`'s result, the mean, 1 / the deviation), with the moments over the last dimensions.

    Shape:
        input (*, sizes) → the same, and twice (*, 1, ..., 1)

    >>> torch.native_layer_norm(torch.tensor([[1., 3.]]), (2,), None, None, 0.)[1]
    tensor([[2.]])
    """
    made = layer_norm(input, normalized_shape, weight, bias, eps)
    axes = tuple(range(input.ndim - len(normalized_shape), input.ndim))
    return made, *_moments(input.detach(), axes, eps, True)


@op(name="native_group_norm", saves=(0, 1), behind="native_group_norm")
def _native_group_norm(
    input: Array, weight: Array | None, bias: Array | None, N: int, C: int, HxW: int, group: int, eps: float
) -> Array:
    wide = wide_dtype(input)
    x = input.astype(wide).reshape(N, group, C // group * HxW)
    mean, variance = x.mean(2), x.var(2)
    inverse = lax.rsqrt(variance + jnp.asarray(eps, wide))
    y = ((x - mean[..., None]) * inverse[..., None]).reshape(N, C, HxW)
    y = y if weight is None else y * per_channel(weight.astype(wide), y)
    y = y if bias is None else y + per_channel(bias.astype(wide), y)
    return y.reshape(input.shape).astype(input.dtype), mean.astype(input.dtype), inverse.astype(input.dtype)


@function
@with_out
def native_group_norm(input, weight, bias, N, C, HxW, group, eps):
    """(`group_norm`'s result, the means, 1 / the deviations) of N samples with C channels of HxW numbers.

    >>> torch.native_group_norm(torch.tensor([[1., 3., 5., 5.]]), None, None, 1, 4, 1, 2, 1e-5)[1]
    tensor([[2., 5.]])
    """
    return _native_group_norm(input, weight, bias, N, C, HxW, group, eps)


@function
@with_out
def native_batch_norm(input, weight, bias, running_mean, running_var, training, momentum, eps):
    """(`batch_norm`'s result, the batch's means, 1 / its deviations); outside training the last two are empty.

    >>> torch.native_batch_norm(torch.tensor([[1.], [3.]]), None, None, None, None, True, 0.1, 0.)[1]
    tensor([2.])
    """
    made = batch_normalized(input, running_mean, running_var, weight, bias, training, momentum, eps)
    if not training:
        nothing = input.detach().new_empty(0)
        return made, nothing, nothing.clone()
    axes = (0, *range(2, input.ndim))
    return made, *_moments(input.detach(), axes, eps, False)


@op(name="native_dropout", saves=(1,), strides="elementwise", behind="native_dropout")
def _drop_by_mask(input: Array, mask: Array, p: float) -> Array:
    scale = 0.0 if p == 1 else 1 / (1 - p)
    return input * mask.astype(input.dtype) * jnp.asarray(scale, input.dtype)


@function
def native_dropout(input, p, train):
    """(`dropout`'s result, the mask of what is kept).

    >>> _ = torch.manual_seed(0); torch.native_dropout(torch.ones(4), 0.5, True)[1]
    tensor([False, False,  True, False])
    """
    check_probability(p)
    if train is False or not input.numel():
        return _drop_by_mask(input, ones_like(input.detach(), dtype=dtypes.bool_), 0.0), ones_like(
            input.detach(), dtype=dtypes.bool_
        )
    mask = mask_like(input.detach(), tuple(input.shape), p)
    return _drop_by_mask(input, mask, float(p)), mask


@op(method=False, saves=(1,))
def native_dropout_backward(grad_output: Array, mask: Array, scale: float) -> Array:
    """The gradient of `native_dropout`."""
    if letter(grad_output) not in "fc":
        grad_output = grad_output.astype(dtypes.get_default_dtype().np)
    return grad_output * mask.astype(grad_output.dtype) * jnp.asarray(scale, grad_output.dtype)


@op(method=False, saves=(2,), strides=like_input, grad_fn="MaxPool2DWithIndicesBackwardBackward0")
def max_pool2d_with_indices_backward(
    grad_output: Array,
    input: Array,
    kernel_size: tuple,
    stride: tuple,
    padding: tuple,
    dilation: tuple,
    ceil_mode: bool,
    indices: Array,
) -> Array:
    """The gradient of `max_pool2d`: each number of `grad_output` added to the cell at its index."""
    rows, cells = math.prod(input.shape[:-2]), math.prod(input.shape[-2:])
    zeros = jnp.zeros((rows, cells), grad_output.dtype)
    at = jnp.arange(rows)[:, None], indices.reshape(rows, -1)
    return zeros.at[at].add(grad_output.reshape(rows, -1)).reshape(input.shape)
