"""An import path of PyTorch's: torch.utils.data.distributed."""

from jtorch.utils.data.sampler import DistributedSampler

__all__ = ["DistributedSampler"]
