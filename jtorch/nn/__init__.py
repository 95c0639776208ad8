"""`torch.nn`: modules, parameters and losses. The layers are those of `jtorch.nn.modules`."""

from jtorch.nn import attention, functional, grad, init, intrinsic, modules, parallel, parameter, quantized, utils
from jtorch.nn.modules import *
from jtorch.nn.parallel import DataParallel
from jtorch.nn.parameter import Buffer, Parameter, UninitializedBuffer, UninitializedParameter
