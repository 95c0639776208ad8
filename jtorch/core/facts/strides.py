"""Sizes and strides as PyTorch reports them.

XLA chooses its own memory layouts, so strides are metadata here. They decide `is_contiguous`, which calls of `view` are
refused, and the order in which random fills write the elements.
"""

from __future__ import annotations

import math
from operator import index


class _SizeType(type):
    """Prints the class Size as PyTorch does. Pickles need the real module, so `__module__` cannot say "torch"."""

    def __repr__(cls):
        return "<class 'torch.Size'>" if cls is Size else super().__repr__()


class Size(tuple[int, ...], metaclass=_SizeType):
    """The shape of a tensor: a tuple with `numel()`.

    >>> jtorch.zeros(2, 3).shape
    torch.Size([2, 3])
    """

    __module__ = "jtorch"
    __slots__ = ()

    def __new__(cls, sizes=()):
        made = super().__new__(cls, sizes)
        for i, n in enumerate(made):
            if n.__class__ is not int:
                return super().__new__(cls, [_integer(i, n) for i, n in enumerate(made)])
        return made

    def __setitem__(self, index, value):
        raise TypeError("'torch.Size' object does not support item assignment")

    def __repr__(self):
        return f"torch.Size([{', '.join(map(str, self))}])"

    def numel(self) -> int:
        """The number of elements of a tensor of this size."""
        return math.prod(self)

    def __add__(self, other):
        joined = tuple.__add__(self, other)
        return Size(joined)

    def __radd__(self, other):
        return Size(tuple(other) + tuple(self))

    def __mul__(self, times):
        return Size(tuple.__mul__(self, times))

    __rmul__ = __mul__

    def __getitem__(self, at):
        item = tuple.__getitem__(self, at)
        return Size(item) if isinstance(at, slice) else item

    def __reduce__(self):
        return Size, (tuple(self),)


def _integer(i, n):
    try:
        return index(n)
    except TypeError:
        raise TypeError(f"torch.Size() takes an iterable of 'int' (item {i} is '{type(n).__name__}')") from None


def contiguous_strides(shape) -> tuple[int, ...]:
    """Row-major strides, in elements; a size of 0 counts as 1, as PyTorch counts."""
    strides, step = [], 1
    for size in reversed(shape):
        strides.append(step)
        step *= max(size, 1)
    return tuple(reversed(strides))


def is_contiguous(shape, strides) -> bool:
    """Whether the elements lie in row-major order without gaps. Dimensions of size 1 do not matter; an empty tensor is contiguous."""
    if 0 in shape:
        return True
    step = 1
    for size, stride in zip(reversed(shape), reversed(strides), strict=True):
        if size != 1:
            if stride != step:
                return False
            step *= size
    return True


def channels_last_strides(shape) -> tuple[int, ...]:
    """Strides of the channels-last format for (N, C, H, W) or (N, C, D, H, W)."""
    order = (1, *range(len(shape) - 1, 1, -1), 0)
    strides, step = [0] * len(shape), 1
    for dim in order:
        strides[dim] = step
        step *= max(shape[dim], 1)
    return tuple(strides)


def is_channels_last(shape, strides) -> bool:
    """Whether a 4-D or 5-D tensor is laid out channels-last."""
    if len(shape) not in (4, 5):
        return False
    step = 1
    for dim in (1, *range(len(shape) - 1, 1, -1), 0):
        if shape[dim] != 1:
            if strides[dim] != step:
                return False
            step *= shape[dim]
    return True


def is_dense(shape, strides) -> bool:
    """Whether the elements fill their memory exactly once: a permutation of contiguous."""
    step = 1
    for stride, size in sorted((s, n) for s, n in zip(strides, shape, strict=True) if n != 1):
        if size == 0:
            return True
        if stride != step:
            return False
        step *= size
    return True


