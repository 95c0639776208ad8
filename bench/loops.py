"""`python -m bench.loops`: loops that do not repeat exactly, from the start of Python to the last result.

Each of `bench.loop_programs` runs as a process of its own on one core: under PyTorch, under jtorch with an empty cache (the
first start), under jtorch once more (the second start), and so on in turns. The report is the median over rounds of two
ratios to PyTorch in the same round: of the process's CPU seconds, and of the median step once the loop has settled. On one
core, CPU seconds are what a quiet machine would take; the wall clock would also count the machine's other users.
"""

from __future__ import annotations

import json
import os
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time

from bench import machine
from bench.report import parser, save

TOLERANCE = 1e-3  # relative difference that the results may have
STARTS = ("torch", "first start", "second start")


def measured(library, workload):
    """What one process does: print the seconds of its steps, and its result."""
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    import numpy as np

    from bench.loop_programs import WORKLOADS, Library

    lib = Library(library, time.process_time)
    lib.torch.manual_seed(0)
    random.seed(0)
    np.random.seed(0)
    value = WORKLOADS[workload][1](lib)
    settled = sorted(lib.seconds[len(lib.seconds) // 4 :])
    print(json.dumps({"first_step_s": lib.seconds[0], "step_s": settled[len(settled) // 2], "value": float(value)}))


def process(library, workload, cache):
    """Run one process; its figures and `cpu_s`, the CPU seconds that it took in all."""
    env = os.environ | {
        "JTORCH_CACHE_DIR": cache, "JAX_PLATFORMS": "cpu", "OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore",
    }  # fmt: skip
    env.pop("PYTHONDONTWRITEBYTECODE", None)  # else each start compiles jtorch's source
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, "-m", "bench.loops", "--one", library, workload]
    done = subprocess.run(command, capture_output=True, text=True, env=env, timeout=900)
    if done.returncode:
        raise RuntimeError(f"{workload} under {library}:\n{done.stderr[-2000:]}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    figures = json.loads(done.stdout.splitlines()[-1])
    return figures | {"cpu_s": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime}


def one_round(workload):
    """{start: figures}."""
    with tempfile.TemporaryDirectory() as cache:
        return {start: process("torch" if start == "torch" else "jtorch", workload, cache) for start in STARTS}


def row(workload, rounds):
    """The medians over the rounds, and the ratios to PyTorch."""
    for done in rounds:
        theirs = done["torch"]["value"]
        for start in STARTS[1:]:
            if abs(done[start]["value"] - theirs) > TOLERANCE * max(1, abs(theirs)):
                raise RuntimeError(f"{workload}: {done[start]['value']} in the {start}, {theirs} under PyTorch")
    ratios = {start: [r[start]["cpu_s"] / r["torch"]["cpu_s"] for r in rounds] for start in STARTS[1:]}
    step = [r["second start"]["step_s"] / r["torch"]["step_s"] for r in rounds]
    return {
        "torch_s": statistics.median(r["torch"]["cpu_s"] for r in rounds),
        "torch_step_s": statistics.median(r["torch"]["step_s"] for r in rounds),
        **{start: {"ratio": statistics.median(of), "from": min(of), "to": max(of)} for start, of in ratios.items()},
        "step": {"ratio": statistics.median(step), "from": min(step), "to": max(step)},
    }


def main():
    from bench.loop_programs import WORKLOADS

    arguments = parser("loops", __doc__, rounds=3)
    arguments.add_argument("workloads", nargs="*", default=list(WORKLOADS), help="default: all")
    given = arguments.parse_args()
    report = json.loads(given.json.read_text()) if given.json.exists() else {}
    print(machine.line())
    for name in given.workloads:  # the other rows stay
        made = row(name, [one_round(name) for _ in range(given.rounds)])
        report[name] = {"rounds": given.rounds, "machine": machine.line()} | made
        figures = [f"{what} {made[what]['ratio']:.2f}" for what in (*STARTS[1:], "step")]
        print(f"{name:15} PyTorch {made['torch_s']:6.2f} s; of that: {', '.join(figures)}", flush=True)
    save(report, given.json)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        measured(*sys.argv[2:])
    else:
        main()
