"""DataLoader: a data set in batches, in the order that a sampler gives, fetched here or by workers.

This file checks the arguments and decides who fetches. In `_utils`, `iterate` runs a pass, `worker` fetches, and `worker_pool` and
`server` manage the workers. A worker never uses the main program's JAX: see `server`.
"""

from __future__ import annotations

import multiprocessing
import os
import warnings
from collections.abc import Callable, Iterable
from multiprocessing.context import BaseContext
from typing import Any, Generic, TypeVar

from jtorch.core.ops.make.generator import Generator
from jtorch.utils.data._utils.collate import default_collate, default_convert
from jtorch.utils.data._utils.iterate import LocalPass, Pass, WorkersPass
from jtorch.utils.data._utils.progress import Progress, resumed, saved
from jtorch.utils.data._utils.server import warm_up
from jtorch.utils.data._utils.worker import get_worker_info
from jtorch.utils.data.dataset import Dataset, IterableDataset, needs_no_code
from jtorch.utils.data.sampler import BatchSampler, RandomSampler, Sampler, SequentialSampler

__all__ = ["DataLoader", "default_collate", "default_convert", "get_worker_info"]

T = TypeVar("T", covariant=True)
# PyTorch's names of what iterates over a loader.
_BaseDataLoaderIter, _SingleProcessDataLoaderIter, _MultiProcessingDataLoaderIter = Pass, LocalPass, WorkersPass

_FIXED = ("batch_size", "batch_sampler", "sampler", "drop_last", "dataset", "persistent_workers")
_ITERABLE_TAKES_NO = "DataLoader with IterableDataset: expected unspecified {0} option, but got {0}={1}"


class _DatasetKind:
    """Whether a data set has numbered samples or yields them."""

    Map = 0
    Iterable = 1


class _Endless(Sampler):
    """Yields None for ever: an IterableDataset is asked for the next sample, not for a number."""

    def __iter__(self):
        while True:
            yield None


