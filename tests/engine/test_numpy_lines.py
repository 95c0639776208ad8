"""Lines that run in NumPy give XLA's results: each primitive on ordinary and unusual inputs, and whole programs."""

from __future__ import annotations

import contextlib
import functools
import random

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

import jtorch as torch
from jtorch.core import engine
from jtorch.core.engine import numpy_program
from jtorch.core.engine.numpy_jaxpr import IDENTITIES, numpy_steps
from jtorch.core.engine.numpy_lines import NumpyLine
from jtorch.core.engine.numpy_order import stable_order
from jtorch.core.engine.numpy_primitives import BUILDERS, Unsupported
from jtorch.core.facts import config
from jtorch.core.op.op import Array, op
from tests.programs import fuzzing

F = np.array([0.0, -0.0, 1.0, -1.5, 2.5, 3.5, 0.3, -7.0, 1e30, -1e30, np.inf, -np.inf, np.nan], np.float32)
G = np.array([3.0, 0.0, -0.0, np.nan, np.inf, -2.0, 0.5, 2.0, -np.inf, 1e30, np.inf, 1.0, 7.0], np.float32)
D = np.array([0.0, -0.0, 1.0, -1.0, 0.5, -0.25, np.nan, 1.5, np.inf, -np.inf, 20.0, -200.0, 1e-30])
I = np.array([0, 1, -1, 7, -8, 2**31 - 1, -(2**31)], np.int32)
J = np.array([3, -1, -(2**31), 2, 40, 2**31 - 1, -1], np.int32)
U = np.array([0, 1, 7, 128, 200, 255], np.uint8)
V = np.array([255, 2, 9, 8, 100, 1], np.uint8)
L = np.array([0, -1, 5, 2**63 - 1, -(2**63)], np.int64)
B = np.array([True, False, True, False])
C = np.array([True, True, False, False])
GRID = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
TIES = np.array([[2, 1, 2, 0, 1], [0, 3, 3, 3, -1]], np.float32)
NANS = np.array([[1, np.nan, 2, np.nan], [0, -1, -0.0, 5]], np.float32)
ZEROS = np.array([[0.0, -0.0, 0.0], [-0.0, 0.0, -0.0]], np.float32)
EMPTY = np.zeros((0, 3), np.float32)
INT_GRID = np.array([[3, -5, 3], [2**30, 2**30, 2**31 - 1]], np.int32)
BOOL_GRID = np.array([[True, False], [True, True]])
S = np.float64(-2.5)  # 0-dim

DTYPES = "bool int8 int16 int32 int64 uint8 uint16 uint32 uint64 float32 float64".split()
FLOATS = [(F,), (D,), (S,), (EMPTY,)]
WHOLE = [(I,), (U,), (L,), (np.int8(-128),)]
MODES = [lax.GatherScatterMode.CLIP, lax.GatherScatterMode.FILL_OR_DROP, lax.GatherScatterMode.PROMISE_IN_BOUNDS]
FAR_64 = np.array([[2**40], [-(2**63)], [1]])
FAR = np.array([[-5], [-1], [0], [1], [2], [9]], np.int32)  # positions in two rows, some out of range


def each(fn, *rows):
    return [(fn, *row) for row in rows]


def of_axis(fn, *arrays, **kw):
    """A reduction over each axis and over all."""
    rows = []
    for x in arrays:
        rows += [
            (functools.partial(fn, axes=axes, **kw), x) for axes in {(0,), (x.ndim - 1,), tuple(range(x.ndim)), ()}
        ]
    return rows


def accumulated(fn, *arrays):
    return [(functools.partial(fn, axis=x.ndim - 1, reverse=reverse), x) for x in arrays for reverse in (False, True)]


def gathered(x, starts, dims, sizes, **kw):
    """The same gather in each mode."""
    return [
        (
            lambda a, i, mode=mode: lax.gather(a, i, lax.GatherDimensionNumbers(**dims), sizes, mode=mode, **kw),
            x,
            starts,
        )
        for mode in MODES[:2]
    ]


