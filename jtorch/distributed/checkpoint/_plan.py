"""The plan of a checkpoint: the name of each value of a state_dict, and the process that writes each part."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from jtorch.core.facts import Size
from jtorch.core.tensor import Tensor
from jtorch.distributed.checkpoint.metadata import (
    BytesStorageMetadata,
    ChunkStorageMetadata,
    TensorProperties,
    TensorStorageMetadata,
)
from jtorch.distributed.tensor import DTensor
from jtorch.distributed.tensor._layout import local_offset
from jtorch.distributed.tensor.placement_types import Partial


def values_by_name(state) -> tuple[dict[str, Any], dict[str, tuple]]:
    """{name: value} and {name: path} of each value in a state_dict. A list that holds tensors or dicts has a name for
    each of its items.
    """
    values, paths = {}, {}

    def visit(path, value):
        if isinstance(value, Mapping):
            for key, one in value.items():
                visit((*path, str(key)), one)
        elif isinstance(value, list | tuple) and not _is_leaf(value):
            for i, one in enumerate(value):
                visit((*path, i), one)
        else:
            name = ".".join(map(str, path))
            if name in values:
                raise ValueError(f"duplicated flatten key {name}")
            values[name], paths[name] = value, path

    visit((), state)
    return values, paths


def _is_leaf(value):
    """Whether a list is saved as it is."""
    return not any(
        isinstance(one, Mapping | Tensor) or (isinstance(one, list | tuple) and not _is_leaf(one)) for one in value
    )


def put_value(state, path, value) -> None:
    """Set the value at a path of a state_dict."""
    at = state
    for key in path[:-1]:
        at = at[_own_key(at, key)]
    at[_own_key(at, path[-1])] = value


def _own_key(held, key):
    """The key as the dict has it: in names, numbers have become text."""
    if isinstance(held, Mapping) and key not in held:
        return next((k for k in held if str(k) == key), key)
    return key


class HeldPart(NamedTuple):
    """A part of a tensor that this process holds: where it begins, and its elements."""

    offsets: tuple[int, ...]
    tensor: Tensor


def part_of_value(name, value) -> HeldPart:
    """The part of a tensor that this process holds."""
    if isinstance(value, DTensor):
        if any(isinstance(p, Partial) for p in value._placements):
            raise ValueError(f"{name}: a DTensor whose parts have to be summed first")
        offsets = local_offset(value._mesh, value.shape, value._placements)
        return HeldPart(offsets, value._local_tensor.detach())
    return HeldPart((0,) * value.ndim, value.detach())


class Item(NamedTuple):
    """What a process tells the others of a value: the shape of the whole, the dtype, and the offsets and sizes of its part."""

    shape: tuple[int, ...] | None  # None: no tensor
    dtype: str
    offsets: tuple[int, ...]
    sizes: tuple[int, ...]


def item_of(name, value) -> Item:
    if not isinstance(value, Tensor):
        return Item(None, "", (), ())
    part = part_of_value(name, value)
    return Item(tuple(value.shape), str(value.dtype), part.offsets, tuple(part.tensor.shape))


def assigned(items) -> dict[tuple, int]:
    """{(name, offsets): rank that writes it}, given {name: Item} of each rank. Of the ranks that have the same
    part, the one writes it that has the fewest bytes to write so far.
    """
    holders, loads = {}, [0] * len(items)
    for rank, own in enumerate(items):
        for name, item in own.items():
            if item.shape is None or 0 not in item.sizes or 0 in item.shape:
                holders.setdefault((name, item.offsets), (item, []))[1].append(rank)
    made = {}
    for key, (item, ranks) in sorted(holders.items(), key=lambda pair: len(pair[1][1])):
        rank = min(ranks, key=lambda r: loads[r])
        size = 1
        for n in item.sizes:
            size *= n
        loads[rank] += size
        made[key] = rank
    return made


def metadata_of(items, values) -> dict:
    """{name: its metadata}, given {name: Item} of each rank and the values that this process has."""
    made = {}
    for own in items:
        for name, item in own.items():
            if item.shape is None:
                made.setdefault(name, BytesStorageMetadata())
                continue
            entry = made.get(name)
            if entry is None:
                entry = made[name] = TensorStorageMetadata(TensorProperties(values[item.dtype]), Size(item.shape), [])
            chunk = ChunkStorageMetadata(Size(item.offsets), Size(item.sizes))
            if chunk not in entry.chunks and (0 not in item.sizes or 0 in item.shape):
                entry.chunks.append(chunk)
    return made


def common_slices(chunk, offsets, sizes):
    """(slices of a stored part, slices of a wanted part) for the elements that both have; None if they share none."""
    stored, wanted = [], []
    for start, size, own, length in zip(chunk.offsets, chunk.sizes, offsets, sizes, strict=True):
        first, last = max(start, own), min(start + size, own + length)
        if first >= last:
            return None
        stored.append(slice(first - start, last - start))
        wanted.append(slice(first - own, last - own))
    return tuple(stored), tuple(wanted)


__all__ = [
    "HeldPart",
    "Item",
    "assigned",
    "common_slices",
    "item_of",
    "metadata_of",
    "part_of_value",
    "put_value",
    "values_by_name",
]
