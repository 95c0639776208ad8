"""Dropout: elements or whole channels become 0 at random. The masks are PyTorch's for a seed on the CPU."""

from __future__ import annotations

import math

import jax.numpy as jnp

from jtorch.core.engine import type_of
from jtorch.core.facts import dtypes, like_strides, warn_user
from jtorch.core.op import Array, Number, function, functional, op
from jtorch.core.ops.arithmetic.activations import into_input
from jtorch.core.ops.make.generator import on_host
from jtorch.core.ops.make.random import draw, host_draw
from jtorch.core.tensor import cast, wrap


@op(saves=(1,), grad_fn="MulBackward0", strides="elementwise", graph={"MulBackward0": "Mul(input, -)"})
def _masked_scale(input: Array, mask: Array, p: Number) -> Array:
    """input * (mask / (1 - p)), with the division rounded first, as PyTorch rounds."""
    keep = (1.0 / (1.0 - p).astype(input.dtype)).astype(input.dtype)
    return input * jnp.where(mask, keep, jnp.zeros((), input.dtype))


def check_probability(p):
    if p < 0.0 or p > 1.0:
        raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")


def mask_like(input, shape, p, strides=None):
    """A mask that is 1 where dropout keeps an element, drawn as PyTorch draws it."""
    t = input._type
    kept = type_of(shape, dtypes.bool_, t.place, strides)
    if on_host(t.place):
        return wrap(host_draw("bernoulli", kept, None, strides, {"p": 1 - p}))
    return wrap(draw("bernoulli", kept, None, strides, p=1 - p))


@functional
def dropout(input, p=0.5, training=True, inplace=False):
    """Each element becomes 0 with probability p; the rest are multiplied by 1 / (1 - p). Outside training: x itself.

    >>> _ = torch.manual_seed(0); torch.nn.functional.dropout(torch.ones(4), 0.5)
    tensor([0., 0., 2., 0.])
    """
    check_probability(p)
    made = _dropped(input, p, training, None)
    return into_input(input, made, inplace)


def _dropped(input, p, training, shape):
    t = input._type
    if not training or p == 0 or 0 in t.shape:
        return input
    if p == 1:
        return input * 0.0
    if shape is None:
        mask = mask_like(input, t.shape, p, None if t.contiguous else like_strides(t.shape, t.strides))
    else:
        mask = mask_like(input, shape, p)
    return _masked_scale(input, mask, float(p))


def _feature_dropout(dims, input, p, training, inplace, batched):
    """Whole channels at once: the mask has one element for each of the first two dimensions."""
    check_probability(p)
    x = input if batched else input.unsqueeze(0)
    made = _dropped(x, p, training, (*x.shape[:2], *[1] * (x.ndim - 2)))
    if not batched:
        made = made.squeeze(0) if made is not x else input
    return into_input(input, made, inplace)


@functional
def dropout1d(input, p=0.5, training=True, inplace=False):
    """Dropout of whole channels of (N, C, L) or (C, L)."""
    if input.ndim not in (2, 3):
        raise RuntimeError(
            f"dropout1d: Expected 2D or 3D input, but received a {input.ndim}D input. Note that dropout1d"
            " exists to provide channel-wise dropout on inputs with 1 spatial dimension, a channel"
            " dimension, and an optional batch dimension (i.e. 2D or 3D inputs)."
        )
    return _feature_dropout(1, input, p, training, inplace, input.ndim == 3)


@functional
def dropout2d(input, p=0.5, training=True, inplace=False):
    """Dropout of whole channels of (N, C, H, W)."""
    if input.ndim not in (3, 4):
        warn_user(
            f"dropout2d: Received a {input.ndim}-D input to dropout2d, which is deprecated and will result in an error"
            " in a future release. To retain the behavior and silence this warning, please use dropout instead. Note"
            " that dropout2d exists to provide channel-wise dropout on inputs with 2 spatial dimensions, a channel"
            " dimension, and an optional batch dimension (i.e. 3D or 4D inputs).",
        )
    if input.ndim == 3:
        warn_user(
            "dropout2d: Received a 3D input to dropout2d and assuming that channel-wise 1D dropout behavior is desired"
            " - input is interpreted as shape (N, C, L), where C is the channel dim. This behavior will change in a"
            " future release to interpret the input as one without a batch dimension, i.e. shape (C, H, W). To maintain"
            " the 1D channel-wise dropout behavior, please switch to using dropout1d instead.",
        )
    return _feature_dropout(2, input, p, training, inplace, True)


@functional
def dropout3d(input, p=0.5, training=True, inplace=False):
    """Dropout of whole channels of (N, C, D, H, W) or (C, D, H, W)."""
    if input.ndim not in (4, 5):
        warn_user(
            f"dropout3d: Received a {input.ndim}-D input to dropout3d, which is deprecated and will result in an error"
            " in a future release. To retain the behavior and silence this warning, please use dropout instead. Note"
            " that dropout3d exists to provide channel-wise dropout on inputs with 3 spatial dimensions, a channel"
            " dimension, and an optional batch dimension (i.e. 4D or 5D inputs).",
        )
    return _feature_dropout(3, input, p, training, inplace, input.ndim == 5)


_ALPHA = 1.7580993408473766


@functional
def alpha_dropout(input, p=0.5, training=False, inplace=False):
    """Dropout that keeps mean 0 and standard deviation 1 after selu."""
    return _alpha_dropout(input, p, training, inplace, None)


@functional
def feature_alpha_dropout(input, p=0.5, training=False, inplace=False):
    """`alpha_dropout` of whole channels."""
    shape = (*input.shape[:2], *[1] * (input.ndim - 2))
    return _alpha_dropout(input, p, training, inplace, shape)


def _alpha_dropout(input, p, training, inplace, shape):
    check_probability(p)
    if not training or p == 0 or not input.numel():
        return input
    if p == 1:
        return into_input(input, input * 0.0, inplace)
    noise = cast(mask_like(input, shape or input.shape, p), input.dtype)
    a = 1.0 / math.sqrt((_ALPHA * _ALPHA * p + 1) * (1 - p))
    b = (noise + -1) * (_ALPHA * a) + _ALPHA * a * p
    return into_input(input, input * (noise * a) + b, inplace)


@function
def feature_dropout(input, p, train):
    """Dropout of whole channels of (N, C, *), of any number of dimensions."""
    _check_feature_dims(input, "Feature dropout")
    return _of_channels(input, p, train)


@function(name="dropout_")
def _dropout_in_place(input, p, train):
    """`dropout` that writes into its input."""
    return dropout(input, p, train, True)


@function(name="feature_dropout_")
def _feature_dropout_in_place(input, p, train):
    """`feature_dropout` that writes into its input."""
    _check_feature_dims(input, "Feature dropout")
    return into_input(input, _of_channels(input, p, train), True)


@function(name="alpha_dropout_")
def _alpha_dropout_in_place(input, p, train):
    """`alpha_dropout` that writes into its input."""
    return alpha_dropout(input, p, train, True)


@function(name="feature_alpha_dropout_")
def _feature_alpha_dropout_in_place(input, p, train):
    """`feature_alpha_dropout` that writes into its input."""
    _check_feature_dims(input, "Feature dropout")
    return feature_alpha_dropout(input, p, train, True)


def _of_channels(input, p, train):
    check_probability(p)
    return _dropped(input, p, train, (*input.shape[:2], *[1] * (input.ndim - 2)))


def _check_feature_dims(input, name):
    if input.ndim < 2:
        raise RuntimeError(f"{name} requires at least 2 dimensions in the input")
