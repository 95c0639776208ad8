"""The arrays in a MATLAB file of version 5, as far as data sets need it: numbers, texts, cells and structures."""

from __future__ import annotations

import struct
import zlib

import numpy as np

_NUMBERS = {
    1: "i1",
    2: "u1",
    3: "i2",
    4: "u2",
    5: "i4",
    6: "u4",
    7: "f4",
    9: "f8",
    12: "i8",
    13: "u8",
    16: "u1",
    17: "u2",
}
_MATRIX, _PACKED = 14, 15
_CELL, _STRUCT, _TEXT, _SPARSE = 1, 2, 4, 5


def read_mat(path):
    """The contents of the file: a dict from names to values.

    A value is an array (also of a sparse matrix), a text, a list (of a cell), or a list of dicts (of a structure).

    Raises:
        RuntimeError: the file is not a MATLAB file of version 5, or is cut off.
    """
    with open(path, "rb") as file:
        data = file.read()
    if data[126:128] not in (b"IM", b"MI"):
        raise RuntimeError(f"'{path}' is not a MATLAB file of version 5")
    order = "<" if data[126:128] == b"IM" else ">"
    try:
        return dict(_named(data[128:], order))
    except (struct.error, zlib.error, ValueError, IndexError) as error:
        raise RuntimeError(f"'{path}' is damaged or cut off: {error}") from error


def _mat_elements(data, order):
    """(kind, content) of each element."""
    at = 0
    while at + 8 <= len(data):
        kind, size = struct.unpack(order + "II", data[at : at + 8])
        if kind >> 16:  # a small element has its size beside its kind
            yield kind & 0xFFFF, data[at + 4 : at + 4 + (kind >> 16)]
            at += 8
            continue
        if at + 8 + size > len(data):
            raise ValueError("an element is longer than the file")
        yield kind, data[at + 8 : at + 8 + size]
        at += 8 + size + (-size % 8 if kind != _PACKED else 0)


def _named(data, order):
    for kind, content in _mat_elements(data, order):
        if kind == _PACKED:
            yield from _named(zlib.decompress(content), order)
        elif kind == _MATRIX:
            yield _matrix(content, order)


def _numbers(kind, content, order):
    return np.frombuffer(content, order + _NUMBERS[kind])


def _matrix(content, order):
    """(name, value) of a matrix element."""
    parts = list(_mat_elements(content, order))
    if not parts:
        return "", np.empty(0)
    kind = int(_numbers(*parts[0], order)[0]) & 0xFF
    shape, name = _numbers(*parts[1], order), bytes(parts[2][1]).decode()
    if kind == _CELL:
        return name, [_matrix(part, order)[1] for _, part in parts[3:]]
    if kind == _STRUCT:
        width = int(_numbers(*parts[3], order)[0])
        raw = bytes(parts[4][1])
        fields = [raw[i : i + width].split(b"\0")[0].decode() for i in range(0, len(raw), width)]
        values = [_matrix(part, order)[1] for _, part in parts[5:]]
        return name, [
            dict(zip(fields, values[i : i + len(fields)], strict=True)) for i in range(0, len(values), len(fields))
        ]
    if kind == _SPARSE:
        rows, starts, values = (_numbers(*part, order) for part in parts[3:6])
        full = np.zeros(shape, values.dtype.newbyteorder("="))
        full[rows[: starts[-1]], np.repeat(np.arange(shape[1]), np.diff(starts))] = values[: starts[-1]]
        return name, full
    numbers = _numbers(*parts[3], order) if len(parts) > 3 else np.empty(0)
    if kind == _TEXT:
        return name, "".join(map(chr, numbers))
    return name, numbers.astype(numbers.dtype.newbyteorder("=")).reshape(shape, order="F")
