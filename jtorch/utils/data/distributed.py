"""`torch.utils.data.distributed`: the part of a data set that belongs to one of several processes."""

from __future__ import annotations

import importlib
import math
from collections.abc import Sized

from jtorch.core.streams import RandomStream
from jtorch.utils.data.sampler import Sampler, permutation

__all__ = ["DistributedSampler"]


def _group_says(question):
    """What the default process group answers. `torch.distributed` is imported here, because few programs need it."""
    return getattr(importlib.import_module("jtorch.distributed"), question)()


class DistributedSampler(Sampler[int]):
    """The part of a data set that belongs to one of several processes. All parts have the same size.

    Args:
        dataset: only its length is read.
        num_replicas: the number of processes; None: that of the default process group.
        rank: the index of this process, from 0; None: its rank in the default process group.
        shuffle: use a random order, the same in all processes.
        seed: the seed of that order, the same in all processes.
        drop_last: leave out samples so that the parts are equal. False: repeat samples from the start instead.

    Raises:
        ValueError: rank is not in [0, num_replicas), or one of the two is not given and there is no process group.

    >>> list(torch.utils.data.DistributedSampler(range(5), num_replicas=2, rank=1, shuffle=False))
    [1, 3, 0]
    """

    def __init__(
        self,
        dataset: Sized,
        num_replicas: int | None = None,
        rank: int | None = None,
        shuffle: bool = True,
        seed: int = 0,
        drop_last: bool = False,
    ):
        if num_replicas is None:
            num_replicas = _group_says("get_world_size")
        if rank is None:
            rank = _group_says("get_rank")
        if rank >= num_replicas or rank < 0:
            raise ValueError(f"Invalid rank {rank}, rank should be in the interval [0, {num_replicas - 1}]")
        self.dataset = dataset
        self.num_replicas = num_replicas
        self.rank = rank
        self.epoch = 0
        self.drop_last = drop_last
        share = len(dataset) / num_replicas
        self.num_samples = math.floor(share) if drop_last else math.ceil(share)
        self.total_size = self.num_samples * num_replicas
        self.shuffle = shuffle
        self.seed = seed

    def __iter__(self):
        n = len(self.dataset)
        if self.shuffle:
            order = permutation(n, RandomStream(self.seed + self.epoch))
        else:
            order = range(n)
        # if more are missing than there are, start over as often as necessary
        return iter([order[i % n] for i in range(self.rank, self.total_size, self.num_replicas)])

    def __len__(self):
        return self.num_samples

    def set_epoch(self, epoch: int) -> None:
        """Set the number of the epoch, so that each epoch has its own order."""
        self.epoch = epoch
