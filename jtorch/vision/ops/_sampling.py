"""Bilinear samples of the features of regions: the mathematics of RoIAlign and similar operators, on JAX arrays."""

from __future__ import annotations

import jax.numpy as jnp


def positions(start, length, bins, most, count):
    """The sampling positions (K, bins, most) along one dimension; of each bin `count` (K,) are used.

    Args:
        start, length: of the regions: (K,).
        bins: how many bins.
        most: how many samples a bin has room for.
        count: how many it has, at equal distances.
    """
    size = (length / bins)[:, None, None]
    bin_, sample = jnp.arange(bins, dtype=start.dtype)[None, :, None], jnp.arange(most, dtype=start.dtype)[None, None]
    return start[:, None, None] + bin_ * size + (sample + 0.5) * size / count.astype(start.dtype)[:, None, None]


def neighbours(place, cells):
    """The two cells beside each position, and their weights: 0 more than one cell outside the features.

    `cells` is a number, or one for each region: (K, 1, 1).
    """
    inside = (place >= -1.0) & (place <= cells)
    place = jnp.maximum(place, 0)
    low = jnp.minimum(place.astype(jnp.int32), cells - 1)
    high = jnp.minimum(low + 1, cells - 1)
    part = jnp.where(low >= cells - 1, 0, place - low)
    return (low, jnp.where(inside, 1 - part, 0)), (high, jnp.where(inside, part, 0))


def binned(at, box, size, bins, sampling_ratio, most, least):
    """The means of bilinear samples in the bins of regions.

    Args:
        at: function (rows, columns) -> the features there: rows (K, P, S, 1, 1), columns (K, 1, 1, Q, T), result
            (K, P, S, Q, T, C).
        box: left and upper edge, width and height of the regions, in cells: (K,) each.
        size: height and width of the features, in cells; numbers, or (K, 1, 1).
        bins: P and Q.
        sampling_ratio: samples along each side of a bin; 0 or less: as many as it has cells, rounded up.
        most: for how many there is room, along y and x.
        least: the smallest divisor of the sums.

    Returns:
        (K, P, Q, C).
    """
    left, top, wide, high = box
    if sampling_ratio > 0:
        counts, used = [jnp.full(top.shape, sampling_ratio)] * 2, [None, None]
    else:
        counts = [jnp.ceil(each / n).astype(jnp.int32) for each, n in ((high, bins[0]), (wide, bins[1]))]
        used = [jnp.arange(room)[None, None] < count[:, None, None] for room, count in zip(most, counts, strict=True)]
    safe = [jnp.where(count == 0, 1, count) for count in counts]
    y = positions(top, high, bins[0], most[0], safe[0])
    x = positions(left, wide, bins[1], most[1], safe[1])
    total = 0
    for row, weight_y in _used(neighbours(y, size[0]), used[0]):
        for column, weight_x in _used(neighbours(x, size[1]), used[1]):
            found = at(row[:, :, :, None, None], column[:, None, None])
            weights = weight_y[:, :, :, None, None] * weight_x[:, None, None]
            total = total + (found * weights[..., None].astype(found.dtype)).sum((2, 4))
    count = jnp.maximum(counts[0] * counts[1], least)
    return total / count.astype(total.dtype)[:, None, None, None]


def _used(cells, used):
    """The cells with the weights of unused samples set to 0."""
    return cells if used is None else [(cell, jnp.where(used, weight, 0)) for cell, weight in cells]
