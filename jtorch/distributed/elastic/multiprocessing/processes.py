"""The processes of one host: started, watched and ended together."""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from jtorch.core.facts import config
from jtorch.distributed.elastic.multiprocessing.errors import ProcessFailure

_GRACE = 10.0  # seconds between asking a process to end and ending it
_HEARD = 1.0  # seconds that the other processes have to report why they failed


class Stopped(Exception):
    """The launcher was asked to end by a signal."""

    def __init__(self, number):
        super().__init__(f"signal {number}")
        self.signal = number


def _ends_with_parent():
    """In a new process: end when the launcher does, however that ends."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)


class Processes:
    """Processes that run one command, each with environment variables of its own.

    Args:
        command: the command, as a list.
        variables: for each process, {variable: value} to add to the environment.
        args: torchrun's options about output.
    """

    def __init__(self, command, variables, args):
        self.variables, self.args = variables, args
        self.folder = Path(args.log_dir or tempfile.mkdtemp(prefix="jtorch_"))
        self.is_temporary = args.log_dir is None
        self.started, self.threads, self.errors = [], [], []
        shown = {int(rank) for rank in args.local_ranks_filter.split(",") if rank}
        for i, own in enumerate(variables):
            folder = self.folder / str(i)
            folder.mkdir(parents=True, exist_ok=True)
            self.errors.append(str(folder / "error.json"))
            Path(self.errors[i]).unlink(missing_ok=True)
            environment = {"TORCHELASTIC_ERROR_FILE": self.errors[i], **{k: str(v) for k, v in own.items()}}
            self._start(command, environment, i, folder, not shown or i in shown)

    def _start(self, command, environment, i, folder, is_shown):
        made = subprocess.Popen(
            command,
            env=config.environment_with(environment),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            preexec_fn=_ends_with_parent,
        )
        self.started.append(made)
        for number, stream, to in ((1, made.stdout, sys.stdout), (2, made.stderr, sys.stderr)):
            to_file = self._asks(self.args.redirects, i, number) or self._asks(self.args.tee, i, number)
            to_console = is_shown and not (
                self._asks(self.args.redirects, i, number) and not self._asks(self.args.tee, i, number)
            )
            file = open(folder / f"std{'out' if number == 1 else 'err'}.log", "wb") if to_file else None
            prefix = f"[{self.args.role}{i}]:" if self._asks(self.args.tee, i, number) else ""
            thread = threading.Thread(
                target=_copy, args=(stream, to if to_console else None, file, prefix), daemon=True
            )
            thread.start()
            self.threads.append(thread)

    @staticmethod
    def _asks(option, i, number):
        """Whether an option such as "3" or "0:1,1:2" names this stream of this process."""
        if ":" in option:
            option = dict(part.split(":") for part in option.split(",")).get(str(i), "0")
        return bool(int(option) & number)

    def wait(self, others_failed) -> dict:
        """Wait for all processes; when one fails, end the others. Returns {rank: failure}. Raises Stopped after a signal."""
        before = {
            number: signal.signal(number, self._stop) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
        }
        try:
            return self._watched(others_failed)
        finally:
            self.end()
            for thread in self.threads:
                thread.join(5)
            for number, handler in before.items():
                signal.signal(number, handler)
            if self.is_temporary:
                shutil.rmtree(self.folder, ignore_errors=True)

    @staticmethod
    def _stop(number, frame):
        raise Stopped(number)

    def _watched(self, others_failed):
        while True:
            codes = [p.poll() for p in self.started]
            if any(codes) or others_failed():
                break
            if None not in codes:
                return {}
            time.sleep(self.args.monitor_interval)
        failed = {i: code for i, code in enumerate(codes) if code}
        end = time.monotonic() + _HEARD
        while None in [p.poll() for p in self.started] and time.monotonic() < end:
            time.sleep(0.02)
        self.end()
        return self.failures(failed or {0: 1})

    def failures(self, codes) -> dict:
        """{rank: failure} for {local rank: exit code}."""
        return {
            self.variables[i]["RANK"]: ProcessFailure(i, self.started[i].pid, code, self.errors[i])
            for i, code in codes.items()
        }

    def end(self):
        """End all processes, and those that they have started."""
        self._signal(signal.SIGTERM)
        end = time.monotonic() + _GRACE
        while None in [p.poll() for p in self.started] and time.monotonic() < end:
            time.sleep(0.02)
        self._signal(signal.SIGKILL)
        for process in self.started:
            process.wait()

    def _signal(self, number):
        for process in self.started:
            if process.poll() is None or number == signal.SIGKILL:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(process.pid, number)


def _copy(stream, to, file, prefix):
    """Copy the output of a process line by line."""
    for line in stream:
        if file is not None:
            file.write(line)
            file.flush()
        if to is not None:
            text = line.decode(errors="replace")
            to.write(prefix + text if text.endswith("\n") else f"{prefix}{text}\n")
            to.flush()
    if file is not None:
        file.close()