class DataLoader(Generic[T]):
    """Batches of a data set: `for x, y in DataLoader(dataset, batch_size=64, shuffle=True): ...`.

    The order for a seed is PyTorch's. A plain TensorDataset is read with one NumPy gather for each tensor and batch.
    With `num_workers` each worker is a process with its own copy of the data set and its own random numbers,
    seeded as PyTorch seeds them. It is a fork of a helper process that never ran JAX. The script's own code,
    lambdas included, is sent there by value, so a script needs no `if __name__ == "__main__"`. The first loader
    with workers starts the helper, which takes about a second.

    Args:
        dataset: with `__getitem__` and `__len__`, or an IterableDataset.
        batch_size: the number of samples in a batch; None: no batches, single samples.
        shuffle: use a new random order in each pass.
        sampler: the order of the samples, instead of shuffle.
        batch_sampler: lists of sample numbers, instead of batch_size, shuffle, sampler and drop_last.
        num_workers: the number of workers that fetch ahead; 0: none.
        collate_fn: makes a batch of a list of samples; None: `default_collate`, or `default_convert` if there
            are no batches.
        pin_memory: accepted, and has no effect: `batch.to("cuda")` starts the copy and returns, while the device computes the
            step before.
        drop_last: leave out the last batch if it is shorter.
        timeout: the number of seconds to wait for a worker; 0: for ever.
        worker_init_fn: called in each worker with its number, before it begins.
        multiprocessing_context: checked, and has no effect: workers are always forks of the helper process.
        generator: draws the order and the workers' seeds; None: the default one.
        prefetch_factor: the number of batches that a worker fetches ahead; None: 2.
        persistent_workers: keep the workers from one pass to the next.
        pin_memory_device: deprecated, has no effect.
        in_order: False: return batches as soon as they are ready.

    Raises:
        ValueError: options that exclude each other, or an option out of range.

    Differs from torch: if the data set cannot be sent to another process (an open file, a lock, a tensor on an
        accelerator), the workers are threads, and a warning says so. A plain TensorDataset with the default
        collate_fn and no worker_init_fn is read without workers, because no code of the user's would run in them.

    >>> data = torch.utils.data.TensorDataset(torch.arange(5))
    >>> [batch for (batch,) in DataLoader(data, batch_size=2)]
    [tensor([0, 1]), tensor([2, 3]), tensor([4])]
    """

    dataset: Dataset[T]
    batch_size: int | None
    num_workers: int
    drop_last: bool
    timeout: float
    sampler: Sampler | Iterable
    prefetch_factor: int | None
    _iterator: Pass | None
    _initialized = False
    _progress: Progress | None = None  # of the newest pass
    _resumes: dict[str, Any] | None = None  # what `load_state_dict` got, until the next pass
    _skipped = 0  # how many batches the pass that is being made leaves out

    def __init__(
        self,
        dataset: Dataset[T],
        batch_size: int | None = 1,
        shuffle: bool | None = None,
        sampler: Sampler | Iterable | None = None,
        batch_sampler: Sampler[list] | Iterable[list] | None = None,
        num_workers: int = 0,
        collate_fn: Callable[[list], Any] | None = None,
        pin_memory: bool = False,
        drop_last: bool = False,
        timeout: float = 0,
        worker_init_fn: Callable[[int], None] | None = None,
        multiprocessing_context: str | BaseContext | None = None,
        generator: Generator | None = None,
        *,
        prefetch_factor: int | None = None,
        persistent_workers: bool = False,
        pin_memory_device: str = "",
        in_order: bool = True,
    ):
        _check_workers(num_workers, timeout, prefetch_factor, persistent_workers)
        self.dataset = dataset
        self.num_workers = num_workers
        self.prefetch_factor = 2 if num_workers > 0 and prefetch_factor is None else prefetch_factor
        self.pin_memory = pin_memory
        self.pin_memory_device = pin_memory_device
        self.timeout = timeout
        self.worker_init_fn = worker_init_fn
        self.multiprocessing_context = multiprocessing_context
        self.in_order = in_order
        self._is_iterable = isinstance(dataset, IterableDataset)
        if self._is_iterable:
            _check_iterable(shuffle, sampler, batch_sampler)
        batch_size, drop_last = _check_batching(batch_size, shuffle, sampler, batch_sampler, drop_last)
        if sampler is None:
            sampler = self._default_sampler(shuffle, generator)
        if batch_size is not None and batch_sampler is None:
            batch_sampler = BatchSampler(sampler, batch_size, drop_last)
        self.batch_size = batch_size
        self.drop_last = drop_last
        self.sampler = sampler
        self.batch_sampler = batch_sampler
        self.generator = generator
        self.collate_fn = collate_fn or (default_collate if self._auto_collation else default_convert)
        self.persistent_workers = persistent_workers
        self._initialized = True
        self._IterableDataset_len_called: int | None = None
        self._iterator = None
        self.check_worker_number_rationality()
        if num_workers > 0 and not self._runs_no_code():
            warm_up()

    def _default_sampler(self, shuffle: bool | None, generator: Generator | None) -> Sampler:
        if self._is_iterable:
            return _Endless()
        if shuffle:
            return RandomSampler(self.dataset, generator=generator)
        return SequentialSampler(self.dataset)

    @property
    def multiprocessing_context(self) -> BaseContext | None:
        """The context that was given. It is checked and has no effect."""
        return self._context

    @multiprocessing_context.setter
    def multiprocessing_context(self, context: str | BaseContext | None) -> None:
        self._context = None if context is None else _check_context(context, self.num_workers)

    def __setattr__(self, name: str, value: Any) -> None:
        if self._initialized and name in _FIXED:
            kind = type(self).__name__
            raise ValueError(f"{name} attribute should not be set after {kind} is initialized")
        super().__setattr__(name, value)

    def __iter__(self) -> Pass:
        if self._resumes is not None:
            state, self._resumes = self._resumes, None
            made = resumed(self, state, self._get_iterator)
            self._iterator = made if self.persistent_workers else None
            return made
        if not self.persistent_workers or self.num_workers == 0:
            return self._get_iterator()
        if self._iterator is None:
            self._iterator = self._get_iterator()
        else:
            self._iterator.again(self)
        return self._iterator

    def _get_iterator(self) -> Pass:
        if self.num_workers == 0:
            return LocalPass(self)
        self.check_worker_number_rationality()
        if self._runs_no_code():
            return LocalPass(self, ahead=self.prefetch_factor * self.num_workers)
        return WorkersPass(self)

    def _runs_no_code(self) -> bool:
        """Whether no code of the user's would run in a worker."""
        default = self.collate_fn is default_collate and self.worker_init_fn is None
        return default and self._auto_collation and needs_no_code(self.dataset)

    @property
    def _auto_collation(self) -> bool:
        return self.batch_sampler is not None

    @property
    def _index_sampler(self) -> Sampler | Iterable:
        return self.batch_sampler if self._auto_collation else self.sampler

    def __len__(self) -> int:
        if not self._is_iterable:
            return len(self._index_sampler)
        length = self._IterableDataset_len_called = len(self.dataset)
        if self.batch_size is None:
            return length
        full, rest = divmod(length, self.batch_size)
        return full if self.drop_last or not rest else full + 1

    def state_dict(self) -> dict[str, Any]:
        """How far the newest pass has come, also in its middle, as torchdata's StatefulDataLoader has it.

        A loader that is made alike and gets this by `load_state_dict` goes on with the next batch. A data set with a
        `state_dict` of its own is asked for it, without workers. After the last batch the next pass begins anew.

        Differs from torch: PyTorch has this in torchdata only. The random states of workers are not kept, nor the default
        generator's: save that with `torch.get_rng_state`.

        >>> loader = DataLoader(range(6), batch_size=2)
        >>> _ = next(iter(loader))
        >>> again = DataLoader(range(6), batch_size=2)
        >>> again.load_state_dict(loader.state_dict())
        >>> list(again)
        [tensor([2, 3]), tensor([4, 5])]
        """
        return dict(self._resumes) if self._resumes is not None else saved(self, self._progress)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Let the next pass go on where the pass of `state_dict` was.

        An IterableDataset without a `state_dict` is read from its beginning, and the batches that were given are dropped.
        """
        self._resumes, self._iterator = dict(state_dict), None

    def check_worker_number_rationality(self) -> None:
        """Warn if there are more workers than processors."""
        if not self.num_workers:
            return
        limited = hasattr(os, "sched_getaffinity")
        most = len(os.sched_getaffinity(0)) if limited else os.cpu_count()
        if most is None or self.num_workers <= most:
            return
        unsure = "" if limited else " (`cpuset` is not taken into account)"
        warnings.warn(
            f"This DataLoader will create {self.num_workers} worker processes in total. Our suggested max "
            f"number of worker in current system is {most}{unsure}, which is smaller than what this "
            "DataLoader is going to create. Please be aware that excessive worker creation might get "
            "DataLoader running slow or even freeze, lower the worker number to avoid potential "
            "slowness/freeze if necessary.",
            stacklevel=3,
        )


def _check_workers(num_workers: int, timeout: float, prefetch_factor: int | None, persistent_workers: bool) -> None:
    if num_workers < 0:
        raise ValueError("num_workers option should be non-negative; use num_workers=0 to disable multiprocessing.")
    if timeout < 0:
        raise ValueError("timeout option should be non-negative")
    if num_workers == 0 and prefetch_factor is not None:
        raise ValueError(
            "prefetch_factor option could only be specified in multiprocessing."
            "let num_workers > 0 to enable multiprocessing, otherwise set prefetch_factor to None."
        )
    if prefetch_factor is not None and prefetch_factor < 0:
        raise ValueError("prefetch_factor option should be non-negative")
    if persistent_workers and num_workers == 0:
        raise ValueError("persistent_workers option needs num_workers > 0")


def _check_iterable(shuffle: bool | None, sampler: Any, batch_sampler: Any) -> None:
    if shuffle not in (False, None):
        raise ValueError(_ITERABLE_TAKES_NO.format("shuffle", shuffle))
    if sampler is not None:
        raise ValueError(_ITERABLE_TAKES_NO.format("sampler", sampler))
    if batch_sampler is not None:
        raise ValueError(_ITERABLE_TAKES_NO.format("batch_sampler", batch_sampler))


def _check_batching(
    batch_size: int | None, shuffle: bool | None, sampler: Any, batch_sampler: Any, drop_last: bool
) -> tuple[int | None, bool]:
    """The batch size and drop_last, checked against the other options."""
    if sampler is not None and shuffle:
        raise ValueError("sampler option is mutually exclusive with shuffle")
    if batch_sampler is not None:
        if batch_size != 1 or shuffle or sampler is not None or drop_last:
            raise ValueError(
                "batch_sampler option is mutually exclusive with batch_size, shuffle, sampler, and drop_last"
            )
        return None, False
    if batch_size is None and drop_last:
        raise ValueError("batch_size=None option disables auto-batching and is mutually exclusive with drop_last")
    return batch_size, drop_last


def _check_context(context: str | BaseContext, num_workers: int) -> BaseContext:
    if num_workers == 0:
        raise ValueError(
            f"multiprocessing_context can only be used with multi-process loading (num_workers > 0), but got num_workers={num_workers}"
        )
    if isinstance(context, str):
        methods = multiprocessing.get_all_start_methods()
        if context not in methods:
            raise ValueError(
                f"multiprocessing_context option should specify a valid start method in {methods!r}, but got "
                f"multiprocessing_context={context!r}"
            )
        return multiprocessing.get_context(context)
    if not isinstance(context, BaseContext):
        raise TypeError(
            "multiprocessing_context option should be a valid context object or a string specifying the "
            f"start method, but got multiprocessing_context={context}"
        )
    return context