ROWS = dict(offset_dims=(1,), collapsed_slice_dims=(0,), start_index_map=(0,))
SPANS = dict(offset_dims=(1, 2), collapsed_slice_dims=(), start_index_map=(0, 1))
BATCHED = dict(
    offset_dims=(), collapsed_slice_dims=(1,), start_index_map=(1,), operand_batching_dims=(0,), start_indices_batching_dims=(0,)
)  # fmt: skip


def scattered(fn):
    """The same scatter in each mode: rows with positions out of range or repeated, windows, batches."""
    rows = lax.ScatterDimensionNumbers(
        update_window_dims=(1,), inserted_window_dims=(0,), scatter_dims_to_operand_dims=(0,)
    )
    spans = lax.ScatterDimensionNumbers(
        update_window_dims=(1, 2), inserted_window_dims=(), scatter_dims_to_operand_dims=(0, 1)
    )
    batched = lax.ScatterDimensionNumbers(
        update_window_dims=(), inserted_window_dims=(1,), scatter_dims_to_operand_dims=(1,), operand_batching_dims=(0,),
        scatter_indices_batching_dims=(0,),
    )  # fmt: skip
    new = np.linspace(-3, 3, 30, dtype=np.float32).reshape(6, 5)
    cases = [
        (TIES, FAR, new, rows),
        (
            TIES,
            np.array([[0], [1], [0]], np.int32),
            np.array([NANS[0, :1], [np.inf], [-0.0]], np.float32) * np.ones(5, np.float32),
            rows,
        ),
        (TIES.astype(np.int32), FAR, (new * 1000).astype(np.int32) * 2**20, rows),
        (TIES, np.array([[0, 0], [1, 3], [0, 4], [-1, 0]], np.int64), np.ones((4, 1, 2), np.float32), spans),
        (TIES, np.array([[[4], [0]], [[9], [1]]], np.int32), np.array([[5, 6], [7, 8]], np.float32), batched),
        (TIES, FAR_64, new[:3], rows),
        (ZEROS, np.array([[0], [1]], np.int32), -ZEROS, rows),
    ]
    return [
        (lambda a, i, n, mode=mode, dims=dims: fn(a, i, n, dims, mode=mode), *arrays)
        for *arrays, dims in cases
        for mode in MODES[:2]
    ]


def converted():
    rows = []
    for x in (np.array([1.9, -1.9, 0.0, -0.0, 100.5], np.float32), D[:6], I, U, L, B, S, EMPTY, np.float32(7)):
        for to in DTYPES:
            if not (x.dtype.kind == "f" and np.dtype(to).kind == "u"):
                rows.append((functools.partial(lax.convert_element_type, new_dtype=to), x))
    return [*rows, (lambda x: lax.convert_element_type(x, np.uint8), np.array([0.0, 3.7], np.float32)),
            (lambda x: lax.convert_element_type(x, bool), F)]  # fmt: skip


def dotted(left, right, *dims):
    return [(lambda a, b, d=d: lax.dot_general(a, b, d), left, right) for d in dims]


