"""Data sets: objects that return sample number i, or the next sample.

`whole_batch` makes a batch of a plain TensorDataset with one NumPy gather for each tensor. PyTorch takes the samples one by
one and stacks them; the numbers are the same. This file does not know loaders.
"""

from __future__ import annotations

import bisect
import itertools
import math
import warnings
from collections.abc import Iterable, Iterator, Sequence
from typing import Generic, TypeVar

import numpy as np

from jtorch.core.tensor import Tensor, known
from jtorch.utils.data.sampler import order_stream, permutation

T = TypeVar("T")


class Dataset(Generic[T]):
    """Samples by number. A subclass defines `__getitem__`, and `__len__` if a sampler needs it.

    If a subclass defines `__getitems__(indices)`, it returns the samples of a whole batch.

    >>> class Squares(torch.utils.data.Dataset):
    ...     def __len__(self):
    ...         return 3
    ...     def __getitem__(self, i):
    ...         return i**2
    >>> [batch.tolist() for batch in torch.utils.data.DataLoader(Squares(), batch_size=2)]
    [[0, 1], [4]]
    """

    def __getitem__(self, index) -> T:
        raise NotImplementedError("Subclasses of Dataset should implement __getitem__.")

    def __add__(self, other: Dataset[T]) -> ConcatDataset[T]:
        return ConcatDataset([self, other])


class IterableDataset(Dataset[T], Iterable[T]):
    """Samples one after another. A subclass defines `__iter__`.

    Each worker has its own copy of the data set. `get_worker_info` tells it which part to return.

    >>> class Count(torch.utils.data.IterableDataset):
    ...     def __iter__(self):
    ...         return iter(range(3))
    >>> [batch.tolist() for batch in torch.utils.data.DataLoader(Count(), batch_size=2)]
    [[0, 1], [2]]
    """

    def __add__(self, other: Dataset[T]) -> ChainDataset:
        return ChainDataset([self, other])


class TensorDataset(Dataset[tuple[Tensor, ...]]):
    """Sample i is the i-th row of each tensor.

    Args:
        tensors: all of the same length.

    Raises:
        AssertionError: their lengths differ.

    >>> TensorDataset(torch.arange(4), torch.ones(4, 2))[2]
    (tensor(2), tensor([1., 1.]))
    """

    def __init__(self, *tensors: Tensor):
        if any(tensors[0].size(0) != tensor.size(0) for tensor in tensors):
            raise AssertionError("Size mismatch between tensors")
        self.tensors = tensors

    def __getitem__(self, index):
        return tuple(tensor[index] for tensor in self.tensors)

    def __len__(self):
        return self.tensors[0].size(0)


class StackDataset(Dataset):
    """Sample i is the i-th sample of each data set, as a tuple; as a dict if they were given by name.

    Args:
        args: the data sets, for samples that are tuples.
        kwargs: named data sets, for samples that are dicts.

    Raises:
        ValueError: no data sets, of different lengths, or both with and without names.

    >>> torch.utils.data.StackDataset(image=[1, 2], label=["a", "b"])[1]
    {'image': 2, 'label': 'b'}
    """

    def __init__(self, *args: Dataset, **kwargs: Dataset):
        if args and kwargs:
            raise ValueError(
                "Supported either ``tuple``- (via ``args``) or``dict``- (via ``kwargs``) like input/output, but both types are given."
            )
        if not args and not kwargs:
            raise ValueError("At least one dataset should be passed")
        self.datasets = args or kwargs
        lengths = [len(dataset) for dataset in self._parts()]
        if any(length != lengths[0] for length in lengths):
            raise ValueError("Size mismatch between datasets")
        self._length = lengths[0]

    def _parts(self) -> list[Dataset]:
        return list(self.datasets.values() if isinstance(self.datasets, dict) else self.datasets)

    def _sample(self, values: Iterable):
        if isinstance(self.datasets, dict):
            return dict(zip(self.datasets, values, strict=True))
        return tuple(values)

    def __getitem__(self, index):
        return self._sample([dataset[index] for dataset in self._parts()])

    def __getitems__(self, indices: list[int]) -> list:
        columns = [samples(dataset, indices) for dataset in self._parts()]
        for column in columns:
            if len(column) != len(indices):
                raise ValueError(f"Nested dataset's output size mismatch. Expected {len(indices)}, got {len(column)}")
        return [self._sample(row) for row in zip(*columns, strict=True)]

    def __len__(self):
        return self._length


