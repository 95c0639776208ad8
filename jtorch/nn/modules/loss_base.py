"""The bases of the losses: a reduction, and a weight for each class or element."""

from __future__ import annotations

from jtorch.core.ops.losses import basic
from jtorch.nn.modules.module import Module


class _Loss(Module):
    __module__ = "jtorch.nn.modules.loss"  # where PyTorch has it: files name it

    def __init__(self, size_average=None, reduce=None, reduction="mean"):
        super().__init__()
        self.reduction = basic.reduction_of(size_average, reduce, reduction)


class _WeightedLoss(_Loss):
    __module__ = "jtorch.nn.modules.loss"  # where PyTorch has it: files name it

    def __init__(self, weight=None, size_average=None, reduce=None, reduction="mean"):
        super().__init__(size_average, reduce, reduction)
        self.register_buffer("weight", weight)
