"""PNG images with 16 bits a channel, which pillow reads with 8 only, except for grey ones."""

from __future__ import annotations

import struct
import zlib

import numpy as np

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_CHANNELS = {0: 1, 2: 3, 4: 2, 6: 4}  # the colour types without a palette
_COLOURS = {"GRAY": (1, False), "GRAY_ALPHA": (1, True), "RGB": (3, False), "RGB_ALPHA": (3, True)}


def deep_png(data: bytes):
    """A function from a mode's name to a uint16 array (C, H, W); None unless it is a 16-bit PNG without interlacing."""
    if data[:8] != _SIGNATURE or len(data) < 33:
        return None
    width, height, depth, kind, _, _, interlaced = struct.unpack(">IIBBBBB", data[16:29])
    if depth != 16 or interlaced or kind not in _CHANNELS:
        return None
    return lambda mode: _as_mode(_pixels(data, width, height, _CHANNELS[kind]), mode)


def _pixels(data, width, height, channels):
    row = width * channels * 2
    raw = zlib.decompress(b"".join(_png_chunks(data, b"IDAT")))
    if len(raw) < height * (row + 1):
        raise ValueError("the image is cut off")
    lines = np.frombuffer(raw, np.uint8, height * (row + 1)).reshape(height, row + 1)
    rows, above = np.empty((height, row), np.uint8), np.zeros(row, np.uint8)
    for i, line in enumerate(lines):
        above = rows[i] = _unfiltered(line[0], line[1:], above, channels * 2)
    return rows.view(">u2").astype(np.uint16).reshape(height, width, channels).transpose(2, 0, 1)


def _png_chunks(data, wanted):
    at = 8
    while at + 8 <= len(data):
        size, kind = struct.unpack(">I4s", data[at : at + 8])
        if kind == wanted:
            yield data[at + 8 : at + 8 + size]
        at += 12 + size


def _unfiltered(kind, line, above, step):
    """Undo a PNG filter: a row has differences to the left (1), the row above (2), their mean (3), the nearest (4)."""
    if kind == 0:
        return line
    if kind == 2:
        return line + above
    if kind == 1:
        return np.cumsum(line.reshape(-1, step), 0, dtype=np.uint8).ravel()
    made, up = line.astype(int), above.astype(int).tolist()
    made = made.tolist()
    for i in range(len(made)):
        left, corner = (made[i - step], up[i - step]) if i >= step else (0, 0)
        guess = (left + up[i]) // 2 if kind == 3 else _closest(left, up[i], corner)
        made[i] = (made[i] + guess) & 255
    return np.array(made, np.uint8)


def _closest(left, up, corner):
    guess = left + up - corner
    return min((abs(guess - left), 0, left), (abs(guess - up), 1, up), (abs(guess - corner), 2, corner))[2]


def brightness(channels, half=0):
    """The grey (H, W) of RGB as libpng computes it: in integers, rounded up from `half` of 2**15 on."""
    red, green, blue = channels.astype(np.int64)
    return (red * 9794 + green * 19234 + blue * 3740 + half >> 15).astype(channels.dtype)


def _as_mode(array, mode):
    """The channels that a mode of `ImageReadMode` has."""
    if mode == "UNCHANGED":
        return array
    colours, alpha = _COLOURS[mode]
    shown, opaque = (array[:-1], array[-1:]) if len(array) in (2, 4) else (array, np.full_like(array[:1], 65535))
    if colours > len(shown):
        shown = np.repeat(shown, 3, 0)
    elif colours < len(shown):
        shown = brightness(shown, 1 << 14)[None]
    return np.concatenate([shown, opaque]) if alpha else shown
