"""The workers of one loader, as the main program uses them: it sends requests and receives answers.

`ProcessPool` is as in PyTorch: each worker is a process with its own copy of the data set and its own random numbers.
`ThreadPool` is used if the data set cannot be sent to another process (an open file, a lock, ...).
"""

from __future__ import annotations

import contextlib
import copy
import os
import queue
import random
import signal
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from multiprocessing import connection
from typing import Any

import numpy as np

from jtorch.utils.data._utils import messages
from jtorch.utils.data._utils.server import process_state, server
from jtorch.utils.data._utils.worker import Job, Worker

# Unanswered requests of one worker. Each is short, and so is its answer (a long one is sent as a file),
# so this many never fill a socket: neither side waits for the other to read.
WINDOW = 8


class CannotLeaveError(Exception):
    """The job cannot be sent to another process. The message says why."""


class ProcessPool:
    """Workers that are processes.

    Raises:
        CannotLeaveError: the job cannot be sent to them.
    """

    def __init__(self, job: Job):
        self.sockets: list[socket.socket | None] = []
        self.processes: list[WorkerProcess] = []
        self.waiting = [deque() for _ in range(job.num_workers)]
        self.unanswered = [0] * job.num_workers
        try:
            with messages.Message(job, by_value=True) as packed:
                for number in range(job.num_workers):
                    ours, pid = server().fork()
                    self.sockets.append(ours)
                    self.processes.append(WorkerProcess(pid))
                    messages.send((number, process_state()), ours)
                    packed.send(ours)
            refusals = [messages.receive(own) for own in self.sockets]
        except Exception as error:
            self.close()
            raise CannotLeaveError(f"{type(error).__name__}: {error}") from error
        except BaseException:  # Ctrl-C
            self.close()
            raise
        if any(refusals):
            self.close()
            raise CannotLeaveError(next(filter(None, refusals)))

    def give(self, worker: int, request: tuple[int, Any]) -> None:
        """Send a request: (number, sample numbers)."""
        self.waiting[worker].append(request)
        self._send_waiting(worker)

    def begin(self) -> None:
        """Make all workers start the data set again. Answers that are still on their way are dropped."""
        for worker in range(len(self.sockets)):
            self.waiting[worker].clear()
            self._send(worker, None)
        for worker in range(len(self.sockets)):
            while self.take(worker, None) is not None:
                pass
            self.unanswered[worker] = 0

    def _send_waiting(self, worker: int) -> None:
        """Send waiting requests, as long as few are unanswered."""
        waiting = self.waiting[worker]
        while waiting and self.unanswered[worker] < WINDOW:
            self.unanswered[worker] += 1
            self._send(worker, waiting.popleft())

    def _send(self, worker: int, message: tuple[int, Any] | None) -> None:
        try:
            messages.send(message, self.sockets[worker])
        except ConnectionError:
            pass  # it died, which the next `take` reports

    def take(self, worker: int | None, timeout: float | None) -> tuple[int, Any] | None:
        """The next answer, (number, batch), of a worker; of any worker if it is None. The answer to `begin` is None.

        Raises:
            TimeoutError: no answer within `timeout` seconds.
            RuntimeError: the worker died.
        """
        open_sockets = [d for d in self.sockets if d is not None] if worker is None else [self.sockets[worker]]
        ready = connection.wait(open_sockets, timeout)
        if not ready:
            raise TimeoutError
        worker = self.sockets.index(ready[0])
        self.unanswered[worker] -= 1
        try:
            answer = messages.receive(ready[0])
        except (EOFError, ConnectionError):
            pid = self.processes[worker].pid
            self.close()
            raise RuntimeError(f"DataLoader worker (pid(s) {pid}) exited unexpectedly") from None
        except KeyboardInterrupt:  # a part of an answer may be read
            self.close()
            raise
        self._send_waiting(worker)
        return answer

    def dismiss(self, worker: int) -> None:
        """End one worker, which has no more batches."""
        if self.sockets[worker] is not None:
            self.sockets[worker].close()
            self.sockets[worker] = None

    @property
    def closed(self) -> bool:
        """Whether all workers were ended."""
        return not any(self.sockets)

    def close(self) -> None:
        """End all workers and wait until they have ended. They end when they find their socket closed.

        Those that are still at a batch after five seconds are killed, as in PyTorch.
        """
        for worker in range(len(self.sockets)):
            self.dismiss(worker)
        end = time.monotonic() + PATIENCE
        while self.processes:
            self.processes[-1].end(max(0.0, end - time.monotonic()))
            self.processes.pop()


