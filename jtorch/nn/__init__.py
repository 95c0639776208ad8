"""`torch.nn`: modules, parameters and losses."""

from jtorch.nn import attention, functional, init, modules, parallel, utils
from jtorch.nn.modules.container import Container, ModuleDict, ModuleList, ParameterDict, ParameterList, Sequential
from jtorch.nn.modules.module import Module
from jtorch.nn.parallel import DataParallel
from jtorch.nn.parameter import Buffer, Parameter, UninitializedBuffer, UninitializedParameter
from jtorch.core.ops import publish as _publish

_publish(globals(), "linear", "activation", "dropout", "flatten", "embedding", "loss", "conv", "pool", "norm", "padding",
         "upsample", "distance", "unpool", "margin", "classify", "rnn", "multihead", "transformer", "lazy",
         package="jtorch.nn")  # fmt: skip
