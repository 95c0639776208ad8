"""Functions that create tensors: zeros, ones, full, arange, linspace, eye, and the `_like` family.

Small tensors are known host values that cost no compile. Large ones are recorded, so that XLA fills them in place.
"""

from __future__ import annotations

import math
from operator import index

import jax
import jax.numpy as jnp
import numpy as np

from jtorch.core import engine
from jtorch.core.engine import Call, Lifted, Value, number, type_of
from jtorch.core.facts import Place, determinism, devices, dtypes, limits, warn_user
from jtorch.core.facts import strides as geometry
from jtorch.core.op import function, store
from jtorch.core.tensor import Tensor, batched_like, host_array, known, requiring, wrap

_SMALL = 1 << 16  # elements: up to this, sending the tensor from the host costs less than recording a line


def size_of(name, size):
    """A size from `f(2, 3)` or `f((2, 3))`. Raises PyTorch's errors."""
    if not size:
        raise TypeError(f'{name}() missing 1 required positional arguments: "size"')
    if len(size) == 1 and isinstance(size[0], list | tuple):
        size = tuple(size[0])
    for n in size:
        if n.__class__ is not int or n < 0:
            break
    else:
        return size
    if len(size) == 1 and isinstance(size[0], Tensor) and size[0].ndim:
        size = size[0].tolist()
    try:
        shape = tuple([n.__index__() for n in size])
    except AttributeError:
        at = next(i for i, n in enumerate(size) if not hasattr(n, "__index__"))
        odd = type(size[at]).__name__
        if at == 0:
            raise TypeError(f"{name}(): argument 'size' (position 1) must be tuple of ints, not {odd}") from None
        raise TypeError(
            f"{name}(): argument 'size' failed to unpack the object at pos {at + 1} with error"
            f' "type must be tuple of ints,but got {odd}"'
        ) from None
    if any(n < 0 for n in shape):
        raise RuntimeError(
            "zeros: Dimension size must be non-negative."
            if name == "zeros"
            else f"Trying to create tensor with negative dimension {min(shape)}: {list(shape)}"
        )
    return shape


def _fill_call(shape, d, place, strides=None):
    t = type_of(shape, d, place, strides)
    key = ("full", t)
    call = _calls.get(key)
    if call is None:
        call = _calls[key] = Call(
            lambda n, place: jnp.full(shape, n).astype(d.np),
            {"place": place},
            "full",
            strides=lambda types, shapes: [t.strides],
        )
    return call


_calls: dict = {}


_kept: dict = {}  # (shape, an integer, dtype, strides) -> (type, array): tensors may share it, since nobody writes to it


def filled(shape, n, d, place: Place, strides=None, requires_grad=False) -> Tensor:
    """A tensor full of the number n."""
    kept = _kept.get((shape, n, d, strides)) if place is devices.CPU and n.__class__ is int else None
    if kept is not None:
        made = wrap(Value(*kept))
        return requiring(made) if requires_grad else made
    if not d.computed:
        return d.np  # raises NotImplementedError
    if n.__class__ is int and not -(2**63) <= n < 2**64:
        n.to_bytes(8, "little")  # Python's error for an integer out of range is PyTorch's
    limits.must_hold(d, n)
    if math.prod(shape) <= _SMALL or place is engine.META:
        type = type_of(shape, d, place, strides)
        value = Value(type, None if place is engine.META else np.full(shape, host_array(n, d)))
        if place is devices.CPU and n.__class__ is int and math.prod(shape) <= 1024:
            if len(_kept) > 500:
                _kept.clear()
            _kept[shape, n, d, strides] = type, value.array
        if place not in (devices.CPU, engine.META):
            value = engine.move(Value(type_of(shape, d, devices.CPU, strides), value.array), place)
        made = wrap(value)
    else:
        n = n.item() if isinstance(n, np.generic) else n
        made = wrap(engine.record(_fill_call(shape, d, place, strides), (number(n),), place)[1])
    return requiring(made) if requires_grad else made


def _make_filled(name, size, n, out, dtype, device, requires_grad, d=None):
    d = dtype or (d if d is not None else out.dtype if out is not None else dtypes.get_default_dtype())
    d = dtypes.meant(name, d)
    n = determinism.unwritten(d) if n is None else n
    made = filled(size_of(name, size), n, d, devices.place(device), requires_grad=requires_grad and out is None)
    return made if out is None else store(out, made, name)


@function
def zeros(*size, out=None, dtype=None, layout=None, device=None, pin_memory=False, requires_grad=False):
    """A tensor full of zeros.

    >>> torch.zeros(2, 3)
    tensor([[0., 0., 0.],
            [0., 0., 0.]])
    """
    return _make_filled("zeros", size, 0, out, dtype, device, requires_grad)


