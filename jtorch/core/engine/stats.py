"""Counts of what the engine did, for `jtorch.compiler`."""

from __future__ import annotations

import warnings

from jtorch.core.facts import config


class Counters:
    """Counts of what the engine has done: see `jtorch.compiler.stats`."""

    def __init__(self):
        self.lines = self.misses = self.runs = self.line_runs = self.compiles = self.programs = 0
        self.positions = 0
        self.seconds = 0.0
        self.warned = False

    def warn_of_compiles(self, where):
        """Warn once that more programs are compiled than are used again. `where`: the user's file and line, or None."""
        if not self.warned and self.programs >= config.warn_after > self.runs - self.programs:
            self.warned = True
            warnings.warn_explicit(
                f"jtorch compiled {self.programs} programs and ran them {self.runs} times: something in the loop is new each time. "
                "jtorch.compiler.explain() tells what.",
                UserWarning,
                *(where or (__file__, 0)),
            )


counters = Counters()
events: list = []  # (reason, position) of the last whole programs compiled, newest last
