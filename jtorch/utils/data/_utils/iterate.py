"""One pass over a DataLoader: when the sampler is asked for sample numbers, and in which order the batches come.

The order of the random draws is PyTorch's. A pass draws its base seed when it begins. It asks the sampler for the numbers
of a batch when a worker gets them, up to `prefetch_factor * num_workers` batches ahead.
"""

from __future__ import annotations

import copy
import warnings
import weakref
from collections import Counter, deque
from typing import Any

from jtorch.core.facts import accelerator
from jtorch.utils.data._utils.progress import begun
from jtorch.utils.data._utils.worker import End, Failure, Job
from jtorch.utils.data._utils.worker_pool import pool_for
from jtorch.utils.data.sampler import order_stream

TOO_LONG = "Length of IterableDataset {} was reported to be {}(when accessing len(dataloader)), but {} samples have been fetched. "
TOO_LONG_WORKERS = (
    "For multiprocessing data-loading, this could be caused by not properly configuring the IterableDataset replica at each worker. "
    "Please see https://pytorch.org/docs/stable/data.html#torch.utils.data.IterableDataset for examples."
)
IN_THREADS = (
    "DataLoader: what its workers need cannot be sent to another process ({}), so its {} workers are "
    "threads: they share what lies inside the data set, and draw from the main program's random states."
)


class Pass:
    """The base of all passes: the sampler's numbers, a base seed, and the number of batches given."""

    def __init__(self, loader):
        self.start(loader)
        self.skipped = loader._skipped
        # once, as in PyTorch: persistent workers continue with their random numbers
        self.base_seed = order_stream(loader.generator).base_seed()
        if loader.num_workers:  # PyTorch starts the sampler once more, which may draw random numbers
            self.numbers = iter(loader._index_sampler)
        for _ in range(self.skipped):
            next(self.numbers, None)
        self.check_pinning()

    def start(self, loader) -> None:
        """Begin at the first batch, with the loader's current settings."""
        # a copy, because a loader with persistent workers holds this pass: a reference cycle
        self.loader = copy.copy(loader)
        self.loader._iterator = None
        loader._progress = self.progress = begun(loader)
        self.numbers = iter(loader._index_sampler)

    def check_pinning(self) -> None:
        loader = self.loader
        if not loader.pin_memory:
            return
        if loader.pin_memory_device:
            warnings.warn(
                "pin_memory_device is deprecated, the current accelerator will be used as the device,"
                f"ignore pin_memory_device='{loader.pin_memory_device}'.",
                stacklevel=4,
            )
        if accelerator() is None:
            warnings.warn(
                "'pin_memory' argument is set as true but no accelerator is found, then device pinned memory won't be used.",
                stacklevel=4,
            )

    def __iter__(self) -> Pass:
        return self

    def __len__(self) -> int:
        return len(self.loader._index_sampler)

    def __next__(self) -> Any:
        progress = self.progress
        try:
            batch = self.next_batch()
        except StopIteration:
            progress.ended = True
            raise
        progress.given += 1
        promised = self.loader._IterableDataset_len_called
        if self.loader._is_iterable and promised is not None and progress.given > promised:
            text = TOO_LONG.format(self.loader.dataset, promised, progress.given)
            warnings.warn(text + TOO_LONG_WORKERS * (self.loader.num_workers > 0), stacklevel=2)
        return batch

    def next_batch(self) -> Any:
        raise NotImplementedError

    def job(self) -> Job:
        """The job for the workers, or for this process."""
        loader = self.loader
        return Job(
            loader.dataset,
            loader.collate_fn,
            loader.worker_init_fn,
            loader._is_iterable,
            loader._auto_collation,
            loader.drop_last,
            loader.num_workers,
            self.base_seed,
        )

    def __getstate__(self):
        raise NotImplementedError("{} cannot be pickled", type(self).__name__)


