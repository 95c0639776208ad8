"""What a profile has measured: events, their sums by name, and the table that shows them."""

from __future__ import annotations

import enum
import json
import os
from dataclasses import dataclass, field

DeviceType = enum.IntEnum(
    "DeviceType",
    "CPU CUDA MKLDNN OPENGL OPENCL IDEEP HIP FPGA MAIA XLA Vulkan Metal XPU MPS Meta HPU VE Lazy IPU MTIA PrivateUse1",
    start=0,
)
DeviceType.__doc__ = "The kinds of devices that an event may be of. Here all are of the CPU: the clock is the host's."


@dataclass
class FunctionEvent:
    """One call of an op, or one named range. A profile makes them.

    Attributes:
        name: "aten::relu" for an op, or the range's own name.
        start, end: in microseconds since the profile began.
        input_shapes: of an op, if the profile records shapes.
        is_user_annotation: whether it is a named range.
        thread: the number of the thread.
        cpu_children: the events inside this one.
        flops: the number of operations; 0, since they are not counted.

    >>> with torch.autograd.profiler.profile() as profile:
    ...     y = torch.ones(2).relu()
    >>> "aten::relu" in [event.name for event in profile.function_events]
    True
    """

    name: str
    start: float
    end: float
    input_shapes: list = field(default_factory=list)
    is_user_annotation: bool = False
    thread: int = 0
    cpu_children: list = field(default_factory=list)
    flops: int = 0

    count = 1
    device_type = DeviceType.CPU
    cpu_memory_usage = device_memory_usage = self_cpu_memory_usage = 0
    device_time_total = self_device_time_total = 0.0

    key = property(lambda self: self.name)
    cpu_time_total = property(lambda self: self.end - self.start)
    cpu_time = cpu_time_total

    @property
    def self_cpu_time_total(self) -> float:
        """Without the events inside it."""
        return self.cpu_time_total - sum(child.cpu_time_total for child in self.cpu_children)


class FunctionEventAvg:
    """The events of one name together. `key_averages` makes them.

    Attributes:
        key: the name.
        count: how many there were.
        cpu_time_total, self_cpu_time_total: microseconds, with and without the events inside them.
        cpu_time: `cpu_time_total` for one event.
        input_shapes: of the ops, if events are grouped by them.

    >>> with torch.autograd.profiler.profile() as profile:
    ...     y = torch.ones(2).relu()
    >>> [event.count for event in profile.key_averages() if event.key == "aten::relu"]
    [1]
    """

    device_time = device_time_total = self_device_time_total = cuda_time = 0.0
    cpu_memory_usage = device_memory_usage = self_cpu_memory_usage = self_device_memory_usage = 0

    def __init__(self, key=None, input_shapes=""):
        self.key, self.input_shapes = key, input_shapes
        self.count, self.cpu_time_total, self.self_cpu_time_total, self.flops = 0, 0.0, 0.0, 0

    def add(self, event) -> FunctionEventAvg:
        """Count one more event."""
        self.count += event.count
        self.cpu_time_total += event.cpu_time_total
        self.self_cpu_time_total += event.self_cpu_time_total
        self.flops += event.flops
        return self

    cpu_time = property(lambda self: self.cpu_time_total / self.count if self.count else 0.0)
    cpu_time_str = property(lambda self: time_text(self.cpu_time))
    cpu_time_total_str = property(lambda self: time_text(self.cpu_time_total))
    self_cpu_time_total_str = property(lambda self: time_text(self.self_cpu_time_total))

    def __repr__(self):
        return (
            f"<FunctionEventAvg key={self.key} self_cpu_time={self.self_cpu_time_total_str} cpu_time={self.cpu_time_str} "
            f" self_cuda_time=0.000us cuda_time=0.000us input_shapes={self.input_shapes} "
            "cpu_memory_usage=0 cuda_memory_usage=0>"
        )


def time_text(microseconds: float) -> str:
    """A time with its unit: "1.500ms"."""
    if microseconds >= 1e6:
        return f"{microseconds / 1e6:.3f}s"
    return f"{microseconds / 1e3:.3f}ms" if microseconds >= 1e3 else f"{microseconds:.3f}us"


