"""Optical flow as a picture: the direction is a hue, the speed its strength."""

from __future__ import annotations

import numpy as np

from jtorch.core.facts import float32
from jtorch.core.tensor import Tensor, from_numpy

# How many steps lie between neighbours of the colour wheel, and the colour that changes there: red is 0, blue is 2.
_STEPS = [(15, 1, "up"), (6, 0, "down"), (4, 2, "up"), (11, 1, "down"), (13, 0, "up"), (6, 2, "down")]


def flow_to_image(flow: Tensor) -> Tensor:
    """The colours of an optical flow. Hues are Middlebury's colour wheel; the fastest pixel has full colour.

    Shape:
        flow (N, 2, H, W) or (2, H, W), float32 → (N, 3, H, W) or (3, H, W), uint8

    Raises:
        ValueError: another dtype or shape.
    """
    if flow.dtype != float32:
        raise ValueError(f"Flow should be of dtype torch.float, got {flow.dtype}.")
    shape = flow.shape
    if len(shape) not in (3, 4) or shape[-3] != 2:
        raise ValueError(f"Input flow should have shape (2, H, W) or (N, 2, H, W), got {shape}.")
    array = flow.detach().cpu().numpy()
    speed = np.sqrt(np.sum(array * array, axis=-3))
    array = array / (speed.max() + np.finfo(np.float32).eps)
    return from_numpy(np.ascontiguousarray(_hues(array)))


def _hues(unit):
    """The picture of a flow whose speeds are 0 to 1."""
    wheel = _wheel()
    x, y = np.moveaxis(unit, -3, 0)
    speed = np.sqrt(x * x + y * y)
    turn = np.arctan2(-y, -x) / np.float32(np.pi)
    place = (turn + np.float32(1)) / np.float32(2) * np.float32(len(wheel) - 1)
    low = np.floor(place).astype(np.int64)
    share = place - low.astype(np.float32)
    ends = wheel / np.float32(255)
    first, second = ends[low], ends[(low + 1) % len(wheel)]
    share, speed = share[..., None], speed[..., None]
    mixed = (np.float32(1) - share) * first + share * second
    pale = np.float32(1) - speed * (np.float32(1) - mixed)
    return np.moveaxis(np.floor(np.float32(255) * pale).astype(np.uint8), -1, -3)


def _wheel():
    """(55, 3): the colours around the wheel, 0 to 255."""
    colour, rows = [255.0, 0.0, 0.0], []
    for steps, channel, direction in _STEPS:
        for i in range(steps):
            part = float(np.floor(np.float32(255) * np.float32(i) / np.float32(steps)))
            colour[channel] = part if direction == "up" else 255 - part
            rows.append(list(colour))
        colour[channel] = 255.0 if direction == "up" else 0.0
    return np.array(rows, np.float32)
