"""`python -m bench.step`: what a training step costs under jtorch, hand-written JAX, PyTorch, torch.compile.

Every contestant runs in its own process, all pinned to the same core, and they take turns: in each round each
runs one burst of steps while the others sleep, so other load on the machine slows all of them equally. The
report is the median over rounds of the ratio of one burst to another in the same round. Then all run once more on
all cores, for information. With `--device cuda` they share the GPU in the same way, on all cores: XLA tries kernels
out in parallel while it compiles.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import statistics
import tempfile
import time

from bench import machine, weights
from bench.report import parser, save
from bench.worker import CONTESTANTS, main

BURST_S = 0.2  # how long one burst should take, about
WARM_UP = 3  # steps in the bursts that are not counted
TOLERANCE = 1e-3  # relative difference that the losses of the first steps may have
NOISY_TOLERANCE = 2e-2  # the same where the contestants draw different noise


class Worker:
    """A contestant in its process, as the parent sees it."""

    def __init__(self, contestant, workload, cores, cache, device):
        self.name = contestant
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        environment = {"OMP_NUM_THREADS": str(len(cores)), "JTORCH_CACHE_DIR": cache}
        if device == "cpu":
            environment["JAX_PLATFORMS"] = "cpu"
        else:  # several processes share its memory
            environment["XLA_PYTHON_CLIENT_PREALLOCATE"] = "false"
        self.process = context.Process(
            target=main, args=(theirs, contestant, workload, cores, environment, device), daemon=True
        )
        self.process.start()
        theirs.close()
        try:
            self.first = self.pipe.recv()
        except EOFError:
            self.first = {"error": "the process died"}

    def ask(self, order):
        self.pipe.send(order)
        answer = self.pipe.recv()
        if isinstance(answer, dict) and "error" in answer:
            raise RuntimeError(f"{self.name}: {answer['error']}")
        return answer

    def stop(self):
        if self.process.is_alive() and "error" not in self.first:
            self.pipe.send("stop")
        self.process.join()


def start(contestants, workload, cores, cache, device):
    """Workers that could start; a line for each that could not."""
    workers = []
    for contestant in contestants:
        worker = Worker(contestant, workload, cores, cache, device)
        if "error" in worker.first:
            print(f"  {contestant} cannot run {workload}: {worker.first['error'].strip()}", flush=True)
            worker.stop()
        else:
            workers.append(worker)
    return workers


def burst_length(worker):
    """How many steps take about BURST_S. A first burst compiles: in jtorch, steps whose loss is not read are another program."""
    worker.ask(WARM_UP)
    return max(1, round(BURST_S * WARM_UP / worker.ask(WARM_UP)))


def race(workers, rounds):
    """{contestant: [seconds a step, one for each round]}, the contestants taking turns."""
    lengths = {worker: burst_length(worker) for worker in workers}
    times = {worker.name: [] for worker in workers}
    for turn in range(rounds):
        for worker in workers if turn % 2 == 0 else reversed(workers):
            times[worker.name].append(worker.ask(lengths[worker]) / lengths[worker])
    return times


def measure(workload, contestants, rounds, starts, cores, device):
    """Everything about one workload on these cores and this device, as a JSON-able dict; `rounds` for each start.

    Each contestant is started several times: the addresses of its arrays differ from process to process, which changes
    the time of a step by up to a tenth.
    """
    runs = [once(workload, contestants, rounds, cores, device) for _ in range(starts)]
    names = [name for name in runs[0][0] if all(name in said for said, _ in runs)]
    times = {name: [t for _, times in runs for t in times[name]] for name in names}
    return {name: medians([said[name] for said, _ in runs]) | summary(times, name) for name in names}


def once(workload, contestants, rounds, cores, device):
    """({contestant: its report}, its times) of one process for each contestant."""
    with tempfile.TemporaryDirectory() as cache:
        workers = start(contestants, workload, cores, cache, device)
        check_losses(workload, workers)
        times = race(workers, rounds)
        said = {w.name: w.first | w.ask("memory") for w in workers}
        for worker in workers:
            worker.stop()
        if "jtorch" in said and (len(cores) == 1 or device != "cpu"):
            for again in start(["jtorch"], workload, cores, cache, device):
                said["jtorch"]["second_start"] = again.first
                again.stop()
    return said, times


def medians(said):
    """The reports of several processes of a contestant as one: times as the median, all else from the last process."""
    made = dict(said[-1])
    for key, value in made.items():
        if key.endswith("_s"):
            made[key] = statistics.median(one[key] for one in said)
        elif isinstance(value, dict):
            made[key] = medians([one[key] for one in said if key in one])
    return made


def summary(times, name):
    ratios = {
        other: statistics.median(a / b for a, b in zip(times[name], times[other], strict=True))
        for other in times
        if other != name
    }
    return {"step_ms": 1e3 * statistics.median(times[name]), "ratio_to": ratios, "rounds": len(times[name])}


def check_losses(workload, workers):
    """Warn if the contestants' first losses differ: then they do not do the same work, and no ratio is valid."""
    losses = {worker.name: worker.first["losses"] for worker in workers}
    tolerance = NOISY_TOLERANCE if workload in weights.NOISY else TOLERANCE
    for step, values in enumerate(zip(*losses.values(), strict=True)):
        if max(values) - min(values) > tolerance * max(map(abs, values)):
            shown = dict(zip(losses, values, strict=True))
            print(f"  WARNING: {workload}: losses differ at step {step + 1}: {shown}")


