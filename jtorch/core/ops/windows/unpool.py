"""A partial inverse of max pooling (`max_unpool`), and pooling with windows at random positions (`fractional_max_pool`)."""

from __future__ import annotations

import functools
import math

import jax
import jax.numpy as jnp

from jtorch.core.op import Array, data_check, functional, op
from jtorch.core.ops.make.random import rand
from jtorch.core.ops.windows.pooling import strides_by_format
from jtorch.core.tensor import Tensor


def _per_dim(value, dims):
    return tuple(value) if isinstance(value, tuple | list) else (value,) * dims


def _outside_cells(indices, cells):
    return ((indices < 0) | (indices >= cells)).any()


@op(
    grad_fn=lambda types, consts: f"MaxUnpool{len(consts['size'])}DBackward0",
    strides=strides_by_format,
    autocast={"cpu": "float32"},
)
def _max_unpool(input: Array, indices: Array, size: tuple) -> Array:
    batch = input.shape[: -len(size)]
    rows = input.reshape(math.prod(batch), math.prod(input.shape[len(batch) :]))
    return _spread(rows, indices.reshape(rows.shape), math.prod(size)).reshape(*batch, *size)


@functools.partial(jax.custom_jvp, nondiff_argnums=(2,))
def _spread(rows, indices, count):
    """Rows of `count` cells with the numbers at their indices: of several at one index, the last."""
    cells = jnp.zeros((rows.shape[0], count), rows.dtype)
    return cells.at[jnp.arange(rows.shape[0])[:, None], indices].set(rows)


@_spread.defjvp
def _spread_jvp(count, primals, tangents):
    """As in PyTorch each number has the gradient of the cell at its index, also where another was written over it."""
    (rows, indices), (t, _) = primals, tangents
    moved = jnp.zeros((rows.shape[0], count), t.dtype).at[jnp.arange(rows.shape[0])[:, None], indices].add(t)
    return _spread(rows, indices, count), moved


def _unpooled(dims, input, indices, kernel_size, stride, padding, output_size):
    kernel, padding = _per_dim(kernel_size, dims), _per_dim(padding, dims)
    stride = _per_dim(stride, dims) if stride is not None and stride != [] else kernel
    size = _output_size(input, kernel, stride, padding, output_size)
    if input.dim() not in (dims + 1, dims + 2):
        raise RuntimeError(
            f"Input to max_unpooling{dims}d should be a {dims + 1}d or {dims + 2}d Tensor, but got a tensor with {input.dim()} dimensions."
        )
    if indices.dtype.name != "int64":
        raise RuntimeError(f"elements in indices should be type int64 but got: {indices.dtype.scalar_name}")
    if indices.shape != input.shape:
        raise RuntimeError(
            f"Expected shape of indices to be same as that of the input tensor ({list(input.shape)}) but got indices"
            f" tensor with shape: {list(indices.shape)}"
        )
    if input.numel():
        data_check(indices, _outside_cells, lambda found, cells: _wrong_index(found, size), cells=math.prod(size))
    return _max_unpool(input, indices, tuple(size))


def _wrong_index(indices, size):
    wrong = indices[(indices < 0) | (indices >= math.prod(size))]
    return RuntimeError(
        f"Found an invalid max index: {int(wrong.reshape(-1)[0])} (output volumes are of size {'x'.join(map(str, size))})"
    )


def _output_size(input, kernel, stride, padding, output_size):
    dims = len(kernel)
    usual = [(input.shape[d - dims] - 1) * stride[d] + kernel[d] - 2 * padding[d] for d in range(dims)]
    if output_size is None:
        return usual
    size = output_size
    if len(size) == dims + 2:
        size = size[2:]
    if len(size) != dims:
        raise ValueError(
            f"output_size should be a sequence containing {dims} or {dims + 2} elements, but it has a length of '{len(size)}'"
        )
    for d in range(dims):
        least, most = usual[d] - stride[d], usual[d] + stride[d]
        if not least < size[d] < most:
            raise ValueError(f'invalid output_size "{output_size}" (dim {d} must be between {least} and {most})')
    return size


@functional
def max_unpool1d(input, indices, kernel_size, stride=None, padding=0, output_size=None):
    """A partial inverse of `max_pool1d`: the largest numbers at their indices, zeros elsewhere."""
    kernel, padding = _per_dim(kernel_size, 1), _per_dim(padding, 1)
    stride = _per_dim(stride, 1) if stride is not None and stride != [] else kernel
    size = _output_size(input, kernel, stride, padding, output_size)
    rows = _unpooled(
        2, input.unsqueeze(-1), indices.unsqueeze(-1), (*kernel, 1), (*stride, 1), (*padding, 0), (*size, 1)
    )
    return rows.squeeze(-1)


@functional
def max_unpool2d(input, indices, kernel_size, stride=None, padding=0, output_size=None):
    """A partial inverse of `max_pool2d`: the largest numbers at their indices, zeros elsewhere.

    Args:
        indices: those that the pooling returned with return_indices=True.
        output_size: the size of the image, where several sizes are possible.
    """
    return _unpooled(2, input, indices, kernel_size, stride, padding, output_size)


@functional
def max_unpool3d(input, indices, kernel_size, stride=None, padding=0, output_size=None):
    """A partial inverse of `max_pool3d`: the largest numbers at their indices, zeros elsewhere."""
    return _unpooled(3, input, indices, kernel_size, stride, padding, output_size)


# ---- windows at random positions


