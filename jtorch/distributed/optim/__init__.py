"""`torch.distributed.optim`: optimizers whose state is cut over processes."""

from jtorch.distributed.optim.zero_redundancy_optimizer import ZeroRedundancyOptimizer

__all__ = ["ZeroRedundancyOptimizer"]
