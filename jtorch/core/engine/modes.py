"""Two other kinds of trace: one that runs each line at once, and one that only works out shapes."""

from __future__ import annotations

import jax
import numpy as np

from jtorch.core.engine.compiling import running_on
from jtorch.core.engine.stats import counters
from jtorch.core.engine.trace import Position, Trace
from jtorch.core.engine.value_types import META, TRACED, type_of
from jtorch.core.engine.values import Value, lifted_by


class EagerTrace(Trace):
    """Runs each line at once: for `jtorch.eager()`, and for values that are tracers of JAX's transformations."""

    def record(self, call, inputs):
        places = {v.type.place for v in inputs} - {None}
        if (places - {self.place} and (self.place is not TRACED or TRACED not in places)) or lifted_by(inputs):
            return self.elsewhere(self, call, inputs)
        types = tuple([v.type for v in inputs])
        if self.place is TRACED:  # an input may be no tracer, but the results are
            types = tuple([t if t.place is None else type_of(t.shape, t.dtype, TRACED, t.strides) for t in types])
        single, out_types = call.infer(types)
        position = Position(self.root, (), call, types, single, out_types)
        arrays = [np.asarray(v.array, v.type.dtype.np) if v.type.number else v.materialize() for v in inputs]
        counters.lines += 1
        with jax.enable_x64(True), running_on(self.place):
            out = call.bind(types)(*arrays) if self.place is TRACED else call.line(types, self.place).run(arrays)
        values = [Value(t, a) for t, a in zip(out_types, [out] if single else out, strict=True)]
        return position, values[0] if single else values

    def flush(self, reason):
        """Nothing is left to compute."""


class MetaTrace(Trace):
    """Works out shapes only: nothing that is recorded here is computed."""

    def record(self, call, inputs):
        places = {v.type.place for v in inputs} - {None}
        if (places and META not in places) or lifted_by(inputs):
            return self.elsewhere(self, call, inputs)
        types = tuple([v.type for v in inputs])
        single, out_types = call.infer(types)
        position = Position(self.root, (), call, types, single, out_types)
        values = [Value(type_of(t.shape, t.dtype, META, t.strides), None) for t in out_types]
        return position, values[0] if single else values
