"""The entries of PyTorch's `op_db` that are public, and their samples."""

import itertools

import torch

from tests import torch_tables
from tests.parity.converting import function, named

# jiterator compiles CUDA source of the user; tests/public/test_tools.py is about torch.masked
_NOT_HERE = ("jiterator",)
_NO_MODULE = ("masked",)


def _is_public(entry):
    parts = entry.name.split(".")
    apart = any(word in entry.name for word in ("sparse", "nested", "quantized"))
    apart = apart or parts[0] in _NO_MODULE
    return not apart and not any(p.startswith("_") for p in parts) and not parts[0].startswith(_NOT_HERE)


ENTRIES = {
    f"{entry.name}.{entry.variant_test_name}".rstrip("."): entry
    for entry in torch_tables.module("common_methods_invocations").op_db
    if _is_public(entry) and entry.supported_dtypes("cpu")
}


def called(T, entry):
    """The function that an entry is about, of `T`."""
    if T is torch:
        return entry.op
    try:
        own = named(torch, entry.name) is entry.op
    except AttributeError:
        own = False
    return named(T, entry.name) if own else function(T, entry.op)


def variant(T, entry, kind):
    """The in-place or method form of an entry, of `T`; None where it has none."""
    theirs = getattr(entry, f"{kind}_variant")
    return None if theirs is None else function(T, theirs)


def samples(entry, dtype, count, requires_grad=False, largest=60_000):
    """Up to `count` sample inputs, evenly spread over all that have no more than `largest` elements."""
    torch.manual_seed(0)
    made = list(itertools.islice(entry.sample_inputs("cpu", dtype, requires_grad=requires_grad), 400))
    small = [s for s in made if _size(s) <= largest] or made
    step = max(len(small) / count, 1)
    return [small[int(i * step)] for i in range(min(count, len(small)))]


def _size(sample):
    """The elements of all tensors of a sample."""
    todo, total = [sample.input, sample.args, sample.kwargs], 0
    while todo:
        value = todo.pop()
        if isinstance(value, torch.Tensor):
            total += value.numel()
        elif isinstance(value, list | tuple):
            todo += value
        elif isinstance(value, dict):
            todo += value.values()
    return total