# Primitive -> rows (function, inputs...): what NumPy computes.
COMPUTED = {
    "abs": each(lax.abs, *FLOATS, (I,), (L,), (np.int8(-128),)),
    "acos": each(lax.acos, *FLOATS), "acosh": each(lax.acosh, *FLOATS),
    "add": each(lax.add, (F, G), (I, J), (U, V), (S, S), (EMPTY, EMPTY)),
    "add_any": each(lambda x: jax.grad(lambda y: (lax.sin(y) * lax.cos(y)).sum())(x), (D,)),
    "and": each(lax.bitwise_and, (I, J), (U, V), (B, C)),
    "argmax": [(lambda x, a=a, t=t: lax.argmax(x, a, t), x) for t in (np.int32, np.int64) for x in (TIES, NANS, ZEROS, INT_GRID)
    for a in (0, 1)],
    "argmin": [(lambda x, a=a: lax.argmin(x, a, np.int32), x) for x in (TIES, NANS, ZEROS, INT_GRID, BOOL_GRID) for a in (0, 1)],
    "asin": each(lax.asin, *FLOATS), "asinh": each(lax.asinh, *FLOATS), "atan": each(lax.atan, *FLOATS),
    "atan2": each(lax.atan2, (F, G), (G, F), (D, D), (S, S)), "atanh": each(lax.atanh, *FLOATS),
    "broadcast_in_dim": each(lambda x: lax.broadcast_in_dim(x, (2, 3, 4), (0, 2)), (GRID[:, 0],), (GRID[:, :1, 0],))
    + each(lambda x: lax.broadcast_in_dim(x, (2, 0), ()), (S,)) + each(lambda x: lax.broadcast_in_dim(x, (1, 13), (1,)), (F,)),
    "cbrt": each(lax.cbrt, *FLOATS), "ceil": each(lax.ceil, *FLOATS),
    "clamp": each(lax.clamp, (np.float32(-1), F, np.float32(2)), (np.float32(np.nan), F, np.float32(2)), (F, G, -F),
    (np.int32(5), I, np.int32(-5)),
                  (np.uint8(3), U, np.uint8(9)), (np.float32(-0.0), ZEROS, np.float32(0.0)), (np.float32(0.0), ZEROS, np.float32(0.0))),
    "concatenate": each(lambda *x: lax.concatenate(x, 1), (TIES, NANS, ZEROS), (EMPTY, EMPTY), (BOOL_GRID,)),
    "convert_element_type": converted(),
    "copy": each(jnp.copy, (F,), (S,)),
    "cos": each(lax.cos, *FLOATS), "cosh": each(lax.cosh, *FLOATS),
    "cummax": accumulated(lax.cummax, F, G, TIES, ZEROS, INT_GRID), "cummin": accumulated(lax.cummin, F, G, TIES, ZEROS, INT_GRID),
    "cumprod": accumulated(lax.cumprod, TIES, INT_GRID, D), "cumsum": accumulated(lax.cumsum, TIES, NANS, INT_GRID, U, EMPTY),
    "div": each(lax.div, (F, G), (G, F), (D, D), (S, S)),
    "dot_general": dotted(GRID[0], GRID[1], (((1,), (1,)), ((), ())), (((0,), (0,)), ((), ())), (((), ()), ((), ())),
    (((0, 1), (0, 1)), ((), ())))
    + dotted(GRID, GRID + 1, (((2,), (2,)), ((0,), (0,))), (((1,), (1,)), ((2, 0), (2, 0))), (((), ()), ((0, 1, 2), (0, 1, 2))))
    + dotted(INT_GRID, INT_GRID, (((1,), (1,)), ((), ()))) + dotted(U, V, (((0,), (0,)), ((), ())))
    + dotted(EMPTY, EMPTY, (((0,), (0,)), ((), ())), (((1,), (1,)), ((), ())))
    + dotted(S, S, (((), ()), ((), ()))) + dotted(GRID[0], GRID[0, 0], (((1,), (0,)), ((), ()))),
    "dynamic_slice": [(lambda x, i, j, k: lax.dynamic_slice(x, (i, j, k), (1, 2, 4)), GRID, *map(np.int32, at))
    for at in [(0, 1, 0), (9, 9, 9), (-9, -1, 2)]],
    "dynamic_update_slice": [(lambda x, y, i, j: lax.dynamic_update_slice(x, y, (i, j)), TIES, NANS[:, :2], *map(np.int64, at))
    for at in [(0, 1), (9, 9), (-9, -1)]],
    "eq": each(lax.eq, (F, G), (I, J), (B, C), (F, F)),
    "erf": each(lax.erf, *FLOATS), "erf_inv": each(lax.erf_inv, *FLOATS), "erfc": each(lax.erfc, *FLOATS),
    "exp": each(lax.exp, *FLOATS), "exp2": each(lax.exp2, *FLOATS), "expm1": each(lax.expm1, *FLOATS), "floor": each(lax.floor, *FLOATS),
    "gather": gathered(TIES, FAR, ROWS, (1, 5)) + gathered(INT_GRID, FAR, ROWS, (1, 3)) + gathered(BOOL_GRID, FAR, ROWS, (1, 2))
    + gathered(np.tile(U, (2, 1)), FAR, ROWS, (1, 6)) + gathered(TIES, FAR, ROWS, (1, 5), fill_value=7)
    + gathered(GRID[0], np.array([[0, 0], [2, 2], [1, -1], [9, 0]], np.int64), SPANS, (2, 3))
    + gathered(TIES, np.array([[[4], [0]], [[9], [-1]]], np.int32), BATCHED, (1, 1))
    + gathered(F, np.array([3], np.int32), dict(offset_dims=(), collapsed_slice_dims=(0,), start_index_map=(0,)), (1,))
    + gathered(TIES, np.array([[200], [1], [0]], np.uint8), ROWS, (1, 5)),
    "ge": each(lax.ge, (F, G), (I, J), (B, C)), "gt": each(lax.gt, (F, G), (I, J), (U, V)),
    "integer_pow": [(lambda x, y=y: lax.integer_pow(x, y), x) for y in (0, 1, 2, 3, 4, 7, -1, -2, -3) for x in (F, D, S)]
    + [(lambda x, y=y: lax.integer_pow(x, y), x) for y in (0, 1, 2, 3, 5) for x in (I, U, L)],
    "iota": [(lambda t=t: lax.iota(t, 5),) for t in (np.int32, np.float32, np.uint8)]
    + [(lambda: lax.broadcasted_iota(np.int64, (2, 3), 1),)],
    "is_finite": each(lax.is_finite, *FLOATS), "le": each(lax.le, (F, G), (I, J), (B, C)), "log": each(lax.log, *FLOATS),
    "log1p": each(lax.log1p, *FLOATS),
    "logistic": each(lax.logistic, *FLOATS), "lt": each(lax.lt, (F, G), (I, J), (B, C)),
    "max": each(lax.max, (F, G), (G, F), (I, J), (B, C), (U, V), (ZEROS, -ZEROS), (ZEROS, ZEROS[::-1])),
    "min": each(lax.min, (F, G), (G, F), (I, J), (B, C), (ZEROS, -ZEROS), (ZEROS, ZEROS[::-1])),
    "mul": each(lax.mul, (F, G), (I, J), (U, V), (S, S)), "ne": each(lax.ne, (F, G), (I, J), (B, C), (F, F)),
    "neg": each(lax.neg, *FLOATS, *WHOLE), "not": each(lax.bitwise_not, *WHOLE, (B,)),
    "optimization_barrier": each(lax.optimization_barrier, (F,)) + each(lambda x, y: lax.optimization_barrier((x, y)), (F, I)),
    "or": each(lax.bitwise_or, (I, J), (U, V), (B, C)),
    "pad": [(lambda x, v, c=c: lax.pad(x, v, c), x, x.dtype.type(1)) for x in (TIES, BOOL_GRID, INT_GRID, EMPTY)
    for c in ([(1, 2, 0), (0, 0, 0)], [(0, 1, 2), (3, 0, 1)], [(0, 0, 0), (0, 0, 0)])],
    "pow": each(lax.pow, (F, G), (G, F), (D, D), (F, np.float32(0.5)), (D, np.int32(3)), (F, np.int64(-2)), (F, np.int32(0))),
    "reduce_and": of_axis(lax.reduce_and, BOOL_GRID, np.zeros((0, 2), bool)),
    "reduce_max": of_axis(lax.reduce_max, TIES, NANS, ZEROS, INT_GRID, BOOL_GRID, F),
    "reduce_min": of_axis(lax.reduce_min, TIES, NANS, ZEROS, INT_GRID, BOOL_GRID, F),
    "reduce_or": of_axis(lax.reduce_or, BOOL_GRID, np.zeros((0, 2), bool)),
    "reduce_prod": of_axis(lax.reduce_prod, TIES, NANS, INT_GRID, EMPTY, D, U),
    "reduce_sum": of_axis(lax.reduce_sum, TIES, NANS, INT_GRID, EMPTY, D, U, ZEROS, -ZEROS),
    "rem": each(lax.rem, (F, G), (G, F), (D, D), (-D, D)),
    "reshape": [(lambda x: lax.reshape(x, (4, 6)), GRID), (lambda x: lax.reshape(x, ()), TIES[:1, :1]),
    (lambda x: lax.reshape(x, (3, 0)), EMPTY)],
    "rev": [(lambda x, d=d: lax.rev(x, d), x) for x in (GRID, EMPTY[None]) for d in ((0,), (1, 2))],
    "round": each(lambda x: lax.round(x, 1), *FLOATS, (np.array([0.5, -0.5, 1.5, -2.5]),)),
    "rsqrt": each(lax.rsqrt, *FLOATS),
    "scatter": scattered(lax.scatter), "scatter-add": scattered(lax.scatter_add), "scatter-max": scattered(lax.scatter_max),
    "scatter-min": scattered(lax.scatter_min), "scatter-mul": scattered(lax.scatter_mul),
    "select_n": each(lax.select_n, (B, F[:4], G[:4]), (np.True_, F, G), (np.False_, F, G), (B, B, C)),
    "shift_left": each(lax.shift_left, (I, J), (J, I), (U, V), (V, U)),
    "sign": each(lax.sign, *FLOATS), "sin": each(lax.sin, *FLOATS), "sinh": each(lax.sinh, *FLOATS),
    "slice": [(lambda x, s=s: lax.slice(x, *s), GRID)
    for s in [((0, 1, 0), (2, 3, 4)), ((0, 0, 1), (2, 3, 4), (1, 2, 3)), ((1, 1, 1), (1, 2, 2))]],
    "sort": each(lambda x: lax.sort(x), (TIES,), (INT_GRID,), (EMPTY,), (U,), (F[6:12],))
    + each(lambda x: lax.sort(x, dimension=0), (TIES,))
    + each(lambda x, y: lax.sort((x, y), num_keys=1), (TIES, GRID.reshape(-1)[:10].reshape(2, 5)), (INT_GRID, ZEROS)),
    "split": [(lambda x, s=s: lax.split(x, s, 1), TIES) for s in [(5,), (2, 3), (0, 4, 1)]],
    "sqrt": each(lax.sqrt, *FLOATS), "square": each(lax.square, *FLOATS, *WHOLE),
    "squeeze": [(lambda x: lax.squeeze(x, (0, 1)), GRID[:1, :1]), (lambda x: lax.squeeze(x, (0,)), S[None])],
    "stack": [(lambda *x, a=a: jnp.stack(x, a), TIES, TIES + 1) for a in (0, 1, 2)],
    "stop_gradient": each(lax.stop_gradient, (F,)), "sub": each(lax.sub, (F, G), (I, J), (U, V), (S, S)),
    "tan": each(lax.tan, *FLOATS), "tanh": each(lax.tanh, *FLOATS),
    "top_k": [(lambda x, k=k: lax.top_k(x, k), x) for x in (TIES, F[6:12], np.float32([1, -np.inf, np.inf, 1])) for k in (0, 1, 3)]
    + [(lambda x: lax.top_k(x, 2, axis=0), TIES)],
    "transpose": [(lambda x, p=p: lax.transpose(x, p), GRID) for p in [(2, 0, 1), (0, 1, 2)]],
    "unstack": [(lambda x, a=a: jnp.unstack(x, axis=a), x) for x in (TIES, TIES[:1]) for a in (0, 1)],
    "xor": each(lax.bitwise_xor, (I, J), (U, V), (B, C)),
}  # fmt: skip

