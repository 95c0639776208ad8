"""Conversion between distributed checkpoints and files of `torch.save`."""

from __future__ import annotations

from jtorch.core.ops.make.create import zeros
from jtorch.distributed.checkpoint.filesystem import FileSystemReader
from jtorch.distributed.checkpoint.metadata import TensorStorageMetadata
from jtorch.distributed.checkpoint.state_dict_loader import load_parts
from jtorch.distributed.checkpoint.state_dict_saver import save_parts
from jtorch.serialization import load, save

__all__ = ["dcp_to_torch_save", "torch_save_to_dcp"]


def dcp_to_torch_save(dcp_checkpoint_dir, torch_save_path) -> None:
    """Write a distributed checkpoint to one file of `torch.save`. Call it in one process."""
    found = FileSystemReader(dcp_checkpoint_dir).read_metadata()
    state: dict = {}
    for name, entry in found.state_dict_metadata.items():
        is_tensor = isinstance(entry, TensorStorageMetadata)
        blank = zeros(tuple(entry.size), dtype=entry.properties.dtype) if is_tensor else None
        _put_at_path(state, (found.planner_data or {}).get(name, (name,)), blank)
    load_parts(state, checkpoint_id=dcp_checkpoint_dir, no_dist=True)
    save(state, torch_save_path)


def _put_at_path(state, path, value):
    """Put a value at a path, with dicts and lists on the way."""
    at = state
    for key, following in zip(path, [*path[1:], None], strict=True):
        last = following is None
        new = value if last else [] if isinstance(following, int) else {}
        if isinstance(at, list):
            if len(at) <= key:
                at.extend([None] * (key + 1 - len(at)))
            if last or at[key] is None:
                at[key] = new
        elif last or key not in at:
            at[key] = new
        at = at[key]


def torch_save_to_dcp(torch_save_path, dcp_checkpoint_dir) -> None:
    """Write the content of a file of `torch.save` as a distributed checkpoint. Call it in one process."""
    save_parts(load(torch_save_path, weights_only=False), checkpoint_id=dcp_checkpoint_dir, no_dist=True)
