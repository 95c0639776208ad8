"""`Compare`: a table of measurements, with a row for each statement and number of threads, and a column for each description."""

from __future__ import annotations

import enum
import math
from collections import defaultdict

from jtorch.utils.benchmark.utils.common import Measurement, ordered_unique, select_unit, trim_sigfig, unit_to_english

__all__ = ["Colorize", "Compare"]

_END = "\033[0m" * 2
_BEST, _GOOD, _BAD, _VERY_BAD = "\033[92m\033[1m", "\033[34m\033[1m", "\033[2m\033[91m", "\033[31m\033[1m"


class Colorize(enum.Enum):
    """Which times a color compares: those of a column, or those of a row."""

    NONE = "none"
    COLUMNWISE = "columnwise"
    ROWWISE = "rowwise"


class Compare:
    """A printed table of measurements. Those of one label make one table, and equal tasks are one cell.

    Args:
        results: Measurements.

    Raises:
        ValueError: a result is not a Measurement.

    >>> from jtorch.utils.benchmark import Compare, Measurement, TaskSpec
    >>> tasks = [TaskSpec("a", "", label="sums", sub_label=s, description=d) for s in ("f(x)", "g(x)") for d in ("1", "2")]
    >>> Compare([Measurement(1, [2e-3], task) for task in tasks]).print()  # doctest: +NORMALIZE_WHITESPACE
    [--------- sums ---------]
                |   1   |   2
    1 threads: ---------------
          f(x)  |  2.0  |  2.0
          g(x)  |  2.0  |  2.0
    <BLANKLINE>
    Times are in milliseconds (ms).
    <BLANKLINE>
    """

    def __init__(self, results: list[Measurement]):
        self._results = []
        self.extend_results(results)
        self._trim, self._colors, self._warns = False, Colorize.NONE, False

    def extend_results(self, results) -> None:
        """Add Measurements."""
        for r in results:
            if not isinstance(r, Measurement):
                raise ValueError(f"Expected an instance of `Measurement`, got {type(r)} instead.")
        self._results.extend(results)

    def trim_significant_figures(self) -> None:
        """Round each time to its significant figures."""
        self._trim = True

    def colorize(self, rowwise=False) -> None:
        """Color the best and the worst times of each column, or of each row."""
        self._colors = Colorize.ROWWISE if rowwise else Colorize.COLUMNWISE

    def highlight_warnings(self) -> None:
        """Mark times that vary much."""
        self._warns = True

    def print(self) -> None:
        """Print the tables."""
        print(self)

    def __str__(self):
        by_label = defaultdict(list)
        for m in Measurement.merge(self._results):
            by_label[m.label].append(m)
        return "\n".join(
            _TableOfLabel(found, self._trim, self._colors, self._warns).text() for found in by_label.values()
        )


class _TableOfLabel:
    """The measurements of one label."""

    def __init__(self, results, trim, colors, warns):
        self.trim, self.colors = trim, colors
        self.warns = warns and any(r.has_warnings for r in results)
        self.label = results[0].label or ""
        self.unit, self.scale = select_unit(min(r.median for r in results))
        self.columns = ordered_unique(r.description for r in results)
        keys = ordered_unique((r.num_threads, r.env, r.as_row_name) for r in results)
        self.keys = sorted(keys, key=lambda key: key[:2])
        self.cells = {(r.num_threads, r.env, r.as_row_name, r.description): r for r in results}
        envs = {r.env for r in results}
        self.env_width = max(map(len, envs)) if len(envs) > 1 else None
        self.formats = [self._format(c) for c in self.columns]

    def _column(self, column):
        return [self.cells.get((*key, column)) for key in self.keys]

    def _format(self, column):
        """How a column shows its numbers."""
        shown = [m for m in self._column(column) if m is not None]
        digits = [math.ceil(math.log10(m.median / self.scale)) for m in shown]
        after = min(max(m.significant_figures - d, 0) for m, d in zip(shown, digits, strict=True)) if self.trim else 1
        mark = 7 if self.warns and any(m.has_warnings for m in shown) else 0
        return f"{{:>{max(digits) + after + bool(after)}.{after}f}}{{:>{mark}}}", mark

    def _cell(self, m, form):
        template, mark = form
        if m is None:
            return " " * len(template.format(trim_sigfig(1, 1) if self.trim else 1, ""))
        value = m.median / self.scale
        value = trim_sigfig(value, m.significant_figures) if self.trim else value
        return template.format(value, f" (! {m.iqr / m.median * 100:.0f}%)" if mark and m.has_warnings else "")

    def text(self):
        heads, before, rows = [], None, []
        for threads, env, name in self.keys:
            shown = ""
            if self.env_width is not None and (threads, env) != before:
                shown = f"({env})"
            heads.append("  " + shown.ljust((self.env_width or 0) + 4) + name)
            before = threads, env
            row = [self.cells.get((threads, env, name, c)) for c in self.columns]
            rows.append([self._cell(m, form) for m, form in zip(row, self.formats, strict=True)])
        table = [["", *self.columns], *([head, *row] for head, row in zip(heads, rows, strict=True))]
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        lines = ["  |  ".join(part.center(w) for part, w in zip(table[0], widths, strict=True))]
        width, threads_before = len(lines[0]), None
        for key, row in zip(self.keys, table[1:], strict=True):
            if key[0] != threads_before:
                lines.append(f"{key[0]} threads: ".ljust(width, "-"))
                threads_before = key[0]
            parts = [part.center(w) for part, w in zip(row[1:], widths[1:], strict=True)]
            parts = [self._colored(part, key, c) for part, c in zip(parts, self.columns, strict=True)]
            lines.append("  |  ".join([row[0].ljust(widths[0]), *parts]))
        title = f"[{f' {self.label} '.center(width - 2, '-')}]"
        warned = "(! XX%) Measurement has high variance, where XX is the IQR / median * 100.\n" if self.warns else ""
        return "\n".join([title, *lines, "", f"Times are in {unit_to_english(self.unit)}s ({self.unit}).", warned])

    def _colored(self, text, key, column):
        m = self.cells.get((*key, column))
        if self.colors is Colorize.NONE or m is None:
            return text
        if self.colors is Colorize.ROWWISE:
            rivals = [self.cells.get((*key, c)) for c in self.columns]
        else:
            rivals = [self.cells.get((*k, column)) for k in self.keys if k[0] == key[0]]
        color = _color(m.median, min(r.median for r in rivals if r is not None))
        return f"{color}{text}{_END}" if color else text


def _color(time, best):
    if time <= max(best * 1.01, best + 100e-9):
        return _BEST
    if time <= best * 1.1:
        return _GOOD
    return _VERY_BAD if time >= best * 5 else _BAD if time >= best * 2 else ""
