"""The directory at the end of a zip archive, read with the checks and errors of miniz, the library that PyTorch uses.

Offsets are counted from the archive's first byte. Knows one file; does not know what is in the records.
"""

from __future__ import annotations

import os
import struct
from typing import NamedTuple

STORED, DEFLATED = 0, 8
_WIDE = 0xFFFFFFFF  # "see the field with the 64-bit numbers"
_ENCRYPTED, _PATCH, _MASKED = 0x41, 0x20, 0x2000
_END = struct.Struct("<4s4H2IH")
_WIDE_END = struct.Struct("<4sQ2H2I4Q")
_LOCATOR = struct.Struct("<4sIQI")
_ENTRY = struct.Struct("<4s6H3I5H2I")
_LOCAL = struct.Struct("<4s5H3I2H")
_CORRUPT = (
    ". This is an internal miniz error. If you are seeing this error, there is a high likelihood that your checkpoint file is corrupted. "
    "This can happen if the checkpoint was not saved properly, was transferred incorrectly, or the file was modified after saving."
)


def broken(why: str, what: str = "zip archive", doing: str = "reading") -> RuntimeError:
    """The error of a damaged archive, in PyTorch's words."""
    return RuntimeError(f"PytorchStreamReader failed {doing} {what}: {why}{_CORRUPT}")


class Entry(NamedTuple):
    """What the directory says about a record."""

    name: bytes
    method: int
    flags: int
    crc: int
    packed: int  # bytes in the file
    size: int  # bytes that they are unpacked to
    header: int  # offset of the record's own header

    def check(self, name: str) -> None:
        """Raise RuntimeError if the record is written in a way that miniz does not read."""
        why = ""
        if self.flags & _ENCRYPTED:
            why = "unsupported encryption"
        elif self.flags & _PATCH:
            why = "unsupported feature"
        elif self.method not in (STORED, DEFLATED):
            why = "unsupported method"
        if why:
            raise broken(why, name, "retrieving file meta-data for")


class FilePart:
    """A file from its present position on, as a file of its own."""

    def __init__(self, file):
        self.file = file
        self.start = file.tell()
        self.size = file.seek(0, os.SEEK_END) - self.start

    def read(self, offset: int, size: int) -> bytes:
        """Bytes at an offset; fewer where the file ends."""
        self.file.seek(self.start + offset)
        return self.file.read(max(0, min(size, self.size - offset)))

    def data_offset(self, entry: Entry, name: str) -> int:
        """The offset of a record's bytes.

        Raises:
            RuntimeError: no header is where the directory says, or the bytes end beyond the file.
        """
        head = self.read(entry.header, _LOCAL.size)
        if len(head) < _LOCAL.size:
            raise broken("file read failed", f"file {name}")
        mark, *_, name_size, extra_size = _LOCAL.unpack(head)
        offset = entry.header + _LOCAL.size + name_size + extra_size
        if mark != b"PK\3\4" or offset + entry.packed > self.size:
            raise broken("invalid header or archive is corrupted", f"file {name}")
        return offset


def entries(part: FilePart) -> list[Entry]:
    """The entries of the directory.

    Raises:
        RuntimeError: not an archive, or one that miniz does not read.
    """
    count, size, offset, disk = _end(part)
    if size < count * _ENTRY.size or offset + size > part.size:
        raise broken("invalid header or archive is corrupted")
    found, data, at = [], part.read(offset, size), 0
    for _ in range(count):
        entry, at = _entry(data, at, part.size, disk)
        found.append(entry)
    return found


def _end(part):
    """What the end of the archive says: (number of entries, size and offset of the directory, number of the disk)."""
    if part.size < _END.size:
        raise broken("not a ZIP archive")
    tail_at = max(0, part.size - _END.size - 0xFFFF)
    tail = part.read(tail_at, part.size - tail_at)
    found = tail.rfind(b"PK\5\6", 0, len(tail) - _END.size + 4)
    if found < 0:
        raise broken("failed finding central directory")
    _, disk, first_disk, here, count, size, offset, _ = _END.unpack_from(tail, found)
    wide = _wide_end(part, tail_at + found)
    if wide is not None:
        disks, (_, length, _, _, disk, first_disk, here, count, size, offset) = wide
        if length < _WIDE_END.size - 12:
            raise broken("invalid header or archive is corrupted")
        if disks != 1:
            raise broken("unsupported multidisk archive")
        if max(count, here) > _WIDE:
            raise broken("too many files")
        if size > _WIDE:
            raise broken("unsupported central directory size")
    if count != here or (disk, first_disk) not in ((0, 0), (1, 1)):
        raise broken("unsupported multidisk archive")
    return count, size, offset, disk


def _wide_end(part, end):
    """The 64-bit form of the archive's end with the number of disks; None where there is none."""
    if end < _LOCATOR.size + _WIDE_END.size:
        return None
    mark, _, offset, disks = _LOCATOR.unpack(part.read(end - _LOCATOR.size, _LOCATOR.size))
    if mark != b"PK\6\7":
        return None
    if offset > part.size - _WIDE_END.size:
        raise broken("not a ZIP archive")
    numbers = _WIDE_END.unpack(part.read(offset, _WIDE_END.size))
    return (disks, numbers) if numbers[0] == b"PK\6\6" else None


def _entry(data, at, file_size, disk):
    """The entry at a position of the directory, and the position after it."""
    if len(data) - at < _ENTRY.size:
        raise broken("invalid header or archive is corrupted")
    fields = _ENTRY.unpack_from(data, at)
    mark, _, _, flags, method, _, _, crc, packed, size, name_size, extra_size, note_size, on_disk, *_, header = fields
    end = at + _ENTRY.size + name_size + extra_size + note_size
    extra = at + _ENTRY.size + name_size
    name = data[at + _ENTRY.size : extra]
    wrong_sizes = _WIDE not in (packed, size) and ((method == STORED and packed != size) or (size and not packed))
    if mark != b"PK\1\2" or end > len(data) or wrong_sizes:
        raise broken("invalid header or archive is corrupted")
    if on_disk not in (disk, 1):
        raise broken("unsupported multidisk archive")
    if flags & _MASKED:
        raise broken("unsupported encryption")
    size, packed, header = _widened(data[extra : extra + extra_size], [size, packed, header])
    if header + _LOCAL.size + packed > file_size:
        raise broken("invalid header or archive is corrupted")
    return Entry(name, method, flags, crc, packed, size, header), end


def _widened(extra, numbers):
    """The numbers of an entry, those that do not fit into 32 bits taken from the field with 64-bit numbers."""
    at = 0
    while _WIDE in numbers and at + 4 <= len(extra):
        kind, length = struct.unpack_from("<2H", extra, at)
        at += 4
        if kind == 1:
            wide = iter(struct.unpack_from(f"<{min(length, len(extra) - at) // 8}Q", extra, at))
            numbers = [next(wide, None) if n == _WIDE else n for n in numbers]
            if None in numbers:
                raise broken("invalid header or archive is corrupted")
            break
        at += length
    return numbers
