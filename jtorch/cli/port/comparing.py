"""Runs a program for some training steps under PyTorch and under jtorch, and compares the numbers that it prints."""

from __future__ import annotations

import importlib.metadata
import math
import re
import subprocess
import sys

from jtorch.cli.hook import environment

TOLERANCE = 1e-3
NUMBER = re.compile(r"(?<![\w.])[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?(?![\w.]*\w)")
# What a clock says: a number after such a word, or before such a unit.
CLOCK = re.compile(
    r"""\b\d+:\d\d(:\d\d)?(\.\d+)?\b
    | (?<=dt)\W*[-+\d.e]+
    | \b(\w*time|elapsed|duration|eta|took|takes?|throughput|mfu|speed|m?s/\w+)\b[^\d\n]{0,16}[-+]?\d[\d.]*(e[-+]?\d+)?
    | [-+]?\d[\d.]*(e[-+]?\d+)?\s*(ns|us|µs|ms|s|secs?|seconds?|m|mins?|minutes?|hours?|\w*/\s?(s|secs?|seconds?))(?![\w.])""",
    re.IGNORECASE | re.VERBOSE,
)
# Ends the program after some steps of an optimizer, and when it waits for one that never comes.
PRELUDE = """
import runpy, sys
sys.argv[:] = sys.argv[1:]
steps, program = int(sys.argv.pop(0)), sys.argv[0]
sys.path[0] = __import__("os").path.dirname(__import__("os").path.abspath(program))
from torch.optim.optimizer import register_optimizer_step_post_hook
taken = 0
def count(*_):
    global taken
    taken += 1
    if taken >= steps:
        sys.stdout.flush()
        raise SystemExit(0)
register_optimizer_step_post_hook(count)
runpy.run_path(program, run_name="__main__")
"""


def compared(file: str, steps: int, arguments=(), limit: int = 600) -> tuple[str, str]:
    """(code, message): J400 if the printed numbers agree, J401 if they differ, J402 if one of the runs fails, J403 without
    PyTorch. What a clock says is left out."""
    if not any(found.files is not None for found in importlib.metadata.distributions(name="torch")):
        return "J403", "PyTorch is not installed: nothing to compare with"
    printed = []
    for name, variables in (("PyTorch", environment(False)), ("jtorch", environment())):
        try:
            done = subprocess.run(
                [sys.executable, "-c", PRELUDE, str(steps), file, *arguments],
                env=variables,
                capture_output=True,
                text=True,
                timeout=limit,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return "J402", f"takes more than {limit} s under {name}"
        if done.returncode:
            last = done.stderr.strip().splitlines()[-1:] or [f"exit code {done.returncode}"]
            return "J402", f"fails under {name}: {last[0]}"
        printed.append(done.stdout)
    return agreement(*printed)


def agreement(theirs: str, mine: str, tolerance: float = TOLERANCE) -> tuple[str, str]:
    """(code, message) for what PyTorch and jtorch have printed."""
    first, second = (CLOCK.sub("", text).splitlines() for text in (theirs, mine))
    count = 0
    for left, right in zip(first, second, strict=False):
        numbers = [*map(float, NUMBER.findall(left))], [*map(float, NUMBER.findall(right))]
        near = len(numbers[0]) == len(numbers[1]) and all(
            math.isclose(a, b, rel_tol=tolerance, abs_tol=tolerance) for a, b in zip(*numbers, strict=True)
        )
        if not near or NUMBER.sub("", left) != NUMBER.sub("", right):
            return "J401", f"prints {right!r} where PyTorch prints {left!r}"
        count += len(numbers[0])
    if len(first) != len(second):
        return "J401", f"prints {len(second)} lines, PyTorch {len(first)}"
    return "J400", f"{count} printed numbers agree with PyTorch's within {tolerance}"
