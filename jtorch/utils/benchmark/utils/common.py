"""What was measured and how long it took: `TaskSpec`, `Measurement`, and the text of times."""

from __future__ import annotations

import contextlib
import dataclasses
import math
import textwrap
from collections import defaultdict
from statistics import fmean
from typing import Any

import numpy as np

from jtorch.core.methods import get_num_threads, set_num_threads

__all__ = [
    "Measurement",
    "TaskSpec",
    "ordered_unique",
    "select_unit",
    "set_torch_threads",
    "trim_sigfig",
    "unit_to_english",
]

_UNITS = {"s": (1, "second"), "ms": (1e-3, "millisecond"), "us": (1e-6, "microsecond"), "ns": (1e-9, "nanosecond")}
_MOST_DIGITS = 4
_LEAST_INTERVAL = 25e-9  # no confidence interval is smaller than this many seconds
_WIDE, _VERY_WIDE = 0.1, 0.25  # shares of the median at which the range between quartiles gives a warning


@dataclasses.dataclass(frozen=True, repr=False)
class TaskSpec:
    """A statement with its labels: all that `Timer` is given but the globals."""

    stmt: str
    setup: str
    global_setup: str = ""
    label: str | None = None
    sub_label: str | None = None
    description: str | None = None
    env: str | None = None
    num_threads: int = 1

    @property
    def title(self) -> str:
        """The label, else the statement, with the second label."""
        name = self.stmt if self.label is None else self.label
        if self.label is None and "\n" in name:
            more = f" ({self.sub_label})" if self.sub_label else ""
            return f"stmt:{more}\n{textwrap.indent(name, '  ')}"
        return name + (f": {self.sub_label}" if self.sub_label else "")

    def setup_str(self) -> str:
        """The setup with a heading; nothing if there is none."""
        if not self.setup or self.setup == "pass":
            return ""
        many = "\n" in self.setup
        return "setup:\n" + textwrap.indent(self.setup, "  ") if many else "setup: " + self.setup

    def summarize(self) -> str:
        """Title, description and setup, one below the other."""
        parts = [part for part in (self.title, self.description, self.setup_str()) if part]
        return "\n".join(part + "\n" if "\n" in part else part for part in parts)


_OF_TASK = {field.name for field in dataclasses.fields(TaskSpec)}


@dataclasses.dataclass(repr=False)
class Measurement:
    """Times of a statement, each of `number_per_run` runs. The fields of its `TaskSpec` are attributes, too.

    >>> from jtorch.utils.benchmark import Measurement, TaskSpec
    >>> found = Measurement(10, [3e-3, 1e-3, 2e-3], TaskSpec("x + y", "pass", label="add"))
    >>> found.median, found.label
    (0.0002, 'add')
    """

    number_per_run: int
    raw_times: list[float]
    task_spec: TaskSpec
    metadata: dict[Any, Any] | None = None

    def __getattr__(self, name):
        if name in _OF_TASK:
            return getattr(self.task_spec, name)
        raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")

    @property
    def times(self) -> list[float]:
        """Seconds of one run, for each measurement."""
        return [t / self.number_per_run for t in self.raw_times]

    def _quantile(self, q):
        return float(np.quantile(self.times, q)) if self.raw_times else -1.0

    @property
    def median(self) -> float:
        return self._quantile(0.5)

    @property
    def mean(self) -> float:
        return fmean(self.times) if self.raw_times else -1.0

    @property
    def iqr(self) -> float:
        """The range between the quartiles."""
        return self._quantile(0.75) - self._quantile(0.25)

    @property
    def significant_figures(self) -> int:
        """How many digits of the median mean something, judged by the times between the quartiles."""
        times = sorted(self.times)
        inner = np.float32(times[len(times) // 4 : math.ceil(3 * len(times) / 4)])
        interval = max(1.645 * float(inner.std()) / math.sqrt(len(inner)), _LEAST_INTERVAL)
        return min(max(math.floor(math.log10(self.median / interval)), 1), _MOST_DIGITS)

    @property
    def _warnings(self):
        if not self.raw_times or self.meets_confidence(_WIDE):
            return []
        wide = self.meets_confidence(_VERY_WIDE)
        why = "could indicate system fluctuation" if wide else "suggests significant environmental influence"
        share = self.iqr / self.median * 100
        return [
            f"  WARNING: Interquartile range is {share:.1f}% of the median measurement.",
            f"           This {why}.",
        ]

    @property
    def has_warnings(self) -> bool:
        return bool(self._warnings)

    def meets_confidence(self, threshold: float = _WIDE) -> bool:
        """Whether the range between the quartiles is smaller than this share of the median."""
        return self.iqr / self.median < threshold

    @property
    def title(self) -> str:
        return self.task_spec.title

    @property
    def as_row_name(self) -> str:
        """The name of its row in a table."""
        return self.sub_label or self.stmt or "[Unknown]"

    def __repr__(self):
        n = len(self.raw_times)
        unit, scale = select_unit(self.median)
        lines = [object.__repr__(self), self.task_spec.summarize()]
        lines += [f"  {'Median: ' if n > 1 else ''}{self.median / scale:.2f} {unit}"]
        if n >= 4:
            low, high = self._quantile(0.25) / scale, self._quantile(0.75) / scale
            lines += [f"  IQR:    {self.iqr / scale:.2f} {unit} ({low:.2f} to {high:.2f})"]
        each = "per measurement," if n > 1 else ","
        threads = f"{self.num_threads} thread{'s' if self.num_threads > 1 else ''}"
        lines += [f"  {n} measurement{'s' if n > 1 else ''}, {self.number_per_run} runs {each} {threads}"]
        return "\n".join(lines + self._warnings)

    @staticmethod
    def merge(measurements) -> list[Measurement]:
        """One Measurement for each task, with the times of one run of all that are of this task."""
        found = defaultdict(list)
        for m in measurements:
            found[m.task_spec] += m.times
        return [Measurement(1, times, task) for task, times in found.items()]


def select_unit(t: float) -> tuple[str, float]:
    """The unit in which a time in seconds has one to three digits before the point, and its length in seconds."""
    exponent = float(np.float32(math.log10(np.float32(t))))  # in float32, as PyTorch has it: 0.001 is a millisecond
    unit = {-3: "ns", -2: "us", -1: "ms"}.get(int(exponent // 3), "s")
    return unit, _UNITS[unit][0]


def unit_to_english(u: str) -> str:
    """The name of a unit: "ms" is a millisecond."""
    return _UNITS[u][1]


def trim_sigfig(x: float, n: int) -> float:
    """A number rounded to `n` significant figures, in float32 as PyTorch computes it.

    >>> from jtorch.utils.benchmark import trim_sigfig
    >>> round(trim_sigfig(3.14159, 2), 5)
    3.1
    """
    if n != int(n):
        raise AssertionError("Number of significant figures must be an integer")
    scale = 10 ** (int(np.ceil(np.log10(np.abs(np.float32(x))))) - n)
    return float(np.float32(np.round(np.float32(x / scale)) * np.float32(scale)))


def ordered_unique(elements) -> list:
    """The elements in order, each once."""
    return list(dict.fromkeys(elements))


@contextlib.contextmanager
def set_torch_threads(n: int):
    """A block in which `torch.get_num_threads()` is `n`; XLA's own threads stay as they are."""
    before = get_num_threads()
    try:
        set_num_threads(n)
        yield
    finally:
        set_num_threads(before)
