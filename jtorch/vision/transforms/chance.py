"""The random draws of transforms: from PyTorch's CPU stream, in torchvision's order, without recording lines."""

from __future__ import annotations

import math

import numpy as np

from jtorch.core.facts import devices
from jtorch.core.ops.make.generator import stream_of

_FLOAT32, _FLOAT64, _INT64 = (np.dtype(kind) for kind in (np.float32, np.float64, np.int64))


def uniform(low: float, high: float) -> float:
    """A number from low to high, in single precision."""
    return float(stream_of(devices.CPU).uniform((1,), _FLOAT32, low, high)[0])


def units(*shape: int) -> np.ndarray:
    """Numbers from 0 to 1, float32."""
    return stream_of(devices.CPU).uniform(shape, _FLOAT32)


def between(low: int, high: int) -> int:
    """An integer from low to high - 1."""
    if low >= high:
        raise RuntimeError(f"random_ expects 'from' to be less than 'to', but got from={low} >= to={high}")
    return int(stream_of(devices.CPU).random((1,), _INT64, low=low, high=high)[0])


def below(high: int) -> int:
    """An integer from 0 to high - 1."""
    return between(0, high)


def happens(p: float) -> bool:
    """True with probability p."""
    return bool(stream_of(devices.CPU).uniform((1,), _FLOAT32)[0] < np.float32(p))


def shuffled_range(n: int) -> list[int]:
    """The integers from 0 to n - 1 in random order."""
    return stream_of(devices.CPU).randperm(n, _INT64).tolist()


def normals(*shape: int) -> np.ndarray:
    """Standard normal numbers, float32."""
    return stream_of(devices.CPU).normal(shape, _FLOAT32)


def choice(weights: list[float]) -> int:
    """The index of a weight, drawn as `torch.multinomial` does."""
    return int(stream_of(devices.CPU).multinomial(np.asarray(weights, np.float32), 1).reshape(-1)[0])


def dirichlet(alpha: float, rows: int, count: int) -> np.ndarray:
    """(rows, count): in each row `count` shares of 1, float32."""
    made = np.array([[_gamma(float(np.float32(alpha))) for _ in range(count)] for _ in range(rows)])
    return (made / made.sum(-1, keepdims=True)).astype(np.float32)


def _gamma(alpha: float) -> float:
    """A number of the gamma distribution, by Marsaglia and Tsang's method."""
    stream, scale = stream_of(devices.CPU), 1.0
    if alpha < 1.0:
        scale = (1.0 - stream.uniform((1,), _FLOAT64)[0]) ** (1.0 / alpha)
        alpha += 1.0
    d = alpha - 1.0 / 3.0
    c = 1.0 / math.sqrt(9.0 * d)
    while True:
        y = 0.0
        while y <= 0:
            x = float(stream.normal((1,), _FLOAT64)[0])
            y = 1.0 + c * x
        v, u = y * y * y, 1.0 - float(stream.uniform((1,), _FLOAT64)[0])
        if u < 1.0 - 0.0331 * x**4 or math.log(u) < 0.5 * x * x + d * (1.0 - v + math.log(v)):
            return scale * d * v
