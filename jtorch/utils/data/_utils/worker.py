"""What a DataLoader's worker does, in a process or a thread of its own: fetch batches on request.

Knows nothing of how requests and answers travel: `Worker` is given the one and returns the other.
"""

from __future__ import annotations

import dataclasses
import importlib
import itertools
import operator
import random
import threading
import traceback
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from jtorch.core.ops.make.generator import manual_seed
from jtorch.utils.data._utils.collate import default_collate
from jtorch.utils.data.dataset import Dataset, samples, whole_batch


@dataclasses.dataclass(frozen=True, slots=True)
class WorkerInfo:
    """What `get_worker_info` tells a worker about itself; `dataset` is its own copy."""

    id: int
    num_workers: int
    seed: int
    dataset: Dataset
    rng: Any = None
    worker_method: str = "multiprocessing"


_here = threading.local()  # this thread's WorkerInfo, in a worker that is a thread
_process: list[WorkerInfo] = []  # this process's, in a worker that is a process


def get_worker_info() -> WorkerInfo | None:
    """In a DataLoader's worker what it is (id, num_workers, seed, dataset); None elsewhere."""
    return getattr(_here, "info", None) or next(iter(_process), None)


@dataclasses.dataclass
class Job:
    """What all workers of one loader have in common."""

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
    """Batches of a data set that is asked by number."""

    def __init__(self, dataset, batched: bool, collate_fn: Callable, drop_last: bool):
        self.dataset, self.batched, self.collate_fn = dataset, batched, collate_fn

    def fetch(self, request: Any) -> Any:
        """The batch of these sample numbers, or one sample."""
        if not self.batched:
            return self.collate_fn(self.dataset[request])
        if self.collate_fn is default_collate:
            batch = whole_batch(self.dataset, request)
            if batch is not None:
                return batch
        return self.collate_fn(samples(self.dataset, request))


class IterableFetcher:
    """Batches of a data set that gives one sample after another. Raises StopIteration at its end."""

    def __init__(self, dataset: Iterable, batched: bool, collate_fn: Callable, drop_last: bool):
        self.source = iter(dataset)
        self.batched, self.collate_fn, self.drop_last = batched, collate_fn, drop_last
        self.ended = False

    def fetch(self, request: Any) -> Any:
        """As many next samples as numbers are asked for, or the next one."""
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
    """The answer of a worker whose data set has come to its end."""


@dataclasses.dataclass
class Failure:
    """The answer of a worker where something raised: the exception's type and its whole text."""

    kind: type[BaseException]
    text: str

    @classmethod
    def caught(cls, error: BaseException, where: str) -> Failure:
        text = "".join(traceback.format_exception(error))
        return cls(type(error), f"Caught {type(error).__name__} {where}.\nOriginal {text}")

    def __reduce__(self):
        # by name: what a script raises may be known to one side only
        return Failure.named, (self.kind.__module__, self.kind.__qualname__, self.text)

    @classmethod
    def named(cls, module: str, name: str, text: str) -> Failure:
        try:
            return cls(operator.attrgetter(name)(importlib.import_module(module)), text)
        except (ImportError, AttributeError):
            return cls(RuntimeError, text)

    def reraise(self) -> None:
        """Raise it here, as the same type where that takes a message, with the worker's traceback as text."""
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
    """KeyError shows the repr of its argument, and this text has many lines."""

    def __repr__(self) -> str:
        return str(self)


class Worker:
    """One worker: answers (number, request) with (number, batch), or with what went wrong.

    Args:
        job: what it works on.
        number: which of the workers it is.
        in_thread: it shares its process with the main program, whose random states it leaves alone.
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
        """Start on the data set from its first sample."""
        self.ended = False
        if self.trouble is None:
            self.fetcher = self._attempt(self.job.fetcher)

    def answers(self, message: tuple[int, Any] | None) -> Iterator[tuple[int, Any] | None]:
        """The answer to a request, none to one that comes after the end; None to None, which means begin."""
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
