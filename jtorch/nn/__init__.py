"""`torch.nn`: modules, parameters and losses."""

import importlib as _importlib

from jtorch.nn import functional, init, modules
from jtorch.nn.container import ModuleDict, ModuleList, ParameterDict, ParameterList, Sequential
from jtorch.nn.module import Module
from jtorch.nn.parameter import Buffer, Parameter, UninitializedBuffer, UninitializedParameter
from jtorch.ops import publish as _publish

for _name in ("linear", "activation", "dropout", "flatten", "embedding", "loss", "conv", "pool", "norm", "rnn",
              "attention", "transformer"):  # fmt: skip
    try:
        _publish(globals(), _importlib.import_module("jtorch.nn." + _name))
    except ModuleNotFoundError as _error:
        if not _error.name.startswith("jtorch.nn."):
            raise
