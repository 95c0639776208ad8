"""`torch.distributed.optim`: optimizers whose state is cut over processes. jtorch has none: see `fully_shard`."""

from __future__ import annotations

from jtorch.optim.optimizer import Optimizer

__all__ = ["ZeroRedundancyOptimizer"]


class ZeroRedundancyOptimizer(Optimizer):
    """An optimizer whose state is cut over processes. Making one raises NotImplementedError."""

    def __init__(self, params, optimizer_class, **options):
        raise NotImplementedError(
            "torch.distributed.optim.ZeroRedundancyOptimizer: use the optimizer itself; each process then has all of its state"
        )
