"""`torch._dynamo`: the part of PyTorch's compiler that reads Python code. XLA compiles here, from what the code records.

So code runs as it stands: what marks code or sizes for the compiler does nothing, and no module is an OptimizedModule.
"""

from __future__ import annotations

from jtorch._dynamo import config, eval_frame
from jtorch._dynamo.eval_frame import OptimizedModule, export, optimize
from jtorch._dynamo.eval_frame import refuse_to_explain as explain
from jtorch.core.methods import (
    allow_in_graph,
    assume_constant_result,
    disable,
    is_compiling,
    list_backends,
    reset,
    set_stance,
    substitute_in_graph,
)

__all__ = [
    "OptimizedModule", "allow_in_graph", "assume_constant_result", "config", "disable", "disallow_in_graph", "eval_frame",
    "explain", "export", "forbid_in_graph", "graph_break", "is_compiling", "list_backends", "mark_dynamic", "mark_static",
    "mark_static_address", "maybe_mark_dynamic", "nonstrict_trace", "optimize", "optimize_assert", "register_backend",
    "reset", "run", "set_stance", "skip_frame", "substitute_in_graph",
]  # fmt: skip

disallow_in_graph = forbid_in_graph = nonstrict_trace = run = allow_in_graph
optimize_assert = optimize


def mark_dynamic(t, index, *, hint_override=None, min=None, max=None, specialize_on=None) -> None:
    """Accepted without effect: a new size compiles once."""


def mark_static(t, index=None) -> None:
    """Accepted without effect: every size is static."""


def mark_static_address(t, guard=False) -> None:
    """Accepted without effect: XLA places arrays."""


maybe_mark_dynamic = mark_dynamic


def graph_break(msg="") -> None:
    """Accepted without effect: reading a value ends a trace."""


def skip_frame(msg="") -> None:
    """Accepted without effect."""


def register_backend(compiler_fn=None, name=None, tags=()):
    """The function itself: XLA is the backend."""
    return compiler_fn if compiler_fn is not None else lambda compiler_fn: compiler_fn
