"""Samplers: the order in which samples are taken.

Each draws PyTorch's random numbers in PyTorch's order, so a seed gives the same order in both. This includes the moment of a
draw: RandomSampler draws at the first `next`, not at `iter`.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence, Sized
from typing import Generic, TypeVar

import numpy as np

from jtorch.core.facts import devices, float64
from jtorch.core.ops.make.generator import Generator, stream_of
from jtorch.core.streams import RandomStream
from jtorch.core.tensor import as_tensor

T = TypeVar("T", covariant=True)


def order_stream(generator: Generator | None) -> RandomStream:
    """The random stream of a generator on the CPU; None: of the default generator.

    Samplers draw from it directly, so they give PyTorch's numbers on every device and record no line.
    """
    if generator is not None and not isinstance(generator, Generator):
        raise TypeError(f"generator should be a torch.Generator, but got {type(generator).__name__}")
    return stream_of(devices.CPU, generator)


def permutation(n: int, source: RandomStream) -> list[int]:
    return source.randperm(n).tolist()


def positive_int(name: str, value, also_bool: bool = False) -> int:
    if not isinstance(value, int) or value <= 0 or (isinstance(value, bool) and not also_bool):
        raise ValueError(f"{name} should be a positive integer value, but got {name}={value}")
    return value


def started(iterable: Iterable[T]) -> Iterator[T]:
    """An iterator over `iterable`, which `islice` and `zip` may take from piece by piece.

    They call `iter` on what they are given. An object that is its own iterator may begin anew then; this iterator does not.
    """
    return map(next, itertools.repeat(iter(iterable)))


class Sampler(Generic[T]):
    """The base of samplers. A subclass defines `__iter__` over sample numbers (or lists of them), and `__len__`.

    >>> class Even(torch.utils.data.Sampler):
    ...     def __iter__(self):
    ...         return iter([0, 2])
    >>> [batch.tolist() for batch in torch.utils.data.DataLoader([5, 6, 7], sampler=Even())]
    [[5], [7]]
    """

    def __iter__(self) -> Iterator[T]:
        raise NotImplementedError


class SequentialSampler(Sampler[int]):
    """0, 1, 2, ... len(data_source) - 1.

    Args:
        data_source: only its length is read.

    >>> list(torch.utils.data.SequentialSampler(["a", "b"]))
    [0, 1]
    """

    data_source: Sized

    def __init__(self, data_source: Sized):
        self.data_source = data_source

    def __iter__(self):
        return iter(range(len(self.data_source)))

    def __len__(self):
        return len(self.data_source)


class RandomSampler(Sampler[int]):
    """The samples in random order.

    Args:
        data_source: the data set, of which only `len` is used.
        replacement: draw each sample from all samples.
        num_samples: the number of samples to draw; None: as many as the data set has.
        generator: None: a new one for each pass, seeded from the default one.

    Raises:
        TypeError: replacement is not a bool.
        ValueError: num_samples is not a positive int.

    >>> _ = torch.manual_seed(0)
    >>> list(RandomSampler(range(5)))
    [1, 3, 4, 2, 0]
    """

    data_source: Sized
    replacement: bool

    def __init__(
        self,
        data_source: Sized,
        replacement: bool = False,
        num_samples: int | None = None,
        generator: Generator | None = None,
    ):
        self.data_source = data_source
        self.replacement = replacement
        self._num_samples = num_samples
        self.generator = generator
        if not isinstance(replacement, bool):
            raise TypeError(f"replacement should be a boolean value, but got replacement={replacement}")
        positive_int("num_samples", self.num_samples, also_bool=True)

    @property
    def num_samples(self) -> int:
        """The number of samples in one pass."""
        return len(self.data_source) if self._num_samples is None else self._num_samples

    def __iter__(self):
        n, wanted = len(self.data_source), self.num_samples
        source = order_stream(self.generator)
        if self.generator is None:
            source = RandomStream(source.base_seed())
        if self.replacement:
            # in chunks of 32, as in PyTorch, so that an interrupted pass has drawn as many numbers
            for lot in itertools.chain(itertools.repeat(32, wanted // 32), (wanted % 32,)):
                yield from source.random((lot,), np.int64, 0, n).tolist()
            return
        for _ in range(wanted // n):
            yield from permutation(n, source)
        # drawn even if none of it is used, as in PyTorch, so that the generator's state is the same
        yield from permutation(n, source)[: wanted % n]

    def __len__(self):
        return self.num_samples


class SubsetRandomSampler(Sampler[int]):
    """The given sample numbers in random order, each of them once.

    Args:
        indices: the sample numbers.
        generator: None: the default one.

    >>> sorted(torch.utils.data.SubsetRandomSampler([4, 2]))
    [2, 4]
    """

    indices: Sequence[int]

    def __init__(self, indices: Sequence[int], generator: Generator | None = None):
        self.indices = indices
        self.generator = generator

    def __iter__(self):
        for i in permutation(len(self.indices), order_stream(self.generator)):
            yield self.indices[i]

    def __len__(self):
        return len(self.indices)


class WeightedRandomSampler(Sampler[int]):
    """Sample numbers drawn with the given weights.

    Args:
        weights: one for each sample, not negative; they need not add up to 1.
        num_samples: the number of samples to draw.
        replacement: whether a sample may be drawn again.
        generator: None: the default one.

    Raises:
        ValueError: num_samples is not a positive int, replacement is not a bool, or weights is not one-dimensional.

    >>> list(torch.utils.data.WeightedRandomSampler([0.0, 1.0], 3))
    [1, 1, 1]
    """

    num_samples: int
    replacement: bool

    def __init__(
        self,
        weights: Sequence[float],
        num_samples: int,
        replacement: bool = True,
        generator: Generator | None = None,
    ):
        self.num_samples = positive_int("num_samples", num_samples)
        if not isinstance(replacement, bool):
            raise ValueError(f"replacement should be a boolean value, but got replacement={replacement}")
        self.weights = as_tensor(weights, dtype=float64)
        if self.weights.dim() != 1:
            shape = tuple(self.weights.shape)
            raise ValueError(f"weights should be a 1d sequence but given weights have shape {shape}")
        self.replacement = replacement
        self.generator = generator

    def __iter__(self):
        source = order_stream(self.generator)
        yield from source.multinomial(self.weights._to_numpy(), self.num_samples, self.replacement).tolist()

    def __len__(self):
        return self.num_samples


class BatchSampler(Sampler[list[int]]):
    """Lists of batch_size sample numbers from another sampler.

    Args:
        sampler: any iterable.
        drop_last: leave out the last list if it is shorter.

    Raises:
        ValueError: batch_size is not a positive int, or drop_last is not a bool.

    >>> list(BatchSampler(SequentialSampler(range(5)), batch_size=2, drop_last=False))
    [[0, 1], [2, 3], [4]]
    """

    def __init__(self, sampler: Sampler[int] | Iterable[int], batch_size: int, drop_last: bool):
        positive_int("batch_size", batch_size)
        if not isinstance(drop_last, bool):
            raise ValueError(f"drop_last should be a boolean value, but got drop_last={drop_last}")
        self.sampler = sampler
        self.batch_size = batch_size
        self.drop_last = drop_last

    def __iter__(self):
        numbers = started(self.sampler)
        while batch := list(itertools.islice(numbers, self.batch_size)):
            if len(batch) == self.batch_size or not self.drop_last:
                yield batch

    def __len__(self):
        full, rest = divmod(len(self.sampler), self.batch_size)
        return full if self.drop_last or not rest else full + 1