EXACT = set(BUILDERS) - set(
    "acos acosh asin asinh atan atan2 atanh cbrt cos cosh cumprod cumsum dot_general erf erf_inv erfc exp exp2 expm1 integer_pow log log1p"
    " logistic pow reduce_prod reduce_sum rsqrt sin sinh tan tanh add_any".split()
)

LOOPS = {
    "cond": [(lambda i, x: lax.switch(i, [lax.sin, lambda y: y, lambda y: y * 2], x), np.int32(i), D) for i in (-1, 0, 1, 2, 3)]
    + [(lambda p, x: lax.cond(p, lambda y: (y, y + 1), lambda y: (y * 0, y), x), np.bool_(p), I) for p in (True, False)],
    "scan": [(lambda x, r=r: lax.scan(lambda c, y: (c + y, (c, y * c)), jnp.zeros(3, np.int32), x, reverse=r), INT_GRID)
    for r in (True, False)],
}  # fmt: skip

# Primitives that NumPy refuses, most of them for some inputs only: it could not give XLA's result.
REFUSED = [
    *each(lax.div, (I, J)), *each(lax.rem, (I, J)), *each(lax.sign, (I,)), *each(lax.shift_right_arithmetic, (I, J)),
    *each(lax.sort, (NANS,), (ZEROS,), (B,)), *each(lambda x: lax.top_k(x, 2), (NANS,), (ZEROS,), (INT_GRID,)),
    *[(functools.partial(lax.convert_element_type, new_dtype=t), x) for t in (np.int32, np.uint8) for x in (F, D)],
    *each(lambda x: x.astype(np.uint8), (np.array([-1.0, 256.0]),)), *each(lambda x: x.astype(jnp.bfloat16), (F,)),
    *each(lambda x: lax.complex(x, x), (D,)), *each(lambda x: x.astype(jnp.float16).astype(np.float32), (F,)),
    *each(lambda x: lax.while_loop(lambda y: (y < 9).all(), lambda y: y + 1, x), (I,)),
    *each(lambda x: lax.scan(lambda c, y: (c, y), 0, x), (EMPTY,)), *each(lambda x: lax.round(x, 0), (F,)),
    *gathered(TIES, FAR_64, ROWS, (1, 5))[1:], *each(lambda x: lax.pad(x, np.float32(0), [(-1, 0, 0), (0, 0, 0)]), (TIES,)),
    *each(lambda x: lax.reduce_max(x, axes=(0,)), (EMPTY,)),
]  # fmt: skip


