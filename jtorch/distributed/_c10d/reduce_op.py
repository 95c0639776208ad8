"""`ReduceOp`, and the computation of each of them."""

from __future__ import annotations

import enum

import jax
import jax.numpy as jnp

from jtorch.core.engine import AXIS

__all__ = ["RedOpType", "ReduceOp", "reduced", "reduction_name"]


class RedOpType(enum.Enum):
    """The reductions by name."""

    SUM = 0
    AVG = 1
    PRODUCT = 2
    MIN = 3
    MAX = 4
    BAND = 5
    BOR = 6
    BXOR = 7
    PREMUL_SUM = 8

    def __repr__(self):
        return f"<RedOpType.{self.name}: {self.value}>"

    def __eq__(self, other):
        return self is other or (isinstance(other, ReduceOp) and other.op is self)

    def __hash__(self):
        return hash(self.value)


class ReduceOp:
    """A reduction over processes: `ReduceOp.SUM`, `AVG`, `PRODUCT`, `MIN`, `MAX`, `BAND`, `BOR`, `BXOR`."""

    __module__ = "jtorch.distributed"
    RedOpType = RedOpType
    SUM, AVG, PRODUCT, MIN, MAX, BAND, BOR, BXOR, PREMUL_SUM = RedOpType

    def __init__(self, op):
        self.op = op.op if isinstance(op, ReduceOp) else op

    def __eq__(self, other):
        return self.op is (other.op if isinstance(other, ReduceOp) else other)

    def __hash__(self):
        return hash(self.op)


def reduction_name(op) -> str:
    """The name of a reduction: the constant of the line that computes it."""
    return (op.op if isinstance(op, ReduceOp) else op).name


def reduced(x, op):
    """The reduction of the arrays of all members, in each of them."""
    if x.dtype == bool:
        whole = {"SUM": "MAX", "AVG": "MIN", "PRODUCT": "MIN", "BAND": "MIN", "BOR": "MAX"}.get(op, op)
        return reduced(x.astype(jnp.uint8), whole).astype(bool)
    if op == "SUM":
        return jax.lax.psum(x, AXIS)
    if op == "AVG":
        total = jax.lax.psum(x, AXIS)
        members = jax.lax.psum(1, AXIS)
        return total / members if jnp.issubdtype(x.dtype, jnp.inexact) else total // members
    if op in ("MIN", "MAX"):
        return (jax.lax.pmin if op == "MIN" else jax.lax.pmax)(x, AXIS)
    return combined(jax.lax.all_gather(x, AXIS), op)


def combined(rows, op):
    """The reduction of the rows of an array."""
    how = {
        "SUM": jnp.sum,
        "AVG": jnp.mean,
        "PRODUCT": jnp.prod,
        "MIN": jnp.min,
        "MAX": jnp.max,
        "BAND": jnp.bitwise_and.reduce,
        "BOR": jnp.bitwise_or.reduce,
        "BXOR": jnp.bitwise_xor.reduce,
    }[op]
    return how(rows, axis=0).astype(rows.dtype)
