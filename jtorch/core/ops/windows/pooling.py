"""Pooling on arrays: the largest or the mean of each window, over the last dimensions of an array.

On a CPU, XLA's gradient of a windowed maximum is several times slower than comparing the cells of a window with its
maximum. So the first largest cell of each window, which PyTorch takes, too, is found once, and the derivative is that
cell's. Nothing here knows PyTorch's arguments.
"""

from __future__ import annotations

import itertools
import math
from collections import namedtuple
from functools import partial, reduce

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from jtorch.core.facts import strides as geometry
from jtorch.core.ops.rules import larger, looks_channels_last, window_count

# The windows of a pooling: one entry for each pooled dimension. Padding in pairs; `out` is the number of windows.
Windows = namedtuple("Windows", "kernel stride padding dilation out")

_FEW_CELLS = 8  # a window of up to this many cells is taken at once; a larger one is faster dimension by dimension


def windows_of(sizes, kernel, stride, padding, dilation, ceil_mode) -> Windows:
    """The windows over dimensions of these sizes; the second padding of a pair is what the last window needs."""
    out, pairs = [], []
    for n, k, s, p, d in zip(sizes, kernel, stride, padding, dilation, strict=True):
        reach = d * (k - 1) + 1
        count = window_count(n, k, s, 2 * p, d, s - 1 if ceil_mode else 0)
        if ceil_mode and (count - 1) * s >= n + p:  # a window must start inside the input or in the padding before it
            count -= 1
        out.append(count)
        pairs.append((p, max(0, (count - 1) * s + reach - n - p)))
    return Windows(tuple(kernel), tuple(stride), tuple(pairs), tuple(dilation), tuple(out))


def window_max(x, windows: Windows):
    """The largest cell of each window, NaN if there is one. The gradient goes to the first largest."""
    if _tiled(x, windows):
        return _largest_tile(_cropped(x, windows), windows)
    for some in _in_turn(x, windows):  # last dimension first: the first largest row, then cell, is the first
        x = _largest_of_windows(x, some)
    return x


def window_argmax(x, windows: Windows):
    """The index in x (flat over the pooled dimensions, int64) of each window's largest cell, or of its last NaN."""
    sizes = x.shape[-len(windows.kernel) :]
    cells = [(cell, view) for cell, view in _window_views(x, windows, _lowest(x.dtype))]
    best = at = None
    for cell, view in cells:
        index, inside = _flat_indices(cell, sizes, windows)
        if best is None:
            best, at = view, jnp.broadcast_to(index, view.shape)
            found = jnp.broadcast_to(inside, view.shape)
            continue
        # PyTorch's own loop: a larger cell wins, and so does every NaN; outside cells never do
        wins = inside & ((view > best) | (view != view) | ~found)
        best, at, found = jnp.where(wins, view, best), jnp.where(wins, index, at), found | inside
    return at


def _flat_indices(cell, sizes, windows):
    """For a cell of the window: its flat index in the input for each window, and whether it is inside."""
    index, inside = np.zeros((), np.int64), np.ones((), bool)
    spots = zip(cell, sizes, windows.stride, windows.padding, windows.dilation, windows.out, strict=True)
    for c, n, s, (p, _), d, count in spots:
        along = np.arange(count) * s - p + c * d
        index = index[..., None] * n + along
        inside = inside[..., None] & (0 <= along) & (along < n)
    return index, inside


def _tiled(x, windows):
    """Whether the windows are adjacent tiles of the input, with nothing before or between."""
    sizes = x.shape[-len(windows.kernel) :]
    tiles = zip(sizes, windows.kernel, windows.stride, windows.dilation, windows.out, strict=True)
    return all(k == s and d == 1 and count * k <= n for n, k, s, d, count in tiles) and not has_padding(windows)


def _in_turn(x, windows):
    """The windows as they are if they are small, else one dimension of them at a time, the last first."""
    if math.prod(windows.kernel) <= _FEW_CELLS:
        return [windows]
    sizes, turns = list(x.shape[-len(windows.kernel) :]), []
    for dim in reversed(range(len(sizes))):
        before, after = sizes[:dim], sizes[dim + 1 :]
        alone = [
            (*[neutral] * len(before), field[dim], *[neutral] * len(after))
            for field, neutral in zip(windows, (1, 1, (0, 0), 1), strict=False)
        ]
        sizes[dim] = windows.out[dim]
        turns.append(Windows(*alone, tuple(sizes)))
    return turns


def has_padding(windows: Windows) -> bool:
    """Whether any window reaches out of the input."""
    return any(map(any, windows.padding))


def _cropped(x, windows):
    """x without the cells after the last tile."""
    used = [k * count for k, count in zip(windows.kernel, windows.out, strict=True)]
    return lax.slice(x, (0,) * x.ndim, (*x.shape[: -len(used)], *used))


def _tiles(x, windows):
    """x as (..., out1, k1, out2, k2), and the axes of the cells."""
    dims = len(windows.kernel)
    split = [n for pair in zip(windows.out, windows.kernel, strict=True) for n in pair]
    axes = tuple(range(x.ndim - dims + 1, x.ndim + dims, 2))
    return x.reshape(*x.shape[:-dims], *split), axes


@partial(jax.custom_jvp, nondiff_argnums=(1,))
def _largest_tile(x, windows):
    tiles, axes = _tiles(x, windows)
    return lax.reduce(tiles, jnp.asarray(_lowest(x.dtype), x.dtype), larger, axes)


