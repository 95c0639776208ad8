"""`torch.nn`: modules, parameters and losses."""

from jtorch.nn import attention, functional, init, modules, parallel, utils
from jtorch.nn.container import Container, ModuleDict, ModuleList, ParameterDict, ParameterList, Sequential
from jtorch.nn.module import Module
from jtorch.nn.parallel import DataParallel
from jtorch.nn.parameter import Buffer, Parameter, UninitializedBuffer, UninitializedParameter
from jtorch.nn.modules import pytrees as _pytrees
import importlib as _importlib

for _file in ("linear", "activation", "dropout", "flatten", "embedding", "loss", "conv", "pool", "norm", "padding",
              "upsample", "distance", "unpool", "margin", "classify", "rnn", "multihead", "transformer", "lazy"):  # fmt: skip
    _module = _importlib.import_module(f"jtorch.nn.{_file}")
    globals().update(
        {n: v for n, v in vars(_module).items() if getattr(v, "__module__", "") == _module.__name__ and n[0] != "_"}
    )
