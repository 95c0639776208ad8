"""Which parameters share memory. PyTorch updates one parameter after the other, so the second sees what the first wrote."""

from __future__ import annotations


def sharing(units) -> set[int]:
    """The numbers of the units, each a list of tensors, that share cells with another unit or hold the same tensor."""
    spans = {}
    for number, tensors in enumerate(units):
        for t in tensors:
            memory = t._storage
            spans.setdefault(id(memory) if _array(memory) is None else "host", []).append((t, number))
    found = set()
    for held in spans.values():
        if len(held) > 1:
            found |= _overlapping(sorted((*_byte_range(t), number) for t, number in held if t.numel()))
    return found


def _array(memory):
    """The NumPy array that holds the elements; None for an ordinary storage."""
    return getattr(memory, "host", None)


def _byte_range(tensor):
    """(first byte, byte after the last) of a tensor. Two arrays of NumPy may share memory, so theirs are addresses."""
    t, array = tensor._type, _array(tensor._storage)
    start = tensor._offset * t.dtype.itemsize + (0 if array is None else array.__array_interface__["data"][0])
    reach = sum((n - 1) * stride for n, stride in zip(t.shape, t.strides, strict=True))
    return start, start + (reach + 1) * t.dtype.itemsize


def _overlapping(spans):
    """The numbers of the spans (start, end, number) that meet one of another number; they are sorted."""
    found = set()
    end, owner = spans[0][1:] if spans else (0, None)
    for start, after, number in spans[1:]:
        if start < end and number != owner:
            found |= {number, owner}
        if after > end:
            end, owner = after, number
    return found
