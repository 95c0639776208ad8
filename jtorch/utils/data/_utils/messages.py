"""Sends a pickle with its arrays to another process on this machine, in shared memory that is passed as a file.

The pickle and its arrays are written once, to a file without a name, and only its descriptor is sent. The reader maps it
copy-on-write, so arrays are not copied again, and a file that several readers get (the data set) uses memory once, as with
a fork. The memory is freed with the last array.
"""

from __future__ import annotations

import array
import mmap
import os
import pickle
import socket
import struct
import tempfile
from typing import Any

from jtorch.utils.data._utils import byvalue

ALIGNED = 64  # bytes; XLA uses a host array without a copy if its address is a multiple of this
INLINE = 512  # bytes; a shorter pickle is sent in the message itself
HEAD = struct.Struct("<Q")


class Message:
    """A pickled object with its arrays, which can be sent to any number of readers."""

    def __init__(self, thing: Any, by_value: bool = False):
        buffers: list[pickle.PickleBuffer] = []
        frames = [memoryview(byvalue.dumps(thing, buffers, by_value)), *(b.raw() for b in buffers)]
        sizes = array.array("Q", [len(frames), *(frame.nbytes for frame in frames)]).tobytes()
        places, self.size = lay_out(len(sizes), [frame.nbytes for frame in frames])
        self.file = unnamed_file() if self.size > INLINE else None
        self.inline = None if self.file else bytearray(self.size)
        for place, frame in zip([0, *places], [memoryview(sizes), *frames], strict=True):
            self._put(place, frame.cast("B"))

    def _put(self, place: int, data: memoryview) -> None:
        if self.file is None:
            self.inline[place : place + data.nbytes] = data
            return
        while data.nbytes:
            written = os.pwrite(self.file.fileno(), data, place)
            data, place = data[written:], place + written

    def send(self, to: socket.socket) -> None:
        """Send it to a reader. It can be sent again."""
        head = HEAD.pack(self.size)
        if self.file is None:
            to.sendall(head + self.inline)
        else:
            socket.send_fds(to, [head], [self.file.fileno()])

    def __enter__(self) -> Message:
        return self

    def __exit__(self, *exception) -> None:
        if self.file is not None:
            self.file.close()


def send(thing: Any, to: socket.socket) -> None:
    """Pack and send an object."""
    with Message(thing) as packed:
        packed.send(to)


def receive(source: socket.socket) -> Any:
    """Receive the next object.

    Raises:
        EOFError: the sender has closed the socket.
    """
    head, descriptors, _, _ = socket.recv_fds(source, HEAD.size, 1)
    (size,) = HEAD.unpack(head + read(source, HEAD.size - len(head)))
    if not descriptors:
        return unpack(memoryview(bytearray(read(source, size))))
    try:
        return unpack(memoryview(mmap.mmap(descriptors[0], size, access=mmap.ACCESS_COPY)))
    finally:
        os.close(descriptors[0])


def unpack(data: memoryview) -> Any:
    (count,) = HEAD.unpack_from(data)
    sizes = data[HEAD.size : HEAD.size * (1 + count)].cast("Q").tolist()
    places, _ = lay_out(HEAD.size * (1 + count), sizes)
    frames = [data[place : place + size] for place, size in zip(places, sizes, strict=True)]
    return pickle.loads(frames[0], buffers=frames[1:])


def lay_out(start: int, sizes: list[int]) -> tuple[list[int], int]:
    """The offset of each frame, and the end of the last one."""
    places = []
    for size in sizes:
        start += -start % ALIGNED
        places.append(start)
        start += size
    return places, start


def unnamed_file():
    """A file in memory if the system supports it, else one on disk that is deleted when it is closed."""
    if hasattr(os, "memfd_create"):
        return open(os.memfd_create("jtorch"), "wb", buffering=0)
    return tempfile.TemporaryFile(buffering=0)


def read(source: socket.socket, size: int) -> bytes:
    parts = []
    while size:
        part = source.recv(size)
        if not part:
            raise EOFError
        parts.append(part)
        size -= len(part)
    return b"".join(parts)
