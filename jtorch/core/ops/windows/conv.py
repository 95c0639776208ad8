"""Convolutions with PyTorch's arguments: conv1d to conv3d and their transposes, with every check it makes; and conv_tbc.

Each argument gets one entry per spatial dimension, sizes are checked in PyTorch's order with its messages, and
`convolve` does the mathematics. Does not know how a convolution is computed.
"""

from __future__ import annotations

from operator import index

import jax.numpy as jnp
import numpy as np
from jax import lax

from jtorch.core.facts import dtypes, once, warn_user
from jtorch.core.facts import strides as geometry
from jtorch.core.op import Array, op
from jtorch.core.ops.rules import looks_channels_last
from jtorch.core.ops.windows.convolve import Window, convolve, transposed

_GRAPH = {"SqueezeBackward1": "SqueezeBackward1(Convolution(Unsqueeze(input), weight, bias))"}  # without a batch


_EXPECTED = (
    " * (Tensor input, Tensor weight, Tensor bias = None, tuple of ints stride = 1, {} padding = {},"
    " tuple of ints dilation = 1, int groups = 1)\n"
)


def _strides(types, shapes, consts):
    """channels_last where the input or the weight is; for volumes only if oneDNN computes the convolution."""
    odd = any(looks_channels_last(t.shape, t.strides) for t in types[:2])
    if types[0].ndim == 5:
        large = types[0].shape.numel() > 20480 or min(types[1].shape[-2:]) > 3
        odd = odd and (consts["groups"] > 1 or types[0].shape[0] > 1 or large)
    return [geometry.channels_last_strides(shape) if odd and len(shape) == types[1].ndim else None for shape in shapes]


def _conv_name(types, consts):
    """The node's name: PyTorch adds a batch dimension to a single image, and computes complex convolutions from real ones."""
    if types[0].dtype.is_complex:
        return "AddBackward0"
    return "SqueezeBackward1" if types[0].ndim == types[1].ndim - 1 else "ConvolutionBackward0"


def _warn_uneven(input, weight, padding, dilation, **_):
    """Warn once, as PyTorch does, that padding="same" pads one side more than the other, without the C++ lines of its text."""
    if padding != "same" or weight.ndim < 3:
        return
    dilations = dilation if isinstance(dilation, tuple | list) else (dilation,) * (weight.ndim - 2)
    uneven = any(k % 2 == 0 and d % 2 == 1 for k, d in zip(weight.shape[2:], dilations, strict=False))
    if uneven and once.first_time("padding='same'"):
        warn_user(
            "Using padding='same' with even kernel lengths and odd dilation may require a zero-padded copy of the input be created",
        )


@op(method=False, grad_fn=_conv_name, saves=(0, 1), check=_warn_uneven, autocast="low", graph=_GRAPH)
def conv1d(
    input: Array,
    weight: Array,
    bias: Array | None = None,
    stride: int | tuple = 1,
    padding: int | tuple | str = 0,
    dilation: int | tuple = 1,
    groups: int = 1,
) -> Array:
    """Σ over channels and cells of the window of input times weight, plus bias, at each position of a signal.

    Args: as `conv2d`, with one number for the one dimension.

    Shape:
        input (N, C, L) or (C, L), weight (O, C / groups, K), bias (O) → (N, O, L') or (O, L')

    Raises:
        RuntimeError: sizes, types or groups that do not fit.

    >>> torch.nn.functional.conv1d(torch.arange(4.).view(1, 1, 4), torch.tensor([[[1., 10.]]]))
    tensor([[[10., 21., 32.]]])
    """
    return _conv("conv1d", 1, input, weight, bias, stride, padding, dilation, groups)