@function
def ones(*size, out=None, dtype=None, layout=None, device=None, pin_memory=False, requires_grad=False):
    """A tensor full of ones: the size is given as numbers or as one tuple.

    Args:
        size: the number of elements along each dimension.
        out: write into this tensor instead.
        dtype: default: the default float type.
        device: default: the current default device.
        requires_grad: whether backward collects a gradient in it.

    >>> torch.ones(2, 3)
    tensor([[1., 1., 1.],
            [1., 1., 1.]])
    """
    return _make_filled("ones", size, 1, out, dtype, device, requires_grad)


@function
def empty(
    *size, out=None, dtype=None, layout=None, device=None, pin_memory=False, requires_grad=False, memory_format=None
):
    """A tensor to be filled; until then its elements are zeros here."""
    made = _make_filled("empty", size, None, out, dtype, device, requires_grad)
    return made if memory_format is None else _formatted(made, memory_format)


def _formatted(made, memory_format):
    if not memory_format.name.startswith("channels_last"):
        return made
    rank = 4 if memory_format.name == "channels_last" else 5
    if made.ndim != rank:
        raise RuntimeError(f"required rank {rank} tensor to use {memory_format.name} format")
    t = made._type
    n = determinism.unwritten(t.dtype)
    return filled(tuple(t.shape), n, t.dtype, t.place, geometry.channels_last_strides(t.shape))


@function
def full(size, fill_value, *, out=None, dtype=None, layout=None, device=None, pin_memory=False, requires_grad=False):
    """A tensor full of one number; its dtype follows the number's.

    >>> torch.full((2,), 7)
    tensor([7, 7])
    """
    (fill_value,) = _python_numbers(fill_value)
    d = dtypes.default_of({bool: 0, int: 1, float: 2, complex: 3}[type(fill_value)])
    return _make_filled("full", (size,), fill_value, out, dtype, device, requires_grad, d if out is None else None)


def _filled_like(input, n, dtype, device, requires_grad, memory_format=None):
    if input._hands_over and (held := input._memory) is not input:
        return input._around(_filled_like(held, n, dtype, device, requires_grad, memory_format))
    t = input._type
    shape = t.shape
    strides = t.strides if t.contiguous else geometry.like_strides(shape, t.strides)
    if memory_format is not None and memory_format.name != "preserve_format":
        strides = geometry.channels_last_strides(shape) if "channels_last" in memory_format.name else None
    place = t.place if device is None else devices.place(device)
    place = devices.CPU if place is engine.TRACED else place
    made, value = filled(shape, n, dtype or t.dtype, place, strides, requires_grad), input._storage.value
    return batched_like(made, value) if value.__class__ is Lifted else made


@function
def zeros_like(
    input, *, dtype=None, layout=None, device=None, pin_memory=False, requires_grad=False, memory_format=None
):
    """Zeros of the size, dtype, device and stride order of another tensor."""
    return _filled_like(input, 0, dtype, device, requires_grad, memory_format)


@function
def ones_like(
    input, *, dtype=None, layout=None, device=None, pin_memory=False, requires_grad=False, memory_format=None
):
    """Ones of the size, dtype, device and stride order of another tensor."""
    return _filled_like(input, 1, dtype, device, requires_grad, memory_format)


@function
def empty_like(
    input, *, dtype=None, layout=None, device=None, pin_memory=False, requires_grad=False, memory_format=None
):
    """A tensor of another one's size, dtype, device and stride order, to be filled."""
    n = determinism.unwritten(dtype or input.dtype)
    return _filled_like(input, n, dtype, device, requires_grad, memory_format)


@function
def full_like(
    input,
    fill_value,
    *,
    dtype=None,
    layout=None,
    device=None,
    pin_memory=False,
    requires_grad=False,
    memory_format=None,
):
    """A tensor full of one number, of another tensor's size, dtype, device and stride order."""
    if isinstance(fill_value, Tensor):
        fill_value = fill_value.item()
    return _filled_like(input, fill_value, dtype, device, requires_grad, memory_format)


@function
def empty_strided(size, stride, *, dtype=None, layout=None, device=None, requires_grad=False, pin_memory=False):
    """A tensor of a given size and stride, to be filled."""
    d = dtype or dtypes.get_default_dtype()
    n = determinism.unwritten(d)
    return filled(tuple(size), n, d, devices.place(device), tuple(stride), requires_grad)


def _check_line(count, d, device):
    """Raise PyTorch's error if there is no memory for a vector of so many elements."""
    if count > _SMALL:
        type_of((count,), d, devices.place(device))


