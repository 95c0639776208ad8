"""`torch.jit._trace`: the names of `torch.jit` that libraries import from PyTorch's own file."""

from jtorch.jit import ScriptModule, TracerWarning, is_tracing, script_if_tracing, trace, trace_module

__all__ = [
    "ScriptModule",
    "TopLevelTracedModule",
    "TracedModule",
    "TracerWarning",
    "is_tracing",
    "trace",
    "trace_module",
]

_script_if_tracing = script_if_tracing


class TopLevelTracedModule(ScriptModule):
    """What TorchScript makes of a traced module. There are none: `trace` returns the module itself."""


class TracedModule(ScriptModule):
    """A part of a traced module. There are none."""