@op(method=False, grad_fn=_conv_name, saves=(0, 1), check=_warn_uneven, autocast="low", graph=_GRAPH, strides=_strides)
def conv2d(
    input: Array,
    weight: Array,
    bias: Array | None = None,
    stride: int | tuple = 1,
    padding: int | tuple | str = 0,
    dilation: int | tuple = 1,
    groups: int = 1,
) -> Array:
    """Σ over channels and cells of the window of input times weight, plus bias, at each position of an image.

    Args:
        input: images, with or without a batch.
        weight: one kernel for each output channel.
        stride: the step from one window to the next.
        padding: zeros added on every side; "valid" is none, "same" keeps the size (stride 1 only).
        dilation: the step from one cell of the window to the next.
        groups: channels are divided into this many groups that are convolved separately.

    Shape:
        input (N, C, H, W) or (C, H, W), weight (O, C / groups, K1, K2), bias (O)
        → (N, O, H', W') or (O, H', W')

    Raises:
        RuntimeError: sizes, types or groups that do not fit.

    >>> image = torch.arange(9.).view(1, 1, 3, 3)
    >>> torch.nn.functional.conv2d(image, torch.ones(1, 1, 2, 2))
    tensor([[[[ 8., 12.],
              [20., 24.]]]])
    """
    return _conv("conv2d", 2, input, weight, bias, stride, padding, dilation, groups)


@op(method=False, grad_fn=_conv_name, saves=(0, 1), check=_warn_uneven, autocast="low", graph=_GRAPH, strides=_strides)
def conv3d(
    input: Array,
    weight: Array,
    bias: Array | None = None,
    stride: int | tuple = 1,
    padding: int | tuple | str = 0,
    dilation: int | tuple = 1,
    groups: int = 1,
) -> Array:
    """Σ over channels and cells of the window of input times weight, plus bias, at each position of a volume.

    Args: as `conv2d`.

    Shape:
        input (N, C, D, H, W) or (C, D, H, W), weight (O, C / groups, K1, K2, K3), bias (O)
        → (N, O, D', H', W')

    Raises:
        RuntimeError: sizes, types or groups that do not fit.
    """
    return _conv("conv3d", 3, input, weight, bias, stride, padding, dilation, groups)


@op(method=False, grad_fn=_conv_name, saves=(0, 1), autocast="low", graph=_GRAPH)
def conv_transpose1d(
    input: Array,
    weight: Array,
    bias: Array | None = None,
    stride: int | tuple = 1,
    padding: int | tuple = 0,
    output_padding: int | tuple = 0,
    groups: int = 1,
    dilation: int | tuple = 1,
) -> Array:
    """Each number of a signal spreads over a window of the result, weighted: the adjoint of `conv1d`.

    Args: as `conv_transpose2d`.

    Shape:
        input (N, C, L) or (C, L), weight (C, O / groups, K), bias (O) → (N, O, L') or (O, L')

    Raises:
        RuntimeError: sizes, types or groups that do not fit.
    """
    return _conv_transpose(1, input, weight, bias, stride, padding, output_padding, groups, dilation)


@op(method=False, grad_fn=_conv_name, saves=(0, 1), autocast="low", graph=_GRAPH, strides=_strides)
def conv_transpose2d(
    input: Array,
    weight: Array,
    bias: Array | None = None,
    stride: int | tuple = 1,
    padding: int | tuple = 0,
    output_padding: int | tuple = 0,
    groups: int = 1,
    dilation: int | tuple = 1,
) -> Array:
    """Each pixel spreads over a window of the result, weighted: the adjoint of `conv2d`; it enlarges images.

    Args:
        input: images, with or without a batch.
        weight: for each input channel, what one pixel spreads into each output channel.
        stride: the step in the result for one pixel of the input.
        padding: cut off the result on every side.
        output_padding: added to the result's size, where several sizes would give the same input.
        groups: channels are divided into this many groups that are convolved separately.
        dilation: the step from one cell of the window to the next.

    Shape:
        input (N, C, H, W) or (C, H, W), weight (C, O / groups, K1, K2), bias (O)
        → (N, O, H', W') or (O, H', W')
        with H' = (H - 1)·stride - 2·padding + dilation·(K1 - 1) + output_padding + 1

    Raises:
        RuntimeError: sizes, types or groups that do not fit.

    >>> torch.nn.functional.conv_transpose2d(torch.ones(1, 1, 1, 2), torch.ones(1, 1, 1, 2), stride=2)
    tensor([[[[1., 1., 1., 1.]]]])
    """
    return _conv_transpose(2, input, weight, bias, stride, padding, output_padding, groups, dilation)


