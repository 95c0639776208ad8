"""Small files in torchvision's layouts, for the tests of data sets and image files."""

import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import Image


def write(folder):
    """Write them all into the folder."""
    write_images(Path(folder))


def noise(*shape, seed=0):
    """Random bytes."""
    return np.random.RandomState(seed).randint(0, 256, shape).astype(np.uint8)


def smooth(height, width, seed=0):
    """A smooth picture in colours, as photographs are."""
    small = Image.fromarray(noise(4, 4, 3, seed=seed))
    return small.resize((width, height), Image.Resampling.BICUBIC)


def write_images(folder):
    """Image files of every kind that `io` reads."""
    rgb = smooth(17, 22)
    rgb.save(folder / "rgb.png")
    rgb.convert("L").save(folder / "grey.png")
    Image.fromarray(noise(6, 5, 4)).save(folder / "rgba.png")
    rgb.quantize(7).save(folder / "palette.png")
    rgb.save(folder / "rgb.jpg", quality=90)
    rgb.convert("L").save(folder / "grey.jpg")
    turned = Image.Exif()
    turned[0x0112] = 6  # the camera was held upright
    rgb.save(folder / "turned.jpg", exif=turned)
    rgb.save(folder / "still.gif")
    rgb.save(folder / "moving.gif", save_all=True, append_images=[smooth(17, 22, seed=1)])
    write_deep_png(folder / "deep.png", np.random.RandomState(0).randint(0, 65536, (5, 4, 3)))
    write_deep_png(folder / "deep_grey.png", np.random.RandomState(1).randint(0, 65536, (6, 4, 1)))


def write_deep_png(path, pixels):
    """A PNG file of 16 bits a channel whose rows use all five filters."""
    height, width, channels = pixels.shape
    rows = pixels.astype(">u2").reshape(height, -1).view(np.uint8).astype(int)
    step, above, raw = channels * 2, np.zeros(rows.shape[1], int), b""
    for i, row in enumerate(rows):
        left = np.concatenate([np.zeros(step, int), row[:-step]])
        corner = np.concatenate([np.zeros(step, int), above[:-step]])
        guess = left + above - corner
        near = np.abs(np.stack([left, above, corner]) - guess).argmin(0)
        filters = [0, left, above, (left + above) // 2, np.choose(near, [left, above, corner])]
        raw += bytes([i % 5]) + ((row - filters[i % 5]) % 256).astype(np.uint8).tobytes()
        above = row
    head = struct.pack(">IIBBBBB", width, height, 16, 2 if channels == 3 else 0, 0, 0, 0)
    chunks = [(b"IHDR", head), (b"IDAT", zlib.compress(raw)), (b"IEND", b"")]
    parts = [struct.pack(">I", len(d)) + k + d + struct.pack(">I", zlib.crc32(k + d)) for k, d in chunks]
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(parts))
