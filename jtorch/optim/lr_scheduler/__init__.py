"""torch.optim.lr_scheduler: the learning rate of each parameter group as a function of the step.

Plain Python over `optimizer.param_groups`, in PyTorch's order of float operations, so that every rate
equals PyTorch's to the last bit. Knows nothing of JAX: a rate is a value of the trace, never a constant,
so no schedule ever causes a compile.
"""

from jtorch.optim.lr_scheduler.base import EPOCH_DEPRECATION_WARNING, LRScheduler
from jtorch.optim.lr_scheduler.decay import (
    ConstantLR,
    CosineAnnealingLR,
    ExponentialLR,
    LambdaLR,
    LinearLR,
    MultiplicativeLR,
    MultiStepLR,
    PolynomialLR,
    StepLR,
)
from jtorch.optim.lr_scheduler.policy import (
    ChainedScheduler,
    CosineAnnealingWarmRestarts,
    CyclicLR,
    OneCycleLR,
    ReduceLROnPlateau,
    SequentialLR,
)


class _LRScheduler(LRScheduler):
    """The name that LRScheduler had before PyTorch 2.0; user code still derives from it."""


__all__ = [
    "EPOCH_DEPRECATION_WARNING",
    "ChainedScheduler",
    "ConstantLR",
    "CosineAnnealingLR",
    "CosineAnnealingWarmRestarts",
    "CyclicLR",
    "ExponentialLR",
    "LRScheduler",
    "LambdaLR",
    "LinearLR",
    "MultiStepLR",
    "MultiplicativeLR",
    "OneCycleLR",
    "PolynomialLR",
    "ReduceLROnPlateau",
    "SequentialLR",
    "StepLR",
]

# one public path for each class, whatever file it lives in: pickles carry it
for _name in __all__:
    if isinstance(globals()[_name], type):
        globals()[_name].__module__ = __name__
