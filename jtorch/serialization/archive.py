"""PyTorch's zip archives: named records, stored and aligned, in PyTorch's order and with its headers.

Written here, because the standard library's writer has no data descriptors and no padding, which PyTorch's files have;
read with the standard library. Knows bytes and records. Does not know pickles or tensors.

    R/data.pkl  R/.format_version  R/.storage_alignment  R/byteorder  R/data/0 ...
    R/version  R/.data/serialization_id
"""

from __future__ import annotations

import os
import re
import struct
import zipfile
import zlib

import numpy as np

ALIGNMENT = 64  # bytes, so that the storages of a mapped file are aligned for vector loads
LIMIT = 0xFFFFFFFF  # sizes and offsets from here on are written as 64-bit numbers
MAGIC = b"PK\x03\x04"
_EXTRA = b"FB"  # the header field that carries the padding
_UTF8, _DESCRIPTOR = 0x800, 0x8
_CORRUPT = (
    ". This is an internal miniz error. If you are seeing this error, there is a high likelihood that your checkpoint file is corrupted. "
    "This can happen if the checkpoint was not saved properly, was transferred incorrectly, or the file was modified after saving."
)
_MISSING_VERSION = (
    'Expected hasRecord("version") to be true, but got false.  (Could this error message be improved? '
    " If so, please report an enhancement request to PyTorch.)"
)


def root_of(path: str) -> str:
    """The folder inside the archive: the file's name without its last extension."""
    name = re.split(r"[/\\]", path)[-1]
    root = name.rpartition(".")[0] if "." in name else name
    if not root:
        raise RuntimeError(f"[enforce fail at inline_container.cc:720] . invalid file name: {path}")
    # PyTorch opens a file of another alphabet through Python, as a stream, and streams are called "archive".
    return root if path.isascii() else "archive"


class Writer:
    """Writes records one after another. `finish` closes the archive, not the file."""

    def __init__(self, write, root: str, crc: bool = True):
        self._write = write
        self._root = root
        self._crc = crc
        self._at = 0
        self._entries: list[tuple[bytes, int, int, int]] = []  # name, CRC, size, offset of the header

    def add(self, name: str, data) -> None:
        """Append a record; `data` is bytes or a contiguous array of bytes."""
        encoded = f"{self._root}/{name}".encode()
        size, offset = len(data), self._at
        crc = zlib.crc32(data) if self._crc else 0
        wide = _wide_field(size, size, offset)
        start = offset + 30 + len(encoded) + len(wide) + 4
        padding = -start % ALIGNMENT
        extra = wide + _EXTRA + struct.pack("<H", padding) + b"Z" * padding
        flags = _UTF8 | (_DESCRIPTOR if size else 0)
        self._put(struct.pack("<4s5H3I2H", MAGIC, 0, flags, 0, 0, 0, 0, 0, 0, len(encoded), len(extra)))
        self._put(encoded + extra)
        if size:
            self._put(data)
            self._put(struct.pack("<4sI2Q" if wide else "<4s3I", b"PK\x07\x08", crc, size, size))
        self._entries.append((encoded, crc, size, offset))

    def finish(self) -> None:
        """Write PyTorch's two closing records and the directory."""
        self.add("version", b"3\n")
        names = zlib.crc32(b"\n".join(name for name, *_ in self._entries))
        content = zlib.crc32(b"".join(struct.pack("<I", crc) for _, crc, *_ in self._entries))
        self.add(".data/serialization_id", b"%020d%020d" % (names, content))
        start = self._at
        for entry in self._entries:
            self._put(_directory_entry(*entry))
        self._put(_directory_end(len(self._entries), self._at - start, start))

    def _put(self, data):
        self._write(data)
        self._at += len(data)


def _wide_field(*numbers):
    """The zip64 field with the numbers that do not fit into 32 bits; empty if there are none."""
    large = [n for n in numbers if n >= LIMIT]
    return struct.pack(f"<2H{len(large)}Q", 1, 8 * len(large), *large) if large else b""


def _directory_entry(name, crc, size, offset):
    wide = _wide_field(size, size, offset)
    small = min(size, LIMIT), min(offset, LIMIT)  # LIMIT means: see the zip64 field
    flags = _UTF8 | (_DESCRIPTOR if size else 0)
    head = struct.pack("<4s6H3I", b"PK\x01\x02", 0, 0, flags, 0, 0, 0, crc, small[0], small[0])
    tail = struct.pack("<5H2I", len(name), len(wide), 0, 0, 0, 0, small[1])
    return head + tail + name + wide


def _directory_end(count, size, start):
    wide = struct.pack("<4sQ2H2I4Q", b"PK\x06\x06", 44, 0x31E, 45, 0, 0, count, count, size, start)
    locator = struct.pack("<4sIQI", b"PK\x06\x07", 0, start + size, 1)
    few = min(count, 0xFFFF)
    last = struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, few, few, min(size, LIMIT), min(start, LIMIT), 0)
    return wide + locator + last


def is_archive(file) -> bool:
    """Whether a zip archive begins at the file's position."""
    start = file.tell()
    begins = file.read(len(MAGIC))
    file.seek(start)
    return begins == MAGIC


