"""Functions of a layer's weights: linear, bilinear, embedding."""

from __future__ import annotations

import math

import jax.numpy as jnp
from jax import lax

from jtorch.core.facts import dtypes
from jtorch.core.op import Array, common_shape, data_check, function, functional, op
from jtorch.core.ops.matrix.products import check_expandable


def _linear_name(types, consts):
    biased, dims = len(types) == 3, types[0].ndim
    if dims == 2:
        return "AddmmBackward0" if biased else "MmBackward0"
    if dims == 1 and types[1].ndim == 1 and not biased:
        return "DotBackward0"
    if dims == 1:
        return "ViewBackward0" if biased else "SqueezeBackward4"
    return "ViewBackward0" if biased else "UnsafeViewBackward0"


@op(
    method=False,
    keeps={1: lambda shape: shape[::-1]},
    grad_fn=_linear_name,
    autocast="low",
    graph={
        "AddmmBackward0": "Addmm(bias, input, T(weight))",
        "MmBackward0": "Mm(input, T(weight))",
        "UnsafeViewBackward0": "UnsafeView(Mm(View(input), T(weight)))",
        "ViewBackward0": "View(Addmm(bias, View(input), T(weight)))",
        "SqueezeBackward4": "SqueezeBackward4(Mm(Unsqueeze(input), T(weight)))",
    },
)
def linear(input: Array, weight: Array, bias: Array | None = None) -> Array:
    """x @ Wᵀ + b

    Shape:
        input (*, in), weight (out, in) or (in), bias (out) or () → (*, out) or (*)

    Raises:
        RuntimeError: sizes or dtypes that do not fit.

    >>> torch.nn.functional.linear(torch.ones(2, 3), torch.ones(1, 3), torch.zeros(1))
    tensor([[3.],
            [3.]])
    """
    _check_linear(input, weight, bias)
    out = lax.dot_general(input, weight, (((input.ndim - 1,), (weight.ndim - 1,)), ((), ())))
    if bias is None:
        return out
    _check_linear_bias(input, weight, bias, out)
    if bias.shape != out.shape[-1:]:
        return out + bias
    # lax, because JAX traces a jnp operator once more for each new shape
    return lax.add(out, lax.broadcast_in_dim(bias, out.shape, (out.ndim - 1,)))


def _check_linear_bias(input, weight, bias, out):
    if weight.ndim == 1 and (input.ndim == 2 or bias.ndim):
        raise RuntimeError("mat2 must be a matrix, got 1-D tensor")
    if bias.dtype != weight.dtype:
        mine, theirs = dtypes.of(bias.dtype).scalar_name, dtypes.of(weight.dtype).scalar_name
        raise RuntimeError(f"self and mat2 must have the same dtype, but got {mine} and {theirs}")
    if weight.ndim == 2 and (input.ndim == 2 or bias.ndim == 1):
        check_expandable(bias, (math.prod(out.shape[:-1]), out.shape[-1]))
    elif bias.ndim:
        common_shape(out.shape, bias.shape)


def _matrix_sizes(rows, columns):
    return f"{rows}x{columns}"


def _check_linear(input, weight, bias):
    if input.dtype != weight.dtype:
        mine, theirs = dtypes.of(input.dtype), dtypes.of(weight.dtype)
        if bias is not None and input.ndim == 2:
            raise RuntimeError(
                f"mat1 and mat2 must have the same dtype, but got {mine.scalar_name} and {theirs.scalar_name}"
            )
        raise RuntimeError(f"expected m1 and m2 to have the same dtype, but got: {mine.cname} != {theirs.cname}")
    if not input.ndim or not weight.ndim:
        raise RuntimeError(
            f"both arguments to linear need to be at least 1D, but they are {input.ndim}D and {weight.ndim}D"
        )
    if weight.ndim > 2:
        raise RuntimeError(f"t() expects a tensor with <= 2 dimensions, but self is {weight.ndim}D")
    if input.shape[-1] != weight.shape[-1]:
        rows = input.size // max(input.shape[-1], 1)
        columns = weight.shape[0] if weight.ndim > 1 else 1
        if input.ndim == 1 and weight.ndim == 2 and bias is None:
            raise RuntimeError(
                f"size mismatch, got input ({columns}), mat ({columns}x{weight.shape[1]}), vec ({input.shape[0]})"
            )
        raise RuntimeError(
            f"mat1 and mat2 shapes cannot be multiplied ({_matrix_sizes(rows, input.shape[-1])} and"
            f" {_matrix_sizes(weight.shape[-1], columns)})"
        )


