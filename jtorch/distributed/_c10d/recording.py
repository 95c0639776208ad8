"""The collectives as lines: what each computes from the arrays of the processes, and how it is recorded.

A collective that only copies sends the bits as integers, so that no number changes: -0.0 plus the zeros of other processes
would be 0.0.
"""

from __future__ import annotations

import functools
import sys
from math import prod

import jax
import jax.numpy as jnp
import numpy as np

from jtorch.core.engine import AXIS, Collective, local, opaque, recorded_at
from jtorch.core.facts import config, dtypes
from jtorch.core.grad import no_grad
from jtorch.core.ops.gather.joining import cat, stack
from jtorch.core.tensor import Tensor, apply, tensor
from jtorch.distributed._c10d.reduce_op import combined, reduced, reduction_name

SMALL = 1 << 16  # an array of at most so many elements is sent together with others
BUCKET = 1 << 20  # so many elements of parts of arrays are sent together
_BITS = {1: np.uint8, 2: np.uint16, 4: np.uint32, 8: np.uint64}


def _to_bits(x):
    """An array as unsigned integers of its width; a complex one as pairs."""
    if jnp.iscomplexobj(x):
        return _to_bits(jnp.stack([x.real, x.imag]))
    if jnp.issubdtype(x.dtype, bool):
        return x.astype(np.uint8)
    return jax.lax.bitcast_convert_type(x, _BITS[x.dtype.itemsize])


def _from_bits(bits, dtype):
    """Undo `_to_bits`."""
    if jnp.issubdtype(dtype, jnp.complexfloating):
        half = jnp.zeros((), dtype).real.dtype
        pair = _from_bits(bits, half)
        return jax.lax.complex(pair[0], pair[1])
    if jnp.issubdtype(dtype, bool):
        return bits.astype(bool)
    return jax.lax.bitcast_convert_type(bits, dtype)


def reduce_arrays(*arrays, op):
    """The reduction of each array over the processes. Small arrays of one dtype are sent as one."""
    return _together(arrays, lambda x: reduced(x, op))


def broadcast_arrays(*arrays, source):
    """The arrays of one process, in all. Small arrays of one dtype are sent as one."""
    here = jax.lax.axis_index(AXIS) == source

    def sent(x):
        bits = _to_bits(x)
        return _from_bits(jax.lax.psum(jnp.where(here, bits, jnp.zeros_like(bits)), AXIS), x.dtype)

    return _together(arrays, sent)


def _together(arrays, send):
    """The results of `send` for each array. It gets small arrays of one dtype as one flat array."""
    made = [None] * len(arrays)
    flats = {}
    for i, x in enumerate(arrays):
        if x.size <= SMALL:
            flats.setdefault(x.dtype, []).append(i)
    alone = [[i] for i, x in enumerate(arrays) if x.size > SMALL]
    _in_buckets(arrays, [*alone, *flats.values()], made, send, lambda x: x.reshape(-1))
    return tuple(made) if len(made) != 1 else made[0]


def _in_buckets(arrays, buckets, made, send, flat):
    """Send arrays in buckets, and put the results into `made`.

    Args:
        buckets: lists of the numbers of arrays that are sent as one.
        send: function of one array; the dimensions of its result end with those of the array.
        flat: function that makes the last dimensions of an array one.
    """
    before = None
    for numbers in buckets:
        if len(numbers) == 1:
            made[numbers[0]] = before = send(_sent_after(before, arrays[numbers[0]]))
            continue
        joint = jnp.concatenate([flat(arrays[i]) for i in numbers], axis=-1)
        joint = before = send(_sent_after(before, joint))
        start = 0
        for i in numbers:
            shape = arrays[i].shape[flat(arrays[i]).ndim - 1 :]
            size = prod(shape)
            made[i] = joint[..., start : start + size].reshape(*joint.shape[:-1], *shape)
            start += size


def _buckets(arrays):
    """Lists of the numbers of arrays that are sent together: of one dtype, up to a size."""
    made, held = [], {}
    for i, x in enumerate(arrays):
        found, size = held.get(x.dtype, (None, 0))
        if found is None or size + x.size > BUCKET:
            made.append([])
            found, size = made[-1], 0
        found.append(i)
        held[x.dtype] = found, size + x.size
    return made


def _sent_after(before, x):
    """The array, made to depend on `before`, so that XLA sends the arrays in the same order in all processes."""
    if before is None or not before.size:
        return x
    return opaque.after(jnp.real(before.reshape(-1)[0]).astype(np.float32), x)


def gather_array(x):
    """The arrays of all processes, stacked."""
    return _rows_from_bits(jax.lax.all_gather(_to_bits(x), AXIS), x.dtype)


def exchange_rows(x):
    """Row i of the array of process j becomes row j in process i."""
    rows = jax.vmap(_to_bits)(x)
    return _rows_from_bits(jax.lax.all_to_all(rows, AXIS, 0, 0), x.dtype)


def _rows_from_bits(rows, dtype):
    return jax.vmap(lambda bits: _from_bits(bits, dtype))(rows)


def reduce_rows(x, *, op):
    """The reduction of row i over the processes, in process i."""
    if op == "SUM" and x.dtype != bool:
        return jax.lax.psum_scatter(x, AXIS, scatter_dimension=0)
    if op == "AVG" and jnp.issubdtype(x.dtype, jnp.inexact):
        return jax.lax.psum_scatter(x, AXIS, scatter_dimension=0) / x.shape[0]
    return combined(exchange_rows(x), op)


