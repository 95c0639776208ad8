"""Runs pytest on a library's own tests: `python suite_child.py LIBRARY RESULTS LIMIT ARGUMENT ...` in the checkout's folder.

LIBRARY is "torch" or "jtorch". RESULTS gets a line of JSON for each test as soon as it ends, so that a crash keeps the rest.
"""

import contextlib
import json
import signal
import sys

WAITING = 8  # a test may take so many times its limit by the clock


class TooLong(BaseException):
    """A test that runs over its limit; no `except Exception` of a test holds it."""


class Recorder:
    """A plugin for pytest that writes what came of each test and ends one that takes too long."""

    def __init__(self, path, limit):
        self.file = open(path, "a", buffering=1)
        self.limit = limit
        self.bad = {}

    def pytest_runtest_logreport(self, report):
        if report.outcome != "passed":
            text = str(report.longrepr).strip()
            crash = getattr(report.longrepr, "reprcrash", None)
            why = (crash.message if crash else text).partition("\n")[0]
            self.bad.setdefault(report.nodeid, (report.outcome, why, text[-4000:]))
        if report.when == "teardown":
            outcome, why, text = self.bad.pop(report.nodeid, ("passed", "", ""))
            if hasattr(report, "wasxfail"):
                outcome = "skipped"
            print(json.dumps({"test": report.nodeid, "outcome": outcome, "why": why, "text": text}), file=self.file)

    def pytest_runtest_setup(self, item):
        signal.setitimer(signal.ITIMER_PROF, self.limit)  # of the processor, so that other programs do not matter
        signal.setitimer(signal.ITIMER_REAL, WAITING * self.limit)

    def pytest_runtest_teardown(self, item):
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.setitimer(signal.ITIMER_REAL, 0)


def _stop(signum, frame):
    raise TooLong


def _names_for_torchvision():
    """torchvision built for GPUs does not load beside a PyTorch without them: it misses the names of two operations."""
    import torch

    library = torch.library.Library("torchvision", "FRAGMENT")
    for name in ("nms", "qnms"):
        with contextlib.suppress(RuntimeError):
            library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    return library


def main(library, results, limit, *arguments):
    import pytest

    for kind in (signal.SIGPROF, signal.SIGALRM):
        signal.signal(kind, _stop)
    sys.path.pop(0)
    sys.argv[1:] = arguments  # some suites look for their options there
    kept = _names_for_torchvision() if library == "torch" else None
    hook = ["-p", "jtorch.as_torch"] if library == "jtorch" else []
    # A library's settings ask for coverage or for doctests, which are of no use here.
    options = ["-q", "-p", "no:cacheprovider", "-o", "addopts=", "--continue-on-collection-errors"]
    pytest.main([*hook, *options, *arguments], plugins=[Recorder(results, float(limit))])
    del kept


if __name__ == "__main__":
    main(*sys.argv[1:])
