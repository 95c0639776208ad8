"""Traces that are cut into segments where a loop does not repeat.

Such a loop always makes new traces, but most of its lines come again and again: the body of an inner loop, a layer, all lines
after one array of a new size. So after too many new traces, each new one is cut into segments, which are looked up and run
one by one:

    a segment ends before a line that it already has: the next round of the body begins there
    a line whose input types keep changing is a segment of its own: the lines after it begin with a type that comes again

A sequence of segments that comes back often is recorded in one piece from then on.
"""

from __future__ import annotations

from itertools import islice

from jtorch.core.engine import calls
from jtorch.core.engine.numpy_program import NumpyProgram
from jtorch.core.engine.policy import Policy, patience
from jtorch.core.engine.stats import counters
from jtorch.core.engine.trace import Trace
from jtorch.core.facts import config, devices

_MANY = 8  # children of a position with the same call, from which on its types count as changing
_MANY_AT_ROOT = 32
_SHORTEST = 8  # lines of a segment
_LONGEST = 64  # lines after which a segment ends at any line that it has already


class SegmentedTrace(Trace):
    """A trace that the policy cuts and compiles; until a trace of the host is compiled, NumPy runs it."""

    def __init__(self, place, elsewhere):
        self.policy = Policy()
        self.chain = ()  # where the earlier segments of this trace ended
        super().__init__(place, elsewhere)

    @property
    def was_cut(self):
        """Whether new traces are cut, or were."""
        return self.policy.has_cut

    def restart(self):
        super().restart()
        self.is_new = False  # whether it has lines that were never recorded before
        self.promoted = False  # whether this trace is recorded in one piece because its segments came often

    def _ends_segment(self, known, call, inputs):
        at = self.position
        if known is None and not self.promoted and at is not self.root and keeps_changing(at, call, _MANY):
            return True
        if self.segments is None:
            if self.promoted or not self.policy.cuts_new_traces():
                return False
            self.segments = Segment([(p.call, p.in_types) for p in at.path()])
        kind = call, tuple([v.type for v in inputs]) if known is None else known.in_types
        if not self.segments.ends_before(kind):
            return False
        if not self.chain and self.policy.promotes(at):
            self.promoted = True
            self.segments = None
            return False
        return True

    def _extend(self, key, call, inputs):
        changing = self.position is self.root and keeps_changing(self.root, call, _MANY_AT_ROOT)
        position = super()._extend(key, call, inputs)
        position.full |= changing
        self.is_new = True
        return position

    def _cut(self):
        if self.submitted is not None or self.position.depth >= config.max_lines:
            super()._cut()
            return
        chain = (*self.chain, self.position)
        self.policy.has_cut = True
        self.flush("segment")
        self.chain = chain
        self.segments = Segment()

    def _ended(self, position, reason):
        if reason == "segment":
            return reason
        chain, self.chain = (*self.chain, position), ()
        self.policy.ended(reason, chain, self.is_new)
        return reason if len(chain) == 1 else "segment"

    def _program(self, position, alive, reason):
        computed = self.guard.with_old(alive) if self.guard is not None else alive
        noted = position.visits.get(computed)
        if noted is None:
            noted = position.visits[computed] = [0, None]
            if len(position.visits) > _PATTERNS:
                del position.visits[next(iter(position.visits))]
        noted[0] += 1
        written = noted[1]
        if written is not None and noted[0] < written.patience and not self.promoted and config.numpy_lines:
            return written
        lines = position.path()
        if self.policy.compiles(lines, reason, noted[0], self.promoted):
            return super()._program(position, alive, reason)
        numpy = self.place is devices.CPU and config.numpy_lines
        if not numpy or any([p.call.communicates for p in lines]):  # noqa: C419 - a list is faster
            return None
        if written is None and noted[0] >= _VISITS_UNTIL_WRITTEN:
            noted[1] = written = NumpyProgram(position, computed, self.values, self.place, patience(lines))
        if written is None:
            for v in self.values:
                if v is not None and v.array is not None:
                    v.owned = False  # NumPy may share its buffer from now on
        return written

    def _flush(self, reason):
        super()._flush(reason)
        if counters.positions > config.max_positions:
            _prune(self.root)


_PATTERNS = 64  # of liveness that are noted at one position
_VISITS_UNTIL_WRITTEN = 3  # writing a function takes longer than running the lines once


def _prune(root):
    """Drop the least recently used half of the tree, so that shapes that never repeat do not fill the memory."""
    newest, order = {}, [root]
    for at in order:
        order.extend(at.children.values())
    for at in reversed(order):
        newest[at] = max([at.stamp, *[newest[c] for c in at.children.values()]])
    limit = sorted(newest.values())[len(newest) // 2]
    kept, stack = 0, [root]
    while stack:
        at = stack.pop()
        kept += 1
        at.children = {k: c for k, c in at.children.items() if newest[c] > limit}
        stack.extend(at.children.values())
    counters.positions = kept
    calls.drop_caches(1000)


class Segment:
    """The lines of a segment, by call and types: it tells where the segment ends.

    `first`: the line that the segment began with, if a cut came before it.
    """

    __slots__ = ("count", "first", "kinds")

    def __init__(self, kinds=()):
        self.count = len(kinds)
        self.kinds = set(kinds)
        self.first = None

    def ends_before(self, kind) -> bool:
        """Whether the segment ends before a line of this kind, a pair (call, types of its inputs)."""
        if kind in self.kinds and self.count >= _SHORTEST:
            if self.first is None or kind == self.first or self.count >= _LONGEST:
                return True
        if not self.count:
            self.first = kind
        self.count += 1
        self.kinds.add(kind)
        return False


def keeps_changing(position, call, limit) -> bool:
    """Whether lines of this call, recorded here, have had inputs of so many types."""
    if len(position.children) < limit:
        return False
    same = (c for c in position.children.values() if c.call is call)  # most often the first ones are
    return sum(1 for _ in islice(same, limit)) == limit
