"""JAX's primitives in NumPy: for each, a function that takes an equation and gives the function of arrays that computes it.

A small array is computed here in a microsecond or two, where starting a compiled program takes fifteen. A primitive that is
not in the table, or not with these parameters, is left to XLA. This file knows equations of jaxprs by their attributes and
nothing of lines.
"""

from __future__ import annotations

import math
from functools import partial

import numpy as np
from jax.extend.core import Literal

from jtorch.core.engine.numpy_order import along, stable_order


class Unsupported(Exception):
    """What cannot be computed in NumPy with XLA's result."""


def _elementwise(fn):
    return lambda eqn: fn


def _float_only(fn):
    """A function that XLA and NumPy compute alike for floating-point numbers only."""

    def build(eqn):
        _need(eqn.invars[0].aval.dtype.kind == "f")
        return fn

    return build


def _need(condition):
    if not condition:
        raise Unsupported


def _out_shape(eqn):
    return tuple(eqn.outvars[0].aval.shape)


def _sign_with_zero(x):
    return np.where(x == 0, x, np.sign(x))  # XLA keeps the sign of zero


def _logistic(x):
    return 1 / (1 + np.exp(-x))


def _special(name):
    """A function of scipy's, which is imported when it is first needed."""

    def build(eqn):
        _need(eqn.invars[0].aval.dtype.kind == "f")
        import scipy.special  # 50 ms of a start

        return getattr(scipy.special, name)

    return build


def _erf_inv(eqn):
    inverse = _special("erfinv")(eqn)
    return lambda x: np.copysign(inverse(x), x)  # scipy loses the sign of zero


def _bitwise_not(eqn):
    return np.logical_not if eqn.invars[0].aval.dtype == np.bool_ else np.invert


def _integer_pow(eqn):
    y = eqn.params["y"]
    _need(eqn.invars[0].aval.dtype.kind == "f" or y >= 0)
    powers = {1: np.positive, 2: np.square, 3: lambda x: x * x * x, -1: np.reciprocal}
    return powers.get(y) or (lambda x: np.power(x, x.dtype.type(y)))


def _pow(eqn):
    dtype = eqn.outvars[0].aval.dtype
    _need(dtype.kind == "f")
    return lambda x, y: _pow_of(x, np.asarray(y, dtype))


def _pow_of(x, y):
    if y.ndim == 0 and y == 0.5:  # NumPy would take the square root, which differs at -0.0 and -inf
        return np.where(x == -np.inf, np.inf, np.sqrt(x) + 0)
    return np.power(x, y)


def _round(eqn):
    _need(int(eqn.params["rounding_method"]) == 1)  # to the nearest, ties to even
    return np.rint


def _select(eqn):
    _need(len(eqn.invars) == 3 and eqn.invars[0].aval.dtype == np.bool_)
    if not eqn.outvars[0].aval.shape:
        return lambda which, no, yes: yes if which else no
    return lambda which, no, yes: np.where(which, yes, no)


def _extreme(ufunc):
    return lambda eqn: _extreme_of(ufunc, eqn.outvars[0].aval.dtype, *eqn.invars)


def _extreme_of(ufunc, dtype, *atoms):
    """The larger or smaller of two arrays. `atoms`: what an equation says of them."""
    number = next((a.val for a in atoms if isinstance(a, Literal)), None)
    if dtype.kind == "f" and (number is None or (number == 0 and np.signbit(number) != (ufunc is np.minimum))):
        return _with_sign_of_zero(ufunc)
    if isinstance(atoms[0], Literal):
        return lambda x, y: ufunc(y, x)  # of two zeros NumPy gives the second
    return ufunc


def _with_sign_of_zero(fn):
    """A maximum or minimum that tells 0.0 from -0.0, as XLA's do."""

    def extreme(*arrays):
        out = fn(*arrays)
        return out if out.all() else np.copysign(out, fn(*[np.copysign(1, a) for a in arrays]))

    return extreme


def _clamp(eqn):
    low, x, high = eqn.invars
    dtype = x.aval.dtype
    larger, smaller = _extreme_of(np.maximum, dtype, x, low), _extreme_of(np.minimum, dtype, x, high)
    return lambda low, x, high: smaller(larger(x, low), high)


