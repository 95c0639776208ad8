"""PyTorch's errors for tensors that no memory can hold.

PyTorch allocates a tensor when an op is called. jtorch only records a line then, so it finds out from the sizes what PyTorch
would refuse, when a new type is made.
"""

from __future__ import annotations

import os
import re
from math import prod
from pathlib import Path

try:
    import resource
except ImportError:  # there is none on Windows
    resource = None

_MOST = 2**63 - 1  # what PyTorch's int64 holds
_SMALL = 1 << 28  # bytes that are not worth a question about the machine's memory


_MOST_DIMS = 64


def size_in_memory(shape, strides, itemsize) -> int:
    """The bytes from the first element of a tensor to its last. `strides` is None for contiguous.

    Raises:
        RuntimeError: PyTorch's, where a number overflows.
        NotImplementedError: more dimensions than NumPy's arrays have.
    """
    if len(shape) > _MOST_DIMS:
        raise NotImplementedError(f"a tensor of {len(shape)} dimensions: NumPy has arrays of {_MOST_DIMS} at most")
    return _contiguous_bytes(shape, itemsize) if strides is None else strided_bytes(shape, strides, itemsize)


def strided_bytes(shape, strides, itemsize, offset=0) -> int:
    """The bytes from the first cell of a memory to the last one that a tensor shows.

    Raises:
        RuntimeError: PyTorch's, where a number overflows.
    """
    if 0 in shape:
        return 0
    cells = offset + 1 + sum([(n - 1) * step for n, step in zip(shape, strides, strict=True)])
    if cells * itemsize > _MOST:
        raise RuntimeError(f"Storage size calculation overflowed with sizes={list(shape)} and strides={list(strides)}")
    count = 1
    for n in shape:
        count *= n
        if n < 0 or count > _MOST:
            raise RuntimeError("numel: integer multiplication overflow")
    return cells * itemsize


def check_memory(size) -> None:
    """Raise PyTorch's error if this process cannot get so many bytes of the host's memory."""
    if size > _SMALL and size > available():
        raise no_memory(size)


def check_results(inputs, results) -> None:
    """Raise PyTorch's error for a result that this process cannot get the memory for. Each is a type with its `bytes`."""
    largest = max([t.bytes for t in inputs], default=0)  # a view shows no more than there is already
    for t in results:
        if t.bytes > largest:
            check_memory(t.bytes)


def _contiguous_bytes(shape, itemsize):
    size = 1
    for n in shape:
        size *= n
        if size > _MOST:
            break
    size *= itemsize
    if size > _MOST:
        raise RuntimeError(f"Storage size calculation overflowed with sizes={list(shape)}")
    step = 1
    for n in shape[:0:-1]:
        step *= max(n, 1)
        if step > _MOST:
            raise RuntimeError("Stride calculation overflowed")
    if not size and prod([n for n in shape if n]) * itemsize > _MOST:
        raise NotImplementedError(f"an empty tensor of sizes {list(shape)}: NumPy has no array of such sizes")
    return size


def memory_error(error) -> RuntimeError | None:
    """PyTorch's error for one of NumPy's or XLA's about memory, None for any other error."""
    text = str(error)
    if isinstance(error, RuntimeError) and "DefaultCPUAllocator" in text:
        return error
    if isinstance(error, MemoryError):
        shape, dtype = getattr(error, "shape", None), getattr(error, "dtype", None)
        return no_memory(None if shape is None else prod(shape) * dtype.itemsize)
    if "RESOURCE_EXHAUSTED" in text:
        size = re.search(r"allocat\w+ (\d+) bytes", text)
        return no_memory(size[1] if size else None)
    if isinstance(error, ValueError) and ("array is too big" in text or "Maximum allowed dimension" in text):
        return RuntimeError("numel: integer multiplication overflow")
    return None


def no_memory(size) -> RuntimeError:
    """PyTorch's error for so many bytes of the host's memory; None where nobody says how many."""
    told = "" if size is None else f": you tried to allocate {size} bytes"
    return RuntimeError(
        f"[enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate memory{told}. "
        "Error code 12 (Cannot allocate memory)"
    )


def available() -> int:
    """The bytes that one allocation may have at most: the machine's memory, or what a limit on this process leaves of it."""
    most = _machine_memory()
    limit = resource.getrlimit(resource.RLIMIT_AS)[0] if resource else -1
    if limit < 0:
        return most
    taken = Path("/proc/self/statm")
    return min(most, limit - (int(taken.read_bytes().split()[0]) * _PAGE if taken.exists() else 0))


def _machine_memory():
    """Memory and swap, by which Linux decides what is surely too much."""
    told = Path("/proc/meminfo")
    if told.exists():
        lines = dict(line.split(b":") for line in told.read_bytes().splitlines())
        return sum(int(lines[name].split()[0]) * 1024 for name in (b"MemTotal", b"SwapTotal") if name in lines)
    try:
        return os.sysconf("SC_PHYS_PAGES") * _PAGE
    except (AttributeError, ValueError):
        return _MOST


_PAGE = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096
