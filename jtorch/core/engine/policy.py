"""When a trace is compiled whole, and when it is cut into segments. These are counts and no clock, so every run of a script
compiles the same programs and computes the same bits.

Compiling a line in a program takes about 10 ms, and running it there saves 5 to 15 us: a program pays after some thousand
runs of its lines. Most loops repeat, so the first few new training steps are compiled when they first come. Each such step is a risk,
and risks are limited: four, and one more for every hundred steps. Any other trace is compiled when it has come often
enough.

Once the limit for new traces is reached, a new trace is cut into segments: see `jtorch.core.engine.segments`. This file knows
positions by their attributes only.
"""

from __future__ import annotations

from math import prod

from jtorch.core.engine.calls import Pullback

_TRIES = 3  # how often a trace that begins like a promoted one is recorded in one piece

trusted_steps = 4  # new training steps that are compiled when they first come; one more for every hundred steps
trusted_lines = 120  # lines that those with few elements per line may have together; one more for every ten steps
trusted_traces = 8  # new traces that are recorded in one piece; one more for every fifty
long_trace = 200  # with more lines of few elements than this, a trace is not compiled when it first comes
patience_with_heavy = 16  # how often a trace or segment of many elements runs before it is compiled
patience_with_light = 2000  # and one of few elements, which NumPy runs nearly as fast


class Policy:
    """The limits of one trace's recordings."""

    def __init__(self):
        self.steps = 0.0  # new training steps that were compiled when they first came, less what was regained since
        self.lines = 0.0  # lines of those that have few elements
        self.traces = 0.0  # new traces that were recorded in one piece
        self.has_cut = False  # whether a trace was ever cut
        self._chains = {}  # ends of the segments of a trace -> how often it came
        self._promoted = {}  # end of a first segment -> how many traces that begin so are not cut

    def cuts_new_traces(self) -> bool:
        """Whether a trace that is new from here on is cut into segments."""
        return self.traces > trusted_traces - 1

    def ended(self, reason, chain, is_new) -> None:
        """Note that a trace has ended, and why. `chain`: the ends of its segments; `is_new`: it had lines never recorded before."""
        if reason == "step":
            self.steps = max(self.steps - _STEPS_REGAINED, 0)
            self.lines = max(self.lines - _LINES_REGAINED, 0)
        self.traces = max(self.traces - _TRACES_REGAINED, 0)
        if len(chain) == 1:
            if is_new:
                self.traces = min(self.traces + 1, trusted_traces)
            return
        visits = self._chains.pop(chain, 0) + 1
        if visits == patience_with_heavy:
            self._promoted[chain[0]] = _TRIES
        else:
            self._chains[chain] = visits  # the newest last
        while len(self._chains) > _CHAINS:
            del self._chains[next(iter(self._chains))]

    def promotes(self, position) -> bool:
        """Whether a trace whose first segment would end here is to be recorded in one piece, because it came often."""
        tries = self._promoted.get(position, 0)
        if tries:
            self._promoted[position] = tries - 1
        return tries > 0

    def compiles(self, lines, reason, visits, promoted) -> bool:
        """Whether to compile what was recorded. `visits`: how often it came with the same values still held."""
        if len(lines) == 1 and reason != "step":
            return False
        heavy, training = _is_heavy(lines), any(p.call.__class__ is Pullback for p in lines)
        if reason == "segment":
            return visits >= (patience_with_heavy if heavy else patience_with_light)
        short = heavy or len(lines) <= long_trace
        if promoted and short:
            return True
        if reason == "step" and visits == 1 and short and self._trusts(lines, heavy):
            self.steps += 1
            self.lines += 0 if heavy else len(lines)
            return True
        if heavy:
            return visits >= (2 if training else patience_with_heavy)
        return visits >= patience_with_light

    def _trusts(self, lines, heavy):
        """Whether a new training step may be compiled at once. The first one may have any number of lines."""
        if self.steps > trusted_steps - 1:
            return False
        return heavy or not self.lines or self.lines + len(lines) <= trusted_lines


def patience(lines) -> int:
    """How often a trace of these lines runs before it is compiled, if it was not compiled when it first came."""
    return 2 if _is_heavy(lines) else patience_with_light


_STEPS_REGAINED = 1 / 100
_LINES_REGAINED = 1 / 10
_TRACES_REGAINED = 1 / 50
_CHAINS = 1000
_HEAVY = 32768  # elements of a line's results, in the mean


def _is_heavy(lines):
    """Whether lines take longer to run than to start."""
    return sum([prod(t.shape) for p in lines for t in p.types]) > _HEAVY * len(lines)
