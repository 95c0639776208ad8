"""`save`: every process writes its parts of a state_dict."""

from __future__ import annotations

import pickle
import threading
import traceback
import uuid
from collections import Counter
from concurrent.futures import Future

from jtorch.core.facts import ALL, Size
from jtorch.core.tensor import Tensor
from jtorch.distributed._c10d.object_collectives import all_gather_object
from jtorch.distributed._c10d.process_groups import get_default_store, group_of, is_initialized
from jtorch.distributed.checkpoint._plan import assigned, item_of, metadata_of, part_of_value, values_by_name
from jtorch.distributed.checkpoint.api import CheckpointException
from jtorch.distributed.checkpoint.filesystem import FileSystemWriter, StorageInfo
from jtorch.distributed.checkpoint.metadata import Metadata, MetadataIndex, StorageMeta
from jtorch.distributed.checkpoint.stateful import Stateful

__all__ = ["async_save", "save", "save_state_dict"]


def save_parts(
    state_dict,
    *,
    checkpoint_id=None,
    storage_writer=None,
    planner=None,
    process_group=None,
    no_dist: bool = False,
    use_collectives: bool = True,
) -> Metadata:
    """Save a state_dict. Every process writes its parts, and all processes must call this.

    Args:
        state_dict: nested dicts and lists of tensors, DTensors and anything that `torch.save` takes; of an object with
            a `state_dict`, that is saved. A value that is not a DTensor is taken to be the same in all processes.
        checkpoint_id: the folder.
        storage_writer: a `FileSystemWriter`, in place of the folder.
        process_group: the processes that save; None: all.
        no_dist: save what this process has, without the others.

    Raises:
        CheckpointException: something cannot be written.
        NotImplementedError: a planner.

    >>> import tempfile
    >>> folder = tempfile.mkdtemp()
    >>> made = torch.distributed.checkpoint.save({"w": torch.arange(3.0), "epoch": 2}, checkpoint_id=folder, no_dist=True)
    >>> state = {"w": torch.zeros(3), "epoch": 0}
    >>> torch.distributed.checkpoint.load(state, checkpoint_id=folder, no_dist=True)
    >>> state
    {'w': tensor([0., 1., 2.]), 'epoch': 2}
    """
    writing = _Save(state_dict, checkpoint_id, storage_writer, planner, process_group, no_dist)
    return writing.run()


def save_state_dict(
    state_dict, storage_writer, process_group=None, coordinator_rank=0, no_dist=False, planner=None
) -> Metadata:
    """The older name of `save`."""
    return save(
        state_dict, storage_writer=storage_writer, process_group=process_group, no_dist=no_dist, planner=planner
    )


def async_save(
    state_dict,
    *,
    checkpoint_id=None,
    storage_writer=None,
    planner=None,
    process_group=None,
    async_checkpointer_type=None,
    async_stager=None,
    no_dist: bool = False,
    use_collectives: bool = True,
) -> Future:
    """`save` in the background. It writes the values that the tensors have now. Returns a future."""
    writing = _Save(state_dict, checkpoint_id, storage_writer, planner, process_group, no_dist)
    future: Future = Future()

    def run():
        try:
            future.set_result(writing.run())
        except BaseException as error:
            future.set_exception(error)

    threading.Thread(target=run, name="async_save").start()
    return future


save = save_parts
_saves: Counter = Counter()  # ranks of a group -> how many saves it has begun


class _Save:
    """One save. `__init__` tells the processes which parts there are; `run` writes them, without a collective."""

    def __init__(self, state_dict, folder, writer, planner, group, no_dist):
        if planner is not None:
            raise NotImplementedError("torch.distributed.checkpoint.save: planner")
        if writer is None and folder is None:
            raise RuntimeError("Cannot save: give checkpoint_id or storage_writer")
        self.writer = FileSystemWriter(folder) if writer is None else writer
        self.group = None if no_dist or not is_initialized() else group_of(group)
        self.alone = self.group is None or self.group.size() == 1
        self.rank, self.size = (0, 1) if self.alone else (self.group.rank(), self.group.size())
        if not self.alone:
            _saves[self.group.ranks] += 1
            self.key = f"checkpoint/{self.group.ranks}/{_saves[self.group.ranks]}"
        asked = {k: v.state_dict() if isinstance(v, Stateful) else v for k, v in state_dict.items()}
        values, self.paths = values_by_name(asked)
        own = {name: item_of(name, value) for name, value in values.items()}
        number = self._tried(self.writer.next_number) if self.rank == 0 else None
        self.items = self._from_all((own, number, self.paths))
        failed = self.items[0][1]
        if isinstance(failed, Exception):
            raise CheckpointException("save", {0: (failed, None)})
        self.number = failed
        self.paths = {name: path for _, _, paths in self.items for name, path in paths.items()}
        self.items = [one for one, _, _ in self.items]
        self.writers = assigned(self.items)
        self.mine = [key for key, rank in self.writers.items() if rank == self.rank]
        self.things = [_value_to_write(name, values[name]) for name, _ in self.mine]

    @staticmethod
    def _tried(call):
        try:
            return call()
        except Exception as error:
            return error

    def _from_all(self, thing):
        if self.alone:
            return [thing]
        found = [None] * self.size
        all_gather_object(found, thing, group=self.group)
        return found

    def run(self) -> Metadata:
        """Write. The processes tell each other by the store where their parts are, so that this may run in a thread."""
        name = f"__{self.rank}_{self.number}.distcp"
        places = self._tried(lambda: self.writer.write_parts(name, self.things) if self.things else [])
        told = self._told_by_store((name, places))
        failures = {rank: (places, None) for rank, (_, places) in enumerate(told) if isinstance(places, Exception)}
        if failures:
            raise CheckpointException("save", failures)
        made = self._metadata(told)
        written = self._tried(lambda: self.writer.write_metadata(made)) if self.rank == 0 else None
        (written, *_) = self._told_by_store(written, "written", only=0)
        if isinstance(written, Exception):
            raise CheckpointException("save", {0: (written, traceback.extract_tb(written.__traceback__))})
        return made

    def _told_by_store(self, thing, what="places", only=None):
        """The things that all processes (or only `only`) tell the others."""
        if self.alone:
            return [thing]
        store = get_default_store()
        ranks = range(self.size) if only is None else [only]
        if self.rank in ranks:
            store.set(f"{self.key}/{what}/{self.rank}", pickle.dumps(thing))
        return [pickle.loads(store.get(f"{self.key}/{what}/{rank}")) for rank in ranks]

    def _metadata(self, told):
        dtypes = {str(d): d for d in ALL}
        storage, numbers = {}, [0] * self.size
        for (name, offsets), rank in self.writers.items():
            file, places = told[rank]
            start, length = places[numbers[rank]]
            numbers[rank] += 1
            is_tensor = next(own[name] for own in self.items if name in own).shape is not None
            index = MetadataIndex(name, Size(offsets) if is_tensor else None)
            storage[index] = StorageInfo(file, start, length)
        meta = StorageMeta(str(self.writer.path), str(uuid.uuid4()))
        return Metadata(metadata_of(self.items, dtypes), self.paths, storage, meta, "1.0.0")


def _value_to_write(name, value):
    """The value to write, as it is now: a later write to the tensor does not change it."""
    return part_of_value(name, value).tensor.clone().contiguous().cpu() if isinstance(value, Tensor) else value
