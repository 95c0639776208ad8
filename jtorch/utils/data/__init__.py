"""torch.utils.data: data sets, samplers and the DataLoader.

Read in this order: sampler, dataset, _utils/collate, dataloader; then, for what happens with `num_workers`, the rest
of _utils: iterate, worker, worker_pool, server, messages and byvalue.
"""

from jtorch.utils.data import dataloader, dataset, distributed, sampler
from jtorch.utils.data._utils.collate import default_collate, default_convert
from jtorch.utils.data.dataloader import DataLoader
from jtorch.utils.data.dataset import (
    ChainDataset,
    ConcatDataset,
    Dataset,
    IterableDataset,
    StackDataset,
    Subset,
    TensorDataset,
    random_split,
)
from jtorch.utils.data.distributed import DistributedSampler
from jtorch.utils.data.sampler import (
    BatchSampler,
    RandomSampler,
    Sampler,
    SequentialSampler,
    SubsetRandomSampler,
    WeightedRandomSampler,
)
from jtorch.utils.data._utils.worker import get_worker_info

__all__ = [
    "BatchSampler",
    "ChainDataset",
    "ConcatDataset",
    "DataLoader",
    "Dataset",
    "DistributedSampler",
    "IterableDataset",
    "RandomSampler",
    "Sampler",
    "SequentialSampler",
    "StackDataset",
    "Subset",
    "SubsetRandomSampler",
    "TensorDataset",
    "WeightedRandomSampler",
    "default_collate",
    "default_convert",
    "get_worker_info",
    "random_split",
]
