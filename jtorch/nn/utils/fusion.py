"""Batch normalisation fused into the layer before it, for evaluation."""

from __future__ import annotations

import copy

from jtorch.core.ops.arithmetic.elementary import rsqrt
from jtorch.core.ops.make.create import ones_like, zeros_like
from jtorch.nn.parameter import Parameter


def fuse_conv_bn_eval(conv, bn, transpose=False):
    """A convolution that does what `conv` and then `bn` do in evaluation mode."""
    if conv.training or bn.training:
        raise AssertionError("Fusion only for eval!")
    fused = copy.deepcopy(conv)
    if bn.running_mean is None or bn.running_var is None:
        raise AssertionError("bn.running_mean and bn.running_var must not be None")
    fused.weight, fused.bias = fuse_conv_bn_weights(
        fused.weight, fused.bias, bn.running_mean, bn.running_var, bn.eps, bn.weight, bn.bias, transpose
    )
    return fused


def fuse_conv_bn_weights(conv_w, conv_b, bn_rm, bn_rv, bn_eps, bn_w, bn_b, transpose=False):
    """(weight, bias) of the fused convolution."""
    types = conv_w.dtype, conv_b.dtype if conv_b is not None else conv_w.dtype
    scale, shift = _scale_and_shift(conv_b, bn_rm, bn_rv, bn_eps, bn_w, bn_b)
    shape = [1, -1] if transpose else [-1, 1]
    weight = (conv_w * scale.reshape(shape + [1] * (conv_w.dim() - 2))).to(types[0])
    return Parameter(weight, conv_w.requires_grad), Parameter(
        shift.to(types[1]), conv_b.requires_grad if conv_b is not None else False
    )


def _scale_and_shift(bias, mean, var, eps, weight, offset):
    bias = zeros_like(mean) if bias is None else bias
    weight = ones_like(mean) if weight is None else weight
    offset = zeros_like(mean) if offset is None else offset
    scale = weight * rsqrt(var + eps)
    return scale, (bias - mean) * scale + offset


def fuse_linear_bn_eval(linear, bn):
    """A Linear that does what `linear` and then `bn` do in evaluation mode."""
    if linear.training or bn.training:
        raise AssertionError("Fusion only for eval!")
    fused = copy.deepcopy(linear)
    if not (linear.out_features == bn.num_features or bn.num_features == 1):
        raise AssertionError(
            "To fuse, linear.out_features == bn.num_features or bn.num_features == 1, got"
            f" linear.out_features={linear.out_features} and bn.num_features={bn.num_features}"
        )
    if bn.running_mean is None or bn.running_var is None:
        raise AssertionError("bn.running_mean and bn.running_var must not be None")
    fused.weight, fused.bias = fuse_linear_bn_weights(
        fused.weight, fused.bias, bn.running_mean, bn.running_var, bn.eps, bn.weight, bn.bias
    )
    return fused


def fuse_linear_bn_weights(linear_w, linear_b, bn_rm, bn_rv, bn_eps, bn_w, bn_b):
    """(weight, bias) of the fused Linear."""
    types = linear_w.dtype, linear_b.dtype if linear_b is not None else linear_w.dtype
    scale, shift = _scale_and_shift(linear_b, bn_rm, bn_rv, bn_eps, bn_w, bn_b)
    return Parameter((linear_w * scale.unsqueeze(-1)).to(types[0]), linear_w.requires_grad), Parameter(
        shift.to(types[1]), linear_b.requires_grad if linear_b is not None else False
    )
