"""Padding of the last dimensions: constant, reflect, replicate, circular."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
from jax import lax

from jtorch.core.facts import limits
from jtorch.core.facts import strides as geometry
from jtorch.core.op import Array, Number, function, functional, op
from jtorch.core.ops.windows.pooling import strides_by_format
from jtorch.core.tensor import Tensor

_SUPPORTED = """Supported combinations for non-constant padding:
  - 2D or 3D input: padding size = 2 (pads last dimension)
  - 3D or 4D input: padding size = 4 (pads last 2 dimensions)
  - 4D or 5D input: padding size = 6 (pads last 3 dimensions)"""


def _constant_strides(types, shapes, consts):
    """As `strides_by_format`; where nothing is added, PyTorch copies a part."""
    if max(consts["edges"]) > 0:
        return strides_by_format(types, shapes, consts)
    return [geometry.like_strides(shapes[0], types[0].strides)]


@op(grad_fn="ConstantPadNdBackward0", saves=(), strides=_constant_strides)
def _constant_pad(input: Array, edges: tuple, value: Number) -> Array:
    config = [(0, 0, 0)] * (input.ndim - len(edges) // 2)
    config += [(edges[i], edges[i + 1], 0) for i in range(len(edges) - 2, -1, -2)]
    sizes = [n + low + high for n, (low, high, _) in zip(input.shape, config, strict=True)]
    if any(n < 0 for n in sizes):
        raise RuntimeError("narrow(): length must be non-negative.")
    return lax.pad(input, value.astype(input.dtype), config)


_NAMES = {"reflect": "ReflectionPad{}DBackward0", "replicate": "ReplicationPad{}DBackward0"}
_WORDS = {"reflect": "reflection", "replicate": "replication"}


@op(
    saves=(),
    grad_fn=lambda types, consts: _NAMES.get(consts["mode"], "CopySlices").format(len(consts["edges"]) // 2),
    autocast={"cpu": "float32"},
    strides=lambda types, shapes, consts: (
        [None] if consts["mode"] == "circular" else strides_by_format(types, shapes, consts)
    ),
    graph={"CopySlices": "CopySlices(CopySlices(-, Slice(Slice(input))), Slice(input))"},
)
def _edge_pad(input: Array, edges: tuple, mode: str) -> Array:
    widths = [(0, 0)] * (input.ndim - len(edges) // 2)
    widths += [(edges[i], edges[i + 1]) for i in range(len(edges) - 2, -1, -2)]
    if mode == "replicate" and min(edges) < 0:  # what is removed at one end is still repeated at the other
        for d, (n, (lo, hi)) in enumerate(zip(input.shape, widths, strict=True)):
            if lo or hi:
                input = jnp.take(input, np.clip(np.arange(n + lo + hi) - lo, 0, n - 1), axis=d)
        return input
    cut = tuple(slice(max(-lo, 0), n - max(-hi, 0)) for n, (lo, hi) in zip(input.shape, widths, strict=True))
    widths = [(max(lo, 0), max(hi, 0)) for lo, hi in widths]
    for d, (n, (lo, hi)) in reversed(list(enumerate(zip(input.shape, widths, strict=True)))):
        if mode == "reflect" and max(lo, hi) >= n and (lo or hi):
            raise RuntimeError(
                f"Argument #{4 + 2 * (input.ndim - 1 - d)}: Padding size should be less than the corresponding input"
                f" dimension, but got: padding ({lo}, {hi}) at dimension {d} of input {list(input.shape)}"
            )
        if mode == "circular" and max(lo, hi) > n:
            raise RuntimeError("Padding value causes wrapping around more than once.")
    return jnp.pad(input[cut], widths, mode={"reflect": "reflect", "replicate": "edge", "circular": "wrap"}[mode])


@functional
def pad(input, pad, mode="constant", value=None):
    """The input with elements added at the ends of its last dimensions; a negative number removes them.

    Args:
        pad: (before, after) of the last dimension, then of the one before it, ...
        mode: "constant", "reflect", "replicate" or "circular".
        value: the value of constant padding; 0 where it is left out.

    >>> torch.nn.functional.pad(torch.ones(2), (1, 0))
    tensor([0., 1., 1.])
    """
    edges = tuple([int(p) for p in (pad._to_numpy().tolist() if isinstance(pad, Tensor) else pad)])
    if len(edges) % 2:
        raise RuntimeError("Padding length must be divisible by 2")
    if len(edges) // 2 > input.ndim:
        raise RuntimeError(
            "Padding length should be less than or equal to two times the input dimension but got padding length"
            f" {len(edges)} and input of dimension {input.ndim}"
        )
    if mode == "constant":
        if not any(edges):
            return input.clone()
        if value is not None:
            limits.must_hold(input.dtype, value if isinstance(value, complex) else float(value))
        return _constant_pad(input, edges, float(value or 0) if input.is_floating_point() else value or 0)
    if mode not in ("reflect", "replicate", "circular"):
        raise NotImplementedError(f"Unrecognised padding mode {mode}")
    if value is not None and value != 0:
        raise ValueError(f'Padding mode "{mode}" doesn\'t take in value argument')
    dims = len(edges) // 2
    if input.ndim not in (dims + 1, dims + 2):
        raise NotImplementedError(
            f"Padding size {len(edges)} is not supported for {input.ndim}D input tensor.\n" + _SUPPORTED
        )
    _check_padded_sizes(input, edges, mode, dims)
    return _edge_pad(input, edges, mode)


def _check_padded_sizes(input, edges, mode, dims):
    """Only the batch may be empty, and something must be left where an edge is taken away."""
    if mode != "circular" and 0 in input.shape[input.ndim == dims + 2 :]:
        raise RuntimeError(
            f"Expected {dims + 1}D or {dims + 2}D (batch mode) tensor with possibly 0 batch size and other non-zero dimensions"
            f" for input, but got: {list(input.shape)}"
        )
    for i in range(dims):
        n = input.shape[-1 - i]
        left = n + edges[2 * i] + edges[2 * i + 1]
        if mode == "circular" and left < 0:
            raise RuntimeError("Negative padding value is resulting in an empty dimension")
        if mode != "circular" and left < (1 if dims == 1 else 0):
            name = "WHD"[i]
            raise RuntimeError(f"input ({name}: {n}) is too small. Calculated output {name}: {left}")


@function
def constant_pad_nd(input, pad, value=0):
    """`torch.nn.functional.pad` with a number around the tensor."""
    return _constant_pad(input, tuple(pad), value)
