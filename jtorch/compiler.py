"""`torch.compiler`: what was compiled and why; and PyTorch's own switches, which have no effect.

jtorch.compiler.stats()      the number of lines, runs and compiles so far
jtorch.compiler.explain()    which line differed from the traces seen before, how, and where it is in your code
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
