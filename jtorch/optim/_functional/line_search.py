"""The line search of L-BFGS: a step length that satisfies the strong Wolfe conditions.

Knows numbers only; a function computes the loss and the gradient at a step length. The method is Nocedal and Wright's
(Numerical Optimization, algorithms 3.5 and 3.6), with PyTorch's safeguards.
"""

from __future__ import annotations

import math
from typing import NamedTuple

_DECREASE, _CURVATURE = 1e-4, 0.9  # the constants of the two conditions


class Point(NamedTuple):
    """A point of the line: its step length t, and the loss, the gradient and the slope along the line there."""

    t: float
    loss: float
    gradient: object
    slope: float


def strong_wolfe(at, t, here, size, tolerance=1e-9, most=25):
    """The best point found.

    Args:
        at: step length -> (loss, gradient, slope).
        t: the step length to try first.
        here: (loss, gradient, slope) at 0.
        size: the largest element of the direction.
        tolerance: the length at which an interval is not divided further, in units of the parameters.
        most: the largest number of calls of `at` after the first one.
    """
    origin = Point(0, *here)
    bracket, done, calls = _bracket(at, t, origin, most)
    bracket.sort(key=lambda point: point.loss)  # the lowest first
    return bracket[0] if done else _zoom(at, bracket, origin, size, tolerance, most - calls)


def _too_high(point, origin):
    return point.loss > origin.loss + _DECREASE * point.t * origin.slope


def _flat_enough(point, origin):
    return abs(point.slope) <= -_CURVATURE * origin.slope


def _bracket(at, t, origin, most):
    """(points, found, calls): an acceptable point, or two points around one; which of these; calls after the first."""
    before, point = origin, Point(t, *at(t))
    for calls in range(most):
        if _too_high(point, origin) or (calls > 1 and point.loss >= before.loss):
            return [before, point], False, calls
        if _flat_enough(point, origin):
            return [point], True, calls
        if point.slope >= 0:
            return [before, point], False, calls
        t = _cubic_minimum(before, point, (point.t + 0.01 * (point.t - before.t), point.t * 10))
        before, point = point, Point(t, *at(t))
    return [origin, point], False, most


def _zoom(at, bracket, origin, size, tolerance, left):
    """Narrow the bracket [lowest, other end] until its lowest point satisfies both conditions."""
    low, high = bracket
    stuck = False
    for _ in range(left):
        if abs(high.t - low.t) * size < tolerance:
            break
        t, stuck = _away_from_ends(_cubic_minimum(*sorted((low, high))), low.t, high.t, stuck)
        point = Point(t, *at(t))
        if _too_high(point, origin) or point.loss >= low.loss:
            low, high = (low, point) if low.loss <= point.loss else (point, low)
            continue
        if _flat_enough(point, origin):
            return point
        if point.slope * (high.t - low.t) >= 0:
            high = low
        low = point
    return low


def _away_from_ends(t, a, b, stuck):
    """t, moved away from the ends of [a, b] if it is too near for the second time; and whether it is too near now."""
    least, most = min(a, b), max(a, b)
    margin = 0.1 * (most - least)
    if min(most - t, t - least) >= margin:
        return t, False
    if not (stuck or t >= most or t <= least):
        return t, True
    return (most - margin if most - t < t - least else least + margin), False


def _cubic_minimum(a, b, bounds=None):
    """The minimum of the cubic through two points with their slopes, within the bounds (default: between the points)."""
    least, most = bounds or (min(a.t, b.t), max(a.t, b.t))
    a, b = (a, b) if a.t <= b.t else (b, a)
    d = a.slope + b.slope - 3 * (a.loss - b.loss) / (a.t - b.t)
    square = d * d - a.slope * b.slope
    if not square >= 0:
        return (least + most) / 2
    root = math.sqrt(square)
    bend = b.slope - a.slope + 2 * root
    return min(max(b.t - (b.t - a.t) * ((b.slope + root - d) / bend), least), most) if bend else (least + most) / 2
