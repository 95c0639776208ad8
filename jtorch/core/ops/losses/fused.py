"""Functions that combine layers: normalization across channels, a classifier with its loss."""

from __future__ import annotations

import jax.numpy as jnp

from jtorch.core.op import Array, functional, op
from jtorch.core.ops.layers.linear import linear
from jtorch.core.ops.losses.basic import cross_entropy


@op(grad_fn="CrossMapLRN2dBackward")
def _cross_map_lrn(input: Array, size: int, alpha: float, beta: float, k: float) -> Array:
    reach = min(int((size - 1) / 2 + 1), input.shape[1])
    squares = jnp.pad(input * input, ((0, 0), (reach, reach - 1), (0, 0), (0, 0)))
    # PyTorch's running sum: the channel that leaves the window is one later than in LocalResponseNorm's.
    channels = input.shape[1]
    total = sum(squares[:, i : i + channels] for i in range(1, 2 * reach))
    return input * (total * (alpha / size) + k) ** -beta


def cross_map_lrn(input, size, alpha=1e-4, beta=0.75, k=1):
    """x / (k + alpha · mean of squares over `size` neighbouring channels)^beta

    Shape:
        (N, C, H, W) → the same
    """
    if input.dim() != 4:
        raise ValueError(f"CrossMapLRN2d: Expected input to be 4D, got {input.dim()}D instead.")
    return _cross_map_lrn(input, size, float(alpha), float(beta), float(k))


def _check_scoring(input, weight, target, bias, ignore_index):
    if input.dim() not in (1, 2):
        raise RuntimeError(f"expected input with dimensionality 1 or 2, got {input.dim()}")
    if weight.dim() < 2:
        raise RuntimeError(f"expected linear_weight with dimensionality at least 2, got {weight.dim()}")
    if input.shape[-1] != weight.shape[-1]:
        raise RuntimeError(
            "expected equal input and linear_weight last dimensions (in_features), got"
            f" {input.shape[-1]} and {weight.shape[-1]}, respectively"
        )
    if target.is_floating_point() and ignore_index is not None:
        raise RuntimeError("ignore_index cannot be specified when target contains probabilities")
    if weight.dim() > 2 and input.dim() == 1:
        raise RuntimeError(
            f"K-dimensional loss defined by linear_weight shape {tuple(weight.shape)} requires batched input, (N,"
            f" {input.shape[0]}), got unbatched input with shape {tuple(input.shape)}"
        )
    if bias is not None and bias.shape != weight.shape[:-1]:
        raise RuntimeError(f"expected linear_bias shape {tuple(weight.shape[:-1])}, got {tuple(bias.shape)}")


@functional
def linear_cross_entropy(
    input,
    linear_weight,
    target,
    *,
    linear_bias=None,
    weight=None,
    reduction="mean",
    ignore_index=None,
    label_smoothing=0.0,
    options=None,
):
    """cross_entropy(linear(input, linear_weight, linear_bias), target)

    Args:
        linear_weight: (classes, in), or (classes, d1, ..., in) for a target with more dimensions.
        options: how PyTorch divides the work into chunks; accepted without effect, because XLA plans memory itself.

    Shape:
        input (N, in) or (in); target as `cross_entropy` takes it
    """
    _check_scoring(input, linear_weight, target, linear_bias, ignore_index)
    if ignore_index is None:
        ignore_index = -100
    if linear_weight.dim() == 2:
        scores = linear(input, linear_weight, linear_bias)
    else:
        sizes = tuple(linear_weight.shape[:-1])
        flat = None if linear_bias is None else linear_bias.reshape(-1)
        scores = linear(input, linear_weight.reshape(-1, linear_weight.shape[-1]), flat)
        scores = scores.reshape(*input.shape[:-1], *sizes)
    return cross_entropy(
        scores, target, weight, ignore_index=ignore_index, reduction=reduction, label_smoothing=label_smoothing
    )
