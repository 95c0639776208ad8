"""`torch.autograd.profiler`: named ranges of code, and the time that they took.

Differs from torch: single operations are not timed, because they do not run one by one.
"""

from __future__ import annotations

import functools
import time

from jtorch.core import engine

_open: list = []  # the running profiles


class record_function:
    """Name a range of code for a running profile. A context manager and a decorator."""

    def __init__(self, name, args=None):
        self.name = name

    def __call__(self, fn):
        @functools.wraps(fn)
        def named(*args, **kwargs):
            with record_function(self.name):
                return fn(*args, **kwargs)

        return named

    def __enter__(self):
        self.start = time.perf_counter()
        return self

    def __exit__(self, *exc):
        if _open:
            engine.flush()
            spent = time.perf_counter() - self.start
            for profile_ in _open:
                profile_.ranges.append((self.name, spent))


class Averages(list):
    """A list of (name, calls, seconds) for the named ranges."""

    def table(self, sort_by=None, row_limit=100, **options):
        """The ranges as text."""
        width = max([len(name) for name, _, _ in self] + [4])
        lines = [f"{'Name':<{width}}  {'# of Calls':>10}  {'CPU total':>12}"]
        lines += [
            f"{name:<{width}}  {calls:>10}  {1e3 * seconds:>10.3f}ms" for name, calls, seconds in self[:row_limit]
        ]
        return "\n".join(lines)


class profile:
    """Times the named ranges inside a `with` block."""

    def __init__(self, enabled=True, **options):
        self.enabled = enabled
        self.ranges = []

    def __enter__(self):
        if self.enabled:
            _open.append(self)
            self._all = record_function("all")
            self._all.__enter__()
        return self

    def __exit__(self, *exc):
        if self.enabled:
            self._all.__exit__()
            _open.remove(self)

    def key_averages(self, *args, **kwargs):
        """One entry for each name, the longest first."""
        totals = {}
        for name, seconds in self.ranges:
            calls, total = totals.get(name, (0, 0.0))
            totals[name] = (calls + 1, total + seconds)
        return Averages(sorted([(n, c, s) for n, (c, s) in totals.items()], key=lambda row: -row[2]))

    def total_average(self):
        """The whole block."""
        return next(row for row in self.key_averages() if row[0] == "all")

    def table(self, **options):
        return self.key_averages().table(**options)
