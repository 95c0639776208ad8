"""PyTorch's zip archives: named records, stored and aligned, in PyTorch's order and with its headers.

Not the standard library's: its writer has no data descriptors and no padding, which PyTorch's files have, and its reader
finds other records than PyTorch's in a damaged file. Knows bytes and records. Does not know pickles or tensors.

    R/data.pkl  R/.format_version  R/.storage_alignment  R/byteorder  R/data/0 ...
    R/version  R/.data/serialization_id
"""

from __future__ import annotations

import re
import struct
import zlib

import numpy as np

from jtorch.serialization.directory import STORED, FilePart, broken, entries

ALIGNMENT = 64  # bytes, so that the storages of a mapped file are aligned for vector loads
LIMIT = 0xFFFFFFFF  # sizes and offsets from here on are written as 64-bit numbers
MAGIC = b"PK\x03\x04"
_EXTRA = b"FB"  # the header field that carries the padding
_UTF8, _DESCRIPTOR = 0x800, 0x8
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


def archive_parts(records: dict, root: str, crc: bool = True, alignment: int = ALIGNMENT):
    """The bytes of an archive, part by part. `records` are bytes or contiguous arrays of bytes, by name."""
    at, entries = 0, []  # name, CRC, size, offset of the header
    for name, data in (*records.items(), ("version", b"3\n")):
        for part in _record_parts(f"{root}/{name}".encode(), data, at, crc, entries, alignment):
            yield part
            at += len(part)
    names = zlib.crc32(b"\n".join(name for name, *_ in entries))
    content = zlib.crc32(b"".join(struct.pack("<I", crc) for _, crc, *_ in entries))
    identity = b"%020d%020d" % (names, content)
    for part in _record_parts(f"{root}/.data/serialization_id".encode(), identity, at, crc, entries, alignment):
        yield part
        at += len(part)
    directory = b"".join(_directory_entry(*entry) for entry in entries)
    yield directory + _directory_end(len(entries), len(directory), at)


def _record_parts(name, data, offset, crc, entries, alignment):
    """The parts of a record that begins at `offset`. Its entry of the directory is appended to `entries`."""
    size = len(data)
    checksum = zlib.crc32(data) if crc else 0
    wide = _wide_field(size, size, offset)
    start = offset + 30 + len(name) + len(wide) + 4
    padding = -start % alignment
    extra = wide + _EXTRA + struct.pack("<H", padding) + b"Z" * padding
    flags = _UTF8 | (_DESCRIPTOR if size else 0)
    yield struct.pack("<4s5H3I2H", MAGIC, 0, flags, 0, 0, 0, 0, 0, 0, len(name), len(extra)) + name + extra
    if size:
        yield data
        yield struct.pack("<4sI2Q" if wide else "<4s3I", b"PK\x07\x08", checksum, size, size)
    entries.append((name, checksum, size, offset))


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
        self._part = FilePart(file)
        found = entries(self._part)
        self.root, slash, _ = found[0].name.partition(b"/") if found else (b"", b"", b"")
        if not slash:
            name = found[0].name.decode(errors="replace") if found else ""
            raise RuntimeError(
                f"[enforce fail at inline_container.cc:180] . file in archive is not in a subdirectory: {name}"
            )
        # As in miniz, small and capital letters are the same in names, and of two equal names the last one counts.
        self._entries = {entry.name.lower(): entry for entry in found}
        self._check_version()
        for entry in found:
            folder, _, rest = entry.name.partition(b"/")
            if folder != self.root:
                raise RuntimeError(
                    "[enforce fail at inline_container.cc:340] . file in archive is not in a subdirectory "
                    f"{self.root.decode()}/: {entry.name.decode()}"
                )
            rest.decode()  # raises for a name that is not a text

    def __contains__(self, name):
        return self._key(name) in self._entries

    def _key(self, name):
        return (self.root + b"/" + name.encode("utf-8", "surrogatepass")).lower()

    def read(self, name: str) -> bytes:
        """The bytes of a record."""
        return self._bytes(name).tobytes()

    def storage(self, name: str, size: int) -> np.ndarray:
        """A record of `size` bytes as a new, writable array."""
        self._sized(name, size)
        return self._bytes(name)

    def view(self, name: str, size: int, mapped: np.ndarray) -> np.ndarray:
        """A record of `size` bytes as a part of the mapped file. A compressed record is read."""
        if self._sized(name, size).method != STORED:
            return self.storage(name, size)
        start = self.offset(name)
        return mapped[start : start + size]

    def offset(self, name: str) -> int:
        """The offset of a record's bytes in the file. Raises RuntimeError if there is no such record."""
        return self._part.data_offset(self._entry(name), name)

    def _bytes(self, name):
        entry = self._entry(name)
        entry.check(name)
        start = self._part.data_offset(entry, name)
        if entry.size > MOST_INFLATED * entry.packed:
            raise broken("unexpected decompressed size", f"file {name}")
        data = empty_bytes(entry.size)
        self._part.file.seek(self._part.start + start)
        read = read_into if entry.method == STORED else _inflate_into
        if read(self._part.file, data, entry.packed) != entry.size:
            raise broken("unexpected decompressed size", f"file {name}")
        if entry.crc and zlib.crc32(data) != entry.crc:  # PyTorch writes 0 if it was told not to compute it
            raise broken("CRC-32 check failed", f"file {name}")
        return data

    def _entry(self, name):
        entry = self._entries.get(self._key(name))
        if entry is None:
            raise broken("file not found", f"file {name}", "locating")
        return entry

    def _sized(self, name, size):
        entry = self._entry(name)
        if entry.size != size:
            raise RuntimeError(
                f"record size ({entry.size} bytes) does not match expected size ({size} bytes = {size} elements * 1 bytes/element) "
                "for dtype Byte"
            )
        return entry

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


MOST_INFLATED = 1032  # a byte of a deflated record stands for at most so many
_PIECE = 1 << 20


def _inflate_into(file, array, packed) -> int:
    """Fill an array of bytes with what `packed` bytes of a file unpack to. Returns the number of bytes that there are.

    Never more is unpacked than the array holds and one byte, which tells that there are more.
    """
    unpacker, at = zlib.decompressobj(-15), 0
    while packed and not unpacker.eof:
        piece = file.read(min(packed, _PIECE))
        if not piece:
            break
        packed -= len(piece)
        while piece and not unpacker.eof:
            try:
                out = unpacker.decompress(piece, min(len(array) - at, _PIECE) + 1)
            except zlib.error:
                return -1
            if at + len(out) > len(array):
                return at + len(out)
            array[at : at + len(out)] = np.frombuffer(out, np.uint8)
            at += len(out)
            piece = unpacker.unconsumed_tail
    return at if unpacker.eof else -1


def empty_bytes(size: int) -> np.ndarray:
    """Memory for `size` bytes, where XLA can use it without a copy.

    Raises:
        RuntimeError: there is not so much.
    """
    try:
        room = np.zeros(size + ALIGNMENT, np.uint8)  # zeros of this size cost nothing until they are written to
    except (MemoryError, ValueError, OverflowError):
        raise RuntimeError(
            "[enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate memory: you tried to allocate "
            f"{size} bytes. Error code 12 (Cannot allocate memory)"
        ) from None
    start = -room.ctypes.data % ALIGNMENT
    return room[start : start + size]


def read_into(file, array: np.ndarray, size: int | None = None) -> int:
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
