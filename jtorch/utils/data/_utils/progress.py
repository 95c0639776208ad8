"""How far a pass over a DataLoader has come, and how a new loader takes it up again: `DataLoader.state_dict`."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from jtorch.core.ops.make.generator import Generator
from jtorch.core.tensor import from_numpy
from jtorch.utils.data.sampler import order_stream


@dataclasses.dataclass
class Progress:
    """The batches that a pass has given, and the random streams as they were when it began."""

    states: list[np.ndarray]
    given: int = 0
    ended: bool = False


def streams_of(loader) -> list:
    """The random streams that decide the order of the samples: the loader's, and its sampler's if that is another."""
    own = getattr(loader.sampler, "generator", None)
    streams = [order_stream(loader.generator)]
    if isinstance(own, Generator) and order_stream(own) is not streams[0]:
        streams.append(order_stream(own))
    return streams


def begun(loader) -> Progress:
    """The progress of a pass that begins now."""
    return Progress([stream.get_state() for stream in streams_of(loader)])


def saved(loader, progress: Progress | None) -> dict[str, Any]:
    """The progress as a dict that `torch.save` can write."""
    running = progress is not None and not progress.ended
    state: dict[str, Any] = {"batches_given": progress.given if running else 0}
    if running and progress.given:
        state["rng_states"] = [from_numpy(each.copy()) for each in progress.states]
        if loader.num_workers == 0 and hasattr(loader.dataset, "state_dict"):
            state["dataset_state"] = loader.dataset.state_dict()
    return state


def resumed(loader, state: dict[str, Any], make_pass):
    """A pass that goes on after the batches that were given.

    The order is drawn again from the streams as they were. The default stream is then put back: it is the program's, which
    saves and loads it by itself.
    """
    given, restored = state["batches_given"], "dataset_state" in state
    if not given:
        return make_pass()
    if restored:
        loader.dataset.load_state_dict(state["dataset_state"])
    streams = streams_of(loader)
    before = [stream.get_state() for stream in streams]
    for stream, kept in zip(streams, state["rng_states"], strict=True):
        stream.set_state(kept.numpy())
    loader._skipped = 0 if loader._is_iterable else given
    try:
        made = make_pass()
    finally:
        loader._skipped = 0
    if loader._is_iterable and not restored:
        for _ in range(given):
            made.next_batch()
    made.progress.given = given
    default = order_stream(None)
    for stream, kept in zip(streams, before, strict=True):
        if stream is default:
            stream.set_state(kept)
    return made