def primitives(jaxpr):
    found = {e.primitive.name for e in jaxpr.eqns}
    for e in jaxpr.eqns:
        for p in e.params.values():
            found |= primitives(p.jaxpr) if hasattr(p, "jaxpr") else set()
    return found


def in_numpy(fn, arrays):
    """(NumPy's results, the primitives that it ran)."""
    closed = jax.jit(fn).trace(*arrays).jaxpr
    with np.errstate(all="ignore"):
        return numpy_steps(closed).run(arrays), primitives(closed.jaxpr)


def test_every_primitive_has_rows():
    # dim_as_value is only in traces with symbols: see test_symbolic_traces
    assert COMPUTED.keys() == (BUILDERS.keys() | IDENTITIES) - {"dim_as_value"}


# What an elementwise primitive reads is broadcast by NumPy; one array keeps its own shape.
BROADCAST = {
    "a row": lambda x, row: x + row,
    "a column": lambda x, row: x * x[:, :1],
    "a number": lambda x, row: (x - 3) * row[2],
    "a number twice": lambda x, row: lax.broadcast(row[0], x.shape) - lax.broadcast(row[1], x.shape),
    "a row twice": lambda x, row: lax.max(lax.broadcast(row, x.shape[:1]), lax.broadcast(-row, x.shape[:1])),
    "a row of a row": lambda x, row: x - lax.broadcast(lax.broadcast(row, (1,))[0], x.shape[:1]),
    "a row and a number": lambda x, row: lax.broadcast(row, x.shape[:1]) + 1,
    "one row of a row": lambda x, row: lax.add(x[:1], lax.broadcast(row, x.shape[:1])),
    "a choice": lambda x, row: jnp.where(x > 0, row, 0),
    "a choice of two rows": lambda x, row: lax.select(x[0, 0] > 9, lax.broadcast(row, (4,)), lax.broadcast(-row, (4,))),
    "what is given back": lambda x, row: (lax.broadcast(row, (4,)), x + lax.broadcast(row, x.shape[:1])),
}


