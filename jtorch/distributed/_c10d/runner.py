"""Runs programs with collectives, and watches the other processes meanwhile.

XLA waits for another process inside a C++ call that nothing interrupts. So a thread of its own makes these calls. While the
caller waits for that thread, it reads from the store what the others do, and raises an exception if one of them has ended or
runs other collectives than this one. Before a program with new collectives runs for the first time, the processes compare what
they are about to run.
"""

from __future__ import annotations

import json
import queue
import threading
import time
from collections import deque

import jax

from jtorch.core.engine import local
from jtorch.distributed._c10d.exceptions import DistBackendError, DistError

_LOOK = 0.2  # seconds after which the caller looks at the other processes again
_AGREE = 5.0  # seconds that a process waits for the others before it runs new collectives
_KEPT = 256  # a process tells the others of so many last collectives of a group
_IDLE = 1.0  # recorded collectives are run after so many seconds in which nothing else was recorded


class Sequence:
    """The collectives of one group that this process has run or is about to run."""

    def __init__(self, members):
        self.members = members
        self.count = 0
        self.last = deque(maxlen=_KEPT)  # (signature, place in the user's code)
        self.seen = set()

    def add(self, signatures):
        """Append the collectives of one program. Returns whether such a program is new."""
        self.count += len(signatures)
        self.last.extend(signatures)
        key = tuple([signature for signature, _ in signatures])
        if key in self.seen:
            return False
        self.seen.add(key)
        return True

    def told(self) -> str:
        """The text by which the other processes know of them."""
        return json.dumps([self.count, list(self.last)])