def _python_numbers(*values):
    return [v.item() if isinstance(v, Tensor | np.generic | jax.Array) else v for v in values]


@function
def arange(
    start, end=None, step=1, *, out=None, dtype=None, layout=None, device=None, pin_memory=False, requires_grad=False
):
    """start, start + step, ... up to but without end: `arange(end)` or `arange(start, end, step)`.

    Raises:
        RuntimeError: a step of 0, or one that leads away from `end`.

    >>> torch.arange(1, 6, 2)
    tensor([1, 3, 5])
    """
    if end is None:
        start, end = 0, start
    plain = start.__class__ is end.__class__ is step.__class__ is int
    if plain and dtype is None and max(start, end, step, key=abs) >= 2**63:
        limits.must_hold(dtypes.int64, 2**63)
    if plain and step > 0 and start <= end and out is None and (dtype is None or dtype is dtypes.int64):
        if end - start > _SMALL:
            _check_line(-(-(end - start) // step), dtypes.int64, device)
        made = known(np.arange(start, end, step, np.int64), devices.place(device))
        return requiring(made) if requires_grad else made
    start, end, step = _python_numbers(start, end, step)
    whole = not any(isinstance(x, float) for x in (start, end, step))
    d = dtype or (out.dtype if out is not None else dtypes.int64 if whole else dtypes.get_default_dtype())
    if d.category <= dtypes.INT and step and not int(step):
        raise ValueError("step must be nonzero")  # that of the dtype in which it counts
    if step == 0:
        raise RuntimeError("step must be nonzero")
    if not (math.isfinite(start) and math.isfinite(end)):
        raise RuntimeError(f"unsupported range: {_number_text(start)} -> {_number_text(end)}")
    if (end - start) * step < 0:
        raise RuntimeError("upper bound and lower bound inconsistent with step sign")
    if d is dtypes.int64 and not whole:  # PyTorch counts in the dtype, for the others in doubles
        start, end, step, whole = int(start), int(end), int(step), True
    count = -(-(end - start) // step) if whole else math.ceil((end - start) / step)
    _check_line(int(count), d, device)
    if d.category <= dtypes.INT and not whole:
        start, step, whole = int(start), int(step), True
    exact = np.arange(int(count), dtype=np.int64 if whole else np.float64)
    if not whole and d is dtypes.float32:
        array = (np.float64(start) + exact * np.float64(step)).astype(np.float32)
    else:
        array = (start + exact * step).astype(d.np)
    made = known(array, devices.place(device))
    if out is not None:
        return store(out, made, "arange")
    return made.requires_grad_() if requires_grad else made


def _number_text(x):
    return f"{x:g}" if isinstance(x, float) else str(x)


@function
def range(start, end, step=1, *, out=None, dtype=None, layout=None, device=None, requires_grad=False):
    """start, start + step, ... up to and including end. Deprecated by PyTorch in favour of `arange`."""

    warn_user(
        "torch.range is deprecated and will be removed in a future release because its behavior is inconsistent with "
        "Python's range builtin. Instead, use torch.arange, which produces values in [start, end).",
    )
    d = dtype or (dtypes.get_default_dtype() if out is None else out.dtype)
    count = math.floor((end - start) / step) + 1
    _check_line(count, d, device)
    made = known((start + np.arange(count) * step).astype(d.np), devices.place(device))
    if out is not None:
        return store(out, made, "range")
    return made.requires_grad_() if requires_grad else made


def _evenly_spaced(start, end, steps, d):
    """Evenly spaced numbers, computed as PyTorch does: from both ends towards the middle."""
    if steps < 0:
        raise RuntimeError("number of steps must be non-negative")
    if steps == 1:
        return np.array([start]).astype(d.np)
    work = (
        d.np
        if (d.is_floating_point and d.itemsize >= 4) or d.is_complex
        else np.float32
        if d.is_floating_point
        else None
    )
    if work is None:
        start, end = int(start), int(end)
        step = (end - start) / (steps - 1) if steps else 0
        i = np.arange(steps)
        return np.where(i < steps // 2, start + step * i, end - step * (steps - i - 1)).astype(d.np)
    start, end = np.asarray(start, work), np.asarray(end, work)
    step = (end - start) / np.asarray(steps - 1, work) if steps else np.asarray(0, work)
    i = np.arange(steps)
    # PyTorch fuses the multiply and the add: in double precision the product of two floats is exact.
    wide = np.complex128 if d.is_complex else np.float64 if work != np.float64 else np.longdouble
    up = np.asarray(start, wide) + np.asarray(step, wide) * i
    down = np.asarray(end, wide) - np.asarray(step, wide) * (steps - i - 1)
    return np.where(i < steps // 2, up, down).astype(d.np)


def _check_ends(name, start, end):
    dims = [x.ndim if isinstance(x, Tensor) else 0 for x in (start, end)]
    if any(dims):
        raise RuntimeError(
            f"{name} only supports 0-dimensional start and end tensors, but got start with {dims[0]} dimension(s) and end"
            f" with {dims[1]} dimension(s)."
        )


def _step_count(steps):
    steps = index(steps)
    if steps < 0:
        raise RuntimeError("number of steps must be non-negative")
    return steps


@function
def linspace(
    start, end, steps, *, out=None, dtype=None, layout=None, device=None, pin_memory=False, requires_grad=False
):
    """`steps` evenly spaced numbers from start to end, both included.

    >>> torch.linspace(0, 1, 5)
    tensor([0.0000, 0.2500, 0.5000, 0.7500, 1.0000])
    """
    _check_ends("linspace", start, end)
    start, end = _python_numbers(start, end)
    steps = _step_count(steps)
    d = dtype or (out.dtype if out is not None else dtypes.get_default_dtype())
    if isinstance(start, complex) or isinstance(end, complex):
        d = dtype or d.to_complex()
    _check_line(steps, d, device)
    made = known(_evenly_spaced(start, end, steps, d), devices.place(device))
    if out is not None:
        return store(out, made, "linspace")
    return made.requires_grad_() if requires_grad else made


@function
def logspace(
    start,
    end,
    steps,
    base=10.0,
    *,
    out=None,
    dtype=None,
    layout=None,
    device=None,
    pin_memory=False,
    requires_grad=False,
):
    """base ** x for `steps` evenly spaced x from start to end."""
    _check_ends("logspace", start, end)
    start, end = _python_numbers(start, end)
    d = dtype or (out.dtype if out is not None else dtypes.get_default_dtype())
    steps = _step_count(steps)
    _check_line(steps, d, device)
    if d.category <= dtypes.INT:
        start, end = int(start), int(end)
    step = (end - start) / (steps - 1) if steps > 1 else 0
    i = np.arange(steps)
    powers = (
        np.where(i < steps // 2, start + step * i, end - step * (steps - i - 1)) if steps > 1 else np.full(steps, start)
    )
    made = known(np.power(float(base), powers).astype(d.np), devices.place(device))
    if out is not None:
        return store(out, made, "logspace")
    return made.requires_grad_() if requires_grad else made


@function
def eye(n, m=None, *, out=None, dtype=None, layout=None, device=None, pin_memory=False, requires_grad=False):
    """The n × m matrix with ones on the diagonal (m = n where it is left out).

    >>> torch.eye(2)
    tensor([[1., 0.],
            [0., 1.]])
    """
    if n < 0:
        raise RuntimeError(f"n must be greater or equal to 0, got {n}")
    if m is not None and m < 0:
        raise RuntimeError(f"m must be greater or equal to 0, got {m}")
    d = dtype or (out.dtype if out is not None else dtypes.get_default_dtype())
    type_of((n, n if m is None else m), d, devices.place(device))  # raises where there is too little memory
    made = known(np.eye(n, m, dtype=d.np), devices.place(device))
    if out is not None:
        return store(out, made, "eye")
    return made.requires_grad_() if requires_grad else made


@function
def scalar_tensor(s, *, dtype=None, device=None, requires_grad=False):
    """A 0-dim tensor of the default float type."""
    return known(host_array(s, dtype or dtypes.get_default_dtype()), devices.place(device))


@function
def empty_permuted(
    size, physical_layout, *, dtype=None, layout=None, device=None, requires_grad=False, pin_memory=False
):
    """A tensor to be filled, whose dimensions lie in memory in this order, the outermost first."""
    size, order = tuple(size), tuple(physical_layout)
    if len(order) != len(size):
        raise RuntimeError(
            "Number of dimensions in size does not match the length of the physical_layout; i.e. len(size) ="
            f" {len(size)} is not equal to len(physical_layout) = {len(order)}"
        )
    for d in order:
        if not 0 <= d < len(size):
            raise RuntimeError(
                f"Dimension out of range (expected to be between 0 and {len(size) - 1}, but got {d} at index"
                f" {order.index(d)}).  NB: negative dims not currently supported; file an issue if you want it."
            )
    if len(set(order)) != len(order):
        raise RuntimeError("Duplicate dim not allowed")
    strides, step = [0] * len(size), 1
    for d in reversed(order):
        strides[d], step = step, step * max(size[d], 1)
    return empty_strided(size, strides, dtype=dtype, device=device, requires_grad=requires_grad)