def _convert(eqn):
    old, new = eqn.invars[0].aval.dtype, np.dtype(eqn.params["new_dtype"])
    if old == new:
        return lambda x: x
    if new == np.bool_:
        return lambda x: np.not_equal(x, 0)
    if old.kind == "f" and new.kind in "iu":
        limits = np.iinfo(new)
        return partial(_truncated, above=float(limits.min) - 1, below=float(limits.max) + 1, new=new)
    if not eqn.invars[0].aval.shape and new.kind == "f":
        return new.type  # of a number it is five times as fast
    return lambda x: np.asarray(x).astype(new)


def _truncated(x, above, below, new):
    """Floating-point numbers as integers. What NumPy gives for NaN and for numbers out of range is not XLA's."""
    x = np.asarray(x)
    _need(bool(np.all((x > above) & (x < below))))
    return x.astype(new)


# ---- shapes


def _size_as_value(eqn):
    size = eqn.outvars[0].aval.dtype.type(eqn.params["dim"])
    return lambda: size


def _broadcast(eqn):
    shape, dims = _out_shape(eqn), eqn.params["broadcast_dimensions"]
    _need(len(eqn.invars) == 1)
    dtype = eqn.outvars[0].aval.dtype
    inner = [1] * len(shape)
    for d, n in zip(dims, eqn.invars[0].aval.shape, strict=True):
        inner[d] = n
    inner = tuple(inner)
    if inner == shape:
        return lambda x: x.reshape(shape)

    def broadcast(x):
        out = np.empty(shape, dtype)
        out[...] = x.reshape(inner)
        return out

    return broadcast


def _reshape(eqn):
    shape = _out_shape(eqn)
    return lambda x: x.reshape(shape)


def _ordered_reshape(eqn):
    _need(eqn.params.get("dimensions") is None)
    return _reshape(eqn)


def _transpose(eqn):
    order = eqn.params["permutation"]
    return lambda x: x.transpose(order)


def _concatenate(eqn):
    axis = eqn.params["dimension"]
    return lambda *arrays: np.concatenate(arrays, axis)


def _stack(eqn):
    axis = eqn.params["axis"]
    return lambda *arrays: np.stack(arrays, axis)


def _unstack(eqn):
    axis, ndim = eqn.params["axis"], eqn.invars[0].aval.ndim
    order = (axis, *range(axis), *range(axis + 1, ndim))
    return lambda x: tuple(x.transpose(order))


def _split_at_sizes(eqn):
    axis, ends = eqn.params["axis"], np.cumsum(eqn.params["sizes"]).tolist()
    whole = (slice(None),) * axis
    parts = [(*whole, slice(start, end)) for start, end in zip([0, *ends], ends, strict=False)]
    return lambda x: [x[part] for part in parts]


def _slice(eqn):
    p = eqn.params
    strides = p["strides"] or (1,) * len(p["start_indices"])
    part = tuple(map(slice, p["start_indices"], p["limit_indices"], strides))
    return lambda x: x[part]


def _fitting_starts(starts, shape, sizes):
    """Where a slice of these sizes begins: XLA moves one that does not fit."""
    return [max(0, min(int(s), n - size)) for s, n, size in zip(starts, shape, sizes, strict=True)]


def _dynamic_slice(eqn):
    sizes, shape = eqn.params["slice_sizes"], eqn.invars[0].aval.shape
    return lambda x, *at: x[
        tuple([slice(s, s + n) for s, n in zip(_fitting_starts(at, shape, sizes), sizes, strict=True)])
    ]


def _dynamic_update_slice(eqn):
    shape, sizes = eqn.invars[0].aval.shape, eqn.invars[1].aval.shape

    def update(x, new, *at):
        out = np.array(x)
        out[tuple([slice(s, s + n) for s, n in zip(_fitting_starts(at, shape, sizes), sizes, strict=True)])] = new
        return out

    return update


