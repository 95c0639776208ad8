"""`torch.nn`: modules, parameters and losses. The layers are those of `jtorch.nn.modules`."""

from jtorch.core.facts import lazy_modules
from jtorch.nn import attention, functional, init, modules, parallel, parameter, utils
from jtorch.nn.modules import *
from jtorch.nn.parallel import DataParallel
from jtorch.nn.parameter import Buffer, Parameter, UninitializedBuffer, UninitializedParameter

__getattr__, __dir__ = lazy_modules(__name__, "intrinsic quantized")
