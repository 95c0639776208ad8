"""The process in which test methods run: `python -m tests.upstream.child LIBRARY FILE LIMIT < ids`.

It writes a line of JSON for each test that begins and for each that ends, or, without ids, one for each test that the file has.
"""

import importlib
import json
import os
import resource
import signal
import sys
import time
import traceback
import types
import unittest
import warnings

from tests import torch_tables
from tests.upstream import borrowed

MEMORY = 14 << 30
WAITING = 8  # a test may take so many times its limit by the clock


begun = set()  # classes of tests


class TooLong(BaseException):
    """A test that runs over its limit; no `except Exception` of a test holds it."""


def main(library, file, limit):
    ids = sys.stdin.read().split()
    say = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    sys.stdin = open(os.devnull)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    os.environ |= {"PYTORCH_TESTING_DEVICE_ONLY_FOR": "cpu", "MPLBACKEND": "Agg", "OMP_NUM_THREADS": "1"}
    folder = os.path.dirname(file)
    sys.path[:0] = list(
        dict.fromkeys([folder, os.path.dirname(folder) if os.path.basename(folder) != "test" else folder])
    )
    sys.argv[:] = [file]
    if library == "jtorch":
        borrowed.turn_on()
    torch_tables.without_expecttest()
    borrowed.filled(lambda: importlib.import_module("torch.testing._internal.common_device_type"))
    tests = borrowed.filled(lambda: load(file))
    if not ids:
        for name in tests:
            print(json.dumps({"test": name}), file=say)
    for name in ids:
        print(json.dumps({"begins": name}), file=say)
        begin = time.monotonic()
        outcome, text = run(tests[name], float(limit)) if name in tests else ("failed", "the test is not there")
        print(
            json.dumps({"test": name, "outcome": outcome, "text": text, "seconds": round(time.monotonic() - begin, 2)}),
            file=say,
        )
    say.flush()
    os._exit(0)


def load(file):
    """{name: test case} of a file."""
    name = os.path.basename(file).removesuffix(".py")
    module = types.ModuleType(name)
    module.__file__ = file
    sys.modules[name] = module
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with open(file, encoding="utf-8") as text:
            # The tools of a newer PyTorch derive the classes for each device, where this form would call itself without end.
            exec(compile(text.read().replace("super(self.__class__, self)", "super()"), file, "exec"), vars(module))
    return {
        f"{'.'.join(t.id().split('.')[-2:])}": t for t in _flat(unittest.defaultTestLoader.loadTestsFromModule(module))
    }


def _flat(suite):
    for test in suite:
        yield from _flat(test) if isinstance(test, unittest.TestSuite) else [test]


def run(test, limit):
    """(outcome, text) of a test case."""
    result = unittest.TestResult()
    for kind in (signal.SIGPROF, signal.SIGALRM):
        signal.signal(kind, _stop)
    signal.setitimer(signal.ITIMER_PROF, limit)  # of the processor, so that other programs do not matter
    signal.setitimer(signal.ITIMER_REAL, WAITING * limit)
    try:
        kind = type(test)
        if kind not in begun:
            kind.setUpClass()
            begun.add(kind)
        test(result)
    except TooLong:
        return (
            "failed",
            f"TooLong: it takes more than {limit:g} s of the processor, or waits for {WAITING} times as long",
        )
    except unittest.SkipTest as reason:
        return "skipped", str(reason)
    except BaseException:
        return "failed", traceback.format_exc()[-4000:]
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.setitimer(signal.ITIMER_REAL, 0)
    if result.failures or result.errors:
        return "failed", (result.errors + result.failures)[0][1][-4000:]
    if result.skipped:
        return "skipped", result.skipped[0][1]
    if result.unexpectedSuccesses:
        return "failed", "an unexpected success"
    return "passed", ""


def _stop(signum, frame):
    raise TooLong


if __name__ == "__main__":
    main(*sys.argv[1:])