def _pad(eqn):
    config, shape, dtype = eqn.params["padding_config"], _out_shape(eqn), eqn.outvars[0].aval.dtype
    _need(all(low >= 0 and high >= 0 for low, high, _ in config))
    inner = eqn.invars[0].aval.shape
    part = tuple(
        [
            slice(low, low + max(0, n + (n - 1) * between), between + 1)
            for (low, _, between), n in zip(config, inner, strict=True)
        ]
    )

    def pad(x, value):
        out = np.empty(shape, dtype)
        out[...] = value
        out[part] = x
        return out

    return pad


def _rev(eqn):
    dims = eqn.params["dimensions"]
    return lambda x: np.flip(x, dims)


def _iota(eqn):
    _need(not eqn.invars)
    shape, dim = _out_shape(eqn), eqn.params["dimension"]
    column = [1] * len(shape)
    column[dim] = shape[dim]
    made = np.arange(shape[dim]).astype(eqn.outvars[0].aval.dtype).reshape(column)
    return lambda: np.broadcast_to(made, shape)


# ---- reductions


def _reduce(ufunc):
    def build(eqn):
        axes, dtype = tuple(eqn.params["axes"]), eqn.outvars[0].aval.dtype
        shape = eqn.invars[0].aval.shape
        _need(ufunc.identity is not None or all(shape[a] for a in axes))
        if not axes:
            return lambda x: x
        reduce = lambda x: ufunc.reduce(x, axes, dtype)
        return _with_sign_of_zero(reduce) if _is_extreme(ufunc, dtype) else reduce

    return build


def _is_extreme(ufunc, dtype):
    return dtype.kind == "f" and (ufunc is np.maximum or ufunc is np.minimum)


def _arg(fn):
    def build(eqn):
        (axis,) = eqn.params["axes"]
        dtype = eqn.params["index_dtype"]
        _need(eqn.invars[0].aval.shape[axis])
        return lambda x: fn(x, axis).astype(dtype)

    return build


def _accumulate(ufunc):
    def build(eqn):
        axis, dtype = eqn.params["axis"], eqn.outvars[0].aval.dtype
        accumulate = lambda x: ufunc.accumulate(x, axis, dtype)
        if ufunc is np.add and dtype.kind in "fc":
            accumulate = lambda x: (
                ufunc.accumulate(x, axis, dtype) + dtype.type(0)
            )  # XLA's sums begin with 0.0: none is -0.0
        if _is_extreme(ufunc, dtype):
            accumulate = _with_sign_of_zero(accumulate)
        return (lambda x: np.flip(accumulate(np.flip(x, axis)), axis)) if eqn.params["reverse"] else accumulate

    return build


def _in_plain_order(keys):
    """Whether NumPy sorts these as XLA does, which tells 0.0 from -0.0 at times."""
    return keys.dtype.kind != "f" or not (np.isnan(keys).any() or (np.signbit(keys) & (keys == 0)).any())


def _sort(eqn):
    axis = eqn.params["dimension"]
    _need(eqn.params["num_keys"] == 1 and len(eqn.invars) <= 2)
    _need(eqn.invars[0].aval.dtype != np.bool_)

    def sort(keys, *other):
        _need(_in_plain_order(keys))
        order = stable_order(keys, axis)
        return tuple([along(a, order, axis) for a in (keys, *other)])

    return (lambda keys: sort(keys)[0]) if len(eqn.invars) == 1 else sort


def _top_k(eqn):
    k, axis = eqn.params["k"], eqn.params.get("axis", -1)
    _need(eqn.invars[0].aval.dtype.kind == "f")

    def top(x):
        _need(_in_plain_order(x))
        if x.ndim == 1 and 0 < k < x.size // 16:  # sort only the elements from the k-th largest on
            large = np.flatnonzero(x >= np.partition(x, x.size - k)[x.size - k])
            order = large[np.argsort(-x[large], kind="stable")[:k]]
            return x[order], order.astype(np.int32)
        order = np.argsort(-x, axis, "stable").take(np.arange(k), axis)
        return np.take_along_axis(x, order, axis), order.astype(np.int32)

    return top


# ---- products


def multiplications(eqn) -> int:
    """How many multiplications one product of matrices takes in a `dot_general`, whatever the batch."""
    (summed, _), (batch, _) = eqn.params["dimension_numbers"]
    left, right = (v.aval for v in eqn.invars)
    contracted = math.prod([left.shape[d] for d in summed])
    return left.size * right.size // max(1, contracted * math.prod([left.shape[d] for d in batch]) ** 2)