@pytest.mark.parametrize("row", BROADCAST)
def test_broadcasts_are_left_to_ufuncs(quick_jit, row):
    x, r = np.float32(np.arange(12).reshape(4, 3) - 5), np.float32([1, -0.0, 7])
    got, _ = in_numpy(BROADCAST[row], [x, r])
    for g, w in zip(got, jax.tree.leaves(quick_jit(BROADCAST[row])(x, r)), strict=True):
        alike(np.asarray(g), np.asarray(w), True, row)


@pytest.mark.parametrize("i", [0, 2, -1, -3, 9, -9])
def test_an_index_counts_from_the_end(quick_jit, i):
    def read(x, i):
        return lax.dynamic_index_in_dim(x, i, 0), lax.select(i < 0, i, i + 3), lax.select(i < 1, i + 3, i)

    x, i = np.float32([[1, 2], [3, 4], [5, 6]]), np.int32(i)
    for g, w in zip(in_numpy(read, [x, i])[0], quick_jit(read)(x, i), strict=True):
        alike(np.asarray(g), np.asarray(w), True, i)


@pytest.mark.parametrize("name", [*COMPUTED, *LOOPS])
def test_numpy_gives_what_xla_gives(quick_jit, name):
    rows = (COMPUTED | LOOPS)[name]
    with jax.enable_x64(True):
        all_of_xla = quick_jit(lambda inputs: [fn(*arrays) for (fn, *_), arrays in zip(rows, inputs, strict=True)])
        want = all_of_xla([arrays for _, *arrays in rows])
        seen = set()
        for (fn, *arrays), wanted in zip(rows, want, strict=True):
            before = [a.copy() for a in arrays]
            got, names = in_numpy(fn, arrays)
            seen |= names
            for g, w in zip(got, jax.tree.leaves(wanted), strict=True):
                alike(np.asarray(g), np.asarray(w), name in EXACT or name in LOOPS, (fn, arrays))
            for a, b in zip(arrays, before, strict=True):
                np.testing.assert_array_equal(a, b, "an input was written to")
    assert name in seen


