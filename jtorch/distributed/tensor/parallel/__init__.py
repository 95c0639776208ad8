"""`torch.distributed.tensor.parallel`: modules whose weights are cut, so that each process computes a part of their products."""

from jtorch.distributed.tensor.parallel.api import parallelize_module
from jtorch.distributed.tensor.parallel.loss import loss_parallel
from jtorch.distributed.tensor.parallel.style import (
    ColwiseParallel,
    ParallelStyle,
    PrepareModuleInput,
    PrepareModuleInputOutput,
    PrepareModuleOutput,
    RowwiseParallel,
    SequenceParallel,
)

__all__ = [
    "ColwiseParallel",
    "ParallelStyle",
    "PrepareModuleInput",
    "PrepareModuleInputOutput",
    "PrepareModuleOutput",
    "RowwiseParallel",
    "SequenceParallel",
    "loss_parallel",
    "parallelize_module",
]
