"""The storages that are made in inference mode, and in functions that torch.func transforms.

A backward pass that would need a value from inference mode raises PyTorch's error.
"""

from __future__ import annotations

from jtorch.core.engine import add_fields, local
from jtorch.core.grad import INFERENCE, overwritten, watchers
from jtorch.core.tensor.storage import InferenceStorage, Storage
from jtorch.core.tensor.tensor import in_inference

add_fields(made_inside=())  # for each function that is being differentiated, outermost first: the storages it made
_blocks = 0  # open blocks of inference mode and transformed functions that run, in all threads


_alive = 0  # storages of inference mode; one that shares its memory when it goes is counted for ever


def _gone(storage):
    """Count a storage of inference mode that is deleted."""
    global _alive
    _alive -= 1
    if not _alive and in_inference is not None:  # it is None at the end of the process
        _set_handlers()


InferenceStorage.__del__ = _gone


def _new_storage(value):
    global _alive
    _alive += local.inference
    made = (InferenceStorage if local.inference else Storage)(value)
    for storages in local.made_inside:
        storages.add(made)
    return made


def watch_storages(change):
    """While a block is open in any thread, new storages are made by `_new_storage`."""
    global _blocks
    _blocks += change
    _set_handlers()


def _set_handlers():
    """What new storages are made by, and what checks lines with gradients: nothing, where no tensor of inference mode lives."""
    watched = _blocks or _alive
    in_inference(_new_storage if _blocks else Storage, _check_not_inference if watched else None)


def _check_not_inference(call, values, edges):
    """Raise if a backward pass would need a value that was made in inference mode."""
    made = [i for i, v in enumerate(values) if v.mark is INFERENCE]
    if made and not call.linear:
        saved = call.saved(tuple([v.type for v in values]), [edge is not None for edge in edges])
        for i in [i for i in made if i in saved]:
            raise overwritten(values[i])


watchers.append(watch_storages)
