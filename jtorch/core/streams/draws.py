"""How the generator's words become uniforms, counts, choices and permutations, as in PyTorch on the CPU.

Pure functions of words, or of a function that gives uniforms. `RandomStream` has the state and the order of elements.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import ml_dtypes
import numpy as np


def unit32(words: np.ndarray) -> np.ndarray:
    """float32 in [0, 1) from the low 24 bits of each uint32. Takes NumPy arrays, and JAX arrays inside a program."""
    return (words & np.uint32(2**24 - 1)).view(np.int32).astype(np.float32) * np.float32(2.0**-24)


def unit64(longs: np.ndarray) -> np.ndarray:
    """float64 in [0, 1) of the low 53 bits of each uint64; overwrites longs."""
    longs &= np.uint64(2**53 - 1)
    x = longs.view(np.int64).astype(np.float64)
    x *= 2.0**-53
    return x


LOW_53 = np.uint64(2**53 - 1)


def unit_below(longs: np.ndarray, p: float) -> np.ndarray:
    """unit64(longs) < p, compared as integers; overwrites longs."""
    longs &= LOW_53
    return longs < threshold(p)


def threshold(p: float) -> np.uint64:
    """The low 53 bits of a long are less than this just where its `unit64` is less than p."""
    return np.uint64(math.ceil(p * 2.0**53))


def remainders(words: np.ndarray, count: int) -> np.ndarray:
    """words % count for uint32 or uint64 words; overwrites words."""
    count = words.dtype.type(count)
    if words.dtype == np.uint64:
        words %= count
        return words
    # NumPy divides uint32 by a scalar many at a time, but takes remainders one by one.
    quotient = words // count
    quotient *= count
    words -= quotient
    return words


# -- counts and choices --------------------------------------------------------------------------------------


def poisson_count(rate: float, uniform: Callable[[], float]) -> int:
    """A Poisson count of mean rate. Draws as many uniforms as it needs."""
    if not rate >= 0:
        raise RuntimeError("invalid Poisson rate, expected rate to be non-negative")
    if rate == 0:
        return 0
    if rate >= 10:
        return _poisson_by_rejection(rate, uniform)
    limit, product, count = math.exp(-rate), uniform(), 0
    while product > limit:
        product *= uniform()
        count += 1
    return count


def _poisson_by_rejection(rate, uniform):
    """Hörmann (1993), transformed rejection: his PTRS and its constants."""
    b = 0.931 + 2.53 * math.sqrt(rate)
    a = -0.059 + 0.02483 * b
    inverse_alpha, edge = 1.1239 + 1.1328 / (b - 3.4), 0.9277 - 3.6224 / (b - 2)
    while True:
        u, v = uniform() - 0.5, uniform()
        us = 0.5 - abs(u)
        x = (2 * a / us + b) * u + rate + 0.43 if us else -math.inf
        count = math.floor(x) if abs(x) < 2.0**63 else -(2**63)  # the result of x86 for a number out of range
        if us >= 0.07 and v <= edge:
            return count
        if count < 0 or (us < 0.013 and v > us):
            continue
        log_ratio = math.log(v) + math.log(inverse_alpha) - math.log(a / (us * us) + b)
        if log_ratio <= -rate + count * math.log(rate) - math.lgamma(count + 1):
            return count


def least_of(dtype):
    """The smallest positive number of a float dtype that is not subnormal."""
    return ml_dtypes.finfo(dtype).tiny.astype(dtype)


_THIRD, _SQUEEZE = float(np.float32(1) / np.float32(3)), float(np.float32(0.0331))  # C++ has them in single precision


def gamma(shape, uniform, normal) -> float:
    """Marsaglia and Tsang (2000). Below 1 a gamma of shape + 1 is drawn, times a power of a uniform.

    Args:
        shape: a NumPy number, in whose precision the constants that follow from it are computed.
    """
    one, scale = shape.dtype.type(1), 1.0
    if shape < 1:
        if shape == 0:
            return 0.0
        scale = (1 - uniform()) ** float(one / shape)
        shape = shape + one
    d = float(shape - shape.dtype.type(_THIRD))
    c = 1 / math.sqrt(9 * d)
    while True:
        x = normal()
        y = 1 + c * x
        if y <= 0:
            continue
        v, u, square = y * y * y, 1 - uniform(), x * x
        if u < 1 - _SQUEEZE * square * square or math.log(u) < 0.5 * square + d * (1 - v + math.log(v)):
            return scale * d * v


def binomial_count(count: float, p: float, uniform) -> float:
    """How many of `count` trials succeed."""
    if not (count > 0 and p > 0):
        return 0.0
    if p >= 1:
        return count
    if p > 0.5:
        return count - binomial_count(count, 1 - p, uniform)
    if count * p >= 10:
        return _binomial_by_rejection(count, p, uniform)
    trials, successes, scale = 0.0, 0.0, math.log1p(-p)
    while True:  # the trials from one success to the next are geometric
        u = uniform()
        trials += math.ceil(math.log(u) / scale) if u else math.inf
        if trials > count:
            return successes
        successes += 1


def _stirling_rest(k):
    """log(k!) less Stirling's formula."""
    if k <= 9:
        return math.lgamma(k + 1) - ((k + 0.5) * math.log(k + 1) - (k + 1) + 0.5 * math.log(2 * math.pi))
    square = (k + 1) * (k + 1)
    return (1 / 12 - (1 / 360 - 1 / 1260 / square) / square) / (k + 1)