class EventList(list):
    """Events, or their sums by name.

    Args:
        iterable: the events.

    >>> with torch.autograd.profiler.profile() as profile:
    ...     y = torch.ones(2).relu()
    >>> "aten::relu" in profile.key_averages().table()
    True
    """

    def key_averages(self, group_by_input_shape=False, group_by_stack_n=0, group_by_overload_name=False) -> EventList:
        """The events of each name together, in the order of their first."""
        sums: dict = {}
        for event in self:
            shapes = str(event.input_shapes) if group_by_input_shape else ""
            key = (event.name, shapes)
            sums.setdefault(key, FunctionEventAvg(event.name, event.input_shapes if group_by_input_shape else "")).add(
                event
            )
        return EventList(sums.values())

    def total_average(self) -> FunctionEventAvg:
        """All events together."""
        total = FunctionEventAvg("Total")
        for event in self:
            total.add(event)
        total.cpu_time_total = total.self_cpu_time_total
        return total

    @property
    def self_cpu_time_total(self) -> float:
        """Microseconds of all events."""
        return sum(event.self_cpu_time_total for event in self)

    def table(
        self,
        sort_by=None,
        row_limit=100,
        max_src_column_width=75,
        max_name_column_width=55,
        max_shapes_column_width=80,
        header=None,
        top_level_events_only=False,
        time_unit=None,
    ) -> str:
        """The events as text.

        Args:
            sort_by: an attribute, such as "cpu_time_total" or "count"; the largest come first.
            row_limit: show so many rows; -1: all.
        """
        rows = list(self)
        if sort_by is not None:
            sort_by = {"cuda_time_total": "device_time_total"}.get(sort_by, sort_by)
            rows.sort(key=lambda event: getattr(event, sort_by), reverse=True)
        with_shapes = any(getattr(event, "input_shapes", None) for event in rows if isinstance(event, FunctionEventAvg))
        columns = ["Name", "Self CPU %", "Self CPU", "CPU total %", "CPU total", "CPU time avg", "# of Calls"]
        widths = [min(max([len(event.key) for event in rows] + [4]) + 4, max_name_column_width)] + [12] * 6
        if with_shapes:
            columns.append("Input Shapes")
            longest = max(len(str(event.input_shapes)) for event in rows)
            widths.append(min(longest, max_shapes_column_width) + 4)
        total = self.self_cpu_time_total or 1.0
        line = "  ".join("-" * width for width in widths) + "  "
        text = [line, _row_text(columns, widths), line]
        shown = rows if row_limit == -1 else rows[:row_limit]
        text += [_row_text(_cells_of_row(event, total, with_shapes), widths) for event in shown]
        text += [line, f"Self CPU time total: {time_text(self.self_cpu_time_total)}", ""]
        return "\n".join(([f"{'=' * len(line)}", header] if header else []) + text)

    def __str__(self):
        return self.table()

    def export_chrome_trace(self, path) -> None:
        """Write the events as JSON for Chrome's `chrome://tracing` and Perfetto."""
        events = [
            {
                "ph": "X",
                "cat": "user_annotation" if event.is_user_annotation else "cpu_op",
                "name": event.name,
                "pid": os.getpid(),
                "tid": event.thread,
                "ts": event.start,
                "dur": event.cpu_time_total,
                "args": {"Input Dims": event.input_shapes} if event.input_shapes else {},
            }
            for event in self
        ]
        with open(path, "w") as file:
            json.dump({"schemaVersion": 1, "displayTimeUnit": "ms", "traceEvents": events}, file)


def _row_text(cells, widths):
    cut = [cell if len(cell) <= width else f"{cell[: width - 3]}..." for cell, width in zip(cells, widths, strict=True)]
    return "  ".join(cell.rjust(width) for cell, width in zip(cut, widths, strict=True)) + "  "


def _cells_of_row(event, total, with_shapes):
    share = lambda part: f"{100 * part / total:.2f}%"
    cells = [
        event.key,
        share(event.self_cpu_time_total),
        time_text(event.self_cpu_time_total),
        share(event.cpu_time_total),
        time_text(event.cpu_time_total),
        time_text(event.cpu_time),
        str(event.count),
    ]
    return cells + [str(event.input_shapes)] * with_shapes
