"""`torch.nn.modules.container`: lists and dictionaries of modules and parameters."""

from jtorch.nn.container import ModuleDict, ModuleList, ParameterDict, ParameterList, Sequential

__all__ = ["ModuleDict", "ModuleList", "ParameterDict", "ParameterList", "Sequential"]
