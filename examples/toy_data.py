"""Small data sets that the examples make on the spot: no download, the same on every machine."""

import io

import numpy as np
from PIL import Image, ImageDraw

SHAPES = ["circle", "square", "triangle", "cross", "ring", "diamond", "bar", "pillar", "half", "dots"]


def draw_shape(draw, shape, x, y, r, color):
    """Draw one shape around (x, y) that reaches r pixels to each side."""
    if shape == "circle":
        draw.ellipse((x - r, y - r, x + r, y + r), fill=color)
    elif shape == "square":
        draw.rectangle((x - r, y - r, x + r, y + r), fill=color)
    elif shape == "triangle":
        draw.polygon([(x, y - r), (x - r, y + r), (x + r, y + r)], fill=color)
    elif shape == "cross":
        draw.line((x - r, y - r, x + r, y + r), fill=color, width=3)
        draw.line((x - r, y + r, x + r, y - r), fill=color, width=3)
    elif shape == "ring":
        draw.ellipse((x - r, y - r, x + r, y + r), outline=color, width=3)
    elif shape == "diamond":
        draw.polygon([(x, y - r), (x - r, y), (x, y + r), (x + r, y)], fill=color)
    elif shape == "bar":
        draw.rectangle((x - r, y - 2, x + r, y + 2), fill=color)
    elif shape == "pillar":
        draw.rectangle((x - 2, y - r, x + 2, y + r), fill=color)
    elif shape == "half":
        draw.pieslice((x - r, y - r, x + r, y + r), 180, 360, fill=color)
    else:
        for dx, dy in ((-r, -r), (r, -r), (-r, r), (r, r), (0, 0)):
            draw.ellipse((x + dx - 2, y + dy - 2, x + dx + 2, y + dy + 2), fill=color)


def shapes(n, side=32, classes=10, seed=0):
    """n pictures (n, 3, side, side) of floats in 0..1, one shape each, their classes (n,), and boxes (n, 4) in pixels."""
    rng = np.random.default_rng(seed)
    labels, boxes = rng.integers(classes, size=n), np.zeros((n, 4), np.float32)
    pictures = np.zeros((n, side, side, 3), np.uint8)
    for i, label in enumerate(labels):
        picture = Image.new("RGB", (side, side), tuple(rng.integers(0, 90, 3).tolist()))
        r = int(rng.integers(side // 6, side // 4))
        x, y = rng.integers(r + 1, side - r - 1, 2).tolist()
        draw_shape(ImageDraw.Draw(picture), SHAPES[label], x, y, r, tuple(rng.integers(130, 256, 3).tolist()))
        pictures[i], boxes[i] = picture, (x - r, y - r, x + r, y + r)
    noise = rng.normal(0, 12, pictures.shape)
    pictures = np.clip(pictures + noise, 0, 255).astype(np.float32) / 255
    return pictures.transpose(0, 3, 1, 2).copy(), labels.astype(np.int64), boxes


def tile(pictures, columns):
    """Pictures (n, h, w) or (n, h, w, 3) in 0..1 as one array of bytes, row by row with a pixel between them."""
    pictures = np.clip(np.asarray(pictures), 0, 1)
    rows = -(-len(pictures) // columns)
    h, w, *rest = pictures.shape[1:]
    sheet = np.full((rows * (h + 1) - 1, columns * (w + 1) - 1, *rest), 255, np.uint8)
    for i, picture in enumerate(pictures):
        y, x = i // columns * (h + 1), i % columns * (w + 1)
        sheet[y : y + h, x : x + w] = (picture * 255).round()
    return sheet


def save_picture(array, path, scale=1):
    """Write an array of bytes as a small PNG, every pixel enlarged to scale x scale."""
    picture = Image.fromarray(array).quantize(160)
    picture.resize((picture.width * scale, picture.height * scale), Image.Resampling.NEAREST).save(path, optimize=True)


def save_figure(figure, path, dpi=70):
    """Write a figure of matplotlib's as a small PNG."""
    data = io.BytesIO()
    figure.savefig(data, dpi=dpi)
    Image.open(data).convert("RGB").quantize(160).save(path, optimize=True)