@op(
    method=False,
    grad_fn=lambda types, consts: "AddBackward0" if len(types) == 4 else "ViewBackward0",
    autocast={"cuda": "widest"},
    graph={
        "AddBackward0": "Add(View(Trilinear(View(input1), weight, View(input2))), bias)",
        "ViewBackward0": "View(Trilinear(View(input1), weight, View(input2)))",
    },
)
def bilinear(input1: Array, input2: Array, weight: Array, bias: Array | None = None) -> Array:
    """x1ᵀ W x2 + b, for each output feature.

    Shape:
        input1 (*, in1), input2 (*, in2), weight (out, in1, in2), bias (out) → (*, out)
    """
    for d, (m, n) in enumerate(zip(input1.shape[:-1], input2.shape[:-1], strict=False)):
        if m != n:
            raise RuntimeError(f"bilinear(): input batch dimensions do not match at dim {d}: got {m} and {n}")
    if input1.shape[-1] != weight.shape[1]:
        raise RuntimeError(
            f"bilinear(): input1 size does not match weight size: got {input1.shape[-1]} but expected {weight.shape[1]}"
        )
    if input2.shape[-1] != weight.shape[2]:
        raise RuntimeError(
            f"bilinear(): input2 size does not match weight size: got {input2.shape[-1]} but expected {weight.shape[2]}"
        )
    out = jnp.einsum("...i,oij,...j->...o", input1, weight, input2)
    return out if bias is None else out + bias


def beyond_rows(indices, rows):
    """Whether any index is out of range."""
    return ((indices < 0) | (indices >= rows)).any()


@op(grad_fn="EmbeddingBackward0", saves=(1,))
def _embedding(weight: Array, indices: Array, padding_idx: int, by_frequency: bool) -> Array:
    weight = divided_by_frequency(weight, indices) if by_frequency else weight
    rows = lax.stop_gradient(weight[padding_idx]) if padding_idx >= 0 else None
    taken = jnp.take(weight, indices, axis=0, mode="clip")
    if rows is None:
        return taken
    return jnp.where((indices == padding_idx)[..., None], rows, taken)


@functional
def embedding(input, weight, padding_idx=None, max_norm=None, norm_type=2.0, scale_grad_by_freq=False, sparse=False):
    """The rows of weight that input names.

    Args:
        input: row numbers, int64 or int32.
        padding_idx: a row that gets no gradient.
        max_norm: rows that are used are first scaled down to at most this norm, in place.
        norm_type: the p of that norm.
        scale_grad_by_freq: divide each row's gradient by how often it is named.
        sparse: accepted; gradients are dense here.

    Shape:
        input (*), weight (rows, features) → (*, features)

    Raises:
        IndexError: a row number out of range.

    >>> torch.nn.functional.embedding(torch.tensor([1, 0]), torch.eye(2))
    tensor([[0., 1.],
            [1., 0.]])
    """
    if padding_idx is not None:
        if not -weight.size(0) <= padding_idx < weight.size(0):
            raise AssertionError("Padding_idx must be within num_embeddings")
        padding_idx %= weight.size(0)
    if input._type.dtype is not dtypes.int64 and input._type.dtype is not dtypes.int32:
        raise RuntimeError(
            "Expected tensor for argument #1 'indices' to have one of the following scalar types: Long, Int; but got"
            f" {input.type()} instead (while checking arguments for embedding)"
        )
    t = weight._type
    if t.ndim != 2:
        raise RuntimeError("'weight' must be 2-D")
    rows = t.shape[0]
    data_check(input, beyond_rows, IndexError("index out of range in self"), fine_below=rows, rows=rows)
    if max_norm is not None:
        renormalize(weight, input, float(max_norm), float(norm_type))
    return _embedding(weight, input, -1 if padding_idx is None else padding_idx, bool(scale_grad_by_freq))


def divided_by_frequency(weight, indices):
    """The weight itself; its gradient is divided by how often each row is named."""
    counts = jnp.maximum(jnp.zeros(weight.shape[0], weight.dtype).at[indices.reshape(-1)].add(1), 1)[:, None]
    return lax.stop_gradient(weight) + (weight - lax.stop_gradient(weight)) / counts


@op
def _renormalized(weight: Array, indices: Array, max_norm: float, norm_type: float) -> Array:
    norms = jnp.sum(jnp.abs(weight) ** norm_type, axis=1, keepdims=True) ** (1 / norm_type)
    met = jnp.zeros(weight.shape[0], bool).at[indices.reshape(-1)].set(True)[:, None]
    scale = jnp.where(met & (norms > max_norm), max_norm / (norms + 1e-7), 1.0)
    return (weight * scale).astype(weight.dtype)


def renormalize(weight, input, max_norm, norm_type):
    plain = weight.detach()
    plain._assign(_renormalized(plain, input, max_norm, norm_type)._value, None)


@function
def embedding_renorm_(input, indices, max_norm, norm_type):
    """Scale the rows that `indices` names and whose norm is larger than `max_norm` down to it, in place. Returns the matrix."""
    renormalize(input, indices, float(max_norm), float(norm_type))
    return input
