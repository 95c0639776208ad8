"""The overlap of rotated boxes, as polygons of four corners."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jtorch.library import Array, op


def iou_rotated(corners1, corners2):
    """The IoU of each pair of boxes (N, 8) and (M, 8), as four corners: (N, M) in float32."""
    return _iou_rotated(corners1, corners2).float()


@op(method=False)
def _iou_rotated(corners1: Array, corners2: Array) -> Array:
    first, second = (corners.reshape(-1, 4, 2) for corners in (corners1, corners2))
    pairs = jax.vmap(jax.vmap(_iou, (None, 0)), (0, None))
    return pairs(first, second)


def _iou(a, b):
    area_a, area_b, common = _area(a), _area(b), _common(a, b)
    union = area_a + area_b - common
    return jnp.where(union > 0, common / jnp.where(union > 0, union, 1), 0)


def _determinants(a, b):
    return a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]


def _area(polygon):
    return abs(_determinants(polygon, jnp.roll(polygon, -1, axis=0)).sum()) / 2


def _inside(points, polygon):
    """Which points lie in a convex polygon or on its border."""
    edges = jnp.roll(polygon, -1, axis=0) - polygon
    sides = _determinants(edges[None], points[:, None] - polygon[None])
    small = 1e-5 * jnp.abs(edges).max()
    return (sides >= -small).all(1) | (sides <= small).all(1)


def _common(a, b):
    """The area of the intersection of two convex polygons.

    Its corners are the corners of each polygon inside the other and the crossings of their edges, sorted by angle about
    their mean."""
    ea, eb = jnp.roll(a, -1, axis=0) - a, jnp.roll(b, -1, axis=0) - b
    across = _determinants(ea[:, None], eb[None])
    safe = jnp.where(across == 0, 1, across)
    apart = b[None] - a[:, None]
    t, u = _determinants(apart, eb[None]) / safe, _determinants(apart, ea[:, None]) / safe
    crossing = (across != 0) & (t >= 0) & (t <= 1) & (u >= 0) & (u <= 1)
    points = jnp.concatenate([a, b, (a[:, None] + t[..., None] * ea[:, None]).reshape(-1, 2)])
    valid = jnp.concatenate([_inside(a, b), _inside(b, a), crossing.ravel()])
    count = valid.sum()
    middle = jnp.where(valid[:, None], points, 0).sum(0) / jnp.maximum(count, 1)
    points = jnp.where(valid[:, None], points - middle, 0)
    angles = jnp.where(valid, jnp.arctan2(points[:, 1], points[:, 0]), jnp.inf)
    order = jnp.argsort(angles)
    points, valid = points[order], valid[order]
    points = jnp.where(valid[:, None], points, points[0])  # unused places repeat the first corner, which adds no area
    return jnp.where(count > 2, _area(points), 0)
