"""Runs test methods in processes of their own: a crash or a hang fails the one test, and the rest goes on."""

import json
import os
import queue
import subprocess
import sys
import threading
from pathlib import Path

from tests import ROOT

FILES = ["test_torch", "test_autograd", "test_nn", "test_indexing", "test_view_ops", "test_linalg",
         "distributions/test_distributions", "test_optim"]  # fmt: skip
LIMIT = 60  # seconds of the processor for a test
EACH = 250  # tests that one process runs


def source():
    """The folder `test` of the checkout of PyTorch that PYTORCH_SOURCE names; None without one."""
    named = os.environ.get("PYTORCH_SOURCE")
    folder = Path(named, "test") if named else None
    return folder if folder is not None and (folder / "test_torch.py").exists() else None


def collected(library, file):
    """The names of all tests of a file."""
    lines, errors = [], []
    for line in _lines(_start(library, file, LIMIT, errors), "", 300):
        lines.append(json.loads(line)["test"])
    if not lines:
        raise RuntimeError(f"{file} does not load under {library}:\n" + "".join(errors)[-3000:])
    return lines


def run(library, file, names, limit=LIMIT, each=EACH):
    """Yields {"test", "outcome", "text", "seconds"} for each of the tests."""
    left = list(names)
    while left:
        part, begun, errors = left[:each], None, []
        for line in _lines(_start(library, file, limit, errors), "\n".join(part), 60 + 10 * limit):
            said = json.loads(line)
            begun = said.get("begins")
            if "outcome" in said:
                left.remove(said["test"])
                yield said
        if begun is not None or left[: len(part)] == part:
            lost = begun or part[0]
            left.remove(lost)
            yield {
                "test": lost,
                "outcome": "failed",
                "text": "the process ended: " + "".join(errors)[-1500:],
                "seconds": 0,
            }


def _start(library, file, limit, errors):
    variables = dict(
        os.environ,
        JTORCH_CACHE="0",
        JAX_PLATFORMS="cpu",
        OMP_NUM_THREADS="1",
        PYTHONHASHSEED="0",
        PYTORCH_PRINT_REPRO_ON_FAILURE="0",
    )
    variables["PYTHONPATH"] = str(ROOT)
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-m", "tests.upstream.child", library, str(source() / f"{file}.py"), str(limit)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=variables, cwd=ROOT,
        errors="replace",
    )  # fmt: skip
    process.reader = threading.Thread(target=lambda: errors.extend(_last(process.stderr)), daemon=True)
    process.reader.start()
    return process


def _last(stream, count=60):
    """The last lines of a stream."""
    kept = []
    for line in stream:
        kept = [*kept[1 - count :], line]
    return kept


def _lines(process, given, patience):
    """The lines of a process, which ends when none comes for so many seconds."""
    lines = queue.SimpleQueue()

    def read():
        for line in process.stdout:
            lines.put(line)
        lines.put(None)

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    try:
        process.stdin.write(given)
        process.stdin.close()
        while (line := lines.get(timeout=patience)) is not None:
            yield line
    except (queue.Empty, BrokenPipeError):
        pass
    finally:
        process.kill()
        process.wait()
        for thread, stream in ((reader, process.stdout), (process.reader, process.stderr)):
            thread.join(5)
            stream.close()


def measure(library, folder, files=FILES, again=False, first=False):
    """Runs what the results in `folder` do not hold yet, or with `again` what failed, and adds to them.

    first: of the variants of a test for several dtypes or devices, one.
    """
    Path(folder).mkdir(parents=True, exist_ok=True)
    for file in files:
        held = results(folder, library, file)
        asked = expected(folder, file) if library == "jtorch" else collected(library, file)
        todo = [name for name in asked if name not in held]
        if first:
            done = {_method(name) for name in held}
            todo = list({_method(name): name for name in reversed(todo) if _method(name) not in done}.values())[::-1]
        if again:
            todo = [name for name, said in held.items() if said["outcome"] != "passed"]
        with _path(folder, library, file).open("a") as out:
            for said in run(library, file, todo):
                print(json.dumps(said), file=out, flush=True)


def _method(name):
    return name.partition("_cpu")[0]


def expected(folder, file):
    """The tests of a file that the installed PyTorch itself passes: what jtorch is asked."""
    return [name for name, said in results(folder, "torch", file).items() if said["outcome"] == "passed"]


def results(folder, library, file):
    """{name: the newest result} of a file."""
    path = _path(folder, library, file)
    lines = path.read_text().splitlines() if path.exists() else []
    return {said["test"]: said for said in map(json.loads, lines)}


def _path(folder, library, file):
    return Path(folder) / f"{library}.{Path(file).name}.jsonl"