class LocalPass(Pass):
    """A pass without workers: each batch is fetched when it is asked for.

    Args:
        ahead: the number of batches for which the sampler is asked in advance, as if there were workers.
    """

    def __init__(self, loader, ahead: int = 0):
        super().__init__(loader)
        if loader.num_workers == 0 and loader.timeout != 0:
            raise AssertionError("_SingleProcessDataLoaderIter requires timeout == 0")
        self.fetcher = self.job().fetcher()
        self.requests = deque()
        for _ in range(ahead):
            self.ask()

    def ask(self) -> None:
        try:
            self.requests.append(next(self.numbers))
        except StopIteration:
            pass

    def next_batch(self) -> Any:
        """The next batch."""
        self.ask()
        if not self.requests:
            raise StopIteration
        return self.fetcher.fetch(self.requests.popleft())


class WorkersPass(Pass):
    """A pass with workers, which fetch batches in advance. The batches come in the order of the requests.

    Requests are numbered from 0. `asked` is the next one to send, `due` the next one whose batch is returned.
    """

    def __init__(self, loader):
        super().__init__(loader)
        if loader.prefetch_factor <= 0:
            raise AssertionError("prefetch_factor must be greater than 0 for MultiProcessingDataLoaderIter")
        self.start_workers()
        self.prime()

    def start_workers(self) -> None:
        self.pool, reason = pool_for(self.job())
        weakref.finalize(self, self.pool.close)  # also when the interpreter ends, before modules are taken apart
        if reason is not None:
            warnings.warn(IN_THREADS.format(reason, self.loader.num_workers), stacklevel=5)

    def again(self, loader) -> None:
        """Begin again with the same workers."""
        self.start(loader)
        self.skipped = 0
        if self.pool.closed:  # after Ctrl-C, or the death of a worker
            self.start_workers()
        else:
            self.pool.begin()
        self.prime()

    def prime(self) -> None:
        self.asked = self.due = 0
        self.worker_of: dict[int, int] = {}
        self.turn = self.skipped % self.loader.num_workers  # the worker whose turn it was
        self.active = [True] * self.loader.num_workers
        for _ in range(self.loader.prefetch_factor * self.loader.num_workers):
            self.ask()

    def ask(self) -> None:
        """Send the next request to the next worker whose data set has not ended."""
        try:
            request = next(self.numbers)
        except StopIteration:
            return
        worker = self.next_worker()
        if worker is None:
            return
        self.turn = worker + 1
        self.pool.give(worker, (self.asked, request))
        self.worker_of[self.asked] = worker
        self.asked += 1

    def next_worker(self) -> int | None:
        count = len(self.active)
        turns = [(self.turn + i) % count for i in range(count)]
        active = [worker for worker in turns if self.active[worker]]
        if not active or self.loader.in_order:
            return next(iter(active), None)
        # without `in_order` a slow worker gets fewer requests
        load = Counter(self.worker_of.values())
        return min(active, key=lambda worker: load[worker])

    def next_batch(self) -> Any:
        """The next batch in order; if the loader is not `in_order`, the next that is ready."""
        while True:
            self.skip_ended()
            if self.due == self.asked:
                if not self.loader.persistent_workers:
                    self.pool.close()
                raise StopIteration
            number, batch = self.take()
            worker = self.worker_of.pop(number)
            if not isinstance(batch, End):
                self.ask()
                return batch.reraise() if isinstance(batch, Failure) else batch
            self.end(worker)

    def skip_ended(self) -> None:
        """Skip requests that get no answer: their batch was already returned, or their worker's data set has ended."""
        while self.due < self.asked:
            worker = self.worker_of.get(self.due)
            if worker is not None and self.active[worker]:
                return
            self.worker_of.pop(self.due, None)
            self.due += 1

    def take(self) -> tuple[int, Any]:
        worker = self.worker_of[self.due] if self.loader.in_order else None
        try:
            return self.pool.take(worker, self.loader.timeout or None)
        except TimeoutError:
            raise RuntimeError(f"DataLoader timed out after {self.loader.timeout} seconds") from None

    def end(self, worker: int) -> None:
        self.active[worker] = False
        if not self.loader.persistent_workers:
            self.pool.dismiss(worker)
        self.ask()
