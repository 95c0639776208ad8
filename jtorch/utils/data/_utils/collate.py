"""Makes a batch of samples: stacks tensors, turns numbers into tensors, and does so inside containers.

Tensors and arrays on the host are stacked there with NumPy. The batch goes to the device with the step that uses it, so
an input pipeline records no lines and compiles nothing.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Mapping, MutableMapping, MutableSequence, Sequence
from typing import Any

import jax
import numpy as np

from jtorch.core.facts import dtypes
from jtorch.core.ops.gather.joining import stack
from jtorch.core.tensor import Tensor, as_tensor, known, overridable, tensor

default_collate_err_msg_format = (
    "default_collate: batch must contain tensors, numpy arrays, numbers, dicts or lists; found {}"
)
np_str_obj_array_pattern = re.compile(r"[SaUO]")  # NumPy's letters of types whose arrays are not tensors


def default_collate(batch: Sequence) -> Any:
    """Make one batch of a list of samples. Its new first dimension counts the samples.

    Tensors, arrays and numbers become one tensor (Python floats become float64, ints int64). Strings stay a list. A
    tuple, list or dict of these becomes a list or dict of batches. Other types of samples: `default_collate_fn_map`.

    Raises:
        RuntimeError: samples of different shapes, or lists of different lengths.
        TypeError: a sample of another type.

    >>> default_collate([(1, {"a": 2.0}), (3, {"a": 4.0})])
    [tensor([1, 3]), {'a': tensor([2., 4.], dtype=torch.float64)}]
    """
    return collate(batch, collate_fn_map=default_collate_fn_map)


def collate(batch: Sequence, *, collate_fn_map: dict[Any, Callable] | None = None) -> Any:
    """One batch of samples. A table says, by the type of the samples, which function makes it.

    A sample's own type is looked up first, then the first entry that it is an instance of. Mappings and sequences that the
    table does not know become mappings and sequences of batches.

    Raises:
        RuntimeError: lists of different lengths.
        TypeError: a sample of a type that the table does not know.

    >>> collate([{"a": 1}, {"a": 2}], collate_fn_map={int: lambda batch, collate_fn_map: sum(batch)})
    {'a': 3}
    """
    first = batch[0]
    if collate_fn_map is not None:
        made = collate_fn_map.get(type(first)) or next(
            (made for kinds, made in collate_fn_map.items() if isinstance(first, kinds)), None
        )
        if made is not None:
            return made(batch, collate_fn_map=collate_fn_map)
    if isinstance(first, Mapping):
        entries = {key: collate([sample[key] for sample in batch], collate_fn_map=collate_fn_map) for key in first}
        return like_mapping(first, entries)
    if isinstance(first, Sequence):
        return _collate_sequences(batch, collate_fn_map)
    raise TypeError(default_collate_err_msg_format.format(type(first)))


def default_convert(data: Any) -> Any:
    """Turn the NumPy arrays in a sample into tensors, at any depth. For loaders that make no batches."""
    if isinstance(data, Tensor):
        return data
    if isinstance(data, jax.Array):
        return as_tensor(data)
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


def collate_tensor_fn(batch: Sequence[Tensor], *, collate_fn_map: dict[Any, Callable] | None = None) -> Tensor:
    """A batch of tensors: `stack`."""
    return stack_samples(batch)


def collate_numpy_array_fn(batch: Sequence[np.ndarray], *, collate_fn_map: dict[Any, Callable] | None = None) -> Any:
    """A batch of NumPy arrays: a tensor, or what the table makes of tensors.

    Raises:
        TypeError: arrays of texts or objects.
    """
    first = batch[0]
    if np_str_obj_array_pattern.search(first.dtype.str):
        raise TypeError(default_collate_err_msg_format.format(first.dtype))
    own = collate_fn_map is not None and collate_fn_map.get(Tensor) is collate_tensor_fn
    if own and all(isinstance(array, np.ndarray) and is_ordinary(array) for array in batch) and alike(batch):
        return known(np.stack(batch))
    return collate([as_tensor(array) for array in batch], collate_fn_map=collate_fn_map)


def collate_jax_array_fn(batch: Sequence[jax.Array], *, collate_fn_map: dict[Any, Callable] | None = None) -> Any:
    """A batch of JAX's arrays: a tensor, or what the table makes of tensors."""
    return collate([as_tensor(array) for array in batch], collate_fn_map=collate_fn_map)


def collate_numpy_scalar_fn(batch: Sequence[Any], *, collate_fn_map: dict[Any, Callable] | None = None) -> Tensor:
    """A batch of NumPy's numbers: a tensor of their dtype."""
    return as_tensor(batch)


def collate_float_fn(batch: Sequence[float], *, collate_fn_map: dict[Any, Callable] | None = None) -> Tensor:
    """A batch of Python's floats: a tensor of float64."""
    return tensor(batch, dtype=dtypes.float64)


def collate_int_fn(batch: Sequence[int], *, collate_fn_map: dict[Any, Callable] | None = None) -> Tensor:
    """A batch of Python's whole numbers: a tensor of int64."""
    return tensor(batch)


def collate_str_fn(batch: Sequence, *, collate_fn_map: dict[Any, Callable] | None = None) -> Sequence:
    """A batch of texts: the texts."""
    return batch


# Libraries add types of their own to it.
default_collate_fn_map: dict[Any, Callable] = {
    Tensor: collate_tensor_fn,
    np.ndarray: collate_numpy_array_fn,
    jax.Array: collate_jax_array_fn,
    (np.bool_, np.number, np.object_): collate_numpy_scalar_fn,
    float: collate_float_fn,
    int: collate_int_fn,
    str: collate_str_fn,
    bytes: collate_str_fn,
}


def is_ordinary(array: np.ndarray) -> bool:
    """Whether `as_tensor` takes the array without an error or a warning."""
    return array.flags.writeable and array.dtype.isnative and min(array.strides, default=0) >= 0


def _collate_sequences(batch: Sequence[Sequence], collate_fn_map: dict[Any, Callable] | None) -> Any:
    first = batch[0]
    if is_named(first):
        columns = zip(*batch, strict=False)
        return type(first)(*(collate(column, collate_fn_map=collate_fn_map) for column in columns))
    if any(len(sample) != len(first) for sample in batch):
        raise RuntimeError("each element in list of batch should be of equal size")
    columns = [collate(column, collate_fn_map=collate_fn_map) for column in zip(*batch, strict=True)]
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