class Reader:
    """The records of an archive in a seekable file. At first only the directory is read.

    Raises:
        RuntimeError: not a zip archive, cut short, or without the record "version".

    Differs from torch: a record whose bytes do not match its checksum raises; PyTorch loads it silently.
    """

    def __init__(self, file):
        self._file = file
        start = file.tell()
        try:
            entries = zipfile.ZipFile(file).infolist()
        except zipfile.BadZipFile:
            short = file.seek(0, os.SEEK_END) - start < 22  # the smallest size of a directory
            raise _broken("not a ZIP archive" if short else "failed finding central directory") from None
        first = min((e.header_offset for e in entries), default=start)
        if first != start:  # several archives in one file: the directory is that of the last one
            raise _broken("invalid header or archive is corrupted")
        self.root, slash, _ = entries[0].filename.partition("/") if entries else ("", "", "")
        if not slash:
            name = entries[0].filename if entries else ""
            raise RuntimeError(
                f"[enforce fail at inline_container.cc:180] . file in archive is not in a subdirectory: {name}"
            )
        prefix = self.root + "/"
        self._entries = {e.filename[len(prefix) :]: e for e in entries if e.filename.startswith(prefix)}
        self._check_version()

    def __contains__(self, name):
        return name in self._entries

    def read(self, name: str) -> bytes:
        """The bytes of a record."""
        return bytes(self._bytes(name))

    def storage(self, name: str, size: int) -> np.ndarray:
        """A record of `size` bytes as a new, writable array."""
        entry = self._sized(name, size)
        if entry.compress_type != zipfile.ZIP_STORED:
            return np.frombuffer(bytearray(self._bytes(name)), np.uint8)
        self._file.seek(self.offset(name))
        data = np.empty(size, np.uint8)
        if read_into(self._file, data) != size:
            raise _broken("file read failed", f"file {name}")
        self._check_crc(name, data)
        return data

    def view(self, name: str, size: int, mapped: np.ndarray) -> np.ndarray:
        """A record of `size` bytes as a part of the mapped file. A compressed record is read."""
        if self._sized(name, size).compress_type != zipfile.ZIP_STORED:
            return self.storage(name, size)
        start = self.offset(name)
        return mapped[start : start + size]

    def offset(self, name: str) -> int:
        """The offset of a record's bytes in the file."""
        header = self._entry(name).header_offset
        self._file.seek(header + 26)
        lengths = self._file.read(4)
        if len(lengths) < 4:
            raise _broken("file read failed", f"file {name}")
        return header + 30 + sum(struct.unpack("<2H", lengths))

    def _bytes(self, name):
        entry = self._entry(name)
        self._file.seek(self.offset(name))
        data = self._file.read(entry.compress_size)
        if entry.compress_type == zipfile.ZIP_DEFLATED:
            data = zlib.decompress(data, -15)
        elif entry.compress_type != zipfile.ZIP_STORED:
            raise _broken("unsupported method", f"file {name}")
        self._check_crc(name, data)
        return data

    def _entry(self, name):
        entry = self._entries.get(name)
        if entry is None:
            raise _broken("file not found", f"file {name}", "locating")
        return entry

    def _sized(self, name, size):
        entry = self._entry(name)
        if entry.file_size != size:
            raise RuntimeError(
                f"record size ({entry.file_size} bytes) does not match expected size ({size} bytes = {size} elements * 1 bytes/element) "
                "for dtype Byte"
            )
        return entry

    def _check_crc(self, name, data):
        expected = self._entry(name).CRC
        if expected and zlib.crc32(data) != expected:  # PyTorch writes 0 if it was told not to compute it
            raise _broken("CRC-32 check failed", f"file {name}")

    def _check_version(self):
        if "version" not in self:
            raise RuntimeError(_MISSING_VERSION)
        text = self.read("version").decode(errors="replace")
        number = re.match(r"\s*[+-]?\d+", text)
        if not number:
            raise RuntimeError(
                f"[enforce fail at inline_container.cc:215] . Couldn't parse the version {text} as Long Long."
            )
        version = int(number[0])
        if version < 1:
            raise RuntimeError(
                "[enforce fail at inline_container.cc:219] . "
                f"Attempted to read a PyTorch file with version {version}, but the minimum supported version for reading is 1. "
                "Your PyTorch script module file is too old. Please regenerate it with latest version of PyTorch to mitigate this issue."
            )
        if version > 10:
            raise RuntimeError(
                "[enforce fail at inline_container.cc:230] . "
                f"Attempted to read a PyTorch file with version {version}, but the maximum supported version for reading is 10. "
                "The version of your PyTorch installation may be too old, please upgrade PyTorch to latest version to mitigate this issue."
            )


def read_into(file, array: np.ndarray) -> int:
    """Fill an array of bytes from a file. Returns the number of bytes read."""
    if not hasattr(file, "readinto"):
        data = file.read(len(array))
        array[: len(data)] = np.frombuffer(data, np.uint8)
        return len(data)
    rest, got = memoryview(array), 0
    while got < len(array):  # one call of a raw file reads at most 2 GB
        more = file.readinto(rest[got:])
        if not more:
            break
        got += more
    return got


def _broken(why, what="zip archive", doing="reading"):
    return RuntimeError(f"PytorchStreamReader failed {doing} {what}: {why}{_CORRUPT}")
