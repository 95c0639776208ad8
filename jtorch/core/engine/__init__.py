"""Records lines, and compiles and runs the traces they form.

Knows values, types and calls. Does not know tensors or gradients."""

from jtorch.core.engine import (
    calls,
    choices,
    compiling,
    deferred,
    failures,
    guards,
    interrupts,
    leaving,
    lines,
    program_memory,
    opaque,
    program,
    state,
    symbolic_traces,
)
from jtorch.core.engine.calls import Call, DistError, Pullback, node_name, shapes_of
from jtorch.core.engine.compiling import keep_programs_in, precision
from jtorch.core.engine.guards import computed_ahead, replacements_by
from jtorch.core.engine.numpy_lines import NumpyLine
from jtorch.core.engine.segments import SegmentedTrace
from jtorch.core.engine.spread import AXIS, Collective, SpreadProgram, recorded_at, run_together_by, spread_over
from jtorch.core.engine.state import (
    add_fields,
    flush,
    forget,
    local,
    record,
    reset,
    set_eager,
    set_precision,
    trace_of,
    trace_watchers,
)
from jtorch.core.engine.stats import counters, events
from jtorch.core.engine.trace import Position, ticks
from jtorch.core.engine.value_types import META, NUMBER, TRACED, all_on_host, type_of
from jtorch.core.engine.values import Lifted, Value, lifted_by, move, number
from jtorch.core.engine.watching import watch_lines, watch_recorded
from jtorch.core.facts import sizes

lines.line_class = NumpyLine
program.choices = choices
deferred.guards = guards
deferred.failures = failures
program_memory.sizes = sizes
calls.symbolic_traces = symbolic_traces
compiling.uninterrupted = interrupts.uninterrupted
program.spread.append(SpreadProgram)
state.trace_class = SegmentedTrace
reset()

__all__ = [
    "AXIS",
    "META",
    "NUMBER",
    "TRACED",
    "Call",
    "Collective",
    "DistError",
    "Lifted",
    "Position",
    "Pullback",
    "Value",
    "add_fields",
    "all_on_host",
    "computed_ahead",
    "counters",
    "events",
    "flush",
    "forget",
    "keep_programs_in",
    "lifted_by",
    "local",
    "move",
    "node_name",
    "number",
    "opaque",
    "precision",
    "record",
    "recorded_at",
    "replacements_by",
    "reset",
    "run_together_by",
    "set_eager",
    "set_precision",
    "shapes_of",
    "spread_over",
    "ticks",
    "trace_of",
    "trace_watchers",
    "type_of",
    "watch_lines",
    "watch_recorded",
]