@_largest_tile.defjvp
def _largest_tile_jvp(windows, primals, tangents):
    tiles, axes = _tiles(primals[0], windows)
    y = _largest_tile(primals[0], windows)
    cells = math.prod(windows.kernel)
    order = np.arange(cells, dtype=np.int32).reshape([n for k in windows.kernel for n in (k, 1)][:-1])
    wins = (tiles == jnp.expand_dims(y, axes)) | (tiles != tiles)
    first = jnp.where(wins, order, cells).min(axes, keepdims=True)
    change, _ = _tiles(tangents[0], windows)
    return y, jnp.where(first == order, change, jnp.zeros((), change.dtype)).sum(axes)


@partial(jax.custom_jvp, nondiff_argnums=(1,))
def _largest_of_windows(x, windows):
    return reduce(larger, [view for _, view in _window_views(x, windows, _lowest(x.dtype))])


@_largest_of_windows.defjvp
def _largest_jvp(windows, primals, tangents):
    (x,), (change,) = primals, tangents
    y = _largest_of_windows(x, windows)
    views = [view for _, view in _window_views(x, windows, _lowest(x.dtype))]
    last = np.int32(len(views))
    first = reduce(jnp.minimum, [jnp.where((v == y) | (v != v), np.int32(i), last) for i, v in enumerate(views)])
    changes = [view for _, view in _window_views(change, windows, 0)]
    nothing = jnp.zeros((), change.dtype)
    return y, reduce(jnp.add, [jnp.where(first == i, v, nothing) for i, v in enumerate(changes)])


def window_sum(x, windows: Windows):
    """The sum of each window."""
    dims = len(windows.kernel)
    if windows.kernel == x.shape[-dims:] and set(windows.out) == {1} and not has_padding(windows):
        return x.sum(tuple(range(x.ndim - dims, x.ndim)), keepdims=True)
    for some in _in_turn(x, windows):
        x = reduce(jnp.add, [view for _, view in _window_views(x, some, 0)])
    return x


def _window_views(x, windows, fill):
    """For each cell of the window, in order: its position, and its elements of x in every window."""
    before = x.ndim - len(windows.kernel)
    if has_padding(windows):
        padding = [(0, 0, 0)] * before + [(a, b, 0) for a, b in windows.padding]
        x = lax.pad(x, jnp.asarray(fill, x.dtype), padding)
    for cell in itertools.product(*map(range, windows.kernel)):
        start = [c * d for c, d in zip(cell, windows.dilation, strict=True)]
        stop = [a + s * (n - 1) + 1 for a, s, n in zip(start, windows.stride, windows.out, strict=True)]
        begin, step = [0] * before + start, [1] * before + list(windows.stride)
        yield cell, lax.slice(x, begin, [*x.shape[:before], *stop], step)


def _lowest(dtype):
    return -jnp.inf if jnp.issubdtype(dtype, jnp.inexact) else jnp.iinfo(dtype).min


def spans(size, count):
    """Start and end of each of `count` adaptive windows: they cover the size, overlapping where they must."""
    return [(i * size // count, -(-(i + 1) * size // count)) for i in range(count)]


def strides_by_format(types, shapes, consts):
    """channels_last where the input is; a result of other dimensions is contiguous."""
    odd = looks_channels_last(types[0].shape, types[0].strides)
    return [geometry.channels_last_strides(shape) if odd and len(shape) == types[0].ndim else None for shape in shapes]


def strides_by_format_2d(types, shapes, consts):
    """channels_last where a 4-D input is: PyTorch has no such kernel for volumes."""
    return strides_by_format(types, shapes, consts) if types[0].ndim == 4 else [None] * len(shapes)


def adaptive_mean(x, out):
    """The mean of each of the adaptive windows: one small averaging matrix for each dimension."""
    dims = len(out)
    for dim, count in enumerate(out):
        size = x.shape[dim - dims]
        if count == size:
            continue
        average = np.zeros((count, size))
        for row, (start, end) in zip(average, spans(size, count), strict=True):
            row[start:end] = 1 / (end - start)
        x = jnp.moveaxis(jnp.moveaxis(x, dim - dims, -1) @ jnp.asarray(average.T, x.dtype), -1, dim - dims)
    return x


def adaptive_tiles(x, out):
    """The cells of the adaptive windows side by side as tiles, a short window repeating its last cell.

    Returns (array of tiles, their windows, the source of each tile cell along each dimension).
    """
    dims, sources, kernel = len(out), [], []
    for dim, count in enumerate(out):
        pieces = spans(x.shape[dim - dims], count)
        widest = max((end - start for start, end in pieces), default=1)
        cells = [min(start + i, end - 1) for start, end in pieces for i in range(widest)]
        source = np.array(cells, np.int64)
        x = jnp.take(x, source, axis=dim - dims)
        sources.append(source)
        kernel.append(widest)
    zeros = ((0, 0),) * dims
    return x, Windows(tuple(kernel), tuple(kernel), zeros, (1,) * dims, tuple(out)), sources


def indices_in_input(at, tiled_sizes, sources, sizes):
    """Flat indices into the tiles as flat indices into the input that the tiles come from."""
    along = jnp.unravel_index(at, tiled_sizes)
    flat = jnp.zeros((), at.dtype)
    for spot, source, size in zip(along, sources, sizes, strict=True):
        flat = flat * size + jnp.asarray(source)[spot]
    return flat