def print_table(title, results):
    """One row for each workload and contestant: milliseconds, ratios, first step, memory."""
    print(f"\n{title}")
    others = [c for c in CONTESTANTS if any(c in r for r in results.values())]
    heads = "".join(f"{'÷ ' + c:>16}" for c in others)
    tail = f"{'first step s':>14}{'program MB':>12}{'RSS MB':>9}"
    print(f"{'workload':<10}{'contestant':<15}{'ms a step':>11}{heads}{tail}")
    for workload, contestants in results.items():
        for name, row in contestants.items():
            known = row["ratio_to"]
            ratios = "".join(f"{known[c]:>16.3f}" if c in known else f"{'':>16}" for c in others)
            memory = f"{row['program_bytes'] / 1e6:.2f}" if row["program_bytes"] else ""
            print(
                f"{workload:<10}{name:<15}{row['step_ms']:>11.4f}{ratios}{row['first_step_s']:>14.2f}"
                f"{memory:>12}{row['peak_rss_bytes'] / 1e6:>9.0f}"
            )
    for workload, contestants in results.items():
        print_starts(workload, contestants)


def print_starts(workload, contestants):
    """What a first and a second start of the script cost until the first step is done."""
    ours, limit = contestants.get("jtorch"), contestants.get("jax")
    if not ours or "second_start" not in ours:
        return
    first, second, step = ours["first_step_s"], ours["second_start"]["first_step_s"], ours["step_ms"] / 1e3
    text = f"{workload}: first step {first:.2f} s, with the disk cache {second:.2f} s ({second / first:.2f} of it"
    text += f"; {(second - step) / (first - step):.2f} without the step itself)"
    if limit:
        text += f"; ÷ hand-written {ours['first_step_s'] / limit['first_step_s']:.2f}"
        if ours["program_bytes"]:
            text += f"; program memory ÷ hand-written {ours['program_bytes'] / limit['program_bytes']:.2f}"
    print(text)


def run(arguments):
    allowed = sorted(os.sched_getaffinity(0))
    stamp = {"machine": machine.line(), "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())}
    print(stamp["machine"], flush=True)
    if arguments.device == "cpu":
        layouts = [("one core", {allowed[-1]})] + ([] if arguments.one_core else [("all cores", set(allowed))])
    else:
        layouts = [("one GPU", set(allowed))]
        stamp["machine"] += f"; {machine.gpu()}"
    report = json.loads(arguments.json.read_text()) if arguments.json.exists() else {}
    for name, cores in layouts:
        rounds = max(3, arguments.rounds // (3 if name == "all cores" else 1) // arguments.starts)
        measured = {}
        for workload in arguments.workloads:
            measured[workload] = measure(
                workload, arguments.contestants, rounds, arguments.starts, cores, arguments.device
            )
            report.setdefault(name, {})[workload] = measured[workload] | stamp  # other contestants' figures stay
            save(report, arguments.json)
        print_table(
            f"{name} ({len(cores)}), median of {rounds * arguments.starts} rounds in {arguments.starts} processes each",
            measured,
        )


def parse():
    made = parser("step", __doc__, rounds=15, meaning="turns that each contestant gets")
    made.add_argument("--starts", type=int, default=3, help="processes of each contestant that share the turns")
    made.add_argument("--workloads", nargs="+", choices=weights.WORKLOADS, default=list(weights.WORKLOADS))
    made.add_argument("--contestants", nargs="+", choices=CONTESTANTS, default=list(CONTESTANTS))
    made.add_argument("--device", choices=("cpu", "cuda"), default="cpu", help="where the workloads train")
    made.add_argument("--one-core", action="store_true", help="leave out the run on all cores")
    return made.parse_args()


if __name__ == "__main__":
    run(parse())
