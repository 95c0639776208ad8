"""`torch.utils.data.distributed`: the part of a data set that belongs to one of several processes."""

from __future__ import annotations

import math
from collections.abc import Sized

from jtorch.core.streams import Stream
from jtorch.utils.data.sampler import Sampler, permutation

__all__ = ["DistributedSampler"]


class DistributedSampler(Sampler[int]):
    """The part of a data set that belongs to one of several processes, the same number for each.

    Args:
        num_replicas: how many processes.
        rank: which one this is, from 0.
        shuffle: in random order, the same in all processes.
        seed: of that order, the same in all processes.
        drop_last: leave out the rest of the division; else samples from the start make it up.

    Raises:
        ValueError: rank is not in [0, num_replicas), or one of the two is not given: there is no
            process group to ask.

    >>> list(DistributedSampler(range(5), num_replicas=2, rank=1, shuffle=False))
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
        if num_replicas is None or rank is None:
            raise ValueError(
                "Default process group has not been initialized, please make sure to call init_process_group."
            )
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
            order = permutation(n, Stream(self.seed + self.epoch))
        else:
            order = range(n)
        # more than there are starts over, as often as it takes
        return iter([order[i % n] for i in range(self.rank, self.total_size, self.num_replicas)])

    def __len__(self):
        return self.num_samples

    def set_epoch(self, epoch: int) -> None:
        """Give the number of the pass, so that each has an order of its own."""
        self.epoch = epoch
