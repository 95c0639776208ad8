"""Attacks, crashes and interrupts, each in a process with limits on time and memory."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import jtorch

pytestmark = pytest.mark.attack
ROOT = Path(jtorch.__file__).parent.parent
PRELUDE = """
    import faulthandler, io, os, resource, signal, sys, time
    import numpy as np
    import jtorch as torch

    faulthandler.enable()

    def peak():
        "The most memory that this process has had, in megabytes."
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
"""


def attacked(script: str, *arguments, seconds: int = 300, megabytes: int | None = None, **environment) -> str:
    """What a script prints in a fresh interpreter. It must exit with 0 within these limits on time and address space."""
    done = run(script, *arguments, seconds=seconds, megabytes=megabytes, **environment)
    assert done.returncode == 0, f"ended with {done.returncode}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return done.stdout


def run(script, *arguments, seconds=300, megabytes=None, **environment):
    """Run a script as `attacked` does; any exit code will do."""

    def limit():
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        if megabytes is not None:
            resource.setrlimit(resource.RLIMIT_AS, (megabytes << 20, megabytes << 20))

    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(PRELUDE) + textwrap.dedent(script), *map(str, arguments)],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT), "JTORCH_CACHE": "0"} | environment,
        timeout=seconds,
        preexec_fn=limit,
    )