def gather_parts(*arrays, dims, sizes):
    """The arrays of all processes one after the other along a dimension of each, cut to a size. They are sent in buckets."""
    stacked = [None] * len(arrays)
    _in_buckets(arrays, _buckets(arrays), stacked, gather_array, lambda x: x.reshape(-1))
    made = []
    for x, dim, size in zip(stacked, dims, sizes, strict=True):
        x = jnp.moveaxis(x, 0, dim)
        whole = x.reshape(*x.shape[:dim], -1, *x.shape[dim + 2 :])
        made.append(jax.lax.slice_in_dim(whole, 0, size, axis=dim))
    return tuple(made) if len(made) != 1 else made[0]


def reduce_parts(*arrays, dims, op):
    """The reduction over the processes of the part of each array, along a dimension of it, that has this process's number.

    The sizes of the dimensions are multiples of the number of processes. The arrays are sent in buckets.
    """
    n = jax.lax.axis_size(AXIS)
    rows, made = [], [None] * len(arrays)
    for x, dim in zip(arrays, dims, strict=True):
        cut = x.reshape(*x.shape[:dim], n, x.shape[dim] // n, *x.shape[dim + 1 :])
        rows.append(jnp.moveaxis(cut, dim, 0))
    _in_buckets(rows, _buckets(arrays), made, lambda x: reduce_rows(x, op=op), lambda x: x.reshape(n, -1))
    return tuple(made) if len(made) != 1 else made[0]


def move_array(x, *, source, target):
    """The array of one process in another one; the others get zeros."""
    return _from_bits(jax.lax.ppermute(_to_bits(x), AXIS, [(source, target)]), x.dtype)


def _same(types, members, consts):
    return len(types) == 1, [(t.shape, t.dtype) for t in types]


def _stacked_shape(types, members, consts):
    return True, [((members, *types[0].shape), types[0].dtype)]


def _row(types, members, consts):
    return True, [(types[0].shape[1:], types[0].dtype)]


def _joined_parts(types, members, consts):
    shapes = [
        (*t.shape[:dim], size, *t.shape[dim + 1 :])
        for t, dim, size in zip(types, consts["dims"], consts["sizes"], strict=True)
    ]
    return len(types) == 1, [(shape, t.dtype) for shape, t in zip(shapes, types, strict=True)]


def _own_parts(types, members, consts):
    shapes = [
        (*t.shape[:dim], t.shape[dim] // members, *t.shape[dim + 1 :])
        for t, dim in zip(types, consts["dims"], strict=True)
    ]
    return len(types) == 1, [(shape, t.dtype) for shape, t in zip(shapes, types, strict=True)]


# function -> (the name of its line, a function that gives (whether there is one result, [(shape, dtype) of each]))
_KNOWN = {
    reduce_arrays: ("all_reduce", _same),
    broadcast_arrays: ("broadcast", _same),
    gather_array: ("all_gather", _stacked_shape),
    gather_parts: ("all_gather_parts", _joined_parts),
    reduce_parts: ("reduce_scatter_parts", _own_parts),
    exchange_rows: ("all_to_all", _same),
    reduce_rows: ("reduce_scatter", _row),
    move_array: ("send", _same),
}


@functools.cache
def _call(fn, members, consts):
    name, shapes = _KNOWN[fn]
    return Collective(fn, members, dict(consts), name, shapes)


runner = None  # the `Runner` of this process, once there is a group


def use(made) -> None:
    """Set the runner: `World` does, which stands above this file."""
    global runner
    runner = made


_members: dict = {}  # trace -> (its epoch, the ranks that take part in the collectives that it holds)


def record_collective(fn, members, tensors, **consts):
    """Record a collective over the processes with these ranks. Returns a tensor, or a tuple of tensors for several inputs."""
    runner.check()
    call = _call(fn, members, tuple(consts.items()))
    trace = local.make(tensors[0]._type.place)
    held = _members.get(trace)
    if held is not None and held[0] is trace.epoch and held[1] != members:
        trace.flush("read")  # a program runs over one mesh
    with no_grad():
        made = apply(call, tuple(tensors))
    recorded_at.append(_line_outside())
    _members[trace] = trace.epoch, members
    runner.recorded(trace)
    return made


def write(target: Tensor, result: Tensor) -> None:
    """Write the result of a collective into a tensor. Autograd does not see the write."""
    with no_grad():
        if target.is_contiguous():
            target._assign(result._value, None)
        else:
            target.detach().copy_(result)


def _line_outside():
    """(file, line) of the code outside jtorch that calls a collective; None if there is none."""
    frame = sys._getframe(2)
    while frame is not None and frame.f_code.co_filename.startswith(str(config.ROOT)):
        frame = frame.f_back
    return None if frame is None else (frame.f_code.co_filename, frame.f_lineno)


def reduce_tensors(tensors, op, members) -> tuple:
    """The reductions of tensors over the processes with these ranks."""
    made = record_collective(reduce_arrays, members, tensors, op=reduction_name(op))
    return made if isinstance(made, tuple) else (made,)


def stacked(tensors):
    """Tensors of one size as the rows of one, without gradients."""
    with no_grad():
        return stack(list(tensors))


def concatenated(tensors, dim=0):
    """Tensors as one, without gradients."""
    with no_grad():
        return cat(list(tensors), dim)


def filled_up(flat, size):
    """A flat tensor with zeros up to this size."""
    return concatenated([flat.detach(), flat.new_zeros(size - flat.numel())])


def count(number):
    """An int64 tensor without dimensions."""
    return tensor(number, dtype=dtypes.int64)


def answers_as_bytes(answers):
    """Booleans as a uint8 tensor."""
    return tensor([int(a) for a in answers], dtype=dtypes.uint8)
