"""`torch.optim.lr_scheduler`: the learning rate of each parameter group as a function of the step.

Plain Python over `optimizer.param_groups`, in PyTorch's order of float operations, so that every learning rate equals
PyTorch's to the last bit. Does not know JAX: a learning rate is a value of the trace, never a constant, so no scheduler
causes a compile.

A new scheduler is a class and a line below. It stands in decay.py (the learning rate follows from the number of the
step), cyclic.py (it goes up and down) or composed.py (it follows from a metric or from other schedulers).
"""

from jtorch.optim.lr_scheduler.base import EPOCH_DEPRECATION_WARNING as EPOCH_DEPRECATION_WARNING
from jtorch.optim.lr_scheduler.base import LRScheduler as LRScheduler
from jtorch.optim.lr_scheduler.base import _LRScheduler as _LRScheduler
from jtorch.optim.lr_scheduler.decay import ConstantLR as ConstantLR
from jtorch.optim.lr_scheduler.decay import CosineAnnealingLR as CosineAnnealingLR
from jtorch.optim.lr_scheduler.decay import ExponentialLR as ExponentialLR
from jtorch.optim.lr_scheduler.decay import LambdaLR as LambdaLR
from jtorch.optim.lr_scheduler.decay import LinearLR as LinearLR
from jtorch.optim.lr_scheduler.decay import MultiplicativeLR as MultiplicativeLR
from jtorch.optim.lr_scheduler.decay import MultiStepLR as MultiStepLR
from jtorch.optim.lr_scheduler.decay import PolynomialLR as PolynomialLR
from jtorch.optim.lr_scheduler.decay import StepLR as StepLR
from jtorch.optim.lr_scheduler.composed import ChainedScheduler as ChainedScheduler
from jtorch.optim.lr_scheduler.cyclic import CosineAnnealingWarmRestarts as CosineAnnealingWarmRestarts
from jtorch.optim.lr_scheduler.cyclic import CyclicLR as CyclicLR
from jtorch.optim.lr_scheduler.cyclic import OneCycleLR as OneCycleLR
from jtorch.optim.lr_scheduler.composed import ReduceLROnPlateau as ReduceLROnPlateau
from jtorch.optim.lr_scheduler.composed import SequentialLR as SequentialLR

__all__ = [name for name, thing in vars().items() if isinstance(thing, type) and not name.startswith("_")]
__all__ += ["EPOCH_DEPRECATION_WARNING"]

# PyTorch defines all of them in one file. Its name is the `__module__` of the classes and the path in checkpoint files.
for _class in [thing for thing in vars().values() if isinstance(thing, type)]:
    _class.__module__ = __name__
