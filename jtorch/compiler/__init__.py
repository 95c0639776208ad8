"""`torch.compiler`: what was compiled and why; and PyTorch's own switches, which have no effect.

jtorch.compiler.stats()      the number of lines, runs and compiles so far
jtorch.compiler.explain()    which line differed from the traces seen before, how, and where it is in your code
"""

from jtorch.compiler import config
from jtorch.core.methods import (
    Stats,
    allow_in_graph,
    assume_constant_result,
    compile,
    cudagraph_mark_step_begin,
    disable,
    eager,
    explain,
    get_default_backend,
    is_compiling,
    is_dynamo_compiling,
    is_exporting,
    last_program_memory,
    list_backends,
    load_cache_artifacts,
    load_compiled_function,
    nested_compile_region,
    reset,
    save_cache_artifacts,
    set_default_backend,
    set_enable_guard_collectives,
    set_stance,
    stats,
    substitute_in_graph,
    wrap_numpy,
)

__all__ = [
    "Stats",
    "allow_in_graph",
    "assume_constant_result",
    "compile",
    "config",
    "cudagraph_mark_step_begin",
    "disable",
    "eager",
    "explain",
    "get_default_backend",
    "is_compiling",
    "is_dynamo_compiling",
    "is_exporting",
    "last_program_memory",
    "list_backends",
    "load_cache_artifacts",
    "load_compiled_function",
    "nested_compile_region",
    "reset",
    "save_cache_artifacts",
    "set_default_backend",
    "set_enable_guard_collectives",
    "set_stance",
    "stats",
    "substitute_in_graph",
    "wrap_numpy",
]
