"""`torch.distributed.elastic.multiprocessing.errors`: how the launcher learns of the error of a process."""

from __future__ import annotations

import functools
import json
import os
import signal
import sys
import time
import traceback
from dataclasses import dataclass, field
from pathlib import Path

from jtorch.core.facts import config

__all__ = ["ChildFailedError", "ErrorHandler", "ProcessFailure", "get_error_handler", "record"]


class ErrorHandler:
    """Writes the exception of this process to the file that TORCHELASTIC_ERROR_FILE names."""

    def initialize(self) -> None:
        """Has no effect: nothing needs to be prepared."""

    def record_exception(self, e: BaseException) -> None:
        """Write an exception to the file, as JSON."""
        path = config.variable("TORCHELASTIC_ERROR_FILE")
        text = "".join(traceback.format_exception(e))
        told = {
            "message": {
                "message": f"{type(e).__name__}: {e}",
                "extraInfo": {"py_callstack": text, "timestamp": str(int(time.time()))},
            }
        }
        if path:
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            Path(path).write_text(json.dumps(told))
        else:
            print(text, file=sys.stderr)


def get_error_handler() -> ErrorHandler:
    return ErrorHandler()


def record(fn, error_handler=None):
    """Write the exception of `fn` to the error file of this process, and raise it again. For the main function of a script.

    >>> from jtorch.distributed.elastic.multiprocessing.errors import record
    >>> @record
    ... def main():
    ...     return 0
    >>> main()
    0
    """
    handler = error_handler or get_error_handler()

    @functools.wraps(fn)
    def recorded(*args, **kwargs):
        handler.initialize()
        try:
            return fn(*args, **kwargs)
        except SystemExit as end:
            if end.code == 0:
                raise
            handler.record_exception(end)
            raise
        except ChildFailedError:
            raise
        except Exception as error:
            handler.record_exception(error)
            raise

    return recorded


@dataclass
class ProcessFailure:
    """How a process failed: its exit code, negative for a signal, and the error that it wrote."""

    local_rank: int
    pid: int
    exitcode: int
    error_file: str
    error_file_data: dict = field(init=False)
    message: str = field(init=False)
    timestamp: int = field(init=False)

    def __post_init__(self):
        self.error_file_data, self.timestamp = {}, int(time.time())
        if self.error_file and os.path.isfile(self.error_file):
            self.error_file_data = json.loads(Path(self.error_file).read_text())
            told = self.error_file_data["message"]["extraInfo"]
            self.message, self.timestamp = told["py_callstack"], int(told["timestamp"])
        elif self.exitcode < 0:
            self.message = f"Signal {-self.exitcode} ({self.signal_name()}) received by PID {self.pid}"
        else:
            self.message = "To enable traceback see: https://pytorch.org/docs/stable/elastic/errors.html"

    def signal_name(self) -> str:
        """The name of the signal that ended the process, or <N/A>."""
        try:
            return signal.Signals(-self.exitcode).name if self.exitcode < 0 else "<N/A>"
        except ValueError:
            return "<Unknown>"

    def timestamp_isoformat(self) -> str:
        return time.strftime("%Y-%m-%d_%H:%M:%S", time.localtime(self.timestamp))


class ChildFailedError(Exception):
    """Processes that were started have failed; the message names the one that failed first."""

    def __init__(self, name, failures):
        self.name = name
        self.failures = failures
        super().__init__(self.format_msg())

    def get_first_failure(self):
        """The (rank, failure) of the process that failed first. Of several in one second, one that wrote its error comes first."""
        rank = min(self.failures, key=lambda r: (self.failures[r].timestamp, not self.failures[r].error_file_data))
        return rank, self.failures[rank]

    def format_msg(self, boarder_delim="=", section_delim="-"):
        rank, first = self.get_first_failure()
        others = [self._described(i, r, f) for i, (r, f) in enumerate(self.failures.items()) if r != rank]
        rows = [
            f"{self.name} FAILED",
            section_delim * 60,
            "Failures:",
            *(others or ["  <NO_OTHER_FAILURES>"]),
            section_delim * 60,
            "Root Cause (first observed failure):",
            self._described(0, rank, first),
        ]
        return "\n".join(["", boarder_delim * 60, *rows, boarder_delim * 60])

    @staticmethod
    def _described(i, rank, failure):
        return (
            f"[{i}]:\n  time      : {failure.timestamp_isoformat()}\n  rank      : {rank} (local_rank: {failure.local_rank})\n"
            f"  exitcode  : {failure.exitcode} (pid: {failure.pid})\n  error_file: {failure.error_file or '<N/A>'}\n"
            f"  traceback : {failure.message}"
        )