class Runner:
    """Runs programs of several processes: what `jtorch.core.engine.run_together_by` takes.

    Args:
        rank, size: this process, and how many there are.
        store: the store that they share, with a connection of its own.
        timeout: how long to wait for the others, as a timedelta.
    """

    def __init__(self, rank, size, store, timeout):
        self.rank, self.size, self.store, self.timeout = rank, size, store, timeout
        self.failed = None  # the text of the first error
        self._sequences = {}
        self._jobs = queue.SimpleQueue()
        self._told = {}  # ranks of a group -> the number of its collectives that the others were told of
        self._meetings = {}  # ranks of a group -> how many monitored barriers it has had
        self._busy = threading.RLock()
        self.pending = {}  # trace -> (its position, when it was seen there) while it holds collectives
        threading.Thread(target=self._work, daemon=True, name="collectives").start()
        if size > 1:
            threading.Thread(target=self._run_what_waits, daemon=True, name="collectives that wait").start()

    def devices(self, members, place):
        """One of JAX's devices in each of these processes."""
        if self.size == 1:
            return [place.jax]
        found = {}
        for device in jax.devices(place.kind.platforms[0]):
            found.setdefault(device.process_index, device)
        return [found[rank] for rank in members]

    def run(self, members, signatures, job):
        """Run `job`, a program with these collectives.

        Args:
            members: the ranks of the processes that run it.
            signatures: (name, shapes and dtypes; place in the user's code) of each collective.

        Raises:
            DistBackendError: another process does not take part.
        """
        with self._busy:
            self.check()
            if len(members) == 1:
                job()
                return
            sequence = self._sequences.setdefault(members, Sequence(members))
            if sequence.add(signatures):
                self._agree(sequence, sequence.count - len(signatures) + 1)
            self._wait_for(self._started(job), sequence)

    def check(self):
        """Raise the error of a collective that failed before. After it the processes may be at different collectives."""
        if self.failed is not None:
            raise DistBackendError(str(self.failed))

    # ---- the thread that makes the calls

    def _work(self):
        while True:
            job, outcome, done = self._jobs.get()
            try:
                job()
            except BaseException as error:
                outcome.append(error)
            del job
            done.set()

    def _started(self, job):
        outcome, done = [], threading.Event()
        self._jobs.put((job, outcome, done))
        return outcome, done

    def _wait_for(self, started, sequence):
        outcome, done = started
        end = time.monotonic() + self.timeout.total_seconds()
        while not done.wait(_LOOK):
            self._look_at_others(sequence)
            if time.monotonic() > end:
                late = self._behind(sequence)
                self._fail(f"{self._at(sequence)}: timed out after {self.timeout}{late}")
        if outcome:
            self._look_at_others(sequence)  # what the others have told explains more than the error of a connection
            self._explain(outcome[0], sequence)

    def _explain(self, error, sequence):
        if not isinstance(error, jax.errors.JaxRuntimeError) and not _is_of_transport(error):
            raise error
        end = time.monotonic() + 2  # a process that died is known a moment later
        while time.monotonic() < end:
            self._look_at_others(sequence)
            time.sleep(0.05)
        self._fail(f"{self._at(sequence)}: {error}", error)

    # ---- the other processes

    def _agree(self, sequence, first):
        """Wait a moment until the others come to the collective with this number, and compare what they run with it."""
        self._tell(sequence)
        end = time.monotonic() + min(_AGREE, self.timeout.total_seconds())
        while self._look_at_others(sequence) < first and time.monotonic() < end:
            time.sleep(0.002)

    def _tell(self, sequence):
        if self._told.get(sequence.members) != sequence.count:
            self._told[sequence.members] = sequence.count
            self.store.set(f"sequence/{sequence.members}/{self.rank}", sequence.told())

    def tell_all(self):
        """Tell the others of all collectives so far."""
        for sequence in self._sequences.values():
            self._tell(sequence)

    def _look_at_others(self, sequence) -> int:
        """Raise if another member has ended or runs other collectives. Returns how many the last of them has come to."""
        self._tell(sequence)
        others = [rank for rank in sequence.members if rank != self.rank]
        kinds = f"sequence/{sequence.members}", "left", "end"
        failed, *found = self.store.get_many(["failed", *[f"{kind}/{rank}" for kind in kinds for rank in others]])
        if failed is not None:
            self._fail(failed.decode())
        n, least = len(others), sequence.count
        for rank, text, left, ended in zip(others, found[:n], found[n : 2 * n], found[2 * n :], strict=True):
            count, last = json.loads(text) if text is not None else (0, [])
            self._compare(sequence, rank, count, last)
            least = min(least, count)
            if left is not None or (ended is not None and count < sequence.count):
                self._fail(f"{self._at(sequence)}: rank {rank} has ended")
        return least

    def _compare(self, sequence, rank, count, last):
        first = max(count - len(last), sequence.count - len(sequence.last))
        mine = list(sequence.last)
        for i in range(first, min(count, sequence.count)):
            (own, at), (other, there) = mine[i - sequence.count], last[i - count]
            if own != other:
                self._fail(
                    f"the processes do not run the same collectives: as number {i + 1} of the group {list(sequence.members)}, "
                    f"rank {self.rank} runs {own}{_at_line(at)}, and rank {rank} runs {other}{_at_line(there)}"
                )

    def _at(self, sequence):
        signature, at = sequence.last[-1]
        return f"rank {self.rank} waits in {signature}{_at_line(at)}"

    def _behind(self, sequence):
        """The end of an error message: the members that have not come as far."""
        keys = [f"sequence/{sequence.members}/{rank}" for rank in sequence.members]
        counts = [json.loads(text)[0] if text is not None else 0 for text in self.store.get_many(keys)]
        late = [str(r) for r, n in zip(sequence.members, counts, strict=True) if n < sequence.count]
        return f"; ranks that did not take part: {', '.join(late)}" if late else ""

    def _fail(self, text, cause=None):
        """Tell the others, and raise."""
        self.failed = text
        self.store.compare_set("failed", "", text)
        raise DistBackendError(text) from cause

    def meet(self, group, timeout, wait_all_ranks):
        """Wait by the store, without a collective, until all members of a group have called this.

        Raises:
            RuntimeError: one did not call it in time. Rank 0 of the group names it, or all with `wait_all_ranks`.
        """
        self.check()
        self._meetings[group.ranks] = number = self._meetings.get(group.ranks, 0) + 1
        here = f"meeting/{group.ranks}/{number}"
        self.store.set(f"{here}/{group.rank()}", "1")
        if group.rank() != 0:
            try:
                self.store.wait([f"{here}/all"], timeout)
            except DistError:
                milliseconds = round(timeout.total_seconds() * 1000)
                raise RuntimeError(
                    f"Rank {group.rank()} successfully reached monitoredBarrier, but received errors while waiting for send/recv "
                    f"from rank 0. Please check rank 0 logs for faulty rank. (waited {milliseconds} ms)"
                ) from None
            return
        end, late = time.monotonic() + timeout.total_seconds(), list(range(1, group.size()))
        while late and time.monotonic() < end:
            found = self.store.get_many([f"{here}/{rank}" for rank in late])
            late = [rank for rank, text in zip(late, found, strict=True) if text is None]
            time.sleep(0.005)
        if late:
            named = f"Ranks {', '.join(map(str, late))}" if wait_all_ranks else f"Rank {late[0]}"
            raise RuntimeError(f"{named} failed to pass monitoredBarrier in {round(timeout.total_seconds() * 1000)} ms")
        self.store.set(f"{here}/all", "1")

    # ---- collectives whose results nobody reads

    def recorded(self, trace):
        """Note that a trace holds a collective: it must run even if nobody here reads its result, because other processes wait."""
        self.pending[trace] = trace.position, time.monotonic()

    def _run_what_waits(self):
        while self.failed is None:
            time.sleep(_IDLE / 4)
            for trace, (position, since) in list(self.pending.items()):
                now = trace.pending or trace.position
                if now is not position:
                    self.pending[trace] = now, time.monotonic()
                    if now is trace.root:
                        self.pending.pop(trace, None)
                elif time.monotonic() - since > _IDLE:
                    self.pending.pop(trace, None)
                    try:
                        trace.flush("read")
                    except DistError:
                        return  # whoever reads a result gets it, too
                    except Exception:
                        continue


def _at_line(at):
    return f" at {at[0]}:{at[1]}" if at else ""


def _is_of_transport(error):
    return isinstance(error, ValueError) and "Gloo" in str(error)


def flush_collectives():
    """Run what this thread has recorded, so that no other process waits for it."""
    for trace in list(local.traces.values()):
        trace.flush("read")