def alike(got, want, exactly, row):
    assert (got.dtype, got.shape) == (want.dtype, want.shape), row
    if exactly:
        np.testing.assert_array_equal(got, want, str(row))
    else:
        np.testing.assert_allclose(
            got, want, rtol=2e-6 if want.dtype == np.float32 else 1e-12, atol=0, err_msg=str(row)
        )
    if want.dtype.kind == "f":
        numbers = ~np.isnan(want)
        np.testing.assert_array_equal(np.signbit(got)[numbers], np.signbit(want)[numbers], str(row))


@pytest.mark.parametrize("at", range(len(REFUSED)))
def test_what_numpy_computes_otherwise_is_refused(at):
    fn, *arrays = REFUSED[at]
    with jax.enable_x64(True), pytest.raises(Unsupported):
        in_numpy(fn, arrays)


@pytest.fixture(autouse=True)
def fresh_traces():
    engine.reset()
    yield
    engine.reset()


TABLE = np.arange(3, dtype=np.float32)


@op(method=False)
def _shared(input: Array) -> tuple[Array, ...]:
    """Results that NumPy gives without copying: the input, a view, one array twice, constants, one from a branch."""
    made = input + 1
    table = jnp.asarray(TABLE) * 1
    branch = lax.cond(input.sum() < 1e9, lambda: jnp.asarray(TABLE), lambda: jnp.zeros(3, jnp.float32))
    return input, input[::-1], made, made, jnp.zeros(3), jnp.broadcast_to(input[:1], (3,)), table, table, branch


@pytest.fixture
def runs(monkeypatch):
    """The NumPy programs that ran. Checks after each program and each line which arrays share memory."""
    seen = []
    run, run_line = numpy_program.NumpyProgram.run, NumpyLine.run

    def watched(program, values, *rest):
        seen.append(program)
        run(program, values, *rest)
        apart([v.array for v in values if v is not None])

    def watched_line(line, arrays):
        outs = run_line(line, arrays)
        apart([*arrays, *([outs] if line.single else outs)])
        return outs

    monkeypatch.setattr(numpy_program.NumpyProgram, "run", watched)
    monkeypatch.setattr(NumpyLine, "run", watched_line)
    return seen


def apart(arrays):
    arrays = [a for a in arrays if a.__class__ is np.ndarray]
    for i, a in enumerate(arrays):
        assert not any(np.shares_memory(a, b) for b in arrays[:i])


def test_results_share_no_memory(runs):
    """Results share no memory with inputs, with each other, or with what is kept for the next run."""
    want = None
    for _ in range(6):  # first line by line, then as a program
        x = torch.tensor([1.0, 2.0, 3.0])
        y = x * 2
        outs = _shared(y)
        arrays = [t.numpy() for t in (*outs, y, x)]
        got = [a.copy() for a in arrays]
        want = want or got
        for i, a in enumerate(arrays):
            np.testing.assert_array_equal(a, want[i])
            a[:] = -7 - i
            for later, kept in zip(arrays[i + 1 :], want[i + 1 :], strict=True):
                np.testing.assert_array_equal(later, kept)
        assert [t.tolist() for t in (*outs, y, x)] == [[-7.0 - i] * 3 for i in range(len(arrays))]
    assert runs


