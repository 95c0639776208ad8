"""`torch.jit._script`: the names of `torch.jit` that libraries import from PyTorch's own file."""

from jtorch.jit import (
    Attribute,
    CompilationUnit,
    RecursiveScriptModule,
    ScriptFunction,
    ScriptModule,
    interface,
    script,
    script_method,
)

__all__ = [
    "Attribute",
    "CompilationUnit",
    "RecursiveScriptModule",
    "ScriptFunction",
    "ScriptModule",
    "interface",
    "script",
    "script_method",
]
