"""Inference mode: the storages it makes, and the error for a value from there that a backward pass would need."""

from __future__ import annotations

from jtorch.core.engine import local
from jtorch.core.grad import INFERENCE, overwritten, watchers
from jtorch.core.tensor.storage import InferenceStorage, Storage
from jtorch.core.tensor.tensor import in_inference

_blocks = 0  # open blocks of inference mode, in all threads


def _new_storage(value):
    return (InferenceStorage if local.inference else Storage)(value)


def _count_blocks(change):
    """While a block is open in any thread, new storages are made by `_new_storage`."""
    global _blocks
    _blocks += change
    in_inference(_new_storage if _blocks else Storage, _check_not_inference)


def _check_not_inference(call, values, edges):
    """Raise if a backward pass would need a value that was made in inference mode."""
    made = [i for i, v in enumerate(values) if v.mark is INFERENCE]
    if made and not call.linear:
        saved = call.saved(tuple([v.type for v in values]), [edge is not None for edge in edges])
        for i in [i for i in made if i in saved]:
            raise overwritten(values[i])


watchers.append(_count_blocks)
