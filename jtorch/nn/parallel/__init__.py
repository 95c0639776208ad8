"""`torch.nn.parallel`: modules spread over devices and processes."""

import importlib

from jtorch.nn.parallel.data_parallel import DataParallel, data_parallel
from jtorch.nn.parallel.parallel_apply import parallel_apply
from jtorch.nn.parallel.replicate import replicate
from jtorch.nn.parallel.scatter_gather import gather, scatter

__all__ = [
    "DataParallel",
    "data_parallel",
    "gather",
    "parallel_apply",
    "replicate",
    "scatter",
]


def __getattr__(name):
    """`DistributedDataParallel` and its module need `torch.distributed`, which is imported when it is asked for."""
    if name in ("DistributedDataParallel", "distributed"):
        module = importlib.import_module("jtorch.nn.parallel.distributed")
        return module if name == "distributed" else module.DistributedDataParallel
    raise AttributeError(f"module 'jtorch.nn.parallel' has no attribute {name!r}")