class ConcatDataset(Dataset[T]):
    """Several data sets one after another; `a + b` makes one.

    Args:
        datasets: the data sets.

    Raises:
        AssertionError: no data sets, or an IterableDataset among them.

    >>> both = torch.utils.data.ConcatDataset([["a", "b"], ["c"]])
    >>> len(both), both[2]
    (3, 'c')
    """

    datasets: list[Dataset[T]]
    cumulative_sizes: list[int]

    @staticmethod
    def cumsum(sequence: Iterable[Dataset]) -> list[int]:
        """The number of samples up to the end of each data set."""
        return list(itertools.accumulate(len(dataset) for dataset in sequence))

    def __init__(self, datasets: Iterable[Dataset]):
        self.datasets = list(datasets)
        if not self.datasets:
            raise AssertionError("datasets should not be an empty iterable")
        if any(isinstance(dataset, IterableDataset) for dataset in self.datasets):
            raise AssertionError("ConcatDataset does not support IterableDataset")
        self.cumulative_sizes = self.cumsum(self.datasets)

    def __len__(self):
        return self.cumulative_sizes[-1]

    def __getitem__(self, idx):
        if idx < 0:
            if -idx > len(self):
                raise ValueError("absolute value of index should not exceed dataset length")
            idx += len(self)
        i = bisect.bisect_right(self.cumulative_sizes, idx)
        return self.datasets[i][idx - self.cumulative_sizes[i - 1] if i else idx]

    @property
    def cummulative_sizes(self):
        """An old misspelling of `cumulative_sizes`."""
        warnings.warn("`cummulative_sizes` attribute is renamed to `cumulative_sizes`", FutureWarning, stacklevel=2)
        return self.cumulative_sizes


class ChainDataset(IterableDataset):
    """Several iterable data sets one after another; `a + b` makes one.

    Args:
        datasets: the data sets.

    Raises:
        AssertionError: (when it is used) one of them is not an IterableDataset.

    >>> class Count(torch.utils.data.IterableDataset):
    ...     def __iter__(self):
    ...         return iter(range(2))
    >>> list(torch.utils.data.ChainDataset([Count(), Count()]))
    [0, 1, 0, 1]
    """

    def __init__(self, datasets: Iterable[Dataset]):
        super().__init__()
        self.datasets = datasets

    def _parts(self) -> Iterator[IterableDataset]:
        for dataset in self.datasets:
            if not isinstance(dataset, IterableDataset):
                raise AssertionError("ChainDataset only supports IterableDataset")
            yield dataset

    def __iter__(self):
        for dataset in self._parts():
            yield from dataset

    def __len__(self):
        return sum(len(dataset) for dataset in self._parts())


class Subset(Dataset[T]):
    """Some samples of a data set: sample i is its sample number indices[i].

    Args:
        dataset: the data set.
        indices: sample numbers of the data set, in any order.

    Raises:
        NotImplementedError: a subclass overrides only `__getitem__`, which fetching a batch would not call.

    >>> list(torch.utils.data.Subset(["a", "b", "c"], [2, 0]))
    ['c', 'a']
    """

    dataset: Dataset[T]
    indices: Sequence[int]

    def __init__(self, dataset: Dataset[T], indices: Sequence[int]):
        self.dataset = dataset
        self.indices = indices
        kind = type(self)
        if kind.__getitem__ is not Subset.__getitem__ and kind.__getitems__ is Subset.__getitems__:
            raise NotImplementedError(
                f"{kind.__name__} overrides __getitem__ but not __getitems__. When subclassing Subset and "
                "overriding __getitem__, you must also override __getitems__ to ensure DataLoader works "
                "correctly with your custom logic. A simple implementation:\n\n"
                "def __getitems__(self, indices):\n    return [self.__getitem__(idx) for idx in indices]"
            )

    def __getitem__(self, idx):
        if isinstance(idx, list):
            return self.dataset[[self.indices[i] for i in idx]]
        return self.dataset[self.indices[idx]]

    def __getitems__(self, indices: list[int]) -> list[T]:
        return samples(self.dataset, [self.indices[idx] for idx in indices])

    def __len__(self):
        return len(self.indices)