PATIENCE = 5.0  # seconds


class WorkerProcess:
    """A process that is not a child of this one: whether it has ended."""

    def __init__(self, pid: int):
        self.pid = pid
        self.owner = os.getpid()
        self.descriptor = None
        with contextlib.suppress(OSError, AttributeError):  # Linux; None if it has ended
            self.descriptor = os.pidfd_open(pid)

    def end(self, patience: float) -> None:
        """Wait so many seconds until the process has ended, then kill it. Does nothing in a fork of the main program."""
        if self.descriptor is None:
            return
        try:
            if self.owner == os.getpid() and not self._ended(patience):
                signal.pidfd_send_signal(self.descriptor, signal.SIGKILL)
                self._ended(1.0)
        finally:
            os.close(self.descriptor)
            self.descriptor = None

    def _ended(self, patience: float) -> bool:
        return bool(connection.wait([self.descriptor], patience))


class ThreadPool:
    """Workers that are threads of this process.

    Each works on a shallow copy of the data set, so that the attributes that `worker_init_fn` sets are its own. Objects
    inside the data set are shared, and so are the random states of the process.
    """

    def __init__(self, job: Job):
        self.inboxes = [queue.SimpleQueue() for _ in range(job.num_workers)]
        self.outbox: queue.SimpleQueue = queue.SimpleQueue()
        self.unread = [deque() for _ in range(job.num_workers)]
        for number, inbox in enumerate(self.inboxes):
            own = copy.copy(job)
            own.dataset = copied(job.dataset)
            own.worker_init_fn = job.worker_init_fn and keeping_random_states(job.worker_init_fn)
            thread = threading.Thread(target=work_in_thread, args=(own, number, inbox, self.outbox), daemon=True)
            thread.start()

    def give(self, worker: int, request: tuple[int, Any]) -> None:
        """Send a request: (number, sample numbers)."""
        self.inboxes[worker].put(request)

    def begin(self) -> None:
        """Make all workers start the data set again. Answers that are still on their way are dropped."""
        for worker, inbox in enumerate(self.inboxes):
            inbox.put(None)
            while self.take(worker, None) is not None:
                pass

    def take(self, worker: int | None, timeout: float | None) -> tuple[int, Any] | None:
        """The next answer, (number, batch), of a worker; of any worker if it is None. The answer to `begin` is None.

        Raises:
            TimeoutError: no answer within `timeout` seconds.
        """
        mine = self.unread if worker is None else [self.unread[worker]]
        while not any(mine):
            try:
                sender, answer = self.outbox.get(timeout=timeout)
            except queue.Empty:
                raise TimeoutError from None
            self.unread[sender].append(answer)
        return next(filter(None, mine)).popleft()

    def dismiss(self, worker: int) -> None:
        """End one worker, which has no more batches."""
        self.inboxes[worker].put(STOP)

    def close(self) -> None:
        """End all workers, without waiting. They stop after their current batch."""
        for worker in range(len(self.inboxes)):
            self.dismiss(worker)

    closed = False  # threads stay until the program ends


STOP = object()


def work_in_thread(job: Job, number: int, inbox: queue.SimpleQueue, outbox: queue.SimpleQueue) -> None:
    worker = Worker(job, number, in_thread=True)
    for message in iter(inbox.get, STOP):
        for answer in worker.answers(message):
            outbox.put((number, answer))


def copied(dataset: Any) -> Any:
    try:
        return copy.copy(dataset)
    except Exception:
        return dataset


def keeping_random_states(function: Callable) -> Callable:
    """The function, made to restore the random states afterwards: a worker's seeds must not change the program's."""

    def kept(*args):
        states = random.getstate(), np.random.get_state()
        try:
            return function(*args)
        finally:
            random.setstate(states[0])
            np.random.set_state(states[1])

    return kept


def pool_for(job: Job) -> tuple[ProcessPool | ThreadPool, str | None]:
    """(processes, None) for a job; (threads, the reason) if it cannot be sent to processes."""
    try:
        return ProcessPool(job), None
    except CannotLeaveError as reason:
        return ThreadPool(job), str(reason)