def _binomial_by_rejection(n, p, uniform):
    """Hörmann (1993), transformed rejection: his BTRS and its constants."""
    deviation = math.sqrt(n * p * (1 - p))
    b = 1.15 + 2.53 * deviation
    a = -0.0873 + 0.0248 * b + 0.01 * p
    c, edge, odds = n * p + 0.5, 0.92 - 4.2 / b, p / (1 - p)
    alpha, m = (2.83 + 5.1 / b) * deviation, math.floor((n + 1) * p)
    while True:
        u, v = uniform() - 0.5, uniform()
        us = 0.5 - abs(u)
        k = math.floor((2 * a / us + b) * u + c) if us else -1
        if us >= 0.07 and v <= edge:
            return float(k)
        if k < 0 or k > n:
            continue
        v = math.log(v * alpha / (a / (us * us) + b)) if v else -math.inf
        bound = (
            (m + 0.5) * math.log((m + 1) / (odds * (n - m + 1)))
            + (n + 1) * math.log((n - m + 1) / (n - k + 1))
            + (k + 0.5) * math.log(odds * (n - k + 1) / (k + 1))
            + (_stirling_rest(m) + _stirling_rest(n - m) - _stirling_rest(k) - _stirling_rest(n - k))
        )
        if v <= bound:
            return float(k)


def cumulative_probabilities(weights: np.ndarray) -> np.ndarray:
    """The running sums of one row of weights over their total, in float64 from sums in the weights' dtype."""
    if not (weights >= 0).all():
        raise RuntimeError("invalid multinomial distribution (encountering probability entry < 0)")
    if not np.isfinite(weights).all():
        raise RuntimeError("invalid multinomial distribution (encountering probability entry = infinity or NaN)")
    sums = np.cumsum(weights, dtype=weights.dtype)
    if not (sums.size and sums[-1] > 0):
        raise RuntimeError("invalid multinomial distribution (sum of probabilities <= 0)")
    sums /= sums[-1]
    sums[-1] = 1
    return sums.astype(np.float64)


# -- permutations --------------------------------------------------------------------------------------------


def shuffled(words: np.ndarray) -> np.ndarray:
    """0 .. n-1 after swapping, for i = 0 .. n-2, the elements i and i + words[i] % (n - i)."""
    n = words.size + 1
    offsets = (words % np.arange(n, 1, -1, dtype=np.uint32)).astype(np.int64)
    # For a few hundred elements a loop in Python is faster than NumPy.
    return _swap_one_by_one(offsets) if n < 300 else _swap_all_at_once(offsets)


def _swap_one_by_one(offsets):
    order = list(range(offsets.size + 1))
    for i, offset in enumerate(offsets.tolist()):
        order[i], order[i + offset] = order[i + offset], order[i]
    return np.array(order)


def _swap_all_at_once(offsets):
    """The same without a loop over the swaps.

    Step i swaps element i with the element at its target. No later step changes position i. So an element came from the last
    step that had its position as target, and before that from the last step that had that step's position as target, and so
    on. These chains have logarithmic length; they are followed for all positions at once, by doubling.
    """
    position = np.arange(offsets.size + 1)
    step, moves = position[:-1], offsets != 0
    target = step + offsets
    origin = position.copy()  # of the element at i when step i begins
    origin[target[moves]] = step[moves]  # of several steps with one target the last counts
    while not np.array_equal(further := origin[origin], origin):
        origin = further
    result = np.append(target, origin[-1])
    # The element at a target was put there by the last earlier step with the same target, if there was one.
    key = target.astype(np.uint64) << np.uint64(32) | step.astype(np.uint64)
    key.sort()
    step, target = (key & np.uint64(2**32 - 1)).astype(np.int64), key >> np.uint64(32)
    again = np.flatnonzero(target[1:] == target[:-1])
    result[step[again + 1]] = origin[step[again]]
    stays = np.flatnonzero(~moves)
    result[stays] = origin[stays]
    return result


def shuffled_inside_out(n: int, longs: Callable[[int], np.ndarray]) -> np.ndarray:
    """0 .. n-1 where, for i = 0 .. n-1 and j = long % (i + 1), the element j moves to i and i is put at j."""
    order = np.empty(n, np.int64)
    view = memoryview(order)
    for start in range(0, n, 1 << 15):
        here = np.arange(start, min(start + (1 << 15), n))
        there = longs(here.size) % (here.astype(np.uint64) + np.uint64(1))
        for i, j in zip(here.tolist(), there.tolist(), strict=True):
            view[i] = view[j]
            view[j] = i
    return order
