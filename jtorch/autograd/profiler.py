"""`torch.autograd.profiler`: the time that each op and each named range of code takes.

While a profile runs, each op is computed when it is recorded, so that its time is its own. Outside of it, ops run together as
one program; `jax.profiler` shows such a program, with the names of `record_function` in it.
"""

from __future__ import annotations

import functools
import threading
import time

import jax

from jtorch.autograd.profiler_util import EventList, FunctionEvent, FunctionEventAvg
from jtorch.core import engine

__all__ = ["EventList", "FunctionEvent", "FunctionEventAvg", "emit_itt", "emit_nvtx", "profile", "record_function"]

_open: list = []  # the running profiles


class record_function:
    """Name a range of code, for a running profile and for `jax.profiler`. A context manager and a decorator.

    Args:
        name: the name of the range.
        args: a text to keep with it.

    >>> with torch.autograd.profiler.record_function("forward"):
    ...     y = torch.ones(2) * 2
    """

    def __init__(self, name, args=None):
        self.name, self.args = name, args

    def __call__(self, fn):
        @functools.wraps(fn)
        def named(*args, **kwargs):
            with record_function(self.name):
                return fn(*args, **kwargs)

        return named

    def __enter__(self):
        self._annotation = jax.profiler.TraceAnnotation(self.name)
        self._annotation.__enter__()
        self._inside = [profile_.begin(self.name) for profile_ in _open]
        return self

    def __exit__(self, *exc):
        if self._inside:
            engine.flush()
        for profile_, event in self._inside:
            profile_.end(event)
        self._annotation.__exit__(*exc)


class profile:
    """Measures ops and named ranges inside a `with` block.

    Args:
        enabled: False: nothing is measured.
        record_shapes: keep the shapes of each op's inputs, for `key_averages(group_by_input_shape=True)`.
        options: PyTorch's other settings, accepted without effect.

    Differs from torch: an op is one line (`aten::relu`, `MmBackward0`), without the kernels inside it; memory,
    stacks and separate GPU times are not measured. On a GPU, too, the time is until the result is computed.

    >>> with torch.autograd.profiler.profile() as profile:
    ...     y = torch.ones(2).relu()
    >>> "aten::relu" in [event.key for event in profile.key_averages()]
    True
    """

    def __init__(self, enabled=True, *, record_shapes=False, **options):
        self.enabled, self.record_shapes = enabled, record_shapes
        self.function_events: EventList | None = None
        self._events: EventList = EventList()
        self._stacks = threading.local()
        self._compiling = 0.0  # seconds of compiling, which count for no event

    def __enter__(self):
        if self.enabled:
            self._begun, self._eager = time.perf_counter(), engine.local.eager
            engine.set_eager(True)
            engine.watch_lines(self._note_line)
            _open.append(self)
        return self

    def __exit__(self, *exc):
        if self.enabled:
            _open.remove(self)
            engine.watch_lines(_open[-1]._note_line if _open else None)
            engine.set_eager(self._eager)
            self.function_events = self._events

    def begin(self, name):
        """(this profile, an event that has begun)."""
        event = FunctionEvent(name, self._now(), 0.0, is_user_annotation=True, thread=threading.get_ident())
        self._inner().append([])
        return self, event

    def end(self, event) -> None:
        """The event that began last is over."""
        event.end = self._now()
        event.cpu_children = self._inner().pop()
        self._keep(event)

    def _now(self):
        return 1e6 * (time.perf_counter() - self._begun - self._compiling)

    def _inner(self):
        """The events inside each range that is open in this thread."""
        if not hasattr(self._stacks, "open"):
            self._stacks.open = []
        return self._stacks.open

    def _keep(self, event):
        self._events.append(event)
        if self._inner():
            self._inner()[-1].append(event)

    def _note_line(self, call, types, seconds, compiling):
        self._compiling += compiling
        forward, _, pullback = call.name.partition(".")
        name = engine.node_name(forward) if pullback else f"aten::{forward}"
        shapes = [list(t.shape) for t in types] if self.record_shapes else []
        now = self._now()
        self._keep(FunctionEvent(name, now - 1e6 * seconds, now, shapes, thread=threading.get_ident()))

    # ---- what was measured

    def _measured(self):
        if self.function_events is None:
            raise RuntimeError("Profiler didn't finish running")
        return self.function_events

    def key_averages(self, group_by_input_shape=False, group_by_stack_n=0, group_by_overload_name=False) -> EventList:
        """The events of each name together."""
        return self._measured().key_averages(group_by_input_shape)

    def total_average(self) -> FunctionEventAvg:
        """All events together."""
        return self._measured().total_average()

    def table(self, **options) -> str:
        """The events as text."""
        return self._measured().table(**options)

    def export_chrome_trace(self, path) -> None:
        """Write the events as JSON for Chrome's `chrome://tracing` and Perfetto."""
        self._measured().export_chrome_trace(path)

    @property
    def self_cpu_time_total(self) -> float:
        """Microseconds of all events."""
        return self._measured().self_cpu_time_total

    def __str__(self):
        return "<unfinished torch.autograd.profile>" if self.function_events is None else str(self.function_events)


class emit_nvtx:
    """A `with` block for NVIDIA's profiler. Accepted without effect: use `jax.profiler`.

    Args:
        enabled: whether ranges are sent.
        record_shapes: send the shapes of the inputs, too.

    >>> with torch.autograd.profiler.emit_nvtx():
    ...     y = torch.ones(2) * 2
    """

    def __init__(self, enabled=True, record_shapes=False):
        self.enabled = enabled

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        return None


emit_itt = emit_nvtx
