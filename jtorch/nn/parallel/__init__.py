"""`torch.nn.parallel`: modules spread over devices, here over one.

JAX's own sharding spreads XLA programs over devices, so these keep PyTorch's interface for one device and one process:
the wrapped module is called as it is.
"""

from jtorch.nn.parallel.data_parallel import DataParallel, data_parallel
from jtorch.nn.parallel.distributed import DistributedDataParallel
from jtorch.nn.parallel.parallel_apply import parallel_apply
from jtorch.nn.parallel.replicate import replicate
from jtorch.nn.parallel.scatter_gather import gather, scatter

__all__ = [
    "DataParallel",
    "DistributedDataParallel",
    "data_parallel",
    "gather",
    "parallel_apply",
    "replicate",
    "scatter",
]
