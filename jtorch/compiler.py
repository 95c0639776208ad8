"""`torch.compiler`: what was compiled and why; PyTorch's own switches, which mean nothing here.

jtorch.compiler.stats()      how many lines, runs and compiles so far
jtorch.compiler.explain()    which line differed from the traces seen before, how, and where it stands
"""

from jtorch.core.methods import (
    Stats,
    compile,
    cudagraph_mark_step_begin,
    disable,
    eager,
    explain,
    is_compiling,
    is_dynamo_compiling,
    is_exporting,
    last_program_memory,
    reset,
    set_stance,
    stats,
)

__all__ = [
    "Stats",
    "compile",
    "cudagraph_mark_step_begin",
    "disable",
    "eager",
    "explain",
    "is_compiling",
    "is_dynamo_compiling",
    "is_exporting",
    "last_program_memory",
    "reset",
    "set_stance",
    "stats",
]