@op(grad_fn=lambda types, consts: f"FractionalMaxPool{len(consts['kernel'])}DBackward0", undifferentiated=("samples",))
def _fractional(input: Array, samples: Array, kernel: tuple, count: tuple) -> Array:
    """(largest numbers, their indices)"""
    dims = len(kernel)
    sizes = input.shape[-dims:]
    x = input.reshape(*samples.shape[:2], *sizes)
    at = []  # for each dimension (N, C, out, k): the cells of each window
    for d in range(dims):
        # PyTorch's samples go last dimension first in 2-D, first dimension first in 3-D.
        share = samples[..., dims - 1 - d if dims == 2 else d]
        starts = _starts(share, sizes[d], count[d], kernel[d])
        at.append(starts[..., None] + jnp.arange(kernel[d]))
    place = 0
    for d in range(dims):
        shape = [1] * (2 * dims)
        shape[d], shape[dims + d] = count[d], kernel[d]
        place = place * sizes[d] + at[d].reshape(*samples.shape[:2], *shape)
    place = jnp.broadcast_to(place, (*samples.shape[:2], *count, *kernel)).reshape(
        *samples.shape[:2], math.prod(count), math.prod(kernel)
    )
    flat = x.reshape(*samples.shape[:2], 1, math.prod(sizes))
    cells = jnp.take_along_axis(jnp.broadcast_to(flat, (*place.shape[:3], flat.shape[-1])), place, 3)
    best = jnp.argmax(cells, axis=3, keepdims=True)
    shape = (*input.shape[:-dims], *count)
    where = jnp.take_along_axis(place, best, 3).astype(jnp.int64)
    return jnp.take_along_axis(cells, best, 3).reshape(shape), where.reshape(shape)


def _starts(share, size, count, kernel):
    """(N, C, count): where the windows begin; the last ends at the edge."""
    if count == 1:
        return jnp.full((*share.shape, 1), size - kernel)
    alpha = jnp.asarray((size - kernel) / (count - 1), share.dtype)
    steps = jnp.arange(count - 1, dtype=share.dtype)
    share = share[..., None]
    starts = ((steps + share) * alpha).astype(jnp.int32) - (share * alpha).astype(jnp.int32)
    return jnp.concatenate([starts, jnp.full((*share.shape[:-1], 1), size - kernel, jnp.int32)], -1)


def _fractional_pooled(dims, input, kernel_size, output_size, output_ratio, samples):
    name = f"fractional_max_pool{dims}d"
    if output_size is None and output_ratio is None:
        raise ValueError(f"{name} requires specifying either an output_size or an output_ratio")
    if output_size is None:
        ratio = _per_dim(output_ratio, dims)
        if len(ratio) > dims:
            raise ValueError(f"{name} requires output_ratio to either be a single Int or tuple of Ints.")
        output_size = [int(input.size(d - dims) * ratio[d]) for d in range(dims)]
    kernel, out = _per_dim(kernel_size, dims), _per_dim(output_size, dims)
    batch = (1, input.size(0)) if input.dim() == dims + 1 else tuple(input.shape[:2])
    for d, word in enumerate(("height", "width") if dims == 2 else ("time", "height", "width")):
        if out[d] + kernel[d] - 1 > input.shape[d - dims]:
            raise RuntimeError(
                f"{name}(): pool {word} {kernel[d]} too large relative to input {word} {input.shape[d - dims]}"
            )
    if samples is None:
        samples = rand(*batch, dims, dtype=input.dtype, device=input.device)
    _check_samples(samples, input, batch, dims)
    samples = samples[: batch[0]]
    return _fractional(input, samples, tuple(kernel), tuple([int(n) for n in out]))


def _check_samples(samples, input, batch, dims):
    if samples.dtype is not input.dtype:
        raise RuntimeError("Expect _random_samples to have the same dtype as input")
    if samples.dim() != 3:
        raise RuntimeError(f"Expect _random_samples to have 3 dimensions, got {samples.dim()}")
    if samples.size(0) < batch[0]:
        raise RuntimeError("Expect _random_samples.size(0) no less then input batch size.")
    if samples.size(1) != batch[1]:
        raise RuntimeError("Expect _random_samples.size(1) equals to input channel size.")
    if samples.size(2) != dims:
        raise RuntimeError(f"Expect _random_samples.size(2) equals to {dims}; got {samples.size(2)}.")


@functional
def fractional_max_pool2d_with_indices(
    input, kernel_size, output_size=None, output_ratio=None, return_indices=False, _random_samples=None
):
    """(`fractional_max_pool2d`, the indices of the largest numbers)"""
    return _fractional_pooled(2, input, kernel_size, output_size, output_ratio, _random_samples)


@functional
def fractional_max_pool3d_with_indices(
    input, kernel_size, output_size=None, output_ratio=None, return_indices=False, _random_samples=None
):
    """(`fractional_max_pool3d`, the indices of the largest numbers)"""
    return _fractional_pooled(3, input, kernel_size, output_size, output_ratio, _random_samples)


@functional
def fractional_max_pool2d(
    input, kernel_size, output_size=None, output_ratio=None, return_indices=False, _random_samples=None
) -> Tensor:
    """The largest number of each window, where the windows lie at random positions that cover an image evenly.

    Args:
        output_size: how many windows, along both or each dimension.
        output_ratio: instead of `output_size`: its ratio to the input's size.
        return_indices: return (values, indices).
    """
    found = _fractional_pooled(2, input, kernel_size, output_size, output_ratio, _random_samples)
    return found if return_indices else found[0]


@functional
def fractional_max_pool3d(
    input, kernel_size, output_size=None, output_ratio=None, return_indices=False, _random_samples=None
) -> Tensor:
    """The largest number of each window, where the windows lie at random positions that cover a volume evenly."""
    found = _fractional_pooled(3, input, kernel_size, output_size, output_ratio, _random_samples)
    return found if return_indices else found[0]
