"""Starts the processes of a program and ends them at a time limit, so a hang fails one test and does not block the run."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from typing import NamedTuple

from tests import ROOT


class Ended(NamedTuple):
    """How a process ended: its exit code (negative: a signal), and what it printed."""

    code: int
    out: str
    err: str


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return listening.getsockname()[1]


def start(command, rank, size, port, **variables):
    """Start one process of a program, with the environment of `env://`."""
    environment = os.environ | {
        "RANK": str(rank),
        "LOCAL_RANK": str(rank),
        "WORLD_SIZE": str(size),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        "PYTHONPATH": str(ROOT),
        "JAX_PLATFORMS": "cpu",
        "OMP_NUM_THREADS": "1",
        **variables,
    }
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen([sys.executable, *map(str, command)], env=environment, start_new_session=True, **pipes)


def kill(process):
    """End a process and all processes that it has started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def finish(processes, seconds):
    """Wait for all processes up to the limit, then end those that still run. Returns an `Ended` for each."""
    end, ended = time.monotonic() + seconds, []
    try:
        for process in processes:
            try:
                out, err = process.communicate(timeout=max(end - time.monotonic(), 0.1))
            except subprocess.TimeoutExpired:
                kill(process)
                out, err = process.communicate()
                err += f"\nended after {seconds} s"
            ended.append(Ended(process.returncode, out, err))
    finally:
        for process in processes:
            kill(process)
    return ended


def run(command, size=2, seconds=120, **variables):
    """Run a program in `size` processes. Returns an `Ended` for each."""
    port = free_port()
    return finish([start(command, rank, size, port, **variables) for rank in range(size)], seconds)


def check(ended):
    """Hold that all processes exited with 0."""
    for rank, one in enumerate(ended):
        assert one.code == 0, f"rank {rank} ended with {one.code}:\n{one.out}\n{one.err}"
    return ended
