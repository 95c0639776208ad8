"""Makes a batch of samples: stacks tensors, turns numbers into tensors, and does so inside containers.

Tensors and arrays on the host are stacked there with NumPy. The batch goes to the device with the step that uses it, so
an input pipeline records no lines and compiles nothing.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, MutableMapping, MutableSequence, Sequence
from typing import Any

import numpy as np

from jtorch.core.facts import dtypes
from jtorch.core.ops.gather.join import stack
from jtorch.core.tensor import Tensor, as_tensor, known, overridable, tensor

UNKNOWN = "default_collate: batch must contain tensors, numpy arrays, numbers, dicts or lists; found {}"


def default_collate(batch: Sequence) -> Any:
    """Make one batch of a list of samples. Its new first dimension counts the samples.

    Tensors, arrays and numbers become one tensor (Python floats become float64, ints int64). Strings stay a list. A
    tuple, list or dict of these becomes a list or dict of batches.

    Raises:
        RuntimeError: samples of different shapes, or lists of different lengths.
        TypeError: a sample of another type.

    >>> default_collate([(1, {"a": 2.0}), (3, {"a": 4.0})])
    [tensor([1, 3]), {'a': tensor([2., 4.], dtype=torch.float64)}]
    """
    first = batch[0]
    if isinstance(first, Tensor):
        return stack_samples(batch)
    if isinstance(first, (np.ndarray, np.generic)) and not isinstance(first, (str, bytes)):
        return collate_arrays(batch)
    if isinstance(first, float):
        return tensor(batch, dtype=dtypes.float64)
    if isinstance(first, int):
        return tensor(batch)
    if isinstance(first, (str, bytes)):
        return batch
    if isinstance(first, Mapping):
        entries = {key: default_collate([sample[key] for sample in batch]) for key in first}
        return like_mapping(first, entries)
    if isinstance(first, Sequence):
        return collate_sequences(batch)
    raise TypeError(UNKNOWN.format(type(first)))


def default_convert(data: Any) -> Any:
    """Turn the NumPy arrays in a sample into tensors, at any depth. For loaders that make no batches."""
    if isinstance(data, Tensor):
        return data
    if isinstance(data, (np.ndarray, np.generic)) and not isinstance(data, (str, bytes)):
        return data if data.dtype.kind in "SUO" else as_tensor(data)
    if isinstance(data, Mapping):
        return like_mapping(data, {key: default_convert(data[key]) for key in data})
    if isinstance(data, Sequence) and not isinstance(data, (str, bytes)):
        entries = [default_convert(entry) for entry in data]
        return entries if isinstance(data, tuple) and not is_named(data) else like_sequence(data, entries)
    return data


_stack = overridable(stack)  # samples of a subclass of Tensor decide what their batch is


def stack_samples(batch: Sequence[Tensor]) -> Tensor:
    """`stack(batch)`; on the host if all samples are there."""
    hosts = [t._host() if t.__class__ is Tensor and not t.requires_grad else None for t in batch]
    return known(np.stack(hosts)) if alike(hosts) else _stack(batch)


def alike(arrays: Sequence[np.ndarray | None]) -> bool:
    """Whether all are arrays of the same shape and dtype."""
    first = arrays[0]
    return all(a is not None and a.shape == first.shape and a.dtype == first.dtype for a in arrays)


def collate_arrays(batch: Sequence[np.ndarray]) -> Tensor:
    first = batch[0]
    if isinstance(first, np.generic):
        if first.dtype.kind in "MmOV":
            raise TypeError(UNKNOWN.format(type(first)))
        return as_tensor(batch)
    if first.dtype.kind in "SUO":
        raise TypeError(UNKNOWN.format(first.dtype))
    if all(isinstance(array, np.ndarray) and is_ordinary(array) for array in batch) and alike(batch):
        return known(np.stack(batch))
    return stack_samples([as_tensor(array) for array in batch])


def is_ordinary(array: np.ndarray) -> bool:
    """Whether `as_tensor` takes the array without an error or a warning."""
    return array.flags.writeable and array.dtype.isnative and min(array.strides, default=0) >= 0


def collate_sequences(batch: Sequence[Sequence]) -> Any:
    first = batch[0]
    if is_named(first):
        return type(first)(*(default_collate(column) for column in zip(*batch, strict=False)))
    if any(len(sample) != len(first) for sample in batch):
        raise RuntimeError("each element in list of batch should be of equal size")
    columns = [default_collate(column) for column in zip(*batch, strict=True)]
    return columns if isinstance(first, tuple) else like_sequence(first, columns)


def is_named(data: Any) -> bool:
    return isinstance(data, tuple) and hasattr(data, "_fields")


def like_mapping(data: Mapping, entries: dict) -> Mapping:
    """The entries in a mapping of the same class, or in a dict if that class cannot be constructed from them."""
    try:
        if isinstance(data, MutableMapping):
            made = copy.copy(data)
            made.update(entries)
            return made
        return type(data)(entries)
    except TypeError:
        return entries


def like_sequence(data: Sequence, entries: list) -> Sequence:
    """The entries in a sequence of the same class, or in a list if that class cannot be constructed from them."""
    if is_named(data):
        return type(data)(*entries)
    try:
        if isinstance(data, MutableSequence):
            made = copy.copy(data)
            for i, entry in enumerate(entries):
                made[i] = entry
            return made
        return type(data)(entries)
    except TypeError:
        return entries
