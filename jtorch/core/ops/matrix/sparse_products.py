"""The ops of sparse tensors: pure functions of their values and of the values' indices.

Where an op has one array of indices, they count through the sparse dimensions as if these were one.
"""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp

from jtorch.core.op import Array, Number, op


@op(name="_sparse_values", grad_fn=lambda types, consts: consts["node"], saves=(), behind="Tensor.values")
def values_with_node(values: Array, node: str) -> Array:
    """The values themselves, behind a gradient node of this name."""
    return values


@op(name="_to_sparse", grad_fn=lambda types, consts: consts["node"], saves=(1,), behind="Tensor.to_sparse")
def values_at(input: Array, indices: Array, sparse: int, node: str) -> Array:
    """The elements of a dense tensor at these indices of its first `sparse` dimensions."""
    flat = input.reshape(math.prod(input.shape[:sparse]), *input.shape[sparse:])
    return flat[indices]


@op(name="_to_dense", grad_fn="ToDenseBackward0", saves=(1,), behind="Tensor.to_dense")
def dense_from_values(values: Array, indices: Array, size: tuple, sparse: int) -> Array:
    """A dense tensor of the values at their indices, equal indices summed, and zeros elsewhere."""
    flat = jnp.zeros((math.prod(size[:sparse]), *size[sparse:]), values.dtype)
    return flat.at[indices].add(values).reshape(size)


@op(name="_coalesce", grad_fn=lambda types, consts: consts["node"], saves=(1,), behind="Tensor.coalesce")
def coalesced_values(values: Array, indices: Array, count: int, node: str) -> Array:
    """The sums of values with equal indices: `indices` says to which of the `count` sums each value belongs."""
    return jax.ops.segment_sum(values, indices, count)


@op(
    name="_sparse_addmm",
    grad_fn=lambda types, consts: consts["node"],
    graph={"MmBackward0": "Mm(mat1, mat2)", "MvBackward0": "Mv(mat1, mat2)"},
    behind="sparse.mm",
)
def added_product(
    input: Array | None,
    mat1: Array,
    mat2: Array,
    index: Array,
    indices: Array,
    rows: int,
    node: str,
    beta: Number = 1,
    alpha: Number = 1,
) -> Array:
    """beta * input + alpha * (a sparse matrix @ mat2), for the values mat1 in rows `index` and columns `indices`."""
    product = jax.ops.segment_sum(mat1[:, None] * mat2[indices], index, rows)
    if input is None:
        return product
    return input * jnp.asarray(beta, input.dtype) + product * jnp.asarray(alpha, product.dtype)


@op(
    name="_sparse_softmax",
    saves="inputs",
    grad_fn=lambda types, consts: "SparseLogSoftmaxBackward0" if consts["log"] else "SparseSoftmaxBackward0",
    behind="sparse.softmax",
)
def sparse_softmax(input: Array, indices: Array, count: int, log: bool) -> Array:
    """The softmax of the values that share a row; elements that are not stored count as -inf."""
    top = jax.ops.segment_max(jax.lax.stop_gradient(input), indices, count)[indices]
    total = jax.ops.segment_sum(jnp.exp(input - top), indices, count)[indices]
    return input - top - jnp.log(total) if log else jnp.exp(input - top) / total
