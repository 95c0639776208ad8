"""A DataLoader's worker: fetches batches on request, in its own process or thread.

`Worker` gets requests and returns answers. It does not know how they are sent.
"""

from __future__ import annotations

import dataclasses
import importlib
import itertools
import operator
import random
import threading
import traceback
from collections.abc import Callable, Iterable, Iterator, Sized
from typing import Any

import numpy as np

from jtorch.core.ops.make.generator import manual_seed
from jtorch.utils.data._utils.collate import default_collate
from jtorch.utils.data.dataset import Dataset, samples, whole_batch
from jtorch.utils.data.sampler import started


@dataclasses.dataclass(frozen=True, slots=True)
class WorkerInfo:
    """What `get_worker_info` returns in a worker. `dataset` is the worker's own copy."""

    id: int
    num_workers: int
    seed: int
    dataset: Dataset
    rng: Any = None
    worker_method: str = "multiprocessing"


_here = threading.local()  # this thread's WorkerInfo, in a worker that is a thread
_process: list[WorkerInfo] = []  # this process's, in a worker that is a process


def get_worker_info() -> WorkerInfo | None:
    """In a DataLoader's worker its (id, num_workers, seed, dataset); elsewhere None."""
    return getattr(_here, "info", None) or next(iter(_process), None)


@dataclasses.dataclass
class Job:
    """The settings that all workers of a loader share."""

    dataset: Any
    collate_fn: Callable
    worker_init_fn: Callable | None
    iterable: bool  # an IterableDataset
    batched: bool  # requests are lists of sample numbers
    drop_last: bool
    num_workers: int
    base_seed: int

    def fetcher(self) -> MapFetcher | IterableFetcher:
        kind = IterableFetcher if self.iterable else MapFetcher
        return kind(self.dataset, self.batched, self.collate_fn, self.drop_last)


class MapFetcher:
    """Fetches batches of a data set with `__getitem__`."""

    def __init__(self, dataset, batched: bool, collate_fn: Callable, drop_last: bool):
        self.dataset, self.batched, self.collate_fn = dataset, batched, collate_fn

    def fetch(self, request: Any) -> Any:
        """The batch of these sample numbers; one sample if the loader makes no batches."""
        if not self.batched:
            return self.collate_fn(self.dataset[request])
        if not isinstance(request, Sized):
            request = list(request)  # it can be gone through only once
        if self.collate_fn is default_collate:
            batch = whole_batch(self.dataset, request)
            if batch is not None:
                return batch
        return self.collate_fn(samples(self.dataset, request))


class IterableFetcher:
    """Fetches batches of an IterableDataset. Raises StopIteration at its end."""

    def __init__(self, dataset: Iterable, batched: bool, collate_fn: Callable, drop_last: bool):
        self.source = started(dataset)
        self.batched, self.collate_fn, self.drop_last = batched, collate_fn, drop_last
        self.ended = False

    def fetch(self, request: Any) -> Any:
        """The next samples, one for each number; the next sample if the loader makes no batches."""
        if self.ended:
            raise StopIteration
        if not self.batched:
            return self.collate_fn(next(self.source))
        taken = list(itertools.islice(self.source, len(request)))
        self.ended = len(taken) < len(request)
        if not taken or (self.drop_last and self.ended):
            raise StopIteration
        return self.collate_fn(taken)


@dataclasses.dataclass
class End:
    """The answer of a worker whose data set has ended."""


@dataclasses.dataclass
class Failure:
    """The answer of a worker in which an exception was raised: its type and its whole text."""

    kind: type[BaseException]
    text: str

    @classmethod
    def caught(cls, error: BaseException, where: str) -> Failure:
        text = "".join(traceback.format_exception(error))
        return cls(type(error), f"Caught {type(error).__name__} {where}.\nOriginal {text}")

    def __reduce__(self):
        # by name, because a script's own exception class may exist in one process only
        return Failure.named, (self.kind.__module__, self.kind.__qualname__, self.text)

    @classmethod
    def named(cls, module: str, name: str, text: str) -> Failure:
        try:
            return cls(operator.attrgetter(name)(importlib.import_module(module)), text)
        except (ImportError, AttributeError):
            return cls(RuntimeError, text)

    def reraise(self) -> None:
        """Raise the exception here, with the worker's traceback in its message; as RuntimeError if its type takes no message."""
        if self.kind is KeyError:
            raise KeyError(_Verbatim(self.text))
        if getattr(self.kind, "message", None):
            raise self.kind(message=self.text)
        try:
            error = self.kind(self.text)
        except Exception:
            raise RuntimeError(self.text) from None
        raise error


class _Verbatim(str):
    """A message that KeyError shows as it is, not as a repr on one line."""

    def __repr__(self) -> str:
        return str(self)


class Worker:
    """One worker: it answers (number, request) with (number, batch) or with an error.

    Args:
        job: the settings that all workers share.
        number: the index of this worker.
        in_thread: it runs in the main program's process and must not change its random states.
    """

    def __init__(self, job: Job, number: int, in_thread: bool = False):
        self.job = job
        self.where = f"in DataLoader worker {'thread' if in_thread else 'process'} {number}"
        self.trouble: Failure | None = None
        method = "thread" if in_thread else "multiprocessing"
        seed = job.base_seed + number
        info = WorkerInfo(number, job.num_workers, seed, job.dataset, worker_method=method)
        if in_thread:
            _here.info = info
        else:
            _process[:] = [info]
            seed_everything(seed, job.base_seed, number)
        self._attempt(lambda: job.worker_init_fn and job.worker_init_fn(number))
        self.begin()

    def _attempt(self, action: Callable) -> Any:
        try:
            return action()
        except Exception as error:
            self.trouble = Failure.caught(error, self.where)

    def begin(self) -> None:
        """Start the data set from its first sample."""
        self.ended = False
        if self.trouble is None:
            self.fetcher = self._attempt(self.job.fetcher)

    def answers(self, message: tuple[int, Any] | None) -> Iterator[tuple[int, Any] | None]:
        """Yield the answer to a request, or nothing after the end of the data set.

        The request None means `begin`; its answer is None.
        """
        if message is None:
            self.begin()
            yield None
        elif not self.ended:
            number, request = message
            yield number, self._fetch(request)

    def _fetch(self, request: Any) -> Any:
        if self.trouble is not None:
            trouble, self.trouble = self.trouble, None
            return trouble
        try:
            return self.fetcher.fetch(request)
        except Exception as error:
            self.ended = self.job.iterable and isinstance(error, StopIteration)
            return End() if self.ended else Failure.caught(error, self.where)


def seed_everything(seed: int, base_seed: int, number: int) -> None:
    """Seed this process's random numbers as PyTorch seeds a worker's."""
    manual_seed(seed)
    random.seed(seed)
    words = np.random.SeedSequence([number, base_seed & 0xFFFFFFFF, base_seed >> 32]).generate_state(4)
    np.random.seed(words)
