"""Records lines, and compiles and runs the traces they form.

Knows values, types and calls. Does not know tensors or gradients."""

from jtorch.core.engine import bundles, program
from jtorch.core.engine.calls import Call, NUMBER, node_name, shapes_of, type_of
from jtorch.core.engine.trace import (
    META,
    Position,
    TRACED,
    counters,
    events,
    flush,
    forget,
    local,
    move,
    record,
    reset,
    set_eager,
    set_precision,
    ticks,
    trace_of,
)
from jtorch.core.engine.values import Lifted, Value, lifted_by, number

__all__ = [
    "META",
    "NUMBER",
    "TRACED",
    "Call",
    "Lifted",
    "Position",
    "Value",
    "bundles",
    "counters",
    "events",
    "flush",
    "forget",
    "lifted_by",
    "local",
    "move",
    "node_name",
    "number",
    "program",
    "record",
    "reset",
    "set_eager",
    "set_precision",
    "shapes_of",
    "ticks",
    "trace_of",
    "type_of",
]