def _dot_general(eqn):
    (left_sum, right_sum), (left_batch, right_batch) = eqn.params["dimension_numbers"]
    left, right = (v.aval for v in eqn.invars)
    dtype = eqn.outvars[0].aval.dtype
    _need(left.dtype == right.dtype == dtype and dtype.kind in "fiu")
    # Of two matrices np.dot gives what np.matmul gives, in a tenth of the time where one has a single row or column.
    small = np.matmul if left_batch else np.dot
    matmul = small if multiplications(eqn) <= _OF_ONE_THREAD else _matmul_in_pieces
    if (left.ndim, tuple(left_sum), left_batch) == (2, (1,), ()) and right.ndim == 2:
        return matmul if tuple(right_sum) == (0,) else lambda a, b: matmul(a, b.T)
    left_free = [d for d in range(left.ndim) if d not in (*left_sum, *left_batch)]
    right_free = [d for d in range(right.ndim) if d not in (*right_sum, *right_batch)]
    left_order, right_order = (*left_batch, *left_free, *left_sum), (*right_batch, *right_sum, *right_free)
    size = lambda aval, dims: int(np.prod([aval.shape[d] for d in dims], dtype=np.int64))
    batch = tuple([left.shape[d] for d in left_batch])
    left_shape = (*batch, size(left, left_free), size(left, left_sum))
    right_shape = (*batch, size(right, right_sum), size(right, right_free))
    out_shape = _out_shape(eqn)

    def product(a, b):
        a = a.transpose(left_order).reshape(left_shape)
        b = b.transpose(right_order).reshape(right_shape)
        return matmul(a, b).reshape(out_shape)

    return product


_OF_ONE_THREAD = 1 << 18  # up to this many multiplications, OpenBLAS computes a product in the calling thread


