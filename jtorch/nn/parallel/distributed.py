"""`torch.nn.parallel.distributed`: DistributedDataParallel by its long path."""

from jtorch.nn.parallel import DistributedDataParallel

__all__ = ["DistributedDataParallel"]