def sorted_twice(x):
    y = x * 2
    return (y + 1).sort()[0] * 3, y - 1, y


def test_what_numpy_refuses_in_a_program_runs_line_by_line(runs):
    """NumPy refuses to sort NaN: XLA runs that line, and the program goes on."""
    ordinary, odd = torch.tensor([3.0, 1.0, 2.0]), torch.tensor([3.0, float("nan"), 2.0])
    nan = float("nan")
    for i, x in enumerate([ordinary] * 5 + [odd, ordinary, odd]):
        a, b, c = sorted_twice(x)
        np.testing.assert_array_equal(a.tolist(), [15.0, 21.0, nan] if x is odd else [9.0, 15.0, 21.0])
        np.testing.assert_array_equal(b.tolist(), [5.0, nan, 3.0] if x is odd else [5.0, 1.0, 3.0])
        np.testing.assert_array_equal(c.tolist(), [6.0, nan, 4.0] if x is odd else [6.0, 2.0, 4.0])
        assert bool(runs) == (i >= 2)
    assert len(set(runs)) == 1


@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError, ValueError])
def test_an_error_in_the_middle_loses_nothing(runs, monkeypatch, error):
    x = torch.tensor([3.0, 1.0, 2.0])

    def step():
        y = x * 2
        return y + 1, torch.sin(y) * 0, y

    for _ in range(4):
        kept = step()
        kept[0].tolist()
    program = runs[-1]
    kept = step()
    times = [0]

    def interrupted(*arrays):
        times[0] += 1
        raise error("in the middle")

    with monkeypatch.context() as patch:
        patch.setattr(program, "_call", interrupted)
        with (
            contextlib.nullcontext() if error is MemoryError else pytest.raises(error)
        ):  # enough for each line, not for the program
            kept[0].tolist()
    assert times == [1]
    assert [t.tolist() for t in kept] == [[7.0, 3.0, 5.0], [0.0, 0.0, 0.0], [6.0, 2.0, 4.0]]


def program_of(seed):
    """A random program of views, writes and gradients, written without PyTorch."""
    pick = random.Random(seed).choice
    return fuzzing.write(lambda options: pick(list(options)), torch, 6)


def replayed(lines, numpy_lines, monkeypatch):
    monkeypatch.setattr(config, "numpy_lines", numpy_lines)
    engine.reset()
    return [fuzzing.replay(torch, lines, False) for _ in range(4)]


@pytest.mark.parametrize("seed", range(12))
def test_programs_do_in_numpy_what_they_do_in_xla(monkeypatch, seed):
    """Runs each four times and compares values, dtypes, shapes, strides, gradients and errors."""
    lines = program_of(seed)
    ours, want = (replayed(lines, on, monkeypatch) for on in (True, False))
    for a, b in zip(ours, want, strict=True):
        assert fuzzing.first(lines, a, b, False) is None, "\n".join(lines)


@pytest.mark.parametrize("dtype", ["float32", "int16", "int32", "int64", "uint8", "float64"])
@pytest.mark.parametrize("shape, axis", [((9000,), 0), ((70, 90), 1), ((70, 90), 0)])
def test_many_elements_are_ordered_as_numpy_orders_them(dtype, shape, axis):
    rng = np.random.default_rng(0)
    made = rng.standard_normal(shape) * 40
    for keys in (made.astype(dtype), (made * 1e30).astype("float32"), np.sign(made).astype(dtype)):
        assert np.array_equal(stable_order(keys, axis), np.argsort(keys, axis, "stable"))
    far = np.array([-(2**63), 2**63 - 1] * 4000)
    assert np.array_equal(stable_order(far, 0), np.argsort(far, kind="stable"))


def test_the_largest_of_many_are_those_that_come_first():
    x = torch.tensor([1.0, 3.0, 3.0, 2.0] * 5000)
    values, indices = x.topk(3)
    assert values.tolist() == [3, 3, 3]
    assert indices.tolist() == [1, 2, 5]


def test_a_large_host_array_is_sent_once_to_a_compiled_line():
    x = torch.from_numpy(np.arange(300_000)).clone()
    for _ in range(20):
        y = x * 3 + 2**40
        assert y[-1].item() == 899_997 + 2**40
    assert x._storage.value.sent.dtype == np.int64
