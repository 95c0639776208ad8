"""`torch.distributed.optim`: optimizers whose state is spread over processes. They are not built."""

from __future__ import annotations

from jtorch.optim.optimizer import Optimizer

__all__ = ["ZeroRedundancyOptimizer"]


class ZeroRedundancyOptimizer(Optimizer):
    """An optimizer whose state is spread over processes. Making one raises NotImplementedError."""

    def __init__(self, params, optimizer_class, **options):
        raise NotImplementedError(
            "torch.distributed.optim.ZeroRedundancyOptimizer: use the optimizer itself; each process then has all of its state"
        )