def random_split(dataset: Dataset[T], lengths: Sequence[int | float], generator=None) -> list[Subset[T]]:
    """Split a data set into random parts that do not overlap.

    Args:
        lengths: the number of samples of each part, or fractions that add up to 1. Fractions are rounded down; the
            samples left over go to the first parts, one each.
        generator: None means the default one.

    Raises:
        ValueError: the lengths do not add up, or a fraction is outside [0, 1].

    >>> [len(part) for part in random_split(range(10), [0.75, 0.25])]
    [8, 2]
    """
    total = len(dataset)
    if math.isclose(sum(lengths), 1) and sum(lengths) <= 1:
        lengths = counts_of_fractions(total, lengths)
    if sum(lengths) != total:
        raise ValueError("Sum of input lengths does not equal the length of the input dataset!")
    order = permutation(total, order_stream(generator))
    ends = itertools.accumulate(lengths)
    return [Subset(dataset, order[end - n : end]) for n, end in zip(lengths, ends, strict=True)]


def counts_of_fractions(total: int, fractions: Sequence[float]) -> list[int]:
    for i, fraction in enumerate(fractions):
        if fraction < 0 or fraction > 1:
            raise ValueError(f"Fraction at index {i} is not between 0 and 1")
    counts = [math.floor(total * fraction) for fraction in fractions]
    for i in range(total - sum(counts)):
        counts[i % len(counts)] += 1
    for i, count in enumerate(counts):
        if count == 0:
            warnings.warn(f"Length of split at index {i} is 0. This might result in an empty dataset.", stacklevel=3)
    return counts


def samples(dataset: Dataset[T], indices: Sequence[int]) -> Sequence[T]:
    """The samples with these numbers, from `__getitems__` if the data set has it."""
    at_once = getattr(dataset, "__getitems__", None)
    return at_once(indices) if callable(at_once) else [dataset[i] for i in indices]


def whole_batch(dataset: Dataset, indices: Sequence[int]) -> list[Tensor] | None:
    """The collated batch of a plain TensorDataset, or of a Subset of one, with one gather for each tensor.

    None if the batch must be made from samples: for another data set, for an index out of range, or if a gradient is needed.
    """
    while _is_unchanged(dataset, Subset):
        indices = [dataset.indices[i] for i in indices]
        dataset = dataset.dataset
    if not _is_unchanged(dataset, TensorDataset) or not {type(i) for i in indices} <= _WHOLE:
        return None
    rows = np.array(indices, np.int64)
    columns = [_gather(tensor, rows) for tensor in dataset.tensors]
    return None if any(column is None for column in columns) else columns


_WHOLE = {int, np.int64, np.int32}


def needs_no_code(dataset: Dataset) -> bool:
    """Whether it is a plain TensorDataset or a Subset of one, so that no code of the user's runs for a sample."""
    while _is_unchanged(dataset, Subset):
        dataset = dataset.dataset
    return _is_unchanged(dataset, TensorDataset)


def _is_unchanged(dataset: Dataset, kind: type) -> bool:
    """Whether it is an instance of this class that does not override how samples are fetched."""
    own, given = type(dataset), ("__getitem__", "__getitems__")
    return isinstance(dataset, kind) and all(getattr(own, n, 0) is getattr(kind, n, 0) for n in given)


def _gather(tensor: Tensor, rows: np.ndarray) -> Tensor | None:
    length = tensor.size(0)
    if (
        tensor.__class__ is not Tensor
        or tensor.requires_grad
        or not rows.size
        or rows.min() < -length
        or rows.max() >= length
    ):
        return None
    host = tensor._host()
    return tensor[known(rows)] if host is None else known(host[rows])