@op(method=False, grad_fn=_conv_name, saves=(0, 1), autocast="low", graph=_GRAPH, strides=_strides)
def conv_transpose3d(
    input: Array,
    weight: Array,
    bias: Array | None = None,
    stride: int | tuple = 1,
    padding: int | tuple = 0,
    output_padding: int | tuple = 0,
    groups: int = 1,
    dilation: int | tuple = 1,
) -> Array:
    """Each cell of a volume spreads over a window of the result, weighted: the adjoint of `conv3d`.

    Args: as `conv_transpose2d`.

    Shape:
        input (N, C, D, H, W) or (C, D, H, W), weight (C, O / groups, K1, K2, K3), bias (O)
        → (N, O, D', H', W')

    Raises:
        RuntimeError: sizes, types or groups that do not fit.
    """
    return _conv_transpose(3, input, weight, bias, stride, padding, output_padding, groups, dilation)


def _conv(name, dims, x, w, bias, stride, padding, dilation, groups):
    given = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    _check_input_dims(name, dims, x)
    same = padding == "same"
    if isinstance(padding, str):
        if padding not in ("same", "valid"):
            raise RuntimeError(f"Invalid padding string: '{padding}'")
        padding = 0
    try:
        stride, padding, dilation, groups = (
            _ints_of_value(stride),
            _ints_of_value(padding),
            _ints_of_value(dilation),
            index(groups),
        )
    except TypeError:
        raise TypeError(_no_such_call(name, bias, given)) from None
    spatial = w.ndim - 2
    stride = _per_dimension("stride", stride, dims, spatial)
    padding = _per_dimension("padding", padding, dims, spatial)
    dilation = _per_dimension("dilation", dilation, dims, spatial)
    if same and any(s != 1 for s in stride):
        raise RuntimeError("padding='same' is not supported for strided convolutions")
    x, batched = _with_batch_dim(x, dims)
    _check_numbers(x, w, stride, padding, dilation, groups)
    _check_weight(x, w, groups)
    if x.shape[1] != w.shape[1] * groups:
        raise RuntimeError(
            f"Given groups={groups}, weight of size {list(w.shape)}, expected input{list(x.shape)} to have"
            f" {w.shape[1] * groups} channels, but got {x.shape[1]} channels instead"
        )
    _check_conv_bias(f"Given weight of size {list(w.shape)}", bias, w.shape[0])
    _check_types(x, w, bias, groups)
    reach = [d * (k - 1) for d, k in zip(dilation, w.shape[2:], strict=True)]
    pairs = tuple((r // 2, r - r // 2) for r in reach) if same else tuple((p, p) for p in padding)
    padded = [n + a + b for n, (a, b) in zip(x.shape[2:], pairs, strict=True)]
    if any(n < r + 1 for n, r in zip(padded, reach, strict=True)):
        raise RuntimeError(
            f"Calculated padded input size per channel: ({_joined_by_spaced_x(padded)}). "
            f"Kernel size: ({_joined_by_spaced_x(r + 1 for r in reach)}). Kernel size can't be greater than actual input size"
        )
    _check_kernel(w.shape[2:])
    return _finish(convolve(x, w, Window(stride, pairs, dilation, groups)), bias, batched)


def _conv_transpose(dims, x, w, bias, stride, padding, output_padding, groups, dilation):
    name = f"conv_transpose{dims}d"
    _check_input_dims(name, dims, x)
    spatial = w.ndim - 2
    given = {"stride": stride, "padding": padding, "output_padding": output_padding, "dilation": dilation}
    for argument, value in given.items():
        try:
            given[argument] = _per_dimension(argument, _ints_of_value(value), dims, spatial)
        except TypeError:
            odd = type(value).__name__
            raise TypeError(f"{name}(): argument '{argument}' must be tuple of ints, not {odd}") from None
    stride, padding, output_padding, dilation = given.values()
    if any(p < 0 for p in output_padding):
        raise RuntimeError("negative output_padding is not supported")
    x, batched = _with_batch_dim(x, dims)
    _check_numbers(x, w, stride, padding, dilation, groups)
    _check_weight(x, w, groups)
    weight = f"Given transposed=1, weight of size {list(w.shape)}"
    if x.shape[1] != w.shape[0]:
        raise RuntimeError(
            f"{weight}, expected input{list(x.shape)} to have {w.shape[0]} channels, but got {x.shape[1]} channels instead"
        )
    _check_conv_bias(weight, bias, w.shape[1] * groups)
    _check_types(x, w, None, groups)
    _check_kernel(w.shape[2:])
    _check_output_padding(output_padding, stride, dilation)
    reach = [d * (k - 1) for d, k in zip(dilation, w.shape[2:], strict=True)]
    pairs = tuple((p, p - o) for p, o in zip(padding, output_padding, strict=True))
    sizes = zip(x.shape[2:], stride, pairs, reach, strict=True)
    out = [(n - 1) * s + 1 + r - a - b for n, s, (a, b), r in sizes]
    if any(n < 1 for n in out):
        one = [1] if dims == 1 else []
        raise RuntimeError(
            f"Given input size per channel: ({_joined_by_spaced_x(one + list(x.shape[2:]))}). "
            f"Calculated output size per channel: ({_joined_by_spaced_x(one + out)}). Output size is too small"
        )
    return _finish(transposed(x, w, Window(stride, pairs, dilation, groups)), bias, batched)


def _finish(y, bias, batched):
    if bias is not None:
        y = y + bias.reshape(-1, *[1] * (y.ndim - 2))
    return y if batched else y[0]


def _with_batch_dim(x, dims):
    batched = x.ndim == dims + 2
    return (x if batched else x[None]), batched


def _ints_of_value(value):
    """A tuple of ints, or one int. Raises TypeError for anything else."""
    return tuple(map(index, value)) if isinstance(value, tuple | list) else index(value)


def _per_dimension(name, value, dims, spatial):
    """One number for each spatial dimension of the weight."""
    values = value if isinstance(value, tuple) else (value,) * dims
    if spatial < 1:
        raise RuntimeError("weight should have at least three dimensions")
    if len(values) == 1:
        return values * spatial
    if len(values) != spatial:
        raise RuntimeError(
            f"expected {name} to be a single integer value or a list of {spatial} values to match the"
            f" convolution dimensions, but got {name}={list(values)}"
        )
    return values


def _check_input_dims(name, dims, x):
    if x.ndim not in (dims + 1, dims + 2):
        raise RuntimeError(
            f"Expected {dims + 1}D (unbatched) or {dims + 2}D (batched) input to {name}, but got input of size: {list(x.shape)}"
        )


def _of_onednn(x, w, groups):
    """Whether PyTorch would hand this convolution to oneDNN, which has messages of its own."""
    large = x.size > 20480 or min(w.shape[-2:]) > 3
    return x.dtype == np.float32 and (groups > 1 or x.shape[0] > 1 or large)


def _check_numbers(x, w, stride, padding, dilation, groups):
    if any(p < 0 for p in padding):
        raise RuntimeError("negative padding is not supported")
    if any(s <= 0 for s in stride):
        raise RuntimeError("non-positive stride is not supported")
    if groups <= 0:
        raise RuntimeError("non-positive groups is not supported")
    if any(d < 0 for d in dilation):
        raise RuntimeError("dilation should be greater than zero")
    if 0 in dilation:
        if _of_onednn(x, w, groups):
            raise RuntimeError("non-positive dilation is not supported")
        shown = ([1] if len(dilation) == 1 else []) + list(dilation)
        raise RuntimeError(f"dilation should be greater than zero, but got {shown}")


def _check_weight(x, w, groups):
    if x.ndim != w.ndim:
        raise RuntimeError(
            f"Expected {w.ndim}-dimensional input for {w.ndim}-dimensional weight {list(w.shape)}, but got"
            f" {x.ndim}-dimensional input of size {list(x.shape)} instead"
        )
    if w.shape[0] < groups:
        raise RuntimeError(
            f"Given groups={groups}, expected weight to be at least {groups} at dimension 0, but got weight of size {list(w.shape)} instead"
        )
    if w.shape[0] % groups:
        raise RuntimeError(
            f"Given groups={groups}, expected weight to be divisible by {groups} at dimension 0, but got"
            f" weight of size [{list(w.shape)}] instead"
        )


def _check_conv_bias(weight, bias, outputs):
    if bias is not None and bias.shape != (outputs,):
        raise RuntimeError(
            f"{weight}, expected bias to be 1-dimensional with {outputs} elements, but got bias of size {list(bias.shape)} instead"
        )


def _check_types(x, w, bias, groups):
    mine, theirs = dtypes.of(x.dtype), dtypes.of(w.dtype)
    if mine is dtypes.bool_:
        raise NotImplementedError("\"slow_conv2d_cpu\" not implemented for 'Bool'")
    if bias is not None and bias.dtype != x.dtype:
        of_bias = dtypes.of(bias.dtype).cname
        raise RuntimeError(f"Input type ({mine.cname}) and bias type ({of_bias}) should be the same")
    if mine is not theirs and _of_onednn(x, w, groups):
        raise RuntimeError(
            f"Input type (torch.{mine.scalar_name}Tensor) and weight type (torch.{theirs.scalar_name}Tensor)"
            " should be the same or input should be a MKLDNN tensor and weight is a dense tensor"
        )
    if mine is not theirs:
        raise RuntimeError(f"expected scalar type {mine.scalar_name} but found {theirs.scalar_name}")


def _check_kernel(kernel):
    if all(kernel):
        return
    if len(kernel) == 3:
        raise RuntimeError(f"kernel size should be greater than zero, but got: {_joined_by_spaced_x(kernel)} (TxHxW)")
    height, width = (1, *kernel) if len(kernel) == 1 else kernel
    raise RuntimeError(
        f"kernel size should be greater than zero, but got kernel_height: {height} kernel_width: {width}"
    )


def _check_output_padding(output_padding, stride, dilation):
    if all(o < max(s, d) for o, s, d in zip(output_padding, stride, dilation, strict=True)):
        return
    if len(stride) == 1:
        output_padding, stride, dilation = (0, *output_padding), (1, *stride), (1, *dilation)
    sides = ("depth", "height", "width")[-len(stride) :]
    given = {"output_padding": output_padding, "stride": stride, "dilation": dilation}
    shown = " ".join(f"{n}_{s}: {v}" for n, vs in given.items() for s, v in zip(sides, vs, strict=True))
    raise RuntimeError(f"output padding must be smaller than either stride or dilation, but got {shown}")


@op(method=False, grad_fn="ConvTbcBackward0", autocast="low")
def conv_tbc(input: Array, weight: Array, bias: Array, pad: int = 0) -> Array:
    """Convolution over the first dimension.

    Shape:
        input (T, N, in), weight (width, in, out), bias (out) → (T + 2 pad - width + 1, N, out)
    """
    if input.ndim != 3:
        raise RuntimeError("Input must have 3 dims: time, batch, in_channel")
    if weight.ndim != 3:
        raise RuntimeError("Weight tensor must have 3 dims: kernel_width, in_channels, out_channels.")
    if bias.ndim != 1:
        raise RuntimeError("Bias must be 1-D")
    x = jnp.transpose(input, (1, 2, 0))
    made = lax.conv_general_dilated(x, jnp.transpose(weight, (2, 1, 0)), (1,), [(pad, pad)])
    return jnp.transpose(made, (2, 0, 1)) + bias


def _no_such_call(name, bias, given):
    """PyTorch's message for arguments of the wrong kind; which of them came by position is not known here."""
    defaults = {"stride": 1, "padding": 0, "dilation": 1, "groups": 1}
    got = ["Tensor"] * (2 if bias is None else 3)
    got += [f"{n}={type(v).__name__}" for n, v in given.items() if type(v) is not int or v != defaults[n]]
    expected = _EXPECTED.format("tuple of ints", 0) + _EXPECTED.format("str", '"valid"')
    got = f"{name}() received an invalid combination of arguments - got ({', '.join(got)})"
    return f"{got}, but expected one of:\n{expected}"


def _joined_by_spaced_x(sizes):
    return " x ".join(map(str, sizes))