def like_strides(shape, strides) -> tuple[int, ...]:
    """The strides of `empty_like`: the same if dense, else dense with the dimensions in the source's order."""
    if is_dense(shape, strides):
        return tuple(strides)
    return elementwise_strides(shape, [(shape, strides)])


def elementwise_strides(shape, operands) -> tuple[int, ...]:
    """The strides of an elementwise result over operands [(shape, strides), ...] broadcast to `shape`.

    PyTorch sorts the dimensions by the operands' strides, first operand first, and packs the result densely.
    """
    same = all(tuple(s) == tuple(shape) for s, _ in operands)
    if same:
        if all(is_contiguous(s, t) for s, t in operands):
            return contiguous_strides(shape)
        if all(is_channels_last(s, t) for s, t in operands):
            return channels_last_strides(shape)
        if len({tuple(t) for _, t in operands}) == 1 and is_dense(*operands[0]):
            return tuple(operands[0][1])
    ndim = len(shape)
    spread = [_broadcast_strides(s, t, ndim, shape) for s, t in operands]
    perm = list(range(ndim - 1, -1, -1))  # fastest first
    for i in range(1, ndim):
        dim1 = i
        for dim0 in range(i - 1, -1, -1):
            order = _compare(perm[dim0], perm[dim1], spread, shape)
            if order > 0:
                perm[dim0], perm[dim1] = perm[dim1], perm[dim0]
                dim1 = dim0
            elif order < 0:
                break
    if perm == list(range(ndim - 1, -1, -1)):
        return contiguous_strides(shape)
    strides, step = [0] * ndim, 1
    for dim in perm:
        strides[dim] = step
        step *= shape[dim]  # 0 from an empty dimension on, as in PyTorch
    return tuple(strides)


def _broadcast_strides(shape, strides, ndim, target):
    lead = ndim - len(shape)
    return [0] * lead + [
        0 if n == 1 and target[lead + i] != 1 else s for i, (n, s) in enumerate(zip(shape, strides, strict=True))
    ]


def _compare(dim0, dim1, spread, shape):
    for strides in spread:
        s0, s1 = strides[dim0], strides[dim1]
        if s0 == 0 or s1 == 0:
            continue
        if s0 != s1:
            return -1 if s0 < s1 else 1
        if shape[dim0] > shape[dim1]:
            return 1
    return 0


def view_strides(shape, strides, new_shape) -> tuple[int, ...] | None:
    """The strides that show the same elements as `new_shape` without a copy, or None if there are none."""
    if math.prod(shape) == 0:
        return tuple(strides) if tuple(shape) == tuple(new_shape) else contiguous_strides(new_shape)
    if not shape:
        return (1,) * len(new_shape)
    result = [0] * len(new_shape)
    at = len(new_shape) - 1
    step = strides[-1]
    count = left = 1
    for dim in range(len(shape) - 1, -1, -1):
        count *= shape[dim]
        if dim > 0 and (shape[dim - 1] == 1 or strides[dim - 1] == count * step):
            continue
        while at >= 0 and (left < count or new_shape[at] == 1):
            result[at] = left * step
            left *= new_shape[at]
            at -= 1
        if left != count:
            return None
        if dim > 0:
            step = strides[dim - 1]
            count = left = 1
    return tuple(result) if at == -1 else None


def may_overlap(shape, strides) -> bool:
    """Whether a dimension of more than one element has stride 0, so that elements share memory: PyTorch's quick test."""
    return all(shape) and any(n > 1 and s == 0 for n, s in zip(shape, strides, strict=True))


def overlaps(shape, strides) -> bool:
    """Whether two elements share one memory cell, exactly."""
    if not all(shape):
        return False
    reach = 0
    for stride, n in sorted((s, n) for s, n in zip(strides, shape, strict=True) if n > 1):
        if stride <= reach:
            break
        reach += stride * (n - 1)
    else:
        return False
    spots = {0}
    for stride, n in zip(strides, shape, strict=True):
        spots = {s + stride * i for s in spots for i in range(n)}
    return len(spots) < math.prod(shape)
