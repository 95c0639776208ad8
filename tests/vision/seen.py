"""Runs the rows of vision's tables: code that is the same under torchvision and under jtorch.vision.

A row is code, whose last part (after the last `;`) is an expression, and a tolerance for its numbers. If the tolerance is 0,
the fixture holds a checksum of the numbers, else the numbers.
"""

import base64
import importlib
import random
import re
import warnings
import zlib

import numpy as np
from PIL import Image

from tests.vision.features_rows import FEATURES_SAMPLE
from tests.vision.ops_rows import OPS_SAMPLE
from tests.vision.v2_rows import SAMPLE

PICTURES = """
def noise(*shape, seed=0):
    return np.random.RandomState(seed).randint(0, 256, shape).astype(np.uint8)
bytes3 = torch.from_numpy(noise(3, 9, 12))
bytes1 = torch.from_numpy(noise(1, 9, 12))
floats = torch.from_numpy(noise(3, 9, 12).astype(np.float32) / 255)
batch = torch.from_numpy(noise(2, 3, 8, 7).astype(np.float32) / 255)
batch8 = torch.from_numpy(noise(2, 3, 8, 7))
rgb = Image.fromarray(noise(14, 11, 3))
grey = Image.fromarray(noise(13, 10))
"""


def space(torch, vision, folder=None):
    """The names of a row: `torch` and `vision` are PyTorch and torchvision, or jtorch and jtorch.vision."""
    name = vision.__name__
    short = {
        "V": "transforms.v2",
        "VF": "transforms.v2.functional",
        "tvt": "tv_tensors",
        "T": "transforms",
        "F": "transforms.functional",
        "fe": "models.feature_extraction",
    }
    short |= {module: module for module in ("io", "utils", "datasets", "ops", "models")}
    names = {"torch": torch, "np": np, "Image": Image, "random": random, "warnings": warnings, "folder": str(folder)}
    for key, module in short.items():
        names[key] = importlib.import_module(f"{name}.{module}")
    exec(PICTURES, names)
    exec(SAMPLE, names)
    exec(OPS_SAMPLE, names)
    exec(FEATURES_SAMPLE, names)
    return names


def run(names, code, seed=0):
    """(kind, array) of each part of the row's value, or of the exception that it raises."""
    names = dict(names)
    names["torch"].manual_seed(seed)
    random.seed(seed)
    np.random.seed(seed)
    body, _, last = code.rpartition(";")
    try:
        exec(body, names)
        found = list(parts(eval(last.strip(), names)))
        return [(kind, plain(what, names) if isinstance(what, str) else what) for kind, what in found]
    except Exception as error:
        return [(f"raises {type(error).__name__}", plain(str(error), names))]


def plain(text, names):
    """The text without the name of the library and the folder of the test."""
    text = text.replace("jtorch.", "torch.").replace("torch.vision", "torchvision")
    text = text.replace("<class 'torch.core.tensor.tensor.Tensor'>", "<class 'torch.Tensor'>")
    text = re.sub(r"^[\w()]+, /\S+:\d+, ", "", text)  # where in torchvision's C++ an error was raised
    return text.replace(str(names["folder"]), "FOLDER")


def parts(value):
    """(kind, array or text) of each picture, tensor, number or text in a value."""
    if isinstance(value, dict):
        for key, each in value.items():
            yield "key", str(key)
            yield from parts(each)
    elif isinstance(value, tuple | list):
        for each in value:
            yield from parts(each)
    elif isinstance(value, Image.Image):
        yield value.mode, np.asarray(value)
    elif hasattr(value, "detach"):
        dtype = str(value.dtype).removeprefix("jtorch.").removeprefix("torch.")
        yield f"{type(value).__name__} {dtype}", value.detach().cpu().numpy()
    elif isinstance(value, np.ndarray | bool | int | float):
        yield type(value).__name__, np.asarray(value)
    else:
        yield type(value).__name__, str(value)


def recorded(found, tolerance):
    """The parts as JSON."""
    return [[kind, _recorded(what, tolerance)] for kind, what in found]


def _recorded(what, tolerance):
    if isinstance(what, str):
        return what
    data = np.ascontiguousarray(what)
    head = [list(data.shape), data.dtype.str]
    if not tolerance or data.dtype.kind == "b":
        return [*head, zlib.crc32(data.tobytes())]
    return [*head, base64.b85encode(zlib.compress(data.tobytes(), 9)).decode()]


def difference(found, expected, tolerance):
    """What differs from the recorded parts, as text; empty if nothing does."""
    if [kind for kind, _ in found] != [kind for kind, _ in expected]:
        return f"{_short(found)} instead of {_short(expected)}"
    for (kind, ours), (_, theirs) in zip(found, expected, strict=True):
        if text := _difference(ours, theirs, tolerance):
            return f"{kind}: {text}"
    return ""


def _short(some):
    return [(kind, what if isinstance(what, str) else "numbers") for kind, what in some]


def _difference(ours, theirs, tolerance):
    if isinstance(ours, str) or isinstance(theirs, str):
        return "" if ours == theirs else f"{ours!r} instead of {theirs!r}"
    mine = _recorded(ours, tolerance)
    if mine[:2] != theirs[:2]:
        return f"{mine[:2]} instead of {theirs[:2]}"
    if mine[2] == theirs[2]:
        return ""
    if isinstance(theirs[2], int):
        return "other numbers"
    wanted = np.frombuffer(zlib.decompress(base64.b85decode(theirs[2])), theirs[1]).reshape(theirs[0])
    off = np.abs(ours.astype(np.float64) - wanted.astype(np.float64)).max()
    return "" if off <= tolerance else f"off by {off}"
