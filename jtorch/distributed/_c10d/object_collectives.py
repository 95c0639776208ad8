"""The collectives of Python objects: pickled, and sent as tensors of bytes."""

from __future__ import annotations

import io
import pickle

import numpy as np

from jtorch.core.tensor import from_numpy
from jtorch.distributed._c10d import recording
from jtorch.distributed._c10d.point_to_point import recv, send
from jtorch.distributed._c10d.process_groups import get_group_rank, group_of, is_outside, rank_of_root


def _pickled(thing):
    return from_numpy(np.frombuffer(bytearray(pickle.dumps(thing)), np.uint8))


def _as_object(flat, size):
    return pickle.load(io.BytesIO(flat[:size].numpy().tobytes()))


def all_gather_object(object_list, obj, group=None):
    """Write the object of process i into `object_list[i]`, in all processes. Objects are pickled: use it among trusted processes."""
    if is_outside(group):
        return
    object_list[: group_of(group).size()] = _all_objects(obj, group_of(group))


def _all_objects(obj, found):
    data = _pickled(obj)
    if found.size() == 1:
        return [_as_object(data, data.numel())]
    sizes = recording.record_collective(recording.gather_array, found.ranks, [recording.count(data.numel())]).tolist()
    rows = recording.record_collective(recording.gather_array, found.ranks, [recording.filled_up(data, max(sizes))])
    return [_as_object(row, size) for row, size in zip(rows.unbind(0), sizes, strict=True)]


def gather_object(obj, object_gather_list=None, dst=None, group=None, group_dst=None):
    """Write the object of process i into `object_gather_list[i]`, in the process with rank `dst` (default: 0)."""
    if is_outside(group):
        return
    found = group_of(group)
    target = 0 if dst is None and group_dst is None else rank_of_root(found, dst, group_dst, "gather")
    if found.rank() == target and not object_gather_list:
        raise ValueError("Argument ``object_gather_list`` must be specified on destination rank.")
    made = _all_objects(obj, found)
    if found.rank() == target:
        object_gather_list[: len(made)] = made


def broadcast_object_list(object_list, src=None, group=None, device=None, group_src=None):
    """Replace the objects of a list by those of the process with rank `src` (default: 0)."""
    if is_outside(group):
        return
    found = group_of(group)
    source = 0 if src is None and group_src is None else rank_of_root(found, src, group_src, "broadcast")
    if found.size() > 1:
        object_list[:] = _sent_objects(list(object_list) if found.rank() == source else None, source, found)


def _sent_objects(things, source, found):
    """The objects of the process `source`, in all processes."""
    data = _pickled(things)
    size = recording.record_collective(
        recording.broadcast_arrays, found.ranks, [recording.count(data.numel())], source=source
    ).item()
    flat = recording.filled_up(data[:size], size)
    return _as_object(recording.record_collective(recording.broadcast_arrays, found.ranks, [flat], source=source), size)


def scatter_object_list(
    scatter_object_output_list, scatter_object_input_list=None, src=None, group=None, group_src=None
):
    """Write one object into the first list of each process, from the list of the process with rank `src` (default: 0)."""
    if is_outside(group):
        return
    found = group_of(group)
    if not isinstance(scatter_object_output_list, list) or not scatter_object_output_list:
        raise ValueError("Expected argument scatter_object_output_list to be a list of size at least 1.")
    source = 0 if src is None and group_src is None else rank_of_root(found, src, group_src, "scatter")
    made = list(scatter_object_input_list or ())
    if found.size() > 1:
        made = _sent_objects(made if found.rank() == source else None, source, found)
    scatter_object_output_list[0] = made[found.rank()]


def send_object_list(object_list, dst=None, group=None, device=None, group_dst=None, use_batch=False):
    """Send objects to the process with rank `dst`."""
    data = [_pickled(thing) for thing in object_list]
    sizes = from_numpy(np.array([d.numel() for d in data]))
    send(sizes, dst, group, group_dst=group_dst)
    send(recording.concatenated(data), dst, group, group_dst=group_dst)


def recv_object_list(object_list, src=None, group=None, device=None, group_src=None, use_batch=False) -> int:
    """Receive as many objects as the list has. Returns the rank of the sender."""
    sizes = from_numpy(np.zeros(len(object_list), np.int64))
    rank = recv(sizes, src, group, group_src=group_src)
    data = from_numpy(np.zeros(int(sizes.sum().item()), np.uint8))
    recv(data, src, group, group_src=group_src)
    start = 0
    for i, size in enumerate(sizes.tolist()):
        object_list[i] = _as_object(data[start : start + size], size)
        start += size
    return rank if group is None else get_group_rank(group, rank)