def _matmul_in_pieces(a, b):
    """`a @ b` in pieces that OpenBLAS computes in one thread: starting its threads takes longer, up to milliseconds."""
    rows, inner, columns = *a.shape[-2:], b.shape[-1]
    out = np.empty((*a.shape[:-1], columns), a.dtype)
    if rows >= columns:
        step = max(1, _OF_ONE_THREAD // (inner * columns))
        for i in range(0, rows, step):
            np.matmul(a[..., i : i + step, :], b, out=out[..., i : i + step, :])
    else:
        step = max(1, _OF_ONE_THREAD // (inner * rows))
        for i in range(0, columns, step):
            np.matmul(a, b[..., i : i + step], out=out[..., i : i + step])
    return out


# ---- gather and scatter


class _Windows:
    """Where the windows of a gather or a scatter begin in the flat operand, and which cells each one spans.

    Args:
        shape: of the operand.
        windows: {dimension of the operand: (axis of the result, size)} of those that a window spans; the others have size 1.
        start_dims: the dimension of the operand that each number of a start counts.
        out_ndim: how many axes the windows have in all.
        batch_axes: those of the windows' axes that number the windows.
        batching: [(dimension of the operand, axis of the starts)].
    """

    def __init__(self, shape, windows, start_dims, out_ndim, batch_axes, batching, batch_shape):
        _need(start_dims)
        strides = [math.prod(shape[d + 1 :]) for d in range(len(shape))]
        self.strides = [strides[d] for d in start_dims]
        self.last = [shape[d] - (windows[d][1] if d in windows else 1) for d in start_dims]
        self.spread = [1] * out_ndim
        for axis, n in zip(batch_axes, batch_shape, strict=True):
            self.spread[axis] = n
        self.cells = np.int64(0)
        spans = [(d, batch_axes[axis], batch_shape[axis]) for d, axis in batching]
        for d, axis, size in spans + [(d, axis, size) for d, (axis, size) in windows.items()]:
            column = [1] * out_ndim
            column[axis] = size
            self.cells = self.cells + (np.arange(size) * strides[d]).reshape(column)

    def flat(self, starts):
        """The positions of all cells in the flat operand. A window that does not fit is moved."""
        starts = starts.astype(np.int64, copy=False)
        first = 0
        for i, (stride, last) in enumerate(zip(self.strides, self.last, strict=True)):
            first = first + np.minimum(np.maximum(starts[..., i], 0), max(last, 0)) * stride
        return np.reshape(first, self.spread) + self.cells

    def fits(self, starts):
        """Which windows fit, with an axis for each of theirs."""
        starts = starts.astype(np.int64, copy=False)
        return ((starts >= 0) & (starts <= self.last)).all(-1).reshape(self.spread)


def _gather_windows(eqn):
    dims, sizes, shape = eqn.params["dimension_numbers"], eqn.params["slice_sizes"], eqn.invars[0].aval.shape
    out_shape, dtype, mode = _out_shape(eqn), eqn.outvars[0].aval.dtype, eqn.params["mode"].name
    spanned = [d for d in range(len(shape)) if d not in (*dims.collapsed_slice_dims, *dims.operand_batching_dims)]
    windows = {d: (axis, sizes[d]) for d, axis in zip(spanned, dims.offset_dims, strict=True)}
    batch_axes = [a for a in range(len(out_shape)) if a not in dims.offset_dims]
    batching = list(zip(dims.operand_batching_dims, dims.start_indices_batching_dims, strict=True))
    _need(0 not in shape and 0 not in out_shape and (mode != "FILL_OR_DROP" or dtype.kind in "fiub"))
    fill = eqn.params["fill_value"]
    if fill is None and mode == "FILL_OR_DROP":
        fill = _nothing(dtype)

    batch_shape = eqn.invars[1].aval.shape[:-1]
    found = _Windows(shape, windows, dims.start_index_map, len(out_shape), batch_axes, batching, batch_shape)

    def gather(x, starts):
        out = x.reshape(-1).take(found.flat(starts))
        if mode != "FILL_OR_DROP":
            return out
        fits = found.fits(starts)
        if fits.all():
            return out
        _need(_in_32_bits(starts))
        return np.where(fits, out, dtype.type(fill))

    if dims.start_index_map == (0,) == dims.collapsed_slice_dims and spanned == [*range(1, len(shape))]:
        if mode == "CLIP" and sizes[1:] == shape[1:] and batch_axes == [*range(len(batch_shape))]:
            return lambda x, starts: x.take(starts[..., 0].astype(np.int64, copy=False), 0, mode="clip")  # whole rows

    return gather


def _in_32_bits(starts):
    """Whether XLA knows these positions as out of range where they are: it looks at their last 32 bits."""
    return starts.dtype.itemsize < 8 or bool(np.all(starts == starts.astype(np.int32)))


def _nothing(dtype):
    """What XLA gives for a position out of range."""
    if dtype.kind == "f":
        return np.nan
    return {"b": True, "u": np.iinfo(dtype).max if dtype.kind == "u" else 0}.get(
        dtype.kind, np.iinfo(dtype).min if dtype.kind == "i" else 0
    )


def _scatter_windows(combine):
    def build(eqn):
        dims, shape = eqn.params["dimension_numbers"], eqn.invars[0].aval.shape
        updates = eqn.invars[2].aval.shape
        spanned = [d for d in range(len(shape)) if d not in (*dims.inserted_window_dims, *dims.operand_batching_dims)]
        windows = {d: (axis, updates[axis]) for d, axis in zip(spanned, dims.update_window_dims, strict=True)}
        batch_axes = [a for a in range(len(updates)) if a not in dims.update_window_dims]
        batching = list(zip(dims.operand_batching_dims, dims.scatter_indices_batching_dims, strict=True))
        clips = eqn.params["mode"].name == "CLIP"
        _need(0 not in shape and 0 not in updates)

        batch_shape = eqn.invars[1].aval.shape[:-1]
        start_dims = dims.scatter_dims_to_operand_dims
        found = _Windows(shape, windows, start_dims, len(updates), batch_axes, batching, batch_shape)

        def scatter(x, starts, new):
            at = found.flat(starts).reshape(-1)
            out, new = np.array(x, order="C"), new.reshape(-1)
            if not clips:
                fits = found.fits(starts)
                if not fits.all():
                    keep = np.broadcast_to(fits, updates).reshape(-1)
                    at, new = at[keep], new[keep]
            combine(out.reshape(-1), at, new)
            return out

        return scatter

    return build


def _put(out, at, new):
    out[at] = new


def _put_extreme(ufunc):
    def put(out, at, new):
        if out.dtype.kind != "f":
            ufunc.at(out, at, new)
            return
        signs = np.copysign(1, out)  # XLA tells 0.0 from -0.0
        ufunc.at(signs, at, np.copysign(1, new))
        ufunc.at(out, at, new)
        np.copysign(out, signs, out)

    return put


BUILDERS = {
    "abs": _elementwise(np.absolute), "acos": _float_only(np.arccos), "acosh": _float_only(np.arccosh),
    "add": _elementwise(np.add), "add_any": _elementwise(np.add), "and": _elementwise(np.bitwise_and),
    "argmax": _arg(np.argmax), "argmin": _arg(np.argmin), "asin": _float_only(np.arcsin), "asinh": _float_only(np.arcsinh),
    "atan": _float_only(np.arctan), "atan2": _float_only(np.arctan2), "atanh": _float_only(np.arctanh),
    "broadcast_in_dim": _broadcast, "cbrt": _float_only(np.cbrt), "ceil": _float_only(np.ceil), "clamp": _clamp,
    "concatenate": _concatenate, "dim_as_value": _size_as_value, "convert_element_type": _convert,
    "cos": _float_only(np.cos), "cosh": _float_only(np.cosh), "cummax": _accumulate(np.maximum),
    "cummin": _accumulate(np.minimum), "cumprod": _accumulate(np.multiply), "cumsum": _accumulate(np.add),
    "div": _float_only(np.divide), "dot_general": _dot_general, "dynamic_slice": _dynamic_slice,
    "dynamic_update_slice": _dynamic_update_slice, "eq": _elementwise(np.equal), "erf": _special("erf"),
    "erf_inv": _erf_inv, "erfc": _special("erfc"), "exp": _float_only(np.exp), "exp2": _float_only(np.exp2),
    "expm1": _float_only(np.expm1), "floor": _float_only(np.floor), "gather": _gather_windows,
    "ge": _elementwise(np.greater_equal), "gt": _elementwise(np.greater), "integer_pow": _integer_pow, "iota": _iota,
    "is_finite": _float_only(np.isfinite), "le": _elementwise(np.less_equal), "log": _float_only(np.log),
    "log1p": _float_only(np.log1p), "logistic": _float_only(_logistic), "lt": _elementwise(np.less),
    "max": _extreme(np.maximum), "min": _extreme(np.minimum), "mul": _elementwise(np.multiply),
    "ne": _elementwise(np.not_equal), "neg": _elementwise(np.negative), "not": _bitwise_not,
    "or": _elementwise(np.bitwise_or), "pad": _pad, "pow": _pow,
    "reduce_and": _reduce(np.logical_and), "reduce_max": _reduce(np.maximum), "reduce_min": _reduce(np.minimum),
    "reduce_or": _reduce(np.logical_or), "reduce_prod": _reduce(np.multiply), "reduce_sum": _reduce(np.add),
    "rem": _float_only(np.fmod), "reshape": _ordered_reshape, "rev": _rev, "round": _round,
    "rsqrt": _float_only(lambda x: 1 / np.sqrt(x)), "scatter": _scatter_windows(_put), "scatter-add": _scatter_windows(np.add.at),
    "scatter-max": _scatter_windows(_put_extreme(np.maximum)),
    "scatter-min": _scatter_windows(_put_extreme(np.minimum)), "scatter-mul": _scatter_windows(np.multiply.at),
    "select_n": _select, "shift_left": _elementwise(np.left_shift), "sign": _float_only(_sign_with_zero), "sin": _float_only(np.sin),
    "sinh": _float_only(np.sinh), "slice": _slice, "sort": _sort, "split": _split_at_sizes, "sqrt": _float_only(np.sqrt),
    "square": _elementwise(np.square), "squeeze": _reshape, "stack": _stack,
    "sub": _elementwise(np.subtract), "tan": _float_only(np.tan), "tanh": _float_only(np.tanh), "top_k": _top_k,
    "transpose": _transpose, "unstack": _unstack, "xor": _elementwise(np.bitwise_xor),
}  # fmt: skip
