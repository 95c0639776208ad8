"""`torch.multiprocessing.spawn`: run a function in several processes, and raise here what one of them raises."""

from __future__ import annotations

import multiprocessing
import multiprocessing.connection
import os
import pickle
import shutil
import signal
import sys
import tempfile
import time
import traceback
import warnings
import weakref


class ProcessException(Exception):
    """A process has failed.

    Attributes:
        msg: what happened.
        error_index: the number of the process, from 0.
        pid: its id.
    """

    __slots__ = ["error_index", "error_pid"]

    def __init__(self, msg: str, error_index: int, pid: int):
        super().__init__(msg)
        self.msg, self.error_index, self.pid = msg, error_index, pid

    def __reduce__(self):
        return type(self), (self.msg, self.error_index, self.pid)


class ProcessRaisedException(ProcessException):
    """A process has failed by an exception; its traceback is in the message."""

    def __init__(self, msg: str, error_index: int, error_pid: int):
        super().__init__(msg, error_index, error_pid)


class ProcessExitedException(ProcessException):
    """A process has failed by a signal or an exit code."""

    def __init__(self, msg: str, error_index: int, error_pid: int, exit_code: int, signal_name: str | None = None):
        super().__init__(msg, error_index, error_pid)
        self.exit_code, self.signal_name = exit_code, signal_name

    def __reduce__(self):
        return type(self), (self.msg, self.error_index, self.pid, self.exit_code, self.signal_name)


def _call_in_process(fn, number, args, error_file):
    try:
        fn(number, *args)
    except KeyboardInterrupt:
        pass  # the main program has it, too
    except Exception:
        with open(error_file, "wb") as file:
            pickle.dump(traceback.format_exc(), file)
        sys.exit(1)


class ProcessContext:
    """The processes that `start_processes` started."""

    def __init__(self, processes, error_files):
        self.processes, self.error_files = processes, error_files
        self.sentinels = {process.sentinel: index for index, process in enumerate(processes)}

    def pids(self) -> list[int]:
        """The ids of the processes."""
        return [int(process.pid) for process in self.processes]

    def join(self, timeout: float | None = None, grace_period: float | None = None) -> bool:
        """Wait until a process ends. True: all have ended well; False: some still run.

        Args:
            timeout: the most seconds to wait; None: no limit.
            grace_period: how long the others may go on if one has failed, before they are ended.

        Raises:
            ProcessRaisedException, ProcessExitedException: one has failed; the others have been ended.
        """
        if not self.sentinels:
            return True
        failed = None
        for sentinel in multiprocessing.connection.wait(self.sentinels, timeout=timeout):
            index = self.sentinels.pop(sentinel)
            self.processes[index].join()
            if self.processes[index].exitcode != 0:
                failed = index
                break
        if failed is None:
            return not self.sentinels
        self._end(grace_period)
        raise self._error(failed)

    def _end(self, grace_period):
        until = None if grace_period is None else time.monotonic() + grace_period
        for process in self.processes:
            if until is not None:
                process.join(max(0.0, until - time.monotonic()))
        for end in ("terminate", "kill"):
            for process in self.processes:
                if process.is_alive():
                    getattr(process, end)()
                    process.join(30)

    def _error(self, index):
        process, file = self.processes[index], self.error_files[index]
        if os.access(file, os.R_OK) and os.path.getsize(file):
            with open(file, "rb") as opened:
                told = pickle.load(opened)
            message = f"\n\n-- Process {index} terminated with the following error:\n{told}"
            return ProcessRaisedException(message, index, process.pid)
        code = process.exitcode
        if code < 0:
            try:
                name = signal.Signals(-code).name
            except ValueError:
                name = f"<Unknown signal {-code}>"
            message = f"process {index} terminated with signal {name}"
            return ProcessExitedException(message, index, process.pid, code, name)
        return ProcessExitedException(f"process {index} terminated with exit code {code}", index, process.pid, code)


class SpawnContext(ProcessContext):
    """The processes that `spawn(join=False)` started."""


def start_processes(fn, args=(), nprocs=1, join=True, daemon=False, start_method="spawn"):
    """Run `fn(number, *args)` in `nprocs` processes.

    Args:
        fn: a function that the processes can import.
        join: wait for all of them; False: return a ProcessContext.
        daemon: end the processes with this program.
        start_method: "spawn", "fork" or "forkserver". Differs from torch: after a computation "fork" may hang, because
            the threads of JAX are not copied.

    Raises:
        ProcessRaisedException, ProcessExitedException: with `join`, when one of them fails.
    """
    return _start_processes(ProcessContext, fn, args, nprocs, join, daemon, start_method)


def _start_processes(kind, fn, args, nprocs, join, daemon, start_method):
    context = multiprocessing.get_context(start_method)
    folder = tempfile.mkdtemp(prefix="torch-multiprocessing-")
    processes, error_files = [], []
    for number in range(nprocs):
        error_files.append(os.path.join(folder, str(number)))
        process = context.Process(target=_call_in_process, args=(fn, number, args, error_files[-1]), daemon=daemon)
        process.start()
        processes.append(process)
    started = kind(processes, error_files)
    weakref.finalize(started, shutil.rmtree, folder, ignore_errors=True)
    if not join:
        return started
    while not started.join():
        pass
    return None


def spawn(fn, args=(), nprocs=1, join=True, daemon=False, start_method="spawn"):
    """`start_processes` with new Pythons.

    A script that calls it needs `if __name__ == "__main__":`, because each process imports the script.
    """
    if start_method != "spawn":
        warnings.warn(
            f"This method only supports start_method=spawn (got: {start_method}).\n"
            "To use a different start_method use:\n\t\t"
            " torch.multiprocessing.start_processes(...)",
            FutureWarning,
            stacklevel=2,
        )
    return _start_processes(SpawnContext, fn, args, nprocs, join, daemon, "spawn")
