"""NumPy arrays from Python data: numbers, nested sequences, and tensors and arrays inside them.

As in PyTorch, the shape follows from the first element at each depth and the dtype from all elements, and then every element
must fit both. This file makes no tensors.
"""

from __future__ import annotations

import jax
import numpy as np

from jtorch.core.facts import dtypes, limits, warn_user
from jtorch.core.tensor.tensor import Tensor

_CATEGORY = {bool: dtypes.BOOL, int: dtypes.INT, float: dtypes.FLOAT, complex: dtypes.COMPLEX}
_MOST_DIMS = 128
_SMALL = 1e4  # any type of floats holds such numbers


def host_array(data, d=None) -> np.ndarray:
    """A private NumPy array of Python data, in dtype `d` or the one that PyTorch infers (arrays keep their own).

    Raises:
        TypeError: something that is not a number.
        ValueError: nested lists of uneven lengths, or a tensor of several elements inside a list.
        RuntimeError: a number that the dtype cannot hold.
    """
    if isinstance(data, np.ndarray | np.generic):
        dtypes.of(data.dtype)
        return np.array(data, data.dtype.newbyteorder("="))
    if isinstance(data, jax.Array):
        return np.array(data)
    kind = data.__class__
    if kind is list and d is None and _all_small(data):
        return np.array(data, dtypes.default_of(_CATEGORY[data[0].__class__]).np)
    if kind in _CATEGORY:
        target = d or dtypes.default_of(_CATEGORY[kind])
        if kind is not complex and target.category > dtypes.INT and target.np and abs(data) < _SMALL:
            return np.array(data, target.np)
        return _number_array([data], target).reshape(())
    if isinstance(data, str | bytes):
        raise TypeError(f"new(): invalid data type '{kind.__name__}'")
    if not _is_sequence(data) and hasattr(data, "__array__"):
        return np.array(data)
    if isinstance(data, list) and data and isinstance(data[0], np.ndarray):
        warn_user(
            "Creating a tensor from a list of numpy.ndarrays is extremely slow. "
            "Please consider converting the list to a single numpy.ndarray with numpy.array() before converting to a tensor.",
        )
    sizes = _nested_sizes(data)
    d = d or _inferred(data)
    if 0 in sizes:
        return np.zeros(sizes, d.np)
    flat = []
    _flatten(data, sizes, 0, flat)
    return _number_array(flat, d).reshape(sizes)


def _all_small(data):
    """Whether a list holds either ints or floats that any default type of them can hold, and nothing else."""
    kinds = {*map(type, data)}
    return (kinds == {float} or kinds == {int}) and -_SMALL < min(data) and max(data) < _SMALL


def _is_sequence(data):
    """Whether PyTorch takes its elements: Python's sequences, also strings and arrays; not tensors, dicts or sets."""
    if data.__class__ in (list, tuple):
        return True
    if data.__class__ in _CATEGORY or isinstance(data, Tensor | dict | np.generic):
        return False
    return hasattr(data, "__len__") and hasattr(data, "__getitem__") and getattr(data, "shape", True) != ()


def _nested_sizes(data):
    sizes = []
    while _is_sequence(data):
        sizes.append(len(data))
        if len(sizes) > _MOST_DIMS:
            raise ValueError(f"too many dimensions '{type(data).__name__}'")
        if not sizes[-1]:
            break
        data = data[0]
    return sizes


def _inferred(data):
    """The common dtype of all elements."""
    kind = data.__class__
    if kind in _CATEGORY:
        return dtypes.default_of(_CATEGORY[kind])
    if isinstance(data, Tensor):
        return data.dtype
    if isinstance(data, np.generic | np.ndarray | jax.Array):
        return dtypes.of(data.dtype)
    if isinstance(data, str | bytes):
        raise TypeError(f"new(): invalid data type '{kind.__name__}'")
    if not _is_sequence(data):
        number = next((k for k in (int, float, complex) if isinstance(data, k)), None)
        if number is None:
            raise RuntimeError(f"Could not infer dtype of {kind.__name__}")
        return dtypes.default_of(_CATEGORY[number])
    kinds = set(map(type, data))
    if kinds <= _CATEGORY.keys():
        return dtypes.default_of(max(map(_CATEGORY.get, kinds), default=dtypes.FLOAT))
    found = None
    for item in data:
        d = _inferred(item)
        found = d if found is None else dtypes.promote_types(found, d)
    return found


def _flatten(data, sizes, depth, flat):
    if depth == len(sizes):
        flat.append(data)
        return
    if not hasattr(data, "__iter__") or (isinstance(data, Tensor | np.ndarray) and not data.ndim):
        raise TypeError("not a sequence")
    if isinstance(data, set | frozenset):
        data = list(data)
    if len(data) != sizes[depth]:
        raise ValueError(f"expected sequence of length {sizes[depth]} at dim {depth} (got {len(data)})")
    if depth + 1 == len(sizes):
        flat.extend(data)
        return
    for item in data:
        _flatten(item, sizes, depth + 1, flat)


def _number_array(flat, d):
    """A vector of numbers in a dtype."""
    if not d.computed:
        return d.np  # raises NotImplementedError
    odd = set(map(type, flat)) - _CATEGORY.keys()
    if odd:
        flat = [x if x.__class__ in _CATEGORY else _number(x, d) for x in flat]
    if d.category == dtypes.BOOL:
        return np.array([bool(x) for x in flat], np.bool_)
    if d.category < dtypes.COMPLEX and any(x.__class__ is complex for x in flat):
        raise TypeError(_no_number("complex", d))
    if d.category == dtypes.INT:
        return _integer_array(flat, d)
    wide = np.array(flat, np.complex128 if d.category == dtypes.COMPLEX else np.float64)
    with np.errstate(over="ignore"):
        return wide.astype(d.np)


def _integer_array(flat, d):
    for x in flat:
        if d is dtypes.uint64 and x.__class__ is int:
            x.to_bytes(8, "little")  # Python's error for an integer out of range is PyTorch's
        elif x.__class__ is int and not -(2**63) <= x < 2**63:
            raise ValueError("Overflow when unpacking long long")
        limits.must_hold(d, x, d.name)
    made = [int(x) for x in flat]
    return np.array(made, np.int64 if any(x < 0 for x in made) else d.np).astype(d.np)


def _number(x, d):
    """The Python number for another object that may be used as one."""
    if isinstance(x, Tensor):
        return _CATEGORY_TYPES[x.dtype.category](x)
    if isinstance(x, np.generic):
        return x.item()
    if isinstance(x, int | float | complex) or d.category == dtypes.BOOL:
        return next((k(x) for k in (int, float, complex) if isinstance(x, k)), bool(x))
    if isinstance(x, np.ndarray | jax.Array) and x.ndim == 0:
        return x.item()
    raise TypeError(_no_number(type(x).__name__, d))


_CATEGORY_TYPES = {category: kind for kind, category in _CATEGORY.items()} | {dtypes.BOOL: int}


def _no_number(kind, d):
    if d.category == dtypes.INT:
        return f"'{kind}' object cannot be interpreted as an integer"
    return f"must be real number, not {kind}"
