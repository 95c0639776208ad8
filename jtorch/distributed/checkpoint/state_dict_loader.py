"""`load`: every process reads its parts of a checkpoint, however many processes wrote it."""

from __future__ import annotations

import traceback

from jtorch.core.grad import no_grad
from jtorch.core.tensor import Tensor
from jtorch.distributed._c10d.object_collectives import all_gather_object
from jtorch.distributed._c10d.process_groups import group_of, is_initialized
from jtorch.distributed.checkpoint._plan import common_slices, part_of_value, put_value, values_by_name
from jtorch.distributed.checkpoint.api import CheckpointException
from jtorch.distributed.checkpoint.filesystem import FileSystemReader
from jtorch.distributed.checkpoint.metadata import TensorStorageMetadata
from jtorch.distributed.checkpoint.stateful import Stateful

__all__ = ["load", "load_state_dict"]


def load_parts(
    state_dict, *, checkpoint_id=None, storage_reader=None, planner=None, process_group=None, no_dist: bool = False
) -> None:
    """Load a checkpoint into a state_dict. Tensors are filled in place, each process's DTensors with its parts. Other values are
    replaced.

    Args:
        state_dict: the values to load, by name; the checkpoint may have more. An object with `load_state_dict` gets what its
            `state_dict` saved.
        checkpoint_id: the folder.
        storage_reader: a `FileSystemReader`, in place of the folder.
        process_group: the processes that load; None: all.

    Raises:
        NotImplementedError: a planner.
        CheckpointException: there is no checkpoint, a name is not in it, or a size differs.
    """
    if planner is not None:
        raise NotImplementedError("torch.distributed.checkpoint.load: planner")
    if storage_reader is None and checkpoint_id is None:
        raise RuntimeError("Cannot load: give checkpoint_id or storage_reader")
    reader = FileSystemReader(checkpoint_id) if storage_reader is None else storage_reader
    asked = {k: v.state_dict() if isinstance(v, Stateful) else v for k, v in state_dict.items()}
    failed = None
    try:
        _read(asked, reader)
    except Exception as error:
        failed = error
    _raise_any(failed, None if no_dist or not is_initialized() else group_of(process_group))
    for key, value in state_dict.items():
        if isinstance(value, Stateful):
            value.load_state_dict(asked[key])
        else:
            state_dict[key] = asked[key]


def load_state_dict(
    state_dict, storage_reader, process_group=None, coordinator_rank=0, no_dist=False, planner=None
) -> None:
    """The older name of `load`."""
    load_parts(state_dict, storage_reader=storage_reader, process_group=process_group, no_dist=no_dist, planner=planner)


load = load_parts


def _raise_any(failed, group):
    """Raise in all processes of a group what failed in one. Without a group: what failed here."""
    told = [failed]
    if group is not None and group.size() > 1:
        told = [None] * group.size()
        all_gather_object(told, failed, group=group)
    failures = {
        rank: (error, traceback.extract_tb(error.__traceback__)) for rank, error in enumerate(told) if error is not None
    }
    if failures:
        raise CheckpointException("load", failures)


def _read(state, reader):
    found = reader.read_metadata()
    values, paths = values_by_name(state)
    for name, value in values.items():
        entry = found.state_dict_metadata.get(name)
        if entry is None:
            raise RuntimeError(f"Missing key in checkpoint state_dict: {name}.")
        stored = [(index, info) for index, info in found.storage_data.items() if index.fqn == name]
        if not isinstance(value, Tensor):
            put_value(state, paths[name], _whole_value(entry, stored, reader))
        elif isinstance(entry, TensorStorageMetadata):
            _read_tensor(name, value, entry, stored, reader)
        else:
            raise ValueError(f"{name}: the checkpoint has no tensor of that name")


def _whole_value(entry, stored, reader):
    """The value of a name whose value in the state_dict is not a tensor."""
    if isinstance(entry, TensorStorageMetadata) and len(stored) > 1:
        raise ValueError("a tensor in parts is read into a tensor; the state_dict has none of that name")
    return reader.read_part(stored[0][1])


def _read_tensor(name, value, entry, stored, reader):
    if tuple(value.shape) != tuple(entry.size):
        raise ValueError(f"Size mismatch between saved {entry.size} and current: {value.shape} for {name}")
    part = part_of_value(name, value)
    sizes = {tuple(chunk.offsets): chunk for chunk in entry.chunks}
    with no_grad():
        for index, info in stored:
            offsets = tuple(index.offset or ())
            both = common_slices(sizes[offsets], part.offsets, part.tensor.shape)
            if both is None:
                continue
            source, target = both
            read = reader.read_part(info).to(part.tensor.device)
            if tuple(part.tensor.shape) == tuple(s.stop - s.start for s in target):
                part.tensor.copy_(read[source] if source else read)
            else:
                part.tensor[target] = read[source]
